#pragma once

#include <string>

namespace postern::telemetry {

/// What stands between `postern explain` and the trace's id in the hint behind a decision, for a
/// shell: "--data-dir /var/lib/postern "; empty at first. Set before the first line is written.
void set_explain_options(std::string options);
const std::string& explain_options();

}  // namespace postern::telemetry
