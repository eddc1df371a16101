#include "script/blocking.h"

#include <exception>
#include <memory>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::script {

namespace asio = boost::asio;

namespace {

/// Shared by the waiting coroutine and the work, as either may end first.
struct Wait {
  Wait(const asio::any_io_executor& loop, Clock::time_point deadline) : timer(loop, deadline) {}
  asio::steady_timer timer;  ///< cancelled when the work is done
  std::optional<Result<void>> done;
  std::exception_ptr thrown;
};

}  // namespace

Task<Result<void>> blocking(Call& call, std::function<void()> job) {
  const auto executor = co_await asio::this_coro::executor;
  const auto wait = std::make_shared<Wait>(executor, call.deadline());
  asio::co_spawn(executor, call.world().blocking(std::move(job)),
                 [wait](std::exception_ptr thrown, Result<void> done) {
                   wait->thrown = std::move(thrown);
                   wait->done = std::move(done);
                   wait->timer.cancel();
                 });
  if (!wait->done) (void)co_await wait->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!wait->done) co_return fail(Fault::temporary, "it took too long");
  if (wait->thrown) std::rethrow_exception(wait->thrown);
  co_return std::move(*wait->done);
}

}  // namespace postern::script
