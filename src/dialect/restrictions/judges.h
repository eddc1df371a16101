// The judges of keywords (their table is in keywords.cc). All are pure: they read the context and
// return Outcome::wait if it lacks an answer. Private to this folder.
#pragma once

#include <string_view>

#include "dialect/restrictions/context.h"

namespace postern::dialect::restrictions {

/// Reason of a rule whose subject comes later.
inline constexpr const char* not_known_yet = "not known at this point of the dialogue";

// Generic.
/// permit
Outcome judge_permit(Context& context, const Rule& rule);
/// reject
Outcome judge_reject(Context& context, const Rule& rule);
/// defer
Outcome judge_defer(Context& context, const Rule& rule);
/// defer_if_permit
Outcome judge_defer_if_permit(Context& context, const Rule& rule);
/// defer_if_reject
Outcome judge_defer_if_reject(Context& context, const Rule& rule);
/// reject_unauth_pipelining
Outcome judge_unauth_pipelining(Context& context, const Rule& rule);
/// reject_plaintext_session
Outcome judge_plaintext(Context& context, const Rule& rule);
/// reject_multi_recipient_bounce
Outcome judge_multi_recipient_bounce(Context& context, const Rule& rule);
/// check_policy_service
Outcome judge_policy_service(Context& context, const Rule& rule);

/// Before the name of a question that all dialects offer (policy/questions/offered.h).
inline constexpr std::string_view offered_prefix = "reject_unless_";
/// reject_unless_NAME
Outcome judge_offered(Context& context, const Rule& rule);

// About the client.
/// permit_mynetworks
Outcome judge_mynetworks(Context& context, const Rule& rule);
/// permit_sasl_authenticated
Outcome judge_authenticated(Context& context, const Rule& rule);
/// reject_unknown_client_hostname
Outcome judge_unknown_client(Context& context, const Rule& rule);
/// reject_unknown_reverse_client_hostname
Outcome judge_unknown_reverse_client(Context& context, const Rule& rule);
/// reject_rbl_client
Outcome judge_rbl_client(Context& context, const Rule& rule);
/// reject_rhsbl_client
Outcome judge_rhsbl_client(Context& context, const Rule& rule);
/// reject_rhsbl_reverse_client
Outcome judge_rhsbl_reverse_client(Context& context, const Rule& rule);
/// permit_dnswl_client
Outcome judge_dnswl_client(Context& context, const Rule& rule);
/// check_client_access
Outcome judge_client_access(Context& context, const Rule& rule);
/// check_reverse_client_hostname_access
Outcome judge_reverse_client_access(Context& context, const Rule& rule);
/// permit_rhswl_client
Outcome judge_rhswl_client(Context& context, const Rule& rule);
/// permit_inet_interfaces
Outcome judge_inet_interfaces(Context& context, const Rule& rule);

// About HELO.
/// reject_invalid_helo_hostname
Outcome judge_invalid_helo(Context& context, const Rule& rule);
/// reject_non_fqdn_helo_hostname
Outcome judge_non_fqdn_helo(Context& context, const Rule& rule);
/// reject_unknown_helo_hostname
Outcome judge_unknown_helo(Context& context, const Rule& rule);
/// reject_rhsbl_helo
Outcome judge_rhsbl_helo(Context& context, const Rule& rule);
/// check_helo_access
Outcome judge_helo_access(Context& context, const Rule& rule);

// About sender, recipient and destination.
/// reject_non_fqdn_sender
Outcome judge_non_fqdn_sender(Context& context, const Rule& rule);
/// reject_non_fqdn_recipient
Outcome judge_non_fqdn_recipient(Context& context, const Rule& rule);
/// reject_unknown_sender_domain
Outcome judge_unknown_sender_domain(Context& context, const Rule& rule);
/// reject_unknown_recipient_domain
Outcome judge_unknown_recipient_domain(Context& context, const Rule& rule);
/// reject_unlisted_sender
Outcome judge_unlisted_sender(Context& context, const Rule& rule);
/// reject_unlisted_recipient
Outcome judge_unlisted_recipient(Context& context, const Rule& rule);
/// reject_rhsbl_sender
Outcome judge_rhsbl_sender(Context& context, const Rule& rule);
/// reject_rhsbl_recipient
Outcome judge_rhsbl_recipient(Context& context, const Rule& rule);
/// check_sender_access
Outcome judge_sender_access(Context& context, const Rule& rule);
/// check_recipient_access
Outcome judge_recipient_access(Context& context, const Rule& rule);
/// reject_unauth_destination
Outcome judge_unauth_destination(Context& context, const Rule& rule);
/// permit_auth_destination
Outcome judge_auth_destination(Context& context, const Rule& rule);
/// check_relay_domains
Outcome judge_relay_domains(Context& context, const Rule& rule);
/// check_etrn_access
Outcome judge_etrn_access(Context& context, const Rule& rule);

/// Looks a domain up in the rule's DNS list. Names that are no domain names are not looked up
/// (reference §5). `what` and `kind` are for the reply: "user@example.com", "Sender address".
Outcome domain_listed(Context& context, const Rule& rule, std::string_view domain,
                      std::string_view what, std::string_view kind);

}  // namespace postern::dialect::restrictions
