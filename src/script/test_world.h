// Helpers for tests of scripts: a World without I/O, and a loop that runs a call.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/run_task_test.h"
#include "script/world.h"

namespace postern::script::testing {

/// Answers HTTP from `answers`, runs jobs inline, keeps log lines.
class TestWorld final : public World {
 public:
  /// The next of `answers`; Fault::temporary if there is none.
  Task<Result<HttpAnswer>> http(HttpQuestion question, Clock::time_point) override {
    questions.push_back(std::move(question));
    if (answers.empty()) co_return fail(Fault::temporary, "nobody answers");
    HttpAnswer answer = std::move(answers.front());
    answers.erase(answers.begin());
    co_return answer;
  }
  /// Runs the job inline.
  Task<Result<void>> blocking(std::function<void()> job) override {
    job();
    co_return Result<void>{};
  }
  /// Appends "LEVEL PLACE TEXT" to `lines`.
  void log(std::string_view level, std::string_view place, std::string_view text) override {
    lines.push_back(std::string(level) + " " + std::string(place) + " " + std::string(text));
  }

  /// As `simulated`.
  bool simulates() override { return simulated; }
  std::shared_ptr<MemoryBudget> memory() override { return budget; }

  bool simulated = false;                ///< set by the test
  std::shared_ptr<MemoryBudget> budget;  ///< set by the test; null: none
  std::vector<HttpQuestion> questions;   ///< all requests so far
  std::vector<HttpAnswer> answers;       ///< the answers to give, first one first
  std::vector<std::string> lines;        ///< all log lines so far
};

using tests::run;

}  // namespace postern::script::testing
