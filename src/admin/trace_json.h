// Summaries of traces as JSON, for lists and the live tail.
#pragma once

#include <boost/json/object.hpp>

#include "store/traces.h"

namespace postern::admin {

/// The TraceSummary of docs/openapi.yaml; the webhook's name is null.
boost::json::object summary_json(const store::TraceRow& row);

}  // namespace postern::admin
