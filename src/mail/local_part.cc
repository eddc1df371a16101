#include "mail/local_part.h"

namespace postern::mail {

std::string quoted_local_part(std::string_view octets) {
  std::string out = "\"";
  for (const char c : octets) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace postern::mail
