// What is spooled for a relay or a local mailbox: the client's message with our trace fields and
// signatures on top.
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

/// Validity of a signature (x=, RFC 6376 §3.5): enough for retries of days and a slow reader.
inline constexpr std::chrono::hours signature_lifetime{15 * 24};

/// Settings of stamped().
struct StampOptions {
  std::string hostname;     ///< in Received
  std::string authserv_id;  ///< received results with this id are removed (RFC 8601 §5)
  std::string id;           ///< queue id, in Received
  std::chrono::system_clock::time_point time;  ///< in Received and in signatures
  std::string directory;                       ///< of the Body's temporary file
  /// The client may relay because of its network: its mail is signed as if it had authenticated.
  bool trusted_client = false;
  /// Borrowed for the call. Null: no signatures.
  const policy::DkimKeyring* keys = nullptr;
  /// Borrowed for the call. Finds the account of a credential; null: such clients get no signature.
  const policy::Directory* policies = nullptr;
};

/// From the top: Received (RFC 5321 §4.4), Authentication-Results, a DKIM-Signature for each
/// algorithm if a signature is due, then the message without received results with our authserv-id.
/// The rest is octet for octet what the client sent. No Return-Path: final delivery adds it.
///
/// A signature is due if the client authenticated or is trusted, and the author's domain has
/// signing keys. A credential of one account never signs for the domain of another.
///
/// Memory grows with the header, not with the message. Blocks on the disk for a large message: call
/// it on a worker thread. Fault::temporary: no space, or a due signature could not be made (451,
/// never sent unsigned). Fault::malformed: the message begins with white space, which would
/// continue our last field. Fault::permanent: disk errors.
Result<spool::Body> stamped(const policy::Evidence& evidence, std::string_view message,
                            const StampOptions& options);

/// The DKIM-Signature fields of a message written by this host, if its author's domain has keys;
/// else "". Fault::temporary: they could not be made.
Result<std::string> own_signatures(std::string_view message, const policy::DkimKeyring& keys,
                                   std::chrono::system_clock::time_point time);

}  // namespace postern::deliver
