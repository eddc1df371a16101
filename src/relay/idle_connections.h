// Connections that wait a few seconds for a further message (relay rules C1, C2).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "relay/connection.h"

namespace postern::relay {

/// A connection and when it was opened.
struct OpenConnection {
  std::unique_ptr<Connection> connection;
  std::chrono::steady_clock::time_point opened;
};

/// Not thread-safe; lives on the event loop of its connections.
class IdleConnections {
 public:
  /// `limit`: how long a connection waits; `most`: how many do, of all keys.
  IdleConnections(std::chrono::milliseconds limit, std::size_t most);
  ~IdleConnections();
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

  /// The one that was used last under this key, if its host has not gone; else an empty one.
  OpenConnection take(const std::string& key);
  bool has(const std::string& key) const;
  /// Keeps a reusable connection, or says QUIT when it is too old or there are too many. Both on
  /// the event loop that `executor` is of.
  void put(const std::string& key, OpenConnection open,
           const boost::asio::any_io_executor& executor);
  /// Says QUIT on all of them.
  void close();
  std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postern::relay
