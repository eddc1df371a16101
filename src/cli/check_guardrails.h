// The guardrails of a configuration file, proved for `postern check`.
#pragma once

#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include "config/config.h"
#include "config/diagnostic.h"
#include "plan/guard.h"

namespace postern::app {

/// What `check` says of the guardrails.
struct CheckedGuardrails {
  std::vector<plan::GuardResult> results;  ///< empty: the configuration has none
  std::string webhooks_unknown;            ///< why webhooks were not looked at; empty: they were
};
/// Proves them, with the webhooks of the data directory if there is one. Blocks.
CheckedGuardrails check_guardrails(const Config& config);
/// The results as JSON.
boost::json::array guardrails_json(const CheckedGuardrails& checked);
/// "3 guardrails hold", "1 of 3 guardrails does not hold"; a line for people.
std::string guardrails_text(const CheckedGuardrails& checked);

}  // namespace postern::app
