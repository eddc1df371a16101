// How far a long command is, on a line of the terminal that rewrites itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>

#include "cli/cli.h"

namespace postern::app {

/// The line; it is gone when this object ends. For one thread.
class Progress {
 public:
  /// `unit`: what is counted, in the plural. `out` is written to only where it is the standard
  /// error of a terminal, and neither --json nor --quiet is given; it outlives this object.
  Progress(std::ostream& out, const Arguments& arguments, std::string_view unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Writes the line anew if it is older than 200 ms.
  void show(std::uint64_t done, std::uint64_t all);

 private:
  using Clock = std::chrono::steady_clock;
  std::ostream& out_;
  const std::string_view unit_;
  const bool wanted_;
  bool shown_ = false;
  std::optional<Clock::time_point> began_;
  Clock::time_point next_;
};

}  // namespace postern::app
