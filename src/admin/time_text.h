// Times as JSON.
#pragma once

#include <boost/json/value.hpp>

#include "base/time_text.h"

namespace postern::admin {

/// RFC 3339 §5.6; null for nullopt.
inline boost::json::value to_json(const std::optional<ClockTime>& time) {
  if (!time) return nullptr;
  return boost::json::value(to_rfc3339(*time));
}

}  // namespace postern::admin
