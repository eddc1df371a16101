// What the lists answer to what questions found (policy/questions, policy/answers.h), in Postfix's
// words. Codes that a parameter sets stand with the keywords; here are the others.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/questions/helo_valid.h"
#include "smtp/reply.h"

namespace postern::dialect::restrictions::replies {

struct Words {
  std::uint16_t code;
  smtp::EnhancedCode enhanced;
  std::string_view text;  ///< the reason, to which a rule may add what it is about
};

// What cannot be known now.
inline constexpr Words bad_configuration{451, {4, 3, 5}, "Server configuration error"};
inline constexpr Words lookup_failed{451, {4, 3, 0}, "Temporary lookup failure"};
inline constexpr Words route_lookup_failed{451, {4, 3, 0}, "temporary lookup failure"};
inline constexpr Words helo_unanswered{450, {4, 7, 1}, "Host not found, try again"};
inline constexpr Words client_unanswered{450, {4, 7, 25}, "cannot find your hostname, "};
inline constexpr Words reverse_unanswered{450, {4, 7, 1}, "cannot find your reverse hostname, "};
inline constexpr Words allow_list_unanswered{450, {4, 7, 1}, "Service unavailable; allow list "};
inline constexpr std::uint16_t domain_unanswered = 450;
inline constexpr std::string_view domain_unanswered_text = "Domain not found, try again";

// A domain that takes no mail (RFC 7505 §4.2), of a sender and of a recipient.
inline constexpr Words sender_null_mx{550, {5, 7, 27}, "Domain does not accept mail (nullMX)"};
inline constexpr Words recipient_null_mx{556, {5, 1, 10}, "Domain does not accept mail (nullMX)"};

inline constexpr Words early_talker{503, {5, 5, 0}, "Improper use of SMTP command pipelining"};
inline constexpr Words relay_denied{0, {5, 7, 1}, ": Relay access denied"};  // code: the rule's

// The owner of a sender's address, and mail hosts that cannot be found now.
inline constexpr Words not_owned{553, {5, 7, 1}, "not owned by user "};
inline constexpr Words not_logged_in{553, {5, 7, 1}, "not logged in"};
inline constexpr Words mail_hosts_unanswered{
    450, {4, 4, 4}, "Unable to look up mail exchanger information: "};
inline constexpr std::string_view mail_host_unanswered = "Unable to look up mail exchanger host ";

// An address that its mail hosts refuse, or that could not be verified.
inline constexpr std::string_view undeliverable = "undeliverable address: ";
inline constexpr std::string_view unverified = "unverified address: ";
inline constexpr std::uint16_t no_verification = 450;
inline constexpr std::string_view no_verification_text = "address verification problem";

// Names in HELO. A broken literal has a code of its own under every keyword but the first.
inline constexpr Words broken_literal{501, {5, 5, 2}, "invalid ip address"};
constexpr std::string_view invalid_helo(policy::questions::NameForm form) {
  return form == policy::questions::NameForm::broken_literal ? broken_literal.text : "Invalid name";
}
inline constexpr std::string_view unqualified_helo = "need fully-qualified hostname";
inline constexpr std::string_view unqualified_address = "need fully-qualified address";
inline constexpr std::string_view missing_helo = "Host not found";

}  // namespace postern::dialect::restrictions::replies
