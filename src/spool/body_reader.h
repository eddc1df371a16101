// A stored body on its way out, in pieces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"

namespace postern::spool {

/// One thread at a time; independent of the spool once it is made, even when its message is deleted
/// meanwhile.
class BodyReader {
 public:
  static constexpr std::size_t piece = 64 * 1024;  ///< octets at most in one next()

  BodyReader(std::string bytes, std::string digest);
  /// Takes `fd`, an open file of `size` octets.
  BodyReader(int fd, std::uint64_t size, std::string digest);
  BodyReader(BodyReader&& other) noexcept;
  BodyReader& operator=(BodyReader&&) = delete;
  ~BodyReader();

  std::uint64_t size() const { return size_; }
  /// The next octets, valid until the next call; empty at the end. The last piece is given out only
  /// when the checksum of the whole is right, so a damaged body can never be sent to its end:
  /// Fault::permanent instead.
  Result<std::string_view> next();

 private:
  Result<std::string_view> load(std::size_t wanted);

  std::string buffer_;  ///< all octets without a file, else one piece
  std::string digest_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  int fd_ = -1;
  Sha256 sum_;
};

}  // namespace postern::spool
