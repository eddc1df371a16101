#include "net/pgsql_client.h"

#include <libpq-fe.h>
#include <poll.h>  // POLLIN

#include "base/owned.h"
#include "net/connection_shelf.h"
#include "net/socket_wait.h"

namespace postern::net {

namespace {

using Clock = PgsqlClient::Clock;
using Rows = std::vector<std::string>;
constexpr int most_rows = PgsqlClient::most_rows;

using PgsqlHandle = Owned<PGconn, PQfinish>;
using Answer = Owned<PGresult, PQclear>;

struct PgsqlConnection {
  PgsqlHandle handle;
  std::string host;  ///< as configured
};

/// An entry of PgsqlServers::hosts as libpq keywords.
std::vector<std::pair<const char*, std::string>> keywords_of_host(std::string_view host) {
  if (host.find("://") != std::string_view::npos) return {{"dbname", std::string(host)}};
  const SqlHost parts(host);
  return {{"host", std::string(parts.host)}, {"port", std::string(parts.port)}};
}

Result<std::unique_ptr<PgsqlConnection>> connect_pgsql(const PgsqlServers& servers,
                                                       const std::string& host,
                                                       Clock::time_point deadline) {
  auto settings = keywords_of_host(host);
  settings.emplace_back("dbname", servers.dbname);
  settings.emplace_back("user", servers.user);
  settings.emplace_back("password", servers.password.reveal());
  settings.emplace_back("client_encoding", "UTF8");
  settings.emplace_back("application_name", "postern");
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : settings) {
    if (value.empty()) continue;
    names.push_back(name);
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  // The first dbname may be a URI, which is expanded; later keywords take precedence.
  PgsqlHandle handle(PQconnectStartParams(names.data(), values.data(), 1));
  if (!handle) return sql_trouble(host, "out of memory");
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (PQstatus(handle.get()) != CONNECTION_BAD) {
    if (next == PGRES_POLLING_OK) {
      PQsetnonblocking(handle.get(), 1);
      return std::make_unique<PgsqlConnection>(PgsqlConnection{std::move(handle), host});
    }
    if (next == PGRES_POLLING_FAILED) break;
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_for_socket(PQsocket(handle.get()), events, deadline))
      return sql_trouble(host, "no connection in time");
    next = PQconnectPoll(handle.get());
  }
  return sql_trouble(host, PQerrorMessage(handle.get()));
}

/// The results of one statement, row by row.
class PgsqlFetch {
 public:
  PgsqlFetch(PgsqlConnection& connection, Clock::time_point deadline)
      : host_(connection.host), handle_(connection.handle.get()), deadline_(deadline) {}

  Used<Rows> run(const PgsqlClient::Statement& statement) {
    bool quoted = true;
    const std::string sql = statement([&](std::string_view value) {
      std::string made(value.size() * 2 + 1, '\0');
      int error = 0;
      made.resize(PQescapeStringConn(handle_, made.data(), value.data(), value.size(), &error));
      quoted = quoted && error == 0;
      return made;
    });
    if (!quoted) return {sql_trouble(host_, "a key that cannot be quoted")};
    // PQsendQueryParams() allows only one statement, even without parameters.
    if (PQsendQueryParams(handle_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) != 1 ||
        PQsetSingleRowMode(handle_) != 1 || !flush()) {
      return broken();
    }
    for (;;) {
      if (!input()) return broken();
      const Answer answer(PQgetResult(handle_));
      if (!answer) return done();
      if (!take(answer.get())) return broken();
    }
  }

 private:
  bool flush() {
    for (int left = PQflush(handle_); left != 0; left = PQflush(handle_)) {
      if (left < 0) return false;
      if (!wait(POLLOUT)) return false;
    }
    return true;
  }

  bool input() {
    while (PQisBusy(handle_) != 0) {
      if (!wait(POLLIN) || PQconsumeInput(handle_) != 1) return false;
    }
    return true;
  }

  bool wait(short events) {
    // An answer without an end must not go on beyond the deadline.
    late_ = Clock::now() >= deadline_ || !wait_for_socket(PQsocket(handle_), events, deadline_);
    return !late_;
  }

  /// False: reading on is useless.
  bool take(const PGresult* answer) {
    const ExecStatusType status = PQresultStatus(answer);
    if (status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE) {
      const char* why = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
      error_ = why != nullptr ? why : "the statement gives no rows";
      return PQstatus(handle_) == CONNECTION_OK;
    }
    rows_ += PQntuples(answer);
    if (rows_ > most_rows) {
      error_ = "more than 1000 rows";
      return false;
    }
    for (int row = 0; row < PQntuples(answer); ++row) {
      for (int column = 0; column < PQnfields(answer); ++column) {
        if (PQgetisnull(answer, row, column) != 0) continue;
        found_.emplace_back(PQgetvalue(answer, row, column),
                            static_cast<std::size_t>(PQgetlength(answer, row, column)));
      }
    }
    return true;
  }

  Used<Rows> done() {
    if (!error_.empty()) return {sql_trouble(host_, error_)};
    return {std::move(found_)};
  }

  Used<Rows> broken() {
    const std::string why = late_             ? "no answer in time"
                            : !error_.empty() ? error_
                                              : std::string(PQerrorMessage(handle_));
    return {sql_trouble(host_, why), true, !late_ && rows_ <= most_rows};
  }

  const std::string& host_;
  PGconn* const handle_;
  const Clock::time_point deadline_;
  Rows found_;
  std::string error_;
  int rows_ = 0;
  bool late_ = false;
};

}  // namespace

struct PgsqlClient::State {
  PgsqlServers servers;
  ConnectionShelf<PgsqlConnection> shelf;
};

PgsqlClient::PgsqlClient(PgsqlServers servers) : state_(std::make_unique<State>()) {
  state_->servers = std::move(servers);
}

PgsqlClient::~PgsqlClient() = default;

Result<Rows> PgsqlClient::select(const Statement& statement, Clock::time_point deadline) {
  const PgsqlServers& servers = state_->servers;
  const auto connect_one = [&](const std::string& host, Clock::time_point until) {
    return connect_pgsql(servers, host, until);
  };
  return state_->shelf.with(
      [&] { return first_that_connects<PgsqlConnection>(servers.hosts, deadline, connect_one); },
      [&](PgsqlConnection& connection) { return PgsqlFetch(connection, deadline).run(statement); });
}

}  // namespace postern::net
