// A trace as a page draws it: the message's way through stages, layers and rules (TraceStory of
// docs/openapi.yaml).
#pragma once

#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "app/explain_report.h"

namespace postern::app {

/// For an account, what is other accounts' is left out: `{"hidden": true}` stands for each of their
/// recipients and what was judged for it. Without one, everything. `webhook_name` and
/// `deliveries` are filled in by who knows them.
boost::json::object story_json(const Explanation& explanation,
                               const std::optional<std::string>& account);

}  // namespace postern::app
