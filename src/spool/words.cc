#include "spool/words.h"

#include <array>

namespace postern::spool {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 6> states = {"queued", "delivered", "failed",
                                                    "held",   "dead",      "quarantined"};
constexpr std::array<std::string_view, 3> kinds = {"webhook", "relay", "local"};
constexpr std::array<std::string_view, 4> actions = {"hold", "release", "retry", "drop"};

template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& words, std::string_view word) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == word) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

/// A database may hold what a newer version, or a person, has written.
template <class Enum, std::size_t N>
std::string_view word_of(const std::array<std::string_view, N>& words, Enum value) {
  const auto at = static_cast<std::size_t>(value);
  return at < N ? words[at] : "unknown";
}

}  // namespace

std::string_view to_string(State state) { return word_of(states, state); }
std::string_view to_string(RouteKind kind) { return word_of(kinds, kind); }
std::string_view to_string(Action action) { return word_of(actions, action); }

std::optional<State> state_named(std::string_view word) { return named<State>(states, word); }
std::optional<Action> action_named(std::string_view word) { return named<Action>(actions, word); }

std::string to_string(const Destination& destination) {
  return std::string(to_string(destination.kind)) + ":" + destination.key;
}

std::optional<Destination> destination_named(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  const auto kind = named<RouteKind>(kinds, text.substr(0, colon));
  if (!kind) return std::nullopt;
  return Destination{*kind, std::string(text.substr(colon + 1))};
}

}  // namespace postern::spool
