// One call of a script: a running hook, or the loading of the file. Nothing here is thread-safe:
// the state's event loop uses it.
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

/// An error value of the host, for instance a refusal that a script asked for. Scripts see a value
/// whose `tostring` is the text; if it is not caught, the caller of the script gets it.
class Thrown {
 public:
  /// `text`: what `tostring` returns.
  explicit Thrown(std::string text) : text_(std::move(text)) {}
  virtual ~Thrown() = default;
  /// The constructor's text.
  const std::string& text() const { return text_; }
  /// What a record stores to restore it by Call::Rethrow; null: the text is enough.
  virtual json::value data() const { return nullptr; }

 private:
  std::string text_;
};

/// The state of one call; host functions may take it as their first parameter.
class Call {
 public:
  /// `context`: the dialect's data for its host functions, see context<T>(). `world` outlives the
  /// call.
  Call(World& world, Limits limits, void* context = nullptr)
      : world_(world), limits_(limits), deadline_(Clock::now() + limits.time), context_(context) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  /// Runs the functions of at_end().
  ~Call() {
    for (auto& clean : at_end_) clean();
  }

  /// The call's access to the outside.
  World& world() { return world_; }
  /// True in a simulation: the caller must skip the action, which spent() then lists. `what`:
  /// "write to a file".
  bool leaves_undone(std::string_view what);
  /// Throws in a simulation, for an action that must give a result. `what`: as above.
  void demand_real(std::string_view what);
  /// The state that runs the call. Only valid while it runs.
  State& state() const { return *state_; }
  /// As given to the constructor.
  const Limits& limits() const { return limits_; }
  /// When host functions must stop waiting: the time limit counts from the constructor.
  Clock::time_point deadline() const { return deadline_; }
  /// What the call has used so far.
  Spent& spent() { return spent_; }
  /// The same, read-only.
  const Spent& spent() const { return spent_; }

  /// The dialect's data; null while the script loads.
  template <class T>
  T* context() const {
    return static_cast<T*>(context_);
  }

  /// Removes `text` from this call's record, logs and errors from now on; a text under four octets
  /// only where it is a separate word.
  void keep_secret(std::string text);
  /// The same, under a fixed name in records.
  void keep_secret_as(std::string text, std::string name);
  /// The text with this call's secrets replaced by "<redacted>".
  std::string redacted(std::string text) const;
  /// The same for an error that ends the call, as the trace shows it. In a call that judges a login
  /// it also hides what stores returned.
  std::string redacted_error(std::string text) const;
  /// This call's secrets that occur in a value.
  std::vector<std::string> secrets_in(const json::value& value) const;

  /// The call judges a login: its record holds nothing that stores returned.
  void judge_login(Withheld::Login login) { withheld_.judge_login(std::move(login)); }
  /// Whether judge_login() was called.
  bool judges_login() const { return withheld_.judges_login(); }
  /// The placeholder of a text in this call's record.
  std::string stranger(std::string_view text) { return withheld_.stranger(text); }

  /// From now on, answers of host functions are kept in told(), without secrets.
  void record() { recording_ = true; }
  /// Whether answers are kept now.
  bool records() const { return recording_ && paused_ == 0; }
  /// Records an answer; `results` is an array. Above 64 KiB nothing more is kept, and a rerun lacks
  /// the rest.
  void tell(std::string_view function, const json::value& results, Source source = Source::store,
            Keys keys = Keys::plain);
  /// Records an error of a host function.
  void tell_failure(std::string_view function, std::string text, const Thrown* thrown = nullptr);
  /// Stops recording: the answer is something that no record can hold.
  void tell_nothing_more() { kept_ = most_kept + 1; }
  /// Records that the call was stopped; the last entry.
  void tell_stop(const std::string& sentence);
  /// The record.
  std::vector<Told>& told() { return told_; }
  /// Nothing is recorded until the matching resume_record(): it follows from what is recorded after
  /// that. Calls nest.
  void pause_record() { ++paused_; }
  /// Ends one pause_record().
  void resume_record() { --paused_; }

  /// Reruns the script: host functions do nothing and return these answers in order. `rethrow`
  /// restores a host error value from Thrown::data(); null: there are none.
  /// Never returns null.
  using Rethrow = std::shared_ptr<const Thrown> (*)(const json::value& data);
  /// To be called before the script runs.
  void answer_from(std::vector<Told> told, Rethrow rethrow = nullptr);
  /// Whether answers come from a record.
  bool offline() const { return answers_.has_value(); }
  /// The sentence with which the recorded call was stopped; null: it was not.
  const std::string* recorded_stop() const { return recorded_stop_ ? &*recorded_stop_ : nullptr; }
  /// The rerun asked for more than the record has.
  bool ran_out() const { return ran_out_; }
  /// The rerun asked for more than the record has, or for another function, and the recorded call
  /// was not stopped there.
  bool lacked() const { return lacked_ && recorded_stop() == nullptr; }
  /// While the script loads: only facts are recorded.
  void record_facts() { facts_ = Facts::kept; }
  /// While the script loads: facts come from this list as long as the script asks for the same
  /// ones.
  void answer_facts_from(std::vector<Told> told);

  /// The next recorded answer. Throws the recorded error, or an error if the record has none.
  json::array next_answer(std::string_view function);
  /// While the script loads again: the answer that `function` gave when it loaded first. nullopt:
  /// ask, and then call keep_fact(). For functions that wait.
  std::optional<json::value> known_fact(std::string_view function);
  /// While the script loads for the first time, keeps an answer for known_fact(); otherwise
  /// nothing.
  void keep_fact(std::string_view function, const json::value& answer);
  /// The answer of a function that does not wait: of `ask()`, or from the record. An exception of
  /// `ask()` is recorded and thrown on.
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
  /// Whether a result that follows from these texts could differ when a login is judged again,
  /// since a withheld value is among them: then it must be recorded.
  bool derives(std::string_view function, const std::vector<std::string_view>& texts);
  /// Makes `result` a secret if one of the texts contains a secret or is part of one.
  void keep_derived(const std::vector<std::string_view>& texts, std::string_view result);
  /// The cost of derives(), in steps of about one instruction.
  std::uint64_t cost_of_deriving() const;

  /// The next random number of this call, 64 random bits. The sequence follows from a recorded
  /// seed.
  std::uint64_t random();
  /// Sets the seed.
  void seed_random(std::uint64_t seed) { sequence() = seed; }
  /// Sets and returns a random seed, which is recorded.
  std::uint64_t seed_random();

  /// Runs `clean` when the call is destroyed.
  void at_end(std::function<void()> clean) { at_end_.push_back(std::move(clean)); }

 private:
  friend class State;
  static constexpr std::size_t most_kept = 64 * 1024;
  /// Bounds the cost of comparing an answer with each withheld value.
  static constexpr std::size_t most_withheld = 2000;

  /// Recorded answers, and the read position.
  struct Recorded {
    std::vector<Told> told;
    std::size_t at = 0;
    std::uint64_t times = 0;  ///< how often the entry at `at` was used
  };
  enum class Facts { as_they_are, kept, answered };

  void keep(Told told);
  /// What is left out of the record has random numbers of its own: in a rerun it draws none.
  std::optional<std::uint64_t>& sequence() {
    return recording_ && paused_ > 0 ? random_aside_ : random_;
  }
  bool has_fact(std::string_view function) const;
  json::array next_recorded(Recorded& recorded, std::string_view function);

  World& world_;
  Limits limits_;
  Clock::time_point deadline_;
  void* context_;
  State* state_ = nullptr;
  Spent spent_;
  int look_every_ = 0;               ///< instructions between two checks of the budget
  std::size_t memory_before_ = 0;    ///< octets that the state held when the call began
  std::ptrdiff_t memory_taken_ = 0;  ///< octets that it took while it computed
  std::string stop_;                 ///< the sentence with which it was stopped
  std::vector<std::string> secrets_;
  Withheld withheld_;
  bool recording_ = false;
  int paused_ = 0;
  std::size_t kept_ = 0;    ///< octets of told_
  std::vector<Told> told_;  ///< octets in told_
  std::optional<Recorded> answers_;
  Facts facts_ = Facts::as_they_are;
  Recorded facts_told_;
  Rethrow rethrow_ = nullptr;
  std::optional<std::string> recorded_stop_;
  bool ran_out_ = false;
  bool lacked_ = false;
  std::optional<std::uint64_t> random_;
  std::optional<std::uint64_t> random_aside_;  ///< of what is not recorded; see sequence()
  std::vector<std::function<void()>> at_end_;
};

}  // namespace postern::script
