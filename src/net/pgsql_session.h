// A session with PostgreSQL for data that promises depend on: pipelines of prepared statements, and
// transactions whose end is known or said to be unknown. For look-ups see PgsqlClient.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/pgsql_values.h"

struct pg_conn;

namespace postern::net {

/// A statement of constant text with its parameters, $1 first. The text is never made of values.
struct PgsqlStatement {
  std::string sql;                 ///< one statement
  std::vector<PgsqlValue> values;  ///< its parameters
};

/// Why a statement failed.
struct PgsqlFailure {
  std::string state;    ///< the SQLSTATE; empty: the session is lost
  std::string message;  ///< one sentence, without values
};

/// How a transaction ended. `unknown`: it may be committed now, later, or never; only the same
/// statements again, on another session, tell.
enum class PgsqlEnd { committed, refused, unknown };

/// The end of a transaction.
struct PgsqlOutcome {
  PgsqlEnd end = PgsqlEnd::unknown;  ///< how it ended
  std::vector<PgsqlRows> rows;       ///< of each statement, when committed
  PgsqlFailure failure;              ///< set unless committed
};

/// One session. Not thread-safe; its functions block, at most until their deadlines. Nothing is
/// ever cancelled: PostgreSQL commits a transaction whose wait for a standby is cancelled, and
/// warns only (SyncRepWaitForLSN). A session whose answer is late is abandoned instead.
class PgsqlSession {
 public:
  using Clock = std::chrono::steady_clock;
  /// Keywords of libpq and their values (PostgreSQL's documentation, §34.1.2).
  using Settings = std::vector<std::pair<std::string, std::string>>;

  /// Connects to all hosts at once; one entry for each of `hosts`, in their order. When one has
  /// answered, the others have a second left.
  /// Fault::unreachable: it cannot be reached in this time, or refuses the user.
  static std::vector<Result<std::unique_ptr<PgsqlSession>>> connect(
      const std::vector<Settings>& hosts, Clock::time_point deadline);
  ~PgsqlSession();
  PgsqlSession(const PgsqlSession&) = delete;
  PgsqlSession& operator=(const PgsqlSession&) = delete;

  /// Runs the statements one after the other in one pipeline; after a failure the rest is skipped.
  /// Outside of a transaction they are one implicit one.
  tl::expected<std::vector<PgsqlRows>, PgsqlFailure> run(std::span<const PgsqlStatement> statements,
                                                         Clock::time_point deadline);
  /// The same for one statement.
  tl::expected<PgsqlRows, PgsqlFailure> run(PgsqlStatement statement, Clock::time_point deadline);

  /// BEGIN, the statements and COMMIT in one pipeline.
  PgsqlOutcome transact(std::vector<PgsqlStatement> statements, Clock::time_point deadline);
  /// COMMIT of a transaction that run() began. Its rows are left empty.
  PgsqlOutcome commit(Clock::time_point deadline);
  /// ROLLBACK; a session that cannot is lost.
  void roll_back(Clock::time_point deadline);

  /// From now on it may be used only while `is_current` says so. It is called on the thread that
  /// uses the session.
  void only_while(std::function<bool()> is_current) { is_current_ = std::move(is_current); }
  /// Whether the session may be used: false after a lost connection, a late answer, a warning in a
  /// transaction, or an unknown end, and when it is not current any more.
  bool usable() const { return usable_ && (!is_current_ || is_current_()); }
  /// The socket, for poll(2); notifications arrive on it.
  int descriptor() const;
  /// Reads what has arrived. True: there was a notification.
  bool notified();

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  using Said = tl::expected<std::vector<PgsqlRows>, PgsqlFailure>;
  struct Attempt;
  explicit PgsqlSession(std::unique_ptr<pg_conn, Close> connection);
  static void note(void* session, const pg_result* notice);
  PgsqlFailure lost(std::string why);
  bool wait(short events, Clock::time_point deadline);
  bool flush(Clock::time_point deadline);
  void take_notifications();
  std::optional<PgsqlFailure> prepare(const PgsqlStatement& statement, Clock::time_point deadline);
  Said answers(Clock::time_point deadline);
  PgsqlOutcome judge(Said said, Clock::time_point deadline);

  std::unique_ptr<pg_conn, Close> connection_;
  std::map<std::string, std::string, std::less<>> prepared_;  ///< names by text
  bool usable_ = true;
  std::function<bool()> is_current_;  ///< null: always
  bool notified_ = false;             ///< since the last notified()
  bool warned_ = false;               ///< a WARNING since the last end of a transaction
  std::string warning_;               ///< its text
};

}  // namespace postern::net
