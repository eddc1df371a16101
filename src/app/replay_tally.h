// What a replay found, counted: by kind of change, by rule, by what was missing, with samples.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "dialect/replay.h"

namespace postern::app {

struct ReplaySample {
  std::uint64_t number = 0;  ///< order of writing
  std::string trace_id;
  std::int64_t time = 0;  ///< seconds since 1970
  std::string client;
  std::string sender;
  std::string recipient;
  dialect::Replayed found;
};

/// Workers fill one each; the sum does not depend on who counted what.
class ReplayTally {
 public:
  explicit ReplayTally(std::size_t samples) : most_samples_(samples) {}

  void add(std::uint64_t number, const policy::Trace& trace,
           const std::vector<dialect::Replayed>& found);
  void add_unreadable(std::string why);
  /// Questions that DNS was asked now, each counted once.
  void add_dns_questions(std::uint64_t asked) { dns_questions_ += asked; }
  void add(ReplayTally other);
  /// What scripts write meanwhile.
  dialect::ScriptLog& script_log() { return script_log_; }

  std::uint64_t count(dialect::Change change) const {
    return counts_[static_cast<std::size_t>(change)];
  }
  std::uint64_t decisions() const;
  std::uint64_t traces() const { return traces_; }
  bool changes() const;

  /// `under`: what the draft is called.
  std::string text(std::string_view under) const;
  boost::json::object json() const;

 private:
  struct Missing {
    std::uint64_t count = 0;
    std::string example;
  };
  using RuleCounts = std::map<dialect::RuleName, std::uint64_t>;

  void keep(std::size_t kind, ReplaySample sample);
  std::string change_text(dialect::Change change) const;

  std::size_t most_samples_;
  std::uint64_t traces_ = 0;
  std::uint64_t dns_questions_ = 0;
  std::array<std::uint64_t, dialect::change_count> counts_{};
  std::array<RuleCounts, dialect::change_count> rules_;
  /// Newest first, `most_samples_` of a kind.
  std::array<std::vector<ReplaySample>, dialect::change_count> samples_;
  std::map<std::string, Missing> missing_;
  dialect::ScriptLog script_log_;
};

}  // namespace postern::app
