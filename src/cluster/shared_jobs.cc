#include "cluster/shared_jobs.h"

#include <string>

#include "cluster/node.h"

namespace postern::cluster {
namespace {

namespace pg = net::pgsql;

constexpr const char* first_job_tables = R"sql(
DO $do$ BEGIN
CREATE TABLE job_run (
  n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  id text NOT NULL UNIQUE,
  boot uuid NOT NULL,
  is_running boolean NOT NULL DEFAULT true,
  stops boolean NOT NULL DEFAULT false,
  state bytea NOT NULL,
  result bytea NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX job_run_one ON job_run (kind) WHERE is_running;
END $do$
)sql";
constexpr const char* job_versions[] = {first_job_tables};
constexpr Schema job_tables_schema{.name = "jobs", .versions = job_versions};

/// Whether the gateway of a row of job_run lives.
std::string lives() {
  return std::string("EXISTS (SELECT FROM node WHERE node.boot = job_run.boot AND ") + live_node() +
         ")";
}

}  // namespace

const Schema& jobs_schema() { return job_tables_schema; }

Result<net::PgsqlRows> SharedJobs::ask(net::PgsqlStatement statement) {
  const std::lock_guard lock(mutex_);
  return session_.ask(std::move(statement));
}

Result<std::string> SharedJobs::begin(std::string_view kind, std::string_view id,
                                      std::string_view state) {
  const auto freed = ask({.sql = "UPDATE job_run SET is_running = false WHERE kind = $1 AND "
                                 "is_running AND NOT " +
                                 lives(),
                          .values = {pg::text(kind)}});
  if (!freed) return tl::unexpected(freed.error());
  const auto made =
      ask({.sql = "INSERT INTO job_run (kind, id, boot, state) VALUES ($1, $2, $3, "
                  "$4) ON CONFLICT (kind) WHERE is_running DO NOTHING RETURNING id",
           .values = {pg::text(kind), pg::text(id), pg::uuid(boot_), pg::bytes(state)}});
  if (!made) return tl::unexpected(made.error());
  if (made->size() == 0) {
    const auto other = ask({.sql = "SELECT id FROM job_run WHERE kind = $1 AND is_running",
                            .values = {pg::text(kind)}});
    if (!other) return tl::unexpected(other.error());
    return other->size() > 0 ? other->text(0, 0) : std::string();
  }
  // What is not tidied up now is the next time; the run has begun.
  static_cast<void>(ask({.sql = "DELETE FROM job_run WHERE kind = $1 AND n <= (SELECT n FROM "
                                "job_run WHERE kind = $1 ORDER BY n DESC OFFSET 20 LIMIT 1)",
                         .values = {pg::text(kind)}}));
  return std::string(id);
}

Result<bool> SharedJobs::note(std::string_view id, std::string_view state) {
  const auto rows = ask({.sql = "UPDATE job_run SET state = $2 WHERE id = $1 AND is_running "
                                "RETURNING stops",
                         .values = {pg::text(id), pg::bytes(state)}});
  if (!rows) return tl::unexpected(rows.error());
  return rows->size() == 0 || rows->boolean(0, 0);  // without a row it was taken for dead
}

Result<void> SharedJobs::end(std::string_view id, std::string_view state, std::string_view result) {
  const auto rows = ask({.sql = "UPDATE job_run SET is_running = false, state = $2, result = $3 "
                                "WHERE id = $1 AND is_running",
                         .values = {pg::text(id), pg::bytes(state), pg::bytes(result)}});
  return rows ? Result<void>() : tl::unexpected(rows.error());
}

Result<std::vector<Job>> SharedJobs::list(std::string_view kind) {
  // A job that ended has a result, or says why it has none.
  const auto rows = ask({.sql = "SELECT id, state, is_running, " + lives() +
                                " FROM job_run WHERE kind = $1 ORDER BY n DESC",
                         .values = {pg::text(kind)}});
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Job> jobs;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const bool runs = rows->boolean(row, 2);
    const bool is_alive = rows->boolean(row, 3);
    jobs.push_back({.id = rows->text(row, 0),
                    .state = rows->text(row, 1),
                    .is_running = runs && is_alive,
                    .is_gone = !is_alive});
  }
  return jobs;
}

Result<std::string> SharedJobs::result(std::string_view id) {
  const auto rows =
      ask({.sql = "SELECT result FROM job_run WHERE id = $1", .values = {pg::text(id)}});
  if (!rows) return tl::unexpected(rows.error());
  return rows->size() > 0 ? rows->text(0, 0) : std::string();
}

Result<void> SharedJobs::stop(std::string_view id) {
  const auto rows = ask({.sql = "UPDATE job_run SET stops = true WHERE id = $1 AND is_running",
                         .values = {pg::text(id)}});
  return rows ? Result<void>() : tl::unexpected(rows.error());
}

}  // namespace postern::cluster
