// Connections that stay open for a few seconds for another message.
// Which messages may share one: docs/decisions/0026.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay/connection.h"

namespace postern::relay {

/// A connection and the time when it was opened.
struct OpenConnection {
  std::unique_ptr<Connection> connection;        ///< null: none
  std::chrono::steady_clock::time_point opened;  ///< when it was opened
};

/// Not thread-safe; use it on the event loop of its connections.
class IdleConnections {
 public:
  /// `limit`: how long a connection stays idle. `most`: number of idle connections under all keys.
  IdleConnections(std::chrono::milliseconds limit, std::size_t most);
  ~IdleConnections();
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

  /// Takes the connection used last under this key, if its host has not closed it; otherwise null.
  OpenConnection take(const std::string& key);
  /// Whether a connection is kept under this key.
  bool has(const std::string& key) const;
  /// Keeps a reusable connection, or sends QUIT when it is older than five minutes or there are too
  /// many. `executor` is that of the event loop.
  void put(const std::string& key, OpenConnection open,
           const boost::asio::any_io_executor& executor);
  /// Sends QUIT on all connections.
  void close();
  /// Number of connections.
  std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postern::relay
