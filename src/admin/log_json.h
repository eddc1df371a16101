// A log record as the API shows it: LogRecord of docs/openapi.yaml.
#pragma once

#include <boost/json/object.hpp>

#include "store/delivery_log.h"

namespace postern::admin {

boost::json::object log_json(const store::LogRecord& record);

}  // namespace postern::admin
