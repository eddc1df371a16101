#pragma once

#include <string_view>

namespace postern::dns {

/// Whether there is a type of records of that name (IANA's list, and `TYPE65280` as of RFC 3597
/// §5), in any case; whether Postern asks for it is another matter.
bool is_record_type(std::string_view text);

}  // namespace postern::dns
