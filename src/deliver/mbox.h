// Local delivery into an mbox (RFC 4155): messages are appended to one file.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "mail/address.h"
#include "spool/body_reader.h"

namespace postern::deliver {

/// Prefix of the path in the key of a local destination; keys without it are paths of Maildirs.
inline constexpr std::string_view mbox_scheme = "mbox:";

/// A mailbox in one file. Safe from any thread and next to other programs that lock with fcntl() or
/// with a file `PATH.lock`.
class Mbox {
 public:
  /// `lock_within`: how long deliver() waits for locks.
  explicit Mbox(std::string path, std::chrono::milliseconds lock_within = std::chrono::seconds(5))
      : path_(std::move(path)), lock_within_(lock_within) {}

  /// Appends a `From ` line, Return-Path (RFC 5321 §4.4), Delivered-To and the message, with LF
  /// line ends. A line of `>`s and `From ` gets another `>` in front ("mboxrd"), which readers
  /// remove. Returns "PATH at octet N" once everything is on stable storage. After an error the
  /// file is as before. Creates the file, but not the directories above it.
  ///
  /// All errors are Fault::temporary, a lock held by others included; only the error of a damaged
  /// `body` is passed on unchanged. Blocks on the disk and on the locks: call it on a worker
  /// thread.
  Result<std::string> deliver(const std::optional<mail::Mailbox>& reverse_path,
                              const mail::Mailbox& recipient, spool::BodyReader& body) const;

 private:
  std::string path_;
  std::chrono::milliseconds lock_within_;
};

}  // namespace postern::deliver
