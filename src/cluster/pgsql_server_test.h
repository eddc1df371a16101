// For tests: a PostgreSQL server of the test's own, on a socket.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/temporary_folder_test.h"

namespace postern::tests {

/// Started at the first use, stopped at the end of the process. Its settings are those of a durable
/// server, without a standby; `eatmydata`, if it is installed, makes its flushes to disk no-ops,
/// which a crash of the process survives. The server refuses to run as root, so it runs as
/// `postgres` then.
class PgsqlServer {
 public:
  /// The server of this process.
  static PgsqlServer& one() {
    static PgsqlServer server;
    return server;
  }
  PgsqlServer(const PgsqlServer&) = delete;
  PgsqlServer& operator=(const PgsqlServer&) = delete;

  /// A connection string of a new, empty database.
  /// `copy_of`: the database of which it is a copy, without sessions; empty: none.
  std::string database(const std::string& copy_of = "") {
    const std::string name = "test" + std::to_string(++databases_);
    server("createdb -h " + folder_.path() + " -U postgres " +
           (copy_of.empty() ? "" : "-T " + copy_of + " ") + name);
    return "host=" + folder_.path() + " user=postgres dbname=" + name;
  }
  /// Stops the server at once, as a crash does; start() brings it back.
  void crash() { server("pg_ctl -D " + folder_.path() + "/db -m immediate -w stop"); }
  /// Starts it.
  void start() {
    const std::string& path = folder_.path();
    server("pg_ctl -D " + path + "/db -w -l " + path + "/server.log -o \"-c listen_addresses= -c " +
           "unix_socket_directories=" + path + " -c max_connections=60 -c shared_buffers=32MB\" " +
           "start");
  }

 private:
  PgsqlServer() {
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
      programs_ = std::max(programs_, version.path().string() + "/bin/");
    }
    if (is_root_) run("chown postgres " + folder_.path());
    server("initdb -D " + folder_.path() + "/db -U postgres -A trust -E UTF8 --locale=C --no-sync");
    start();
  }
  ~PgsqlServer() {
    try {
      crash();
    } catch (const std::exception&) {
      // Its folder goes, and a server that misses its files ends.
    }
  }
  void server(const std::string& command) const {
    const std::string as = "setpriv --reuid=postgres --regid=postgres --clear-groups ";
    run("cd / && " + (is_root_ ? as : "") + "$(command -v eatmydata) " + programs_ + command +
        " >/dev/null 2>&1");
  }
  static void run(const std::string& command) {
    if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  }

  TemporaryFolder folder_;
  std::string programs_;
  bool is_root_ = ::geteuid() == 0;
  int databases_ = 0;
};

}  // namespace postern::tests
