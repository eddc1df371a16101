// What each keyword answers (keywords.cc has their table). All are pure: they look at the context,
// and say Outcome::wait when it misses something. Private to this folder.
#pragma once

#include <string_view>

#include "dialect/restrictions/context.h"

namespace postern::dialect::restrictions {

inline constexpr const char* not_known_yet = "not known at this point of the dialogue";

// Generic.
Outcome judge_permit(Context& context, const Rule& rule);
Outcome judge_reject(Context& context, const Rule& rule);
Outcome judge_defer(Context& context, const Rule& rule);
Outcome judge_defer_if_permit(Context& context, const Rule& rule);
Outcome judge_defer_if_reject(Context& context, const Rule& rule);
Outcome judge_unauth_pipelining(Context& context, const Rule& rule);
Outcome judge_plaintext(Context& context, const Rule& rule);
Outcome judge_multi_recipient_bounce(Context& context, const Rule& rule);
Outcome judge_policy_service(Context& context, const Rule& rule);

// About the client.
Outcome judge_mynetworks(Context& context, const Rule& rule);
Outcome judge_authenticated(Context& context, const Rule& rule);
Outcome judge_unknown_client(Context& context, const Rule& rule);
Outcome judge_unknown_reverse_client(Context& context, const Rule& rule);
Outcome judge_rbl_client(Context& context, const Rule& rule);
Outcome judge_rhsbl_client(Context& context, const Rule& rule);
Outcome judge_rhsbl_reverse_client(Context& context, const Rule& rule);
Outcome judge_dnswl_client(Context& context, const Rule& rule);
Outcome judge_client_access(Context& context, const Rule& rule);
Outcome judge_reverse_client_access(Context& context, const Rule& rule);
Outcome judge_rhswl_client(Context& context, const Rule& rule);
Outcome judge_inet_interfaces(Context& context, const Rule& rule);

// About HELO.
Outcome judge_invalid_helo(Context& context, const Rule& rule);
Outcome judge_non_fqdn_helo(Context& context, const Rule& rule);
Outcome judge_unknown_helo(Context& context, const Rule& rule);
Outcome judge_rhsbl_helo(Context& context, const Rule& rule);
Outcome judge_helo_access(Context& context, const Rule& rule);

// About sender, recipient and destination.
Outcome judge_non_fqdn_sender(Context& context, const Rule& rule);
Outcome judge_non_fqdn_recipient(Context& context, const Rule& rule);
Outcome judge_unknown_sender_domain(Context& context, const Rule& rule);
Outcome judge_unknown_recipient_domain(Context& context, const Rule& rule);
Outcome judge_unlisted_sender(Context& context, const Rule& rule);
Outcome judge_unlisted_recipient(Context& context, const Rule& rule);
Outcome judge_rhsbl_sender(Context& context, const Rule& rule);
Outcome judge_rhsbl_recipient(Context& context, const Rule& rule);
Outcome judge_sender_access(Context& context, const Rule& rule);
Outcome judge_recipient_access(Context& context, const Rule& rule);
Outcome judge_unauth_destination(Context& context, const Rule& rule);
Outcome judge_auth_destination(Context& context, const Rule& rule);
Outcome judge_relay_domains(Context& context, const Rule& rule);
Outcome judge_etrn_access(Context& context, const Rule& rule);

/// A domain in a list; names that are none are not asked for (reference §5). `what` and `kind` are
/// the reply's: "user@example.com", "Sender address".
Outcome domain_listed(Context& context, const Rule& rule, std::string_view domain,
                      std::string_view what, std::string_view kind);

}  // namespace postern::dialect::restrictions
