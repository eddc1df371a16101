#include "deliver/maildir.h"

#include <atomic>
#include <chrono>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_io.h"
#include "base/ulid.h"
#include "deliver/local_file.h"
#include "mail/received.h"
#include "spool/body_files.h"

namespace postern::deliver {
namespace {

/// A file in tmp/; the destructor removes it unless it was moved to new/.
class TmpFile {
 public:
  explicit TmpFile(std::string path)
      : path_(std::move(path)),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  TmpFile(const TmpFile&) = delete;
  TmpFile& operator=(const TmpFile&) = delete;
  ~TmpFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!moved_) ::unlink(path_.c_str());
  }

  bool is_open() const { return fd_ >= 0; }
  Result<void> write(std::string_view octets) { return write_all(fd_, octets, path_); }
  /// Do not flush again after a failure: see spool::BodyFiles::write().
  Result<void> flush() {
    if (::fsync(fd_) != 0) return trouble("flushing " + path_);
    return {};
  }
  Result<void> move_to(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return trouble("moving to " + path);
    moved_ = true;
    return {};
  }

 private:
  const std::string path_;
  const int fd_;
  bool moved_ = false;
};

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return trouble("making " + path);
  return {};
}

Result<void> flush_folder(const std::string& path) {
  if (auto flushed = flush_directory(path); !flushed) return trouble(flushed.error());
  return {};
}

}  // namespace

Result<void> Maildir::prepare() const {
  struct stat status{};
  if (::stat((path_ + "/tmp").c_str(), &status) == 0 &&
      ::stat((path_ + "/new").c_str(), &status) == 0 &&
      ::stat((path_ + "/cur").c_str(), &status) == 0) {
    return {};
  }
  // tmp is created last: a process that sees it may rely on the others.
  for (const char* folder : {"", "/cur", "/new", "/tmp"}) {
    if (Result<void> made = make_directory(path_ + folder); !made) return made;
  }
  if (Result<void> flushed = flush_folder(path_); !flushed) return flushed;
  return flush_folder(path_ + "/..");
}

std::string Maildir::unique_name() const {
  static std::atomic<std::uint64_t> count{0};
  std::string host;
  for (const char c : hostname_) {
    host += c == '/' ? "\\057" : c == ':' ? "\\072" : std::string(1, c);
  }
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  return fmt::format("{}.M{}P{}Q{}R{}.{}", micros / 1000000, micros % 1000000, ::getpid(), ++count,
                     new_ulid().substr(10), host);
}

Result<std::string> Maildir::deliver(const std::optional<mail::Mailbox>& reverse_path,
                                     const mail::Mailbox& recipient,
                                     spool::BodyReader& body) const {
  if (Result<void> prepared = prepare(); !prepared) return tl::unexpected(prepared.error());
  std::string name = unique_name();
  TmpFile file(path_ + "/tmp/" + name);
  if (!file.is_open()) return trouble("making a file in " + path_ + "/tmp");
  UnixLines lines;
  Result<void> done = file.write(lines.next(mail::return_path_field(reverse_path) +
                                            "Delivered-To: " + recipient.text() + "\r\n"));
  while (done) {
    const Result<std::string_view> piece = body.next();
    if (!piece) return tl::unexpected(piece.error());
    if (piece->empty()) break;
    done = file.write(lines.next(*piece));
  }
  if (done) done = file.write(lines.finish());
  if (done) done = file.flush();
  if (done) done = file.move_to(path_ + "/new/" + name);
  if (!done) return tl::unexpected(done.error());
  // A name that is not on stable storage may be lost, so the next attempt writes another file.
  if (done = flush_folder(path_ + "/new"); !done) {
    ::unlink((path_ + "/new/" + name).c_str());
    return tl::unexpected(done.error());
  }
  return name;
}

}  // namespace postern::deliver
