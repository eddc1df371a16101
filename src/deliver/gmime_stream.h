// A GMimeStream over several pieces of memory, without copying them. GMimeStreamCat does not
// qualify: its substreams do not tell their offset in the whole.
#pragma once

#include <string_view>
#include <vector>

#include <gmime/gmime.h>

namespace postern::deliver::gmime {

/// The type of the streams made here.
GType piece_stream_type();

/// A stream over `pieces` in order; the caller unrefs it. The octets must outlive the stream and
/// its substreams.
GMimeStream* new_piece_stream(const std::vector<std::string_view>& pieces);

/// The octets of a stream made here or of its substream; empty if they span several pieces.
std::string_view octets_of(const GMimeStream* stream);

}  // namespace postern::deliver::gmime
