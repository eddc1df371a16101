#include "net/lookups.h"

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::net {
namespace asio = boost::asio;

/// One caller that waits. Owned by its coroutine; used on its executor only, except for the state
/// in the shares.
struct Lookups::Waiter : LookupShares::Waiting, std::enable_shared_from_this<Waiter> {
  Waiter(asio::any_io_executor where, std::string client)
      : Waiting(std::move(client)), executor(std::move(where)), timer(executor) {}
  const asio::any_io_executor executor;
  asio::steady_timer timer;
  std::optional<dns::Answer> answer;
  bool left = false;  ///< guarded by the backend's mutex: afterwards its loop may be gone
};

/// Resumes the waiter that got a place; null: none did.
void Lookups::call_up(LookupShares::Waiting* next) {
  if (next == nullptr) return;
  const std::weak_ptr<Waiter> waiting = static_cast<Waiter*>(next)->weak_from_this();
  asio::post(static_cast<Waiter*>(next)->executor, [waiting] {
    if (const std::shared_ptr<Waiter> waiter = waiting.lock()) waiter->timer.cancel();
  });
}

/// True: the lookup may start. False: the waiter's timer is cancelled when it may.
bool Lookups::take_place(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  return shares_.take(waiter);
}

bool Lookups::has_place(const Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  return waiter.has_place();
}

/// Removes the waiter from the queue, or releases a place in which no lookup has started.
void Lookups::leave(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  waiter.left = true;
  call_up(shares_.left(waiter));
}

/// Starts in the waiter's place, which stays in use until the lookup ends, even without a waiter.
bool Lookups::start(const dns::Question& question, const std::shared_ptr<Waiter>& waiter) {
  const Query* query = nullptr;
  std::uint64_t key = 0;
  {
    // The query is registered before an answer can arrive.
    const std::lock_guard lock(mutex_);
    key = next_key_++;
    shares_.begun(*waiter);
    query = &queries_
                 .emplace(key, Query{.backend = this,
                                     .key = key,
                                     .question = question,
                                     .client = waiter->client(),
                                     .waiter = waiter,
                                     .executor = waiter->executor})
                 .first->second;
  }
  if (begin(*query)) return true;
  const std::lock_guard lock(mutex_);
  (void)take(key);
  return false;
}

std::optional<Lookups::Query> Lookups::take(std::uint64_t key) {
  auto node = queries_.extract(key);
  if (!node) return std::nullopt;
  call_up(shares_.release(node.mapped().client));
  return std::move(node.mapped());
}

void Lookups::finish(std::uint64_t key, dns::Answer answer) noexcept try {
  // The lock is held during the post: the waiter cannot leave, so its loop still exists.
  const std::lock_guard lock(mutex_);
  const std::optional<Query> query = take(key);
  if (!query) return;
  const std::shared_ptr<Waiter> waits = query->waiter.lock();
  if (!waits || waits->left) return;
  asio::post(query->executor, [waiting = query->waiter, answer = std::move(answer)]() mutable {
    const std::shared_ptr<Waiter> waiter = waiting.lock();
    if (!waiter) return;
    waiter->answer = std::move(answer);
    waiter->timer.cancel();
  });
} catch (...) {
  return;
}

Task<dns::Answer> Lookups::lookup(std::weak_ptr<Lookups> backend, std::string client,
                                  dns::Question question, std::chrono::milliseconds limit) {
  const auto waiter =
      std::make_shared<Waiter>(co_await asio::this_coro::executor, std::move(client));
  const auto deadline = std::chrono::steady_clock::now() + limit;
  waiter->timer.expires_at(deadline);
  struct Guard {
    ~Guard() {
      if (const auto here = backend.lock()) here->leave(*waiter);
    }
    const std::weak_ptr<Lookups>& backend;
    const std::shared_ptr<Waiter>& waiter;
  };
  const Guard guard{backend, waiter};
  const auto timed_out = dns::Answer{.status = dns::Status::timeout};
  boost::system::error_code expired;
  // The waiting coroutine does not keep the backend alive; its owner decides.
  auto here = backend.lock();
  if (here && !here->take_place(*waiter)) {
    here.reset();
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, expired));
    here = backend.lock();
    if (here && (std::chrono::steady_clock::now() >= deadline || !here->has_place(*waiter)))
      co_return timed_out;
  }
  if (!here) co_return timed_out;
  if (!here->start(question, waiter)) co_return dns::Answer{.status = dns::Status::server_failure};
  here.reset();
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, expired));
  if (waiter->answer) co_return std::move(*waiter->answer);
  co_return timed_out;
}

}  // namespace postern::net
