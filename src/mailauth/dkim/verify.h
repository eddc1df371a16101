// DKIM verification (RFC 6376 §6). Feed the message as it arrives: its body is hashed at once.
// finish() returns the evaluation, which asks for the keys.
//
//   dkim::Verifier verifier;
//   while (read(chunk)) verifier.feed(chunk);
//   auto check = verifier.finish(now);
//   while (const Question* question = check.next()) check.feed(resolve(*question));
//   const dkim::Results results = check.result();
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dkim/key_record.h"
#include "mailauth/dkim/reason.h"
#include "mailauth/dkim/signature.h"
#include "mailauth/evaluation.h"
#include "mailauth/header.h"

namespace mailauth::dkim {

/// Limits and settings of a verification.
struct VerifyOptions {
  /// The number of well-formed signatures that are evaluated at most. They are taken in this order:
  /// those of preferred domains; those whose d= has the organizational domain of an address in
  /// From; the others; within each group from the top of the header.
  std::size_t max_signatures = 10;
  /// Domains in normal form; a d= above or below one of them is preferred, too.
  std::vector<std::string> preferred_domains;
  /// Tolerated clock difference in seconds, for t= and x=.
  std::int64_t skew_seconds = 300;
  /// Limits of the header section; a larger one gives Results::header_too_long.
  HeaderLimits header;
  /// Borrowed; must outlive the evaluation. Null: every key is parsed anew.
  KeyCache* cache = nullptr;
};

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

/// Verifies all DKIM signatures of one message. Not thread-safe; movable.
class Verifier {
 public:
  /// The options are copied; `options.cache` is borrowed.
  explicit Verifier(VerifyOptions options = {});
  ~Verifier();
  Verifier(Verifier&&) noexcept;
  Verifier& operator=(Verifier&&) noexcept;

  /// For a caller that holds the header section itself: everything fed afterwards is body. Call it
  /// once, before feed(), with a complete section.
  void begin_body(std::shared_ptr<const HeaderCollector> header);
  /// Takes the next octets of the message, after dot-unstuffing (RFC 5321 §4.5.2). Allocates
  /// nothing for body octets.
  void feed(std::string_view chunk);
  /// Octets of memory in use, without a header section that the caller holds.
  std::size_t memory() const;
  /// The header fields once the body has begun; null before that.
  const HeaderView* header() const;
  /// Ends the message: nothing is fed afterwards. Each further call evaluates again, as after a
  /// failure of DNS; let the previous evaluation end first. The evaluation may outlive the
  /// verifier. `now`: seconds since 1970.
  Evaluation<Results> finish(std::int64_t now);

  struct State;  ///< private to verify.cc

 private:
  std::shared_ptr<State> state_;
};

/// Verifies a whole message, which is read during the call. `now`: seconds since 1970.
Evaluation<Results> verify_message(std::string_view message, std::int64_t now,
                                   VerifyOptions options = {});

}  // namespace mailauth::dkim
