// `postern cluster migrate`.
#include <filesystem>
#include <ostream>
#include <thread>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/version.h"
#include "cli/cluster_database.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cluster/members.h"
#include "cluster/moving.h"
#include "cluster/node.h"
#include "serve/acting_owner.h"
#include "serve/cluster_member.h"
#include "serve/data_lock.h"
#include "spool/move_spool.h"
#include "spool/pgsql_inbox.h"
#include "spool/pgsql_spool.h"
#include "spool/spool_schema.h"
#include "spool/sqlite_inbox.h"
#include "spool/sqlite_spool.h"
#include "store/move_store.h"
#include "store/seal_store.h"
#include "store/sqlite_schema.h"

namespace postern::app {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::chrono::seconds migration_lock_patience{2};
constexpr std::chrono::seconds parts_patience = cluster::dead_after + 3 * cluster::heartbeat_every;
constexpr const char* name_of_migration = "migrate";

/// What has been moved.
struct Moved {
  std::vector<store::MovedRows> rows;
  spool::MovedMail mail;
  std::string kept;  ///< where the queue of before is now; empty: nowhere, or as before
  std::int64_t inbox_messages = 0;  ///< that stay in the database
};

/// Gateways run, or the tables are of another version.
Result<void> alone(cluster::Database& database) {
  const auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  for (const cluster::Schema* schema : cluster_schemas()) {
    Result<void> there = cluster::expect(**session, *schema, cluster::Newer::none);
    if (!there) return there;
  }
  const Result<cluster::Members> members = cluster::members(database);
  if (!members) return tl::unexpected(members.error());
  for (const cluster::Member& one : members->nodes) {
    if (one.is_dead || one.name == name_of_migration) continue;
    return fail(Fault::temporary, "the gateway " + one.name +
                                      " runs: stop all gateways of the cluster first; one that "
                                      "died counts for half a minute");
  }
  return {};
}

/// Moves rows and mail one way. What is moved already is only compared, so it may be stopped at any
/// time and run again. Each side has a mark that keeps gateways from starting there: both while it
/// runs, the side of before for good.
class Migration {
 public:
  /// `seal`: of the secrets in the database; may be null.
  /// `waits`: is called when it waits for a migration that was killed.
  Migration(cluster::Database& database, std::string data_dir, bool back,
            std::shared_ptr<const store::SecretSeal> seal,
            std::function<void(const std::string& why)> waits)
      : database_(database),
        data_dir_(std::move(data_dir)),
        back_(back),
        seal_(std::move(seal)),
        waits_(std::move(waits)) {}

  Result<Moved> run() {
    const auto there = why_moving();
    if (!there) return tl::unexpected(there.error());
    const std::string here = why_moved(data_dir_);
    const bool is_away = there->find(are_in) != std::string::npos;
    const bool is_here =
        there->find(fmt::format("{}{} now", are_in, data_dir_)) != std::string::npos;
    // A database that was moved away from stays so, whoever was in it before.
    if (is_away && !(back_ && is_here)) return fail(Fault::conflict, *there);
    Moved moved;
    if (back_ ? is_here && !here.empty() : here.starts_with(are_in)) {
      // Only the end was missing; what is moved may have changed since.
      auto kept = end();
      if (!kept) return tl::unexpected(kept.error());
      moved.kept = std::move(*kept);
      return moved;
    }
    if (is_away) return fail(Fault::conflict, *there);
    if (there->empty()) {
      if (Result<void> fit = is_fit(); !fit) return tl::unexpected(fit.error());
    }
    if (Result<void> marked = begin(); !marked) return tl::unexpected(marked.error());
    // A gateway that joined before the mark was there.
    if (Result<void> nobody = nobody_joined(); !nobody) {
      if (there->empty() && here.empty()) take_back();
      return tl::unexpected(nobody.error());
    }
    auto rows = move_rows();
    if (!rows) return tl::unexpected(rows.error());
    moved.rows = std::move(*rows);
    auto mail = move_mail();
    if (!mail) return tl::unexpected(mail.error());
    moved.mail = *mail;
    if (back_) {
      const auto stay = leave_inboxes();
      if (!stay) return tl::unexpected(stay.error());
      moved.inbox_messages = *stay;
    }
    auto kept = end();
    if (!kept) return tl::unexpected(kept.error());
    moved.kept = std::move(*kept);
    return moved;
  }

 private:
  static constexpr std::string_view are_in = "are in ";

  Result<std::string> why_moving() {
    const auto session = database_.connect();
    if (!session) return tl::unexpected(session.error());
    return cluster::why_moving(**session);
  }
  Result<void> mark(const std::string& text) {
    const auto session = database_.connect();
    if (!session) return tl::unexpected(session.error());
    return cluster::mark_moving(**session, text);
  }
  Result<std::unique_ptr<spool::SqliteSpool>> local_spool() {
    std::error_code error;
    fs::create_directories(data_dir_ + "/spool", error);
    fs::create_directories(data_dir_ + "/tmp", error);
    return spool::SqliteSpool::open({.directory = data_dir_ + "/spool"});
  }

  /// The messages of inboxes stay; later ones get numbers above theirs. Returns how many stay.
  Result<std::int64_t> leave_inboxes() {
    spool::PgsqlInbox shared(database_);
    const auto last = shared.last_given();
    if (!last) return tl::unexpected(last.error());
    auto local = spool::SqliteInbox::open(spool::InboxOptions::of(data_dir_));
    if (!local) return tl::unexpected(local.error());
    if (Result<void> on = (*local)->go_on_after({}, *last); !on) return tl::unexpected(on.error());
    const auto session = database_.connect();
    if (!session) return tl::unexpected(session.error());
    const auto rows = (*session)->run({.sql = "SELECT count(*) FROM inbox", .values = {}},
                                      cluster::Clock::now() + cluster::answer_limit);
    if (!rows) return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
    return rows->integer(0, 0);
  }

  /// Before anything is marked: what is moved can be, and where it goes there is nothing.
  Result<void> is_fit() {
    auto local = local_spool();
    if (!local) return tl::unexpected(local.error());
    const auto session = database_.connect();
    if (!session) return tl::unexpected(session.error());
    if (Result<void> known = store::check_seal(**session, seal_.get()); !known) return known;
    if (!back_) {
      const auto rows = (*session)->run(
          {.sql = "SELECT EXISTS (SELECT FROM account) OR EXISTS (SELECT FROM message)",
           .values = {}},
          cluster::Clock::now() + cluster::answer_limit);
      if (!rows) return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
      if (rows->boolean(0, 0)) return fail(Fault::conflict, "the cluster has accounts or mail");
      return spool::may_be_moved(**local);
    }
    const auto mail = (*local)->list({}, "", 1);
    if (!mail) return tl::unexpected(mail.error());
    auto rows = store::Database::open(data_dir_ + "/postern.db", store::control_schema());
    if (!rows) return tl::unexpected(rows.error());
    const auto accounts = (*rows)->number("SELECT count(*) FROM account");
    if (!accounts) return tl::unexpected(accounts.error());
    if (*accounts == 0 && mail->empty()) return {};
    return fail(Fault::conflict, data_dir_ + " has accounts or mail of its own");
  }

  /// From now on no gateway starts on either side, until the end.
  Result<void> begin() {
    if (Result<void> marked = mark("its queue and accounts are being moved: run `postern cluster "
                                   "migrate` again, until it ends");
        !marked) {
      return marked;
    }
    return mark_moved(data_dir_, "are being moved: run `postern cluster migrate` again");
  }

  /// Whether no process is in the cluster, or may come back to it. Those that were silent for long
  /// are out of it since the mark.
  Result<void> nobody_joined() {
    const auto session = database_.connect();
    if (!session) return tl::unexpected(session.error());
    const auto rows = (*session)->run(
        {.sql = "SELECT name FROM node WHERE NOT ended AND NOT replaced AND name <> $1 LIMIT 1",
         .values = {net::pgsql::text(name_of_migration)}},
        cluster::Clock::now() + cluster::answer_limit);
    if (!rows) return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
    if (rows->size() == 0) return {};
    return fail(Fault::temporary, "the gateway " + rows->text(0, 0) +
                                      " has joined meanwhile: stop all gateways of the cluster");
  }

  /// The marks of begin(), before anything was moved.
  void take_back() {
    static_cast<void>(mark(""));
    std::error_code error;
    fs::remove(moved_mark(data_dir_), error);
  }

  Result<std::vector<store::MovedRows>> move_rows() {
    auto local = store::Database::open(data_dir_ + "/postern.db", store::control_schema());
    if (!local) return tl::unexpected(local.error());
    const auto session = database_.connect();
    if (!session) return tl::unexpected(session.error());
    return store::move_store(**local, **session,
                             back_ ? store::MoveTo::sqlite : store::MoveTo::pgsql, seal_.get());
  }

  Result<spool::MovedMail> move_mail() {
    auto local = local_spool();
    if (!local) return tl::unexpected(local.error());
    // By this file it has its name again at once when it was stopped.
    const std::string promised = data_dir_ + "/migrate.json";
    auto node = cluster::Node::join_in_turn(database_,
                                            {.name = name_of_migration,
                                             .version = std::string(current_version().number),
                                             .promised_file = promised,
                                             .lock_file = DataLock::file(data_dir_)},
                                            {.limit = parts_patience, .waits = waits_});
    if (!node) return tl::unexpected(node.error());
    const auto until = std::chrono::steady_clock::now() + parts_patience;
    while ((*node)->parts().empty() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    auto shared = spool::PgsqlSpool::open(database_, **node);
    if (!shared) return tl::unexpected(shared.error());
    const std::string temporary = data_dir_ + "/tmp";
    if (!back_) {
      const auto offset = [member = node->get()] { return member->offset(); };
      return spool::move_spool(**local, **shared, spool::states_of(database_, offset), temporary);
    }
    auto file = store::Database::open(data_dir_ + "/spool/spool.db", spool::spool_schema());
    if (!file) return tl::unexpected(file.error());
    return spool::move_spool(**shared, **local, spool::states_of(**file), temporary);
  }

  /// One side serves from now on, and the other says where everything is. Returns where what was
  /// here is kept.
  Result<std::string> end() {
    std::error_code error;
    fs::remove(data_dir_ + "/migrate.json", error);
    if (back_) {
      Result<void> marked =
          mark(fmt::format("its queue and accounts {}{} now; make a new database "
                           "for another cluster",
                           are_in, data_dir_));
      if (!marked) return tl::unexpected(marked.error());
      fs::remove(cluster_mark(data_dir_), error);
      fs::remove(moved_mark(data_dir_), error);
      return std::string();
    }
    Result<void> marked = mark_moved(data_dir_, std::string(are_in) + "the cluster's database");
    if (marked) marked = mark("");
    if (!marked) return tl::unexpected(marked.error());
    // An earlier run may have come so far: what it put aside stays, and an empty folder is no
    // queue.
    const std::string now = ".moved-" + std::to_string(store::to_millis(store::now()) / 1000);
    std::string suffix = now;
    for (int i = 2; fs::exists(data_dir_ + "/spool" + suffix, error) ||
                    fs::exists(data_dir_ + "/postern.db" + suffix, error);
         ++i) {
      suffix = fmt::format("{}-{}", now, i);
    }
    bool is_kept = false;
    for (const std::string name : {"/spool", "/postern.db"}) {
      const std::string file = name == "/spool" ? "/spool/spool.db" : name;
      if (!fs::exists(data_dir_ + file, error)) continue;
      fs::rename(data_dir_ + name, data_dir_ + name + suffix, error);
      if (error) {
        return fail(Fault::permanent,
                    "cannot put " + data_dir_ + name + " aside: " + error.message());
      }
      is_kept = is_kept || name == "/spool";
    }
    fs::create_directories(data_dir_ + "/spool", error);
    return is_kept ? data_dir_ + "/spool" + suffix : std::string();
  }

  cluster::Database& database_;
  const std::string data_dir_;
  const bool back_;
  const std::shared_ptr<const store::SecretSeal> seal_;
  const std::function<void(const std::string& why)> waits_;
};

}  // namespace

int run_cluster_migrate(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  const bool back = arguments.has("--back");
  std::string data_dir;
  ClusterConfig settings;
  const auto database = cluster_database(arguments, streams, &settings, &data_dir);
  if (!database) return database.error();
  if (const Result<void> made = make_data_directory(data_dir); !made) {
    report(made.error().message, "choose another with `server.data_dir`", as_json, streams);
    return to_int(ExitCode::cannot_create);
  }
  // What is moved belongs to the gateway afterwards.
  const auto owner = ActingOwner::of(data_dir);
  if (!owner) return refuse_cluster(owner.error(), arguments, streams);
  const auto lock = DataLock::take(data_dir, migration_lock_patience);
  if (!lock) {
    report(lock.error().message, "stop the gateway first", as_json, streams);
    return to_int(exit_code_of(lock.error().fault));
  }
  if (const Result<void> nobody = alone(**database); !nobody) {
    return refuse_cluster(nobody.error(), arguments, streams);
  }
  auto seal = seal_of(settings);
  if (!seal) {
    report(seal.error().message,
           "`postern cluster init` makes the first one; else bring the file of the gateways",
           as_json, streams);
    return to_int(ExitCode::config);
  }
  const auto waits = [&](const std::string& why) {
    streams.err << why << ": waiting for its end, which takes half a minute if it was killed\n"
                << std::flush;
  };
  const Result<Moved> moved = Migration(**database, data_dir, back, std::move(*seal), waits).run();
  if (!moved) return refuse_cluster(moved.error(), arguments, streams);
  const spool::MovedMail& mail = moved->mail;
  if (as_json) {
    json::object rows;
    for (const store::MovedRows& one : moved->rows) rows[one.table] = one.rows;
    streams.out << json_text(json::object{{"messages", mail.messages},
                                          {"recipients", mail.recipients},
                                          {"octets", mail.octets},
                                          {"rows", std::move(rows)},
                                          {"inbox_messages", moved->inbox_messages},
                                          {"kept", moved->kept}})
                << '\n';
    return to_int(ExitCode::ok);
  }
  if (arguments.has("--quiet")) return to_int(ExitCode::ok);
  for (const store::MovedRows& one : moved->rows) {
    if (one.rows > 0) streams.out << fmt::format("{:16} {:>10} rows\n", one.table, one.rows);
  }
  streams.out << fmt::format("{:16} {:>10} with {} recipients, {} octets\n", "messages",
                             mail.messages, mail.recipients, mail.octets);
  if (moved->inbox_messages > 0) {
    streams.out << fmt::format("{:16} {:>10} messages stay in the database\n", "inboxes",
                               moved->inbox_messages);
  }
  streams.out << "all of it was compared; "
              << (back ? "start the gateway without `[cluster]`\n" : "start the gateways");
  if (!back) {
    streams.out << (moved->kept.empty() ? "; it was moved before\n"
                                        : ". What was here is kept in " + moved->kept + "\n");
  }
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
