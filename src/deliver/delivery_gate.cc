#include "deliver/delivery_gate.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::deliver {
namespace asio = boost::asio;

struct DeliveryGate::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;  ///< touched on its executor only
  bool granted = false;      ///< guarded by the shard's mutex
};

DeliveryGate::Place& DeliveryGate::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    give_back();
    gate_ = std::exchange(other.gate_, nullptr);
    webhook_ = std::move(other.webhook_);
  }
  return *this;
}

void DeliveryGate::Place::give_back() {
  if (DeliveryGate* const gate = std::exchange(gate_, nullptr)) gate->leave(webhook_);
}

Task<DeliveryGate::Place> DeliveryGate::enter(std::string webhook,
                                              std::chrono::milliseconds limit) {
  Shard& shard = shard_of(webhook);
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(shard.mutex);
    Line& line = shard.lines[webhook];
    if (line.inside < limit_) {
      ++line.inside;
      co_return Place(this, std::move(webhook));
    }
    waiter = std::make_shared<Waiter>(executor);
    line.waiting.push_back(waiter);
  }
  waiter->timer.expires_after(limit);
  boost::system::error_code woken;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  const std::lock_guard lock(shard.mutex);
  // A place that was handed over while the time ran out is taken all the same.
  if (waiter->granted) co_return Place(this, std::move(webhook));
  const auto found = shard.lines.find(webhook);
  if (found != shard.lines.end())
    std::erase_if(found->second.waiting,
                  [&](const std::weak_ptr<Waiter>& other) { return other.lock() == waiter; });
  co_return Place();
}

void DeliveryGate::leave(const std::string& webhook) {
  Shard& shard = shard_of(webhook);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.lines.find(webhook);
  if (found == shard.lines.end()) return;
  Line& line = found->second;
  while (!line.waiting.empty()) {
    const std::shared_ptr<Waiter> next = line.waiting.front().lock();
    line.waiting.pop_front();
    if (!next) continue;
    next->granted = true;  // the place passes on; `inside` stays
    asio::post(next->timer.get_executor(), [weak = std::weak_ptr<Waiter>(next)] {
      if (const std::shared_ptr<Waiter> waiter = weak.lock()) waiter->timer.cancel();
    });
    return;
  }
  if (--line.inside == 0) shard.lines.erase(found);
}

}  // namespace postern::deliver
