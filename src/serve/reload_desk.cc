#include "serve/reload_desk.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::app {

namespace asio = boost::asio;

namespace {

constexpr std::string_view not_now = "the gateway is starting or stopping; try again";

}  // namespace

/// Used on the loop of the command alone, but for the executor.
class ReloadDesk::Asked {
 public:
  Asked(const asio::any_io_executor& executor, bool lists_of_file)
      : lists_of_file(lists_of_file),
        executor_(executor),
        timer_(executor, asio::steady_timer::time_point::max()) {}

  const bool lists_of_file;

  Task<Result<ReloadOutcome>> wait() {
    if (!outcome_) co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!outcome_) co_return fail(Fault::temporary, std::string(not_now));
    co_return *outcome_;
  }

  /// Any thread.
  static void complete(const std::shared_ptr<Asked>& asked, Result<ReloadOutcome> outcome) {
    asio::post(asked->executor_, [asked, outcome = std::move(outcome)] {
      asked->outcome_ = outcome;
      asked->timer_.cancel();
    });
  }

 private:
  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::optional<Result<ReloadOutcome>> outcome_;
};

void ReloadDesk::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
}

Task<Result<ReloadOutcome>> ReloadDesk::ask(bool lists_of_file) {
  auto asked = std::make_shared<Asked>(co_await asio::this_coro::executor, lists_of_file);
  {
    const std::lock_guard lock(mutex_);
    if (!open_) co_return fail(Fault::temporary, std::string(not_now));
    waiting_.push_back(asked);
  }
  ::kill(::getpid(), SIGHUP);
  co_return co_await asked->wait();
}

std::vector<std::shared_ptr<ReloadDesk::Asked>> ReloadDesk::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

bool ReloadDesk::want_lists_of_file(const std::vector<std::shared_ptr<Asked>>& asked) {
  return std::ranges::any_of(asked, [](const auto& one) { return one->lists_of_file; });
}

void ReloadDesk::answer(const std::vector<std::shared_ptr<Asked>>& asked,
                        const ReloadOutcome& outcome) {
  for (const auto& one : asked) Asked::complete(one, outcome);
}

void ReloadDesk::close() {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  for (const auto& one : take()) Asked::complete(one, fail(Fault::temporary, std::string(not_now)));
}

}  // namespace postern::app
