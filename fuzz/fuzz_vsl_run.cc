// Running rule scripts: in a script that loads, each directive ends within its budget, places its
// errors in the given text, and leaves no state: a second run gives the same result.
#include <chrono>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "dialect/vsl/library.h"
#include "dialect/vsl/loader.h"
#include "dialect/vsl/script.h"
#include "dialect/vsl/value.h"
#include "invariant.h"

namespace {

using namespace postern;
using namespace postern::dialect::vsl;
using fuzz::must;

/// A world in which no request gets an answer.
class World final : public script::World {
 public:
  Task<Result<script::HttpAnswer>> http(script::HttpQuestion, script::Clock::time_point) override {
    co_return fail(Fault::temporary, "nobody answers");
  }
  Task<Result<void>> blocking(std::function<void()>) override {
    co_return fail(Fault::temporary, "nobody works");
  }
  void log(std::string_view, std::string_view, std::string_view) override {}
};

std::string shown;

void show(Value value) { shown += debug_of(value); }
Task<Value> waited(Value value) { co_return value; }
json::value data(std::string text) { return json::parse(text); }

constexpr script::HostFunction functions[] = {
    {"vsl.show", "value: any", "", "", script::bind<&show>},
    {"vsl.waited", "value: any", "any", "", script::bind<&waited>},
    {"vsl.data", "text: string", "any", "", script::bind<&data>},
};

Signature find(std::string_view name) {
  static const Group groups[] = {{functions, {}}, status_functions()};
  static const auto all = signatures_of(groups);
  const auto found = all.find(name);
  return found == all.end() ? Signature{} : found->second;
}

Task<void> play(const Script& script, std::size_t directive, World& world, Script::Ran& ran) {
  script::Call call(world, script::Limits{.instructions = 100'000, .memory = 8u << 20});
  ran = co_await script.run(directive, call);
}

/// What the script showed, and its result.
std::string run(const Script& script, std::size_t directive, World& world) {
  shown.clear();
  boost::asio::io_context loop;
  Script::Ran ran;
  boost::asio::co_spawn(loop, play(script, directive, world, ran),
                        [](std::exception_ptr error) { must(!error, "what runs throws nothing"); });
  loop.run();
  if (!ran.trouble) return shown + (ran.status ? std::string(to_string(ran.status->kind)) : "");
  const Mistake& what = ran.trouble->what;
  must(what.at.line > 0 && what.at.column > 0, "trouble has its place");
  must(what.file == "main.vsl" || what.file == "other.vsl", "trouble has its file");
  must(what.message.find("policy:") != 0 && what.message.find("vsl.runtime:") != 0,
       "nothing of the machine is seen");
  return shown + what.to_string();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  static World world;
  const std::string text(reinterpret_cast<const char*>(octets), size);
  // A text without rules is the body of one.
  const std::string main =
      text.find("rule") == std::string::npos
          ? "fn main() {\n" + text + "\n}\n#{ mail: [ rule \"fuzz\" || { show(main()); next() } ] }"
          : text;
  const auto files = std::make_shared<const script::Files::Texts>(
      script::Files::Texts{{"main.vsl", main}, {"other.vsl", text}, {"list.txt", text}});
  auto sources = load_sources("main.vsl", read_given(files));
  if (!sources || !check_stages(*sources).empty()) return 0;
  ScriptOptions options;
  options.limits.call = {.instructions = 100'000, .memory = 8u << 20};
  options.limits.array = 1'000;
  options.limits.string = 10'000;
  options.files.given = files;
  options.tables = {functions, status_functions().functions};
  options.find = find;
  options.run = [](Task<void> task) {
    boost::asio::io_context loop;
    boost::asio::co_spawn(loop, std::move(task), boost::asio::detached);
    loop.run();
  };
  const auto began = std::chrono::steady_clock::now();
  const auto script = Script::load(std::move(*sources), std::move(options), world);
  if (script) {
    const std::size_t count = std::min<std::size_t>((*script)->directives().size(), 4);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string once = run(**script, i, world);
      // Where a call that exceeds its budget is stopped depends on the clock, and for memory on the
      // garbage of other calls.
      if (once.find("stopped: ") == std::string::npos && once.find("memory") == std::string::npos) {
        must(run(**script, i, world) == once, "nothing outlasts a call");
      }
    }
  } else {
    must(script.error().at.line > 0, "a mistake has its place");
  }
  must(std::chrono::steady_clock::now() - began < std::chrono::seconds(20), "budgets hold");
  return 0;
}
