#include "spool/actions.h"

namespace postern::spool {

Result<void> nothing_was_done(Action action, const StatesSeen& states) {
  const std::string_view state = states.held          ? "held"
                                 : states.quarantined ? "quarantined"
                                 : states.dead        ? "a dead letter"
                                                      : "queued";
  std::string text = "nothing was done: the message is " + std::string(state);
  if (action == Action::retry) text += "; `release` queues it";
  return fail(Fault::conflict, std::move(text));
}

}  // namespace postern::spool
