// How records keep the values that scripts set on connections and messages.
#pragma once

#include <boost/json/object.hpp>

#include "dialect/kumo/session.h"

namespace postern::dialect::kumo {

/// A value as KumoMTA stores it: NaN and infinities, which JSON cannot express, become null.
boost::json::value storable(boost::json::value value);

/// The values with the given secrets masked, in names and in values.
boost::json::object without_secrets(boost::json::object values, const SecretValues& secrets);

/// The values with text that is not UTF-8 replaced by `{"base64": ...}`, as everywhere in a record.
boost::json::object in_utf8(boost::json::object values);

}  // namespace postern::dialect::kumo
