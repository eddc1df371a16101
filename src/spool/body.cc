#include "spool/body.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io_error.h"

namespace postern::spool {
Body::Body(std::string directory, std::size_t memory_limit)
    : directory_(std::move(directory)), memory_limit_(memory_limit) {}

Body::Body(Body&& other) noexcept
    : directory_(std::move(other.directory_)),
      memory_limit_(other.memory_limit_),
      memory_(std::move(other.memory_)),
      size_(std::exchange(other.size_, 0)),
      fd_(std::exchange(other.fd_, -1)),
      mapping_(std::exchange(other.mapping_, nullptr)) {}

Body& Body::operator=(Body&& other) noexcept {
  if (this != &other) {
    clear();
    directory_ = std::move(other.directory_);
    memory_limit_ = other.memory_limit_;
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    fd_ = std::exchange(other.fd_, -1);
    mapping_ = std::exchange(other.mapping_, nullptr);
  }
  return *this;
}

Body::~Body() { clear(); }

void Body::clear() {
  unmap();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  std::string().swap(memory_);  // an assignment would keep the capacity
  size_ = 0;
}

void Body::unmap() {
  if (mapping_ != nullptr) ::munmap(const_cast<char*>(mapping_), size_);
  mapping_ = nullptr;
}

Result<void> Body::spill() {
  fd_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd_ < 0) return io_error("opening a temporary message file");
  const std::string start = std::exchange(memory_, std::string());
  size_ -= start.size();
  return append(start);
}

Result<void> Body::append(std::string_view bytes) {
  unmap();
  if (fd_ < 0) {
    if (memory_.size() + bytes.size() <= memory_limit_) {
      memory_ += bytes;
      size_ += bytes.size();
      return {};
    }
    if (Result<void> spilled = spill(); !spilled) return spilled;
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return io_error("writing a temporary message file");
    }
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string_view> Body::view() {
  if (fd_ < 0 || size_ == 0) return std::string_view(memory_);
  if (mapping_ == nullptr) {
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd_, 0);
    if (address == MAP_FAILED) return io_error("mapping a temporary message file");
    mapping_ = static_cast<const char*>(address);
  }
  return std::string_view(mapping_, size_);
}

Result<std::string_view> Body::piece(std::uint64_t offset, std::string& buffer) const {
  if (offset >= size_) return std::string_view();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece_size, size_ - offset));
  if (fd_ < 0) return std::string_view(memory_).substr(offset, wanted);
  buffer.resize(wanted);
  std::size_t got = 0;
  while (got < wanted) {
    const ssize_t count =
        ::pread(fd_, buffer.data() + got, wanted - got, static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error("reading a temporary message file");
    if (count == 0) return fail(Fault::permanent, "a temporary message file ends too early");
    got += static_cast<std::size_t>(count);
  }
  return std::string_view(buffer);
}

}  // namespace postern::spool
