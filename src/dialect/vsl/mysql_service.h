// `service N db:mysql`: a MySQL or MariaDB server. The connection is made by who loads the policy.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "dialect/vsl/source.h"
#include "script/world.h"

namespace postern::dialect::vsl {

struct File;

/// Where a database is, from the options of a service.
struct MysqlSettings {
  std::string host;    ///< "host", "host:port" or "unix:/socket"
  std::string user;    ///< empty: the default of the client library
  Secret password;     ///< empty: none
  std::string dbname;  ///< empty: none is selected
  bool tls = false;    ///< a server without TLS is an error
};

/// A server that scripts ask. Each call has a connection of its own. Thread-safe; calls block.
class MysqlServer {
 public:
  /// The result of a statement.
  struct Rows {
    std::vector<std::string> columns;                           ///< their names, in order
    std::vector<std::vector<std::optional<std::string>>> rows;  ///< nullopt: NULL
  };
  /// Escapes octets for use inside a string literal of this connection.
  using Quote = std::function<std::string(std::string_view)>;
  /// Makes the SQL text with the escape function of the connection.
  using Statement = std::function<std::string(const Quote&)>;

  virtual ~MysqlServer() = default;
  /// Runs one statement; one without rows gives none. `read_only`: the server refuses what writes.
  /// Waits until `deadline`. Fault::temporary: any failure; the message holds no secret.
  virtual Result<Rows> query(const Statement& statement, bool read_only,
                             script::Clock::time_point deadline) = 0;
};
/// Makes a server; opens no connection yet.
using OpenMysql = std::function<std::shared_ptr<MysqlServer>(MysqlSettings)>;

/// A statement with its parameters, in pieces.
class SqlText {
 public:
  /// A value to be inserted: text in quotes, or a literal as it is.
  struct Parameter {
    std::string text;
    bool in_quotes = false;
  };
  /// `?` outside of literals and comments stands for the next of `listed`. Throws a sentence if
  /// their number differs.
  static SqlText with(std::string_view sql, const std::vector<Parameter>& listed);
  /// `:name` stands for the value of `find`. Throws a sentence if that is null.
  static SqlText with(std::string_view sql,
                      const std::function<const Parameter*(std::string_view)>& find);
  /// The text for a connection.
  std::string text(const MysqlServer::Quote& quote) const;
  /// Whether it changes nothing by itself: SELECT without INTO, SHOW. Functions that it names may.
  static bool only_reads(std::string_view sql);

 private:
  std::vector<Parameter> pieces_;
};

/// Replaces the passwords in `service ... db:mysql` by asterisks, in their places, so that the text
/// can be recorded. The result is what prevents that: options that are not written there as texts.
std::vector<Mistake> hide_passwords(const File& file, std::string& text);

}  // namespace postern::dialect::vsl
