// Functions of the host that test scripts call.
#pragma once

#include <string>

#include <boost/json.hpp>

#include "script/state.h"

namespace postern::script::testing {

/// Appends its arguments, as JSON with blanks between, to the call's context.
inline void result(Call& call, Rest rest) {
  std::string& text = *call.context<std::string>();
  for (const json::value& value : rest.values) {
    text += (text.empty() ? "" : " ") + json::serialize(value);
  }
}
/// Keeps the function for the state's user.
inline void on(Call& call, Function function) {
  call.state().user<int>() = call.state().keep(function);
}

}  // namespace postern::script::testing
