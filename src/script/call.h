// One call of a script: a hook while it runs, or the loading of the file.
#pragma once

#include <any>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "script/budget.h"
#include "script/withheld.h"

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
  /// For a record, from which Call::Rethrow makes it again; null: its text is all there is to it.
  virtual json::value data() const { return nullptr; }

 private:
  std::string text_;
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
  /// True in a simulation, where it is not done, which spent() says. `what`: "write to a file".
  bool leaves_undone(std::string_view what);
  /// Throws in a simulation: there is no answer without doing it.
  void demand_real(std::string_view what);
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

  /// From now on `text` is left out of this call's record, logs and errors; under four octets where
  /// it is a word of its own.
  void keep_secret(std::string text);
  /// The same with a name of its own in records.
  void keep_secret_as(std::string text, std::string name);
  /// The text without what is secret in this call.
  std::string redacted(std::string text) const;
  /// The same of an error that ends the call, which its trace shows: in a call that judges a login
  /// without what stores said either.
  std::string redacted_error(std::string text) const;
  /// Those of this call's secrets that stand in a value.
  std::vector<std::string> secrets_in(const json::value& value) const;

  /// The call judges a login: its record holds nothing of what stores said.
  void judge_login(Withheld::Login login) { withheld_.judge_login(std::move(login)); }
  bool judges_login() const { return withheld_.judges_login(); }
  /// What stands for a text in this call's record.
  std::string stranger(std::string_view text) { return withheld_.stranger(text); }

  /// From now on what host functions tell is kept in told(), without secrets.
  void record() { recording_ = true; }
  bool records() const { return recording_ && paused_ == 0; }
  /// `results`: a list. Beyond a bound no more is kept, and a call that is run again lacks it.
  void tell(std::string_view function, const json::value& results, Source source = Source::store,
            Keys keys = Keys::plain);
  void tell_failure(std::string_view function, std::string text, const Thrown* thrown = nullptr);
  /// It was told what no record can hold: nothing from here on is kept.
  void tell_nothing_more() { kept_ = most_kept + 1; }
  /// The call was stopped: the last thing that is told.
  void tell_stop(const std::string& sentence);
  std::vector<Told>& told() { return told_; }
  /// What is told until the matching resume_record() follows from what is told then.
  void pause_record() { ++paused_; }
  void resume_record() { --paused_; }

  /// The script runs again: host functions ask nobody and answer these, in order.
  /// `rethrow` makes an error of the host's own of Thrown::data(); null: there are none.
  using Rethrow = std::shared_ptr<const Thrown> (*)(const json::value& data);
  void answer_from(std::vector<Told> told, Rethrow rethrow = nullptr);
  bool offline() const { return answers_.has_value(); }
  /// How the recorded call was stopped; null: it was not.
  const std::string* recorded_stop() const { return recorded_stop_ ? &*recorded_stop_ : nullptr; }
  /// It asked for more than the record has.
  bool ran_out() const { return ran_out_; }
  /// It asked for more than the record has, or for something else, and the recorded call was not
  /// stopped there.
  bool lacked() const { return lacked_ && recorded_stop() == nullptr; }
  /// While the script loads: of what it is told only facts are kept, and answered from a list as
  /// long as it asks for the same ones.
  void record_facts() { facts_ = Facts::kept; }
  void answer_facts_from(std::vector<Told> told);

  /// The next recorded answer. Throws what had been thrown, or that the record has none.
  json::array next_answer(std::string_view function);
  /// The answer of a function that does not wait: `ask()`, or the record's.
  template <class Ask>
  json::value told_by(std::string_view function, Ask ask, Source source = Source::store) {
    if (offline()) {
      json::array answer = next_answer(function);
      return answer.empty() ? json::value() : std::move(answer.front());
    }
    if (facts_ == Facts::answered && source == Source::facts && has_fact(function)) {
      return next_recorded(facts_told_, function).front();
    }
    try {
      json::value value = ask();
      if (records() || (facts_ == Facts::kept && source == Source::facts)) {
        tell(function, json::array{value}, source);
      }
      return value;
    } catch (const std::exception& error) {
      if (records()) tell_failure(function, error.what());
      throw;
    }
  }
  /// Whether a result that follows from these texts alone would differ when a login is judged
  /// again, for something withheld is among them: then it is recorded like an answer.
  bool derives(std::string_view function, const std::vector<std::string_view>& texts);
  /// What a function made of texts is a secret, too, if one of them is or is a part of one.
  void keep_derived(const std::vector<std::string_view>& texts, std::string_view result);
  /// What derives() costs, in steps of about an instruction.
  std::uint64_t cost_of_deriving() const;

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
  static constexpr std::size_t most_kept = 64 * 1024;
  /// What a login is told is compared with each of them.
  static constexpr std::size_t most_withheld = 2000;

  /// A list of answers, and where it is read.
  struct Recorded {
    std::vector<Told> told;
    std::size_t at = 0;
    std::uint64_t times = 0;  ///< of the one that `at` stands at
  };
  enum class Facts { as_they_are, kept, answered };

  void keep(Told told);
  bool has_fact(std::string_view function) const;
  json::array next_recorded(Recorded& recorded, std::string_view function);

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
  Withheld withheld_;
  bool recording_ = false;
  int paused_ = 0;
  std::size_t kept_ = 0;  ///< octets of told_
  std::vector<Told> told_;
  std::optional<Recorded> answers_;
  Facts facts_ = Facts::as_they_are;
  Recorded facts_told_;
  Rethrow rethrow_ = nullptr;
  std::optional<std::string> recorded_stop_;
  bool ran_out_ = false;
  bool lacked_ = false;
  std::optional<std::uint64_t> random_;
  std::vector<std::function<void()>> at_end_;
};

}  // namespace postern::script
