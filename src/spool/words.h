// The spool's enumerations as words: for the command line, the API and metrics.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "spool/spool.h"

namespace postern::spool {

/// The word for a state, such as `queued`.
std::string_view to_string(State state);
/// The word for a kind of route, such as `webhook`.
std::string_view to_string(RouteKind kind);
/// The word for an action, such as `hold`.
std::string_view to_string(Action action);
/// The state with this word; nullopt: unknown.
std::optional<State> state_named(std::string_view word);
/// The action with this word; nullopt: unknown.
std::optional<Action> action_named(std::string_view word);

/// A destination as text: "webhook:wh_01HX…", "relay:example.com".
std::string to_string(const Destination& destination);
/// Parses the text of a destination; nullopt when it is malformed.
std::optional<Destination> destination_named(std::string_view text);

}  // namespace postern::spool
