// The verdict on an ARC chain (RFC 8617 §5.2) as a value; validate.h finds it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/reason.h"

namespace mailauth::arc {

/// The chain validation status (RFC 8617 §4.4).
enum class Status : std::uint8_t {
  none,  ///< there is no ARC field
  pass,
  fail,
  temperror,  ///< a key could not be fetched; a result of RFC 8601 §2.7.1, not a value of cv=
};
/// The status as cv= and Authentication-Results write it.
std::string_view to_text(Status status);

/// Why a chain did not pass.
enum class Reason : std::uint8_t {
  ok,
  header_too_long,
  header_ambiguous,    ///< HeaderView::ambiguous()
  instance_malformed,  ///< i= is missing or not from 1 to 50
  field_repeated,      ///< two fields of one kind have the same instance
  set_incomplete,      ///< a field or a whole set is missing
  seal_malformed,
  seal_has_fields,  ///< an ARC-Seal has h= (RFC 8617 §4.1.3)
  message_signature_malformed,
  message_signature_covers_seal,  ///< h= names ARC-Seal
  failed_before,                  ///< the newest seal says cv=fail
  status_wrong,                   ///< cv= is not none in set 1 and pass in the others
  message_signature_failed,       ///< the newest one; `detail` says why
  seal_failed,                    ///< any seal; `detail` says why
  too_many_keys,                  ///< more key lookups than the limit
  key_unavailable,                ///< DNS lookup failed temporarily
};
/// A phrase in lower case, for logs and replies. It contains no text from the message.
std::string_view to_text(Reason reason);

/// Why a chain did not pass.
struct Trouble {
  Reason reason = Reason::ok;              ///< the cause
  std::uint32_t instance = 0;              ///< of the set at fault; 0: no particular set
  dkim::Reason detail = dkim::Reason::ok;  ///< the cause in a signature or its key
};

/// The result of a validation.
struct Verdict {
  Status status = Status::none;  ///< the chain validation status
  Trouble trouble;               ///< why the chain did not pass
  std::uint32_t instance = 0;    ///< the highest instance; 0 when there is none
  /// RFC 8617 §5.2 step 5, for a chain that passed: the lowest instance from which on every message
  /// signature still verifies; 0 when all verify.
  std::uint32_t oldest_pass = 0;
  /// d= of the seals, instance 1 first. All are verified when the chain passed. May be incomplete
  /// when a seal is malformed.
  std::vector<std::string> sealers;
  /// Octets of the body that the newest message signature leaves out with l=.
  std::uint64_t unsigned_octets = 0;
  /// The newest seal has cv=fail: seal() adds no set.
  bool ended = false;
};

}  // namespace mailauth::arc
