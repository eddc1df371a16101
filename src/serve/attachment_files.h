#pragma once

#include <memory>
#include <span>
#include <string>

#include "deliver/payload.h"
#include "spool/workers.h"
#include "store/delivery_log.h"

namespace postern::app {

/// Attachments and raw messages that are fetched by link. What is behind the links of a message is
/// one piece, so that it costs no more flushes than other messages; each link has a row. A link
/// needs its token, of which only the hash is stored. Thread-safe.
class Attachments : public deliver::AttachmentStore {
 public:
  /// `public_url` begins all links and has no trailing slash.
  explicit Attachments(std::string public_url) : public_url_(std::move(public_url)) {}

  /// Begins the files of one message; the links are valid for `life`.
  std::unique_ptr<deliver::LinkedFiles> begin(std::string message_id, std::string webhook_id,
                                              std::chrono::hours life) final;
  /// Waits for the jobs that are queued.
  virtual void stop() = 0;

 protected:
  /// What is behind the links of one message. The destructor removes it unless it was finished.
  class Octets {
   public:
    virtual ~Octets() = default;
    /// Blocks on the disk.
    virtual Result<void> append(std::string_view octets) = 0;
    /// Puts the octets and their links on stable storage. Blocks.
    virtual Result<void> finish(std::span<const store::AttachmentRow> rows) = 0;
  };
  /// Begins the octets of a message by their name.
  virtual Result<std::unique_ptr<Octets>> create(const std::string& name) = 0;
  /// As LinkedFiles::keep().
  virtual void keep(const std::string& name, deliver::LinkedFiles::Done done) = 0;
  /// Removes finished octets, unless their message was accepted; with `kept_too`, then too.
  virtual void drop(const std::string& name, bool kept_too) = 0;

 private:
  class Message;

  const std::string public_url_;
};

/// Those of one gateway: each message has one file under `directory`, and rows of delivery.db.
class AttachmentFiles final : public Attachments {
 public:
  /// `log` outlives this object.
  AttachmentFiles(store::DeliveryLog& log, std::string directory, std::string public_url)
      : Attachments(std::move(public_url)), log_(log), directory_(std::move(directory)) {}

  /// Removes files without links, left by a crash. To be called before the first begin(); blocks.
  Result<void> recover();
  /// Later jobs run on the caller's thread.
  void stop() override { worker_.stop(); }

 private:
  class File;
  Result<std::unique_ptr<Octets>> create(const std::string& name) override;
  void keep(const std::string& name, deliver::LinkedFiles::Done done) override;
  void drop(const std::string& name, bool kept_too) override;

  store::DeliveryLog& log_;
  const std::string directory_;
  spool::Workers worker_{1, "attachments"};  ///< commits and removals that no caller waits for
};

}  // namespace postern::app
