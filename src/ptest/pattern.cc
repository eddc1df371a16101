#include "ptest/pattern.h"

#include <re2/re2.h>

namespace postern::ptest {

namespace {

re2::RE2::Options quiet() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  return options;
}

}  // namespace

std::string trouble_of_pattern(const std::string& pattern) {
  return re2::RE2(pattern, quiet()).error();
}

bool finds(const std::string& pattern, std::string_view text) {
  const re2::RE2 compiled(pattern, quiet());
  return compiled.ok() && re2::RE2::PartialMatch({text.data(), text.size()}, compiled);
}

std::string pattern_of(std::string_view text) {
  std::string out = "^";
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + "$";
}

}  // namespace postern::ptest
