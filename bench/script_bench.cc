// The cost of Lua hooks (docs/benchmarks.md), from a bare call of the virtual machine to a whole
// question of the decision.
#include <cstdio>
#include <cstdlib>

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dialect/kumo/layer.h"
#include "policy/ruling.h"
#include "policy/step.h"
#include "policy/testing.h"
#include "script/state.h"
#include "script/test_world.h"

namespace {

using namespace postern;
using dialect::kumo::KumoLayer;
using dialect::kumo::KumoVerifier;
using script::State;

namespace asio = boost::asio;

/// Runs the iterations in one coroutine, like the hooks of a busy event loop.
template <class Work>
void on_a_loop(benchmark::State& state, Work work) {
  asio::io_context loop;
  asio::co_spawn(loop, work(state), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  loop.run();
}

std::shared_ptr<const dialect::kumo::LuaPolicy> policy_of(std::string text) {
  static script::testing::TestWorld world;
  dialect::kumo::LuaPolicyOptions options{.path = "policy.lua", .text = std::move(text)};
  options.run = [](Task<void> task) {
    asio::io_context loop;
    asio::co_spawn(loop, std::move(task), [](std::exception_ptr) {});
    loop.run();
  };
  auto loaded = dialect::kumo::LuaPolicy::load(std::move(options), world);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    std::exit(1);
  }
  return *loaded;
}

/// Runs the hook for one transaction after another, as KumoLayer calls it.
void judge(benchmark::State& state, policy::Stage stage, const std::string& text) {
  const KumoLayer layer(policy_of(text));
  on_a_loop(state, [&](benchmark::State& loops) -> Task<void> {
    policy::Evidence evidence = policy::testing::from_client("192.0.2.10");
    policy::testing::CountingGatherer gatherer;
    std::vector<policy::Step> steps;
    for (auto _ : loops) {
      steps.clear();
      policy::Tape tape;
      policy::Inquiry inquiry(evidence, gatherer, tape);
      const policy::Ruling ruling = co_await layer.judge(stage, inquiry, steps);
      if (steps.size() != 1) std::abort();
      benchmark::DoNotOptimize(&ruling);
    }
  });
}

void hook_empty(benchmark::State& state) {
  judge(state, policy::Stage::mail, "kumo.on('smtp_server_mail_from', function() end)");
}
BENCHMARK(hook_empty);

void hook_that_uses_its_arguments(benchmark::State& state) {
  judge(state, policy::Stage::mail,
        "kumo.on('smtp_server_mail_from', function(sender, conn_meta)\n"
        "  if sender.domain == 'bad.example' then kumo.reject(550, '5.7.1 no') end\n"
        "  conn_meta:set_meta('x_domain', sender.domain)\nend)");
}
BENCHMARK(hook_that_uses_its_arguments);

void hook_that_refuses(benchmark::State& state) {
  judge(state, policy::Stage::mail,
        "kumo.on('smtp_server_mail_from', function() kumo.reject(550, '5.7.1 no') end)");
}
BENCHMARK(hook_that_refuses);

/// The documented example of a static table.
void auth_static_table(benchmark::State& state) {
  const KumoVerifier verifier(
      policy_of("kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta)\n"
                "  local password_database = {\n    ['scott'] = 'tiger',\n  }\n"
                "  if password == '' then\n    return false\n  end\n"
                "  return password_database[authc] == password\nend)"));
  on_a_loop(state, [&](benchmark::State& loops) -> Task<void> {
    policy::Evidence evidence = policy::testing::from_client("192.0.2.10");
    policy::testing::CountingGatherer gatherer;
    std::vector<policy::Step> steps;
    const policy::AuthAttempt attempt{.mechanism = "PLAIN",
                                      .authz_id = {},
                                      .authn_id = "scott",
                                      .password = Secret(std::string("tiger"))};
    for (auto _ : loops) {
      steps.clear();
      policy::Tape tape;
      policy::Inquiry inquiry(evidence, gatherer, tape);
      const policy::AuthAnswer answer = co_await verifier.verify(attempt, inquiry, steps);
      if (answer.kind != policy::AuthAnswer::Kind::accepted) std::abort();
    }
    loops.counters["calls"] =
        benchmark::Counter(static_cast<double>(loops.iterations()), benchmark::Counter::kIsRate);
  });
}
BENCHMARK(auth_static_table);

std::string_view give(std::string_view text) { return text; }
Task<std::string> wait(std::string text) {
  const auto executor = co_await asio::this_coro::executor;
  benchmark::DoNotOptimize(&executor);
  co_return text;
}
void take(script::Call& call, script::Function function) {
  call.state().user<int>() = call.state().keep(function);
}

const script::HostFunction own[] = {{"t.give", "", "", "", script::bind<&give>},
                                    {"t.wait", "", "", "", script::bind<&wait>},
                                    {"t.take", "", "", "", script::bind<&take>}};

/// A function of the script, called through its state.
void call(benchmark::State& state, const std::string& text) {
  script::testing::TestWorld world;
  const script::Setup setup{
      .tables = {own}, .modules = {}, .globals = {"t"}, .files = {}, .memos = nullptr};
  State machine(setup);
  const auto function = std::make_shared<int>(0);
  machine.set_user(function);
  on_a_loop(state, [&](benchmark::State& loops) -> Task<void> {
    {
      script::Call load(world, {});
      const auto trouble = co_await machine.run("t.take(" + text + ")", "bench.lua", load);
      if (trouble) std::abort();
    }
    const State::Push nothing = [](lua_State*) { return 0; };
    const State::Read ignore = [](lua_State*, int) {};
    for (auto _ : loops) {
      script::Call once(world, {});
      const auto trouble = co_await machine.call(*function, nothing, ignore, once);
      if (trouble) std::abort();
    }
  });
}

void call_empty(benchmark::State& state) { call(state, "function() end"); }
BENCHMARK(call_empty);

void call_with_a_host_function(benchmark::State& state) {
  call(state, "function() t.give('x') end");
}
BENCHMARK(call_with_a_host_function);

void call_with_101_host_functions(benchmark::State& state) {
  call(state, "function() for i = 1, 101 do t.give('x') end end");
}
BENCHMARK(call_with_101_host_functions);

void call_that_waits(benchmark::State& state) { call(state, "function() t.wait('x') end"); }
BENCHMARK(call_that_waits);

void call_that_waits_101_times(benchmark::State& state) {
  call(state, "function() for i = 1, 101 do t.wait('x') end end");
}
BENCHMARK(call_that_waits_101_times);

}  // namespace

BENCHMARK_MAIN();
