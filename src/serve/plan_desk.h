#pragma once

#include <functional>
#include <memory>
#include <string>

#include "admin/ports.h"
#include "config/config.h"
#include "net/work_pool.h"
#include "plan/edit.h"
#include "policy/directory.h"
#include "store/store.h"

namespace postern::app {

/// POST /plan: compares with the one comparison of `postern plan`, on one thread of low priority,
/// and changes nothing. Thread-safe.
class PlanDesk final : public admin::Planner {
 public:
  /// `deciding`: the configuration that decides now, with its lists. The references outlive this
  /// object.
  PlanDesk(store::Store& store, const policy::Directory& directory,
           std::function<Config()> deciding)
      : store_(store), directory_(directory), deciding_(std::move(deciding)), pool_(1, 4, "plan") {}

  Task<Result<boost::json::object>> plan(admin::PlanRequest request) override;
  /// Its thread, for the order of a stop.
  net::WorkPool& pool() { return pool_; }

  boost::json::value brief(const admin::PlanRequest& request) override;

 private:
  /// A report, and the sentences that it is about.
  struct Judged {
    plan::Report report;
    std::shared_ptr<const Guardrails> guardrails;
  };
  Result<Judged> judge(const admin::PlanRequest& request, const plan::EditOptions& options) const;
  Result<plan::Edition> edition_of(plan::Edition now, const admin::PlanSide& side,
                                   const admin::PlanRequest& request) const;

  store::Store& store_;
  const policy::Directory& directory_;
  const std::function<Config()> deciding_;
  net::WorkPool pool_;
};

}  // namespace postern::app
