#pragma once

#include <string>

#include "deliver/payload.h"
#include "spool/workers.h"
#include "store/delivery_log.h"

namespace postern::app {

/// Attachments and raw messages that are fetched by link. Each message has one file under
/// `directory`, so that it costs no more fsync calls than other messages, and one row for each
/// link. A link needs its token, of which only the hash is stored. Thread-safe.
class AttachmentFiles final : public deliver::AttachmentStore {
 public:
  /// `log` outlives this object. `public_url` begins all links and has no trailing slash.
  AttachmentFiles(store::DeliveryLog& log, std::string directory, std::string public_url)
      : log_(log), directory_(std::move(directory)), public_url_(std::move(public_url)) {}

  /// Removes files without links, left by a crash. To be called before the first begin(); blocks.
  Result<void> recover();
  /// Begins the files of one message; the links are valid for `life`.
  std::unique_ptr<deliver::LinkedFiles> begin(std::string message_id, std::string webhook_id,
                                              std::chrono::hours life) override;
  /// Waits for the jobs that are queued. Later jobs run on the caller's thread.
  void stop() { worker_.stop(); }

 private:
  class Message;

  store::DeliveryLog& log_;
  const std::string directory_;
  const std::string public_url_;
  spool::Workers worker_{1, "attachments"};  ///< commits and removals that no caller waits for
};

}  // namespace postern::app
