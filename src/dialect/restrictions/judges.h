// The judges of keywords (their table is in keywords.cc). All are pure: they read the context and
// return RuleOutcome::wait if it lacks an answer. Private to this folder.
#pragma once

#include <string_view>
#include <vector>

#include "dialect/restrictions/context.h"

namespace postern::dialect::restrictions {

/// Reason of a rule whose subject comes later.
inline constexpr const char* not_known_yet = "not known at this point of the dialogue";

// Generic.
/// permit
RuleOutcome judge_permit(Context& context, const Rule& rule);
/// reject
RuleOutcome judge_reject(Context& context, const Rule& rule);
/// defer
RuleOutcome judge_defer(Context& context, const Rule& rule);
/// defer_if_permit
RuleOutcome judge_defer_if_permit(Context& context, const Rule& rule);
/// defer_if_reject
RuleOutcome judge_defer_if_reject(Context& context, const Rule& rule);
/// reject_unauth_pipelining
RuleOutcome judge_unauth_pipelining(Context& context, const Rule& rule);
/// reject_plaintext_session
RuleOutcome judge_plaintext(Context& context, const Rule& rule);
/// reject_multi_recipient_bounce
RuleOutcome judge_multi_recipient_bounce(Context& context, const Rule& rule);
/// check_policy_service
RuleOutcome judge_policy_service(Context& context, const Rule& rule);

/// sleep
RuleOutcome judge_sleep(Context& context, const Rule& rule);
/// reject_maps_rbl
RuleOutcome judge_maps_rbl(Context& context, const Rule& rule);
/// permit_naked_ip_address
RuleOutcome judge_naked_address(Context& context, const Rule& rule);

/// reject_unless_NAME
RuleOutcome judge_offered(Context& context, const Rule& rule);

// About the client.
/// permit_mynetworks
RuleOutcome judge_mynetworks(Context& context, const Rule& rule);
/// permit_sasl_authenticated
RuleOutcome judge_authenticated(Context& context, const Rule& rule);
/// reject_unknown_client_hostname
RuleOutcome judge_unknown_client(Context& context, const Rule& rule);
/// reject_unknown_reverse_client_hostname
RuleOutcome judge_unknown_reverse_client(Context& context, const Rule& rule);
/// reject_rbl_client
RuleOutcome judge_rbl_client(Context& context, const Rule& rule);
/// reject_rhsbl_client
RuleOutcome judge_rhsbl_client(Context& context, const Rule& rule);
/// reject_rhsbl_reverse_client
RuleOutcome judge_rhsbl_reverse_client(Context& context, const Rule& rule);
/// permit_dnswl_client
RuleOutcome judge_dnswl_client(Context& context, const Rule& rule);
/// check_client_access
RuleOutcome judge_client_access(Context& context, const Rule& rule);
/// check_reverse_client_hostname_access
RuleOutcome judge_reverse_client_access(Context& context, const Rule& rule);
/// permit_rhswl_client
RuleOutcome judge_rhswl_client(Context& context, const Rule& rule);
/// permit_inet_interfaces
RuleOutcome judge_inet_interfaces(Context& context, const Rule& rule);

// About HELO.
/// reject_invalid_helo_hostname
RuleOutcome judge_invalid_helo(Context& context, const Rule& rule);
/// reject_non_fqdn_helo_hostname
RuleOutcome judge_non_fqdn_helo(Context& context, const Rule& rule);
/// reject_unknown_helo_hostname
RuleOutcome judge_unknown_helo(Context& context, const Rule& rule);
/// reject_rhsbl_helo
RuleOutcome judge_rhsbl_helo(Context& context, const Rule& rule);
/// check_helo_access
RuleOutcome judge_helo_access(Context& context, const Rule& rule);

// About sender, recipient and destination.
/// reject_non_fqdn_sender
RuleOutcome judge_non_fqdn_sender(Context& context, const Rule& rule);
/// reject_non_fqdn_recipient
RuleOutcome judge_non_fqdn_recipient(Context& context, const Rule& rule);
/// reject_unknown_sender_domain
RuleOutcome judge_unknown_sender_domain(Context& context, const Rule& rule);
/// reject_unknown_recipient_domain
RuleOutcome judge_unknown_recipient_domain(Context& context, const Rule& rule);
/// reject_unlisted_sender
RuleOutcome judge_unlisted_sender(Context& context, const Rule& rule);
/// reject_unlisted_recipient
RuleOutcome judge_unlisted_recipient(Context& context, const Rule& rule);
/// reject_rhsbl_sender
RuleOutcome judge_rhsbl_sender(Context& context, const Rule& rule);
/// reject_rhsbl_recipient
RuleOutcome judge_rhsbl_recipient(Context& context, const Rule& rule);
/// check_sender_access
RuleOutcome judge_sender_access(Context& context, const Rule& rule);
/// check_recipient_access
RuleOutcome judge_recipient_access(Context& context, const Rule& rule);
/// reject_unauth_destination
RuleOutcome judge_unauth_destination(Context& context, const Rule& rule);
/// permit_auth_destination
RuleOutcome judge_auth_destination(Context& context, const Rule& rule);
/// check_relay_domains
RuleOutcome judge_relay_domains(Context& context, const Rule& rule);
/// check_etrn_access
RuleOutcome judge_etrn_access(Context& context, const Rule& rule);

/// reject_unverified_sender
RuleOutcome judge_unverified_sender(Context& context, const Rule& rule);
/// reject_unverified_recipient
RuleOutcome judge_unverified_recipient(Context& context, const Rule& rule);
/// permit_mx_backup
RuleOutcome judge_mx_backup(Context& context, const Rule& rule);

// About the client's certificate.
/// permit_tls_clientcerts
RuleOutcome judge_listed_certificate(Context& context, const Rule& rule);
/// permit_tls_all_clientcerts
RuleOutcome judge_trusted_certificate(Context& context, const Rule& rule);
/// check_ccert_access
RuleOutcome judge_certificate_access(Context& context, const Rule& rule);

// About the client's login.
/// The logins that a row of smtpd_sender_login_maps names. They point into the value.
std::vector<std::string_view> owners_in(std::string_view value);
/// reject_authenticated_sender_login_mismatch
RuleOutcome judge_authenticated_mismatch(Context& context, const Rule& rule);
/// reject_unauthenticated_sender_login_mismatch
RuleOutcome judge_unauthenticated_mismatch(Context& context, const Rule& rule);
/// reject_known_sender_login_mismatch
RuleOutcome judge_known_mismatch(Context& context, const Rule& rule);
/// reject_sender_login_mismatch
RuleOutcome judge_login_mismatch(Context& context, const Rule& rule);
/// check_sasl_access
RuleOutcome judge_sasl_access(Context& context, const Rule& rule);
/// check_listener_access
RuleOutcome judge_listener_access(Context& context, const Rule& rule);

/// check_SUBJECT_mx_access, _ns_access, _a_access: looks at the servers of the name that the
/// keyword's subject has.
RuleOutcome judge_servers(Context& context, const Rule& rule, ServersOf which);
/// The same, as a keyword's judge.
template <ServersOf which>
RuleOutcome judge_servers(Context& context, const Rule& rule) {
  return judge_servers(context, rule, which);
}

/// Looks a domain up in the rule's DNS list. A name that is not a host name, or whose last label is
/// a number, passes without a lookup. `what` and `kind` are for the reply: "user@example.com",
/// "Sender address".
RuleOutcome domain_listed(Context& context, const Rule& rule, std::string_view domain,
                          std::string_view what, std::string_view kind);

}  // namespace postern::dialect::restrictions
