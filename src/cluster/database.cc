#include "cluster/database.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "base/text.h"
#include "cluster/lease.h"

namespace postern::cluster {
namespace {

using Session = net::PgsqlSession;
using Settings = Session::Settings;

struct Free {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::vector<std::string> items(const std::string& list) {
  std::vector<std::string> out;
  std::size_t from = 0;
  for (;;) {
    const std::size_t comma = list.find(',', from);
    out.push_back(list.substr(from, comma - from));
    if (comma == std::string::npos) return out;
    from = comma + 1;
  }
}

/// The value of a keyword that holds one for each host; one value serves all.
std::string of_host(const std::string& list, std::size_t host) {
  const std::vector<std::string> values = items(list);
  return values.size() == 1 ? values[0] : host < values.size() ? values[host] : "";
}

/// A host as people name it.
std::string host_name_of(const Settings& settings) {
  std::string host;
  std::string port = "5432";
  for (const auto& [keyword, value] : settings) {
    if (keyword == "host" || (keyword == "hostaddr" && host.empty())) host = value;
    if (keyword == "port") port = value;
  }
  if (host.empty()) return "the local socket";
  const bool is_v6 = host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

/// The authorities of Debian's ca-certificates.
constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";

/// Files that libpq looks for below the home directory where a string names none. Each gets a path
/// at which no file can be, which is no error to libpq but for a key without which its certificate
/// is of no use.
void look_into_no_home(Settings& settings) {
  const auto has = [&](std::string_view keyword) {
    return std::ranges::any_of(settings, [&](const auto& one) { return one.first == keyword; });
  };
  for (const std::string keyword : {"sslcert", "sslkey", "sslcrl", "passfile"}) {
    // The owner's password may be there.
    if (keyword == "passfile" && std::getenv("PGPASSFILE") != nullptr) continue;
    if (!has(keyword)) settings.emplace_back(keyword, "/dev/null/no-" + keyword);
  }
}

/// What libpq says, without the host that it names at the begin of each line.
std::string reason_of(std::string_view message) {
  constexpr std::string_view begin = "connection to server";
  constexpr std::string_view until = " failed: ";
  std::string reason;
  for (;;) {
    const std::size_t host = message.find(begin);
    const std::size_t end = message.find(until, host);
    if (host == std::string_view::npos || end == std::string_view::npos) break;
    reason += message.substr(0, host);
    message.remove_prefix(end + until.size());
  }
  return reason.append(message);
}

/// Whether the octets of a session with `host` stay on this machine: a socket, or loopback.
bool stays_here(const std::string& host) {
  return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" ||
         host == "::1" || host.starts_with("127.");
}

/// The server ends sessions whose client is gone, or hangs in the middle of a transaction: they
/// hold locks. None of these cuts a commit that waits for a standby, since that is neither idle nor
/// interrupted for a lost client (SyncRepWaitForLSN). No statement here is long enough to compile:
/// without statistics the planner thinks otherwise, and a look at the log of edits took a second.
constexpr const char* of_the_server =
    "-c jit=off -c idle_in_transaction_session_timeout={}s -c client_connection_check_interval=2s "
    "-c "
    "tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c "
    "tcp_user_timeout=15s";

/// After a try to which no host answered.
constexpr std::chrono::milliseconds between_connects{100};

/// What the primary says about itself. The functions work for a role without rights of its own.
constexpr const char* about_primary =
    "SELECT pg_is_in_recovery(), current_setting('synchronous_commit'), "
    "current_setting('synchronous_standby_names'), current_setting('fsync'), "
    "current_setting('full_page_writes'), "
    "coalesce(current_setting('transaction_timeout', true), '0'), "
    "(SELECT system_identifier::text FROM pg_control_system()), "
    "CASE WHEN pg_is_in_recovery() THEN '' "
    "ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END";

/// Of the errors of libpq the one of an unknown keyword is told, if the string has it with a value:
/// others repeat parts of the string, which may hold a password.
std::string unknown_option(std::string_view error, std::string_view postgres) {
  constexpr std::size_t longest_word = 30;
  const std::string_view user = postgres.substr(0, postgres.rfind('@'));
  const bool has_password = user.size() < postgres.size() && user.rfind(':') > user.find("://");
  if (has_password || postgres.find("password") != std::string_view::npos) return "";
  for (const std::string_view begin :
       {"invalid connection option \"", "invalid URI query parameter: \""}) {
    if (!error.starts_with(begin)) continue;
    error.remove_prefix(begin.size());
    const std::string_view word = error.substr(0, error.find('"'));
    const bool is_word =
        !word.empty() && word.size() <= longest_word &&
        std::ranges::all_of(word, [](char c) { return is_alnum(c) || c == '_'; }) &&
        postgres.find(fmt::format("{}=", word)) != std::string_view::npos;
    return is_word ? std::string(word) : "";
  }
  return "";
}

}  // namespace

tl::unexpected<Error> another_database(std::string_view is, std::string_view was) {
  return fail(Fault::denied,
              fmt::format("PostgreSQL: another database than before: it is {}, and was {}. Correct "
                          "`[cluster] database`; if it is meant, stop the gateway and remove "
                          "`cluster.json` from its `data_dir`",
                          is, was));
}

void forget_environment() {
  const std::unique_ptr<PQconninfoOption, Free> known(PQconninfoParse("", nullptr));
  for (const PQconninfoOption* one = known.get(); one != nullptr && one->keyword != nullptr;
       ++one) {
    if (one->envvar != nullptr && one->keyword != std::string_view("passfile")) {
      ::unsetenv(one->envvar);
    }
  }
}

std::vector<NamedFile> files_of(const std::string& postgres) {
  const std::unique_ptr<PQconninfoOption, Free> parsed(PQconninfoParse(postgres.c_str(), nullptr));
  std::vector<NamedFile> found;
  for (const PQconninfoOption* one = parsed.get(); one != nullptr && one->keyword != nullptr;
       ++one) {
    const std::string_view keyword(one->keyword);
    const bool is_file = keyword == "sslrootcert" || keyword == "sslcert" || keyword == "sslkey" ||
                         keyword == "sslcrl";
    if (is_file && one->val != nullptr && *one->val != '\0') {
      found.push_back({one->keyword, one->val});
    }
  }
  return found;
}

Result<std::unique_ptr<Database>> Database::make(DatabaseOptions options) {
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, Free> parsed(
      PQconninfoParse(options.postgres.c_str(), &why));
  if (!parsed) {
    const std::string option = unknown_option(why != nullptr ? why : "", options.postgres);
    PQfreemem(why);
    return fail(
        Fault::malformed,
        option.empty()
            ? std::string("the connection string of PostgreSQL cannot be read")
            : fmt::format("the connection string of PostgreSQL has the unknown word `{}`", option));
  }
  Settings common;
  std::string hosts;
  std::string addresses;
  std::string ports;
  std::string sslmode;
  std::string authorities;
  std::string server_options = fmt::format(of_the_server, transactions_idle_for.count());
  for (const PQconninfoOption* one = parsed.get(); one->keyword != nullptr; ++one) {
    if (one->val == nullptr) continue;
    const std::string_view keyword(one->keyword);
    if (keyword == "user" && !options.user.empty()) continue;
    if (keyword == "options") {
      server_options = std::string(one->val) + " " + server_options;
      continue;
    }
    if (keyword == "service") {
      // Its file could name another host, without TLS.
      return fail(Fault::malformed, "the connection string names a service: write its hosts here");
    }
    if (keyword == "password" || keyword == "sslpassword") {
      return fail(Fault::malformed,
                  "the connection string holds a password: put it into `password_file`");
    }
    if (keyword == "host") {
      hosts = one->val;
    } else if (keyword == "hostaddr") {
      addresses = one->val;
    } else if (keyword == "sslmode") {
      sslmode = one->val;
    } else if (keyword == "sslrootcert") {
      authorities = one->val;
    } else if (keyword == "port") {
      ports = one->val;
    } else if (keyword != "target_session_attrs") {  // the check below is stricter
      common.emplace_back(keyword, one->val);
    }
  }
  // A host that has vanished is noticed within 6 seconds, also while a commit waits.
  for (const auto& [keyword, value] : {std::pair("tcp_user_timeout", "4000"),
                                       {"keepalives_idle", "2"},
                                       {"keepalives_interval", "1"},
                                       {"keepalives_count", "3"},
                                       {"client_encoding", "UTF8"},
                                       {"application_name", "postern"}}) {
    common.emplace_back(keyword, value);
  }
  common.emplace_back("options", server_options);
  if (!options.user.empty()) common.emplace_back("user", options.user);
  if (!options.password.empty()) common.emplace_back("password", options.password.reveal());
  look_into_no_home(common);
  std::vector<Settings> all;
  const std::size_t count = std::max(items(hosts).size(), items(addresses).size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::string host = of_host(hosts, i);
    const std::string address = of_host(addresses, i);
    Settings& one = all.emplace_back(common);
    if (!host.empty()) one.emplace_back("host", host);
    if (!address.empty()) one.emplace_back("hostaddr", address);
    if (const std::string port = of_host(ports, i); !port.empty()) one.emplace_back("port", port);
    const bool is_here = stays_here(address.empty() ? host : address);
    const bool is_verified = !is_here || sslmode.starts_with("verify-");
    one.emplace_back("sslrootcert", !authorities.empty() ? authorities
                                    : is_verified        ? system_authorities
                                                         : "/dev/null/no-sslrootcert");
    if (is_here) {
      if (!sslmode.empty()) one.emplace_back("sslmode", sslmode);
      continue;
    }
    if (!sslmode.empty() && sslmode != "verify-full") {
      return fail(Fault::malformed, "sslmode must be verify-full for a host that is elsewhere");
    }
    one.emplace_back("sslmode", "verify-full");
  }
  return std::unique_ptr<Database>(new Database(std::move(all), options.allow_one_copy));
}

/// Whether a commit of this host is on two disks when it returns. Fault::not_found: a standby.
Result<Epoch> Database::examine(Session& session) const {
  const auto said = session.run({.sql = about_primary, .values = {}}, Clock::now() + answer_limit);
  if (!said) return fail(Fault::unreachable, said.error().message);
  if (said->boolean(0, 0)) return fail(Fault::not_found, "is a standby");
  const auto must_be = [&](int column, std::string_view wanted, std::string_view name) {
    const std::string is = said->text(0, column);
    return is == wanted ? std::string() : fmt::format("{} is {}, not {}", name, is, wanted);
  };
  for (const std::string& wrong :
       {must_be(1, "on", "synchronous_commit"), must_be(3, "on", "fsync"),
        must_be(4, "on", "full_page_writes"), must_be(5, "0", "transaction_timeout")}) {
    if (!wrong.empty()) return fail(Fault::denied, wrong);
  }
  if (said->octets(0, 2).empty() && !allow_one_copy_) {
    return fail(Fault::denied,
                "synchronous_standby_names is empty: a commit would be on one disk only");
  }
  return Epoch{.system = said->text(0, 6), .timeline = std::stoll(said->text(0, 7), nullptr, 16)};
}

Epoch Database::epoch() const {
  const std::lock_guard guard(mutex_);
  return epoch_;
}

/// Each try is a TLS handshake with every host, at a time when they recover: while no host answers,
/// one thread tries, and the others wait for what comes of it.
Result<std::unique_ptr<Session>> Database::connect() {
  std::unique_lock lock(away_mutex_);
  if (away_ && trying_) {
    tried_.wait_for(lock, answer_limit, [this] { return !trying_; });
    if (away_) return tl::unexpected(*away_);
  }
  if (away_ && Clock::now() < try_again_) return tl::unexpected(*away_);
  const bool is_probe = away_.has_value();
  if (is_probe) trying_ = true;
  lock.unlock();
  const auto end = [&](const Error* error) {
    lock.lock();
    if (is_probe) trying_ = false;
    const bool is_away = error != nullptr && error->fault == Fault::unreachable;
    away_ = is_away ? std::optional(*error) : std::nullopt;
    if (is_away) try_again_ = Clock::now() + between_connects;
    lock.unlock();
    tried_.notify_all();
  };
  try {
    auto session = try_hosts();
    end(session ? nullptr : &session.error());
    return session;
  } catch (...) {
    end(nullptr);
    throw;
  }
}

Result<std::unique_ptr<Session>> Database::try_hosts() {
  auto sessions = Session::connect(hosts_, Clock::now() + answer_limit);
  std::unique_ptr<Session> best;
  Epoch newest;
  std::string troubles;
  // A host that must not be trusted says more than one that is away.
  Fault fault = Fault::unreachable;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    auto& session = sessions[i];
    Result<Epoch> found = session ? examine(**session) : tl::unexpected(session.error());
    if (!found) {
      if (found.error().fault == Fault::denied) fault = Fault::denied;
      troubles += fmt::format("{}{}: {}", troubles.empty() ? "" : "; ", host_name_of(hosts_[i]),
                              reason_of(found.error().message));
      continue;
    }
    if (best && found->timeline <= newest.timeline) continue;
    best = std::move(*session);
    newest = std::move(*found);
  }
  if (!best) {
    return fail(fault, "PostgreSQL: " + (troubles.empty() ? "no host is known" : troubles));
  }
  if (Result<void> known = follow(newest); !known) return tl::unexpected(known.error());
  best->only_while([timelines = newest_, mine = newest.timeline] { return *timelines <= mine; });
  const std::shared_lock guard(witness_mutex_);
  if (witness_) {
    if (Result<void> kept = witness_(*best); !kept) return tl::unexpected(kept.error());
  }
  return best;
}

void Database::expect(const Epoch& seen) {
  const std::lock_guard guard(mutex_);
  epoch_ = std::max(epoch_, seen);
  *newest_ = epoch_.timeline;
}

void Database::ask_first(Witness witness) {
  const std::lock_guard guard(witness_mutex_);
  witness_ = std::move(witness);
}

/// A failover begins a new timeline; neither an older one nor another database is followed.
Result<void> Database::follow(const Epoch& newest) {
  const std::lock_guard guard(mutex_);
  if (!epoch_.system.empty() && epoch_.system != newest.system) {
    return another_database("of the system identifier " + newest.system,
                            "of the system identifier " + epoch_.system);
  }
  if (newest.timeline < epoch_.timeline) {
    return fail(Fault::unreachable,
                fmt::format("PostgreSQL: the host writes timeline {}, an older one than {}",
                            newest.timeline, epoch_.timeline));
  }
  epoch_ = newest;
  *newest_ = epoch_.timeline;
  return {};
}

}  // namespace postern::cluster
