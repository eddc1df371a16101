// DKIM verification, RFC 6376 §6: a message goes in as it arrives, the body is hashed on its way,
// and at the end the keys are asked for.
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

struct VerifyOptions {
  /// Signatures evaluated at most: the well-formed ones, those of preferred domains first, then
  /// those whose d= has the organisational domain of an address in From, then the others; each
  /// group from the top of the header.
  std::size_t max_signatures = 10;
  /// In normal form; a d= above or below one of them is preferred too.
  std::vector<std::string> preferred_domains;
  /// How far clocks may be apart, for t= and x=.
  std::int64_t skew_seconds = 300;
  HeaderLimits header;
  /// Kept by the caller, longer than the evaluation. Without one every key is parsed anew.
  KeyCache* cache = nullptr;
};

struct SignatureResult {
  /// What could be read of it; of a malformed one domain and selector may be empty.
  Signature signature;
  Status status = Status::neutral;
  Reason reason = Reason::ok;
  unsigned key_bits = 0;  ///< 0: no key was looked at
  bool testing = false;   ///< t=y in the key: RFC 6376 §3.6.1, not to be treated as signed
  std::uint64_t unsigned_octets = 0;  ///< of the body, behind what l= covers
  /// A field that a reader sees is there more than once and more often than it is signed: one was
  /// added (RFC 6376 §8.15).
  bool uncovered_field = false;
  bool from_future = false;  ///< t= is later than now and the skew; RFC 6376 §3.5 leaves it to us
  bool header_ambiguous = false;  ///< HeaderView::ambiguous()
  /// Passed, and says something of the message as a reader sees it: no unsigned octets, no t=y, no
  /// uncovered field, not from the future, exactly one From, no line that is no header field.
  bool acceptable = false;

  /// The word for Authentication-Results: a pass that is not acceptable is "policy", but for t=y.
  Status reported() const;
};

struct Results {
  /// One a DKIM-Signature field, from the top of the header.
  std::vector<SignatureResult> signatures;
  std::size_t from_fields = 0;
  /// The header section is beyond its limits; no signature was looked at.
  bool header_too_long = false;

  /// The best of the signatures; none when there is none.
  Status overall() const;
  bool any_acceptable() const;
};

class Verifier {
 public:
  explicit Verifier(VerifyOptions options = {});
  ~Verifier();
  Verifier(Verifier&&) noexcept;
  Verifier& operator=(Verifier&&) noexcept;

  /// For a caller who keeps the header section, for others too: what is fed from here on is body.
  /// Call it once, before feed(), with a complete section.
  void begin_body(std::shared_ptr<const HeaderCollector> header);
  /// The next octets of the message, dots already unstuffed. Nothing is allocated for body octets.
  void feed(std::string_view chunk);
  /// Octets of memory, without a header section that the caller keeps.
  std::size_t memory() const;
  /// The header's fields, once the body has begun; null before.
  const HeaderView* header() const;
  /// The message is over. The evaluation takes what was gathered; the verifier is spent.
  /// `now`: seconds since 1970.
  Evaluation<Results> finish(std::int64_t now);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

/// The same for a message at once.
Evaluation<Results> verify_message(std::string_view message, std::int64_t now,
                                   VerifyOptions options = {});

}  // namespace mailauth::dkim
