// What tests of scripts share: a world without anything behind it, and a loop to run a call on.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

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

  std::vector<HttpQuestion> questions;
  std::vector<HttpAnswer> answers;
  std::vector<std::string> lines;
};

/// Runs a coroutine to its end on a loop of its own.
template <class T>
T run(Task<T> task) {
  boost::asio::io_context loop;
  std::optional<T> result;
  std::exception_ptr failure;
  boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T value) {
    failure = error;
    if (!error) result = std::move(value);
  });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

}  // namespace postern::script::testing
