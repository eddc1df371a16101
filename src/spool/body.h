// The octets of one message on their way: in memory while small, in an unlinked temporary file from
// a threshold on, so that a session's memory is bounded whatever the size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::spool {

/// Not thread-safe; moved along with its message. Also used for payloads on their way out.
class Body {
 public:
  /// What the spool keeps in a row of its database stays in memory until it is there.
  static constexpr std::size_t in_memory_limit = 256 * 1024;

  /// `directory` holds the temporary file (O_TMPFILE, mode 0600); it is not kept after a crash.
  explicit Body(std::string directory, std::size_t memory_limit = in_memory_limit);
  Body(Body&& other) noexcept;
  Body& operator=(Body&& other) noexcept;
  ~Body();

  /// Fault::temporary without room on the disk (452 4.3.1), Fault::permanent for other I/O errors.
  Result<void> append(std::string_view bytes);
  std::uint64_t size() const { return size_; }
  bool in_memory() const { return fd_ < 0; }
  /// Octets of memory that it takes.
  std::size_t memory() const { return memory_.capacity(); }
  /// All octets as one view: the memory, or the file mapped read-only on first use (unmapped with
  /// the Body). Valid until the next append or the Body's end.
  Result<std::string_view> view();
  static constexpr std::size_t piece_size = 64 * 1024;
  /// The octets from `offset` on, piece_size at most, for those who go through a file without
  /// having it in their memory. Valid until `buffer` or the Body changes; empty at the end.
  Result<std::string_view> piece(std::uint64_t offset, std::string& buffer) const;
  void clear();

 private:
  Result<void> spill();
  void unmap();

  std::string directory_;
  std::size_t memory_limit_;
  std::string memory_;
  std::uint64_t size_ = 0;
  int fd_ = -1;
  const char* mapping_ = nullptr;
};

}  // namespace postern::spool
