#include "app/key_file.h"

#include <cerrno>
#include <filesystem>
#include <ostream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/commands_store.h"
#include "app/input_file.h"

namespace postern::app {

namespace {

std::string why() { return std::generic_category().message(errno); }

bool write_all(int descriptor, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

Result<void> write_key(const std::string& file, const Secret& pem) {
  const int descriptor =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == EEXIST) return fail(Fault::conflict, file + " exists already");
  if (descriptor < 0) return fail(Fault::denied, fmt::format("cannot make {}: {}", file, why()));
  const bool written = ::fchmod(descriptor, 0600) == 0 && write_all(descriptor, pem.reveal()) &&
                       ::fsync(descriptor) == 0;
  const std::string trouble = written ? "" : why();
  const bool closed = ::close(descriptor) == 0;
  if (written && closed) return {};
  ::unlink(file.c_str());
  return fail(Fault::permanent,
              fmt::format("cannot write {}: {}", file, written ? why() : trouble));
}

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
