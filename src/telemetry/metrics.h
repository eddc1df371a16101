// The metrics of the gateway, as C++ members (docs/metrics.md). They are the only global state of
// the program.
//
//   static Counter quits = metrics().smtp_commands.counter({"QUIT", "221"});   // keep the handle
//   quits.add();                                                                // then count, 5 ns
//
// Label values are given in the order of the comment; a value outside its set counts as "other".
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "telemetry/registry.h"

namespace postern::telemetry {

/// Label values that only the configuration or other modules know.
struct MetricsSetup {
  /// Names of the listeners.
  std::vector<std::string> listeners = {"smtp"};
  /// Pairs of layer and dialect: {"gateway", "gateway"}, {"webhook", "webhook"}.
  std::vector<std::pair<std::string, std::string>> layers = {{"gateway", "gateway"},
                                                             {"webhook", "webhook"}};
  std::vector<std::string> checks;  ///< names in policy/catalogue.h
  std::vector<std::pair<std::string, std::string>>
      routes;  ///< method and path: {"GET", "/api/v1/webhooks/{id}"}
  /// The labels of build_info.
  std::string version = "0.1.0";
  std::string revision = "unknown";
  std::string compiler = "unknown";
};

class ListenerMetrics;
class DialogueMetrics;

/// All metric families. The comments give the type (C counter, G gauge, H histogram) and the
/// labels. Thread-safe.
struct Metrics {
  /// Creates the families with these label values.
  explicit Metrics(const MetricsSetup& setup);

  ~Metrics();

  /// The handles of a listener (telemetry/smtp_metrics.h); a name outside MetricsSetup::listeners
  /// counts as "other".
  ListenerMetrics& listener(std::string_view name);
  /// The handles for commands and replies.
  DialogueMetrics& dialogue() { return *dialogue_; }

  /// Renders the families.
  Registry registry;

  // Process
  Family& build_info;                            ///< G version, revision, compiler
  Family& config_last_reload_successful;         ///< G, 0 or 1
  Family& config_last_reload_success_timestamp;  ///< G, seconds since 1970
  Family& logs_dropped;                          ///< C
  Family& tls_certificate_not_after;             ///< G listener; seconds since 1970
  Family& memory_charged;                        ///< G, octets
  Family& memory_limit;                          ///< G, octets
  Family& memory_refusals;                       ///< C

  // SMTP
  Family& smtp_connections;          ///< G listener, tls (plain, tls)
  Family& smtp_connections_total;    ///< C listener
  Family& smtp_connections_refused;  ///< C listener, reason (see metrics.cc)
  Family& smtp_sessions;             ///< C listener, tls_version, end
  Family& smtp_session_duration;     ///< H listener; seconds
  Family& smtp_message_size;         ///< H listener; octets
  Family& smtp_commands;             ///< C verb, code
  Family& smtp_replies;              ///< C stage, code, enhanced_code
  Family& smtp_tls_handshakes;       ///< C listener, version, result (ok, failed, timeout)
  Family& smtp_auth_attempts;        ///< C mechanism, result (ok, failed, throttled, busy)
  Family& smtp_messages_received;    ///< C listener, result (accepted, rejected, deferred)
  Family& smtp_receive_bytes;        ///< C listener; octets
  Family& smtp_protocol_errors;      ///< C kind

  // Decisions
  Family& decision_verdicts;  ///< C stage, layer, dialect, mode (enforce, shadow), verdict
  Family& decision_duration;  ///< H stage; seconds
  Family& decision_errors;    ///< C dialect, kind (policy::Trouble)
  Family& check_results;      ///< C check, result (pass_on, permit, reject, defer, quarantine)
  Family& address_probes;     ///< C result (deliverable, undeliverable, deferred, limited)
  Family& check_duration;     ///< H check (spf, dkim, dmarc, arc); seconds
  Family& trace_records;      ///< C outcome (accepted, rejected, deferred, aborted)
  Family& trace_dropped;      ///< C reason (full, error)

  // DNS and caches
  Family& dns_queries;         ///< C type, result (found, no_data, nx_domain, ...)
  Family& dns_query_duration;  ///< H type; seconds
  Family& cache_lookups;       ///< C cache (dns), result (hit, miss)
  Family& cache_entries;       ///< G cache

  // Delivery
  Family& delivery_attempts;      ///< C route (webhook, relay, inbox, local), result (ok, retry,
                                  ///< refused)
  Family& delivery_duration;      ///< H route; seconds
  Family& delivery_dead_letters;  ///< C route
  Family& webhook_responses;      ///< C class (2xx, 3xx, 4xx, 5xx, timeout, refused, ssrf, error)

  Family& inbox_refusals;  ///< C reason (full, too_large, storage)
  Family& inbox_aged_out;  ///< C

  // Queue
  Family& spool_messages;            ///< G state (queued, held, dead, quarantined)
  Family& spool_oldest_message_age;  ///< G, seconds
  Family& spool_size;                ///< G, octets
  Family& spool_commits;             ///< C
  Family& spool_refusals;            ///< C reason (full, disk, database)
  Family& spool_failed;              ///< G, 0 or 1
  Family& spool_publish_wait;        ///< H; seconds
  Ranking& spool_destinations;       ///< G route, destination
  Family& queue_slots;     ///< G kind (relay, report, webhook, folder), state (used, free)
  Family& queue_waiting;   ///< G kind
  Family& relay_attempts;  ///< C result (delivered, temporary, permanent, unreachable, tls, dns)
  Family& relay_queue_messages;  ///< G
  Family& relay_oldest;          ///< G, seconds

  // Cluster: 0 where there is none
  Family& cluster_nodes;          ///< G state (live, draining, dead)
  Family& cluster_partitions;     ///< G
  Family& cluster_takeovers;      ///< C why (free, dead)
  Family& cluster_heartbeat_age;  ///< G, seconds
  Family& cluster_clock_offset;   ///< G, nanoseconds
  Family& cluster_epoch;          ///< G, the timeline
  Family& cluster_rolled_back;    ///< G, 0 or 1
  Family& cluster_unknown;        ///< C
  Family& cluster_lease_lost;     ///< C
  Family& cluster_change_lag;     ///< G, seconds
  Family& cluster_changes;        ///< C
  Family& limit_draws;            ///< C result (granted, empty, failed, late)

  // Control plane
  Family& api_requests;          ///< C method, route, code
  Family& api_request_duration;  ///< H method, route; seconds
  Family& store_policies;        ///< G
  Family& store_webhooks;        ///< G
  Family& store_unreadable;      ///< G
  Family& dnssec;                ///< G mode: 1 for the mode in effect
  Family& plan_unconfirmed;      ///< C

 private:
  std::vector<std::pair<std::string, std::unique_ptr<ListenerMetrics>>> listeners_;
  std::unique_ptr<DialogueMetrics> dialogue_;
};

/// The reply codes that have a series of their own.
std::vector<std::string> reply_codes();
/// The name of a stage by its number; "other": out of range.
std::string_view stage_name(std::size_t stage);

/// Creates the families with these label values. Call it before the first thread that counts:
/// handles taken earlier count in families that are no longer rendered.
void start_metrics(const MetricsSetup& setup);
/// The current families; made with default label values if start_metrics() was not called.
/// Thread-safe.
Metrics& metrics();

}  // namespace postern::telemetry
