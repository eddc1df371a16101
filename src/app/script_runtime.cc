#include "app/script_runtime.h"

#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "app/signals.h"

namespace postern::app {

namespace asio = boost::asio;

namespace {

constexpr std::size_t blocking_threads = 4;
constexpr std::size_t blocking_queue = 4096;

}  // namespace

Result<std::shared_ptr<ScriptRuntime>> ScriptRuntime::open(const net::UnboundOptions& dns,
                                                           const std::string& ca_file) {
  // The first policy is loaded before serve() blocks them: until then the main thread alone is
  // ended by them, and a load that takes long can be broken off.
  const SignalsBlocked blocked;
  std::shared_ptr<ScriptRuntime> runtime(new ScriptRuntime());
  auto resolver = net::UnboundResolver::open(runtime->loop_.get_executor(), dns);
  if (!resolver) return tl::unexpected(resolver.error());
  runtime->name_servers_ = std::move(*resolver);
  runtime->resolver_ = std::make_unique<dns::CachingResolver>(*runtime->name_servers_);
  runtime->pool_ = std::make_unique<net::WorkPool>(blocking_threads, blocking_queue);
  runtime->inner_ = std::make_unique<ScriptWorld>(*runtime->resolver_, *runtime->pool_,
                                                  ScriptWorld::Options{.ca_file = ca_file});
  runtime->thread_ = std::thread([raw = runtime.get()] { raw->loop_.run(); });
  return runtime;
}

ScriptRuntime::~ScriptRuntime() {
  stop();
  name_servers_.reset();
}

void ScriptRuntime::stop() {
  if (pool_) pool_->stop();
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void ScriptRuntime::run(Task<void> task) {
  std::promise<void> done;
  asio::co_spawn(loop_, std::move(task), [&done](std::exception_ptr error) {
    if (error) {
      done.set_exception(error);
    } else {
      done.set_value();
    }
  });
  done.get_future().get();
}

Task<Result<script::HttpAnswer>> ScriptRuntime::World::http(script::HttpQuestion question,
                                                            script::Clock::time_point deadline) {
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
