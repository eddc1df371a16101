#include "script/call.h"

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

#include "base/simulation.h"
#include "script/bind.h"

namespace postern::script {

bool Call::leaves_undone(std::string_view what) {
  if (!world_.simulates()) return false;
  constexpr std::size_t enough = 400;
  std::string& all = spent_.left_undone;
  if (all.size() < enough) all += (all.empty() ? "" : ", ") + std::string(what);
  return true;
}

void Call::demand_real(std::string_view what) {
  demand(!world_.simulates(), std::string(not_simulated) + std::string(what));
}

std::string Call::redacted(std::string text) const {
  const std::vector<std::string_view> secrets(secrets_.begin(), secrets_.end());
  return script::redacted(std::move(text), secrets);
}

void Call::keep_secret(std::string text) {
  withheld_.keep_secret(text);
  if (text.empty()) return;
  // In logs, values are JSON, where the text may be escaped.
  std::string quoted = json::serialize(json::string(text));
  quoted = quoted.substr(1, quoted.size() - 2);
  if (quoted != text) secrets_.push_back(std::move(quoted));
  secrets_.push_back(std::move(text));
}

void Call::keep_secret_as(std::string text, std::string name) {
  withheld_.keep_secret_as(text, std::move(name));
  keep_secret(std::move(text));
}

std::string Call::redacted_error(std::string text) const {
  text = redacted(std::move(text));
  if (judges_login()) text = Withheld(withheld_).concealed(std::move(text));
  if (!judges_login() && !offline()) return text;
  // Placeholders that a rerun uses for secrets must not be shown either.
  for (const std::string_view mark : {"<withheld ", "<loaded "}) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
      const std::size_t end = text.find('>', at);
      if (end != std::string::npos) text.replace(at, end + 1 - at, redaction);
    }
  }
  return text;
}

std::vector<std::string> Call::secrets_in(const json::value& value) const {
  std::vector<std::string> found;
  if (secrets_.empty()) return found;
  const std::string text = json::serialize(value);
  for (const std::string& secret : secrets_) {
    if (holds_secret(text, secret)) found.push_back(secret);
  }
  return found;
}

void Call::tell(std::string_view function, const json::value& results, Source source, Keys keys) {
  keep({.function = std::string(function),
        .answer = json::serialize(withheld_.concealed(function, results, source, keys))});
  if (judges_login() && withheld_.size() > most_withheld) tell_nothing_more();
}

void Call::tell_failure(std::string_view function, std::string text, const Thrown* thrown) {
  Told told{.function = std::string(function),
            .answer = withheld_.concealed(std::move(text)),
            .failed = true};
  if (thrown != nullptr) {
    told.thrown = withheld_.concealed(function, thrown->data(), Source::facts, Keys::plain);
  }
  keep(std::move(told));
}

namespace {
constexpr std::string_view stop_mark = "stopped";
}

void Call::tell_stop(const std::string& sentence) {
  keep({.function = std::string(stop_mark), .answer = sentence, .failed = true});
}

void Call::keep(Told told) {
  if (!told_.empty() && told_.back().function == told.function &&
      told_.back().answer == told.answer && told_.back().failed == told.failed &&
      told_.back().thrown == told.thrown) {
    ++told_.back().times;
    return;
  }
  kept_ += told.answer.size();
  if (kept_ <= most_kept) told_.push_back(std::move(told));
}

void Call::answer_from(std::vector<Told> told, Rethrow rethrow) {
  if (!told.empty() && told.back().failed && told.back().function == stop_mark) {
    recorded_stop_ = std::move(told.back().answer);
    told.pop_back();
  }
  answers_ = Recorded{.told = std::move(told)};
  rethrow_ = rethrow;
}

void Call::answer_facts_from(std::vector<Told> told) {
  facts_ = Facts::answered;
  facts_told_ = {.told = std::move(told)};
}

bool Call::has_fact(std::string_view function) const {
  return facts_told_.at < facts_told_.told.size() &&
         facts_told_.told[facts_told_.at].function == function;
}

std::optional<json::value> Call::known_fact(std::string_view function) {
  if (facts_ != Facts::answered || !has_fact(function)) return std::nullopt;
  return next_recorded(facts_told_, function).front();
}

void Call::keep_fact(std::string_view function, const json::value& answer) {
  if (facts_ == Facts::kept) tell(function, json::array{answer}, Source::facts);
}

json::array Call::next_answer(std::string_view function) {
  if (answers_->at >= answers_->told.size()) {
    ran_out_ = lacked_ = true;
    throw std::runtime_error("the record has no answer of " + std::string(function));
  }
  return next_recorded(*answers_, function);
}

json::array Call::next_recorded(Recorded& recorded, std::string_view function) {
  const Told& told = recorded.told[recorded.at];
  if (++recorded.times >= told.times) {
    ++recorded.at;
    recorded.times = 0;
  }
  if (function != "memoized" && told.function != function) {
    lacked_ = true;
    throw std::runtime_error("the record has an answer of " + told.function + ", not of " +
                             std::string(function));
  }
  if (!told.failed) return parse_kept(told.answer).as_array();
  if (!told.thrown.is_null() && rethrow_ != nullptr) throw Throw{rethrow_(told.thrown)};
  // The error of a memoized function already contains its place.
  if (function == "memoized") throw PlacedError(told.answer);
  throw std::runtime_error(told.answer);
}

std::uint64_t Call::cost_of_deriving() const { return kept_ > most_kept ? 0 : withheld_.size(); }

bool Call::derives(std::string_view function, const std::vector<std::string_view>& texts) {
  if (!judges_login() || kept_ > most_kept) return false;  // such a record cannot be rerun
  const auto look = [&]() -> json::value {
    return std::ranges::any_of(texts,
                               [&](std::string_view text) { return withheld_.touches(text); });
  };
  return told_by(function, look, Source::facts).as_bool();
}

void Call::keep_derived(const std::vector<std::string_view>& texts, std::string_view result) {
  if (std::ranges::any_of(texts,
                          [&](std::string_view text) { return withheld_.touches_secret(text); })) {
    keep_secret(std::string(result));
  }
}

/// SplitMix64: fast, and sufficient for policies. Unpredictable values come from kumo.uuid.
std::uint64_t Call::random() {
  std::optional<std::uint64_t>& state = sequence();
  if (!state) seed_random();
  *state += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = *state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

std::uint64_t Call::seed_random() {
  const json::value seed = told_by(
      "random",
      []() -> json::value {
        std::int64_t made = 0;
        RAND_bytes(reinterpret_cast<unsigned char*>(&made), sizeof(made));
        return made;
      },
      Source::facts);
  const auto value = static_cast<std::uint64_t>(seed.to_number<std::int64_t>());
  sequence() = value;
  return value;
}

}  // namespace postern::script
