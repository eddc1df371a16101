// Log records as JSON.
#pragma once

#include <boost/json/object.hpp>

#include "store/delivery_log.h"

namespace postern::admin {

/// The LogRecord of docs/openapi.yaml.
boost::json::object log_json(const store::LogRecord& record);

}  // namespace postern::admin
