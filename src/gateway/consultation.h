#pragma once

#include <chrono>

#include "base/task.h"
#include "policy/evidence.h"

namespace postern::gateway {

/// Asks a policy server (net::ask_policy_server), for at most `patience`, and adds what it said, or
/// why it said nothing, to evidence.consulted. `evidence` outlives the task.
Task<void> consult_policy_server(policy::Consultation question, std::chrono::milliseconds patience,
                                 policy::Evidence& evidence);

}  // namespace postern::gateway
