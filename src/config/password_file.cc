#include "config/password_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

namespace postern::app {

namespace {

constexpr std::size_t longest = 4096;

/// Why a file cannot be opened, and whose it is if that is the reason.
std::string why_not(const std::string& file, int trouble) {
  std::string why = fmt::format("cannot read {}: {}", printable(file, 200), std::strerror(trouble));
  struct stat status{};
  if (trouble == EACCES && ::stat(file.c_str(), &status) == 0) {
    why += fmt::format("; it is of uid {} with mode {:o}, and this process is uid {}",
                       status.st_uid, status.st_mode & 07777U, ::geteuid());
  }
  return why;
}

/// One octet more than may be there, if there is.
Result<std::string> beginning_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(Fault::permanent, why_not(file, errno));
  std::string text(longest + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

}  // namespace

Result<Secret> secrets_in(const std::string& file) {
  auto text = beginning_of(file);
  if (!text) return tl::unexpected(text.error());
  if (!text->empty() && text->size() <= longest) return Secret(std::move(*text));
  return fail(Fault::permanent,
              fmt::format("{} is empty, or longer than {} octets", printable(file, 200), longest));
}

Result<Secret> password_in(const std::string& file) {
  auto read = beginning_of(file);
  if (!read) return tl::unexpected(read.error());
  std::string& text = *read;
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  const bool one_line = text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
  if (text.empty() || text.size() > longest || !one_line) {
    return fail(Fault::permanent,
                fmt::format("{} does not hold one line with a password", printable(file, 200)));
  }
  return Secret(std::move(text));
}

}  // namespace postern::app
