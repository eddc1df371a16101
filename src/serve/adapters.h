// Adapters between rooms that must not depend on each other: each class implements one room's
// interface with another room's objects.
#pragma once

#include "admin/ports.h"
#include "admin/trace_hub.h"
#include "cluster/shared_windows.h"
#include "deliver/rate_limiter.h"
#include "deliver/webhook_delivery.h"
#include "gateway/ports.h"
#include "policy/authentication.h"
#include "policy/directory.h"
#include "serve/trace_watch.h"
#include "store/delivery_log.h"
#include "store/traces.h"

namespace postern::app {

/// Webhooks' rate limits for the gateway.
class WebhookRates final : public gateway::RateProbe {
 public:
  /// The arguments outlive it; `shared` is null outside of a cluster.
  explicit WebhookRates(deliver::RateLimiter& limiter, const cluster::SharedWindows* shared)
      : limiter_(limiter), shared_(shared) {}
  /// Deliveries that are left now.
  double tokens(const policy::Webhook& webhook) override;

 private:
  deliver::RateLimiter& limiter_;
  const cluster::SharedWindows* shared_;
};

/// Records ended transactions: refusals in the delivery log, all in the trace database and for its
/// watchers. Thread-safe.
class Recorder final : public gateway::TransactionRecorder {
 public:
  /// The arguments outlive it; `watchers` may be null.
  Recorder(store::DeliveryLog& log, store::TraceWriter& traces, admin::TraceHub* watchers = nullptr)
      : log_(log), traces_(traces), watchers_(watchers) {}
  /// `watch` sees every trace before it is written. Set before the first trace ends; it outlives
  /// this object.
  void watch(TraceWatch& watch) { watch_ = &watch; }
  /// Never blocks.
  void ended(policy::Trace trace) override;

 private:
  void log_refusal(const policy::Trace& trace, const policy::Decision& decision);

  store::DeliveryLog& log_;
  store::TraceWriter& traces_;
  admin::TraceHub* watchers_;
  TraceWatch* watch_ = nullptr;
};

/// POST /webhooks/{id}/simulate.
class SimulatorPort final : public admin::Simulator {
 public:
  /// The references outlive it.
  SimulatorPort(const policy::Directory& directory, deliver::WebhookDelivery& delivery,
                std::string temporary_directory)
      : directory_(directory),
        delivery_(delivery),
        temporary_directory_(std::move(temporary_directory)) {}
  /// Delivers a simulated message; Fault::not_found for an unknown webhook.
  Task<Result<admin::SimulationResult>> simulate(admin::SimulationRequest request) override;

 private:
  const policy::Directory& directory_;
  deliver::WebhookDelivery& delivery_;
  const std::string temporary_directory_;
};

/// POST /smtp-policies/{id}/dry-run: judges by every control of a policy, not only up to the first
/// refusal. Queries DNS; sends no mail, writes no log, takes no rate token.
class DryRunPort final : public admin::DryRun {
 public:
  /// `caches` and `resolver` outlive it.
  DryRunPort(policy::AuthenticationOptions options, policy::AuthenticationCaches& caches,
             dns::Resolver& resolver)
      : options_(std::move(options)), caches_(caches), resolver_(resolver) {}
  /// The response's JSON.
  Task<Result<boost::json::object>> decide(admin::DryRunRequest request) override;

 private:
  const policy::AuthenticationOptions options_;
  policy::AuthenticationCaches& caches_;
  dns::Resolver& resolver_;
};

/// The message of a simulation: RFC 5322 §2 with UTF-8, with defaults for what the request lacks.
/// `id_domain`: the right side of its Message-ID.
std::string simulated_message(const admin::SimulationRequest& request, const std::string& from,
                              const std::string& to,
                              std::string_view id_domain = "simulation.invalid");

}  // namespace postern::app
