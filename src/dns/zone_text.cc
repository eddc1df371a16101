#include "dns/zone_text.h"

namespace postern::dns {

std::vector<std::string> txt_strings(std::string_view record) {
  constexpr std::size_t string_octets = 255;
  std::vector<std::string> out;
  for (std::size_t at = 0; at < record.size(); at += string_octets) {
    out.emplace_back(record.substr(at, string_octets));
  }
  return out;
}

std::string txt_line(std::string_view name, std::string_view record) {
  std::string out = std::string(name) + ". IN TXT";
  for (const std::string& text : txt_strings(record)) out += " \"" + text + "\"";
  return out;
}

}  // namespace postern::dns
