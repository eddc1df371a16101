#pragma once

#include <string>

#include "deliver/payload.h"
#include "store/delivery_log.h"

namespace postern::app {

/// Attachments and raw messages handed out by link: files under `directory`, named by their ids,
/// and a row each. A link opens with its token only, of which the hash is kept.
class AttachmentFiles final : public deliver::AttachmentStore {
 public:
  /// `log` outlives this. Links start with `public_url`, which has no slash at its end.
  AttachmentFiles(store::DeliveryLog& log, std::string directory, std::string public_url)
      : log_(log), directory_(std::move(directory)), public_url_(std::move(public_url)) {}

  Result<deliver::Link> keep(const File& file, const Source& source) override;

 private:
  store::DeliveryLog& log_;
  const std::string directory_;
  const std::string public_url_;
};

}  // namespace postern::app
