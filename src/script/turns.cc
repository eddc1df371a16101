#include "script/turns.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::script {
namespace asio = boost::asio;

/// Lies in the coroutine that waits. With its loop it may be destroyed while it waits, and leaves
/// the line.
struct Turns::Waiter {
  Waiter(std::shared_ptr<Line> in, const asio::any_io_executor& loop)
      : line(std::move(in)),
        turn(loop, asio::steady_timer::time_point::max()),
        place(line->waiting.insert(line->waiting.end(), this)) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (!called) line->waiting.erase(place);
  }

  std::shared_ptr<Line> line;
  asio::steady_timer turn;  ///< never runs out; its end is the turn
  std::list<Waiter*>::iterator place;
  bool called = false;
};

// What is posted runs after what is ready now, and after the loop has asked for what became ready.
void Turns::advance(const std::shared_ptr<Line>& line, const asio::any_io_executor& loop) {
  asio::post(loop, [line, loop] {
    line->taken = !line->waiting.empty();
    if (!line->taken) return;
    Waiter& next = *line->waiting.front();
    line->waiting.pop_front();
    next.called = true;
    next.turn.cancel();
    advance(line, loop);
  });
}

Task<void> Turns::next() {
  const std::shared_ptr<Line> line = line_;
  const asio::any_io_executor loop = co_await asio::this_coro::executor;
  if (!line->taken) {
    line->taken = true;
    advance(line, loop);
    co_return;
  }
  Waiter waiter(line, loop);
  co_await waiter.turn.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace postern::script
