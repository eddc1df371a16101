#include "script/memo_cache.h"

#include <algorithm>
#include <array>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <openssl/rand.h>

#include "base/hmac.h"

namespace postern::script {

namespace asio = boost::asio;

namespace {

/// The computation that each call waits for, in the whole process: computations may wait for each
/// other.
struct Waits {
  std::mutex mutex;
  std::unordered_map<const Call*, std::shared_ptr<Flight>> of;
};

Waits& waits() {
  static Waits all;
  return all;
}

}  // namespace

bool Flight::begin_to_wait(const Call& call, const std::shared_ptr<Flight>& flight) {
  Waits& all = waits();
  const std::lock_guard lock(all.mutex);
  // Waiting calls never form a cycle, so this loop ends.
  for (const Flight* one = flight.get(); one->end() == nullptr;) {
    if (one->leader_ == &call) return false;
    const auto next = all.of.find(one->leader_);
    if (next == all.of.end()) break;
    one = next->second.get();
  }
  all.of[&call] = flight;
  return true;
}

void Flight::stop_waiting(const Call& call) {
  Waits& all = waits();
  const std::lock_guard lock(all.mutex);
  all.of.erase(&call);
}

void Flight::land(End end) {
  const std::lock_guard lock(mutex_);
  if (end_) return;
  end_ = std::move(end);
  for (auto& timer : waiting_) {
    asio::post(timer->get_executor(), [timer] { timer->cancel(); });
  }
  waiting_.clear();
}

const Flight::End* Flight::end() const {
  const std::lock_guard lock(mutex_);
  return end_ ? &*end_ : nullptr;
}

Task<void> Flight::wait(std::shared_ptr<Flight> flight, Clock::time_point deadline) {
  const auto timer =
      std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor, deadline);
  {
    const std::lock_guard lock(flight->mutex_);
    if (flight->end_) co_return;
    flight->waiting_.push_back(timer);
  }
  co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
}

Memos::Cache::Found Memos::Cache::find(const std::string& key, const Call& call) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(key);
  if (known != entries_.end() && known->second.until > Clock::now()) {
    recent_.splice(recent_.begin(), recent_, known->second.place);
    return {.value = known->second.value, .flight = nullptr};
  }
  std::shared_ptr<Flight>& flight = flights_[key];
  const bool leads = flight == nullptr;
  if (leads) flight = std::make_shared<Flight>(call);
  return {.value = std::nullopt, .flight = flight, .leads = leads};
}

void Memos::Cache::end(const std::string& key, const std::shared_ptr<Flight>& flight,
                       Flight::End end) {
  {
    const std::lock_guard lock(mutex_);
    const auto mine = flights_.find(key);
    if (mine == flights_.end() || mine->second != flight) return;
    flights_.erase(mine);
    if (end.value) keep(key, *end.value);
  }
  flight->land(std::move(end));
}

void Memos::Cache::keep(const std::string& key, const MemoValue& value) {
  const bool falsy = value.data.is_null() || (value.data.is_bool() && !value.data.get_bool());
  const bool nothing = value.of == nullptr && falsy;
  const auto until = Clock::now() + (nothing ? options_.negative_ttl : options_.ttl);
  if (const auto old = entries_.find(key); old != entries_.end()) {
    old->second.value = value;
    old->second.until = until;
    recent_.splice(recent_.begin(), recent_, old->second.place);
    return;
  }
  while (entries_.size() >= options_.capacity && !recent_.empty()) {
    entries_.erase(recent_.back());
    recent_.pop_back();
  }
  recent_.push_front(key);
  entries_.emplace(key, Entry{value, until, recent_.begin()});
}

std::shared_ptr<Memos::Cache> Memos::named(const std::string& name, const Options& options) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Cache>& cache = caches_[name];
  if (!cache || cache->options() != options) cache = std::make_shared<Cache>(options);
  return cache;
}

namespace {

/// JSON with sorted keys: Lua traverses equal tables in different orders.
void append_sorted(const json::value& value, std::string& out) {
  if (const json::array* array = value.if_array()) {
    out += '[';
    for (const json::value& element : *array) {
      append_sorted(element, out);
      out += ',';
    }
    out += ']';
  } else if (const json::object* object = value.if_object()) {
    std::vector<const json::key_value_pair*> pairs;
    for (const auto& pair : *object) pairs.push_back(&pair);
    std::ranges::sort(pairs, {}, [](const auto* pair) { return pair->key(); });
    out += '{';
    for (const auto* pair : pairs) {
      out += json::serialize(json::string(pair->key())) + ':';
      append_sorted(pair->value(), out);
      out += ',';
    }
    out += '}';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string memo_key(const json::value& arguments) {
  static const std::array<unsigned char, 32> secret = [] {
    std::array<unsigned char, 32> made{};
    RAND_bytes(made.data(), made.size());
    return made;
  }();
  std::string text;
  append_sorted(arguments, text);
  return hmac_sha256(std::string_view(reinterpret_cast<const char*>(secret.data()), secret.size()),
                     text);
}

}  // namespace postern::script
