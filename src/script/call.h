// One call of a script: a hook while it runs, or the loading of the file.
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "script/budget.h"

namespace postern::script {

namespace json = boost::json;

class State;

/// An error value of the host's own, for instance a refusal that a script asked for. Scripts see a
/// value that `tostring` makes `text` of; uncaught, it reaches whoever called the script.
class Thrown {
 public:
  explicit Thrown(std::string text) : text_(std::move(text)) {}
  virtual ~Thrown() = default;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// What a script was told by a host function that asked others: enough to run the script again.
struct Told {
  std::string function;  ///< as the script calls it: "load"
  std::string answer;    ///< JSON: a list of results; of a failed one the error's text
  bool failed = false;
  std::uint64_t times = 1;  ///< so often one after the other: of a clock that is asked in a loop
};

/// Lives as long as the call; host functions get it as their first argument.
class Call {
 public:
  /// `context`: what the dialect's host functions work on, see context<T>(). `world` outlives it.
  Call(World& world, Limits limits, void* context = nullptr)
      : world_(world), limits_(limits), deadline_(Clock::now() + limits.time), context_(context) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    for (auto& clean : at_end_) clean();
  }

  World& world() { return world_; }
  /// The state that runs it. Only for host functions.
  State& state() const { return *state_; }
  const Limits& limits() const { return limits_; }
  /// Host functions that wait end here.
  Clock::time_point deadline() const { return deadline_; }
  Spent& spent() { return spent_; }
  const Spent& spent() const { return spent_; }

  /// Null while the script loads.
  template <class T>
  T* context() const {
    return static_cast<T*>(context_);
  }

  /// From now on `text` is left out of this call's logs and errors. Texts under four octets are
  /// too short to be told from others.
  void keep_secret(std::string text);
  /// The text without what is secret in this call.
  std::string redacted(std::string text) const;

  /// From now on what host functions tell is kept in told(), without secrets.
  void record() { recording_ = true; }
  bool records() const { return recording_ && paused_ == 0; }
  /// Beyond a bound no more is kept, and a call that is run again lacks it.
  void tell(Told told);
  std::vector<Told>& told() { return told_; }
  /// What is told until the matching resume_record() follows from what is told then.
  void pause_record() { ++paused_; }
  void resume_record() { --paused_; }

  /// The script runs again: host functions ask nobody and answer these, in order.
  void answer_from(std::vector<Told> told) { answers_ = std::move(told); }
  bool offline() const { return answers_.has_value(); }
  /// The next recorded answer. Throws what had been thrown, or that the record has none.
  json::array next_answer(std::string_view function);
  /// The answer of a function that does not wait: `ask()`, or the record's.
  template <class Ask>
  json::value told_by(std::string_view function, Ask ask) {
    if (offline()) {
      json::array answer = next_answer(function);
      return answer.empty() ? json::value() : std::move(answer.front());
    }
    json::value value = ask();
    if (records()) tell({std::string(function), json::serialize(json::array{value})});
    return value;
  }

  /// The next of this call's random numbers, all 64 bits random. They follow from one that is
  /// recorded when the first is asked for.
  std::uint64_t random();
  /// From now on they follow from this.
  void seed_random(std::uint64_t seed) { random_ = seed; }
  /// The same with a seed of its own, recorded, which is returned.
  std::uint64_t seed_random();

  /// Runs when the call is over, however it ends.
  void at_end(std::function<void()> clean) { at_end_.push_back(std::move(clean)); }

 private:
  friend class State;

  World& world_;
  Limits limits_;
  Clock::time_point deadline_;
  void* context_;
  State* state_ = nullptr;
  Spent spent_;
  int look_every_ = 0;               ///< so many instructions the budget is looked at
  std::size_t memory_before_ = 0;    ///< what the state held when the call began
  std::ptrdiff_t memory_taken_ = 0;  ///< while it computed
  std::string stop_;                 ///< what was said when it was stopped
  std::vector<std::string> secrets_;
  bool recording_ = false;
  int paused_ = 0;
  std::size_t kept_ = 0;  ///< octets of told_
  std::vector<Told> told_;
  std::optional<std::vector<Told>> answers_;
  std::size_t answered_ = 0;
  std::uint64_t answered_times_ = 0;  ///< of the one that answered_ stands at
  std::optional<std::uint64_t> random_;
  std::vector<std::function<void()>> at_end_;
};

}  // namespace postern::script
