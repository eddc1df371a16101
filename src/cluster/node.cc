#include "cluster/node.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <sodium.h>

#include "base/thread.h"

namespace postern::cluster {
namespace {

namespace pg = net::pgsql;
using net::PgsqlEnd;
using net::PgsqlRows;
using net::PgsqlStatement;

/// Numbers that are reserved at a time; what a crash leaves unused is lost.
constexpr std::int64_t block = 1'000'000;
/// Parts that are given up at a time.
constexpr std::size_t give_at_once = 8;
/// Smaller differences of two clocks are noise of the measurement.
constexpr std::chrono::milliseconds least_offset{100};

/// Time that also runs while the machine sleeps: a lease must not survive a suspension.
std::chrono::nanoseconds boot_time() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// The database was away, if nobody was heard of for long.
PgsqlStatement back_again() {
  return {
      .sql = fmt::format(
          "UPDATE cluster SET back_since = now() FROM (SELECT max(seen) AS last FROM node WHERE "
          "NOT ended AND NOT replaced) AS heard WHERE last < now() - interval '{} s' AND "
          "back_since <= last",
          away_after.count()),
      .values = {}};
}

}  // namespace

Node::Node(Database& database, NodeOptions options)
    : database_(database), options_(std::move(options)), boot_(16, '\0') {
  randombytes_buf(boot_.data(), boot_.size());
}

Node::~Node() { leave(); }

Result<std::unique_ptr<Node>> Node::join(Database& database, NodeOptions options) {
  std::unique_ptr<Node> node(new Node(database, std::move(options)));
  if (Result<void> known = node->remember(); !known) return tl::unexpected(known.error());
  database.ask_first(
      [self = node.get()](net::PgsqlSession& session) { return self->witness(session); });
  if (Result<void> joined = node->join(); !joined) return tl::unexpected(joined.error());
  node->thread_ = named_thread("cluster-node", [self = node.get()] { self->run(); });
  return node;
}

bool Patience::rest() const {
  constexpr std::chrono::milliseconds between_tries{500};
  if (sleeps) return sleeps(between_tries);
  std::this_thread::sleep_for(between_tries);
  return true;
}

Result<std::unique_ptr<Node>> Node::join_in_turn(Database& database, const NodeOptions& options,
                                                 const Patience& patience) {
  const auto end = Clock::now() + patience.limit;
  for (bool told = false;;) {
    auto node = join(database, options);
    if (node) return node;
    // A session may break, or a commit hang, while the database fails over.
    const bool is_away = node.error().fault == Fault::unreachable;
    if (node.error().fault != Fault::conflict && !is_away) return node;
    if (!told && patience.waits) patience.waits(node.error().message);
    told = true;
    if (Clock::now() < end && patience.rest()) continue;
    return is_away ? std::move(node) : fail(Fault::temporary, node.error().message);
  }
}

/// Takes over what the database promised to this node's process before.
Result<void> Node::remember() {
  promised_.node = options_.name;
  promised_.place = place_of(options_.lock_file);
  if (options_.promised_file.empty()) return {};
  Result<std::optional<Promised>> known = read_promised(options_.promised_file);
  if (!known) return tl::unexpected(known.error());
  if (!*known) return {};
  database_.expect((*known)->epoch);
  promised_.home = (*known)->home;
  if ((*known)->node != options_.name) return {};
  const Place place = promised_.place;
  promised_ = **known;
  // A copy of the directory names a process that may live.
  if (place.is_same_as(promised_.place)) before_ = promised_.boot;
  promised_.place = place;
  return {};
}

/// Timelines prove nothing: two histories can have one number. Each commit of a heartbeat and of
/// messages raises a number, so a database that has a lower one lacks something that it promised.
Result<void> Node::witness(net::PgsqlSession& session) {
  // What was acknowledged before it is asked. Other threads are told of more meanwhile, which the
  // answer need not have.
  std::vector<std::int64_t> parts;
  std::unique_lock lock(mutex_);
  const Promised promised = promised_;
  const std::map<int, Owned> before = owned_;
  lock.unlock();
  for (const auto& [number, owned] : before) parts.push_back(number);
  const std::vector<PgsqlStatement> ask = {
      what_it_has(options_.name),
      {.sql = "SELECT shard, epoch, puts FROM shard WHERE shard = ANY($1::bigint[])",
       .values = {pg::integers(parts)}}};
  const auto said = session.run(std::span<const PgsqlStatement>(ask), Clock::now() + answer_limit);
  if (!said) return fail(Fault::unreachable, "PostgreSQL: " + said.error().message);
  const Promised has = had((*said)[0], options_.name);
  const Result<std::string> beats = missing(promised, has);
  if (!beats) return tl::unexpected(beats.error());
  lock.lock();
  // Another thread has accepted a loss meanwhile: what this one compares with is of before.
  if (promised_.losses != promised.losses) {
    return fail(Fault::unreachable, "PostgreSQL: what was promised has changed meanwhile");
  }
  promised_.home = has.home;
  const bool is_accepted = has.losses > promised_.losses;
  if (is_accepted) {
    promised_.beat = has.beat;
    promised_.losses = has.losses;
    owned_.clear();
  }
  std::string less = *beats;
  for (std::size_t row = 0; row < (*said)[1].size() && less.empty() && !is_accepted; ++row) {
    const auto at = before.find(static_cast<int>((*said)[1].integer(row, 0)));
    if (at == before.end()) continue;
    const Owned& owned = at->second;
    const std::int64_t epoch = (*said)[1].integer(row, 1);
    if (epoch < owned.part.epoch ||
        (epoch == owned.part.epoch && (*said)[1].integer(row, 2) < owned.puts)) {
      less = fmt::format("messages of part {} that it acknowledged are not there", at->first);
    }
  }
  const bool changes = less.empty() != rolled_back_.empty();
  rolled_back_ = less;
  lock.unlock();
  if (changes && options_.rolled_back) options_.rolled_back(less);
  if (less.empty()) return {};
  return fail(Fault::denied, "the primary of the cluster is an older copy: " + less +
                                 "; see `postern cluster accept-loss --help`");
}

Result<void> Node::have_session() {
  if (session_ && session_->usable()) return {};
  auto session = database_.connect();
  if (!session) return tl::unexpected(session.error());
  session_ = std::move(*session);
  return {};
}

/// Commits on this node's session. What ends unknown is repeated by the next heartbeat: each of its
/// transactions may run twice.
Result<std::vector<PgsqlRows>> Node::commit(std::vector<PgsqlStatement> statements) {
  if (Result<void> there = have_session(); !there) return tl::unexpected(there.error());
  net::PgsqlOutcome outcome =
      session_->transact(std::move(statements), Clock::now() + answer_limit);
  if (outcome.end == PgsqlEnd::committed) return std::move(outcome.rows);
  return fail(Fault::unreachable, "PostgreSQL: " + outcome.failure.message);
}

Result<void> Node::join() {
  // A process of this name that lives elsewhere keeps it: two would take it from each other for
  // ever. The process of before in this place is over: the directory has a lock.
  const auto done = commit(
      {back_again(),
       {.sql = std::string("UPDATE node SET replaced = true WHERE name = $1 AND NOT replaced AND "
                           "(boot = $2 OR NOT (") +
               live_node() + "))",
        .values = {pg::text(options_.name),
                   pg::uuid(before_.empty() ? std::string(16, '\0') : before_)}},
       {.sql = "DELETE FROM node AS old WHERE name = $1 AND seen < now() - interval '1 day' AND "
               "boot NOT IN (SELECT boot FROM shard WHERE boot IS NOT NULL) AND EXISTS (SELECT 1 "
               "FROM node WHERE name = $1 AND beat > old.beat)",
        .values = {pg::text(options_.name)}},
       {.sql =
            "INSERT INTO node (boot, name, version, schemas, started, seen, beat) SELECT $1, $2, "
            "$3, $4, now(), now(), 1 + coalesce(max(beat), 0) FROM node WHERE name = $2 HAVING "
            "NOT coalesce(bool_or(NOT replaced AND boot <> $1), false) RETURNING beat",
        .values = {pg::uuid(boot_), pg::text(options_.name), pg::text(options_.version),
                   pg::text(options_.schemas)}}});
  if (!done) return tl::unexpected(done.error());
  if (done->back().size() == 0) {
    return fail(Fault::conflict,
                "another gateway that lives has this name in the cluster: " + options_.name);
  }
  if (Result<void> beaten = beat(); !beaten) return beaten;
  return share_out();
}

void Node::run() {
  std::unique_lock lock(mutex_);
  auto pause = options_.heartbeat;
  std::optional<Clock::time_point> ends_at;
  while (!stopping_) {
    wake_.wait_for(lock, pause, [this] { return stopping_; });
    if (stopping_) break;
    lock.unlock();
    Result<void> done = beat();
    if (done) done = share_out();
    if (done) done = reserve();
    const bool is_away = !done && done.error().fault == Fault::unreachable;
    if (options_.beaten && (done || is_away)) options_.beaten(done ? nullptr : &done.error());
    pause = done ? options_.heartbeat : options_.after_trouble;
    lock.lock();
    if (is_draining_ && !ends_at) ends_at = Clock::now() + options_.notice;
    const bool ends = is_replaced_ || (ends_at && Clock::now() >= *ends_at);
    if (ends_at && !ends) {
      pause =
          std::min(pause, std::chrono::ceil<std::chrono::milliseconds>(*ends_at - Clock::now()));
    }
    if (!ends) continue;
    // It goes on until leave(): work in progress needs the parts.
    ends_at = Clock::time_point::max();
    const bool is_replaced = is_replaced_;
    lock.unlock();
    if (options_.ends) options_.ends(is_replaced);
    lock.lock();
    if (is_replaced) break;
  }
}

Result<void> Node::beat() {
  const auto sent = boot_time();
  const auto before = std::chrono::system_clock::now();
  const auto rows = commit(
      {back_again(),
       {.sql = "UPDATE node SET seen = now(), beat = beat + 1 WHERE boot = $1 AND NOT replaced "
               "RETURNING beat, clock_timestamp(), draining",
        .values = {pg::uuid(boot_)}}});
  if (!rows) return tl::unexpected(rows.error());
  const auto after = std::chrono::system_clock::now();
  std::unique_lock lock(mutex_);
  if ((*rows)[1].size() == 0) {
    is_replaced_ = true;
    owned_.clear();
    return fail(Fault::conflict, "another process has the name of this node: " + options_.name);
  }
  heard_ = sent;
  is_draining_ = (*rows)[1].boolean(0, 2);
  promised_.epoch = database_.epoch();
  promised_.boot = boot_;
  promised_.beat = (*rows)[1].integer(0, 0);
  const auto measured = std::chrono::duration_cast<std::chrono::milliseconds>(
      (*rows)[1].time(0, 1) - (before + (after - before) / 2));
  offset_ =
      measured > -least_offset && measured < least_offset ? std::chrono::milliseconds(0) : measured;
  const Promised promised = promised_;
  lock.unlock();
  if (options_.promised_file.empty()) return {};
  return write_promised(options_.promised_file, promised);
}

/// Takes free parts up to this node's share, or gives up what is above it.
Result<void> Node::share_out() {
  if (Result<void> there = have_session(); !there) return there;
  const std::vector<PgsqlStatement> ask = {
      {.sql = std::string("SELECT count(*), count(*) FILTER (WHERE draining), coalesce((array_agg("
                          "boot ORDER BY draining, started, boot))[1] = $1, false), (SELECT "
                          "count(*) FROM (") +
              known_nodes() + ") AS known WHERE NOT lives AND NOT ended) FROM node WHERE " +
              live_node(),
       .values = {pg::uuid(boot_)}},
      {.sql = std::string("SELECT shard, boot = $1 FROM shard WHERE shard BETWEEN 0 AND $2 AND "
                          "(boot = $1 OR boot IS NULL OR NOT EXISTS (SELECT 1 FROM node WHERE "
                          "node.boot = shard.boot AND ") +
              live_node() + ")) ORDER BY shard",
       .values = {pg::uuid(boot_), pg::integer(part_count - 1)}}};
  const auto said =
      session_->run(std::span<const PgsqlStatement>(ask), Clock::now() + answer_limit);
  if (!said) return fail(Fault::unreachable, "PostgreSQL: " + said.error().message);
  const auto nodes = std::max<std::int64_t>(1, (*said)[0].integer(0, 0));
  {
    const std::lock_guard guard(mutex_);
    counts_.nodes = nodes;
    counts_.draining = (*said)[0].integer(0, 1);
    leads_ = (*said)[0].boolean(0, 2);
    counts_.gone = (*said)[0].integer(0, 3);
  }
  const auto share = static_cast<std::size_t>((part_count + nodes - 1) / nodes);
  std::vector<std::int64_t> mine;
  std::vector<std::int64_t> free;
  for (std::size_t row = 0; row < (*said)[1].size(); ++row) {
    ((*said)[1].boolean(row, 1) ? mine : free).push_back((*said)[1].integer(row, 0));
  }
  // A take whose end was unknown left parts that this node does not know of; while it was silent,
  // others took some.
  if (std::vector<std::int64_t> unknown = keep_only(mine); !unknown.empty()) {
    return take(std::move(unknown));
  }
  if (mine.size() < share && !free.empty()) {
    free.resize(std::min(free.size(), share - mine.size()));
    return take(std::move(free));
  }
  if (mine.size() <= share) return {};
  mine.erase(mine.begin(),
             mine.end() - static_cast<std::ptrdiff_t>(std::min(mine.size() - share, give_at_once)));
  return give(std::move(mine));
}

void Node::tell(std::string_view how, const std::string& owner, std::size_t count) const {
  if (count > 0 && options_.moved) options_.moved(how, owner, count);
}

/// Forgets parts that are not among these; returns those of them that it does not know, or that
/// are in doubt.
std::vector<std::int64_t> Node::keep_only(const std::vector<std::int64_t>& parts) {
  std::unique_lock lock(mutex_);
  const std::size_t lost = std::erase_if(owned_, [&](const auto& one) {
    return !std::binary_search(parts.begin(), parts.end(), one.first);
  });
  counts_.lost += lost;
  std::vector<std::int64_t> unknown;
  for (const std::int64_t part : parts) {
    const auto at = owned_.find(static_cast<int>(part));
    if (at == owned_.end() || at->second.in_doubt) unknown.push_back(part);
  }
  lock.unlock();
  tell("lost", "", lost);
  return unknown;
}

/// The exclusive lock excludes a put of the former owner that is under way, so that what it stored
/// is there when this node reads the part. A part whose lock is taken is left for the next
/// heartbeat: a put ends, or the server ends its session.
Result<void> Node::take(std::vector<std::int64_t> parts) {
  const auto rows = commit(
      {{.sql =
            std::string(
                "WITH free AS MATERIALIZED (SELECT n, (SELECT owner FROM shard AS s WHERE "
                "s.shard = n) AS was FROM unnest($1::bigint[]) AS n WHERE "
                "pg_try_advisory_xact_lock(7305, n::int)) UPDATE shard SET owner = $2, boot = $3, "
                "epoch = epoch + 1, since = now(), next_seq = next_seq + $4, was_dead = boot IS "
                "NOT "
                "NULL AND boot <> $3 FROM free WHERE shard = free.n AND (boot IS NULL OR boot = $3 "
                "OR NOT EXISTS (SELECT 1 FROM "
                "node WHERE node.boot = shard.boot AND ") +
            live_node() +
            ")) RETURNING shard, epoch, next_seq - $4, puts, was_dead, coalesce(free.was, '')",
        .values = {pg::integers(parts), pg::text(options_.name), pg::uuid(boot_),
                   pg::integer(block)}}});
  if (!rows) return tl::unexpected(rows.error());
  const PgsqlRows& taken = (*rows)[0];
  std::map<std::string, std::size_t> of_dead;
  std::size_t of_nobody = 0;
  {
    const std::lock_guard guard(mutex_);
    for (std::size_t row = 0; row < taken.size(); ++row) {
      const Part part{.number = static_cast<int>(taken.integer(row, 0)),
                      .epoch = taken.integer(row, 1),
                      .first = taken.integer(row, 2)};
      owned_[part.number] = {.part = part,
                             .next = part.first,
                             .limit = part.first + block,
                             .puts = taken.integer(row, 3)};
      (taken.boolean(row, 4) ? counts_.dead : counts_.free) += 1;
      ++(taken.boolean(row, 4) ? of_dead[taken.text(row, 5)] : of_nobody);
    }
  }
  tell("free", "", of_nobody);
  for (const auto& [owner, count] : of_dead) tell("dead", owner, count);
  const std::lock_guard guard(gained_mutex_);
  if (taken.size() > 0 && gained_) gained_();
  return {};
}

void Node::on_gain(std::function<void()> gained) {
  const std::lock_guard guard(gained_mutex_);
  gained_ = std::move(gained);
}

Result<void> Node::give(std::vector<std::int64_t> parts) {
  {
    const std::lock_guard guard(mutex_);
    for (const std::int64_t part : parts) owned_.erase(static_cast<int>(part));
  }
  const auto done = commit({{.sql = "UPDATE shard SET owner = NULL, boot = NULL, since = now() "
                                    "WHERE shard = ANY($1::bigint[]) AND boot = $2",
                             .values = {pg::integers(parts), pg::uuid(boot_)}}});
  if (!done) return tl::unexpected(done.error());
  tell("given", "", parts.size());
  return {};
}

/// Reserves numbers in the parts that have used half of theirs.
Result<void> Node::reserve() {
  std::vector<std::int64_t> parts;
  {
    const std::lock_guard guard(mutex_);
    for (const auto& [number, owned] : owned_) {
      if (owned.limit - owned.next < block / 2) parts.push_back(number);
    }
  }
  if (parts.empty()) return {};
  const auto rows =
      commit({{.sql = "UPDATE shard SET next_seq = next_seq + $2 WHERE shard = ANY($1::bigint[]) "
                      "AND boot = $3 RETURNING shard, next_seq - $2",
               .values = {pg::integers(parts), pg::integer(block), pg::uuid(boot_)}}});
  if (!rows) return tl::unexpected(rows.error());
  const std::lock_guard guard(mutex_);
  for (std::size_t row = 0; row < (*rows)[0].size(); ++row) {
    const auto at = owned_.find(static_cast<int>((*rows)[0].integer(row, 0)));
    if (at == owned_.end()) continue;
    at->second.next = (*rows)[0].integer(row, 1);
    at->second.limit = at->second.next + block;
  }
  return {};
}

void Node::leave() {
  database_.ask_first(nullptr);
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (!thread_.joinable()) return;
  thread_.join();
  std::vector<std::int64_t> parts;
  {
    const std::lock_guard guard(mutex_);
    for (const auto& [number, owned] : owned_) parts.push_back(number);
  }
  // What does not arrive is found out by the silence of this node.
  if (!parts.empty()) static_cast<void>(give(std::move(parts)));
  static_cast<void>(commit(
      {{.sql = "UPDATE node SET ended = true WHERE boot = $1", .values = {pg::uuid(boot_)}}}));
}

std::vector<Part> Node::parts() const {
  const std::lock_guard guard(mutex_);
  std::vector<Part> out;
  for (const auto& [number, owned] : owned_) {
    if (!owned.in_doubt) out.push_back(owned.part);
  }
  return out;
}

std::optional<Numbers> Node::numbers(std::int64_t count) {
  const std::lock_guard guard(mutex_);
  for (std::size_t tried = 0; tried < owned_.size(); ++tried) {
    auto at = owned_.upper_bound(turn_);
    if (at == owned_.end()) at = owned_.begin();
    turn_ = at->first;
    Owned& owned = at->second;
    // The next heartbeat reserves more, or takes the part anew.
    if (owned.in_doubt || owned.limit - owned.next < count) continue;
    owned.next += count;
    return Numbers{.part = owned.part, .first = owned.next - count};
  }
  return std::nullopt;
}

void Node::lost(const Part& part) {
  {
    const std::lock_guard guard(mutex_);
    const auto at = owned_.find(part.number);
    if (at == owned_.end() || at->second.part != part) return;
    owned_.erase(at);
    counts_.lost += 1;
  }
  tell("lost", "", 1);
}

void Node::doubt(const Part& part) {
  const std::lock_guard guard(mutex_);
  const auto at = owned_.find(part.number);
  if (at != owned_.end() && at->second.part == part) at->second.in_doubt = true;
}

std::chrono::milliseconds Node::silence() const {
  const std::lock_guard guard(mutex_);
  return std::chrono::duration_cast<std::chrono::milliseconds>(boot_time() - heard_);
}

std::chrono::milliseconds Node::offset() const {
  const std::lock_guard guard(mutex_);
  return offset_;
}

void Node::stored(const Part& part, std::int64_t puts) {
  const std::lock_guard guard(mutex_);
  const auto at = owned_.find(part.number);
  if (at != owned_.end() && at->second.part == part) {
    at->second.puts = std::max(at->second.puts, puts);
  }
}

bool Node::is_replaced() const {
  const std::lock_guard guard(mutex_);
  return is_replaced_;
}

bool Node::is_draining() const {
  const std::lock_guard guard(mutex_);
  return is_draining_;
}

bool Node::leads() const {
  const std::lock_guard guard(mutex_);
  return leads_;
}

Node::Counts Node::counts() const {
  const std::lock_guard guard(mutex_);
  return counts_;
}

std::string Node::rolled_back() const {
  const std::lock_guard guard(mutex_);
  return rolled_back_;
}

Result<void> Node::may_deliver() const {
  if (is_replaced() || !rolled_back().empty() || silence() > delivers_until) {
    return fail(Fault::unreachable,
                "not delivered: PostgreSQL has not answered for so long that another gateway may "
                "deliver it");
  }
  return {};
}

std::optional<NodeTrouble> Node::trouble(std::chrono::milliseconds patience) const {
  if (is_replaced()) {
    return NodeTrouble{"name", "another process has this gateway's name in the cluster"};
  }
  if (const std::string less = rolled_back(); !less.empty()) {
    return NodeTrouble{"rolled_back", "the cluster's database is an older copy: " + less};
  }
  // Between two heartbeats it is silent without any trouble.
  patience = std::max(patience, 2 * options_.heartbeat);
  if (silence() > patience) {
    return NodeTrouble{
        "database",
        fmt::format("PostgreSQL has not answered for {} s",
                    std::chrono::duration_cast<std::chrono::seconds>(patience).count())};
  }
  if (parts().empty()) return NodeTrouble{"parts", "this node owns no part of the spool yet"};
  return std::nullopt;
}

}  // namespace postern::cluster
