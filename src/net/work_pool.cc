#include "net/work_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/thread.h"

namespace postern::net {

struct WorkPool::State {
  struct Job {
    std::function<void()> work;
    std::function<void(bool)> done;  ///< posts to the waiting coroutine's executor
  };

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> queue;
  std::size_t limit = 0;
  std::size_t idle = 0;
  bool stopping = false;
  std::vector<std::thread> threads;

  /// Takes the job unless as many wait as may.
  bool offer(Job& job) {
    const std::lock_guard lock(mutex);
    if (stopping || queue.size() >= limit + idle) return false;
    queue.push_back(std::move(job));
    wake.notify_one();
    return true;
  }

  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      --idle;
      if (stopping) return;
      Job job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job.work();
      job.work = nullptr;
      job.done(true);
      job.done = nullptr;
      lock.lock();
    }
  }
};

WorkPool::WorkPool(std::size_t threads, std::size_t queue, const std::string& name)
    : state_(std::make_unique<State>()) {
  state_->limit = queue;
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    std::string own = threads > 1 ? name + "-" + std::to_string(i) : name;
    state_->threads.push_back(
        named_thread(std::move(own), [state = state_.get()] { state->serve(); }));
  }
}

WorkPool::~WorkPool() { stop(); }

void WorkPool::refuse() {
  std::deque<State::Job> refused;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    refused.swap(state_->queue);
  }
  state_->wake.notify_all();
  for (State::Job& job : refused) job.done(false);
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

Task<bool> WorkPool::execute(std::function<void()> job) {
  auto start = [](auto handler, State* state, std::function<void()> work) {
    using Handler = decltype(handler);
    auto executor = boost::asio::prefer(
        boost::asio::any_io_executor(boost::asio::get_associated_executor(handler)),
        boost::asio::execution::outstanding_work.tracked);
    // std::function wants copies; the handler can only be moved.
    auto shared = std::make_shared<Handler>(std::move(handler));
    auto done = [shared, executor](bool ran) {
      boost::asio::post(executor, [shared, ran] { std::move (*shared)(ran); });
    };
    State::Job entry{std::move(work), done};
    if (!state->offer(entry)) done(false);
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(bool)>(
      start, boost::asio::use_awaitable, state_.get(), std::move(job));
}

}  // namespace postern::net
