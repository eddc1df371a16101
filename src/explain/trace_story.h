// A trace as the page shows it: the message's path through stages, layers and rules (TraceStory in
// docs/openapi.yaml).
#pragma once

#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "explain/report.h"

namespace postern::app {

/// With `account`, other accounts' data and that of no account is left out: `{"hidden": true}`
/// replaces each such recipient and the decisions about it. Without it, everything is included. The
/// caller fills in `webhook_name` and `deliveries`.
boost::json::object story_json(const Explanation& explanation,
                               const std::optional<std::string>& account);

}  // namespace postern::app
