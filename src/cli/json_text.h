// What commands print with --json.
#pragma once

#include <string>

#include <boost/json.hpp>

#include "base/shown.h"

namespace postern::app {

/// The value as valid UTF-8 that a terminal shows as it is (RFC 8259 §8.1). Texts in it may have
/// octets of files and of other programs, as rows of tables do; those that are not UTF-8 become
/// U+FFFD.
inline std::string json_text(const boost::json::value& value) {
  return shown_json(boost::json::serialize(value));
}

}  // namespace postern::app
