#include "app/input_file.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace postern::app {

Result<std::string> read_input(const std::string& name, std::istream& in) {
  if (name == "-") return std::string(std::istreambuf_iterator<char>(in), {});
  errno = 0;
  std::ifstream file(name, std::ios::binary);
  std::string text;
  if (file.is_open()) {
    // A directory can be opened; only reading it fails, and the iterator would throw then.
    file.peek();
    if (!file.bad()) text.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (!file.is_open() || file.bad()) {
    const std::string why = errno != 0 ? ": " + std::generic_category().message(errno) : "";
    return fail(Fault::not_found, "cannot read " + name + why);
  }
  return text;
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
