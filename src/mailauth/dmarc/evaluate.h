// DMARC: does a name that SPF or DKIM vouches for belong to the author's domain, and what does the
// domain ask for when none does? RFC 7489 finds organizational domains in the public suffix list,
// RFC 9989 by walking up the DNS tree; the option `mode` chooses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/dmarc/from_header.h"
#include "mailauth/dmarc/record.h"
#include "mailauth/evaluation.h"
#include "mailauth/names.h"

namespace mailauth::dmarc {

enum class Mode : std::uint8_t {
  public_suffix,  ///< RFC 7489
  tree_walk,      ///< RFC 9989
};

/// RFC 8601 §2.7.6 with RFC 7489 §11.2.
enum class Status : std::uint8_t { none, pass, fail, temperror, permerror };
std::string_view to_string(Status status);

/// What SPF or one DKIM signature said about a domain.
struct Identifier {
  enum class Outcome : std::uint8_t { other, pass, temperror };
  Outcome outcome = Outcome::other;
  std::string domain;  ///< U-labels and capitals allowed
};

struct Request {
  std::string from_domain;  ///< author domain, see from_header.h
  /// Of the MAIL FROM identity only, whose domain is the HELO name when the sender is null
  /// (RFC 7489 §3.1.2).
  Identifier spf;
  std::vector<Identifier> dkim;  ///< one a signature
};

/// Which From fields evaluate_author() takes.
enum class AuthorRule : std::uint8_t {
  /// One address in the form everybody reads alike; all else is permerror.
  one_strict,
  /// Every valid field. Each domain of up to four is judged and the strictest outcome holds
  /// (RFC 7489 §6.6.1).
  strictest,
};

/// Questions of one evaluation: three walks of eight and the author's existence.
inline constexpr int max_queries = 32;

struct Options {
  Mode mode = Mode::public_suffix;
  /// Draw of 0 to 99 for pct= (RFC 7489 §6.6.4): the policy applies when it is below. Without a
  /// draw it always applies.
  std::optional<unsigned> draw;
  int queries = max_queries;  ///< when they are used up the rest counts as DNS trouble
  AuthorRule author = AuthorRule::one_strict;
  const SuffixList* suffixes = nullptr;  ///< null is the system's list; must outlive the evaluation
};

struct Result {
  Status status = Status::none;
  Mode mode = Mode::public_suffix;  ///< how the record was looked for
  Policy policy = Policy::none;       ///< that applies to the author's domain by p, sp or np
  Policy disposition = Policy::none;  ///< what is asked for this message, after pct= or t=
  std::string from_domain;            ///< in normal form
  std::string record_domain;          ///< whose record; empty without one
  std::string org_domain;             ///< of the author's domain; empty when not looked for
  std::optional<Record> record;
  bool spf_aligned = false;   ///< SPF passed for an aligned domain
  bool dkim_aligned = false;  ///< a signature of an aligned domain verified
  std::string reason;         ///< one sentence for logs
  int queries = 0;
};

/// Never fails. No usable author domain is permerror, no answer from DNS where the outcome depends
/// on it temperror.
Evaluation<Result> evaluate(Request request, Options options = {});
/// The same for a From field; `request.from_domain` is not used.
Evaluation<Result> evaluate_author(Author author, Request request, Options options = {});

}  // namespace mailauth::dmarc
