// A log record as the API shows it: LogRecord of docs/openapi.yaml.
#pragma once

#include <optional>

#include <boost/json.hpp>

#include "store/delivery_log.h"

namespace postern::admin {

template <class T>
boost::json::value or_null(const std::optional<T>& value) {
  return value ? boost::json::value_from(*value) : boost::json::value(nullptr);
}

boost::json::object log_json(const store::LogRecord& record);

}  // namespace postern::admin
