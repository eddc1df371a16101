#include "relay/idle_connections.h"

#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

namespace postern::relay {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds longest_life{300};

Task<void> say_quit(std::unique_ptr<Connection> connection) { co_await connection->quit(); }

}  // namespace

struct IdleConnections::State : std::enable_shared_from_this<State> {
  struct Entry {
    OpenConnection open;
    Clock::time_point since;
  };

  void end(OpenConnection open) {
    asio::co_spawn(timer->get_executor(), say_quit(std::move(open.connection)), asio::detached);
  }
  /// Sends QUIT on the connections that have been idle since `until`.
  void sweep(Clock::time_point until);
  void arm(Clock::time_point at);

  std::chrono::milliseconds limit{};
  std::size_t most = 0;
  std::size_t size = 0;
  std::unordered_map<std::string, std::vector<Entry>> entries;  ///< none empty; oldest first
  std::optional<asio::steady_timer> timer;
  bool armed = false;
};

void IdleConnections::State::sweep(Clock::time_point until) {
  for (auto at = entries.begin(); at != entries.end();) {
    std::vector<Entry>& waiting = at->second;
    std::size_t gone = 0;
    while (gone < waiting.size() && waiting[gone].since <= until)
      end(std::move(waiting[gone++].open));
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(gone));
    size -= gone;
    at = waiting.empty() ? entries.erase(at) : std::next(at);
  }
}

void IdleConnections::State::arm(Clock::time_point at) {
  armed = true;
  timer->expires_at(at);
  timer->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto state = weak.lock();
    if (error || state == nullptr) return;
    state->armed = false;
    state->sweep(Clock::now() - state->limit);
    // Newer ones remain; closing them late by a quarter of the limit is acceptable.
    if (state->size > 0) state->arm(Clock::now() + state->limit / 4);
  });
}

IdleConnections::IdleConnections(std::chrono::milliseconds limit, std::size_t most)
    : state_(std::make_shared<State>()) {
  state_->limit = limit;
  state_->most = most;
}

IdleConnections::~IdleConnections() {
  if (state_->timer) state_->timer->cancel();
}

bool IdleConnections::has(const std::string& key) const { return state_->entries.contains(key); }

OpenConnection IdleConnections::take(const std::string& key) {
  State& s = *state_;
  const auto at = s.entries.find(key);
  if (at == s.entries.end()) return {};
  std::vector<State::Entry>& waiting = at->second;
  OpenConnection found;
  while (!waiting.empty() && found.connection == nullptr) {
    OpenConnection open = std::move(waiting.back().open);
    waiting.pop_back();
    --s.size;
    // A host that sends unasked is about to close the connection, or has closed it.
    const bool old = Clock::now() - open.opened >= longest_life;
    if (open.connection->is_quiet() && !old) {
      found = std::move(open);
    } else {
      s.end(std::move(open));
    }
  }
  if (waiting.empty()) s.entries.erase(at);
  return found;
}

void IdleConnections::put(const std::string& key, OpenConnection open,
                          const asio::any_io_executor& executor) {
  State& s = *state_;
  if (!s.timer) s.timer.emplace(executor);
  if (s.size >= s.most || Clock::now() - open.opened >= longest_life) return s.end(std::move(open));
  s.entries[key].push_back({std::move(open), Clock::now()});
  ++s.size;
  if (!s.armed) s.arm(Clock::now() + s.limit);
}

void IdleConnections::close() {
  if (!state_->timer) return;
  state_->timer->cancel();
  state_->armed = false;
  state_->sweep(Clock::time_point::max());
}

std::size_t IdleConnections::size() const { return state_->size; }

}  // namespace postern::relay
