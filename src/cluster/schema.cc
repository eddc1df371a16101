#include "cluster/schema.h"

#include <fmt/format.h>

#include "cluster/database.h"

namespace postern::cluster {
namespace {

// `node` has a row for each start of a process (a boot), so that a claim names a life and not a
// machine. `shard` has a row for each part of the spool. `beat` of a name, and `puts` of a part,
// only rise: whoever remembers a higher one is told less than the database once promised. `losses`
// counts how often people accepted that.
constexpr const char* first = R"sql(
DO $do$ BEGIN
CREATE TABLE cluster (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  back_since timestamptz NOT NULL,
  losses int NOT NULL DEFAULT 0
);
INSERT INTO cluster (back_since) VALUES ('-infinity');
CREATE TABLE node (
  boot uuid PRIMARY KEY,
  name text NOT NULL,
  version text NOT NULL,
  started timestamptz NOT NULL,
  seen timestamptz NOT NULL,
  beat bigint NOT NULL,
  replaced boolean NOT NULL DEFAULT false,
  ended boolean NOT NULL DEFAULT false,
  draining boolean NOT NULL DEFAULT false,
  applied bigint NOT NULL DEFAULT 0
);
CREATE INDEX node_name ON node (name);
CREATE UNIQUE INDEX node_now ON node (name) WHERE NOT replaced;
CREATE TABLE shard (
  shard smallint PRIMARY KEY,
  owner text,
  boot uuid,
  epoch bigint NOT NULL DEFAULT 0,
  since timestamptz NOT NULL DEFAULT now(),
  next_seq bigint NOT NULL DEFAULT 1,
  puts bigint NOT NULL DEFAULT 0,
  was_dead boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
INSERT INTO shard (shard) SELECT n FROM generate_series(0, 63) AS n;
END $do$
)sql";

tl::unexpected<Error> newer(const Schema& schema, std::int64_t version) {
  return fail(Fault::conflict, fmt::format("the tables `{}` have version {}; this program knows {}",
                                           schema.name, version, schema.versions.size()));
}

constexpr const char* versions[] = {first};
constexpr Schema schema{.name = "node", .versions = versions};

}  // namespace

const Schema& node_schema() { return schema; }

Result<void> migrate(net::PgsqlSession& session, const Schema& wanted) {
  const auto deadline = Clock::now() + std::chrono::minutes(10);
  const auto failed = [&](const net::PgsqlFailure& failure) -> Result<void> {
    session.roll_back(deadline);
    return fail(Fault::unreachable, "PostgreSQL: " + failure.message);
  };
  const std::vector<net::PgsqlStatement> opening = {
      {.sql = "BEGIN", .values = {}},
      {.sql = "SELECT pg_advisory_xact_lock(7304)", .values = {}},
      {.sql = "CREATE TABLE IF NOT EXISTS schema_version (name text PRIMARY KEY, version int NOT "
              "NULL, at timestamptz NOT NULL DEFAULT now())",
       .values = {}}};
  for (const net::PgsqlStatement& statement : opening) {
    if (const auto said = session.run(statement, deadline); !said) return failed(said.error());
  }
  const auto known = session.run({.sql = "SELECT version FROM schema_version WHERE name = $1",
                                  .values = {net::pgsql::text(wanted.name)}},
                                 deadline);
  if (!known) return failed(known.error());
  const std::int64_t is = known->size() > 0 ? known->integer(0, 0) : 0;
  const auto newest = static_cast<std::int64_t>(wanted.versions.size());
  if (is > newest) {
    session.roll_back(deadline);
    return newer(wanted, is);
  }
  for (std::int64_t version = is; version < newest; ++version) {
    const char* text = wanted.versions[static_cast<std::size_t>(version)];
    if (const auto said = session.run({.sql = text, .values = {}}, deadline); !said) {
      return failed(said.error());
    }
  }
  const auto noted = session.run(
      {.sql = "INSERT INTO schema_version (name, version) VALUES ($1, $2::bigint) ON CONFLICT "
              "(name) DO UPDATE SET version = excluded.version, at = now()",
       .values = {net::pgsql::text(wanted.name), net::pgsql::integer(newest)}},
      deadline);
  if (!noted) return failed(noted.error());
  const net::PgsqlOutcome end = session.commit(deadline);
  if (end.end != net::PgsqlEnd::committed) {
    return fail(Fault::unreachable, "PostgreSQL: " + end.failure.message);
  }
  return {};
}

Result<void> grant(net::PgsqlSession& session, const std::string& role) {
  const auto deadline = Clock::now() + answer_limit;
  // The server quotes the name.
  const auto texts = session.run(
      {.sql = "SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', table_name, $1) "
              "FROM information_schema.tables WHERE table_schema = current_schema() AND table_name "
              "<> 'schema_version' AND table_type = 'BASE TABLE' UNION ALL SELECT format('GRANT "
              "SELECT ON schema_version TO %I', $1) UNION ALL SELECT format('GRANT EXECUTE ON "
              "FUNCTION "
              "%s TO %I', p.oid::regprocedure, $1) FROM pg_proc p WHERE p.prosecdef AND "
              "p.pronamespace = current_schema()::regnamespace",
       .values = {net::pgsql::text(role)}},
      deadline);
  if (!texts) return fail(Fault::unreachable, "PostgreSQL: " + texts.error().message);
  for (std::size_t row = 0; row < texts->size(); ++row) {
    const auto done = session.run({.sql = texts->text(row, 0), .values = {}}, deadline);
    if (!done) return fail(Fault::malformed, "PostgreSQL: " + done.error().message);
  }
  return {};
}

Result<void> expect(net::PgsqlSession& session, const Schema& wanted) {
  const auto known = session.run({.sql = "SELECT version FROM schema_version WHERE name = $1",
                                  .values = {net::pgsql::text(wanted.name)}},
                                 Clock::now() + answer_limit);
  if (!known && known.error().state != "42P01") {
    return fail(Fault::unreachable, "PostgreSQL: " + known.error().message);
  }
  const std::int64_t is = known && known->size() > 0 ? known->integer(0, 0) : 0;
  const auto newest = static_cast<std::int64_t>(wanted.versions.size());
  if (is == newest) return {};
  if (is > newest) return newer(wanted, is);
  return fail(Fault::not_found, is == 0 ? std::string("the database has no tables of Postern")
                                        : fmt::format("the tables `{}` have version {}, not {}",
                                                      wanted.name, is, newest));
}

}  // namespace postern::cluster
