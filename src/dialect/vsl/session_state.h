// The layer's state between stages, and its form in records.
#pragma once

#include <memory>
#include <string>

#include "dialect/vsl/context.h"
#include "dialect/vsl/policy.h"

namespace postern::dialect::vsl {

/// The state of a session and its transaction, made on first use.
struct Held {
  Session& session;         ///< kept with the session
  Draft& draft;             ///< kept with the transaction
  const VslPolicy& policy;  ///< that the session began with
};
/// Finds the state. A new session keeps `current` as its policy.
Held held_of(policy::Inquiry& inquiry, const std::shared_ptr<const VslPolicy>& current);

/// A line of the record of a stage, with the parts of the state that the stage may depend on.
std::string state_line(const Session& session, const Draft& draft);
/// Restores the state of such a line. Throws what Boost.JSON throws for other text.
void restore_state(std::string_view line, Session& session, Draft& draft);

/// The draft as an entry of Evidence::copies. Throws a sentence if fields were added to a message
/// that is not there.
policy::ScriptCopy copy_of(const Draft& draft, policy::Inquiry& inquiry);

}  // namespace postern::dialect::vsl
