#include "admin/access_watch.h"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::admin {

namespace asio = boost::asio;

struct AccessChanges::Waker {
  std::vector<std::string> ids;
  std::uint64_t changes = 0;
  /// Created at the first wait; then used only on that event loop.
  std::shared_ptr<asio::steady_timer> timer;
};

AccessChanges::AccessChanges() = default;
AccessChanges::~AccessChanges() = default;

void AccessChanges::changed(std::string_view id) {
  const std::lock_guard lock(mutex_);
  for (const auto& waker : wakers_) {
    const bool meant =
        id.empty() || std::find(waker->ids.begin(), waker->ids.end(), id) != waker->ids.end();
    if (!meant) continue;
    ++waker->changes;
    if (!waker->timer) continue;
    asio::post(waker->timer->get_executor(), [timer = waker->timer] { timer->cancel(); });
  }
}

AccessWatch::AccessWatch(AccessChanges& changes, std::vector<std::string> ids)
    : changes_(changes), waker_(std::make_shared<AccessChanges::Waker>()) {
  waker_->ids = std::move(ids);
  const std::lock_guard lock(changes_.mutex_);
  changes_.wakers_.insert(waker_);
}

AccessWatch::~AccessWatch() {
  const std::lock_guard lock(changes_.mutex_);
  changes_.wakers_.erase(waker_);
}

std::uint64_t AccessWatch::seen() const {
  const std::lock_guard lock(changes_.mutex_);
  return waker_->changes;
}

void AccessWatch::settle(std::uint64_t seen) { settled_ = seen; }

Task<void> AccessWatch::changed(std::optional<std::chrono::system_clock::time_point> until) {
  const auto executor = co_await asio::this_coro::executor;
  std::shared_ptr<asio::steady_timer> timer;
  {
    const std::lock_guard lock(changes_.mutex_);
    if (!waker_->timer) waker_->timer = std::make_shared<asio::steady_timer>(executor);
    timer = waker_->timer;
    timer->expires_at(asio::steady_timer::time_point::max());
    if (until) {
      timer->expires_after(std::max(std::chrono::system_clock::duration(0),
                                    *until - std::chrono::system_clock::now()));
    }
    if (waker_->changes != settled_) co_return;
  }
  // A later change posts its cancellation, which runs after the wait below has begun.
  boost::system::error_code woken;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

}  // namespace postern::admin
