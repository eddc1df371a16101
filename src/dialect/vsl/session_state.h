// What the layer keeps between stages, and how a record holds it.
#pragma once

#include <memory>
#include <string>

#include "dialect/vsl/context.h"
#include "dialect/vsl/policy.h"

namespace postern::dialect::vsl {

/// What a session and its transaction hold; made on first use. The session keeps the policy it
/// began with.
struct Held {
  Session& session;
  Draft& draft;
  const Policy& policy;
};
Held held_of(policy::Evidence& evidence, const std::shared_ptr<const Policy>& current);

/// A line for the record of a stage: what earlier stages left that this one may depend on.
std::string state_line(const Session& session, const Draft& draft);
/// The state again. Throws what Boost.JSON throws at a line that is none.
void restore_state(std::string_view line, Session& session, Draft& draft);

/// The message as the draft has it, for Evidence::copies.
policy::ScriptCopy copy_of(const Draft& draft, const policy::Evidence& evidence);

}  // namespace postern::dialect::vsl
