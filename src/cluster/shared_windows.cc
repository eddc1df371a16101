#include "cluster/shared_windows.h"

#include <algorithm>
#include <utility>

#include "base/thread.h"

namespace postern::cluster {
namespace {

/// Keys in one statement.
constexpr std::size_t draws_at_once = 500;
constexpr std::chrono::milliseconds between_looks{250};
constexpr std::chrono::milliseconds longest_unwatched{1000};

// `ends` is the window's end, the same on all gateways; `n` of `stock` events are drawn, `last` of
// them by the latest draw. What a crash loses may be admitted twice, so no commit here waits for
// the disk.
constexpr const char* first_limit_tables = R"sql(
DO $do$ BEGIN
CREATE TABLE window_count (
  kind text NOT NULL,
  key bytea NOT NULL,
  ends timestamptz NOT NULL,
  n bigint NOT NULL,
  last bigint NOT NULL,
  block bigint NOT NULL,
  stock bigint NOT NULL,
  PRIMARY KEY (kind, key)
) WITH (fillfactor = 50);
CREATE INDEX window_count_ends ON window_count (ends);
END $do$
)sql";

// Tries are counted from the first one of a window on. `was_full`: all that were allowed had been
// used since the window began, so others may know it.
constexpr const char* tries_table = R"sql(
DO $do$ BEGIN
CREATE TABLE try_count (
  kind text NOT NULL,
  key bytea NOT NULL,
  step bigint NOT NULL,
  most bigint NOT NULL,
  lockout bigint NOT NULL,
  last bigint NOT NULL,
  n bigint NOT NULL,
  ends timestamptz NOT NULL,
  was_full boolean NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (kind, key)
) WITH (fillfactor = 50);
CREATE INDEX try_count_full ON try_count (at) WHERE was_full;
CREATE INDEX try_count_ends ON try_count (ends);
END $do$
)sql";

// Its value seldom changes, so most draws touch no index.
constexpr const char* full_windows = R"sql(
DO $do$ BEGIN
ALTER TABLE window_count ADD is_full boolean NOT NULL GENERATED ALWAYS AS (n >= stock) STORED;
CREATE INDEX window_count_full ON window_count (kind, ends) WHERE is_full;
END $do$
)sql";

constexpr const char* limit_versions[] = {first_limit_tables, tries_table, full_windows};
constexpr Schema limit_tables_schema{
    .name = "limits", .versions = limit_versions, .compatible_from = 2};

}  // namespace

const Schema& limits_schema() { return limit_tables_schema; }

SharedWindows::SharedWindows(Database& database, SharedWindowsOptions options)
    : session_(database), options_(std::move(options)), late_("limits-late", options_.patience) {
  drawer_ = named_thread("limits", [this] { draw(); });
}

SharedWindows::~SharedWindows() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  drawer_.join();
}

SharedWindows::Counts SharedWindows::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool SharedWindows::used_up(const Limit& limit, std::string_view key) const {
  const WindowShares::Limit own{.kind = std::string(limit.kind),
                                .key = std::string(key),
                                .most = limit.most,
                                .window = limit.window.count()};
  const WindowShares::Time now = options_.now();
  const std::int64_t nodes = options_.nodes();
  const std::lock_guard lock(mutex_);
  return !away_ && shares_.used_up(own, now, nodes);
}

void SharedWindows::take(const Limit& limit, std::string_view key,
                         std::function<void(Answer)> done) {
  if (limit.most == 0) return done(std::nullopt);
  const WindowShares::Limit own{.kind = std::string(limit.kind),
                                .key = std::string(key),
                                .most = limit.most,
                                .window = limit.window.count()};
  const WindowShares::Time now = options_.now();
  const WindowShares::Time ends = WindowShares::end_of(own, now);
  const Answer beyond = static_cast<std::uint64_t>(std::max<std::int64_t>(1, (ends - now) / 1000));
  std::unique_lock lock(mutex_);
  const auto verdict = shares_.take(own, now, options_.nodes(), away_ || stopping_);
  std::shared_ptr<Waiter> waiter;
  if (verdict == WindowShares::Verdict::wait) {
    waiter = std::make_shared<Waiter>(
        Waiter{{.done = std::move(done), .beyond = beyond},
               {.kind = own.kind, .key = own.key, .ends = ends, .waiting = 1}});
    waiting_[name_of(own.kind, own.key)].push_back(waiter);
  }
  const bool wants = shares_.wants();
  lock.unlock();
  if (wants) wake_.notify_one();
  if (waiter) return late_.add([this, waiter] { answer_alone(*waiter); });
  done(verdict == WindowShares::Verdict::yes ? std::nullopt : beyond);
}

/// By this gateway's share, unless it has its answer.
void SharedWindows::answer_alone(Waiter& waiter) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    if (waiter.done) {
      ++counts_.late;
      answer(waiter, shares_.failed(waiter.alone) > 0, calls);
    }
  }
  for (auto& [done, said] : calls) done(said);
}

/// Deletes windows that are over, a piece at a time.
void SharedWindows::clean() {
  if (!options_.cleans || Clock::now() < clean_at_ || !options_.cleans()) return;
  clean_at_ = Clock::now() + between_cleanings;
  static_cast<void>(
      session_.ask({.sql = "DELETE FROM window_count WHERE (kind, key) IN (SELECT kind, key FROM "
                           "window_count WHERE ends < now() - interval '1 minute' LIMIT 10000)",
                    .values = {}}));
}

/// Asks which windows others have used up; one gateway knows its own. False: there is no answer.
/// Draws, of which others may follow, go first.
bool SharedWindows::watch(bool draws) {
  const auto due = watch_at_ + (draws ? longest_unwatched - between_looks : Clock::duration(0));
  if (options_.watched.empty() || Clock::now() < due) return true;
  watch_at_ = Clock::now() + between_looks;
  Result<net::PgsqlRows> rows = net::PgsqlRows();
  if (options_.nodes() > 1) rows = session_.ask(full_statement(options_.watched));
  std::vector<WindowShares::Full> full;
  if (rows) full = full_in(*rows);
  const std::lock_guard lock(mutex_);
  shares_.know(std::move(full));
  return rows.has_value();
}

void SharedWindows::draw() {
  std::unique_lock lock(mutex_);
  const auto longest =
      options_.watched.empty() ? std::chrono::milliseconds(between_cleanings) : between_looks;
  for (;;) {
    wake_.wait_for(lock, longest, [this] { return stopping_ || shares_.wants(); });
    if (stopping_) return;
    const std::vector<WindowShares::Draw> draws = shares_.due(draws_at_once);
    std::vector<Waiters> asked;
    for (const WindowShares::Draw& one : draws) {
      Waiters own;
      const auto found = waiting_.find(name_of(one.kind, one.key));
      for (std::int64_t i = 0; i < one.waiting && found != waiting_.end(); ++i) {
        own.push_back(std::move(found->second.front()));
        found->second.pop_front();
      }
      if (found != waiting_.end() && found->second.empty()) waiting_.erase(found);
      asked.push_back(std::move(own));
    }
    if (!draws.empty()) ++counts_.statements;
    lock.unlock();
    Result<net::PgsqlRows> rows = net::PgsqlRows();
    if (!draws.empty()) rows = session_.ask(draw_statement(draws));
    lock.lock();
    if (!draws.empty()) away_ = !rows;
    std::unordered_map<std::string, std::int64_t> grants;
    for (std::size_t row = 0; rows && row < rows->size(); ++row) {
      grants[name_of(rows->octets(row, 0), rows->octets(row, 1))] = rows->integer(row, 2);
    }
    const bool was_away = away_;
    Calls calls;
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const auto found = grants.find(name_of(draws[i].kind, draws[i].key));
      std::int64_t granted = found != grants.end() ? found->second : 0;
      (!rows ? counts_.failed : granted > 0 ? counts_.granted : counts_.empty) += 1;
      if (rows) {
        shares_.drawn(draws[i], granted);
      } else {
        granted = shares_.failed(draws[i]);
      }
      for (const auto& waiter : asked[i]) answer(*waiter, granted-- > 0, calls);
    }
    lock.unlock();
    for (auto& [done, said] : calls) done(said);
    bool answers = rows.has_value();
    if (answers && !was_away) {
      clean();
      answers = watch(!draws.empty());
    }
    lock.lock();
    if (!answers) away_ = true;
    if (away_) wake_.wait_for(lock, counts_after_trouble, [this] { return stopping_; });
  }
}

}  // namespace postern::cluster
