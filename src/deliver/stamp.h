// The octets that a message is spooled as, for a relay or a local mailbox: what the client sent
// under our trace fields and signatures.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "policy/evidence.h"
#include "spool/body.h"

namespace postern::policy {
class Directory;
class DkimKeyring;
}  // namespace postern::policy

namespace postern::deliver {

/// How long a signature is good for: retries of days and a slow reader, and no longer (x=).
inline constexpr std::chrono::hours signature_lifetime{15 * 24};

struct StampOptions {
  std::string hostname;     ///< ours, in Received
  std::string authserv_id;  ///< received results under this name are removed (RFC 8601 §5)
  std::string id;           ///< of the queue, in Received
  std::chrono::system_clock::time_point time;
  std::string directory;  ///< of the Body's temporary file
  /// A layer granted the relay by the client's network: signed as if it had authenticated.
  bool trusted_client = false;
  /// Borrowed for the call. Null: nothing is signed.
  const policy::DkimKeyring* keys = nullptr;
  /// Tells whose credential it was. Borrowed for the call. Null: no account's credential signs.
  const policy::Directory* policies = nullptr;
};

/// From the top: Received (RFC 5321 §4.4), Authentication-Results, a DKIM signature for each
/// algorithm where one is due, then the message without received results in our name. All else is
/// octet for octet what the client sent; no Return-Path, which is the final delivery's.
///
/// Signed is mail of clients who authenticated, or are trusted, whose author's domain has keys that
/// sign; a credential of one account never signs for the domain of another.
///
/// Memory grows with the header section, not with the message. Blocks on the disk when the message
/// is large: on a worker thread. Faults: temporary when there is no room or a due signature could
/// not be made (451: never send unsigned), malformed when the message begins with white space (it
/// would become a part of our fields), permanent for disk trouble.
Result<spool::Body> stamped(const policy::Evidence& evidence, std::string_view message,
                            const StampOptions& options);

/// The DKIM-Signature fields for a message that this host wrote itself: of its author's domain, if
/// that has keys. "" when it has none. Fault::temporary: they could not be made.
Result<std::string> own_signatures(std::string_view message, const policy::DkimKeyring& keys,
                                   std::chrono::system_clock::time_point time);

}  // namespace postern::deliver
