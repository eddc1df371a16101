#include "store/token_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include <sodium.h>

#include "base/text.h"

namespace postern::store {

Result<Secret> token_file(const std::string& path) {
  if (std::ifstream file(path); file) {
    std::string line;
    std::getline(file, line);
    Secret token{std::string(trim(line))};
    if (token.size() < 16)
      return fail(Fault::permanent, path + ": holds no token of 16 octets or more");
    return token;
  }
  if (::access(path.c_str(), F_OK) == 0) return fail(Fault::permanent, path + ": cannot be read");
  std::string random(32, '\0');
  randombytes_buf(random.data(), random.size());
  Secret token(base64url_encode(random));
  // Written to a draft and renamed: a power failure must not leave a half-written token.
  const std::string draft = path + ".new";
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(Fault::permanent, path + ": cannot be made");
  const std::string line = token.reveal() + "\n";
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(draft.c_str(), path.c_str()) != 0) {
    ::unlink(draft.c_str());
    return fail(Fault::permanent, path + ": cannot be written");
  }
  return token;
}

}  // namespace postern::store
