#include "config/password_file.h"

#include <fstream>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::app {

namespace {

constexpr std::size_t longest = 4096;

}  // namespace

Result<Secret> password_in(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(Fault::permanent, fmt::format("cannot read {}", printable(file, 200)));
  std::string text(longest + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  const bool one_line = text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
  if (text.empty() || text.size() > longest || !one_line) {
    return fail(Fault::permanent,
                fmt::format("{} does not hold one line with a password", printable(file, 200)));
  }
  return Secret(std::move(text));
}

}  // namespace postern::app
