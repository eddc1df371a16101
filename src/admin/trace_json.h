#pragma once

#include <boost/json/object.hpp>

#include "store/traces.h"

namespace postern::admin {

/// TraceSummary of docs/openapi.yaml; `webhook_name` is null, for the store has it.
boost::json::object summary_json(const store::TraceRow& row);

}  // namespace postern::admin
