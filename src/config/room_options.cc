#include "config/room_options.h"

#include <filesystem>

#include <fmt/format.h>

#include "admin/dependencies.h"
#include "admin/running_lists.h"
#include "base/version.h"
#include "config/engine.h"
#include "deliver/webhook_delivery.h"
#include "dialect/kumo/listener.h"
#include "dialect/restrictions/footer.h"
#include "dialect/restrictions/layer.h"
#include "gateway/authenticator.h"
#include "gateway/settings.h"
#include "mail/hostname.h"
#include "net/http_limits.h"
#include "net/unbound_resolver.h"

namespace postern::app {

RestrictionsConfig restrictions_of(const admin::Lists& lists) {
  return {.present = lists.section.has_value(),
          .section = lists.section.value_or(dialect::restrictions::Section{}),
          .judged = lists.judged};
}

void follow_lists(gateway::ListenerSettings& listener, const RestrictionsConfig& restrictions) {
  const auto* lists = restrictions.loaded();
  const auto* policy =
      lists != nullptr && !restrictions.section.shadow ? lists->compiled.policy.get() : nullptr;
  smtp::ServerOptions& session = listener.session;
  // Where AUTH needs TLS and there is none, AUTH is off.
  const bool auth_can_be = listener.tls != gateway::ListenerTls::none || session.auth_without_tls;
  session.auth = policy == nullptr || (policy->sasl && auth_can_be);
  session.bare_addresses = policy != nullptr;
  session.strict_envelopes = policy != nullptr && policy->strict_envelopes;
  listener.origin =
      policy != nullptr && mail::is_hostname(policy->myorigin) ? policy->myorigin : "";
  listener.appended_domain = policy != nullptr ? std::string(policy->appended_domain()) : "";
  listener.footer =
      policy != nullptr ? dialect::restrictions::footer_of(lists->compiled.policy) : nullptr;
  session.any_helo = policy != nullptr;
  session.judged_vrfy = policy != nullptr && policy->judge_vrfy;
  session.judged_etrn = policy != nullptr;
  session.helo_required = policy == nullptr || policy->helo_required;
}

namespace {

/// Applies kumo.start_esmtp_listener{}. In shadow mode the limits stay those of the configuration:
/// they refuse mail, or take what the configuration refuses.
void follow_script(gateway::ListenerSettings& settings, const dialect::kumo::Listener& script,
                   LuaMode mode) {
  using LineEndings = dialect::kumo::Listener::LineEndings;
  if (!script.hostname.empty()) settings.session.hostname = script.hostname;
  settings.session.banner = script.banner;
  if (mode == LuaMode::shadow) return;
  smtp::Limits& limits = settings.session.limits;
  limits.recipients = script.recipients;
  limits.message_size = script.message_size;
  limits.messages = script.messages;
  limits.text_line = script.line_length + 2;  // the script's limit excludes CRLF
  settings.session.bare_newline = script.line_endings == LineEndings::deny
                                      ? smtp::BareNewline::reject
                                      : smtp::BareNewline::normalize;
  settings.session.bare_newline_code = 552;  // the codes of KumoMTA
  settings.session.long_line_code = 500;
  settings.timeouts.command = script.client_timeout;
  settings.connections = script.connections;
}

}  // namespace

gateway::ListenerSettings session_settings(const ListenerConfig& listener, const Config& config) {
  gateway::ListenerSettings settings;
  settings.name = listener.name;
  settings.session.hostname = config.server.hostname;
  settings.session.limits = config.limits.session;
  settings.session.bare_newline = config.limits.bare_newline;
  settings.session.tls_required = listener.tls == gateway::ListenerTls::required;
  settings.session.auth_without_tls = listener.auth_without_tls;
  settings.session.reject_unauth_pipelining = listener.reject_unauth_pipelining;
  // DATA without recipients gets vSMTP's code, if only its rules decide before it.
  if (config.vsl.is_meant() && config.vsl.mode == LuaMode::enforce &&
      !config.restrictions.present) {
    settings.session.no_recipients = 503;
  }
  settings.tls = listener.tls;
  // Where TLS may be left out, a certificate is only asked for.
  settings.client_certificate_required =
      listener.client_certificate == gateway::ClientCertificates::require &&
      (listener.tls == gateway::ListenerTls::required ||
       listener.tls == gateway::ListenerTls::implicit);
  follow_lists(settings, config.restrictions);
  settings.proxy_required = listener.proxy_protocol == ProxyProtocol::required;
  settings.proxy_from = listener.proxy_from;
  settings.xclient_from = listener.xclient_from;
  settings.pregreet_wait = listener.pregreet_wait;
  settings.session.banner = listener.banner;
  settings.auth_failure_delay = config.auth.failure_delay;
  const TimeoutsConfig& timeouts = config.timeouts;
  settings.timeouts = {.command = timeouts.command,
                       .data_block = timeouts.data_block,
                       .session = timeouts.session,
                       .write = timeouts.write,
                       .tls_handshake = timeouts.tls_handshake,
                       .proxy_header = timeouts.proxy_header,
                       .minimum_rate = timeouts.minimum_rate,
                       .minimum_rate_after = timeouts.minimum_rate_after,
                       .error_delay = config.limits.error_delay};
  settings.authentication = authentication_options(config);
  settings.dkim_replay_limit = config.authentication.dkim_replay_limit;
  if (listener.started) follow_script(settings, *listener.started, config.lua.mode);
  return settings;
}

FileRules table_files(const Config& config) {
  return {.closed = {std::filesystem::absolute(config.server.data_dir).string()},
          .largest = config.limits.tables};
}

FileRules request_files(const Config& config, const std::string& data_dir) {
  FileRules rules = table_files(config);
  rules.closed = {std::filesystem::absolute(data_dir).string()};
  rules.folders = config.api.table_folders;
  rules.folders_key = "api.table_folders";
  rules.services = config.api.table_services;
  rules.services_key = "api.table_services";
  return rules;
}

std::string relay_witness(const IpAddress& stranger) {
  return fmt::format(
      ", an open relay: a client at {} says MAIL FROM:<someone@stranger.example> and RCPT "
      "TO:<victim@foreign.example>, and is answered 250",
      stranger.to_string());
}

gateway::AuthLimits auth_limits(const Config& config) {
  return {.failures_per_address = config.auth.failures_per_address,
          .failures_per_subnet = config.auth.failures_per_subnet,
          .failures_per_account = config.auth.failures_per_account,
          .window = config.auth.failure_window,
          .lockout = config.auth.lockout,
          .exempt = config.limits.exempt_networks};
}

policy::AuthenticationOptions authentication_options(const Config& config) {
  const AuthenticationConfig& given = config.authentication;
  return {.receiver = config.server.hostname,
          .queries = given.questions,
          .decide_within = given.decide_within,
          .report_within = given.report_within,
          .question_within = config.dns.timeout,
          .signatures = given.signatures,
          .dmarc = given.dmarc_discovery == DmarcDiscovery::tree_walk
                       ? mailauth::dmarc::Mode::tree_walk
                       : mailauth::dmarc::Mode::public_suffix,
          .header = {.octets = config.limits.session.header_size,
                     .fields = config.limits.session.header_fields}};
}

net::UnboundOptions resolver_options(const Config& config) {
  net::UnboundOptions options;
  for (const Endpoint& server : config.dns.servers) options.servers.push_back(server.to_string());
  options.dnssec = config.dns.dnssec;
  options.trust_anchor_file = config.dns.trust_anchor;
  return options;
}

deliver::DeliveryOptions delivery_options(const Config& config) {
  const WebhooksConfig& webhooks = config.webhooks;
  deliver::DeliveryOptions options;
  options.http.egress.allow_http = webhooks.allow_http;
  options.http.egress.allow_networks = webhooks.allow_networks;
  options.http.egress.allow_ports = webhooks.allow_ports;
  options.http.user_agent = fmt::format("Postern/{}", current_version().number);
  options.http.connect_timeout = webhooks.connect_timeout;
  options.payload.temporary_directory = config.server.data_dir.string() + "/tmp";
  options.payload.authserv_id = config.server.hostname;
  options.payload.mime.header_fields = config.limits.session.header_fields;
  options.payload.mime.header_size = config.limits.session.header_size;
  options.payload.mime.field_size = config.limits.header_field;
  options.concurrency = webhooks.concurrency;
  options.disposition = webhooks.disposition == Disposition::discard
                            ? deliver::Disposition::discard
                            : deliver::Disposition::deliver;
  options.make_message_id = webhooks.make_message_id;
  return options;
}

net::HttpLimits http_limits(const Config& config) {
  net::HttpLimits limits;
  limits.connections = config.api.connections;
  limits.requests = config.api.requests;
  limits.requests_per_client = config.api.requests_per_client;
  limits.reserved_paths = {"/healthz", "/readyz", "/metrics"};
  if (config.api.behind_proxy) limits.trusted_proxies = config.api.trusted_proxies;
  limits.idle_deadline = config.api.idle_timeout;
  limits.request_deadline = config.api.request_timeout;
  return limits;
}

admin::Options api_options(const Config& config) {
  admin::Options options;
  options.version = current_version().number;
  options.hostname = config.server.hostname;
  options.has_queue = true;
  options.public_domain = config.webhooks.public_domain;
  options.public_url = config.api.base_url();
  options.open_signup = config.api.signup == Signup::open;
  options.rate_limits = config.api.rate_limits;
  options.behind_proxy = config.api.behind_proxy;
  if (config.api.behind_proxy) options.trusted_proxies = config.api.trusted_proxies;
  options.requests_per_account = config.api.requests_per_account;
  options.waits_per_account = config.api.waits_per_account;
  options.operators = config.api.operators;
  options.attachment_dir = config.server.data_dir.string() + "/attachments";
  options.allow_http = config.webhooks.allow_http;
  options.allow_networks = config.webhooks.allow_networks.networks();
  options.allow_ports = config.webhooks.allow_ports;
  return options;
}

}  // namespace postern::app
