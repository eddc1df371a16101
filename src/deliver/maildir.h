// Local delivery into a Maildir: each message is one file.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "mail/address.h"
#include "spool/body_reader.h"

namespace postern::deliver {

/// A directory with cur, new and tmp. Safe from any thread and next to other programs: a reader
/// never sees part of a message.
class Maildir {
 public:
  /// `path`: the directory. `hostname`: part of file names.
  Maildir(std::string path, std::string hostname)
      : path_(std::move(path)), hostname_(std::move(hostname)) {}

  /// Writes Return-Path (RFC 5321 §4.4), Delivered-To and the message, with LF line ends. Returns
  /// the file's name in new/, once it is on stable storage. After an error there is no file.
  /// Creates the Maildir, but not the directories above it: a missing mount must not fill the file
  /// system below it.
  ///
  /// All errors are Fault::temporary, because a wrong setting must not bounce mail; only the error
  /// of a damaged `body` is passed on unchanged. Blocks on the disk: call it on a worker thread.
  Result<std::string> deliver(const std::optional<mail::Mailbox>& reverse_path,
                              const mail::Mailbox& recipient, spool::BodyReader& body) const;

 private:
  Result<void> prepare() const;
  std::string unique_name() const;

  std::string path_;
  std::string hostname_;
};

}  // namespace postern::deliver
