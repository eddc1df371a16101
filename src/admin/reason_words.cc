#include "admin/reason_words.h"

#include <map>

#include "policy/questions/offered.h"

namespace postern::admin {

std::string_view reason_words(std::string_view layer, std::string_view rule,
                              std::string_view enhanced) {
  static const std::map<std::string_view, std::string_view> words = {
      {"client_in_networks", "Source address not allowed"},
      {"client_authenticated", "Not signed in"},
      {"spf_authorised", "SPF did not pass"},
      {"spf_domain_listed", "Sender's domain not allowed"},
      {"dkim_signed", "No acceptable DKIM signature"},
      {"dmarc_passed", "DMARC did not pass"},
      {"dmarc_aligned", "DMARC did not pass"},
      {"rate_available", "Rate limit"},
      {"recipient_known", "Unknown recipient"},
      {"webhook_active", "Inactive webhook"},
      {"one_webhook_a_message", "Another webhook in the same message"},
      {"webhook_recipients", "Too many recipients"},
      {"header_limits", "Header too large"},
      {"received_loop", "Mail loop"},
      {"policy_loaded", "Policy not loaded"},
      {"memory", "limits.memory used up"},
      {"descriptors", "No room in the limit of open files"},
      {"next_hop", "No route to the next hop"},
      {"dkim_replay", "DKIM signature seen too often"},
      // Keywords of restriction lists, by the names that traces have. Those that permit refuse when
      // a table or a list of theirs cannot be read.
      {"reject", "Refused by a list"},
      {"defer", "Deferred by a list"},
      {"defer_if_permit", "Deferred by a list"},
      {"permit_mynetworks", "Networks cannot be looked up"},
      {"permit_auth_destination", "Domains cannot be looked up"},
      {"permit_mx_backup", "Domains cannot be looked up"},
      {"permit_tls_clientcerts", "Certificates cannot be looked up"},
      {"permit_tls_all_clientcerts", "Certificates cannot be looked up"},
      {"check_ccert_access", "Certificate listed in a table"},
      {"check_sasl_access", "Login listed in a table"},
      {"check_listener_access", "Listener listed in a table"},
      {"reject_sender_login_mismatch", "Sender's address of another login"},
      {"reject_authenticated_sender_login_mismatch", "Sender's address of another login"},
      {"reject_known_sender_login_mismatch", "Sender's address of another login"},
      {"reject_unauthenticated_sender_login_mismatch", "Sender's address needs a login"},
      {"reject_maps_rbl", "Client in a DNS list"},
      {"permit_naked_ip_address", "HELO is not an address"},
      {"check_policy_service", "Refused by a policy server"},
      {"reject_unauth_pipelining", "Commands sent too early"},
      {"reject_plaintext_session", "No TLS"},
      {"reject_multi_recipient_bounce", "Bounce to several recipients"},
      {"reject_unknown_client_hostname", "Client without a confirmed name"},
      {"reject_unknown_reverse_client_hostname", "Client without a name"},
      {"reject_rbl_client", "Client in a DNS list"},
      {"reject_rhsbl_client", "Client's name in a DNS list"},
      {"reject_rhsbl_reverse_client", "Client's name in a DNS list"},
      {"check_client_access", "Client listed in a table"},
      {"check_client_a_access", "Client's address listed in a table"},
      {"check_client_mx_access", "Client's mail host listed in a table"},
      {"check_client_ns_access", "Client's name server listed in a table"},
      {"check_reverse_client_hostname_access", "Client listed in a table"},
      {"check_reverse_client_hostname_a_access", "Client's address listed in a table"},
      {"check_reverse_client_hostname_mx_access", "Client's mail host listed in a table"},
      {"check_reverse_client_hostname_ns_access", "Client's name server listed in a table"},
      {"reject_invalid_helo_hostname", "HELO is not a host name"},
      {"reject_non_fqdn_helo_hostname", "HELO is not a full name"},
      {"reject_unknown_helo_hostname", "HELO is not in DNS"},
      {"reject_rhsbl_helo", "HELO in a DNS list"},
      {"check_helo_access", "HELO listed in a table"},
      {"check_helo_a_access", "HELO's address listed in a table"},
      {"check_helo_mx_access", "HELO's mail host listed in a table"},
      {"check_helo_ns_access", "HELO's name server listed in a table"},
      {"reject_non_fqdn_sender", "Sender without a full domain"},
      {"reject_unknown_sender_domain", "Sender's domain takes no mail"},
      {"reject_unlisted_sender", "Unknown sender of our domains"},
      {"reject_unverified_sender", "Sender's mail host refuses the address"},
      {"reject_rhsbl_sender", "Sender's domain in a DNS list"},
      {"check_sender_access", "Sender listed in a table"},
      {"check_sender_a_access", "Sender's address listed in a table"},
      {"check_sender_mx_access", "Sender's mail host listed in a table"},
      {"check_sender_ns_access", "Sender's name server listed in a table"},
      {"reject_unauth_destination", "Relay not permitted"},
      {"defer_unauth_destination", "Relay not permitted, for now"},
      {"check_relay_domains", "Relay not permitted"},
      {"reject_non_fqdn_recipient", "Recipient without a full domain"},
      {"reject_unknown_recipient_domain", "Recipient's domain takes no mail"},
      {"reject_unlisted_recipient", "Unknown recipient"},
      {"reject_unverified_recipient", "Recipient's mail host refuses the address"},
      {"reject_rhsbl_recipient", "Recipient's domain in a DNS list"},
      {"check_recipient_access", "Recipient listed in a table"},
      {"check_recipient_a_access", "Recipient's address listed in a table"},
      {"check_recipient_mx_access", "Recipient's mail host listed in a table"},
      {"check_recipient_ns_access", "Recipient's name server listed in a table"},
      {"check_etrn_access", "ETRN domain listed in a table"},
  };
  if (layer == "delivery") return "Endpoint did not accept it";
  if (layer == "auth") return "Wrong name or password";
  // This rule refuses unknown recipients and foreign domains; the latter with 5.7.1.
  if (rule == "recipient_known" && enhanced == "5.7.1") return "Relay not permitted";
  // Questions that all dialects offer: in plans, and as reject_unless_NAME in lists.
  constexpr std::string_view unless = policy::questions::offered_prefix;
  const std::string_view asked = rule.starts_with(unless) ? rule.substr(unless.size()) : rule;
  if (const auto* offered = policy::questions::find_offered(asked)) return offered->fails;
  // Of "reject_rbl_client zen.example", only the keyword is looked up.
  const auto found = words.find(rule.substr(0, rule.find(' ')));
  return found != words.end() ? found->second : rule;
}

}  // namespace postern::admin
