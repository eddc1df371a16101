// What decides under a configuration.
#pragma once

#include "config/config.h"
#include "gateway/consultation.h"
#include "policy/layer.h"

namespace postern::app {

/// The engine with the layers of all listeners, as in `serve`.
policy::Engine engine_for(const Config& config);

/// The remote tables that the restriction lists name.
gateway::RemoteTables::Named remote_tables(const Config& config);

}  // namespace postern::app
