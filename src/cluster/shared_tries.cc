#include "cluster/shared_tries.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/thread.h"

namespace postern::cluster {
namespace {

namespace pg = net::pgsql;

/// Keys in one statement, and in memory.
constexpr std::size_t keys_at_once = 500;
constexpr std::size_t most_keys = 100'000;

std::uint64_t seconds_until(Clock::time_point end) {
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(end - Clock::now());
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, left.count())) + 1;
}

}  // namespace

SharedTries::SharedTries(Database& database, SharedTriesOptions options)
    : session_(database), options_(std::move(options)), late_("tries-late", options_.patience) {
  asker_ = named_thread("tries", [this] { run(); });
}

SharedTries::~SharedTries() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  asker_.join();
}

void SharedTries::sweep() {
  const auto now = Clock::now();
  std::int64_t floor = 0;
  const auto is_idle = [&](const auto& one) {
    const State& state = one.second;
    if (state.queued) return false;
    return (state.ends <= now && state.own_ends <= now) ||
           std::max(state.counted, state.own) <= floor;
  };
  std::erase_if(states_, is_idle);
  // Those that have counted least lose least.
  for (floor = 1; states_.size() > most_keys / 4 * 3 && floor < 1'000'000; floor *= 2) {
    std::erase_if(states_, is_idle);
  }
}

SharedTries::State& SharedTries::state_of(const Limit& limit, std::string_view key) {
  std::string name = name_of(limit.kind, key);
  auto found = states_.find(name);
  if (found == states_.end()) {
    if (states_.size() >= most_keys) sweep();
    found = states_.emplace(std::move(name), State()).first;
    found->second.kind = limit.kind;
    found->second.key = key;
  }
  State& state = found->second;
  state.most = static_cast<std::int64_t>(limit.most);
  state.window = limit.window;
  state.lockout = limit.lockout;
  const auto now = Clock::now();
  if (state.ends <= now) state.counted = 0;
  if (state.own_ends <= now) state.own = 0;
  return state;
}

/// While the database is away, a gateway's share closes a key too.
SharedCounts::Answer SharedTries::closed(const State& state) const {
  const auto now = Clock::now();
  if (state.ends > now && state.counted >= state.most) return seconds_until(state.ends);
  const bool alone =
      away_ && state.own_ends > now && state.own >= share_of(state.most, options_.nodes());
  return alone ? Answer(seconds_until(state.own_ends)) : std::nullopt;
}

SharedCounts::Answer SharedTries::closed(const Limit& limit, std::string_view key) {
  if (limit.most == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(name_of(limit.kind, key));
  return found == states_.end() ? std::nullopt : closed(state_of(limit, key));
}

/// Counts a try as this gateway's own. False: it is beyond its share of the limit.
bool SharedTries::allow_alone(State& state) {
  const std::int64_t share = share_of(state.most, options_.nodes());
  if (state.own == 0) state.own_ends = Clock::now() + state.window;
  ++state.own;
  if (state.own == share && state.lockout.count() > 0) {
    state.own_ends = Clock::now() + state.lockout;
  }
  return state.own <= share;
}

void SharedTries::queue(const std::string& name, State& state) {
  if (state.queued) return;
  state.queued = true;
  asking_.push_back(name);
}

void SharedTries::count(const Limit& limit, std::string_view key,
                        std::function<void(Answer)> done) {
  if (limit.most == 0) return done(std::nullopt);
  std::unique_lock lock(mutex_);
  State& state = state_of(limit, key);
  if (const Answer wait = closed(state)) {
    lock.unlock();
    return done(wait);
  }
  const bool alone = allow_alone(state);
  if (away_ || stopping_) {
    const Answer said = alone ? std::nullopt : Answer(seconds_until(state.own_ends));
    lock.unlock();
    return done(said);
  }
  const auto waiter = std::make_shared<Waiter>(Waiter{
      {.done = std::move(done), .beyond = seconds_until(Clock::now() + limit.window)}, alone});
  state.waiting.push_back(waiter);
  queue(name_of(limit.kind, key), state);
  lock.unlock();
  wake_.notify_one();
  late_.add([this, waiter] {
    Calls calls;
    {
      const std::lock_guard own(mutex_);
      answer(*waiter, waiter->alone, calls);
    }
    for (auto& [call, said] : calls) call(said);
  });
}

void SharedTries::take_back(const Limit& limit, std::string_view key) {
  if (limit.most == 0) return;
  {
    const std::lock_guard lock(mutex_);
    State& state = state_of(limit, key);
    if (state.own > 0) --state.own;
    if (away_) return;
    ++state.back;
    queue(name_of(limit.kind, key), state);
  }
  wake_.notify_one();
}

/// What is asked next. What is taken back of a key goes before new tries of it.
std::vector<SharedTries::Question> SharedTries::due() {
  std::vector<Question> questions;
  for (std::size_t left = asking_.size(); left > 0 && questions.size() < keys_at_once; --left) {
    const std::string name = std::move(asking_.front());
    asking_.pop_front();
    const auto found = states_.find(name);
    if (found == states_.end()) continue;
    State& state = found->second;
    state.queued = false;
    Question question{.name = name, .limit = state};
    if (state.back > 0) {
      question.limit.waiting.clear();
      question.step = -std::exchange(state.back, 0);
      if (!state.waiting.empty()) queue(name, state);
    } else {
      question.step = static_cast<std::int64_t>(state.waiting.size());
      state.waiting.clear();
    }
    if (question.step != 0) questions.push_back(std::move(question));
  }
  // Two gateways that ask about the same keys do not wait for each other.
  std::sort(questions.begin(), questions.end(),
            [](const Question& a, const Question& b) { return a.name < b.name; });
  return questions;
}

Result<net::PgsqlRows> SharedTries::ask(const std::vector<Question>& questions) {
  std::vector<std::string> kinds;
  std::vector<std::string_view> keys;
  std::vector<std::int64_t> steps, mosts, windows, lockouts;
  for (const Question& one : questions) {
    kinds.push_back(one.limit.kind);
    keys.push_back(one.limit.key);
    steps.push_back(one.step);
    mosts.push_back(one.limit.most);
    windows.push_back(one.limit.window.count());
    lockouts.push_back(one.limit.lockout.count());
  }
  // `last` of the tries are allowed. `was_full`: others may hold this key for closed.
  return session_.ask(
      {.sql = "INSERT INTO try_count AS t (kind, key, step, most, lockout, last, n, ends, "
              "was_full, at) SELECT kind, key, step, most, lockout, first, first, now() + CASE "
              "WHEN first >= most AND lockout > 0 THEN lockout ELSE length END * interval '1 ms', "
              "first >= most, now() FROM (SELECT *, greatest(0, least(step, most)) AS first FROM "
              "unnest($1, $2, $3, $4, $5, $6) AS u(kind, key, step, most, length, lockout)) AS d "
              "ON CONFLICT (kind, key) DO UPDATE SET step = excluded.step, most = excluded.most, "
              "lockout = excluded.lockout, at = now(), "
              "last = CASE WHEN t.ends <= now() THEN excluded.last ELSE greatest(0, "
              "least(excluded.step, excluded.most - t.n)) END, "
              "n = CASE WHEN t.ends <= now() THEN excluded.n WHEN excluded.step < 0 THEN "
              "greatest(0, t.n + excluded.step) ELSE greatest(t.n, least(t.n + excluded.step, "
              "excluded.most)) END, "
              "ends = CASE WHEN t.ends <= now() THEN excluded.ends WHEN excluded.lockout > 0 AND "
              "t.n < excluded.most AND t.n + excluded.step >= excluded.most THEN now() + "
              "excluded.lockout * interval '1 ms' ELSE t.ends END, "
              "was_full = CASE WHEN t.ends <= now() THEN excluded.was_full ELSE t.was_full OR t.n "
              "+ excluded.step >= excluded.most END "
              "RETURNING kind, key, n, (extract(epoch FROM ends - now()) * 1000)::bigint, last",
       .values = {pg::texts(kinds), pg::blobs(keys), pg::integers(steps), pg::integers(mosts),
                  pg::integers(windows), pg::integers(lockouts)}});
}

/// Takes over what the database says of a key.
void SharedTries::note(const net::PgsqlRows& rows, std::size_t row) {
  const std::string_view kind = rows.octets(row, 0);
  const std::string_view key = rows.octets(row, 1);
  std::string name = name_of(kind, key);
  if (states_.size() >= most_keys) sweep();
  State& state = states_[std::move(name)];
  state.kind = kind;
  state.key = key;
  state.counted = rows.integer(row, 2);
  state.ends = Clock::now() + std::chrono::milliseconds(rows.integer(row, 3));
}

/// Asks which keys were closed, or opened again, since the last time.
void SharedTries::look() {
  if (Clock::now() < look_at_) return;
  look_at_ = Clock::now() + options_.look;
  // A commit may come three seconds after its `at`. What is read twice does no harm.
  auto rows = session_.ask(
      {.sql = "SELECT kind, key, n, (extract(epoch FROM ends - now()) * 1000)::bigint, "
              "(extract(epoch FROM now()) * 1000)::bigint FROM try_count WHERE was_full AND at > "
              "to_timestamp($1::bigint / 1000.0) - interval '3 s' AND ends > now() ORDER BY at "
              "DESC LIMIT 10000",
       .values = {pg::integer(looked_)}});
  const std::lock_guard lock(mutex_);
  away_ = !rows;
  for (std::size_t row = 0; rows && row < rows->size(); ++row) {
    note(*rows, row);
    looked_ = rows->integer(row, 4);
  }
}

/// Deletes windows that are over, a piece at a time.
void SharedTries::clean() {
  if (!options_.cleans || Clock::now() < clean_at_ || !options_.cleans()) return;
  clean_at_ = Clock::now() + between_cleanings;
  static_cast<void>(
      session_.ask({.sql = "DELETE FROM try_count WHERE (kind, key) IN (SELECT kind, key FROM "
                           "try_count WHERE ends < now() - interval '1 minute' LIMIT 10000)",
                    .values = {}}));
}

void SharedTries::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_until(lock, look_at_, [this] { return stopping_ || !asking_.empty(); });
    if (stopping_) break;
    std::vector<Question> questions = due();
    lock.unlock();
    Result<net::PgsqlRows> rows = net::PgsqlRows();
    if (!questions.empty()) rows = ask(questions);
    lock.lock();
    if (!rows) away_ = true;
    std::unordered_map<std::string, std::int64_t> allowed;
    for (std::size_t row = 0; rows && row < rows->size(); ++row) {
      note(*rows, row);
      allowed[name_of(rows->octets(row, 0), rows->octets(row, 1))] = rows->integer(row, 4);
    }
    Calls calls;
    for (const Question& one : questions) {
      std::int64_t left = rows ? allowed[one.name] : 0;
      const auto found = states_.find(one.name);
      for (const auto& waiter : one.limit.waiting) {
        if (rows && found != states_.end()) waiter->beyond = seconds_until(found->second.ends);
        answer(*waiter, rows ? left-- > 0 : waiter->alone, calls);
      }
    }
    lock.unlock();
    for (auto& [done, said] : calls) done(said);
    if (rows) {
      look();
      clean();
    }
    lock.lock();
    if (away_) {
      look_at_ = Clock::now() + counts_after_trouble;
      wake_.wait_for(lock, counts_after_trouble, [this] { return stopping_; });
      look_at_ = Clock::now();
    }
  }
  Calls calls;
  for (auto& [name, state] : states_) {
    for (const auto& waiter : state.waiting) answer(*waiter, waiter->alone, calls);
  }
  lock.unlock();
  for (auto& [done, said] : calls) done(said);
}

}  // namespace postern::cluster
