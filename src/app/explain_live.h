#pragma once

#include <string>

#include "app/explain.h"
#include "gateway/consultation.h"
#include "policy/directory.h"
#include "policy/layer.h"

namespace postern::app {

/// The layers of every listener, as `serve` runs them.
policy::Engine engine_for(const Config& config);

/// The tables of other programs that the lists look into.
gateway::RemoteTables::Named remote_tables(const Config& config);

/// Decides the message that the options describe by the directory's policies. Nothing is sent, no
/// rate token is taken, no name is asked for. Fault::malformed and not_found name the option.
Result<policy::Trace> decide_live(const Config& config, const ExplainOptions& options,
                                  const policy::Directory& directory);

}  // namespace postern::app
