#include "serve/attachment_files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "admin/digest.h"
#include "base/disk_full.h"
#include "base/file_io.h"
#include "base/text.h"
#include "base/ulid.h"
#include "spool/body_files.h"
#include "telemetry/log.h"
#include "telemetry/outage.h"

namespace postern::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "att_";
/// Lifetime of links whose message was not accepted, or may not have been: a receiver that accepted
/// it, but whose answer was lost, can fetch them that long.
constexpr std::chrono::hours unkept_life{24};

tl::unexpected<Error> trouble() {
  return fail(is_disk_full(errno) ? Fault::disk_full : Fault::permanent,
              fmt::format("attachment file: {}", std::strerror(errno)));
}

void note(const Error& error) { telemetry::log::store_error(error); }

}  // namespace

class Attachments::Message final : public deliver::LinkedFiles {
 public:
  Message(Attachments& owner, std::string message_id, std::string webhook_id,
          std::chrono::hours life)
      : owner_(owner), name_(new_id(prefix)) {
    common_.webhook_id = std::move(webhook_id);
    common_.message_id = std::move(message_id);
    common_.path = name_;
    common_.created_at = store::now();
    common_.kept_until = common_.created_at + life;
    common_.expires_at = std::min(common_.kept_until, common_.created_at + unkept_life);
  }
  ~Message() override {
    if (linked_ && !left_) owner_.drop(name_, false);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  Result<deliver::Link> add(const File& file, const Source& source) override {
    if (!octets_) {
      auto made = owner_.create(name_);
      if (!made) return tl::unexpected(made.error());
      octets_ = std::move(*made);
    }
    const std::string token = base64url_encode(admin::random_bytes(32));
    store::AttachmentRow row = common_;
    row.id = new_id(prefix);
    row.start = size_;
    row.filename = file.filename;
    row.content_type = file.content_type;
    row.size = file.size;
    row.token_hash = Secret(sha256(token));
    const Result<void> copied = source([this](std::string_view octets) {
      size_ += octets.size();
      return octets_->append(octets);
    });
    if (!copied) return tl::unexpected(copied.error());
    rows_.push_back(std::move(row));
    return deliver::Link{.url = fmt::format("{}/api/v1/attachments/{}?t={}", owner_.public_url_,
                                            rows_.back().id, token),
                         .expires_at = common_.kept_until};
  }

  Result<void> finish() override {
    const std::vector<store::AttachmentRow> rows = std::exchange(rows_, {});
    if (Result<void> done = octets_->finish(rows); !done) return done;
    linked_ = true;
    return {};
  }

  std::string name() const override { return name_; }
  void keep(Done done) override { owner_.keep(name_, std::move(done)); }
  void leave() override { left_ = true; }
  void remove() override {
    left_ = true;
    if (linked_) owner_.drop(name_, true);
  }

 private:
  Attachments& owner_;
  const std::string name_;
  store::AttachmentRow common_;  ///< what all rows share
  std::vector<store::AttachmentRow> rows_;
  std::unique_ptr<Octets> octets_;
  std::uint64_t size_ = 0;
  bool linked_ = false;  ///< the rows exist
  bool left_ = false;
};

std::unique_ptr<deliver::LinkedFiles> Attachments::begin(std::string message_id,
                                                         std::string webhook_id,
                                                         std::chrono::hours life) {
  return std::make_unique<Message>(*this, std::move(message_id), std::move(webhook_id), life);
}

class AttachmentFiles::File final : public Octets {
 public:
  File(AttachmentFiles& owner, std::string path, int fd)
      : owner_(owner), path_(std::move(path)), fd_(fd) {}
  ~File() override {
    if (fd_ >= 0) ::close(fd_);
    if (!finished_) ::unlink(path_.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Result<void> append(std::string_view octets) override {
    while (!octets.empty()) {
      const ssize_t written = ::write(fd_, octets.data(), octets.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return trouble();
      octets.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<void> finish(std::span<const store::AttachmentRow> rows) override {
    if (::fsync(fd_) != 0) return trouble();
    ::close(std::exchange(fd_, -1));
    if (Result<void> flushed = flush_directory(owner_.directory_); !flushed) return flushed;
    if (Result<void> added = owner_.log_.add_attachments(rows); !added) return added;
    finished_ = true;
    return {};
  }

 private:
  AttachmentFiles& owner_;
  const std::string path_;
  int fd_;
  bool finished_ = false;
};

Result<std::unique_ptr<Attachments::Octets>> AttachmentFiles::create(const std::string& name) {
  std::string path = directory_ + "/" + name;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return trouble();
  return std::unique_ptr<Octets>(std::make_unique<File>(*this, std::move(path), fd));
}

void AttachmentFiles::keep(const std::string& name, deliver::LinkedFiles::Done done) {
  worker_.post([&log = log_, name, done = std::move(done)] { done(log.keep_attachments(name)); });
}

/// The rows know whether the message was accepted meanwhile; the caller may not.
void AttachmentFiles::drop(const std::string& name, bool kept_too) {
  worker_.post([&log = log_, name, path = directory_ + "/" + name, kept_too] {
    const Result<bool> gone = log.drop_attachments(name, kept_too);
    if (!gone) return note(gone.error());  // the rows expire
    if (*gone) ::unlink(path.c_str());
  });
}

Result<void> AttachmentFiles::recover() {
  std::error_code error;
  std::vector<fs::path> orphans;
  fs::directory_iterator entry(directory_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const Result<bool> linked = log_.is_linked(name);
    if (!linked) return tl::unexpected(linked.error());
    if (!*linked) orphans.push_back(entry->path());
  }
  if (error) return fail(Fault::permanent, fmt::format("{}: {}", directory_, error.message()));
  for (const fs::path& orphan : orphans) fs::remove(orphan, error);
  return {};
}

}  // namespace postern::app
