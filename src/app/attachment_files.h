#pragma once

#include <string>

#include "deliver/payload.h"
#include "spool/workers.h"
#include "store/delivery_log.h"

namespace postern::app {

/// Attachments and raw messages handed out by link: one file a message under `directory`, so that
/// writing it costs as many flushes as any other message, and a row for each link. A link opens
/// with its token only, of which the hash is kept. Safe from any thread.
class AttachmentFiles final : public deliver::AttachmentStore {
 public:
  /// `log` outlives this. Links start with `public_url`, which has no slash at its end.
  AttachmentFiles(store::DeliveryLog& log, std::string directory, std::string public_url)
      : log_(log), directory_(std::move(directory)), public_url_(std::move(public_url)) {}

  /// Removes files that no link leads to: a crash left them. Before the first begin(); blocks.
  Result<void> recover();
  std::unique_ptr<deliver::LinkedFiles> begin(std::string message_id, std::string webhook_id,
                                              std::chrono::hours life) override;
  /// Returns when what was asked for is done; what is asked for later is done where it is asked.
  void stop() { worker_.stop(); }

 private:
  class Message;

  store::DeliveryLog& log_;
  const std::string directory_;
  const std::string public_url_;
  spool::Workers worker_{1, "attachments"};  ///< commits and removals that nobody may wait for
};

}  // namespace postern::app
