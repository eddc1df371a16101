// Times as the API writes and reads them.
#pragma once

#include <boost/json/value.hpp>

#include "store/time_text.h"

namespace postern::admin {

using store::from_rfc3339;
using store::to_rfc3339;

/// Null for no time.
inline boost::json::value to_json(const std::optional<store::Time>& time) {
  if (!time) return nullptr;
  return boost::json::value(to_rfc3339(*time));
}

}  // namespace postern::admin
