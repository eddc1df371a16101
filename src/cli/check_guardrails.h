// The guardrails of a configuration file, proved for `postern check`, and what a proof may take.
#pragma once

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
};
/// Of --budget TIME[,NODES], which the command has been given; nodes: at most 100 million.
tl::expected<plan::GuardBudget, UsageError> budget_of(const Arguments& arguments);
/// Proves them, with the webhooks of the data directory if there is one. Blocks.
CheckedGuardrails check_guardrails(const Config& config, const plan::GuardBudget& budget);
/// The results as JSON.
boost::json::array guardrails_json(const CheckedGuardrails& checked);
/// "3 guardrails hold", "1 of 3 guardrails does not hold"; a line for people.
std::string guardrails_text(const CheckedGuardrails& checked);

}  // namespace postern::app
