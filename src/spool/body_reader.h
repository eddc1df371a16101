// Reads a stored body in pieces.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/sha256.h"

namespace postern::spool {

/// Not thread-safe. Independent of the spool, even when its message is deleted meanwhile.
class BodyReader {
 public:
  static constexpr std::size_t piece = 64 * 1024;  ///< octets that next() returns at most

  /// Returns the next octets of a body: any number that is a multiple of `piece`, but for the last.
  using Source = std::function<Result<std::string>()>;

  /// A body in memory. `digest`: its SHA-256, raw octets.
  BodyReader(std::string bytes, std::string digest);
  /// A body in a file. Takes over `fd`, an open file of `size` octets.
  BodyReader(int fd, std::uint64_t size, std::string digest);
  /// A body of `size` octets in pieces that `source` fetches.
  BodyReader(Source source, std::uint64_t size, std::string digest);
  BodyReader(BodyReader&& other) noexcept;
  BodyReader& operator=(BodyReader&&) = delete;
  /// Closes the file.
  ~BodyReader();

  /// Octets of the body.
  std::uint64_t size() const { return size_; }
  /// The next octets, valid until the next call; empty at the end. The last piece is returned only
  /// when the checksum of the whole body is right, so a damaged body is never sent completely:
  /// Fault::damaged then.
  Result<std::string_view> next();

 private:
  Result<std::string_view> load(std::size_t wanted);
  Result<std::string_view> fetch(std::size_t wanted);

  std::string buffer_;  ///< without a file all octets, or what the source gave; else one piece
  Source source_;
  std::size_t used_ = 0;  ///< octets of what the source gave
  std::string digest_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  int fd_ = -1;
  Sha256 sum_;
};

}  // namespace postern::spool
