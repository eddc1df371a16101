#include "net/dnssec.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::net {

const char* to_string(DnssecState::Kind kind) {
  switch (kind) {
    case DnssecState::Kind::validating:
      return "validating";
    case DnssecState::Kind::trusting:
      return "trusting";
    case DnssecState::Kind::off:
      return "off";
  }
  return "";
}

std::string DnssecState::brief() const {
  std::string out = to_string(kind);
  if (kind == Kind::trusting) out += " " + servers;
  if (!trouble.empty()) out += (kind == Kind::off ? ": " : ", but ") + trouble;
  if (!doubt.empty()) out += "; the last probe: " + doubt;
  return out;
}

std::string DnssecState::text() const {
  return words.empty() ? brief() : fmt::format("{} ({})", brief(), words);
}

std::optional<std::string> trust_anchor_trouble(const std::string& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find(';')));
    std::string word;
    if (!(words >> word) || word != ".") continue;
    while (words >> word)
      if (iequals(word, "DS") || iequals(word, "DNSKEY")) return std::nullopt;
  }
  if (in.is_open() && in.eof())
    return fmt::format("{} holds no trust anchor of the root: no DS or DNSKEY record of `.`", file);
  return fmt::format("the trust anchor {} cannot be read", file);
}

}  // namespace postern::net
