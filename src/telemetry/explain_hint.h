#pragma once

#include <string>

namespace postern::telemetry {

/// The options between `postern explain` and the trace id in the hint after a decision,
/// shell-quoted: "--data-dir /var/lib/postern "; empty by default. Call it before the first log
/// line is written; not thread-safe.
void set_explain_options(std::string options);
/// The options as set.
const std::string& explain_options();

}  // namespace postern::telemetry
