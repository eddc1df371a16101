#include "script/budget.h"

#include <fmt/format.h>

namespace postern::script {

std::string words_of(const Spent& spent) {
  const auto us = [](std::chrono::nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  };
  std::string text = fmt::format("{} us", us(spent.computing));
  text += spent.instructions < 1000 ? std::string(", under 1000 instructions")
                                    : fmt::format(", {} instructions", spent.instructions);
  if (spent.host_calls > 0) {
    const std::string times = spent.host_calls == 1   ? "once"
                              : spent.host_calls == 2 ? "twice"
                                                      : fmt::format("{} times", spent.host_calls);
    text += fmt::format(", waited {}, {} us", times, us(spent.waiting));
  }
  if (!spent.left_undone.empty()) {
    text += ", not done in a simulation: " + spent.left_undone;
  }
  return text;
}

}  // namespace postern::script
