#include "admin/follower.h"

#include "base/thread.h"
#include "telemetry/log.h"

namespace postern::admin {
namespace {

/// Changes that are read at a time.
constexpr std::size_t at_once = 500;

}  // namespace

Follower::Follower(std::uint64_t after, Hooks hooks, std::chrono::milliseconds pause)
    : hooks_(std::move(hooks)), pause_(pause), applied_(after) {
  thread_ = named_thread("follower", [this] { run(); });
}

Follower::~Follower() { stop(); }

void Follower::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::chrono::milliseconds Follower::behind() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               good_);
}

/// Applies what has come since the last time.
Result<void> Follower::step() {
  for (;;) {
    const auto began = std::chrono::steady_clock::now();
    const Result<std::vector<store::Change>> changes = hooks_.read(applied_, at_once);
    if (!changes) return tl::unexpected(changes.error());
    for (const store::Change& change : *changes) {
      if (Result<void> done = hooks_.apply(change); !done) return done;
      applied_ = change.number;
    }
    if (noted_ != applied_ && hooks_.applied && hooks_.applied(applied_)) noted_ = applied_;
    if (changes->size() < at_once) {
      const std::lock_guard lock(mutex_);
      good_ = began;
      return {};
    }
  }
}

void Follower::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const Result<void> done = step();
    lock.lock();
    if (done) {
      works_ = true;
    } else if (done.error().fault == Fault::not_found) {
      telemetry::log::error("cluster.changes_lost")
          .field("version", applied_.load())
          .field("error", done.error().message)
          .msg("the log of edits does not go on from here; the gateway reads everything anew");
      works_ = false;
      lock.unlock();
      hooks_.lost();
      return;
    } else {
      if (works_) {
        telemetry::log::warning("cluster.changes_wait")
            .field("version", applied_.load())
            .field("error", done.error().message)
            .msg("edits of other gateways cannot be followed now");
      }
      works_ = false;
    }
    if (!works_ || !hooks_.wait) {
      wake_.wait_for(lock, pause_, [this] { return stopping_; });
      continue;
    }
    lock.unlock();
    hooks_.wait(pause_);
    lock.lock();
  }
}

}  // namespace postern::admin
