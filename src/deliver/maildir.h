// Local delivery: a message becomes a file of a Maildir.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "mail/address.h"
#include "spool/body_reader.h"

namespace postern::deliver {

/// One mailbox on disk: a directory with cur, new and tmp. Safe from any thread and beside other
/// programs; a reader never sees half a message.
class Maildir {
 public:
  /// `hostname` goes into file names.
  Maildir(std::string path, std::string hostname)
      : path_(std::move(path)), hostname_(std::move(hostname)) {}

  /// Writes Return-Path and Delivered-To (RFC 5321 §4.4), then the message with the line ends of
  /// Unix. When it returns, the file is in new/ and on stable storage; its name there is the
  /// result. After an error there is no file. Makes the Maildir, not the directories above it: one
  /// that is not mounted is no reason to fill what is below it.
  ///
  /// Every trouble here is Fault::temporary: a wrong setting must not send mail back. The error of
  /// a damaged `body` is passed on as it is. Blocks on the disk: on a worker thread.
  Result<std::string> deliver(const std::optional<mail::Mailbox>& reverse_path,
                              const mail::Mailbox& recipient, spool::BodyReader& body) const;

 private:
  Result<void> prepare() const;
  std::string unique_name() const;

  std::string path_;
  std::string hostname_;
};

}  // namespace postern::deliver
