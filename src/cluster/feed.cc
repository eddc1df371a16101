#include "cluster/feed.h"

#include "base/thread.h"

namespace postern::cluster {
namespace {

/// How often this gateway tells, and asks for what others told.
constexpr std::chrono::milliseconds interval{200};
/// Octets of items in one piece, before they are packed, and pieces read at a time.
constexpr std::uint64_t octets_a_piece = std::uint64_t{1} << 20;
constexpr std::int64_t pieces_at_once = 8;
/// Between two looks at the days; sooner after trouble.
constexpr std::chrono::minutes between_days{10};
constexpr std::chrono::seconds days_after_trouble{2};

// A piece has a number that rises within its feed and gateway: that of the clock, so that it rises
// on when a failover has lost the last ones. The row of the head is locked until the commit: who
// has read a number misses none below it. Days are dropped whole.
constexpr const char* first_feed_tables = R"sql(
DO $do$ BEGIN
CREATE TABLE feed_head (
  kind text NOT NULL,
  node text NOT NULL,
  n bigint NOT NULL,
  PRIMARY KEY (kind, node)
) WITH (fillfactor = 50);
CREATE TABLE feed (
  day date NOT NULL,
  kind text NOT NULL,
  node text NOT NULL,
  n bigint NOT NULL,
  octets bytea NOT NULL,
  PRIMARY KEY (kind, node, n, day)
) PARTITION BY RANGE (day);
ALTER TABLE feed ALTER octets SET STORAGE EXTERNAL;
-- Makes the next days, and drops those that are over, or too much. With the rights of the owner of
-- the tables, since gateways make none.
CREATE FUNCTION feed_days(keep bigint, most bigint) RETURNS void LANGUAGE plpgsql
  SECURITY DEFINER SET search_path FROM CURRENT AS $f$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  part text;
BEGIN
  PERFORM pg_advisory_xact_lock(7308);
  FOR later IN 0..2 LOOP
    part := 'feed_' || to_char(today + later, 'YYYYMMDD');
    IF to_regclass(part) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF feed FOR VALUES FROM (%L) TO (%L)', part,
                     today + later, today + later + 1);
    END IF;
  END LOOP;
  FOR part IN
    SELECT name FROM (
      SELECT c.relname::text AS name,
             sum(pg_total_relation_size(c.oid)) OVER (ORDER BY c.relname DESC) AS octets
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'feed'::regclass) AS days
      WHERE name < 'feed_' || to_char(today - keep::int, 'YYYYMMDD')
         OR (octets > most AND name < 'feed_' || to_char(today, 'YYYYMMDD'))
  LOOP
    EXECUTE format('DROP TABLE %I', part);
  END LOOP;
END $f$;
REVOKE EXECUTE ON FUNCTION feed_days(bigint, bigint) FROM PUBLIC;
END $do$
)sql";

// The function ran with the temporary schema of who calls it in front, where a table of the catalog
// can be made to be another.
constexpr const char* own_path = R"sql(
DO $do$ BEGIN
CREATE OR REPLACE FUNCTION feed_days(keep bigint, most bigint) RETURNS void LANGUAGE plpgsql
  SECURITY DEFINER AS $f$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  part text;
BEGIN
  IF keep < 1 THEN
    RAISE EXCEPTION 'a day at least is kept';
  END IF;
  PERFORM pg_advisory_xact_lock(7308);
  FOR later IN 0..2 LOOP
    part := 'feed_' || to_char(today + later, 'YYYYMMDD');
    IF to_regclass(part) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF feed FOR VALUES FROM (%L) TO (%L)', part,
                     today + later, today + later + 1);
    END IF;
  END LOOP;
  FOR part IN
    SELECT name FROM (
      SELECT c.relname::text AS name,
             sum(pg_total_relation_size(c.oid)) OVER (ORDER BY c.relname DESC) AS octets
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'feed'::regclass) AS days
      WHERE name < 'feed_' || to_char(today - keep::int, 'YYYYMMDD')
         OR (octets > most AND name < 'feed_' || to_char(today, 'YYYYMMDD'))
  LOOP
    EXECUTE format('DROP TABLE %I', part);
  END LOOP;
END $f$;
EXECUTE format('ALTER FUNCTION feed_days(bigint, bigint) SET search_path = %I, pg_temp',
               current_schema());
REVOKE EXECUTE ON FUNCTION feed_days(bigint, bigint) FROM PUBLIC;
END $do$
)sql";

constexpr const char* feed_versions[] = {first_feed_tables, own_path};
constexpr Schema feed_tables_schema{
    .name = "feed", .versions = feed_versions, .compatible_from = 1};

}  // namespace

const Schema& feed_schema() { return feed_tables_schema; }

bool FeedOutbox::put(std::string item) {
  const std::lock_guard lock(mutex_);
  if (waiting_ + item.size() > most_) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  waiting_ += item.size();
  items_.push_back(std::move(item));
  return true;
}

std::vector<std::string> FeedOutbox::take(std::uint64_t octets) {
  std::vector<std::string> taken;
  std::uint64_t sum = 0;
  const std::lock_guard lock(mutex_);
  while (!items_.empty() && (taken.empty() || sum + items_.front().size() <= octets)) {
    sum += items_.front().size();
    taken.push_back(std::move(items_.front()));
    items_.pop_front();
  }
  waiting_ -= sum;
  return taken;
}

Feed::Feed(Database& database, FeedOutbox& outbox, FeedOptions options)
    : outbox_(outbox), options_(std::move(options)), session_(database), taken_(options_.taken) {
  thread_ = named_thread("feed-" + options_.kind, [this] { run(); });
}

Feed::~Feed() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

/// Every gateway makes the days at its start; later the one that cleans does, before they are
/// needed.
void Feed::prepare() {
  const bool begins = prepare_at_ == Clock::time_point();
  if (Clock::now() < prepare_at_ || (!begins && !(options_.cleans && options_.cleans()))) return;
  const auto done = session_.ask(
      {.sql = "SELECT feed_days($1, $2)",
       .values = {net::pgsql::integer(options_.keep_days),
                  net::pgsql::integer(static_cast<std::int64_t>(options_.max_octets))}});
  prepare_at_ = done ? Clock::now() + between_days : Clock::time_point();
}

/// True: there was something, and there may be more.
bool Feed::tell() {
  if (untold_.empty()) {
    const std::vector<std::string> items = outbox_.take(octets_a_piece);
    if (items.empty()) return false;
    untold_ = options_.pack(items);
  }
  const auto told = session_.ask(
      {.sql = "WITH head AS (INSERT INTO feed_head AS h (kind, node, n) VALUES ($1, $2, "
              "(extract(epoch FROM clock_timestamp()) * 1000)::bigint) ON CONFLICT (kind, node) DO "
              "UPDATE SET n = greatest(h.n + 1, excluded.n) RETURNING n) "
              "INSERT INTO feed (day, kind, node, n, octets) "
              "SELECT (now() AT TIME ZONE 'UTC')::date, $1, $2, n, $3 FROM head",
       .values = {net::pgsql::text(options_.kind), net::pgsql::text(options_.node),
                  net::pgsql::bytes(untold_)}});
  if (!told) {
    prepare_at_ = Clock::time_point();  // there may be no such day
    return false;
  }
  untold_.clear();
  return true;
}

/// True: there was something, and there may be more.
bool Feed::hear() {
  std::vector<std::string> nodes;
  std::vector<std::int64_t> numbers;
  for (const auto& [node, number] : taken_) {
    nodes.push_back(node);
    numbers.push_back(number);
  }
  const auto rows = session_.ask(
      {.sql = "SELECT f.node, f.n, f.octets FROM feed_head h "
              "LEFT JOIN unnest($3::text[], $4::bigint[]) AS k (node, n) ON k.node = h.node "
              "CROSS JOIN LATERAL (SELECT node, n, octets FROM feed WHERE kind = $1 AND node = "
              "h.node AND n > coalesce(k.n, 0) ORDER BY n LIMIT $5) AS f "
              "WHERE h.kind = $1 AND h.node <> $2 AND h.n > coalesce(k.n, 0) ORDER BY f.node, f.n",
       .values = {net::pgsql::text(options_.kind), net::pgsql::text(options_.node),
                  net::pgsql::texts(nodes), net::pgsql::integers(numbers),
                  net::pgsql::integer(pieces_at_once)}});
  if (!rows) return false;
  std::string refused;
  bool more = false;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const std::string node = rows->text(row, 0);
    if (node == refused) continue;
    const std::int64_t number = rows->integer(row, 1);
    if (!options_.take(node, number, rows->text(row, 2))) {
      refused = node;
      continue;
    }
    taken_[node] = number;
    more = true;
  }
  return more;
}

void Feed::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    prepare();
    const bool told = tell();
    const bool heard = hear();
    const bool trouble = !untold_.empty();
    lock.lock();
    if (told || heard) continue;
    wake_.wait_for(lock, trouble ? std::chrono::milliseconds(days_after_trouble) : interval,
                   [this] { return stopping_; });
  }
  lock.unlock();
  prepare();
  while (tell()) {
  }
}

}  // namespace postern::cluster
