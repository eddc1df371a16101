#include "cluster/facts.h"

#include "cluster/moving.h"
#include "cluster/node.h"

namespace postern::cluster {
namespace {

using net::PgsqlRows;
using net::PgsqlStatement;

// Other sessions' columns of pg_stat_replication are NULL for a role without pg_read_all_stats.
const std::vector<PgsqlStatement> questions = {
    {.sql = "SELECT current_setting('server_version_num')::bigint, "
            "current_setting('synchronous_standby_names'), "
            "current_setting('max_connections')::bigint, "
            "coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), "
            "inet_client_addr() IS NULL OR inet_client_addr() <<= '127.0.0.0/8' OR "
            "inet_client_addr() = '::1', clock_timestamp(), "
            "pg_size_bytes(current_setting('min_wal_size'))",
     .values = {}},
    {.sql = "SELECT coalesce(application_name, ''), coalesce(state, ''), coalesce(sync_state, ''), "
            "(extract(epoch FROM flush_lag) * 1000)::bigint FROM pg_stat_replication ORDER BY 1",
     .values = {}},
    {.sql = "SELECT count(*) FROM pg_replication_slots WHERE NOT active", .values = {}},
    {.sql = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, "
            "has_schema_privilege(current_schema(), 'CREATE') FROM pg_roles WHERE rolname = "
            "current_user",
     .values = {}},
    {.sql = "SELECT relname::text, n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE relname "
            "IN ('message', 'recipient', 'part') AND n_dead_tup > 100000 AND n_dead_tup > 5 * "
            "n_live_tup ORDER BY 1",
     .values = {}},
    {.sql = "SELECT shard, (SELECT count(*) FROM message WHERE message.shard = shard.shard) FROM "
            "shard WHERE shard NOT BETWEEN 0 AND $1 ORDER BY shard",
     .values = {net::pgsql::integer(part_count - 1)}},
};

constexpr const char* rights[] = {"superuser", "may make roles", "may make databases",
                                  "may replicate", "may make tables"};

}  // namespace

Result<Facts> facts(Database& database) {
  auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  const auto before = std::chrono::system_clock::now();
  const auto said =
      (*session)->run(std::span<const PgsqlStatement>(questions), Clock::now() + answer_limit);
  const auto after = std::chrono::system_clock::now();
  if (!said) return fail(Fault::unreachable, "PostgreSQL: " + said.error().message);
  Facts found;
  const PgsqlRows& settings = (*said)[0];
  found.version = settings.integer(0, 0);
  found.standby_names = settings.text(0, 1);
  found.connections = settings.integer(0, 2);
  found.has_tls = settings.boolean(0, 3);
  found.is_local = settings.boolean(0, 4);
  found.offset = std::chrono::duration_cast<std::chrono::milliseconds>(
      settings.time(0, 5) - (before + (after - before) / 2));
  found.wal_reused = settings.integer(0, 6);
  const PgsqlRows& standbys = (*said)[1];
  for (std::size_t row = 0; row < standbys.size(); ++row) {
    Standby& one = found.standbys.emplace_back();
    one.name = standbys.text(row, 0);
    one.state = standbys.text(row, 1);
    one.sync = standbys.text(row, 2);
    if (!standbys.is_null(row, 3)) {
      one.flush_lag = std::chrono::milliseconds(standbys.integer(row, 3));
    }
  }
  found.idle_slots = (*said)[2].integer(0, 0);
  for (int right = 0; right < 5; ++right) {
    if ((*said)[3].size() > 0 && (*said)[3].boolean(0, right)) {
      found.rights.emplace_back(rights[right]);
    }
  }
  const PgsqlRows& bloats = (*said)[4];
  for (std::size_t row = 0; row < bloats.size(); ++row) {
    found.bloats.push_back({bloats.text(row, 0), bloats.integer(row, 1), bloats.integer(row, 2)});
  }
  const PgsqlRows& parts = (*said)[5];
  for (std::size_t row = 0; row < parts.size(); ++row) {
    found.parts.push_back({parts.integer(row, 0), parts.integer(row, 1)});
  }
  Result<Members> nodes = members(database);
  if (!nodes) return tl::unexpected(nodes.error());
  found.members = std::move(*nodes);
  Result<std::string> moved = why_moving(**session);
  if (!moved) return tl::unexpected(moved.error());
  found.moved = std::move(*moved);
  return found;
}

}  // namespace postern::cluster
