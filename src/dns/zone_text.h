// Records as lines of a zone file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::dns {

/// Splits a TXT record into strings of at most 255 octets (RFC 1035 §3.3).
std::vector<std::string> txt_strings(std::string_view record);
/// A TXT line of a zone file (RFC 1035 §5.1), without its end. `name` has no trailing dot; `record`
/// must not contain quotes.
std::string txt_line(std::string_view name, std::string_view record);

}  // namespace postern::dns
