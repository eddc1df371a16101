#include "config/script_runtime.h"

#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/thread.h"
#include "config/reaper.h"
#include "config/signals.h"

namespace postern::app {

namespace asio = boost::asio;

namespace {

constexpr std::size_t blocking_threads = 4;
constexpr std::size_t blocking_queue = 4096;
/// Practically unlimited: the task refers to objects of its caller, and a script's budget ends it.
constexpr std::chrono::hours no_limit{24 * 365};

}  // namespace

Result<std::shared_ptr<ScriptRuntime>> ScriptRuntime::open(const net::UnboundOptions& dns,
                                                           const std::string& ca_file,
                                                           bool asks_nobody) {
  // The first policy is loaded before serve() blocks the signals: until then only the main thread
  // receives them, so that a slow load can be interrupted.
  const SignalsBlocked blocked;
  std::shared_ptr<ScriptRuntime> runtime(new ScriptRuntime());
  runtime->world_.alone = asks_nobody;
  net::UnboundOptions options = dns;
  options.probe_wait = {};  // a policy loads before its loop runs
  options.on_change = [raw = runtime.get()](const net::DnssecState&) { raw->resolver_->forget(); };
  auto resolver = net::UnboundResolver::open(runtime->loop_.get_executor(), std::move(options));
  if (!resolver) return tl::unexpected(resolver.error());
  runtime->name_servers_ = std::move(*resolver);
  runtime->resolver_ = std::make_unique<dns::CachingResolver>(*runtime->name_servers_);
  runtime->pool_ = std::make_unique<net::WorkPool>(blocking_threads, blocking_queue, "script-work");
  runtime->inner_ = std::make_unique<ScriptWorld>(*runtime->resolver_, *runtime->pool_,
                                                  ScriptWorld::Options{.ca_file = ca_file});
  runtime->thread_ = named_thread("script", [raw = runtime.get()] { raw->loop_.run(); });
  return reaped(std::move(runtime));
}

ScriptRuntime::~ScriptRuntime() {
  stop();
  clear();
  name_servers_.reset();
}

void ScriptRuntime::stop() {
  if (pool_) pool_->stop();
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

namespace {

Task<Result<void>> to_the_end(Task<void> task) {
  co_await std::move(task);
  co_return Result<void>();
}

}  // namespace

void ScriptRuntime::run(Task<void> task) {
  const Result<void> done = net::ask(loop_, to_the_end(std::move(task)), no_limit);
  if (!done) throw std::runtime_error(done.error().message);
}

Task<dns::Answer> ScriptRuntime::ask(dns::Question question) {
  constexpr std::chrono::seconds limit{10};
  return resolver_->lookup(std::move(question), limit);
}

namespace {

Task<Result<script::HttpAnswer>> nobody() {
  co_return fail(Fault::temporary, "no other host is asked here");
}

}  // namespace

Task<Result<script::HttpAnswer>> ScriptRuntime::World::http(script::HttpQuestion question,
                                                            script::Clock::time_point deadline) {
  if (alone) return nobody();
  return asio::co_spawn(runtime_.loop_, runtime_.inner_->http(std::move(question), deadline),
                        asio::use_awaitable);
}

Task<Result<void>> ScriptRuntime::World::blocking(std::function<void()> job) {
  return runtime_.inner_->blocking(std::move(job));
}

void ScriptRuntime::World::log(std::string_view level, std::string_view place,
                               std::string_view text) {
  if (lines != nullptr && level != "debug" && level != "info") {
    lines->push_back({std::string(level), std::string(place), std::string(text)});
  } else {
    runtime_.inner_->log(level, place, text);
  }
}

}  // namespace postern::app
