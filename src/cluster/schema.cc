#include "cluster/schema.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <thread>

#include <fmt/format.h>

#include "base/version.h"
#include "cluster/database.h"
#include "cluster/node.h"

namespace postern::cluster {
namespace {

constexpr std::chrono::seconds between_locks{1};

// `node` has a row for each start of a process (a boot), so that a claim names a life and not a
// machine. `shard` has a row for each part of the spool. `beat` of a name, and `puts` of a part,
// only rise: whoever remembers a higher one is told less than the database once promised. `losses`
// counts how often people accepted that.
constexpr const char* first_node_tables = R"sql(
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

// What a program knows is compared before tables change under it.
constexpr const char* schemas_of_nodes = "ALTER TABLE node ADD schemas text NOT NULL DEFAULT ''";

// Tells the database of one cluster from that of another, wherever it is restored or copied to.
constexpr const char* id_of_cluster =
    "ALTER TABLE cluster ADD id uuid NOT NULL DEFAULT gen_random_uuid()";

constexpr const char* node_versions[] = {first_node_tables, schemas_of_nodes, id_of_cluster};
constexpr Schema node_tables_schema{
    .name = "node", .versions = node_versions, .compatible_from = 1};

constexpr std::string_view lock_not_had = "55P03";

/// What the database says of some tables.
struct KnownVersion {
  std::int64_t version = 0;          ///< 0: they are not there
  std::int64_t compatible_from = 0;  ///< the oldest version of programs that may use them
  std::string postern;               ///< the version of the program that made them so
};

using Answer = tl::expected<KnownVersion, net::PgsqlFailure>;

/// Tables of before have no column `compatible_from`, and are for their own version alone.
Answer known_version(net::PgsqlSession& session, const Schema& wanted, Clock::time_point deadline) {
  const auto rows = session.run(
      {.sql = "SELECT version, coalesce((to_jsonb(s) ->> 'compatible_from')::int, version), "
              "coalesce(to_jsonb(s) ->> 'postern', '') FROM schema_version AS s WHERE name = $1",
       .values = {net::pgsql::text(wanted.name)}},
      deadline);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() == 0) return KnownVersion();
  return KnownVersion{rows->integer(0, 0), rows->integer(0, 1), rows->text(0, 2)};
}

std::int64_t newest_of(const Schema& wanted) {
  return static_cast<std::int64_t>(wanted.versions.size());
}

std::int64_t declared_by(const Schema& wanted) {
  const auto declared = static_cast<std::int64_t>(wanted.compatible_from);
  return declared == 0 ? newest_of(wanted) : std::min(declared, newest_of(wanted));
}

tl::unexpected<Error> newer(const Schema& wanted, const KnownVersion& there) {
  return fail(Fault::conflict,
              fmt::format("the tables `{}` have version {}, which programs from version {} on can "
                          "use, and this one knows version {}: install {}",
                          wanted.name, there.version, there.compatible_from, newest_of(wanted),
                          there.postern.empty() ? "the Postern that made them"
                                                : "Postern " + there.postern));
}

}  // namespace

const Schema& node_schema() { return node_tables_schema; }

std::string words_of(std::span<const Schema* const> schemas) {
  std::string words;
  for (const Schema* one : schemas) {
    words += fmt::format("{}{}={}", words.empty() ? "" : " ", one->name, newest_of(*one));
  }
  return words;
}

namespace {

/// One gateway that lives and could not go on; empty: none.
tl::expected<std::string, net::PgsqlFailure> left_behind(net::PgsqlSession& session,
                                                         const Schema& wanted,
                                                         const KnownVersion& there,
                                                         Clock::time_point deadline) {
  const auto rows = session.run(
      {.sql = std::string("SELECT name FROM node WHERE ") + live_node() +
              " AND coalesce(substring(to_jsonb(node) ->> 'schemas' FROM '\\m' || $1 || "
              "'=(\\d+)')::bigint, $2) < $3 ORDER BY name LIMIT 1",
       .values = {net::pgsql::text(wanted.name), net::pgsql::integer(there.compatible_from),
                  net::pgsql::integer(declared_by(wanted))}},
      deadline);
  if (!rows) return tl::unexpected(rows.error());
  return rows->size() == 0 ? std::string() : rows->text(0, 0);
}

/// One try; a failure with `lock_not_had` may pass.
tl::expected<Result<void>, net::PgsqlFailure> try_migrate(net::PgsqlSession& session,
                                                          const Schema& wanted,
                                                          Clock::time_point deadline) {
  // Statements of gateways queue up behind one that waits for a lock on their table. Whoever else
  // migrates is waited for without a limit.
  for (const char* opening :
       {"BEGIN", "SELECT pg_advisory_xact_lock(7304)", "SET LOCAL lock_timeout = '2s'",
        "CREATE TABLE IF NOT EXISTS schema_version (name text PRIMARY KEY, version int NOT NULL, "
        "at timestamptz NOT NULL DEFAULT now())"}) {
    const auto said = session.run({.sql = opening, .values = {}}, deadline);
    if (!said) return tl::unexpected(said.error());
  }
  const Answer there = known_version(session, wanted, deadline);
  if (!there) return tl::unexpected(there.error());
  const std::int64_t newest = newest_of(wanted);
  if (there->version > newest) {
    session.roll_back(deadline);
    return there->compatible_from <= newest ? Result<void>() : Result<void>(newer(wanted, *there));
  }
  if (there->version > 0 && there->version < newest) {
    const auto behind = left_behind(session, wanted, *there, deadline);
    if (!behind) return tl::unexpected(behind.error());
    if (!behind->empty()) {
      session.roll_back(deadline);
      return Result<void>(fail(
          Fault::temporary,
          fmt::format("the gateway {} lives, and its program cannot go on with version {} of the "
                      "tables `{}`: stop all gateways first, or upgrade them to a release between "
                      "the two",
                      *behind, newest, wanted.name)));
    }
  }
  for (std::int64_t version = there->version; version < newest; ++version) {
    const char* text = wanted.versions[static_cast<std::size_t>(version)];
    const auto said = session.run({.sql = text, .values = {}}, deadline);
    if (!said) return tl::unexpected(said.error());
  }
  for (const net::PgsqlStatement& statement : std::initializer_list<net::PgsqlStatement>{
           {.sql = "ALTER TABLE schema_version ADD COLUMN IF NOT EXISTS compatible_from int, ADD "
                   "COLUMN IF NOT EXISTS postern text",
            .values = {}},
           {.sql = "INSERT INTO schema_version (name, version, compatible_from, postern) VALUES "
                   "($1, $2::bigint, $3::bigint, $4) ON CONFLICT (name) DO UPDATE SET version = "
                   "excluded.version, compatible_from = greatest(schema_version.compatible_from, "
                   "excluded.compatible_from), postern = "
                   "excluded.postern, at = now()",
            .values = {net::pgsql::text(wanted.name), net::pgsql::integer(newest),
                       net::pgsql::integer(declared_by(wanted)),
                       net::pgsql::text(current_version().number)}}}) {
    const auto said = session.run(statement, deadline);
    if (!said) return tl::unexpected(said.error());
  }
  const net::PgsqlOutcome end = session.commit(deadline);
  if (end.end != net::PgsqlEnd::committed) return tl::unexpected(end.failure);
  return Result<void>();
}

}  // namespace

Result<void> migrate(net::PgsqlSession& session, const Schema& wanted) {
  const auto deadline = Clock::now() + std::chrono::minutes(10);
  for (;;) {
    const auto tried = try_migrate(session, wanted, deadline);
    if (tried) return *tried;
    session.roll_back(deadline);
    const net::PgsqlFailure& failure = tried.error();
    if (failure.state != lock_not_had) {
      return fail(Fault::unreachable, "PostgreSQL: " + failure.message);
    }
    if (Clock::now() + between_locks >= deadline) {
      return fail(Fault::temporary,
                  fmt::format("the tables `{}` are in use: {}", wanted.name, failure.message));
    }
    std::this_thread::sleep_for(between_locks);
  }
}

Result<void> grant(net::PgsqlSession& session, const std::string& role) {
  const auto deadline = Clock::now() + answer_limit;
  // The server quotes the name. What everybody may do in a database by default, such as holding
  // its locks or making temporary tables, is for the gateways alone; only its owner can say so.
  const auto texts = session.run(
      {.sql = "SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname) FROM "
              "pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'MEMBER') "
              "UNION ALL SELECT format('GRANT CONNECT ON DATABASE %I TO %I', datname, $1) FROM "
              "pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'MEMBER') "
              "UNION ALL SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', "
              "table_name, $1) "
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

Result<void> expect(net::PgsqlSession& session, const Schema& wanted, Newer newer_tables) {
  const Answer there = known_version(session, wanted, Clock::now() + answer_limit);
  if (!there && there.error().state != "42P01") {
    return fail(Fault::unreachable, "PostgreSQL: " + there.error().message);
  }
  const KnownVersion is = there.value_or(KnownVersion());
  const std::int64_t newest = newest_of(wanted);
  if (is.version == newest) return {};
  if (is.version > newest) {
    const bool fits = newer_tables == Newer::compatible && is.compatible_from <= newest;
    return fits ? Result<void>() : newer(wanted, is);
  }
  return fail(Fault::not_found, is.version == 0
                                    ? std::string("the database has no tables of Postern")
                                    : fmt::format("the tables `{}` have version {}, not {}",
                                                  wanted.name, is.version, newest));
}

}  // namespace postern::cluster
