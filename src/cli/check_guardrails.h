// The guardrails of a configuration file, proved for `postern check`, and what a proof may take.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <tl/expected.hpp>

#include "cli/cli.h"
#include "config/config.h"
#include "config/diagnostic.h"
#include "plan/guard.h"

namespace postern::app {

/// What `check` says of the guardrails.
struct CheckedGuardrails {
  std::vector<plan::GuardResult> results;  ///< empty: the configuration has none
  std::string webhooks_unknown;            ///< why webhooks were not looked at; empty: they were
  bool by_api = false;  ///< the lists are those that were set through the API, not the file's
};
/// What --budget TIME[,NODES] says.
struct ProofBudget {
  std::chrono::milliseconds time{0};
  std::optional<std::size_t> nodes;  ///< at most 100 million; nullopt: not said
  /// The budget of guardrails, with its own number of nodes if none is said.
  plan::GuardBudget of_guardrails() const;
};
/// nullopt: the command has no --budget.
tl::expected<std::optional<ProofBudget>, UsageError> budget_of(const Arguments& arguments);
/// Proves them as a start does: with the webhooks of the data directory if there is one, and with
/// the lists that were set through the API where these stay in force over the configuration's.
/// Blocks.
CheckedGuardrails check_guardrails(const Config& config, const plan::GuardBudget& budget);
/// The results as JSON.
boost::json::array guardrails_json(const CheckedGuardrails& checked);
/// "guardrails: 3 proved", "guardrails: 1 of 3 broken or not proved"; a line for people.
std::string guardrails_text(const CheckedGuardrails& checked);

}  // namespace postern::app
