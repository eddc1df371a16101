#pragma once

#include <string>

#include "config/config.h"
#include "explain/options.h"
#include "policy/directory.h"
#include "policy/layer.h"

namespace postern::app {

/// Decides on the message that the options describe, with the directory's policies. Nothing is
/// sent, no rate token is taken, and no host name is looked up for the client. Fault::malformed and
/// Fault::not_found name the option. Blocks.
Result<policy::Trace> decide_live(const Config& config, const ExplainOptions& options,
                                  const policy::Directory& directory);

}  // namespace postern::app
