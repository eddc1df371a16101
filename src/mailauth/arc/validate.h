// Validating an ARC chain, RFC 8617 §5.2. The message comes in chunks; then an evaluation asks for
// the keys:
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
#include "mailauth/dkim/body_hasher.h"
#include "mailauth/dkim/key_record.h"
#include "mailauth/evaluation.h"
#include "mailauth/header.h"

namespace mailauth::arc {

struct Options {
  std::optional<std::int64_t> now;  ///< Unix time; without it x= and t= are not looked at
  std::int64_t skew = 300;          ///< seconds a clock may be off
  std::size_t max_keys = 20;        ///< different key records asked for
  std::size_t max_body_hashes = 4;  ///< different (c=, l=) pairs the body is hashed for
  bool find_oldest_pass = true;     ///< verifies the older message signatures too
  HeaderLimits header;
  dkim::KeyCache* keys = nullptr;  ///< must outlive the evaluation
};

struct Verdict {
  Status status = Status::none;
  Trouble trouble;             ///< of a chain that failed
  std::uint32_t instance = 0;  ///< the newest set's, also of a failed chain when it is known
  /// RFC 8617 §5.2 step 5: the lowest instance from which on every message signature still
  /// verifies; 0 when all do. Of a chain that passed.
  std::uint32_t oldest_pass = 0;
  /// d= of the seals, instance 1 first; every one verified when the chain passed. Empty when a seal
  /// could not be read.
  std::vector<std::string> sealers;
  /// Octets of the body the newest message signature leaves out by l=.
  std::uint64_t unsigned_octets = 0;
  /// The newest seal said cv=fail: seal() adds nothing.
  bool ended = false;
};

class Validator {
 public:
  explicit Validator(Options options = {});
  Validator(const Validator&) = delete;
  Validator& operator=(const Validator&) = delete;

  /// For a caller who keeps the header section, for others too: what is fed from here on is body.
  /// Call it once, before feed(), with a complete section.
  void begin_body(std::shared_ptr<const HeaderCollector> header);
  void feed(std::string_view chunk);
  /// Octets of memory, without a header section that the caller keeps.
  std::size_t memory() const;
  /// The message is over. Once, before evaluate().
  void finish();
  /// The validator must outlive the evaluation.
  Evaluation<Verdict> evaluate();

  /// After finish(): the message's header, for sealing. Views into the validator or its section.
  const HeaderView& header() const { return section_->view(); }

 private:
  struct Reading {
    dkim::Signature signature;
    const dkim::BodyHasher* body = nullptr;  ///< null: over the limit
  };
  struct Set {
    ArcSet fields;
    Seal seal;
    std::vector<Reading> readings;  ///< of the message signature
    Trouble unreadable;             ///< when there is no reading
  };
  struct Keys;

  std::optional<Trouble> read_sets();
  const dkim::BodyHasher* hasher_for(const dkim::Signature& signature);
  std::optional<Trouble> check_chain_statuses() const;
  std::vector<dkim::Digest> seal_digests() const;
  dkim::Reason check_reading(const Set& set, const Reading& reading,
                             const dkim::KeyRecord& key) const;
  dkim::Reason check_message_signature(const Set& set, const dkim::KeyRecord& key) const;

  Evaluation<Trouble> verify_message_signature(std::uint32_t instance, Keys& keys);
  Evaluation<Trouble> verify_seals(Keys& keys);
  Evaluation<std::uint32_t> find_oldest_pass(Keys& keys);

  Options options_;
  /// Null: the caller keeps the section.
  std::shared_ptr<HeaderCollector> collector_;
  std::shared_ptr<const HeaderCollector> section_;  ///< once it is complete
  std::vector<Set> sets_;
  Trouble trouble_;
  std::vector<std::unique_ptr<dkim::BodyHasher>> hashers_;
};

/// The whole message at once; a copy of it is not made. `message` and the options' cache must
/// outlive the evaluation.
Evaluation<Verdict> validate(std::string_view message, Options options = {});

}  // namespace mailauth::arc
