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
    text += fmt::format(", waited {} times for {} us", spent.host_calls, us(spent.waiting));
  }
  return text;
}

}  // namespace postern::script
