// Validation of an ARC chain (RFC 8617 §5.2). The message is fed in chunks; then an evaluation
// looks up the keys:
//
//   arc::Validator validator({.now = now});
//   for (chunk : message) validator.feed(chunk);
//   validator.finish();
//   Evaluation<arc::Verdict> evaluation = validator.evaluate();
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/arc/sets.h"
#include "mailauth/arc/verdict.h"
#include "mailauth/dkim/body_hasher.h"
#include "mailauth/dkim/key_record.h"
#include "mailauth/evaluation.h"
#include "mailauth/header.h"

namespace mailauth::arc {

/// Limits and settings of a validation.
struct Options {
  std::optional<std::int64_t> now;  ///< seconds since 1970; nullopt: x= and t= are not checked
  std::int64_t skew = 300;          ///< tolerated clock difference in seconds, for x= and t=
  std::size_t max_keys = 20;        ///< key records that may be looked up
  std::size_t max_body_hashes = 4;  ///< distinct (c=, l=) pairs for which the body is hashed
  bool find_oldest_pass = true;     ///< whether to verify the older message signatures, too
  HeaderLimits header;              ///< a larger header section makes the chain fail
  dkim::KeyCache* keys = nullptr;   ///< may be null; must outlive the evaluation
};

/// Validates the ARC chain of one message. Not thread-safe.
class Validator {
 public:
  /// The options are copied; `options.keys` is borrowed.
  explicit Validator(Options options = {});
  Validator(const Validator&) = delete;
  Validator& operator=(const Validator&) = delete;

  /// For a caller that holds the header section itself: everything fed afterwards is body. Call it
  /// once, before feed(), with a complete section.
  void begin_body(std::shared_ptr<const HeaderCollector> header);
  /// Takes the next octets of the message, after dot-unstuffing (RFC 5321 §4.5.2).
  void feed(std::string_view chunk);
  /// Octets of memory in use, without a header section that the caller holds.
  std::size_t memory() const;
  /// Ends the message. Call it once, before evaluate().
  void finish();
  /// Verifies the chain. The validator must outlive the evaluation.
  Evaluation<Verdict> evaluate();

  /// The header of the message, for sealing. Valid after finish(), as long as the validator.
  const HeaderView& header() const { return section_->view(); }

 private:
  struct Reading {
    dkim::Signature signature;
    const dkim::BodyHasher* body = nullptr;  ///< null: over the limit
  };
  struct Set {
    ArcSet fields;
    Seal seal;
    std::vector<Reading> readings;  ///< of the message signature; empty when malformed
    Trouble unreadable;             ///< why there is no reading
  };
  struct Keys;

  std::optional<Trouble> read_sets();
  const dkim::BodyHasher* hasher_for(const dkim::Signature& signature);
  std::optional<Trouble> check_chain_statuses() const;
  std::vector<dkim::Digest> seal_digests() const;
  dkim::Reason check_reading(const Set& set, const Reading& reading,
                             const dkim::KeyRecord& key) const;
  /// The result for a message signature.
  struct Checked {
    Trouble trouble;
    const Reading* reading = nullptr;  ///< the one that verified; null if none did
  };
  Checked check_message_signature(const Set& set, const dkim::KeyRecord& key) const;

  Evaluation<Checked> verify_message_signature(std::uint32_t instance, Keys& keys);
  Evaluation<Trouble> verify_seals(Keys& keys);
  Evaluation<std::uint32_t> find_oldest_pass(Keys& keys);

  Options options_;
  /// Null when the caller holds the header section.
  std::shared_ptr<HeaderCollector> collector_;
  std::shared_ptr<const HeaderCollector> section_;  ///< null until it is complete
  std::vector<Set> sets_;
  Trouble trouble_;
  std::vector<std::unique_ptr<dkim::BodyHasher>> hashers_;
};

/// Validates a whole message without copying it. `message` and `options.keys` must outlive the
/// evaluation.
Evaluation<Verdict> validate(std::string_view message, Options options = {});

}  // namespace mailauth::arc
