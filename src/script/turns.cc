#include "script/turns.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::script {
namespace asio = boost::asio;

/// An object in the waiting coroutine's frame, which may be destroyed together with its loop.
struct Turns::Waiter {
  Waiter(Line& in, const asio::any_io_executor& loop, Clock::time_point deadline)
      : line(in), timer(loop, deadline), place(in.waiting.insert(in.waiting.end(), this)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (!called) {
      line.waiting.erase(place);
    } else if (!came) {
      line.give_back();  // its coroutine was destroyed after it was called: passes the turn on
    }
  }

  Line& line;
  asio::steady_timer timer;  ///< cancelled when it is the turn
  std::list<Waiter*>::iterator place;
  bool called = false;
  bool came = false;
};

/// Passes the turn directly to the next waiter: a new caller cannot take it first.
void Turns::Line::give_back() {
  taken = !waiting.empty();
  if (!taken) return;
  Waiter& next = *waiting.front();
  waiting.pop_front();
  next.called = true;
  next.timer.cancel();
}

Task<bool> Turns::take(Clock::time_point deadline) {
  const std::shared_ptr<Line> line = line_;
  if (!line->taken) {
    line->taken = true;
    co_return true;
  }
  const asio::any_io_executor loop = co_await asio::this_coro::executor;
  Waiter waiter(*line, loop, deadline);
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  waiter.came = true;
  co_return waiter.called;
}

Task<void> Turns::next() {
  const std::shared_ptr<Line> line = line_;
  const asio::any_io_executor loop = co_await asio::this_coro::executor;
  co_await take();
  // A posted function runs after everything that is ready now, and after the loop has polled for
  // more. A loop that is stopped before destroys it, and the turn is given back all the same: the
  // next call may come in another loop.
  std::shared_ptr<void> turn(nullptr, [line](void*) { line->give_back(); });
  asio::post(loop, [turn = std::move(turn)] {});
}

}  // namespace postern::script
