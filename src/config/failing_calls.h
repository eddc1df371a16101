// Calls in a policy of [vsl] or [lua] that fail whenever they are reached.
#pragma once

#include <string_view>

#include "config/diagnostic.h"

namespace postern::app {

/// The codes of such calls. The gateway starts with a warning, as the rule or hook fails closed
/// where it is reached; for `postern check` it is an error.
inline constexpr const char* failing_call_code = "V006";
inline constexpr const char* failing_lua_call_code = "L006";

/// The same diagnostics, with errors in place of warnings of these codes.
inline Diagnostics refuse_failing_calls(const Diagnostics& given) {
  Diagnostics all;
  for (Diagnostic each : given.list()) {
    const std::string_view code = each.code;
    if (code == failing_call_code || code == failing_lua_call_code) {
      each.severity = Severity::error;
    }
    all.add(std::move(each));
  }
  return all;
}

}  // namespace postern::app
