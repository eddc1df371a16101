#include "app/attachment_files.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "admin/digest.h"
#include "base/text.h"
#include "base/ulid.h"
#include "spool/body_files.h"

namespace postern::app {
namespace {

/// A file that is written to the end and flushed, or removed.
class NewFile {
 public:
  explicit NewFile(std::string path)
      : path_(std::move(path)),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  ~NewFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!kept_) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<void> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return trouble();
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  /// The octets and the name in `folder` are on stable storage then.
  Result<void> finish(const std::string& folder) {
    if (::fsync(fd_) != 0) return trouble();
    if (Result<void> flushed = spool::flush_directory(folder); !flushed) return flushed;
    kept_ = true;
    return {};
  }
  bool open() const { return fd_ >= 0; }
  tl::unexpected<Error> trouble() const {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return fail(full ? Fault::temporary : Fault::permanent,
                fmt::format("attachment file: {}", std::strerror(errno)));
  }

 private:
  std::string path_;
  int fd_;
  bool kept_ = false;
};

}  // namespace

Result<deliver::Link> AttachmentFiles::keep(const File& file, const Source& source) {
  const std::string token = base64url_encode(admin::random_bytes(32));
  store::AttachmentRow row{.id = new_id("att_"), .webhook_id = file.webhook_id};
  row.path = row.id;
  row.filename = file.filename;
  row.content_type = file.content_type;
  row.size = file.size;
  row.token_hash = Secret(sha256(token));
  row.created_at =
      std::chrono::time_point_cast<store::Time::duration>(std::chrono::system_clock::now());
  row.expires_at = row.created_at + file.life;

  NewFile out(directory_ + "/" + row.path);
  if (!out.open()) return out.trouble();
  const Result<void> copied = source([&](std::string_view bytes) { return out.write(bytes); });
  if (!copied) return tl::unexpected(copied.error());
  if (Result<void> finished = out.finish(directory_); !finished) {
    return tl::unexpected(finished.error());
  }
  if (Result<void> added = log_.add_attachment(row); !added) return tl::unexpected(added.error());
  return deliver::Link{
      .url = fmt::format("{}/api/v1/attachments/{}?t={}", public_url_, row.id, token),
      .expires_at = row.expires_at};
}

}  // namespace postern::app
