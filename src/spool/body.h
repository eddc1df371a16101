// The octets of one message before it is stored: in memory while small, above a threshold in an
// unlinked temporary file, so that a session needs bounded memory for a message of any size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::spool {

/// Not thread-safe; it moves along with its message. Also used for webhook payloads.
class Body {
 public:
  /// Default limit in octets: a body that the spool keeps in a row of its database stays in memory.
  static constexpr std::size_t in_memory_limit = 256 * 1024;

  /// `directory`: for the temporary file (O_TMPFILE, mode 0600), which does not survive a crash.
  /// `memory_limit`: octets; a larger body is in the file.
  explicit Body(std::string directory, std::size_t memory_limit = in_memory_limit);
  /// Takes over the octets; `other` is empty afterwards.
  Body(Body&& other) noexcept;
  Body& operator=(Body&& other) noexcept;
  /// Frees memory and file.
  ~Body();

  /// Appends octets; may block on the disk. Fault::disk_full: reply 452 4.3.1.
  /// Fault::permanent: another I/O error. After an error the body is incomplete.
  Result<void> append(std::string_view bytes);
  /// Octets appended.
  std::uint64_t size() const { return size_; }
  /// Whether the body is in memory.
  bool in_memory() const { return fd_ < 0; }
  /// Octets of memory in use.
  std::size_t memory() const { return memory_.capacity(); }
  /// All octets as one view of the memory, or of the file, which is mapped read-only on first use.
  /// Valid until the next append(), clear() or the end of the Body. Faults as append().
  Result<std::string_view> view();
  static constexpr std::size_t piece_size = 64 * 1024;  ///< octets that piece() returns at most
  /// The octets from `offset` on, at most piece_size, for reading a file without mapping it. Empty
  /// at the end. Valid until `buffer` or the Body changes. Faults as append().
  Result<std::string_view> piece(std::uint64_t offset, std::string& buffer) const;
  /// Removes all octets and frees memory and file.
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
