#include "spool/body_reader.h"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "base/io_error.h"

namespace postern::spool {

BodyReader::BodyReader(std::string bytes, std::string digest)
    : buffer_(std::move(bytes)), digest_(std::move(digest)), size_(buffer_.size()) {}

BodyReader::BodyReader(int fd, std::uint64_t size, std::string digest)
    : digest_(std::move(digest)), size_(size), fd_(fd) {}

BodyReader::BodyReader(Source source, std::uint64_t size, std::string digest)
    : source_(std::move(source)), digest_(std::move(digest)), size_(size) {}

BodyReader::BodyReader(BodyReader&& other) noexcept
    : buffer_(std::move(other.buffer_)),
      source_(std::move(other.source_)),
      used_(other.used_),
      digest_(std::move(other.digest_)),
      size_(other.size_),
      at_(other.at_),
      fd_(std::exchange(other.fd_, -1)),
      sum_(std::move(other.sum_)) {}

BodyReader::~BodyReader() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string_view> BodyReader::fetch(std::size_t wanted) {
  if (used_ == buffer_.size()) {
    Result<std::string> more = source_();
    if (!more) return tl::unexpected(more.error());
    buffer_ = std::move(*more);
    used_ = 0;
  }
  if (buffer_.size() - used_ < wanted) {
    return fail(Fault::damaged, "a message body ends too early");
  }
  used_ += wanted;
  return std::string_view(buffer_).substr(used_ - wanted, wanted);
}

Result<std::string_view> BodyReader::load(std::size_t wanted) {
  if (source_) return fetch(wanted);
  if (fd_ < 0) return std::string_view(buffer_).substr(at_, wanted);
  buffer_.resize(wanted);
  std::size_t got = 0;
  while (got < wanted) {
    const ssize_t count = ::read(fd_, buffer_.data() + got, wanted - got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error("reading a message body");
    if (count == 0) return fail(Fault::damaged, "a message body ends too early");
    got += static_cast<std::size_t>(count);
  }
  return std::string_view(buffer_);
}

Result<std::string_view> BodyReader::next() {
  if (at_ == size_) return std::string_view();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece, size_ - at_));
  Result<std::string_view> bytes = load(wanted);
  if (!bytes) return bytes;
  sum_.add(*bytes);
  if (at_ + wanted == size_ && sum_.finish() != digest_) {
    return fail(Fault::damaged, "a message body is not what was stored: its checksum differs");
  }
  at_ += wanted;
  return bytes;
}

}  // namespace postern::spool
