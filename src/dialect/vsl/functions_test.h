// What tests of host functions share: a session and a message, and a Lua text that calls the
// functions as compiled scripts do.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/vsl/functions.h"
#include "policy/inquiry.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::dialect::vsl::testing {

using Arg = std::optional<Value>;

inline void result(script::Call& call, Arg a, Arg b, Arg c, Arg d, Arg e, Arg f) {
  std::string& text = call.state().user<std::string>();
  for (const Arg* one : {&a, &b, &c, &d, &e, &f}) {
    if (*one) text += (text.empty() ? "" : " ") + debug_of(**one);
  }
}
inline Value list(Arg a, Arg b, Arg c, Arg d) {
  Value::Array array;
  for (const Arg* one : {&a, &b, &c, &d}) {
    if (*one) array.push_back(**one);
  }
  return array;
}
inline Value map(std::string k1, Value v1, std::optional<std::string> k2, Arg v2,
                 std::optional<std::string> k3, Arg v3) {
  Value::Map map{{std::move(k1), std::move(v1)}};
  if (k2 && v2) map.emplace(*k2, *v2);
  if (k3 && v3) map.emplace(*k3, *v3);
  return map;
}

/// DNS from a list, where what is missing does not exist and `trouble.example` does not answer; and
/// a message.
class Outside final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, policy::Evidence&) override { co_return; }
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
    const std::string key = question.name + " " + std::string(dns::to_string(question.type));
    if (const auto found = records.find(key); found != records.end()) {
      answer = {.status = dns::Status::found, .records = found->second};
    }
    if (question.name.ends_with("trouble.example")) answer.status = dns::Status::server_failure;
    evidence.dns.push_back({std::move(question), std::move(answer)});
    co_return;
  }
  std::optional<std::string_view> message() override { return text; }

  std::map<std::string, std::vector<std::string>> records;
  std::optional<std::string> text;
};

/// Functions in a Lua text; `r` is what collects the answer.
struct Functions : ::testing::Test {
  Functions() {
    static const script::HostFunction own[] = {
        {"vsl.result", "", "", "", script::bind<&result>},
        {"vsl.list", "", "", "", script::bind<&list>},
        {"vsl.map", "", "", "", script::bind<&map>},
    };
    for (const Group& group : {status_functions(), session_functions(), offered_functions(),
                               envelope_functions(), message_functions(), utility_functions()}) {
      setup.tables.push_back(group.functions);
    }
    setup.tables.push_back(own);
    state.emplace(setup);
    state->set_user(std::make_shared<std::string>());
    site.domain = "doe-family.com";
    site.hostname = "mx1.example";
    site.virtual_domains["example.net"] = nullptr;
    evidence.session.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    evidence.session.client_ip = *IpAddress::parse("203.0.113.9");
    evidence.session.client_port = 4711;
    evidence.session.helo = "mx.sender.example";
    evidence.reverse_path = mail::Mailbox{"a", "sender.example"};
    draft.id = "01BX5ZZKBKACTAV9WEVGEMMVRZ";
  }

  /// A recipient that was accepted.
  void accept(std::string local, std::string domain = "doe-family.com") {
    evidence.recipients.push_back({.address = {std::move(local), std::move(domain)}, .route = {}});
  }
  void at(policy::Stage stage) { context.stage = stage; }

  /// What `r(...)` in the text was given, as `debug` shows it, with blanks between; "error: ..."
  /// where it fails.
  std::string answer(const std::string& text) {
    script::Call call(world, {}, &context);
    return run(text, call);
  }
  /// The same, and again from what was told alone: without a message, without what the draft has.
  std::string answer_twice(const std::string& text) {
    std::vector<script::Told> told;
    std::string first;
    {
      script::Call call(world, {}, &context);
      call.record();
      first = run(text, call);
      told = call.told();
    }
    Draft nothing;
    policy::Evidence recorded = evidence;
    Outside nobody;
    policy::Tape playing = policy::Tape::of({});
    policy::Inquiry again(recorded, nobody, playing);
    Context offline{.evidence = recorded,
                    .inquiry = again,
                    .site = site,
                    .draft = nothing,
                    .stage = context.stage};
    script::Call call(world, {}, &offline);
    call.answer_from(std::move(told));
    EXPECT_EQ(run(text, call), first) << text;
    return first;
  }
  std::string run(const std::string& text, script::Call& call) {
    state->user<std::string>().clear();
    const auto raised = script::testing::run(state->run(
        "local vsl, r, list, map = vsl, vsl.result, vsl.list, vsl.map " + text, "policy", call));
    if (!raised) return state->user<std::string>();
    std::string message = raised->message;
    if (message.starts_with("policy:1: ")) message.erase(0, 10);
    return "error: " + message;
  }
  using Cases = std::vector<std::pair<std::string, std::string>>;
  void expect(const Cases& cases) {
    for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
  }

  script::testing::TestWorld world;
  Site site;
  policy::Evidence evidence;
  Outside outside;
  Draft draft;
  policy::Tape tape;
  policy::Inquiry inquiry{evidence, outside, tape};
  Context context{.evidence = evidence,
                  .inquiry = inquiry,
                  .site = site,
                  .draft = draft,
                  .stage = policy::Stage::rcpt};
  script::Setup setup{.tables = {}, .modules = {}, .globals = {"vsl"}, .files = {}};
  std::optional<script::State> state;
};

}  // namespace postern::dialect::vsl::testing
