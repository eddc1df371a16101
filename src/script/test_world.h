// What tests of scripts share: a world without anything behind it, and a loop to run a call on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/run_task_test.h"
#include "script/world.h"

namespace postern::script::testing {

class TestWorld final : public World {
 public:
  Task<Result<HttpAnswer>> http(HttpQuestion question, Clock::time_point) override {
    questions.push_back(std::move(question));
    if (answers.empty()) co_return fail(Fault::temporary, "nobody answers");
    HttpAnswer answer = std::move(answers.front());
    answers.erase(answers.begin());
    co_return answer;
  }
  Task<Result<void>> blocking(std::function<void()> job) override {
    job();
    co_return Result<void>{};
  }
  void log(std::string_view level, std::string_view place, std::string_view text) override {
    lines.push_back(std::string(level) + " " + std::string(place) + " " + std::string(text));
  }

  bool simulates() override { return simulated; }

  bool simulated = false;
  std::vector<HttpQuestion> questions;
  std::vector<HttpAnswer> answers;
  std::vector<std::string> lines;
};

using tests::run;

}  // namespace postern::script::testing
