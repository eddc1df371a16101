// Policies from texts, run without a message: what they show is kept.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dialect/vsl/parser.h"
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
inline StatusPtr next() { return std::make_shared<const Status>(); }
inline StatusPtr deny(std::optional<std::string> code) {
  Status status{.kind = Status::Kind::deny};
  if (code) {
    const auto reply = Object::parse_code(*code);
    script::demand(reply.has_value(), "no code");
    status.reply = *reply;
  }
  return std::make_shared<const Status>(std::move(status));
}
inline void nothing() {}
inline json::value data(std::string text) { return json::parse(text); }
inline Task<Value> waited(Value value) { co_return value; }
inline Value predefined(std::string name) {
  if (name == "seventeen") return std::int64_t{17};
  throw std::runtime_error("variable '" + name + "' is not defined");
}
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
    {"vsl.next", "", "", "", script::bind<&next>},
    {"vsl.deny", "code?: string", "", "", script::bind<&deny>},
    {"vsl.nothing", "", "", "", script::bind<&nothing>},
    {"vsl.data", "text: string", "", "", script::bind<&data>},
    {"vsl.waited", "value: any", "", "", script::bind<&waited>},
    {"vsl.text", "text: any", "", "", script::bind<&text>},
    {"vsl.predefined", "name: string", "", "", script::bind<&predefined>},
    {"vsl.toml", "name: string", "", "", script::bind<&toml>},
    {"vsl.make_service", "name: string, kind: string, content: string, options: any", "", "",
     script::bind<&make_service>},
    {"vsl.call_service", "service: any, method: string, argument?: any", "", "",
     script::bind<&call_service>},
};

inline Signature find(std::string_view name) {
  for (const script::HostFunction& one : functions) {
    if (one.name.substr(4) != name) continue;
    Signature known{.function = &one};
    for (std::size_t at = 0; at < one.parameters.size(); ++at) {
      if (one.parameters[at] == ':') ++known.most;
      if (one.parameters[at] == ':' && one.parameters[at - 1] != '?') ++known.least;
    }
    return known;
  }
  return {};
}

}  // namespace host

using Texts = std::map<std::string, std::string>;

/// Imports of files by their name without ".vsl".
inline void link_imports(Node& node, const std::vector<std::string>& names) {
  if (node.kind == Kind::import && node.nodes[0]->kind == Kind::string) {
    const auto found = std::find(names.begin(), names.end(), node.nodes[0]->text + ".vsl");
    if (found != names.end()) node.file = static_cast<std::size_t>(found - names.begin());
  }
  for (const NodePtr& one : node.nodes) {
    if (one) link_imports(*one, names);
  }
  for (const Arm& arm : node.arms) link_imports(*arm.body, names);
}

/// "main.vsl" first.
inline tl::expected<Sources, Mistake> sources_of(const Texts& texts) {
  std::vector<std::string> names{"main.vsl"};
  for (const auto& [name, text] : texts) {
    if (name != "main.vsl" && name.ends_with(".vsl")) names.push_back(name);
  }
  Sources sources;
  for (const std::string& name : names) {
    auto file = parse(name, texts.at(name));
    if (!file) return tl::unexpected(file.error());
    for (const NodePtr& node : file->body) link_imports(*node, names);
    for (const Function& function : file->functions) link_imports(*function.body, names);
    sources.files.push_back(std::move(*file));
  }
  return sources;
}

class Player {
 public:
  ScriptOptions options = [] {
    ScriptOptions made;
    made.tables = {host::functions};
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
    auto sources = sources_of(texts);
    if (!sources) return sources.error().to_string();
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
  const std::string wrong = player.load(
      {{"main.vsl", "fn main() {\n" + statements + "\n}\n" + before +
                        "\n#{ mail: [ rule \"t\" || { show(main()); next() } ] }"}});
  if (!wrong.empty()) return "load: " + wrong;
  return player.run();
}

}  // namespace postern::dialect::vsl::testing
