#include "cluster/members.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "cluster/node.h"
#include "cluster/promised.h"

namespace postern::cluster {

Result<Members> members(Database& database) {
  auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  const std::vector<net::PgsqlStatement> ask = {
      {.sql = "SELECT name, version, (extract(epoch FROM now() - seen) * 1000)::bigint, lives, "
              "(SELECT count(*) FROM shard WHERE shard.boot = known.boot), ended FROM (" +
              known_nodes() + ") AS known ORDER BY name",
       .values = {}},
      {.sql = fmt::format(
           "SELECT count(*) FROM shard WHERE shard BETWEEN 0 AND {2} AND NOT EXISTS (SELECT FROM "
           "node WHERE node.boot = shard.boot AND {0}) AND now() - greatest(since, (SELECT seen + "
           "interval '{1} s' FROM node WHERE node.boot = shard.boot AND NOT ended AND NOT "
           "replaced), (SELECT max(started) FROM node WHERE {0})) > interval '{1} s'",
           live_node(), dead_after.count(), part_count - 1),
       .values = {}}};
  const auto said =
      (*session)->run(std::span<const net::PgsqlStatement>(ask), Clock::now() + answer_limit);
  if (!said) return fail(Fault::unreachable, "PostgreSQL: " + said.error().message);
  const net::PgsqlRows* const rows = said->data();
  Members found;
  found.without_owner = part_count;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    Member& one = found.nodes.emplace_back();
    one.name = rows->text(row, 0);
    one.version = rows->text(row, 1);
    one.silence = std::chrono::milliseconds(rows->integer(row, 2));
    one.is_dead = !rows->boolean(row, 3);
    one.parts = rows->integer(row, 4);
    one.is_stopped = rows->boolean(row, 5);
    if (!one.is_dead) found.without_owner -= one.parts;
  }
  const auto lives = [](const Member& one) { return !one.is_dead; };
  found.forsaken =
      std::ranges::any_of(found.nodes, lives) ? (*said)[1].integer(0, 0) : found.without_owner;
  found.epoch = database.epoch();
  return found;
}

namespace {

/// The rows of the last of these statements, which are one transaction.
Result<net::PgsqlRows> change(Database& database, std::vector<net::PgsqlStatement> statements) {
  auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  net::PgsqlOutcome outcome =
      (*session)->transact(std::move(statements), Clock::now() + answer_limit);
  if (outcome.end == net::PgsqlEnd::committed) return std::move(outcome.rows.back());
  return fail(Fault::unreachable, "PostgreSQL: " + outcome.failure.message);
}

}  // namespace

Result<void> drain(Database& database, const std::string& name) {
  const auto rows = change(
      database, {{.sql = std::string("UPDATE node SET draining = true WHERE name = $1 AND ") +
                         live_node() + " RETURNING boot",
                  .values = {net::pgsql::text(name)}}});
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() == 0) return fail(Fault::not_found, "no gateway of this name lives: " + name);
  return {};
}

Result<Presence> presence_of(Database& database, const std::string& name) {
  Result<Members> all = members(database);
  if (!all) return tl::unexpected(all.error());
  for (const Member& one : all->nodes) {
    if (one.name != name) continue;
    return !one.is_dead ? Presence::lives : one.is_stopped ? Presence::stopped : Presence::dead;
  }
  return Presence::stopped;
}

Result<bool> are_all_content(Database& database, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds between_looks{500};
  const auto began = Clock::now();
  for (;;) {
    // Before the question: whoever was silent for less has beaten since it began.
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    Result<Members> found = members(database);
    if (!found) return tl::unexpected(found.error());
    std::erase_if(found->nodes, [](const Member& one) { return one.is_stopped; });
    // One that was silent for so long when it began is not waited for.
    const auto hopeless = [&](const Member& one) { return one.silence > since + patience; };
    if (found->nodes.empty() || std::ranges::any_of(found->nodes, hopeless)) return false;
    const auto heard = [&](const Member& one) { return one.silence < since; };
    if (std::ranges::all_of(found->nodes, heard)) return true;
    if (since > patience) return false;
    std::this_thread::sleep_for(between_looks);
  }
}

Result<std::string> missing(Database& database, const std::string& path) {
  const Result<std::optional<Promised>> promised = read_promised(path);
  if (!promised) return tl::unexpected(promised.error());
  if (!*promised) return std::string();
  auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  const auto rows = (*session)->run(what_it_has((*promised)->node), Clock::now() + answer_limit);
  if (!rows) return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
  return missing(**promised, had(*rows, (*promised)->node));
}

// Numbers that were in use may be unknown to the copy: all go on far above them.
Result<std::int64_t> accept_loss(Database& database, const std::string& path) {
  const Result<std::optional<Promised>> promised = read_promised(path);
  if (!promised) return tl::unexpected(promised.error());
  const std::int64_t known = *promised ? (*promised)->losses : 0;
  const auto rows = change(
      database, {{.sql = "UPDATE shard SET owner = NULL, boot = NULL, since = now(), epoch = epoch "
                         "+ 1000000, next_seq = next_seq + 100000000",
                  .values = {}},
                 {.sql = "UPDATE cluster SET losses = greatest(losses, $1) + 1 RETURNING losses",
                  .values = {net::pgsql::integer(known)}}});
  if (!rows) return tl::unexpected(rows.error());
  return rows->integer(0, 0);
}

}  // namespace postern::cluster
