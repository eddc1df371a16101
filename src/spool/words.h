// The spool's enumerations as people write and read them: command line, API, metrics.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "spool/spool.h"

namespace postern::spool {

std::string_view to_string(State state);
std::string_view to_string(RouteKind kind);
std::string_view to_string(Action action);
std::optional<State> state_named(std::string_view word);
std::optional<Action> action_named(std::string_view word);

/// "webhook:wh_01HX…", "relay:example.com".
std::string to_string(const Destination& destination);
std::optional<Destination> destination_named(std::string_view text);

}  // namespace postern::spool
