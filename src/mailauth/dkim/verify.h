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

#include "mailauth/dkim/result.h"
#include "mailauth/evaluation.h"
#include "mailauth/header.h"

namespace mailauth::dkim {

class KeyCache;

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
