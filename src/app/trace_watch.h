// The trace of one connection, for whoever made that connection.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/ip.h"
#include "policy/trace.h"

namespace postern::app {

/// Knows a connection by its client's end. Safe from any thread; costs an atomic load a trace while
/// nobody watches.
class TraceWatch {
 public:
  using Client = std::pair<IpAddress, std::uint16_t>;

  /// While this lives, the id of the last trace of the client's connection is noted.
  class Watched {
   public:
    Watched(TraceWatch& watch, Client client);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    std::optional<std::string> trace_id() const;

   private:
    TraceWatch& watch_;
    Client client_;
  };

  void ended(const policy::Trace& trace);

 private:
  std::atomic<std::size_t> watched_{0};
  std::mutex mutex_;
  std::map<Client, std::optional<std::string>> ids_;
};

}  // namespace postern::app
