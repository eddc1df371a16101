#include "config/handbook.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::app {

namespace {

constexpr std::string_view folder = "docs/";
constexpr std::string_view suffix = ".md";

bool is_of_name(char c) { return is_alnum(c) || c == '-'; }

/// Whether the program is that of the Debian package.
bool is_packaged() {
  std::error_code unknown;
  return std::filesystem::read_symlink("/proc/self/exe", unknown) == "/usr/bin/postern";
}

std::string called_here(std::string_view name) {
  const std::string file = fmt::format("/usr/share/doc/postern-doc/html/{}.html", name);
  std::error_code unreadable;
  return std::filesystem::exists(file, unreadable)
             ? file
             : fmt::format("page {} of the package postern-doc", name);
}

}  // namespace

std::string with_pages(std::string_view text, const PageName& called) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find(folder);
    if (at == text.npos) return out.append(text);
    const std::string_view rest = text.substr(at + folder.size());
    const auto length =
        static_cast<std::size_t>(std::ranges::find_if_not(rest, is_of_name) - rest.begin());
    const bool within = at > 0 && (is_of_name(text[at - 1]) || text[at - 1] == '/');
    const bool is_page = !within && length > 0 && rest.substr(length).starts_with(suffix);
    const std::size_t end = at + folder.size() + (is_page ? length + suffix.size() : 0);
    out.append(text.substr(0, is_page ? at : end));
    if (is_page) out += called(rest.substr(0, length));
    text.remove_prefix(end);
  }
}

std::string with_pages(std::string_view text) {
  static const bool packaged = is_packaged();
  return packaged ? with_pages(text, called_here) : std::string(text);
}

}  // namespace postern::app
