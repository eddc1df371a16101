// A MySQL and MariaDB client based on libmariadb, for lookups. Blocking: for the threads of a
// WorkPool.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "net/sql_client.h"

namespace postern::net {

/// TLS with a MySQL server. Connections over a Unix socket have none.
struct MysqlTls {
  bool required = false;     ///< a server without TLS is an error
  std::string ca_file;       ///< PEM; empty: none
  std::string ca_directory;  ///< of PEM files, as `openssl rehash` makes it; empty: none
  std::string certificate;   ///< PEM; our own; empty: none
  std::string key;           ///< PEM; of `certificate`
  std::string ciphers;       ///< of OpenSSL; empty: the library's
  /// The certificate must be for the server's name, and issued by an authority of `ca_file`,
  /// `ca_directory` or the system. If false, a chain is still verified if one of the two is set.
  bool verify_name = false;
};

/// Where and how to connect.
struct MysqlServers {
  /// Tried in order: "host", "host:port" or "unix:/socket"; "localhost" is the library's default
  /// socket, as in Postfix. A prefix `inet:` is removed.
  std::vector<std::string> hosts;
  std::string user;  ///< empty: the default of the library
  /// A server learns it only if it is known to be the one that was meant: through a Unix socket, or
  /// by `tls.verify_name`. Others get a proof (mysql_native_password, ed25519), or the connection
  /// fails.
  Secret password;
  std::string dbname;  ///< database name
  MysqlTls tls;        ///< for hosts that are not sockets
  /// Whether a statement without rows, such as a procedure that selects nothing, is an error.
  bool require_result_set = true;
  /// Whether connections are kept for later calls; a statement that fails on such a one is then
  /// sent again. For statements that write, or leave state: false.
  bool keep_connections = true;
  bool read_only = false;  ///< the server refuses what writes, also in functions it is asked for
};

/// A client of MySQL and MariaDB. Keys are UTF-8 (utf8mb4).
class MysqlClient final : public SqlClient {
 public:
  /// Opens no connection yet.
  explicit MysqlClient(MysqlServers servers);
  ~MysqlClient() override;

  Result<std::vector<std::string>> select(const Statement& statement,
                                          Clock::time_point deadline) override;
  /// A result with its columns; of several results, the columns are those of the first.
  struct Table {
    std::vector<std::string> columns;                           ///< their names, in order
    std::vector<std::vector<std::optional<std::string>>> rows;  ///< nullopt: NULL
  };
  /// As select(), with names and nulls.
  Result<Table> query(const Statement& statement, Clock::time_point deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::net
