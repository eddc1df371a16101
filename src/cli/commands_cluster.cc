// `postern cluster`.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <ostream>
#include <thread>

#include <sys/stat.h>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/publisher.h"
#include "base/text.h"
#include "cli/cluster_database.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cluster/advice.h"
#include "cluster/facts.h"
#include "cluster/members.h"
#include "cluster/moving.h"
#include "cluster/node.h"
#include "cluster/schema.h"
#include "config/cluster_options.h"
#include "config/key_file.h"
#include "config/password_file.h"
#include "doctor/cluster_checks.h"
#include "serve/cluster_member.h"
#include "store/pgsql_store.h"
#include "store/seal_store.h"

namespace postern::app {

namespace json = boost::json;

namespace {

/// More than the longest `drain_timeout` and its rest.
constexpr std::chrono::minutes longest_drain{15};

std::string_view state_of_member(const cluster::Member& member) {
  return member.is_stopped ? "stopped" : member.is_dead ? "dead" : "live";
}

/// Beside the state of one that counts as live and was silent: it may have died, or the database
/// was away.
std::string doubt_of(const cluster::Member& member) {
  if (member.is_dead || member.silence <= cluster::away_after) return "";
  return fmt::format("  not seen for {} s",
                     std::chrono::duration_cast<std::chrono::seconds>(member.silence).count());
}

}  // namespace

tl::expected<std::unique_ptr<cluster::Database>, int> cluster_database(const Arguments& arguments,
                                                                       Streams& streams,
                                                                       ClusterConfig* settings,
                                                                       std::string* data_dir) {
  const bool as_json = arguments.has("--json");
  const auto owner = arguments.value("--owner");
  LoadOptions load = without_files(arguments);
  load.credentials = beside_service(arguments).credentials;
  const std::optional<Config> config = load_for(arguments, streams, load);
  if (!config) return tl::unexpected(to_int(ExitCode::config));
  if (config->cluster.database.empty()) {
    report("the configuration names no cluster",
           "add `[cluster]` with `database = \"postgresql://postern@pg1,pg2,pg3/postern\"`",
           as_json, streams);
    return tl::unexpected(to_int(ExitCode::config));
  }
  if (settings != nullptr) *settings = config->cluster;
  if (data_dir != nullptr) *data_dir = config->server.data_dir.string();
  for (const auto& [key, file] : {std::pair("password_file", config->cluster.password_file),
                                  {"seal_key_file", config->cluster.seal_key_file}}) {
    if (!file.starts_with("credential:")) continue;
    report(fmt::format("`{}`: `{}` is given to the service alone", key, printable(file, 200)),
           "say where it is, as LoadCredential= of the unit does: --credentials "
           "certs:/etc/postern/credentials",
           as_json, streams);
    return tl::unexpected(to_int(ExitCode::config));
  }
  // The password is that of the gateways' role.
  auto options = cluster_options(config->cluster, !owner);
  if (options && owner) options->user = *owner;
  if (const auto file = arguments.value("--owner-password-file"); options && file) {
    Result<Secret> password = password_in(*file);
    if (!password) {
      report(password.error().message, "", as_json, streams);
      return tl::unexpected(to_int(ExitCode::config));
    }
    options->password = std::move(*password);
  }
  auto made = options ? cluster::Database::make(*options) : tl::unexpected(options.error());
  if (!made) {
    report(made.error().message, "", as_json, streams);
    return tl::unexpected(to_int(ExitCode::config));
  }
  return std::move(*made);
}

int refuse_cluster(const Error& error, const Arguments& arguments, Streams& streams) {
  std::string to_do = cluster::advice_on(error, arguments.value("--owner").has_value());
  // What PostgreSQL and libpq say, which translate nothing here.
  const auto says = [&](std::string_view words) {
    return error.message.find(words) != std::string::npos;
  };
  const bool has_no_table = says("relation \"") && says("\" does not exist");
  if (error.fault == Fault::not_found || has_no_table) {
    to_do = "make its tables first: `postern cluster init`";
  }
  report(error.message, to_do, arguments.has("--json"), streams);
  const bool is_setting =
      error.fault == Fault::denied || error.fault == Fault::conflict || cluster::lasts(error);
  return to_int(is_setting ? ExitCode::config : exit_code_of(error.fault));
}

namespace {

/// What was done to the secrets of the database.
struct Sealed {
  std::uint64_t values = 0;
  bool made_key = false;
};

/// Makes the key file if it is to be the first one.
Result<Sealed> seal_secrets(net::PgsqlSession& session, const ClusterConfig& settings) {
  Sealed done;
  if (settings.seal_key_file.empty()) return done;
  std::error_code unreadable;
  if (!std::filesystem::exists(settings.seal_key_file, unreadable) && !unreadable) {
    const Result<std::string> key = store::sealed_with(session);
    if (!key) return tl::unexpected(key.error());
    if (!key->empty()) {
      return fail(
          Fault::denied,
          fmt::format("the secrets are sealed with the key {}, and {} does not exist: bring "
                      "the file of the gateways",
                      *key, settings.seal_key_file));
    }
    const Result<void> made = write_key(settings.seal_key_file, store::SecretSeal::new_key());
    if (!made) return tl::unexpected(made.error());
    done.made_key = true;
  }
  const auto seal = seal_of(settings);
  if (!seal) return tl::unexpected(seal.error());
  const auto values = store::seal_store(session, **seal);
  if (!values) return tl::unexpected(values.error());
  done.values = *values;
  return done;
}

}  // namespace

int run_cluster_init(const Arguments& arguments, Streams& streams) {
  ClusterConfig settings;
  const auto database = cluster_database(arguments, streams, &settings);
  if (!database) return database.error();
  auto session = (*database)->connect();
  if (!session) return refuse_cluster(session.error(), arguments, streams);
  for (const cluster::Schema* schema : app::cluster_schemas()) {
    if (const Result<void> done = cluster::migrate(**session, *schema); !done) {
      return refuse_cluster(done.error(), arguments, streams);
    }
  }
  const Result<Sealed> sealed = seal_secrets(**session, settings);
  if (!sealed) return refuse_cluster(sealed.error(), arguments, streams);
  const auto role = arguments.value("--gateway");
  if (role) {
    if (const Result<void> done = cluster::grant(**session, *role); !done) {
      return refuse_cluster(done.error(), arguments, streams);
    }
  }
  if (arguments.has("--json")) {
    streams.out << json_text(json::object{
                       {"ready", true}, {"sealed", sealed->values}, {"made_key", sealed->made_key}})
                << '\n';
    return to_int(ExitCode::ok);
  }
  if (sealed->made_key) {
    streams.out << settings.seal_key_file
                << " is made: give each gateway a copy that its user alone can read, and keep one "
                   "apart from the backups of the database\n";
  }
  if (sealed->values > 0) streams.out << sealed->values << " secrets are sealed\n";
  if (!role && arguments.value("--owner")) {
    streams.out << "the tables are there; if the gateways have another role than the owner, give "
                   "it its rights: --gateway ROLE\n";
  } else {
    streams.out << "the tables are there; start the gateways\n";
  }
  return to_int(ExitCode::ok);
}

int run_cluster_status(const Arguments& arguments, Streams& streams) {
  std::string data_dir;
  const auto database = cluster_database(arguments, streams, nullptr, &data_dir);
  if (!database) return database.error();
  const Result<cluster::Members> found = cluster::members(**database);
  if (!found) return refuse_cluster(found.error(), arguments, streams);
  std::string trouble;
  if (found->forsaken > 0) {
    const auto session = (*database)->connect();
    const auto moved = session ? cluster::why_moving(**session) : tl::unexpected(session.error());
    if (!moved) return refuse_cluster(moved.error(), arguments, streams);
    if (!moved->empty()) trouble = "no gateway starts here: " + *moved;
  }
  // What another user may not read is no trouble of the cluster.
  if (const auto lacks = cluster::missing(**database, promised_file(data_dir));
      lacks && !lacks->empty()) {
    trouble =
        "the database is an older copy of itself, and no mail is taken or delivered: " + *lacks +
        "; see `postern cluster accept-loss --help`";
  }
  const int code = to_int(found->forsaken > 0 || !trouble.empty() ? ExitCode::no : ExitCode::ok);
  if (arguments.has("--json")) {
    json::array nodes;
    for (const cluster::Member& one : found->nodes) {
      nodes.push_back(json::object{{"name", one.name},
                                   {"version", one.version},
                                   {"state", state_of_member(one)},
                                   {"silence_ms", one.silence.count()},
                                   {"not_seen", !doubt_of(one).empty()},
                                   {"parts", one.parts}});
    }
    streams.out << json_text(json::object{{"nodes", std::move(nodes)},
                                          {"parts_without_owner", found->without_owner},
                                          {"trouble", trouble},
                                          {"system", found->epoch.system},
                                          {"timeline", found->epoch.timeline}})
                << '\n';
    return code;
  }
  streams.out << fmt::format("{:24} {:12} {:7} {:>9} {:>6}\n", "node", "version", "state",
                             "heard ago", "parts");
  for (const cluster::Member& one : found->nodes) {
    streams.out << fmt::format("{:24} {:12} {:7} {:>7.1f} s {:>6}{}\n", printable(one.name, 64),
                               printable(one.version, 64), state_of_member(one),
                               static_cast<double>(one.silence.count()) / 1000, one.parts,
                               doubt_of(one));
  }
  streams.out << fmt::format("timeline {} of database {}\n", found->epoch.timeline,
                             found->epoch.system);
  if (!trouble.empty()) {
    streams.out << trouble << '\n';
  } else if (found->without_owner > 0) {
    streams.out << fmt::format("{} of {} parts have no owner: {}\n", found->without_owner,
                               cluster::part_count,
                               found->forsaken > 0 ? "their mail waits" : "others take them now");
  }
  return code;
}

namespace {

/// The key of the secrets and, if it is the right one, the rows that gateways cannot read.
Result<doctor::Findings> look_at_rows(cluster::Database& database, const ClusterConfig& settings) {
  doctor::SealFacts facts{.file = settings.seal_key_file};
  struct stat status{};
  if (!facts.file.empty() && ::stat(facts.file.c_str(), &status) == 0) {
    facts.others_may_read = (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  }
  const auto seal = seal_of(settings);
  if (!seal) facts.trouble = seal.error().message;
  std::unique_ptr<store::PgsqlStore> store;
  if (seal) {
    auto opened = store::PgsqlStore::open(database, {.seal = *seal});
    if (!opened && opened.error().fault != Fault::denied) return tl::unexpected(opened.error());
    if (!opened) facts.trouble = opened.error().message;
    if (opened) store = std::move(*opened);
  }
  doctor::Findings found = doctor::check_seal(facts);
  if (!store) return found;
  policy::Directory directory;
  policy::DkimKeyring keyring;
  admin::Publisher publisher(*store, directory, {}, &keyring);
  std::vector<doctor::UnreadableRow> unreadable;
  publisher.on_unreadable([&](const admin::Unreadable& one) {
    unreadable.push_back({.id = one.id, .account = one.account, .why = one.why});
  });
  if (Result<void> read = publisher.load(); !read) return tl::unexpected(read.error());
  std::ranges::move(doctor::check_rows(unreadable), std::back_inserter(found));
  return found;
}

}  // namespace

int run_cluster_doctor(const Arguments& arguments, Streams& streams) {
  ClusterConfig settings;
  std::string data_dir;
  const auto database = cluster_database(arguments, streams, &settings, &data_dir);
  if (!database) return database.error();
  Result<cluster::Facts> facts = cluster::facts(**database);
  if (!facts) return refuse_cluster(facts.error(), arguments, streams);
  const std::string promised = promised_file(data_dir);
  Result<std::string> lacks = cluster::missing(**database, promised);
  if (lacks) facts->lacks = std::move(*lacks);
  doctor::Findings found = doctor::check_cluster(*facts, settings.allow_one_copy);
  Result<doctor::Findings> rows = look_at_rows(**database, settings);
  if (!rows) return refuse_cluster(rows.error(), arguments, streams);
  std::ranges::move(*rows, std::back_inserter(found));
  if (!lacks) {
    std::ranges::move(doctor::check_promise(promised, lacks.error()), std::back_inserter(found));
  }
  std::ranges::move(doctor::check_patroni(cluster::ask_patroni(settings.patroni),
                                          settings.patroni_protocol == PatroniProtocol::etcd3,
                                          settings.publish_wait),
                    std::back_inserter(found));
  streams.out << (arguments.has("--json") ? doctor::json_of(found) : doctor::text_of(found));
  return to_int(doctor::exit_code_of(found));
}

int run_cluster_drain(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  if (arguments.words.empty()) {
    return report_usage({"the name of the gateway is missing", "`postern cluster drain --help`"},
                        as_json, streams);
  }
  const std::string& name = arguments.words.front();
  const auto database = cluster_database(arguments, streams);
  if (!database) return database.error();
  if (const Result<void> asked = cluster::drain(**database, name); !asked) {
    if (asked.error().fault != Fault::not_found)
      return refuse_cluster(asked.error(), arguments, streams);
    report(asked.error().message, "`postern cluster status` shows who does", as_json, streams);
    return to_int(ExitCode::no_input);
  }
  if (!as_json) streams.out << name << " is asked to stop\n" << std::flush;
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    const Result<cluster::Presence> now = cluster::presence_of(**database, name);
    if (!now) return refuse_cluster(now.error(), arguments, streams);
    // Its parts are the others' by now; its process ends after that.
    if (*now == cluster::Presence::stopped) break;
    if (*now == cluster::Presence::dead) {
      report(fmt::format("{} was not heard of for {} s: it has died, or hangs", name,
                         cluster::dead_after.count()),
             "end its process if it hangs; the others take its parts now, and repeat its attempts "
             "half a minute later",
             as_json, streams);
      return to_int(ExitCode::no);
    }
    if (std::chrono::steady_clock::now() - began > longest_drain) {
      report(fmt::format("{} has not stopped within {} minutes", name, longest_drain.count()),
             "see its log", as_json, streams);
      return to_int(ExitCode::try_again);
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  if (as_json) {
    streams.out << json_text(json::object{{"node", name}, {"took_ms", took.count()}}) << '\n';
  } else {
    streams.out << fmt::format(
        "{} has given up its parts, after {:.1f} s, and the others take them; "
        "its process ends now\n",
        name, static_cast<double>(took.count()) / 1000);
  }
  return to_int(ExitCode::ok);
}

int run_cluster_accept_loss(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  std::string data_dir;
  const auto database = cluster_database(arguments, streams, nullptr, &data_dir);
  if (!database) return database.error();
  // The gateway of this machine may have been promised more than those that run, and be refused.
  const Result<std::string> missing = cluster::missing(**database, promised_file(data_dir));
  if (!missing && missing.error().fault == Fault::denied) {
    return refuse_cluster(missing.error(), arguments, streams);
  }
  if (missing && missing->empty()) {
    const Result<bool> content = cluster::are_all_content(**database);
    if (!content) return refuse_cluster(content.error(), arguments, streams);
    if (*content) {
      if (as_json) {
        streams.out << json_text(json::object{{"missing", false}}) << '\n';
      } else {
        streams.out << "nothing is missing, and nothing was changed: all gateways have what the "
                       "database promised them. If one of another machine is refused, run this "
                       "there\n";
      }
      return to_int(ExitCode::ok);
    }
  }
  if (!arguments.has("--yes")) {
    const Result<cluster::Members> found = cluster::members(**database);
    if (!found) return refuse_cluster(found.error(), arguments, streams);
    const std::string lacks = missing && !missing->empty() ? ": " + *missing : "";
    report(fmt::format("nothing is changed. With --yes all gateways go on with timeline {} of "
                       "database {}, whatever it lacks{}",
                       found->epoch.timeline, found->epoch.system, lacks),
           "look for a host that has everything first", as_json, streams);
    return to_int(ExitCode::no);
  }
  const Result<std::int64_t> times = cluster::accept_loss(**database, promised_file(data_dir));
  if (!times) return refuse_cluster(times.error(), arguments, streams);
  if (as_json) {
    streams.out << json_text(json::object{{"missing", true}, {"losses_accepted", *times}}) << '\n';
  } else {
    streams.out << "the gateways go on with what is there, within some seconds\n";
  }
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
