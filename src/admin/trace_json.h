// A trace as lists and the live tail show it: TraceSummary of docs/openapi.yaml.
#pragma once

#include <boost/json/object.hpp>

#include "store/traces.h"

namespace postern::admin {

/// Without the webhook's name, which is null.
boost::json::object summary_json(const store::TraceRow& row);

}  // namespace postern::admin
