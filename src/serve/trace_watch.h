// Reports the trace of a connection to the code that opened it.
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

/// Identifies connections by the client's address and port. Thread-safe; while nothing is watched,
/// it costs one atomic load per trace.
class TraceWatch {
 public:
  /// The client's end of a connection.
  using Client = std::pair<IpAddress, std::uint16_t>;

  /// During its lifetime, the id of the last trace of the client's connection is kept.
  class Watched {
   public:
    /// `watch` outlives it.
    Watched(TraceWatch& watch, Client client);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    /// nullopt: no trace has ended yet.
    std::optional<std::string> trace_id() const;

   private:
    TraceWatch& watch_;
    Client client_;
  };

  /// A transaction ended.
  void ended(const policy::Trace& trace);

 private:
  std::atomic<std::size_t> watched_{0};
  std::mutex mutex_;
  std::map<Client, std::optional<std::string>> ids_;
};

}  // namespace postern::app
