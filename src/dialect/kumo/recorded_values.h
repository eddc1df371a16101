// What records keep of the values that scripts set on connections and messages.
#pragma once

#include <boost/json/object.hpp>

#include "dialect/kumo/session.h"

namespace postern::dialect::kumo {

/// As KumoMTA stores a value: numbers that JSON has no form for, infinite ones and none, are null.
boost::json::value storable(boost::json::value value);

/// The values without the secrets that stand in them or in their names.
boost::json::object without_secrets(const boost::json::object& values, const SecretValues& secrets);

/// In UTF-8, whatever octets came from the client: `{"base64": ...}` where a text is none, as
/// everywhere in a record.
boost::json::object in_utf8(const boost::json::object& values);

}  // namespace postern::dialect::kumo
