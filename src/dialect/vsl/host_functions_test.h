// What tests of host functions share: a script that calls them inside a rule, over a message that
// is authenticated for real, with DNS out of a zone.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/machine.h"
#include "dialect/vsl/value.h"
#include "dns/recorded_resolver.h"
#include "policy/authentication.h"
#include "policy/inquiry.h"
#include "policy/ruling.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::dialect::vsl::testing {

/// All further arguments, as values.
struct Arguments {
  std::vector<Value> list;
};

}  // namespace postern::dialect::vsl::testing

template <>
struct postern::script::FromScript<postern::dialect::vsl::testing::Arguments> {
  static dialect::vsl::testing::Arguments take(lua_State* L, int index) {
    dialect::vsl::testing::Arguments arguments;
    for (int i = index; i <= lua_gettop(L); ++i) {
      arguments.list.push_back(dialect::vsl::value_at(L, i));
    }
    return arguments;
  }
};

namespace postern::dialect::vsl::testing {

/// Answers from a zone and remembers the questions.
class CountingResolver final : public dns::Resolver {
 public:
  explicit CountingResolver(const std::string& zone) : zone_(*dns::RecordedResolver::parse(zone)) {}
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    asked.push_back(question.name + " " + std::string(dns::to_string(question.type)));
    dns::Answer answer = co_await zone_->lookup(std::move(question), limit);
    co_return answer;
  }
  std::vector<std::string> asked;

 private:
  std::unique_ptr<dns::RecordedResolver> zone_;
};

/// The evidence of one message, as the gateway finds it out.
class MessageGatherer final : public policy::Gatherer {
 public:
  MessageGatherer(dns::Resolver& resolver, std::string message)
      : message_(std::move(message)), authentication_(options_, caches_, resolver) {
    authentication_.begin(nullptr);
    authentication_.feed(message_);
  }
  Task<void> gather(policy::Need needs, policy::Evidence& evidence) override {
    co_await authentication_.gather(needs, evidence);
  }
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    co_await authentication_.ask(std::move(question), evidence);
  }
  std::optional<std::string_view> message() override { return message_; }
  Task<void> consult(policy::Consultation question, policy::Evidence& evidence) override {
    const auto found = answers.find(question.service + " " + question.request);
    question.failed = found == answers.end();
    if (!question.failed) question.answer = found->second;
    evidence.consulted.push_back(std::move(question));
    co_return;
  }
  std::map<std::string, std::string> answers;  ///< of other programs, by service and request

 private:
  const std::string message_;
  policy::AuthenticationOptions options_{.receiver = "mx.example.org"};
  policy::AuthenticationCaches caches_;
  policy::MessageAuthentication authentication_;
};

/// The data of a state: what the script said beside what the dialect keeps there.
struct Said : Machine {
  std::string text;
};
/// A status as "deny 550 5.7.1 text | what it saw", anything else as scripts debug it.
inline void show(script::Call& call, Value value) {
  std::string& text = call.state().user<Said>().text;
  const auto* status = std::get_if<StatusPtr>(&value.is);
  if (status == nullptr) {
    text = debug_of(value);
    return;
  }
  text = to_string((*status)->kind);
  if ((*status)->reply) text += " " + (*status)->reply->to_string();
  if (!(*status)->queue.empty()) text += " " + (*status)->queue;
  if (!(*status)->detail.empty()) text += " | " + (*status)->detail;
}
inline Value make_object(std::string type, std::string text) {
  const auto object = Object::make(*object_type(type), text);
  script::demand(object.has_value(), object ? "" : object.error().message);
  return *object;
}
inline Value make_group(Arguments members) {
  std::vector<ObjectPtr> list;
  for (const Value& one : members.list) list.push_back(std::get<ObjectPtr>(one.is));
  return Object::list(Object::Type::group, std::move(list));
}
inline Value make_array(Arguments members) { return members.list; }
inline Value make_map(Arguments members) {
  Value::Map map;
  for (std::size_t i = 0; i + 1 < members.list.size(); i += 2) {
    map[text_of(members.list[i])] = members.list[i + 1];
  }
  return map;
}

/// A script that may call the given functions and, as `obj`, `group`, `array` and `map`, make
/// values.
class HostScript {
 public:
  /// `site`: for calls while the policy loads; outlives the script.
  explicit HostScript(std::vector<Group> groups, script::Files files = {},
                      const Site* site = nullptr)
      : setup_{.tables = {},
               .modules = {},
               .globals = {"vsl", "obj", "group", "array", "map"},
               .files = std::move(files)} {
    static const script::HostFunction own[] = {
        {"vsl.show", "value: any", "", "", script::bind<&show>},
        {"obj.of", "type: string, text: string", "object", "", script::bind<&make_object>},
        {"group.of", "...: any", "object", "", script::bind<&make_group>},
        {"array.of", "...: any", "array", "", script::bind<&make_array>},
        {"map.of", "...: any", "map", "", script::bind<&make_map>}};
    setup_.tables.push_back(own);
    for (const Group& group : groups) setup_.tables.push_back(group.functions);
    state_.emplace(setup_);
    const auto said = std::make_shared<Said>();
    said->site = site;
    state_->set_user(said);
  }

  /// What the expression is, or "error: ...". `context` null: the policy loads.
  std::string answer(const std::string& expression, Context* context,
                     script::Limits limits = {.time = tests::patience}) {
    script::Call call(world, limits, context);
    return answer("vsl.show(" + expression + ")", call);
  }
  /// Runs a call that records or replays.
  std::string answer(const std::string& text, script::Call& call) {
    state_->user<Said>().text.clear();
    const auto raised = script::testing::run(state_->run(text, "main", call));
    if (!raised) return state_->user<Said>().text;
    const std::string place = "main:1: ";
    const bool placed = raised->message.starts_with(place);
    return "error: " + (placed ? raised->message.substr(place.size()) : raised->message);
  }

  script::testing::TestWorld world;

 private:
  script::Setup setup_;
  std::optional<script::State> state_;
};

/// A transaction at a stage, from a client to doe-family.com and virtual.example.
struct Scene {
  explicit Scene(const std::string& zone = "{}", std::string message = plain_message())
      : resolver(zone), gatherer(resolver, std::move(message)) {
    site.domain = "doe-family.com";
    site.hostname = "mx.doe-family.com";
    site.virtual_domains["virtual.example"] = nullptr;
    evidence.session.helo = "mx.sender.example";
    from("198.51.100.7");
    sender("ann@good.example");
  }
  static std::string plain_message() {
    return "From: ann@good.example\r\nSubject: test\r\n\r\nHello.\r\n";
  }
  Scene& from(std::string_view client) {
    evidence.session.client_ip = *IpAddress::parse(client);
    return *this;
  }
  /// "" is the null sender.
  Scene& sender(std::string_view address) {
    evidence.reverse_path.reset();
    if (!address.empty()) {
      evidence.reverse_path = *mail::parse_mailbox(address, mail::Utf8::allowed);
    }
    return *this;
  }
  Scene& recipient(std::string_view address) {
    evidence.candidate =
        policy::Recipient{.address = *mail::parse_mailbox(address, mail::Utf8::allowed)};
    context.stage = policy::Stage::rcpt;
    return *this;
  }
  Scene& at(policy::Stage stage) {
    context.stage = stage;
    return *this;
  }
  std::string ask(const std::string& expression) { return script.answer(expression, &context); }
  /// "" where the statement does not fail.
  std::string run(const std::string& statement) {
    script::Call call(script.world, {}, &context);
    return script.answer(statement, call);
  }
  /// Whether the candidate will have a route.
  bool relays() const { return policy::grants_route(effects, evidence.candidate->route); }
  bool trusts() const {
    return std::ranges::any_of(effects, [](const policy::Effect& one) {
      return std::holds_alternative<policy::TrustClient>(one.what);
    });
  }
  /// The header as it is now.
  std::string header() const {
    std::string text;
    for (const Draft::Field& field : draft.header) text += field.text;
    return text;
  }

  CountingResolver resolver;
  MessageGatherer gatherer;
  policy::Evidence evidence;
  Site site;
  Draft draft;
  policy::Tape tape;
  policy::Inquiry inquiry{evidence, gatherer, tape};
  std::vector<policy::Effect> effects;
  Context context{evidence, inquiry, site, draft, policy::Stage::mail, &effects, nullptr, {}};
  HostScript script{{security_functions()}};
};

}  // namespace postern::dialect::vsl::testing
