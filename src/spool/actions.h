// What the spools of every engine say about operators' actions.
#pragma once

#include <string_view>

#include "spool/spool.h"

namespace postern::spool {

inline constexpr std::string_view no_such_message = "no such message is queued";

/// Which states recipients of a message have.
struct StatesSeen {
  bool held = false;         ///< State::held
  bool quarantined = false;  ///< State::quarantined
  bool dead = false;         ///< State::dead
};

/// Fault::conflict: an action changed no recipient, and why.
Result<void> nothing_was_done(Action action, const StatesSeen& states);

}  // namespace postern::spool
