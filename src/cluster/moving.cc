#include "cluster/moving.h"

#include "cluster/database.h"
#include "cluster/node.h"

namespace postern::cluster {
namespace {

constexpr const char* moving_table = R"sql(
DO $do$ BEGIN
CREATE TABLE moving (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  why text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO moving (why) VALUES ('');
END $do$
)sql";
constexpr const char* moving_versions[] = {moving_table};
constexpr Schema moving_table_schema{.name = "moving", .versions = moving_versions};

}  // namespace

const Schema& moving_schema() { return moving_table_schema; }

Result<void> mark_moving(net::PgsqlSession& session, std::string_view why) {
  // A gateway that was silent for too long to be waited for ends when it comes back.
  const net::PgsqlOutcome end = session.transact(
      {{.sql = "UPDATE moving SET why = $1, at = now()", .values = {net::pgsql::text(why)}},
       {.sql = std::string("UPDATE node SET replaced = true WHERE NOT ended AND NOT replaced AND "
                           "NOT (") +
               live_node() + ")",
        .values = {}}},
      Clock::now() + answer_limit);
  if (end.end == net::PgsqlEnd::committed) return {};
  return fail(Fault::unreachable, "PostgreSQL: " + end.failure.message);
}

Result<std::string> why_moving(net::PgsqlSession& session) {
  const auto rows =
      session.run({.sql = "SELECT why FROM moving", .values = {}}, Clock::now() + answer_limit);
  if (!rows) return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
  return rows->size() > 0 ? rows->text(0, 0) : std::string();
}

}  // namespace postern::cluster
