// Parameters of Postfix that have no key here, and what is lost with each, if anything. The first
// matching pattern applies.
#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/capabilities.h"
#include "dialect/restrictions/postfix_import_parts.h"

namespace postern::dialect::restrictions {

namespace {

using Patterns = std::span<const std::string_view>;

struct NameGroup {
  Fate fate;
  std::string_view note;
  Patterns patterns;  ///< names; with a * at the start or the end, their end or start
};

/// The names by what they are about, which are general words.
namespace groups {

constexpr std::string_view filters[] = {"content_filter", "smtpd_proxy_filter"};
constexpr std::string_view milters[] = {"smtpd_milters", "non_smtpd_milters", "smtpd_milter_maps"};
constexpr std::string_view checks[] = {"header_checks", "mime_header_checks",
                                       "nested_header_checks", "body_checks",
                                       "milter_header_checks"};
constexpr std::string_view copies[] = {"always_bcc", "sender_bcc_maps", "recipient_bcc_maps"};
constexpr std::string_view rewrites[] = {
    "canonical_maps",     "sender_canonical_maps",        "recipient_canonical_maps",
    "masquerade_domains", "remote_header_rewrite_domain", "smtp_generic_maps"};
constexpr std::string_view moved[] = {"relocated_maps"};
constexpr std::string_view routes[] = {"relayhost",
                                       "transport_maps",
                                       "fallback_transport",
                                       "fallback_transport_maps",
                                       "sender_dependent_default_transport_maps",
                                       "sender_dependent_relayhost_maps",
                                       "default_transport",
                                       "relay_transport",
                                       "best_mx_transport",
                                       "default_filter_nexthop"};
constexpr std::string_view mailboxes[] = {
    "home_mailbox",         "mail_spool_directory", "mailbox_command",
    "mailbox_command_maps", "mailbox_transport",    "mailbox_transport_maps",
    "local_transport",      "virtual_transport",    "virtual_mailbox_base",
    "luser_relay",          "forward_path"};
constexpr std::string_view logins[] = {"smtpd_sasl_type",
                                       "smtpd_sasl_path",
                                       "smtpd_sasl_local_domain",
                                       "smtpd_sasl_service",
                                       "smtpd_sasl_mechanism_filter",
                                       "smtpd_sasl_exceptions_networks",
                                       "cyrus_sasl_config_path"};
constexpr std::string_view owners[] = {"local_login_sender_maps"};
constexpr std::string_view probe_details[] = {"address_verify_pending_request_limit",
                                              "address_verify_cache_cleanup_interval",
                                              "address_verify_service_name"};
constexpr std::string_view probe_routes[] = {"address_verify_*"};
constexpr std::string_view chain_lengths[] = {"smtpd_tls_ccert_verifydepth"};
constexpr std::string_view further_certificates[] = {"smtpd_tls_dcert_file", "smtpd_tls_dkey_file",
                                                     "tls_server_sni_maps"};
constexpr std::string_view proxies[] = {"smtpd_upstream_proxy_protocol"};
constexpr std::string_view rates[] = {
    "smtpd_client_message_rate_limit", "smtpd_client_recipient_rate_limit",
    "smtpd_client_auth_rate_limit", "smtpd_client_new_tls_session_rate_limit"};
constexpr std::string_view client_networks[] = {"smtpd_client_ipv4_prefix_length",
                                                "smtpd_client_ipv6_prefix_length"};
constexpr std::string_view hidden_clients[] = {"smtpd_hide_client_session"};
constexpr std::string_view demanded_tls[] = {"requiretls_*", "smtp_requiretls_*",
                                             "smtpd_requiretls_*"};
constexpr std::string_view delegates[] = {"smtpd_policy_service_*"};
constexpr std::string_view screens[] = {"postscreen_*", "dnsblog_*"};
constexpr std::string_view extensions[] = {"smtpd_discard_ehlo_keywords",
                                           "smtpd_discard_ehlo_keyword_address_maps"};
constexpr std::string_view dialogue[] = {
    "smtpd_command_filter",          "smtpd_forbidden_commands",        "smtpd_noop_commands",
    "smtpd_authorized_verp_clients", "smtpd_authorized_xforward_hosts", "smtpd_dns_reply_filter"};
constexpr std::string_view header_sizes[] = {"header_size_limit", "mime_nesting_limit"};
constexpr std::string_view data_rates[] = {"smtpd_min_data_rate", "smtpd_per_request_deadline"};
constexpr std::string_view newline_details[] = {"smtpd_forbid_bare_newline_*"};
constexpr std::string_view strictness[] = {
    "cleanup_replace_stray_cr_lf", "force_mime_input_conversion",
    "strict_7bit_headers",         "strict_8bitmime",
    "strict_8bitmime_body",        "strict_mime_*",
    "message_reject_characters",   "message_strip_characters",
    "resolve_dequoted_address",    "resolve_null_domain",
    "resolve_numeric_domain"};

constexpr std::string_view dropped_headers[] = {"message_drop_headers"};
constexpr std::string_view conversions[] = {"disable_mime_output_conversion"};

constexpr std::string_view client_tls_details[] = {
    "smtp_tls_ciphers", "smtp_tls_mandatory_*", "smtp_tls_protocols", "smtp_tls_exclude_ciphers"};
constexpr std::string_view tls_logs[] = {"smtp_tls_loglevel", "smtp_tls_note_starttls_offer",
                                         "smtpd_tls_loglevel"};
constexpr std::string_view own_certificates[] = {
    "smtp_tls_cert_file",  "smtp_tls_key_file",  "smtp_tls_eccert_file", "smtp_tls_eckey_file",
    "smtp_tls_dcert_file", "smtp_tls_dkey_file", "smtp_tls_chain_files"};
constexpr std::string_view roots[] = {"smtp_tls_CAfile", "smtp_tls_CApath"};
constexpr std::string_view client_caches[] = {"smtp_tls_session_cache_*",
                                              "smtp_tls_connection_reuse",
                                              "smtp_connection_*",
                                              "connection_cache_*",
                                              "tlsproxy_*",
                                              "transport_retry_time"};
constexpr std::string_view other_clients[] = {"lmtp_*"};
constexpr std::string_view destinations[] = {"*_destination_concurrency_limit",
                                             "*_destination_recipient_limit",
                                             "*_destination_rate_delay", "*_transport_rate_delay"};
constexpr std::string_view sending[] = {"smtp_*", "ignore_mx_lookup_error", "disable_dns_lookups",
                                        "detect_8bit_encoding_header"};
constexpr std::string_view milter_details[] = {"milter_*"};
constexpr std::string_view filter_details[] = {"smtpd_proxy_*", "internal_mail_filter_classes"};
constexpr std::string_view check_details[] = {"body_checks_size_limit",
                                              "mime_boundary_length_limit",
                                              "header_address_token_limit", "disable_mime_*"};
constexpr std::string_view rewrite_details[] = {"canonical_classes",
                                                "sender_canonical_classes",
                                                "recipient_canonical_classes",
                                                "masquerade_classes",
                                                "masquerade_exceptions",
                                                "propagate_unmatched_extensions",
                                                "header_from_format",
                                                "enable_original_recipient",
                                                "virtual_alias_*_limit",
                                                "virtual_alias_address_length_limit",
                                                "virtual_alias_expansion_limit",
                                                "virtual_alias_recursion_limit"};
constexpr std::string_view mailbox_details[] = {"command_expansion_filter",
                                                "local_command_shell",
                                                "local_delivery_status_filter",
                                                "virtual_delivery_status_filter",
                                                "mailbox_*",
                                                "virtual_mailbox_limit",
                                                "virtual_mailbox_lock",
                                                "virtual_uid_maps",
                                                "virtual_gid_maps",
                                                "virtual_minimum_uid",
                                                "allow_mail_to_*",
                                                "default_privs",
                                                "export_environment",
                                                "expand_owner_alias",
                                                "reset_owner_alias",
                                                "require_home_directory",
                                                "strict_mailbox_ownership",
                                                "deliver_lock_*",
                                                "stale_lock_time",
                                                "dovecot_*",
                                                "prepend_delivered_header",
                                                "frozen_delivered_to",
                                                "biff",
                                                "forward_expansion_filter",
                                                "execution_directory_expansion_filter",
                                                "sun_mailtool_compatibility",
                                                "send_cyrus_sasl_authzid",
                                                "pipe_delivery_status_filter",
                                                "duplicate_filter_limit"};
constexpr std::string_view notices[] = {"*_notice_recipient", "notify_classes"};
constexpr std::string_view reports[] = {"bounce_size_limit", "bounce_template_file",
                                        "confirm_delay_cleared"};
constexpr std::string_view pauses[] = {"defer_transports"};
constexpr std::string_view status_filters[] = {"default_delivery_status_filter"};
constexpr std::string_view free_space[] = {"queue_minfree"};
constexpr std::string_view missing_headers[] = {
    "always_add_missing_headers", "local_header_rewrite_clients", "undisclosed_recipients_header"};
constexpr std::string_view authorities[] = {"tls_append_default_CA"};
constexpr std::string_view old_fingerprints[] = {"tls_legacy_public_key_fingerprints"};
constexpr std::string_view expansions[] = {"smtpd_expansion_filter"};
constexpr std::string_view queue_details[] = {"default_verp_delimiters",
                                              "delay_logging_resolution_limit",
                                              "queue_file_attribute_count_limit",
                                              "queue_run_delay",
                                              "qmgr_*",
                                              "*_destination_*",
                                              "*_delivery_slot_*",
                                              "*_recipient_limit",
                                              "*_recipient_refill_*",
                                              "*_time_limit",
                                              "*_extra_recipient_*",
                                              "*_minimum_delivery_slots",
                                              "*_transport_rate_delay",
                                              "*_initial_destination_*",
                                              "initial_destination_concurrency",
                                              "destination_concurrency_*",
                                              "2bounce_*",
                                              "double_bounce_sender",
                                              "hash_queue_*",
                                              "in_flow_delay",
                                              "fast_flush_*",
                                              "enable_threaded_bounces",
                                              "enable_long_queue_ids",
                                              "disable_verp_bounces",
                                              "verp_*",
                                              "dont_remove",
                                              "backwards_bounce_logfile_compatibility"};
constexpr std::string_view tls_details[] = {"tlsrpt_*", "smtpd_tls_*", "tls_*", "openssl_path",
                                            "tlsmgr_*"};
constexpr std::string_view login_details[] = {"smtpd_sasl_authenticated_header"};
constexpr std::string_view logs[] = {"postlogd_*",
                                     "syslog_*",
                                     "maillog_*",
                                     "debug_*",
                                     "debugger_command",
                                     "helpful_warnings",
                                     "respectful_logging",
                                     "info_log_address_format",
                                     "smtpd_client_port_logging",
                                     "smtpd_log_access_permit_actions",
                                     "postlog_*"};
constexpr std::string_view programs[] = {"*_directory",
                                         "*_directories",
                                         "*_path",
                                         "setgid_group",
                                         "mail_owner",
                                         "multi_instance_*",
                                         "postmulti_*",
                                         "authorized_*",
                                         "mail_name",
                                         "mail_version",
                                         "mail_release_date",
                                         "meta_directory",
                                         "sendmail_fix_line_endings",
                                         "import_environment"};
constexpr std::string_view internals[] = {"daemon_table_open_error_is_fatal",
                                          "daemon_timeout",
                                          "process_name",
                                          "default_database_type",
                                          "*_service_name",
                                          "ipc_*",
                                          "max_idle",
                                          "max_use",
                                          "fork_*",
                                          "application_event_drain_time",
                                          "trigger_timeout",
                                          "berkeley_db_*",
                                          "lmdb_map_size",
                                          "proxy_read_maps",
                                          "proxy_write_maps",
                                          "stress",
                                          "anvil_*",
                                          "service_throttle_time",
                                          "process_id",
                                          "master_service_disable",
                                          "fault_injection_code",
                                          "tcp_windowsize",
                                          "known_tcp_ports",
                                          "dns_ncache_ttl_fix_enable",
                                          "dnssec_probe",
                                          "enable_idna2003_compatibility",
                                          "service_name",
                                          "qmqpd_*",
                                          "empty_address_*",
                                          "strict_smtputf8",
                                          "smtputf8_autodetect_classes",
                                          "smtpd_service_name",
                                          "smtpd_history_flush_threshold",
                                          "smtpd_recipient_overshoot_limit",
                                          "smtpd_delay_open_until_valid_rcpt",
                                          "show_user_unknown_table_name",
                                          "shlib_directory"};

constexpr std::string_view other_switches[] = {"smtpd_*"};

constexpr Fate lost = Fate::not_supported;
constexpr Fate nothing = Fate::meaningless;

constexpr NameGroup all[] = {
    {lost, sentence_of(Part::content_filters), filters},
    {lost, sentence_of(Part::milters), milters},
    {lost, sentence_of(Part::content_checks), checks},
    {lost, sentence_of(Part::copies), copies},
    {lost, sentence_of(Part::rewriting), rewrites},
    {lost,
     "mail for users who have moved is accepted; refuse it in a check_recipient_access table, "
     "REJECT with the new address as its text",
     moved},
    {lost, "[[route]] finds the next hop by recipient and sender (docs/relay.md)", routes},
    {lost, sentence_of(Part::mailboxes), mailboxes},
    {lost, sentence_of(Part::logins), logins},
    {nothing, "about mail of the machine's own users", owners},
    {nothing, "about programs of Postfix", probe_details},
    {lost, "probes go the way of mail: [[route]] finds their next hop", probe_routes},
    {nothing, "the length of a client's chain is not limited, as in Postfix whatever the value is",
     chain_lengths},
    {lost, sentence_of(Part::further_certificates), further_certificates},
    {lost, "set listener.proxy_protocol = \"required\" and listener.proxy_from", proxies},
    {lost,
     "[limits] counts only a client's sessions; a policy limits only the mail to its own webhooks "
     "(docs/webhook-policies.md)",
     rates},
    {lost, "[limits] counts an IPv4 client by its address, an IPv6 client by its /64",
     client_networks},
    {lost, "Received names the client and its session, whoever has signed in", hidden_clients},
    {nothing, "REQUIRETLS (RFC 8689) is offered inside TLS, and kept on the way", demanded_tls},
    {lost,
     "a policy server is asked once, on a connection of its own, and has "
     "authentication.decide_within to answer",
     delegates},
    {lost, sentence_of(Part::screening), screens},
    {lost, "EHLO offers every extension; the Lua hook smtp_server_ehlo may offer fewer",
     extensions},
    {lost, "Postern has no such switch of the SMTP dialogue", dialogue},
    {lost, "limits.header_size and limits.header_fields bound the header section", header_sizes},
    {lost, "timeouts.minimum_rate and timeouts.session bound a slow client", data_rates},
    {lost, "limits.bare_newline holds for all clients; a refusal is 550", newline_details},
    {lost,
     "header fields are not dropped: Bcc, Content-Length and Return-Path are passed on "
     "unchanged",
     dropped_headers},
    {nothing,
     "8-bit mail is not converted: if the next host does not accept it, it is returned "
     "(5.6.3)",
     conversions},
    {lost, "messages and addresses are checked as with the parameter's default", strictness},
    {nothing, "Postern logs in its own way (docs/logs.md)", tls_logs},
    {nothing, "TLS 1.2 and 1.3, with ciphers that are safe today", client_tls_details},
    {lost, "Postern shows no certificate of its own to other servers", own_certificates},
    {lost, "name the file in ca of the [[route]]s that need it (docs/relay.md)", roots},
    {nothing, "Postern keeps connections and TLS sessions in its own way (docs/relay.md)",
     client_caches},
    {nothing, "LMTP is not spoken", other_clients},
    {lost,
     "a [[route]] has max_connections, messages_per_minute and max_recipients (docs/relay.md)",
     destinations},
    {lost, sentence_of(Part::client), sending},
    {lost,
     "postmaster gets no copies of bounces and errors: they are in the log and the metrics "
     "(docs/monitoring.md)",
     notices},
    {lost, "delivery reports have a text and limits of their own (docs/reports.md)", reports},
    {lost, "no transport is paused: `postern queue hold` holds mail that waits (docs/queue.md)",
     pauses},
    {lost, "replies of other hosts are not changed; they decide about retries as they are",
     status_filters},
    {lost,
     "how much must be free on the disk is not set: the gateway refuses mail before it is full",
     free_space},
    {lost, "header fields that are missing are not added", missing_headers},
    {lost, "a client's certificate is trusted by listener.client_ca and client_ca_directory alone",
     authorities},
    {lost,
     "fingerprints of keys are those of Postfix 2.9.6 and later: write them anew in the tables",
     old_fingerprints},
    {lost, "names in replies are expanded as with the parameter's default", expansions},
    {nothing, "it is only for milters", milter_details},
    {nothing, "there are no content filters", filter_details},
    {nothing, "headers and bodies are not searched", check_details},
    {nothing, "addresses and headers are not rewritten", rewrite_details},
    {nothing, "Postern's queue works in its own way (docs/queue.md)", queue_details},
    {nothing, "about mailboxes, which Postern does not keep", mailbox_details},
    {nothing, "TLS 1.2 and 1.3, with ciphers that are safe today", tls_details},
    {nothing,
     "Authentication-Results names the user who signed in, Received says only that the "
     "client did (ESMTPA)",
     login_details},
    {nothing, "Postern logs in its own way (docs/logs.md)", logs},
    {nothing, "about the files and programs of Postfix", programs},
    {nothing, "about the inner workings of Postfix", internals},
    {lost, "Postern has no such switch", other_switches},
};

}  // namespace groups

bool fits(std::string_view pattern, std::string_view name) {
  const bool open_front = pattern.starts_with('*');
  const bool open_back = pattern.size() > 1 && pattern.ends_with('*');
  if (open_front) pattern.remove_prefix(1);
  if (open_back) pattern.remove_suffix(1);
  if (open_front && open_back) return name.find(pattern) != std::string_view::npos;
  if (open_front) return name.ends_with(pattern);
  if (open_back) return name.starts_with(pattern);
  return name == pattern;
}

/// Whether one is a likely misspelling of the other: two swapped letters are two edits.
bool is_near(std::string_view one, std::string_view other) {
  const std::size_t longer = std::max(one.size(), other.size());
  return longer - std::min(one.size(), other.size()) <= 2 && edit_distance(one, other) <= 2;
}

/// Whether nothing is lost with it. A value that cannot be read is none of these.
bool asks_for_nothing(std::string_view name, const Parameters& parameters) {
  const auto value = parameters.value(name);
  if (!value) return false;
  const std::string_view text = trim(*value);
  if (name == "smtpd_client_ipv4_prefix_length") return text == "32";
  if (name == "smtpd_client_ipv6_prefix_length") return text == "64";
  const bool is_flag = name.starts_with("strict_") || name == "smtpd_hide_client_session";
  return text.empty() || (is_flag && iequals(text, "no"));
}

}  // namespace

std::optional<std::string_view> likely_parameter(std::string_view name) {
  for (const std::string_view known : restriction_parameters()) {
    if (is_near(name, known)) return known;
  }
  for (const std::string_view known : setting_names()) {
    if (is_near(name, known)) return known;
  }
  for (const NameGroup& group : groups::all) {
    for (const std::string_view known : group.patterns) {
      if (known.find('*') == std::string_view::npos && is_near(name, known)) return known;
    }
  }
  return std::nullopt;
}

std::optional<Judgement> judge_by_name(std::string_view name, const Parameters& parameters) {
  for (const NameGroup& group : groups::all) {
    const auto found = std::any_of(group.patterns.begin(), group.patterns.end(),
                                   [&](std::string_view pattern) { return fits(pattern, name); });
    if (!found) continue;
    const bool is_guess = group.patterns.data() == groups::other_switches;
    const auto meant = is_guess ? likely_parameter(name) : std::nullopt;
    if (meant) return not_supported(fmt::format("not known; did you mean {}?", *meant));
    if (group.fate == groups::lost && !is_guess && asks_for_nothing(name, parameters)) {
      return carried("as set, nothing is lost");
    }
    return Judgement{group.fate, std::string(group.note), {}};
  }
  return std::nullopt;
}

}  // namespace postern::dialect::restrictions
