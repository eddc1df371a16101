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
  std::string random(32, '\0');
  randombytes_buf(random.data(), random.size());
  Secret token(base64url_encode(random));
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Fault::permanent, path + ": cannot be made");
  const std::string line = token.reveal() + "\n";
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(fd);
  if (!written) {
    ::unlink(path.c_str());
    return fail(Fault::permanent, path + ": cannot be written");
  }
  return token;
}

}  // namespace postern::store
