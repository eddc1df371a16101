// Rooms that must not know each other meet here: each class fills one room's port with another's
// work.
#pragma once

#include "admin/ports.h"
#include "admin/trace_hub.h"
#include "app/trace_watch.h"
#include "deliver/rate_limiter.h"
#include "deliver/webhook_delivery.h"
#include "gateway/ports.h"
#include "policy/authentication.h"
#include "policy/directory.h"
#include "store/delivery_log.h"
#include "store/traces.h"

namespace postern::app {

class WebhookRates final : public gateway::RateProbe {
 public:
  explicit WebhookRates(deliver::RateLimiter& limiter) : limiter_(limiter) {}
  double tokens(const policy::Webhook& webhook) override;

 private:
  deliver::RateLimiter& limiter_;
};

/// Ended transactions: refusals into the delivery log, everything into the trace database and to
/// who watches.
class Recorder final : public gateway::TransactionRecorder {
 public:
  /// All are borrowed; `watchers` may be null.
  Recorder(store::DeliveryLog& log, store::TraceWriter& traces, admin::TraceHub* watchers = nullptr)
      : log_(log), traces_(traces), watchers_(watchers) {}
  /// Sees every trace before it is written; set before the first one ends, and outlives this.
  void watch(TraceWatch& watch) { watch_ = &watch; }
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
  SimulatorPort(const policy::Directory& directory, deliver::WebhookDelivery& delivery,
                std::string temporary_directory)
      : directory_(directory),
        delivery_(delivery),
        temporary_directory_(std::move(temporary_directory)) {}
  Task<Result<admin::SimulationResult>> simulate(admin::SimulationRequest request) override;

 private:
  const policy::Directory& directory_;
  deliver::WebhookDelivery& delivery_;
  const std::string temporary_directory_;
};

/// POST /smtp-policies/{id}/dry-run: every control of the policy is judged, not only the first that
/// refuses. Asks DNS; no mail, no log record, no rate token.
class DryRunPort final : public admin::DryRun {
 public:
  /// Caches and resolver are borrowed.
  DryRunPort(policy::AuthenticationOptions options, policy::AuthenticationCaches& caches,
             dns::Resolver& resolver)
      : options_(std::move(options)), caches_(caches), resolver_(resolver) {}
  Task<Result<boost::json::object>> decide(admin::DryRunRequest request) override;

 private:
  const policy::AuthenticationOptions options_;
  policy::AuthenticationCaches& caches_;
  dns::Resolver& resolver_;
};

/// The message that a simulation delivers: RFC 5322, UTF-8, with what the request leaves out made
/// up. `id_domain` is the right side of its Message-ID.
std::string simulated_message(const admin::SimulationRequest& request, const std::string& from,
                              const std::string& to,
                              std::string_view id_domain = "simulation.invalid");

}  // namespace postern::app
