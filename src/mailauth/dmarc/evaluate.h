// DMARC evaluation: whether a domain authenticated by SPF or DKIM is aligned with the author
// domain, and which policy the author domain requests otherwise. RFC 7489 §3.2 finds organizational
// domains in the public suffix list, RFC 9989 §4.10 by a DNS tree walk; Options::mode selects one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dmarc/from_header.h"
#include "mailauth/dmarc/result.h"
#include "mailauth/evaluation.h"

namespace mailauth {
class SuffixList;
}

namespace mailauth::dmarc {

/// The result of SPF or of one DKIM signature for a domain.
struct Identifier {
  /// What matters for DMARC: `temperror` may become a pass later.
  enum class Outcome : std::uint8_t { other, pass, temperror };
  Outcome outcome = Outcome::other;  ///< the result
  std::string domain;  ///< the authenticated domain; U-labels and capitals are allowed
};

/// What is known about one message.
struct Request {
  std::string from_domain;  ///< the author domain; see from_header.h
  /// The result for the MAIL FROM identity only. With a null reverse-path its domain is the HELO
  /// name (RFC 7489 §3.1.2).
  Identifier spf;
  std::vector<Identifier> dkim;  ///< one for each signature
};

/// Which From fields evaluate_author() accepts.
enum class AuthorRule : std::uint8_t {
  /// Only one address in a form that all readers parse alike; anything else is permerror.
  one_strict,
  /// Every valid field. Each of at most four domains is evaluated, and the strictest result is
  /// taken (RFC 7489 §6.6.1).
  strictest,
};

/// DNS queries in one evaluation: three walks with eight queries each, and the existence of the
/// author domain.
inline constexpr int max_queries = 32;

/// Settings of an evaluation.
struct Options {
  Mode mode = Mode::public_suffix;  ///< how organizational domains are found
  /// A random number from 0 to 99 for pct= (RFC 7489 §6.6.4): the policy applies when the number is
  /// below pct=. Nullopt: it always applies.
  std::optional<unsigned> draw;
  int queries = max_queries;  ///< DNS queries allowed; further lookups count as failed
  AuthorRule author = AuthorRule::one_strict;  ///< used by evaluate_author()
  const SuffixList* suffixes = nullptr;  ///< null: the system's list; must outlive the evaluation
};

/// Evaluates DMARC for one author domain. Never fails: an unusable author domain gives permerror,
/// and a failed lookup that may change the outcome gives temperror. `options.suffixes` must outlive
/// the evaluation.
Evaluation<Result> evaluate(Request request, Options options = {});
/// Evaluates DMARC for a parsed From field; `request.from_domain` is not used.
Evaluation<Result> evaluate_author(Author author, Request request, Options options = {});

}  // namespace mailauth::dmarc
