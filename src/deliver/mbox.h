// Local delivery: a message is appended to a file of messages, an mbox (RFC 4155).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "mail/address.h"
#include "spool/body_reader.h"

namespace postern::deliver {

/// In front of the path, in the key of a local destination; other keys are paths of Maildirs.
inline constexpr std::string_view mbox_scheme = "mbox:";

/// One mailbox in one file. Safe from any thread and beside other programs that lock with fcntl()
/// or with a file `PATH.lock`.
class Mbox {
 public:
  explicit Mbox(std::string path, std::chrono::milliseconds lock_within = std::chrono::seconds(5))
      : path_(std::move(path)), lock_within_(lock_within) {}

  /// Appends a `From ` line, Return-Path and Delivered-To (RFC 5321 §4.4), and the message with the
  /// line ends of Unix, in which lines that could be read as a `From ` line have a `>` in front
  /// ("mboxrd": who takes one off each gets them back). When it returns, all of it is on stable
  /// storage; the result says where: "PATH at octet N". After an error the file is as it was. Makes
  /// the file, not the directories above it.
  ///
  /// Every trouble here is Fault::temporary, a lock that others hold included; the error of a
  /// damaged `body` is passed on as it is. Blocks on the disk and the lock: on a worker thread.
  Result<std::string> deliver(const std::optional<mail::Mailbox>& reverse_path,
                              const mail::Mailbox& recipient, spool::BodyReader& body) const;

 private:
  std::string path_;
  std::chrono::milliseconds lock_within_;
};

}  // namespace postern::deliver
