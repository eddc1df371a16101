// The guardrails of the running gateway (docs/guardrails.md): proved when a configuration is
// loaded, and before each edit through the API.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "admin/ports.h"
#include "config/config.h"
#include "plan/guard.h"
#include "store/store.h"

namespace postern::app {

/// Proves them with the one judge, plan::check_guardrails(). Thread-safe.
class GuardrailDesk final : public admin::Guards {
 public:
  /// What Guards::hold() has to hold elsewhere, until then at the latest.
  using Until = std::chrono::steady_clock::time_point;
  using Hold = std::function<Result<std::shared_ptr<void>>(Until until)>;

  /// `directory`: the webhooks that decide now. `deciding`: the configuration that does, with its
  /// lists. `elsewhere`: of the other gateways of the cluster; null: there are none. `store` and
  /// `directory` outlive this object.
  GuardrailDesk(store::Store& store, const policy::Directory& directory,
                std::function<Config()> deciding, Hold elsewhere)
      : store_(store),
        directory_(directory),
        deciding_(std::move(deciding)),
        elsewhere_(std::move(elsewhere)) {}

  Result<std::shared_ptr<void>> hold(std::chrono::milliseconds longest, bool comes) override;

  bool any() override { return deciding_().guardrails != nullptr; }
  std::optional<admin::BrokenGuardrail> broken_by(const admin::Lists& next) override;
  std::optional<admin::BrokenGuardrail> broken_by(const WebhookEdit& edit) override;

  /// The same at the start and at a reload, where there is more time: why the configuration may not
  /// come into force with these lists, each broken guardrail on a line; empty: it may. Warnings are
  /// logged; the log and the service manager hear each 5 s how far it is.
  std::string why_not(const admin::Lists& lists);

 private:
  std::optional<admin::BrokenGuardrail> first_broken(const Config& config,
                                                     std::shared_ptr<policy::Directory> directory,
                                                     const plan::GuardScope& scope,
                                                     std::chrono::milliseconds time) const;

  store::Store& store_;
  const policy::Directory& directory_;
  const std::function<Config()> deciding_;
  const Hold elsewhere_;
  std::timed_mutex edits_;
};

}  // namespace postern::app
