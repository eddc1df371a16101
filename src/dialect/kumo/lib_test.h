// What tests of the library share: a script with some of its tables, whose results are text.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/patience_test.h"
#include "dialect/kumo/context.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::dialect::kumo::testing {

inline void result(script::Call& call, script::Rest rest) {
  std::string& text = call.state().user<std::string>();
  text.clear();
  for (const json::value& value : rest.values) {
    text += (text.empty() ? "" : " ") + json::serialize(value);
  }
}

class Library {
 public:
  explicit Library(std::vector<script::HostTable> tables, script::Files files = {})
      : setup_{.tables = std::move(tables), .modules = {}, .globals = {"kumo"}, .files = files} {
    static const script::HostFunction own[] = {
        {"kumo.result", "...: any", "", "", script::bind<&result>}};
    setup_.tables.push_back(own);
    state_.emplace(setup_);
    state_->set_user(std::make_shared<std::string>());
  }

  /// What `result(...)` in the script was given, as JSON with blanks between; "error: ..." where it
  /// fails.
  std::string answer(const std::string& text, script::Limits limits = {.time = tests::patience}) {
    script::Call call(world, limits, context);
    state_->user<std::string>().clear();
    raised = run(text, call);
    return raised ? "error: " + raised->message : state_->user<std::string>();
  }
  /// What the script answers when it runs again from its record alone, asking nobody.
  std::string replayed(const std::string& text) {
    std::vector<script::Told> told;
    {
      script::Call call(world, {.time = tests::patience}, context);
      call.record();
      raised = run(text, call);
      told = call.told();
      first = state_->user<std::string>();
    }
    script::Call call(world, {.time = tests::patience}, nullptr);
    call.answer_from(std::move(told));
    state_->user<std::string>().clear();
    const auto failed = run(text, call);
    return failed ? "error: " + failed->message : state_->user<std::string>();
  }
  /// Each script with what it is to answer.
  void expect(const std::vector<std::pair<std::string, std::string>>& cases) {
    for (const auto& [text, wanted] : cases) {
      EXPECT_EQ(answer(text), wanted) << text;
    }
  }

  script::testing::TestWorld world;
  std::optional<script::Raised> raised;
  std::string first;  ///< what replayed() was answered before
  Context* context = nullptr;

 private:
  std::optional<script::Raised> run(const std::string& text, script::Call& call) {
    return script::testing::run(
        state_->run("local result = kumo.result " + text, "policy.lua", call));
  }

  script::Setup setup_;
  std::optional<script::State> state_;
};

}  // namespace postern::dialect::kumo::testing
