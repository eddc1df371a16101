#pragma once

#include <string_view>

namespace postern::dns {

/// Whether a record type of that name exists (IANA's list, or `TYPE65280` as in RFC 3597 §5), in
/// either case. Postern does not query all of them.
bool is_record_type(std::string_view text);

}  // namespace postern::dns
