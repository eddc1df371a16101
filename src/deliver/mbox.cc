#include "deliver/mbox.h"

#include <algorithm>
#include <thread>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_io.h"
#include "base/text.h"
#include "deliver/local_file.h"
#include "mail/received.h"
#include "spool/body_files.h"

namespace postern::deliver {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{20};
/// The owner of an older lock file is assumed to be dead.
constexpr std::chrono::seconds stale_after{600};

/// `PATH.lock`, for programs that do not use fcntl() locks.
class LockFile {
 public:
  explicit LockFile(const std::string& path) : path_(path + ".lock") {}
  ~LockFile() { release(); }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  Result<void> take(Clock::time_point deadline) {
    for (;;) {
      const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (fd >= 0) {
        ::close(fd);
        held_ = true;
        return {};
      }
      // If the directory belongs to somebody else, no lock file can be made: fcntl() must suffice.
      if (errno == EACCES || errno == EPERM || errno == EROFS) return {};
      if (errno != EEXIST) return trouble("making " + path_);
      if (is_stale()) {
        ::unlink(path_.c_str());
        continue;
      }
      if (Clock::now() >= deadline) return fail(Fault::temporary, path_ + " is held by another");
      std::this_thread::sleep_for(between_looks);
    }
  }
  void release() {
    if (held_) ::unlink(path_.c_str());
    held_ = false;
  }

 private:
  bool is_stale() const {
    struct stat status{};
    return ::stat(path_.c_str(), &status) == 0 &&
           ::time(nullptr) - status.st_mtim.tv_sec > stale_after.count();
  }

  const std::string path_;
  bool held_ = false;
};

/// The mailbox, open and locked. The destructor truncates what was appended, unless keep()
/// succeeded.
class Mailfile {
 public:
  explicit Mailfile(const std::string& path) : path_(path), lock_file_(path) {}
  ~Mailfile() {
    if (fd_ < 0) return;
    if (appending_) {
      [[maybe_unused]] const int cut = ::ftruncate(fd_, size_);
      ::fsync(fd_);
    }
    ::close(fd_);
  }
  Mailfile(const Mailfile&) = delete;
  Mailfile& operator=(const Mailfile&) = delete;

  Result<void> open(Clock::time_point deadline) {
    for (;;) {
      // Does not follow links: other users may be able to write to the directory.
      fd_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd_ < 0) return trouble("opening " + path_);
      struct stat mine{};
      struct stat there{};
      if (::fstat(fd_, &mine) != 0) return trouble("opening " + path_);
      if (!S_ISREG(mine.st_mode)) return fail(Fault::temporary, path_ + ": it is not a file");
      if (Result<void> locked = lock(deadline); !locked) return locked;
      if (Result<void> locked = lock_file_.take(deadline); !locked) return locked;
      if (::fstat(fd_, &mine) != 0) return trouble("opening " + path_);
      size_ = mine.st_size;
      const bool same = ::stat(path_.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
                        mine.st_dev == there.st_dev;
      if (same) return {};
      // While we waited, another program replaced the file. Both locks are taken again, in the same
      // order: with one held, we and another writer could wait for each other.
      lock_file_.release();
      ::close(fd_);
      fd_ = -1;
      if (Clock::now() >= deadline)
        return fail(Fault::temporary, path_ + " was replaced repeatedly");
    }
  }

  off_t size() const { return size_; }
  /// Line ends needed between the last message and the next.
  Result<std::string_view> gap() const {
    if (size_ == 0) return "";
    char end[2] = {'\n', '\n'};
    const auto octets = static_cast<std::size_t>(std::min<off_t>(size_, 2));
    const ssize_t read = ::pread(fd_, end + 2 - octets, octets, size_ - static_cast<off_t>(octets));
    if (read < 0) return trouble("reading " + path_);
    if (read != static_cast<ssize_t>(octets)) {
      return fail(Fault::temporary, path_ + " became shorter while it was locked");
    }
    return end[1] != '\n' ? "\n\n" : end[0] != '\n' ? "\n" : "";
  }
  Result<void> append(std::string_view octets) {
    appending_ = true;
    return write_all(fd_, octets, path_);
  }
  Result<void> keep() {
    if (::fsync(fd_) != 0) return trouble("flushing " + path_);
    if (size_ == 0) {
      const std::string folder = path_.substr(0, path_.rfind('/') + 1);
      if (auto flushed = flush_directory(folder.empty() ? "." : folder); !flushed) {
        return trouble(flushed.error());
      }
    }
    appending_ = false;
    return {};
  }

 private:
  /// A lock of this open file, not of the process, so it also excludes other threads.
  Result<void> lock(Clock::time_point deadline) const {
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    while (::fcntl(fd_, F_OFD_SETLK, &whole) != 0) {
      if (errno != EAGAIN && errno != EACCES && errno != EINTR) return trouble("locking " + path_);
      if (Clock::now() >= deadline) return fail(Fault::temporary, path_ + " is locked by another");
      std::this_thread::sleep_for(between_looks);
    }
    return {};
  }

  const std::string path_;
  LockFile lock_file_;
  int fd_ = -1;
  off_t size_ = 0;  ///< before the message
  bool appending_ = false;
};

/// Adds a `>` to lines that consist of any number of `>`s followed by `From `.
class FromLines {
 public:
  /// Valid until the next call.
  std::string_view next(std::string_view octets) {
    text_.clear();
    for (const char c : octets) {
      if (!at_start_) {
        text_ += c;
      } else if (matched_ == 0 && c == '>') {
        held_ += c;
        continue;
      } else if (c == from[matched_]) {
        held_ += c;
        if (++matched_ < from.size()) continue;
        text_ += '>';
        release();
      } else {
        release();
        text_ += c;
      }
      if (c == '\n') at_start_ = true;
    }
    if (!text_.empty()) last_ = text_.back();
    return text_;
  }
  /// The end of the message: ends its last line and adds an empty one.
  std::string_view finish() {
    text_.clear();
    release();
    if (!text_.empty()) last_ = text_.back();
    text_ += last_ == '\n' ? "\n" : "\n\n";
    return text_;
  }

 private:
  static constexpr std::string_view from = "From ";
  void release() {
    text_ += held_;
    held_.clear();
    matched_ = 0;
    at_start_ = false;
  }

  std::string text_;
  std::string held_;         // of a line that may match
  std::size_t matched_ = 0;  ///< octets of `from`
  bool at_start_ = true;
  char last_ = '\n';
};

/// `From ann@example.com Sat Jan  3 01:05:34 1996` (RFC 4155 Appendix A).
std::string from_line(const std::optional<mail::Mailbox>& reverse_path) {
  std::string sender = reverse_path ? reverse_path->text() : "MAILER-DAEMON";
  std::replace_if(sender.begin(), sender.end(), is_space, '-');
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("From {} {:%a %b %e %H:%M:%S %Y}\n", sender, fmt::gmtime(now));
}

Result<void> append_message(Mailfile& file, std::string_view trace, spool::BodyReader& body) {
  UnixLines unix_lines;
  FromLines from_lines;
  Result<void> done = file.append(from_lines.next(unix_lines.next(trace)));
  while (done) {
    const Result<std::string_view> piece = body.next();
    if (!piece) return tl::unexpected(piece.error());
    if (piece->empty()) break;
    done = file.append(from_lines.next(unix_lines.next(*piece)));
  }
  if (done) done = file.append(from_lines.next(unix_lines.finish()));
  if (done) done = file.append(from_lines.finish());
  return done;
}

}  // namespace

Result<std::string> Mbox::deliver(const std::optional<mail::Mailbox>& reverse_path,
                                  const mail::Mailbox& recipient, spool::BodyReader& body) const {
  Mailfile file(path_);
  if (Result<void> opened = file.open(Clock::now() + lock_within_); !opened) {
    return tl::unexpected(opened.error());
  }
  const Result<std::string_view> gap = file.gap();
  if (!gap) return tl::unexpected(gap.error());
  Result<void> done = file.append(std::string(*gap) + from_line(reverse_path));
  if (done) {
    done = append_message(
        file, mail::return_path_field(reverse_path) + "Delivered-To: " + recipient.text() + "\r\n",
        body);
  }
  if (done) done = file.keep();
  if (!done) return tl::unexpected(done.error());
  return fmt::format("{} at octet {}", path_, file.size() + static_cast<off_t>(gap->size()));
}

}  // namespace postern::deliver
