// Questions that every dialect offers under one name. Each is a row of `offered` below. From it
// come the keyword reject_unless_NAME of restriction lists, the function NAME() of `.vsl` scripts,
// kumo.postern.NAME() of Lua policies, a Check for plans, and a name for the field `checks` of
// webhook policies.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "policy/plan.h"

namespace postern::policy::questions {

/// The answer to an offered question.
struct Finding {
  /// Whether it holds.
  enum class Is : std::uint8_t {
    holds,
    fails,
    unknown,  ///< the fact is not known yet, or never will be
  };
  Is is = Is::unknown;  ///< the answer
  std::string words;    ///< what was seen, for the trace
};

/// Whether an address literal in HELO is the client's address (RFC 5321 §4.1.3). It holds for
/// names.
Finding helo_literal_is_client(const Evidence& evidence);

/// A question that every dialect offers.
struct Offered {
  std::string_view name;  ///< lower case with underscores; the same in all dialects
  Stage from;             ///< the first stage at which the answer is known; at most rcpt
  /// A pure function of facts of the dialogue; nothing is gathered for it.
  Finding (*ask)(const Evidence& evidence);
  std::uint16_t code;           ///< of the refusal, in lists and plans
  smtp::EnhancedCode enhanced;  ///< of the refusal
  std::string_view text;        ///< of the refusal
  std::string_view holds;       ///< when it holds, a sentence
  std::string_view fails;       ///< why it does not, in a few words
  std::string_view label;       ///< for people, where its name would be: "HELO literal"
  std::string_view when;        ///< continues "A message is accepted when"
};

inline constexpr Offered offered[] = {
    {.name = "helo_literal_is_client",
     .from = Stage::helo,
     .ask = helo_literal_is_client,
     .code = 550,
     .enhanced = {5, 7, 1},
     .text = "the address literal in HELO is not the client's address",
     .holds = "An address literal in HELO is the client's address (RFC 5321 §4.1.3). Holds for "
              "names, too.",
     .fails = "HELO is the address literal of another host",
     .label = "HELO literal",
     .when = "an address literal in HELO is the client's address"},
};

/// Before the name in the keyword of restriction lists.
inline constexpr std::string_view offered_prefix = "reject_unless_";

/// By its name; null if there is none.
const Offered* find_offered(std::string_view name);
/// The questions as checks, in the order of `offered`; asked at RCPT, each its own control.
/// They refuse if the answer is unknown.
std::span<const Check> offered_checks();

}  // namespace postern::policy::questions
