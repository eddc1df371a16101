#include "net/mysql_client.h"

#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>
#include <poll.h>  // POLLIN
#include <sys/socket.h>

#include <mutex>
#include <optional>
#include <utility>

#include "base/owned.h"
#include "base/text.h"
#include "net/connection_shelf.h"
#include "net/deadline_watch.h"
#include "net/socket_wait.h"

namespace postern::net {

namespace {

using Clock = MysqlClient::Clock;
using Table = MysqlClient::Table;

using MysqlHandle = Owned<MYSQL, mysql_close>;

struct MysqlConnection {
  MysqlHandle handle;
  std::string host;  ///< as configured
  bool tls = false;  ///< the library waits by itself, without a limit
};

/// Octets of all fields of an answer, and of one packet.
constexpr unsigned long most_answer_octets = 16 << 20;

/// Ways to log in that prove that the password is known: the server does not learn it.
constexpr const char* ways_that_prove = "mysql_native_password,client_ed25519";
/// With ways that show it to the server: encrypted with the key that the server sends, and as it is
/// in a socket, in TLS, and where TLS was asked for and the server has none.
constexpr const char* ways_that_may_show =
    "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password";

/// Runs the library's operations, which return when they would have to wait.
class Operation {
 public:
  Operation(MYSQL* connection, Clock::time_point deadline)
      : connection_(connection), deadline_(deadline) {}

  /// `start(&result)` and `go_on(&result, events)` return the MYSQL_WAIT_ events to wait for; 0:
  /// the operation has ended. After the deadline it ends with an error, since its socket is shut
  /// down: an operation that is abandoned would leak what is on its stack.
  template <class Value, class Start, class GoOn>
  Value run(Start start, GoOn go_on) {
    Value result{};
    int wanted = start(&result);
    while (wanted != 0) wanted = go_on(&result, wait(wanted));
    return result;
  }

  bool is_late() const { return late_ || Clock::now() >= deadline_; }
  /// For TLS, in which the library waits by itself: its socket is shut down at the deadline.
  void guard() {
    watch_.emplace("mysql-deadline", deadline_);
    watch_->watch(mysql_get_socket(connection_));
  }

 private:
  int wait(int wanted) {
    const int descriptor = mysql_get_socket(connection_);
    if (watch_) watch_->watch(descriptor);
    short events = 0;
    if ((wanted & MYSQL_WAIT_READ) != 0) events |= POLLIN;
    if ((wanted & MYSQL_WAIT_WRITE) != 0) events |= POLLOUT;
    if ((wanted & MYSQL_WAIT_EXCEPT) != 0) events |= POLLPRI;
    // An answer without an end must not go on beyond the deadline.
    if (is_late() || !wait_for_socket(descriptor, events, deadline_)) {
      late_ = true;
      ::shutdown(descriptor, SHUT_RDWR);
    }
    return wanted & ~MYSQL_WAIT_TIMEOUT;
  }

  MYSQL* const connection_;
  const Clock::time_point deadline_;
  std::optional<DeadlineWatch> watch_;
  bool late_ = false;
};

const char* unless_empty(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

/// False: the library does not take them. `identified`: who answers is the server that was meant.
bool set_mysql_options(MYSQL* handle, const MysqlServers& servers, bool tls, bool identified) {
  const my_bool yes = 1;
  const my_bool verify = servers.tls.verify_name ? 1 : 0;
  const unsigned int no = 0;
  bool fine = true;
  const auto set = [&](mysql_option option, const void* value) {
    fine = fine && mysql_optionsv(handle, option, value) == 0;
  };
  set(MYSQL_OPT_NONBLOCK, nullptr);
  set(MYSQL_SET_CHARSET_NAME, "utf8mb4");
  // A server could ask for any file of this machine.
  set(MYSQL_OPT_LOCAL_INFILE, &no);
  set(MYSQL_OPT_MAX_ALLOWED_PACKET, &most_answer_octets);
  // A server may ask for any way to log in.
  set(MARIADB_OPT_RESTRICTED_AUTH, identified ? ways_that_may_show : ways_that_prove);
  // After the server's own init_connect, which may have changed how keys must be quoted; the
  // library reads it from the answer. Functions cannot change the mode for the transaction they are
  // in.
  set(MYSQL_INIT_COMMAND, "SET NAMES utf8mb4");
  if (servers.read_only) set(MYSQL_INIT_COMMAND, "SET SESSION TRANSACTION READ ONLY");
  if (!tls) {
    // Later versions of the library verify unless told otherwise.
    const my_bool unverified = 0;
    set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &unverified);
    return fine;
  }
  set(MYSQL_OPT_SSL_ENFORCE, &yes);
  set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  const auto set_text = [&](mysql_option option, const std::string& value) {
    if (!value.empty()) set(option, value.c_str());
  };
  set_text(MYSQL_OPT_SSL_CA, servers.tls.ca_file);
  set_text(MYSQL_OPT_SSL_CAPATH, servers.tls.ca_directory);
  set_text(MYSQL_OPT_SSL_CERT, servers.tls.certificate);
  set_text(MYSQL_OPT_SSL_KEY, servers.tls.key);
  set_text(MYSQL_OPT_SSL_CIPHER, servers.tls.ciphers);
  return fine;
}

/// Why there is no connection. The library's own text about a way to log in is not used: it names
/// the wrong octets, among them a part of what was sent.
std::string refusal_of(MYSQL* handle, bool identified) {
  if (mysql_errno(handle) != CR_PLUGIN_NOT_ALLOWED) return mysql_error(handle);
  if (identified) {
    return "the server asks for the password in a way that is not allowed; let the user log in by "
           "mysql_native_password, ed25519, caching_sha2_password or sha256_password";
  }
  return "the server asks for the password, and nothing verifies who it is; verify its name in "
         "TLS, use a Unix socket, or let the user log in by mysql_native_password or ed25519";
}

Result<std::unique_ptr<MysqlConnection>> connect_mysql(const MysqlServers& servers,
                                                       const std::string& host,
                                                       Clock::time_point deadline) {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
  MysqlHandle handle(mysql_init(nullptr));
  if (!handle) return sql_trouble(host, "out of memory");
  const SqlHost parts(host);
  const std::string name(parts.host);
  const bool is_socket = parts.is_path || name == LOCAL_HOST;
  const bool tls = servers.tls.required && !is_socket;
  const bool identified = is_socket || (tls && servers.tls.verify_name);
  if (!set_mysql_options(handle.get(), servers, tls, identified))
    return sql_trouble(host, "the library takes no options");
  const auto port = static_cast<unsigned>(parse_number(parts.port).value_or(0));
  Operation operation(handle.get(), deadline);
  if (tls) operation.guard();
  MYSQL* const connected = operation.run<MYSQL*>(
      [&](MYSQL** made) {
        return mysql_real_connect_start(
            made, handle.get(), parts.is_path ? nullptr : name.c_str(), unless_empty(servers.user),
            unless_empty(servers.password.reveal()), unless_empty(servers.dbname), port,
            parts.is_path ? name.c_str() : nullptr, CLIENT_MULTI_RESULTS);
      },
      [&](MYSQL** made, int events) {
        return mysql_real_connect_cont(made, handle.get(), events);
      });
  if (connected == nullptr) {
    return sql_trouble(
        host, operation.is_late() ? "no connection in time" : refusal_of(handle.get(), identified));
  }
  if (tls && mysql_get_ssl_cipher(handle.get()) == nullptr) {
    return sql_trouble(host, "the server has no TLS");
  }
  return std::make_unique<MysqlConnection>(MysqlConnection{std::move(handle), host, tls});
}

/// One statement and all its results.
class MysqlFetch {
 public:
  MysqlFetch(MysqlConnection& connection, const MysqlServers& servers, Clock::time_point deadline)
      : host_(connection.host),
        handle_(connection.handle.get()),
        servers_(servers),
        operation_(handle_, deadline) {
    if (connection.tls) operation_.guard();
  }

  Used<Table> run(const MysqlClient::Statement& statement) {
    const std::string sql = statement([this](std::string_view value) {
      std::string made(value.size() * 2 + 1, '\0');
      made.resize(mysql_real_escape_string(handle_, made.data(), value.data(), value.size()));
      return made;
    });
    int failed = operation_.run<int>(
        [&](int* error) { return mysql_real_query_start(error, handle_, sql.data(), sql.size()); },
        [&](int* error, int events) { return mysql_real_query_cont(error, handle_, events); });
    if (failed != 0) return refused();
    // A procedure has several results; its own comes last, and has no rows.
    do {
      if (!take_result()) return broken();
      failed = operation_.run<int>(
          [&](int* more) { return mysql_next_result_start(more, handle_); },
          [&](int* more, int events) { return mysql_next_result_cont(more, handle_, events); });
    } while (failed == 0);
    if (failed > 0) return broken();
    if (!has_rows_ && servers_.require_result_set) {
      return {sql_trouble(host_, "the statement gives no rows")};
    }
    return {std::move(found_)};
  }

 private:
  struct FreeResult {
    void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
  };

  /// False: the connection cannot be used any more.
  bool take_result() {
    const std::unique_ptr<MYSQL_RES, FreeResult> result(mysql_use_result(handle_));
    if (!result) return mysql_errno(handle_) == 0;
    const unsigned int columns = mysql_num_fields(result.get());
    if (!std::exchange(has_rows_, true)) {
      const MYSQL_FIELD* const fields = mysql_fetch_fields(result.get());
      for (unsigned int column = 0; column < columns; ++column)
        found_.columns.emplace_back(fields[column].name, fields[column].name_length);
    }
    for (;;) {
      const MYSQL_ROW row = operation_.run<MYSQL_ROW>(
          [&](MYSQL_ROW* next) { return mysql_fetch_row_start(next, result.get()); },
          [&](MYSQL_ROW* next, int events) {
            return mysql_fetch_row_cont(next, result.get(), events);
          });
      if (row == nullptr) return mysql_errno(handle_) == 0;
      if (found_.rows.size() >= MysqlClient::most_rows) {
        error_ = "more than 1000 rows";
        // The rows that are left are not read.
        ::shutdown(mysql_get_socket(handle_), SHUT_RDWR);
        return false;
      }
      const unsigned long* const lengths = mysql_fetch_lengths(result.get());
      // A row has a place for each column, also where it is NULL.
      octets_ += columns * sizeof(std::optional<std::string>);
      for (unsigned int column = 0; column < columns; ++column) octets_ += lengths[column];
      if (octets_ > most_answer_octets) {
        error_ = "more than 16 MiB of rows";
        ::shutdown(mysql_get_socket(handle_), SHUT_RDWR);
        return false;
      }
      auto& fields = found_.rows.emplace_back(columns);
      for (unsigned int column = 0; column < columns; ++column) {
        if (row[column] != nullptr) fields[column].emplace(row[column], lengths[column]);
      }
    }
  }

  /// The server's own errors leave the connection as it is; those of the library (from 2000, and
  /// MariaDB's from 5000) do not. Neither do those by which a server ends a connection
  /// (ER_SERVER_SHUTDOWN, ER_CONNECTION_KILLED, ER_CLIENT_INTERACTION_TIMEOUT).
  Used<Table> refused() {
    const unsigned int code = mysql_errno(handle_);
    const bool of_server = code >= 1000 && (code < 2000 || (code >= 3000 && code < 5000));
    const bool ends = code == 1053 || code == 1927 || code == 4031;
    const bool lasts = !operation_.is_late() && of_server && !ends;
    if (!lasts) return broken();
    return {sql_trouble(host_, mysql_error(handle_))};
  }

  Used<Table> broken() {
    const std::string why = !error_.empty()        ? error_
                            : operation_.is_late() ? "no answer in time"
                                                   : std::string(mysql_error(handle_));
    return {sql_trouble(host_, why), true, error_.empty() && !operation_.is_late()};
  }

  const std::string& host_;
  MYSQL* const handle_;
  const MysqlServers& servers_;
  Operation operation_;
  Table found_;
  std::size_t octets_ = 0;
  std::string error_;
  bool has_rows_ = false;
};

}  // namespace

struct MysqlClient::State {
  MysqlServers servers;
  ConnectionShelf<MysqlConnection> shelf;
};

MysqlClient::MysqlClient(MysqlServers servers) : state_(std::make_unique<State>()) {
  state_->servers = std::move(servers);
}

MysqlClient::~MysqlClient() = default;

Result<std::vector<std::string>> MysqlClient::select(const Statement& statement,
                                                     Clock::time_point deadline) {
  Result<Table> table = query(statement, deadline);
  if (!table) return tl::unexpected(table.error());
  std::vector<std::string> fields;
  for (auto& row : table->rows) {
    for (auto& field : row) {
      if (field) fields.push_back(std::move(*field));
    }
  }
  return fields;
}

Result<Table> MysqlClient::query(const Statement& statement, Clock::time_point deadline) {
  const MysqlServers& servers = state_->servers;
  const auto connect_one = [&](const std::string& host, Clock::time_point until) {
    return connect_mysql(servers, host, until);
  };
  if (!servers.keep_connections) {
    auto connection = first_that_connects<MysqlConnection>(servers.hosts, deadline, connect_one);
    if (!connection) return tl::unexpected(connection.error());
    return MysqlFetch(**connection, servers, deadline).run(statement).result;
  }
  return state_->shelf.with(
      [&] { return first_that_connects<MysqlConnection>(servers.hosts, deadline, connect_one); },
      [&](MysqlConnection& connection) {
        return MysqlFetch(connection, servers, deadline).run(statement);
      });
}

}  // namespace postern::net
