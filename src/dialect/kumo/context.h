// What the host functions of a hook work on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "policy/evidence.h"
#include "policy/layer.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

namespace json = boost::json;

/// While a hook runs; Call::context(). Null while the policy loads.
struct Context {
  policy::Evidence& evidence;
  policy::Gatherer& gatherer;
};

/// The context of a function that only makes sense inside a hook. Throws where there is none.
inline Context& hook_of(script::Call& call) {
  Context* context = call.context<Context>();
  script::demand(context != nullptr, "only available inside an event handler");
  return *context;
}

}  // namespace postern::dialect::kumo
