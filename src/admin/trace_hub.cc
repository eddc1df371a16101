#include "admin/trace_hub.h"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::admin {
namespace {

namespace asio = boost::asio;

constexpr std::size_t told_at_once = 100;

std::uint64_t microseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

struct TraceHub::Waker {
  std::string account;     // counts against this account's streams
  bool everybody = false;  // sees the rows of all accounts
  bool waiting = false;
  /// Created at the first wait; then used only on that event loop.
  std::shared_ptr<asio::steady_timer> timer;
};

TraceHub::TraceHub(TraceHubOptions options)
    : options_(options), base_(microseconds_now()), last_(base_) {}

TraceHub::~TraceHub() = default;

std::uint64_t TraceHub::newest(const std::optional<std::string>& account) const {
  if (!account) return last_;
  const auto found = last_of_account_.find(*account);
  return found == last_of_account_.end() ? base_ : found->second;
}

void TraceHub::publish(std::shared_ptr<const store::TraceRow> row) {
  Kept kept{.row = std::move(row)};
  std::vector<std::shared_ptr<asio::steady_timer>> sleepers;
  {
    const std::lock_guard lock(mutex_);
    kept.number = ++last_;
    if (const auto& account = kept.row->account_id) {
      kept.of_account = ++last_of_account_.try_emplace(*account, base_).first->second;
    }
    ring_.push_back(std::move(kept));
    if (ring_.size() > options_.kept) ring_.pop_front();
    for (const auto& waker : wakers_) {
      const bool sees = waker->everybody || ring_.back().row->account_id == waker->account;
      if (!waker->waiting || !sees) continue;
      waker->waiting = false;
      sleepers.push_back(waker->timer);
    }
  }
  for (const auto& timer : sleepers) {
    asio::post(timer->get_executor(), [timer] { timer->cancel(); });
  }
}

std::unique_ptr<TraceHub::Subscription> TraceHub::subscribe(const std::string& account,
                                                            bool everybody,
                                                            std::optional<std::uint64_t> after) {
  auto waker = std::make_shared<Waker>();
  waker->account = account;
  waker->everybody = everybody;
  std::unique_ptr<Subscription> made(
      new Subscription(*this, waker, everybody ? std::nullopt : std::optional(account)));
  const std::lock_guard lock(mutex_);
  const auto own = std::count_if(wakers_.begin(), wakers_.end(),
                                 [&](const auto& one) { return one->account == account; });
  if (wakers_.size() >= options_.streams ||
      static_cast<std::size_t>(own) >= options_.streams_per_account) {
    return nullptr;
  }
  wakers_.insert(waker);
  const std::uint64_t newest_own = newest(made->only_);
  if (!after) {
    made->number_ = newest_own;
    made->position_ = last_;
    return made;
  }
  made->from_earlier_life_ = *after < base_ || *after > newest_own;
  made->number_ = made->from_earlier_life_ ? base_ : *after;
  return made;
}

TraceHub::Subscription::~Subscription() {
  const std::lock_guard lock(hub_.mutex_);
  hub_.wakers_.erase(waker_);
}

TraceHub::Batch TraceHub::Subscription::take() {
  Batch batch;
  batch.missed_unknown = std::exchange(from_earlier_life_, false);
  const auto begin =
      std::upper_bound(hub_.ring_.begin(), hub_.ring_.end(), position_,
                       [](std::uint64_t number, const Kept& one) { return number < one.number; });
  for (auto one = begin; one != hub_.ring_.end(); ++one) {
    if (only_ && one->row->account_id != *only_) continue;
    const std::uint64_t number = only_ ? one->of_account : one->number;
    if (number <= number_) continue;
    if (batch.events.size() == told_at_once) return batch;
    batch.missed += number - number_ - 1;
    number_ = number;
    position_ = one->number;
    batch.events.push_back({number, one->row});
  }
  const std::uint64_t newest = hub_.newest(only_);
  batch.missed += newest - number_;
  number_ = newest;
  position_ = hub_.last_;
  return batch;
}

Task<TraceHub::Batch> TraceHub::Subscription::next(std::chrono::steady_clock::time_point until) {
  if (!waker_->timer) {
    const auto executor = co_await asio::this_coro::executor;
    waker_->timer = std::make_shared<asio::steady_timer>(executor);
  }
  for (;;) {
    {
      const std::lock_guard lock(hub_.mutex_);
      waker_->waiting = false;
      Batch batch = take();
      if (!batch.empty() || std::chrono::steady_clock::now() >= until) co_return batch;
      waker_->waiting = true;
    }
    waker_->timer->expires_at(until);
    boost::system::error_code woken;
    co_await waker_->timer->async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

}  // namespace postern::admin
