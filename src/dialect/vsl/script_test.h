// Policies from texts, run without a message: what they show is kept.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dialect/vsl/library.h"
#include "dialect/vsl/loader.h"
#include "dialect/vsl/script.h"
#include "dialect/vsl/value.h"
#include "script/test_world.h"

namespace postern::dialect::vsl::testing {

/// What a directive showed; its Call::context().
struct Shown {
  std::vector<std::string> values;
};

namespace host {

inline void show(script::Call& call, Value value) {
  if (auto* shown = call.context<Shown>()) shown->values.push_back(debug_of(value));
}
inline void nothing() {}
inline json::value data(std::string text) { return json::parse(text); }
inline Task<Value> waited(Value value) { co_return value; }
inline Value toml(std::string name) { return Value::Map{{"name", std::move(name)}}; }
inline std::string text(Text text) { return text.value; }

/// A service is what its options say.
struct Service {
  std::string name;
  Value options;
};

}  // namespace host
}  // namespace postern::dialect::vsl::testing

namespace postern::script {
template <>
struct ClassName<dialect::vsl::testing::host::Service> {
  static constexpr std::string_view value = "service";
};
}  // namespace postern::script

namespace postern::dialect::vsl::testing {

namespace host {

inline std::shared_ptr<Service> make_service(std::string name, std::string kind,
                                             std::string content, Value options) {
  return std::make_shared<Service>(
      Service{name + " " + kind + (content.empty() ? "" : ":" + content), std::move(options)});
}
inline Task<Value> call_service(std::shared_ptr<Service> service, std::string method,
                                std::optional<Value> argument) {
  script::demand(method != "missing", "the service has no `missing`");
  co_return service->name + "." + method + "(" + (argument ? debug_of(*argument) : "") + ")";
}

inline constexpr script::HostFunction functions[] = {
    {"vsl.show", "value: any", "", "", script::bind<&show>},
    {"vsl.nothing", "", "", "", script::bind<&nothing>},
    {"vsl.data", "text: string", "", "", script::bind<&data>},
    {"vsl.waited", "value: any", "", "", script::bind<&waited>},
    {"vsl.text", "text: any", "", "", script::bind<&text>},
    {"vsl.toml", "name: string", "", "", script::bind<&toml>},
    {"vsl.make_service", "name: string, kind: string, content: string, options: any", "", "",
     script::bind<&make_service>},
    {"vsl.call_service", "service: any, method: string, argument?: any", "", "",
     script::bind<&call_service>},
};

inline Signature find(std::string_view name) {
  static const Group groups[] = {{functions, {}}, status_functions()};
  static const auto all = signatures_of(groups);
  const auto found = all.find(name);
  return found == all.end() ? Signature{} : found->second;
}

}  // namespace host

using Texts = std::map<std::string, std::string>;

class Player {
 public:
  ScriptOptions options = [] {
    ScriptOptions made;
    made.tables = {host::functions, status_functions().functions};
    made.find = &host::find;
    made.run = [](Task<void> task) {
      boost::asio::io_context loop;
      boost::asio::co_spawn(loop, std::move(task), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
      });
      loop.run();
    };
    return made;
  }();
  script::testing::TestWorld world;
  std::shared_ptr<const Script> script;
  Shown shown;

  /// The mistake's text, or nothing.
  std::string load(const Texts& texts) {
    auto given = std::make_shared<script::Files::Texts>(texts);
    options.files.given = given;
    auto sources = load_sources("main.vsl", read_given(given));
    if (!sources) return sources.error().front().to_string();
    const auto mistakes = check_stages(*sources);
    if (!mistakes.empty()) return mistakes.front().to_string();
    auto loaded = Script::load(std::move(*sources), options, world);
    if (!loaded) return loaded.error().to_string();
    script = *loaded;
    return {};
  }

  /// What the directive showed, a status's name, or "error: main.vsl:1:2: ...".
  std::string run(std::size_t directive = 0) {
    shown.values.clear();
    script::Call call(world, options.limits.call, &shown);
    Script::Ran ran = tests::run(script->run(directive, call));
    spent = call.spent();
    if (ran.trouble) {
      stopped = ran.trouble->stopped;
      return "error: " + ran.trouble->what.to_string();
    }
    std::string all;
    for (const std::string& one : shown.values) all += (all.empty() ? "" : " ") + one;
    if (!all.empty()) return all;
    return ran.status ? std::string(to_string(ran.status->kind)) : "";
  }

  script::Spent spent;
  script::Stopped stopped = script::Stopped::no;
};

/// What the statements of a function come to: "42", or "error: main.vsl:2:1: ...", where they begin
/// in line 2.
inline std::string value_of(const std::string& statements, const std::string& before = {}) {
  Player player;
  const std::string wrong =
      player.load({{"main.vsl", "fn main() {\n" + statements + "\n}\n" + before +
                                    "\n#{ mail: [ rule \"t\" || { show(main()); next() } ] }"}});
  if (!wrong.empty()) return "load: " + wrong;
  return player.run();
}

struct Case {
  const char* statements;
  const char* value;
};

inline void expect_all(const std::vector<Case>& cases, const std::string& before = {}) {
  for (const Case& one : cases) {
    EXPECT_EQ(value_of(one.statements, before), one.value) << one.statements;
  }
}

}  // namespace postern::dialect::vsl::testing
