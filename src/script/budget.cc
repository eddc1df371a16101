#include "script/budget.h"

#include "base/simulation.h"

namespace postern::script {

std::string words_of(const Spent& spent) {
  const auto us = [](std::chrono::nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  };
  std::string text;
  text.reserve(64);
  text.append(std::to_string(us(spent.computing))).append(" us, ");
  text += spent.instructions < 1000 ? "under 1000" : std::to_string(spent.instructions);
  text += " instructions";
  if (spent.host_calls > 0) {
    const std::string times = spent.host_calls == 1   ? "once"
                              : spent.host_calls == 2 ? "twice"
                                                      : std::to_string(spent.host_calls) + " times";
    text.append(", waited ").append(times).append(", ");
    text.append(std::to_string(us(spent.waiting))).append(" us");
  }
  if (!spent.left_undone.empty()) {
    text += ", " + std::string(not_simulated) + spent.left_undone;
  }
  return text;
}

}  // namespace postern::script
