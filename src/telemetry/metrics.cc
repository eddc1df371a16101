#include "telemetry/metrics.h"

#include <ctime>
#include <memory>
#include <mutex>
#include <set>

#include "smtp/codes.h"
#include "smtp/protocol_error.h"
#include "telemetry/smtp_metrics.h"

namespace postern::telemetry {

namespace {

using enum MetricType;

const std::vector<std::string> stages{"connect", "helo",    "auth",   "mail",    "rcpt",
                                      "data",    "message", "queued", "delivery"};

/// Every reply code that may be sent, and "other".
std::vector<std::string> reply_numbers() {
  std::set<std::uint16_t> all(smtp::other_codes().begin(), smtp::other_codes().end());
  for (const smtp::CodeMeaning& one : smtp::known_codes()) all.insert(one.code);
  std::vector<std::string> out;
  for (const std::uint16_t code : all) out.push_back(std::to_string(code));
  out.emplace_back("other");
  return out;
}

/// The reply codes with the enhanced status codes (RFC 3463 §2) that Postern sends with them.
Dimension replies() {
  Dimension dimension{{"code", "enhanced_code"}, {}};
  for (const smtp::CodeMeaning& one : smtp::known_codes()) {
    dimension.values.push_back(
        {std::to_string(one.code), one.enhanced.present() ? one.enhanced.to_string() : "none"});
  }
  // A code chosen by a script or a webhook keeps its number.
  for (const std::string& code : reply_numbers()) dimension.values.push_back({code, "other"});
  return dimension;
}

Dimension pairs(std::string first, std::string second,
                const std::vector<std::pair<std::string, std::string>>& values) {
  Dimension dimension{{std::move(first), std::move(second)}, {}};
  for (const auto& [a, b] : values) dimension.values.push_back({a, b});
  return dimension;
}

std::vector<std::string> dialects(const MetricsSetup& setup) {
  std::vector<std::string> out;
  for (const auto& [layer, dialect] : setup.layers) {
    if (std::find(out.begin(), out.end(), dialect) == out.end()) out.push_back(dialect);
  }
  return out;
}

}  // namespace

Metrics::Metrics(const MetricsSetup& setup)
    : build_info(
          registry.add("build_info", "Always 1; what was built, in its labels.", gauge,
                       {label("version", {setup.version}), label("revision", {setup.revision}),
                        label("compiler", {setup.compiler})})),
      config_last_reload_successful(
          registry.add("config_last_reload_successful",
                       "1 when the last load of the configuration was good.", gauge)),
      config_last_reload_success_timestamp(
          registry.add("config_last_reload_success_timestamp_seconds",
                       "When the configuration in force was loaded.", gauge)),
      logs_dropped(registry.add("logs_dropped_total",
                                "Log lines lost because their reader was too slow.", counter)),
      tls_certificate_not_after(registry.add(
          "tls_certificate_not_after_timestamp_seconds",
          "When the first of the listener's certificates ends, those of [[vsl.virtual]] included.",
          gauge, {label("name", setup.listeners)}, MetricUnit::none, Show::used)),
      memory_charged(registry.add(
          "memory_charged_bytes",
          "Memory that sessions and deliveries keep, as charged to limits.memory.", gauge)),
      memory_limit(registry.add("memory_limit_bytes", "limits.memory.", gauge)),
      memory_refusals(registry.add(
          "memory_refusals_total",
          "Times a session or delivery was refused memory because limits.memory was used up.",
          counter)),
      smtp_connections(
          registry.add("smtp_connections", "Open SMTP connections.", gauge,
                       {label("listener", setup.listeners), label("tls", {"plain", "tls"})})),
      smtp_connections_total(registry.add("smtp_connections_total", "SMTP connections accepted.",
                                          counter, {label("listener", setup.listeners)})),
      smtp_connections_refused(
          registry.add("smtp_connections_refused_total",
                       "SMTP connections turned away at the greeting, or later because another "
                       "one got their place (replaced).",
                       counter,
                       {label("listener", setup.listeners),
                        label("reason", {"limit", "address_limit", "rate", "proxy", "early_talker",
                                         "draining", "replaced", "certificate"})})),
      smtp_sessions(registry.add(
          "smtp_sessions_total", "SMTP sessions by how they ended.", counter,
          {label("listener", setup.listeners), label("tls_version", {"none", "TLSv1.2", "TLSv1.3"}),
           label("end",
                 {"quit", "dropped", "timeout", "refused", "replaced", "shutdown", "error"})})),
      smtp_session_duration(
          registry.add("smtp_session_duration_seconds", "Length of SMTP sessions.", histogram,
                       {label("listener", setup.listeners)}, MetricUnit::seconds)),
      smtp_message_size(registry.add("smtp_message_size_bytes", "Octets of the messages received.",
                                     histogram, {label("listener", setup.listeners)},
                                     MetricUnit::octets)),
      smtp_commands(registry.add(
          "smtp_commands_total", "SMTP commands that ask a policy, STARTTLS and QUIT, by answer.",
          counter,
          {label("verb",
                 {"HELO", "EHLO", "MAIL", "RCPT", "DATA", "QUIT", "STARTTLS", "AUTH", "other"}),
           label("code", reply_numbers())},
          MetricUnit::none, Show::used)),
      smtp_replies(registry.add("smtp_replies_total", "SMTP replies by the stage they answer.",
                                counter, {label("stage", stages), replies()}, MetricUnit::none,
                                Show::all)),
      smtp_tls_handshakes(registry.add(
          "smtp_tls_handshakes_total", "TLS handshakes.", counter,
          {label("listener", setup.listeners), label("version", {"none", "TLSv1.2", "TLSv1.3"}),
           label("result", {"ok", "failed", "timeout"})})),
      smtp_auth_attempts(registry.add("smtp_auth_attempts_total", "AUTH exchanges.", counter,
                                      {label("mechanism", {"PLAIN", "LOGIN", "SCRAM-SHA-256",
                                                           "SCRAM-SHA-256-PLUS", "OAUTHBEARER"}),
                                       label("result", {"ok", "failed", "throttled", "busy"})})),
      smtp_messages_received(registry.add("smtp_messages_received_total",
                                          "Messages whose text arrived, by what became of them.",
                                          counter,
                                          {label("listener", setup.listeners),
                                           label("result", {"accepted", "rejected", "deferred"})})),
      smtp_receive_bytes(registry.add("smtp_receive_bytes_total",
                                      "Octets of message text received.", counter,
                                      {label("listener", setup.listeners)})),
      smtp_protocol_errors(registry.add(
          "smtp_protocol_errors_total", "What clients did against the protocol.", counter,
          {label("kind",
                 {smtp::protocol_error_names().begin(), smtp::protocol_error_names().end()})})),
      decision_verdicts(
          registry.add("decision_verdicts_total", "Verdicts of the layers.", counter,
                       {label("stage", stages), pairs("layer", "dialect", setup.layers),
                        label("mode", {"enforce", "shadow"}),
                        label("verdict", {"pass_on", "permit", "reject", "defer", "quarantine"})})),
      decision_duration(registry.add("decision_duration_seconds",
                                     "Time a stage's decision took, waiting for evidence included.",
                                     histogram, {label("stage", stages)}, MetricUnit::seconds)),
      decision_errors(registry.add("decision_errors_total", "Decisions that failed closed.",
                                   counter,
                                   {label("dialect", dialects(setup)),
                                    label("kind", {"internal", "script", "lookup", "configuration",
                                                   "limit", "unanswered", "memory"})})),
      check_results(
          registry.add("check_results_total", "What single checks said.", counter,
                       {label("check", setup.checks),
                        label("result", {"pass_on", "permit", "reject", "defer", "quarantine"})})),
      address_probes(registry.add(
          "address_probes_total",
          "Addresses that mail hosts were asked about; limited: a limit forbade it.", counter,
          {label("result", {"deliverable", "undeliverable", "deferred", "limited"})})),
      check_duration(registry.add(
          "check_duration_seconds", "Time a verdict of SPF, DKIM, DMARC or ARC took, DNS included.",
          histogram, {label("check", {"spf", "dkim", "dmarc", "arc"})}, MetricUnit::seconds)),
      trace_records(
          registry.add("trace_records_total", "Decision traces written.", counter,
                       {label("outcome", {"accepted", "rejected", "deferred", "aborted"})})),
      trace_dropped(registry.add("trace_dropped_total", "Decision traces lost.", counter,
                                 {label("reason", {"full", "error"})})),
      dns_queries(registry.add("dns_queries_total", "DNS questions and how they were answered.",
                               counter,
                               {label("type", {"A", "AAAA", "CNAME", "MX", "PTR", "TXT", "TLSA"}),
                                label("result", {"found", "no_data", "nx_domain", "server_failure",
                                                 "timeout", "bogus"})})),
      dns_query_duration(
          registry.add("dns_query_duration_seconds", "Time to a DNS answer.", histogram,
                       {label("type", {"A", "AAAA", "CNAME", "MX", "PTR", "TXT", "TLSA"})},
                       MetricUnit::seconds)),
      cache_lookups(registry.add("cache_lookups_total", "Lookups in caches.", counter,
                                 {label("cache", {"dns"}), label("result", {"hit", "miss"})})),
      cache_entries(registry.add("cache_entries", "Entries of caches.", gauge,
                                 {label("cache", {"dns", "addresses"})})),
      delivery_attempts(registry.add("delivery_attempts_total", "Deliveries tried.", counter,
                                     {label("route", {"webhook", "relay", "inbox", "local"}),
                                      label("result", {"ok", "retry", "refused"})})),
      delivery_duration(registry.add(
          "delivery_duration_seconds", "Time a delivery took.", histogram,
          {label("route", {"webhook", "relay", "inbox", "local"})}, MetricUnit::seconds)),
      delivery_dead_letters(registry.add("delivery_dead_letters_total", "Messages given up.",
                                         counter, {label("route", {"webhook"})})),
      webhook_responses(registry.add(
          "webhook_responses_total",
          "What webhook targets answered.", counter,
          {label("class", {"2xx", "3xx", "4xx", "5xx", "timeout", "refused", "ssrf", "error"})})),
      inbox_refusals(registry.add("inbox_refusals_total",
                                  "Messages that built-in inboxes refused: the inbox full, the "
                                  "message larger than it, or the storage of all full.",
                                  counter, {label("reason", {"full", "too_large", "storage"})})),
      inbox_aged_out(registry.add("inbox_aged_out_total",
                                  "Messages that built-in inboxes dropped at the end of their "
                                  "stated retention.",
                                  counter)),
      spool_messages(registry.add(
          "spool_messages",
          "Mail in the queue by state; each recipient counts, for their states differ.", gauge,
          {label("state", {"queued", "held", "dead", "quarantined"})})),
      spool_oldest_message_age(registry.add("spool_oldest_message_age_seconds",
                                            "Age of the oldest message that waits for delivery.",
                                            gauge)),
      spool_size(registry.add("spool_size_bytes", "Octets of the queue on its disk.", gauge)),
      spool_commits(
          registry.add("spool_commits_total", "Commits of the queue's database.", counter)),
      spool_refusals(
          registry.add("spool_refusals_total",
                       "Messages deferred because the queue's disk is full or failed, or "
                       "the cluster's database does not take them.",
                       counter, {label("reason", {"full", "disk", "database"})})),
      spool_failed(registry.add("spool_failed",
                                "1: the queue's disk has failed, and nothing is taken or delivered "
                                "before a restart.",
                                gauge)),
      spool_publish_wait(registry.add(
          "spool_publish_wait_seconds",
          "Time from the end of a message's octets to the commit that its 250 depends on.",
          histogram, {}, MetricUnit::seconds)),
      spool_destinations(registry.add_ranking(
          "spool_destination_messages",
          "Recipients queued for the ten destinations with most; all others are one.",
          {"route", "destination"}, 10)),
      queue_slots(registry.add("queue_slots", "Deliveries that may run at once, by kind of mail.",
                               gauge,
                               {label("kind", {"relay", "report", "webhook", "folder"}),
                                label("state", {"used", "free"})})),
      queue_waiting(registry.add(
          "queue_waiting_destinations",
          "Destinations, by tenant, with mail that is due and waits for a slot or a connection.",
          gauge, {label("kind", {"relay", "report", "webhook", "folder"})})),
      relay_attempts(registry.add(
          "relay_attempts_total",
          "Recipients tried at other mail servers, by what came of it.", counter,
          {label("result", {"delivered", "temporary", "permanent", "unreachable", "tls", "dns"})})),
      relay_queue_messages(
          registry.add("relay_queue_messages", "Recipients queued for other mail servers.", gauge)),
      relay_oldest(registry.add("relay_oldest_seconds",
                                "Age of the oldest message queued for another mail server.",
                                gauge)),
      cluster_nodes(
          registry.add("cluster_nodes",
                       "Gateways of the cluster that live, and that died within a week; without a "
                       "cluster all of these are 0.",
                       gauge, {label("state", {"live", "draining", "dead"})})),
      cluster_partitions(registry.add(
          "cluster_partitions", "Parts of the cluster's queue that this gateway owns.", gauge)),
      cluster_takeovers(registry.add(
          "cluster_takeovers_total",
          "Parts of the queue that this gateway took: free ones, and those of dead gateways.",
          counter, {label("why", {"free", "dead"})})),
      cluster_heartbeat_age(registry.add(
          "cluster_heartbeat_age_seconds",
          "Time since the last heartbeat that the cluster's database acknowledged.", gauge)),
      cluster_clock_offset(registry.add(
          "cluster_clock_offset_seconds",
          "What the database's clock is ahead of this machine's; below 0.1 it counts as 0.", gauge,
          {}, MetricUnit::seconds)),
      cluster_epoch(registry.add("cluster_epoch", "Timeline of the cluster's database.", gauge)),
      cluster_rolled_back(registry.add(
          "cluster_rolled_back",
          "1: the cluster's database has less than it promised, and no mail is taken.", gauge)),
      cluster_unknown(registry.add(
          "cluster_commit_unknown_total",
          "Commits of the queue whose end was unknown; they are made again.", counter)),
      cluster_lease_lost(registry.add(
          "cluster_lease_lost_total",
          "Parts of the queue that this gateway lost, to another or because it was silent.",
          counter)),
      cluster_change_lag(registry.add(
          "cluster_change_lag_seconds",
          "Since when edits of other gateways could not be read or applied; 0: they are.", gauge)),
      cluster_changes(registry.add("cluster_changes_total",
                                   "Edits of all gateways that this one has applied.", counter)),
      limit_draws(registry.add(
          "limit_draws_total",
          "Draws of this gateway from limits that hold over all gateways: granted, nothing left, "
          "without an answer; and events that this gateway's share decided, as the answer was "
          "late.",
          counter, {label("result", {"granted", "empty", "failed", "late"})})),
      api_requests(registry.add("api_requests_total", "API requests.", counter,
                                {pairs("method", "route", setup.routes),
                                 label("code", {"200", "201", "202", "204", "304", "400", "401",
                                                "403", "404", "405", "409", "410", "412", "413",
                                                "415", "422", "429", "431", "500", "503", "507"})},
                                MetricUnit::none, Show::used)),
      api_request_duration(registry.add("api_request_duration_seconds", "Time an API request took.",
                                        histogram, {pairs("method", "route", setup.routes)},
                                        MetricUnit::seconds, Show::used)),
      store_policies(registry.add("store_policies", "Policies in memory.", gauge)),
      store_webhooks(registry.add("store_webhooks", "Webhooks in memory.", gauge)),
      store_unreadable(registry.add(
          "store_unreadable",
          "Policies, webhooks and DKIM keys in the database that cannot be read.", gauge)),
      dnssec(registry.add("dnssec",
                          "1 for where verdicts of DNSSEC come from: checked here, the name "
                          "servers' word, or nowhere.",
                          gauge, {label("mode", {"validating", "trusting", "off"})})),
      plan_unconfirmed(registry.add(
          "plan_unconfirmed_total",
          "Proofs of guardrails and plans whose dialogue was judged otherwise: a fault of Postern.",
          counter)) {
  build_info.gauge({setup.version, setup.revision, setup.compiler}).set(1);
  for (const std::string& name : setup.listeners) {
    listeners_.emplace_back(name, std::make_unique<ListenerMetrics>(*this, name));
  }
  listeners_.emplace_back("other", std::make_unique<ListenerMetrics>(*this, "other"));
  dialogue_ = std::make_unique<DialogueMetrics>(*this);
}

Metrics::~Metrics() = default;

ListenerMetrics& Metrics::listener(std::string_view name) {
  for (const auto& [known, listener] : listeners_) {
    if (known == name) return *listener;
  }
  return *listeners_.back().second;
}

std::vector<std::string> reply_codes() {
  std::vector<std::string> codes = reply_numbers();
  codes.pop_back();  // "other"
  return codes;
}

std::string_view stage_name(std::size_t stage) {
  return stage < stages.size() ? std::string_view(stages[stage]) : std::string_view("other");
}

namespace {

std::mutex made_mutex;
std::atomic<Metrics*> current{nullptr};
/// Never destroyed: threads may count until the process ends.
std::vector<std::unique_ptr<Metrics>>& all_made() {
  static auto* made = new std::vector<std::unique_ptr<Metrics>>();
  return *made;
}

Metrics& make(const MetricsSetup& setup) {
  all_made().push_back(std::make_unique<Metrics>(setup));
  current.store(all_made().back().get(), std::memory_order_release);
  return *all_made().back();
}

}  // namespace

void start_metrics(const MetricsSetup& setup) {
  const std::lock_guard lock(made_mutex);
  make(setup);
}

Metrics& metrics() {
  if (Metrics* made = current.load(std::memory_order_acquire)) return *made;
  const std::lock_guard lock(made_mutex);
  if (Metrics* made = current.load(std::memory_order_acquire)) return *made;
  return make({});
}

}  // namespace postern::telemetry
