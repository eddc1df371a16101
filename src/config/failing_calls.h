// Calls in a policy of [vsl] that fail whenever they are reached.
#pragma once

#include "config/diagnostic.h"

namespace postern::app {

/// The code of such a call. The gateway starts with a warning, as the rule fails closed where it is
/// reached; for `postern check` it is an error.
inline constexpr const char* failing_call_code = "V006";

/// The same diagnostics, with errors in place of warnings of that code.
inline Diagnostics refuse_failing_calls(const Diagnostics& given) {
  Diagnostics all;
  for (Diagnostic each : given.list()) {
    if (each.code == failing_call_code) each.severity = Severity::error;
    all.add(std::move(each));
  }
  return all;
}

}  // namespace postern::app
