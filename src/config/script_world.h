// What scripts and AUTH sources can reach: HTTP servers that the operator named, threads that may
// block, the log.
#pragma once

#include <string>

#include "net/http_client.h"
#include "net/work_pool.h"
#include "script/world.h"

namespace postern::app {

/// One for the process, used on any of its event loops. To be destroyed after the loops have
/// stopped and before they are destroyed.
class ScriptWorld final : public script::World {
 public:
  /// Options of HTTP requests.
  struct Options {
    std::string ca_file;                 ///< PEM; empty: the system's roots
    std::string user_agent = "Postern";  ///< the User-Agent field (RFC 9110 §10.1.5)
  };
  /// `resolver` and `pool` outlive it.
  ScriptWorld(dns::Resolver& resolver, net::WorkPool& pool, Options options);

  /// See World::http().
  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point deadline) override;
  /// See World::blocking().
  Task<Result<void>> blocking(std::function<void()> job) override;
  /// Logs a line "script.log"; an unknown level becomes info.
  void log(std::string_view level, std::string_view place, std::string_view text) override;

 private:
  net::HttpClients clients_;
  net::WorkPool& pool_;
};

}  // namespace postern::app
