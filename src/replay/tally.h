// Counts the results of a replay by kind of change, by rule and by missing data, with samples.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "replay/replay.h"

namespace postern::replay {

/// One changed decision.
struct ReplaySample {
  std::uint64_t number = 0;  ///< position in the order of recording
  std::string trace_id;      ///< ULID
  std::int64_t time = 0;     ///< seconds since 1970
  std::string client;        ///< address
  std::string sender;        ///< reverse-path
  std::string recipient;     ///< empty: not of one recipient
  Replayed found;            ///< the change
};

/// Each worker fills one; the sum does not depend on the distribution. Not thread-safe.
class ReplayTally {
 public:
  /// `samples`: kept of each kind of change.
  explicit ReplayTally(std::size_t samples) : most_samples_(samples) {}

  /// Counts the decisions of one trace.
  void add(std::uint64_t number, const policy::Trace& trace, const std::vector<Replayed>& found);
  /// Counts a record that cannot be parsed.
  void add_unreadable(std::string why);
  /// Counts distinct DNS queries that were sent now.
  void add_dns_questions(std::uint64_t asked) { dns_questions_ += asked; }
  /// Adds another worker's counts.
  void add(ReplayTally other);
  /// Log lines that scripts write during the replay.
  ScriptLog& script_log() { return script_log_; }

  /// Decisions with this change.
  std::uint64_t count(Change change) const { return counts_[static_cast<std::size_t>(change)]; }
  /// All decisions.
  std::uint64_t decisions() const;
  /// All transactions.
  std::uint64_t traces() const { return traces_; }
  /// Whether any decision changed.
  bool changes() const;
  /// Whether any decision was not decidable.
  bool undecidable() const;

  /// The report. `under`: the draft's name.
  std::string text(std::string_view under) const;
  /// The report as JSON; see docs/replay.md.
  boost::json::object json() const;

 private:
  struct Missing {
    std::uint64_t count = 0;
    std::string example;
  };
  using RuleCounts = std::map<RuleName, std::uint64_t>;

  void keep(std::size_t kind, ReplaySample sample);
  std::string change_text(Change change) const;

  std::size_t most_samples_;
  std::uint64_t traces_ = 0;
  std::uint64_t dns_questions_ = 0;
  std::array<std::uint64_t, change_count> counts_{};
  std::array<RuleCounts, change_count> rules_;
  /// Newest first, at most `most_samples_` of each kind.
  std::array<std::vector<ReplaySample>, change_count> samples_;
  std::map<std::string, Missing> missing_;
  ScriptLog script_log_;
};

}  // namespace postern::replay
