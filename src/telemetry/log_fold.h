// A flood of the same refusal becomes a few lines and a count.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>
#include <vector>

#include "telemetry/log_record.h"

namespace postern::telemetry {

/// Lines about refusals and failures with the same reason and client: the first `burst` of a window
/// pass, the rest are counted and told in one line when the window is over. Acceptances and whole
/// sessions are never folded.
class Fold {
 public:
  static constexpr std::size_t burst = 20;
  static constexpr std::chrono::seconds window{10};
  /// Reasons remembered at a time; beyond it lines pass unfolded.
  static constexpr std::size_t capacity = 4096;

  /// True: write it. False: it was counted.
  bool passes(const LogRecord& record);
  /// The lines that tell what was folded in windows that are over at `now` (all with `everything`).
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
