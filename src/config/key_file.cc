#include "config/key_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_io.h"

namespace postern::app {

namespace {

std::string why() { return std::generic_category().message(errno); }

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
  const std::string reason = written ? why() : trouble;
  ::unlink(file.c_str());
  return fail(Fault::permanent, fmt::format("cannot write {}: {}", file, reason));
}

Result<void> replace_key(const std::string& file, const Secret& pem) {
  const std::string draft = file + ".new";
  ::unlink(draft.c_str());  // left by a crash
  if (Result<void> written = write_key(draft, pem); !written) return written;
  if (std::rename(draft.c_str(), file.c_str()) == 0) return {};
  const std::string reason = why();
  ::unlink(draft.c_str());
  return fail(Fault::permanent, file + ": " + reason);
}

}  // namespace postern::app
