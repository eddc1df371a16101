// The result of DKIM verification (RFC 6376 §6) as a value; verify.h finds it.
#pragma once

#include <cstdint>
#include <vector>

#include "mailauth/dkim/reason.h"
#include "mailauth/dkim/signature.h"

namespace mailauth::dkim {

/// The result for one DKIM-Signature field.
struct SignatureResult {
  /// The parsed field. Domain and selector may be empty when it is malformed.
  Signature signature;
  Status status = Status::neutral;  ///< status_of(reason)
  Reason reason = Reason::ok;       ///< why it did not pass; ok: it passed
  unsigned key_bits = 0;            ///< size of the key; 0: no key was examined
  bool testing = false;  ///< the key has t=y: the message counts as unsigned (RFC 6376 §3.6.1)
  std::uint64_t unsigned_octets = 0;  ///< octets of the canonical body after those that l= covers
  /// From, Subject, To, Date, Reply-To, MIME-Version or Content-Type occurs more than once, and
  /// more often than h= names it: one may have been added after signing (RFC 6376 §8.15).
  bool uncovered_field = false;
  bool from_future = false;       ///< t= is after now plus the skew (RFC 6376 §3.5 permits either)
  bool header_ambiguous = false;  ///< HeaderView::ambiguous()
  /// The signature passed, and these hold: no unsigned octets, no t=y, no uncovered field, not from
  /// the future, exactly one From field, no malformed header line. Decide by this flag.
  bool acceptable = false;

  /// The result for Authentication-Results (RFC 8601 §2.7.1). A pass that is not acceptable becomes
  /// "policy"; with `testing` it stays "pass".
  Status reported() const;
};

/// The results for one message.
struct Results {
  /// One result for each DKIM-Signature field, from the top of the header.
  std::vector<SignatureResult> signatures;
  std::size_t from_fields = 0;  ///< number of From fields
  /// The header section exceeds VerifyOptions::header; no signature was evaluated.
  bool header_too_long = false;

  /// The best status of all signatures; Status::none when there is no signature.
  Status overall() const;
  /// Whether at least one signature is acceptable.
  bool any_acceptable() const;
};

}  // namespace mailauth::dkim
