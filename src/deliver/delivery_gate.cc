#include "deliver/delivery_gate.h"

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::deliver {
namespace asio = boost::asio;

class DeliveryGate::Lines {
 public:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;  ///< touched on its executor only
    bool granted = false;      ///< guarded by the shard's mutex
  };

  explicit Lines(std::size_t limit) : limit_(limit) {}

  /// Takes a place if one is free and returns nullptr; else joins the line.
  std::shared_ptr<Waiter> enter(const std::string& webhook, const asio::any_io_executor& executor);
  /// Whether the waiter got a place. If not, it leaves the line.
  bool granted(const std::string& webhook, const std::shared_ptr<Waiter>& waiter);
  void leave(const std::string& webhook);

 private:
  struct Line {
    std::size_t inside = 0;
    std::deque<std::weak_ptr<Waiter>> waiting;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Line> lines;
  };

  Shard& shard_of(const std::string& webhook) {
    return shards_[std::hash<std::string>{}(webhook) % shards_.size()];
  }

  const std::size_t limit_;
  std::array<Shard, 64> shards_;
};

DeliveryGate::DeliveryGate(std::size_t per_webhook)
    : lines_(std::make_shared<Lines>(per_webhook)) {}

DeliveryGate::Place& DeliveryGate::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    give_back();
    lines_ = std::move(other.lines_);
    webhook_ = std::move(other.webhook_);
  }
  return *this;
}

void DeliveryGate::Place::give_back() {
  if (const auto lines = std::exchange(lines_, nullptr)) lines->leave(webhook_);
}

std::shared_ptr<DeliveryGate::Lines::Waiter> DeliveryGate::Lines::enter(
    const std::string& webhook, const asio::any_io_executor& executor) {
  Shard& shard = shard_of(webhook);
  const std::lock_guard lock(shard.mutex);
  Line& line = shard.lines[webhook];
  if (line.inside < limit_) {
    ++line.inside;
    return nullptr;
  }
  auto waiter = std::make_shared<Waiter>(executor);
  line.waiting.push_back(waiter);
  return waiter;
}

bool DeliveryGate::Lines::granted(const std::string& webhook,
                                  const std::shared_ptr<Waiter>& waiter) {
  Shard& shard = shard_of(webhook);
  const std::lock_guard lock(shard.mutex);
  if (waiter->granted) return true;
  const auto found = shard.lines.find(webhook);
  if (found != shard.lines.end())
    std::erase_if(found->second.waiting,
                  [&](const std::weak_ptr<Waiter>& other) { return other.lock() == waiter; });
  return false;
}

Task<DeliveryGate::Place> DeliveryGate::enter(std::string webhook,
                                              std::chrono::milliseconds limit) {
  const std::shared_ptr<Lines> lines = lines_;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const std::shared_ptr<Lines::Waiter> waiter = lines->enter(webhook, executor);
  if (!waiter) co_return Place(lines, std::move(webhook));
  waiter->timer.expires_after(limit);
  boost::system::error_code woken;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  // A place granted while the time ran out is still taken.
  if (lines->granted(webhook, waiter)) co_return Place(lines, std::move(webhook));
  co_return Place();
}

void DeliveryGate::Lines::leave(const std::string& webhook) {
  Shard& shard = shard_of(webhook);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.lines.find(webhook);
  if (found == shard.lines.end()) return;
  Line& line = found->second;
  while (!line.waiting.empty()) {
    const std::shared_ptr<Waiter> next = line.waiting.front().lock();
    line.waiting.pop_front();
    if (!next) continue;
    next->granted = true;  // the place is passed on, so `inside` stays
    asio::post(next->timer.get_executor(), [weak = std::weak_ptr<Waiter>(next)] {
      if (const std::shared_ptr<Waiter> waiter = weak.lock()) waiter->timer.cancel();
    });
    return;
  }
  if (--line.inside == 0) shard.lines.erase(found);
}

}  // namespace postern::deliver
