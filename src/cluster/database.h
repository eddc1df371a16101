// Where a cluster keeps its data: the one host of PostgreSQL that may be written to, found anew for
// each session, and checked before anything is entrusted to it.
#pragma once

#include <atomic>
#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "net/pgsql_session.h"

namespace postern::cluster {

using Clock = std::chrono::steady_clock;
/// Time limit of one statement, and of finding the primary.
inline constexpr std::chrono::seconds answer_limit{5};

/// How the database is reached.
struct DatabaseOptions {
  /// A connection string of libpq, keywords or URI, that may name several hosts. What it does not
  /// name is not looked for in the home directory; without `sslrootcert` the authorities of the
  /// system count.
  std::string postgres;
  std::string user;  ///< instead of that of the string; empty: that one
  Secret password;   ///< empty: none, or one that libpq finds itself
  /// Whether a primary that waits for no standby is taken: for trials, and for tests.
  bool allow_one_copy = false;
};

/// Which history a primary writes. A failover begins a new timeline.
struct Epoch {
  std::string system;         ///< the system identifier; empty: none was seen
  std::int64_t timeline = 0;  ///< rises with each failover
  auto operator<=>(const Epoch&) const = default;
};

/// Which database of a server holds the cluster. Its copies and its restored backups have the same
/// id, in whatever server they are.
struct Home {
  std::string cluster;   ///< the id of the cluster, made with its tables; empty: not known
  std::string database;  ///< the name of the database
};

/// The refusal of what is not a copy of the database of before, which `was` and `is` describe.
/// Fault::denied.
tl::unexpected<Error> another_database(std::string_view is, std::string_view was);

/// Removes the variables from which libpq takes what a connection string leaves out, such as PGHOST
/// and PGSSLMODE: they would lead elsewhere. PGPASSFILE stays. Before other threads run.
void forget_environment();

/// A file that a connection string names.
struct NamedFile {
  std::string keyword;  ///< "sslrootcert", "sslcert", "sslkey" or "sslcrl"
  std::string path;     ///< as it is written
};
/// Those of a string of libpq; none if it cannot be read.
std::vector<NamedFile> files_of(const std::string& postgres);

/// Makes sessions with the primary. Thread-safe.
class Database {
 public:
  /// Fault::malformed: not a connection string, or one with a password in it.
  static Result<std::unique_ptr<Database>> make(DatabaseOptions options);

  /// A session with the writable host of the highest timeline; all hosts are asked at once. It is
  /// usable until a host of a higher one is seen: an old primary may go on and answer, and does not
  /// have what was committed since.
  /// Fault::unreachable: there is none now. Fault::denied: what is there must not be trusted: a
  /// setting gives up durability, or it is another database than before.
  Result<std::unique_ptr<net::PgsqlSession>> connect();
  /// The epoch of the newest primary that connect() saw, or of expect().
  Epoch epoch() const;
  /// An earlier process saw this epoch: no older one is taken.
  void expect(const Epoch& seen);
  /// What is asked of every new session before it is used: whether the database still has what it
  /// promised. Its error is that of connect(). Null: nothing. It is called on any thread, and no
  /// call is running when this returns.
  using Witness = std::function<Result<void>(net::PgsqlSession&)>;
  void ask_first(Witness witness);

 private:
  explicit Database(std::vector<net::PgsqlSession::Settings> hosts, bool allow_one_copy)
      : hosts_(std::move(hosts)), allow_one_copy_(allow_one_copy) {}
  Result<std::unique_ptr<net::PgsqlSession>> try_hosts();
  Result<Epoch> examine(net::PgsqlSession& session) const;
  Result<void> follow(const Epoch& newest);

  const std::vector<net::PgsqlSession::Settings> hosts_;
  const bool allow_one_copy_;
  mutable std::mutex mutex_;
  Epoch epoch_;
  /// epoch_.timeline, for sessions, which may outlive this object.
  std::shared_ptr<std::atomic<std::int64_t>> newest_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  std::mutex away_mutex_;
  std::condition_variable tried_;
  std::optional<Error> away_;        ///< of the last try, if no host answered
  Clock::time_point try_again_{};    ///< not before, while it is away
  bool trying_ = false;              ///< somebody asks the hosts, while it is away
  std::shared_mutex witness_mutex_;  ///< guards `witness_`; shared during its calls
  Witness witness_;
};

}  // namespace postern::cluster
