#pragma once

#include "config/config.h"
#include "explain/options.h"
#include "explain/play.h"
#include "policy/directory.h"

namespace postern::app {

/// Decides on the message that the options describe, with the directory's policies. Nothing is
/// sent, no rate token is taken, and no host name is looked up for the client. Where a rule
/// verifies an address, `remembered` (null: nothing is) has the results of earlier probes.
/// Fault::malformed and Fault::not_found name the option. Blocks.
Result<policy::Trace> decide_live(const Config& config, const ExplainOptions& options,
                                  const policy::Directory& directory,
                                  const RememberedAddress& remembered = {});

}  // namespace postern::app
