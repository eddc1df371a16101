#include "net/work_pool.h"

#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/subscriber.h"
#include "base/thread.h"
#include "net/fair_queue.h"

namespace postern::net {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto queue_is_full = "the work queue is full";
constexpr auto no_thread_in_time = "no thread in time";
constexpr auto share_used_up = "the share of time is used up while others wait";
constexpr auto pool_has_stopped = "the work pool has stopped";

/// A network may use as much time as so many clients.
constexpr int clients_of_network = 2;

std::string network_of(const std::string& client) { return std::string(network_of_key(client)); }

/// CPU time of this thread: the load of other processes is not charged.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// The use of each owner's share per minute, as a leaky bucket.
class Usage {
 public:
  explicit Usage(std::chrono::milliseconds share)
      : share_(std::chrono::duration<double>(share).count()) {}

  void add(const std::string& key, double seconds, Clock::time_point now) {
    if (share_ <= 0 || key.empty()) return;
    if (used_.size() >= most)
      std::erase_if(used_, [&](auto& one) { return left(one.second, now) <= 0; });
    if (used_.size() >= most) used_.clear();
    Bucket& bucket = used_[key];
    bucket = {.level = left(bucket, now) + seconds, .at = now};
  }
  bool is_over(const std::string& key, Clock::time_point now) const {
    if (share_ <= 0 || key.empty()) return false;
    const auto found = used_.find(key);
    return found != used_.end() && left(found->second, now) >= share_;
  }

 private:
  static constexpr std::size_t most = 10'000;
  struct Bucket {
    double level = 0;
    Clock::time_point at;
  };
  double left(const Bucket& bucket, Clock::time_point now) const {
    const double passed = std::chrono::duration<double>(now - bucket.at).count();
    return std::max(0.0, bucket.level - passed * share_ / 60);
  }

  const double share_;
  std::unordered_map<std::string, Bucket> used_;
};

}  // namespace

struct WorkPool::State {
  struct Job {
    std::function<void()> work;
    std::function<void(const char*)> done;  ///< posts to the executor of the waiting coroutine
    Clock::time_point give_up = Clock::time_point::max();
  };
  using Queue = FairQueue<Job>;

  State(std::size_t queue_limit, Shares shares)
      : queue(queue_limit),
        limit(queue_limit),
        by_account(shares.account),
        by_client(shares.client),
        by_network(shares.client * clients_of_network) {}

  std::mutex mutex;
  std::condition_variable wake;
  Queue queue;
  const std::size_t limit;
  Usage by_account;
  Usage by_client;
  Usage by_network;
  std::size_t idle = 0;
  bool stopping = false;
  std::vector<std::thread> threads;

  /// An owner that has used up its share is refused while others wait.
  bool is_used_up(const Turn& turn) const {
    const auto now = Clock::now();
    const auto others = [&](std::size_t own) { return queue.size() > own; };
    return (by_account.is_over(turn.account, now) &&
            others(queue.waiting_of_account(turn.account))) ||
           (by_client.is_over(turn.client, now) && others(queue.waiting_of_client(turn.client))) ||
           (by_network.is_over(network_of(turn.client), now) &&
            others(queue.waiting_of_network(turn.client)));
  }

  /// Queues the job, or returns the job for which there is no room, with the reason.
  std::pair<std::optional<Job>, const char*> offer(const Turn& turn, Job job) {
    const std::lock_guard lock(mutex);
    if (stopping) return {std::move(job), pool_has_stopped};
    if (is_used_up(turn)) return {std::move(job), share_used_up};
    queue.set_limit(limit + idle);
    if (turn.patience.count() > 0) job.give_up = Clock::now() + turn.patience;
    auto refused = queue.push(turn.account, turn.client, std::move(job));
    wake.notify_one();
    if (!refused) return {std::nullopt, nullptr};
    return {std::move(refused->job), queue_is_full};
  }

  /// Refuses jobs that waited too long. Requires the lock.
  void give_up() {
    const auto now = Clock::now();
    queue.sweep([now](const Job& job) { return job.give_up <= now; },
                [](Job job) { job.done(no_thread_in_time); });
  }

  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      --idle;
      if (stopping) return;
      give_up();
      auto entry = queue.pop();
      if (!entry) continue;
      lock.unlock();
      const double started = cpu_seconds();
      entry->job.work();
      entry->job.work = nullptr;
      const double took = cpu_seconds() - started;
      entry->job.done(nullptr);
      entry->job.done = nullptr;
      lock.lock();
      queue.charge(*entry, took);
      const auto now = Clock::now();
      by_account.add(entry->account, took, now);
      by_client.add(entry->client, took, now);
      by_network.add(network_of(entry->client), took, now);
    }
  }
};

WorkPool::WorkPool(std::size_t threads, std::size_t queue, const std::string& name, Shares shares)
    : state_(std::make_unique<State>(queue, shares)) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    std::string own = threads > 1 ? name + "-" + std::to_string(i) : name;
    state_->threads.push_back(
        named_thread(std::move(own), [state = state_.get()] { state->serve(); }));
  }
}

WorkPool::~WorkPool() { stop(); }

void WorkPool::refuse() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->queue.sweep([](const State::Job&) { return true; },
                        [](State::Job job) { job.done(pool_has_stopped); });
  }
  state_->wake.notify_all();
}

void WorkPool::stop() {
  refuse();
  for (std::thread& thread : state_->threads) thread.join();
  state_->threads.clear();
}

std::size_t WorkPool::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

Task<const char*> WorkPool::execute(Turn turn, std::function<void()> job) {
  auto start = [](auto handler, State* state, Turn whose, std::function<void()> work) {
    using Handler = decltype(handler);
    auto executor = boost::asio::prefer(
        boost::asio::any_io_executor(boost::asio::get_associated_executor(handler)),
        boost::asio::execution::outstanding_work.tracked);
    // std::function must be copyable; the handler is only movable.
    auto shared = std::make_shared<Handler>(std::move(handler));
    auto done = [shared, executor](const char* refused) {
      boost::asio::post(executor, [shared, refused] { std::move (*shared)(refused); });
    };
    auto [refused, why] = state->offer(whose, {std::move(work), done});
    if (refused) refused->done(why);
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                                 void(const char*)>(
      start, boost::asio::use_awaitable, state_.get(), std::move(turn), std::move(job));
}

}  // namespace postern::net
