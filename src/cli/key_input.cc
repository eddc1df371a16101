#include "cli/key_input.h"

#include <ostream>

#include <fmt/format.h>
#include <sys/stat.h>

#include "config/exit_code.h"
#include "config/input_file.h"

namespace postern::app {

tl::expected<mailauth::dkim::SigningKey, int> read_key(const std::string& file,
                                                       const Arguments& arguments,
                                                       Streams& streams) {
  const bool json = arguments.has("--json");
  Result<std::string> text = read_input(file, streams.in);
  if (!text) {
    report(text.error().message, "`postern dkim keygen` makes a key", json, streams);
    return tl::unexpected(to_int(exit_code_of(text.error().fault)));
  }
  auto key = mailauth::dkim::SigningKey::from_pem(Secret(std::move(*text)));
  if (!key) {
    report(fmt::format("{}: {}", file, key.error().message),
           "a key is PEM without passphrase; `postern dkim keygen` makes one", json, streams);
    return tl::unexpected(to_int(ExitCode::bad_data));
  }
  struct stat about{};
  const bool open_to_others =
      file != "-" && ::stat(file.c_str(), &about) == 0 && (about.st_mode & 0077) != 0;
  if (open_to_others && !json && !arguments.has("--quiet")) {
    streams.err << fmt::format("warning: others may read {} (mode {:04o}): chmod 600\n", file,
                               about.st_mode & 07777);
  }
  return std::move(*key);
}

}  // namespace postern::app
