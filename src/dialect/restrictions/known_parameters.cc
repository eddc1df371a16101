// What is known about each parameter: its default in Postfix 3.7, and whether it affects the
// replies to an SMTP client.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/postfix_import_parts.h"

namespace postern::dialect::restrictions {

namespace {

struct KnownParameter {
  std::string_view name;
  std::string_view value;
};

// Parameters that the compiler of restriction lists reads, directly or through a default. Sorted.
// One that it learns to read moves here from the list below; the import then carries it.
constexpr KnownParameter deciding_parameters[] = {
    {"access_map_defer_code", "450"},
    {"access_map_reject_code", "554"},
    {"address_verify_map", "btree:$data_directory/verify_cache"},
    {"address_verify_negative_cache", "yes"},
    {"address_verify_negative_expire_time", "3d"},
    {"address_verify_negative_refresh_time", "3h"},
    {"address_verify_poll_count", "${stress?{1}:{3}}"},
    {"address_verify_poll_delay", "3s"},
    {"address_verify_positive_expire_time", "31d"},
    {"address_verify_positive_refresh_time", "7d"},
    {"address_verify_sender", "$double_bounce_sender"},
    {"address_verify_sender_ttl", "0s"},
    // For both, Postfix's default names files of the machine.
    {"alias_database", ""},
    {"alias_maps", ""},
    {"allow_percent_hack", "yes"},
    {"allow_untrusted_routing", "no"},
    {"append_dot_mydomain", "no"},
    {"compatibility_level", "0"},
    {"default_rbl_reply",
     "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using "
     "$rbl_domain${rbl_reason?; $rbl_reason}"},
    {"defer_code", "450"},
    {"disable_vrfy_command", "no"},
    {"double_bounce_sender", "double-bounce"},
    {"fast_flush_domains", "$relay_domains"},
    {"inet_interfaces", "all"},
    {"inet_protocols", "all"},
    {"invalid_hostname_reject_code", "501"},
    {"local_recipient_maps", "proxy:unix:passwd.byname $alias_maps"},
    {"maps_rbl_domains", ""},
    {"maps_rbl_reject_code", "554"},
    {"multi_recipient_bounce_reject_code", "550"},
    {"mydestination", "$myhostname, localhost.$mydomain, localhost"},
    {"mydomain", ""},
    {"myhostname", ""},
    {"mynetworks", "127.0.0.0/8 [::1]/128"},
    {"myorigin", "$myhostname"},
    {"non_fqdn_reject_code", "504"},
    {"owner_request_special", "yes"},
    {"parent_domain_matches_subdomains",
     "debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,"
     "qmqpd_authorized_clients,relay_domains,smtpd_access_maps"},
    {"permit_mx_backup_networks", ""},
    {"plaintext_reject_code", "450"},
    {"proxy_interfaces", ""},
    {"queue_directory", "/var/spool/postfix"},
    {"rbl_reply_maps", ""},
    {"recipient_delimiter", ""},
    {"reject_code", "554"},
    {"reject_tempfail_action", "defer_if_permit"},
    {"relay_clientcerts", ""},
    {"relay_domains", ""},
    {"relay_domains_reject_code", "554"},
    {"relay_recipient_maps", ""},
    {"smtpd_client_restrictions", ""},
    {"smtpd_data_restrictions", ""},
    {"smtpd_delay_reject", "yes"},
    {"smtpd_end_of_data_restrictions", ""},
    {"smtpd_etrn_restrictions", ""},
    {"smtpd_helo_required", "no"},
    {"smtpd_helo_restrictions", ""},
    {"smtpd_null_access_lookup_key", "<>"},
    {"smtpd_peername_lookup", "yes"},
    {"smtpd_policy_service_default_action", "451 4.3.5 Server configuration problem"},
    {"smtpd_policy_service_policy_context", ""},
    {"smtpd_recipient_restrictions", ""},
    {"smtpd_reject_filter_maps", ""},
    {"smtpd_reject_footer", ""},
    {"smtpd_reject_footer_maps", ""},
    {"smtpd_reject_unlisted_recipient", "yes"},
    {"smtpd_reject_unlisted_sender", "no"},
    {"smtpd_relay_before_recipient_restrictions", "yes"},
    {"smtpd_relay_restrictions",
     "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination"},
    {"smtpd_restriction_classes", ""},
    {"smtpd_sasl_auth_enable", "no"},
    {"smtpd_sender_login_maps", ""},
    {"smtpd_sender_restrictions", ""},
    {"soft_bounce", "no"},
    {"strict_rfc821_envelopes", "no"},
    {"swap_bangpath", "yes"},
    {"unknown_address_reject_code", "450"},
    {"unknown_address_tempfail_action", "$reject_tempfail_action"},
    {"unknown_client_reject_code", "450"},
    {"unknown_helo_hostname_tempfail_action", "$reject_tempfail_action"},
    {"unknown_hostname_reject_code", "450"},
    {"unknown_local_recipient_reject_code", "550"},
    {"unknown_relay_recipient_reject_code", "550"},
    {"unknown_virtual_alias_reject_code", "550"},
    {"unknown_virtual_mailbox_reject_code", "550"},
    {"unverified_recipient_defer_code", "450"},
    {"unverified_recipient_reject_code", "450"},
    {"unverified_recipient_reject_reason", ""},
    {"unverified_recipient_tempfail_action", "$reject_tempfail_action"},
    {"unverified_sender_defer_code", "450"},
    {"unverified_sender_reject_code", "450"},
    {"unverified_sender_reject_reason", ""},
    {"unverified_sender_tempfail_action", "$reject_tempfail_action"},
    {"virtual_alias_domains", "$virtual_alias_maps"},
    {"virtual_alias_maps", "$virtual_maps"},
    {"virtual_mailbox_domains", "$virtual_mailbox_maps"},
    {"virtual_mailbox_maps", ""},
    {"virtual_maps", ""},
};

// Parameters that values refer to, and from which other settings of a server start. Sorted.
constexpr KnownParameter other_parameters[] = {
    {"allow_min_user", "no"},
    {"append_at_myorigin", "yes"},
    {"broken_sasl_auth_clients", "no"},
    {"command_directory", "/usr/sbin"},
    {"config_directory", "/etc/postfix"},
    {"daemon_directory", "/usr/lib/postfix/sbin"},
    {"data_directory", "/var/lib/postfix"},
    {"default_database_type", "hash"},
    {"local_login_sender_maps", "static:*"},
    {"mail_name", "Postfix"},
    {"mail_owner", "postfix"},
    {"mail_version", "3.7.11"},
    {"mynetworks_style", "host"},
    {"smtpd_discard_ehlo_keywords", ""},
    {"smtpd_enforce_tls", "no"},
    {"smtpd_forbid_unauth_pipelining", "no"},
    {"smtpd_policy_service_max_idle", "300s"},
    {"smtpd_policy_service_max_ttl", "1000s"},
    {"smtpd_policy_service_request_limit", "0"},
    {"smtpd_policy_service_retry_delay", "1s"},
    {"smtpd_policy_service_timeout", "100s"},
    {"smtpd_policy_service_try_limit", "2"},
    {"smtpd_sasl_path", "smtpd"},
    {"smtpd_sasl_security_options", "noanonymous"},
    {"smtpd_sasl_tls_security_options", "$smtpd_sasl_security_options"},
    {"smtpd_sasl_type", "cyrus"},
    {"smtpd_tls_ask_ccert", "no"},
    {"smtpd_tls_auth_only", "no"},
    {"smtpd_tls_cert_file", ""},
    {"smtpd_tls_fingerprint_digest", "sha256"},
    {"smtpd_tls_key_file", "$smtpd_tls_cert_file"},
    {"smtpd_tls_req_ccert", "no"},
    {"smtpd_tls_security_level", ""},
    {"smtpd_use_tls", "no"},
    {"smtputf8_enable", "yes"},
    {"stress", ""},
};

/// A default that had another value below a compatibility level.
struct Older {
  std::string_view name;
  std::string_view below;
  std::string_view value;
};
constexpr Older older[] = {
    {"append_dot_mydomain", "1", "yes"},
    {"mynetworks_style", "2", "subnet"},
    {"relay_domains", "2", "$mydestination"},
    {"smtpd_relay_before_recipient_restrictions", "3.6", "no"},
    {"smtpd_relay_restrictions", "1", ""},
    {"smtpd_tls_fingerprint_digest", "3.6", "md5"},
    {"smtputf8_enable", "1", "no"},
};

static_assert(std::ranges::is_sorted(deciding_parameters, {}, &KnownParameter::name));
static_assert(std::ranges::is_sorted(other_parameters, {}, &KnownParameter::name));

const KnownParameter* find_parameter(std::span<const KnownParameter> known, std::string_view name) {
  const auto found = std::ranges::lower_bound(known, name, {}, &KnownParameter::name);
  return found != known.end() && found->name == name ? &*found : nullptr;
}

constexpr auto older_names = [] {
  std::array<std::string_view, std::size(older)> names;
  std::ranges::transform(older, names.begin(), &Older::name);
  return names;
}();

constexpr auto deciding_names = [] {
  std::array<std::string_view, std::size(deciding_parameters)> names;
  std::ranges::transform(deciding_parameters, names.begin(), &KnownParameter::name);
  return names;
}();

}  // namespace

std::optional<std::string_view> default_value(std::string_view name, std::string_view level) {
  for (const Older& before : older) {
    if (before.name == name && compare_levels(level, before.below) < 0) return before.value;
  }
  const KnownParameter* known = find_parameter(deciding_parameters, name);
  if (known == nullptr) known = find_parameter(other_parameters, name);
  if (known == nullptr) return std::nullopt;
  return known->value;
}

std::span<const std::string_view> parameters_of_levels() { return older_names; }

std::span<const std::string_view> restriction_parameters() { return deciding_names; }

bool is_restriction_parameter(std::string_view name) {
  return find_parameter(deciding_parameters, name) != nullptr;
}

int compare_levels(std::string_view a, std::string_view b) {
  const auto left = split(trim(a), '.');
  const auto right = split(trim(b), '.');
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const auto x = i < left.size() ? parse_number(left[i]).value_or(0) : 0;
    const auto y = i < right.size() ? parse_number(right[i]).value_or(0) : 0;
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

}  // namespace postern::dialect::restrictions
