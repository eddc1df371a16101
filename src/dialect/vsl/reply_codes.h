// The replies that scripts can name, and what the dialect answers to what questions found
// (policy/questions).
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "policy/questions/dmarc.h"
#include "policy/questions/spf.h"
#include "policy/verdict.h"
#include "smtp/reply.h"

namespace postern::dialect::vsl {

/// A reply with its name.
struct NamedReply {
  std::string_view name;        ///< in scripts
  std::uint16_t code;           ///< RFC 5321 §4.2
  smtp::EnhancedCode enhanced;  ///< RFC 3463 §2
  std::string_view text;        ///< without the codes
};

/// Codes: RFC 3463 §3.8, RFC 6376 §6.3, RFC 7372 §3, RFC 7505 §4.
inline constexpr NamedReply named_replies[] = {
    {"code554_7_1", 554, {5, 7, 1}, "Relay access denied"},
    {"code550_7_20", 550, {5, 7, 20}, "No passing DKIM signature found"},
    {"code550_7_21", 550, {5, 7, 21}, "No acceptable DKIM signature found"},
    {"code550_7_22", 550, {5, 7, 22}, "No valid author-matched DKIM signature found"},
    {"code550_7_23", 550, {5, 7, 23}, "SPF validation failed"},
    {"code451_7_24", 451, {4, 7, 24}, "SPF validation error"},
    {"code550_7_24", 550, {5, 7, 24}, "SPF validation error"},
    {"code550_7_25", 550, {5, 7, 25}, "Reverse DNS validation failed"},
    {"code550_7_26", 550, {5, 7, 26}, "Multiple authentication checks failed"},
    {"code550_7_27", 550, {5, 7, 27}, "Sender address has null MX"},
    {"code556_1_10", 556, {5, 1, 10}, "Recipient address has null MX"},
    {"code_greylist", 451, {4, 7, 1}, "Sender is not authorized. Please try again."},
    {"code451_3_0",
     451,
     {4, 3, 0},
     "Multiple destination domains per transaction is unsupported. Please try again."},
    {"code550_1_1",
     550,
     {5, 1, 1},
     "The email account that you tried to reach does not exist. Please try again."},
};

/// The reply of a name. Throws std::logic_error if the name is not in the table.
inline smtp::Reply named_reply(std::string_view name) {
  const auto* found = std::find_if(std::begin(named_replies), std::end(named_replies),
                                   [&](const NamedReply& one) { return one.name == name; });
  if (found == std::end(named_replies)) throw std::logic_error("no reply of that name");
  return {.code = found->code, .enhanced = found->enhanced, .text = std::string(found->text)};
}

/// check_spf(): null where the client is told nothing.
inline std::optional<smtp::Reply> spf_refusal(policy::questions::Spf::Says says, bool strict) {
  using Says = policy::questions::Spf::Says;
  switch (says) {
    case Says::doubts:
      if (!strict) return std::nullopt;
      [[fallthrough]];
    case Says::forbids:
      return named_reply("code550_7_23");
    case Says::unanswered:
      return named_reply("code451_7_24");
    case Says::broken:
      return named_reply("code550_7_24");
    case Says::authorised:
    case Says::nothing:
      break;
  }
  return std::nullopt;
}

/// check_dmarc(): null where the client is told nothing, or the message is quarantined.
inline std::optional<smtp::Reply> dmarc_refusal(policy::questions::Dmarc::Says says) {
  using Says = policy::questions::Dmarc::Says;
  switch (says) {
    case Says::no_author:
      return smtp::Reply{550, {5, 7, 1}, "The From header is missing, repeated or malformed"};
    case Says::unanswered:
      return smtp::Reply{451, {4, 7, 0}, "DMARC policy lookup failed"};
    case Says::asks_reject:
      return named_reply("code550_7_26");
    case Says::vouched:
    case Says::no_record:
    case Says::asks_nothing:
    case Says::asks_quarantine:
      break;
  }
  return std::nullopt;
}

/// A client that may not relay, or write in our name.
inline smtp::Reply relay_denied() { return named_reply("code554_7_1"); }
/// `must_be_authenticated` (RFC 4954 §6).
inline smtp::Reply login_required() { return {530, {5, 7, 0}, "Authentication required"}; }
/// deny() without a reply of its own.
inline smtp::Reply denied() {
  return {554, {5, 7, 1}, "permanent problems with the remote server"};
}
/// A rule failed (RFC 5321 §4.2.3). At connect the session ends with it.
inline smtp::Reply rule_failed(policy::Stage stage) {
  smtp::Reply reply{451, {4, 3, 0}, "Requested action aborted: local error in processing"};
  if (stage == policy::Stage::connect) reply.after = smtp::After::close;
  return reply;
}

}  // namespace postern::dialect::vsl
