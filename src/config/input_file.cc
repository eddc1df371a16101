#include "config/input_file.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <istream>
#include <system_error>

namespace postern::app {

namespace {

/// Reads with a limit, as a device may be endless.
bool take(std::istream& in, std::size_t largest, std::string& text) {
  std::array<char, 65536> piece;
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > largest) return false;
  }
  return true;
}

}  // namespace

Result<std::string> read_input(const std::string& name, std::istream& in, std::size_t largest) {
  std::string text;
  errno = 0;
  std::ifstream file;
  if (name != "-") {
    file.open(name, std::ios::binary);
    // A directory can be opened; reading it fails.
    if (file.is_open()) file.peek();
    if (!file.is_open() || file.bad()) {
      const std::string why = errno != 0 ? ": " + std::generic_category().message(errno) : "";
      return fail(Fault::not_found, "cannot read " + name + why);
    }
    file.clear();
  }
  if (!take(name == "-" ? in : file, largest, text)) {
    return fail(Fault::limit, (name == "-" ? "standard input" : name) + " has more than " +
                                  std::to_string(largest) + " octets");
  }
  if (file.bad()) {
    return fail(Fault::not_found,
                "cannot read " + name + ": " + std::generic_category().message(errno));
  }
  return text;
}

ConfigResult load_config(const std::filesystem::path& file, const LoadOptions& options,
                         ConfigSource& source) {
  constexpr std::size_t largest_configuration = std::size_t{1} << 20;
  std::error_code unknown;
  source.file = std::filesystem::absolute(file, unknown).string();
  std::ifstream nothing;
  Result<std::string> text = file == "-"
                                 ? fail(Fault::not_found, "standard input is no file")
                                 : read_input(file.string(), nothing, largest_configuration);
  if (!text) return load_config(file, options);  // which says why
  source.text = std::move(*text);
  return parse_config(source.text, file.string(), options);
}

std::string with_crlf(const std::string& text) {
  std::string out;
  out.reserve(text.size() + text.size() / 40);
  char before = '\0';
  for (const char c : text) {
    if (c == '\n' && before != '\r') out += '\r';
    out += c;
    before = c;
  }
  return out;
}

}  // namespace postern::app
