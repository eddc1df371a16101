// A GMimeStream that reads pieces of memory one behind the other, where they are. GMime's own
// GMimeStreamCat would do, but its substreams do not tell where in the whole they are.
#pragma once

#include <string_view>
#include <vector>

#include <gmime/gmime.h>

namespace postern::deliver::gmime {

/// The pieces and their octets must outlive the stream and all its substreams.
GMimeStream* new_piece_stream(const std::vector<std::string_view>& pieces);

/// The octets of `stream`, one of these or a substream; empty when they are not in one piece.
std::string_view octets_of(const GMimeStream* stream);

}  // namespace postern::deliver::gmime
