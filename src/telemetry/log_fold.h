// Limits repeated log lines about the same refusal.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>
#include <vector>

#include "telemetry/log_record.h"

namespace postern::telemetry {

/// Folds lines about refusals and failures with the same reason and client: the first `burst` lines
/// of a window pass, the others are counted and reported in one line at its end. Accepted messages
/// and session summaries are never folded. Not thread-safe.
class Fold {
 public:
  /// Lines that pass per window and reason.
  static constexpr std::size_t burst = 20;
  /// The length of a window.
  static constexpr std::chrono::seconds window{10};
  /// Reasons tracked at a time; beyond, lines pass unfolded.
  static constexpr std::size_t capacity = 4096;

  /// True: write the line. False: it was counted.
  bool passes(const LogRecord& record);
  /// The summary lines of windows that have ended by `now`, or of all windows with `everything`.
  std::vector<LogRecord> summaries(std::chrono::system_clock::time_point now,
                                   bool everything = false);

 private:
  struct Reason {
    LogRecord last;
    std::size_t seen = 0;
    std::chrono::system_clock::time_point since;
  };
  std::unordered_map<std::string, Reason> reasons_;
};

}  // namespace postern::telemetry
