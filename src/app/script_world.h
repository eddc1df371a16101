// What scripts and AUTH back-ends reach of the world: HTTP to servers that the operator named,
// threads that may block, the log.
#pragma once

#include <string>

#include "net/http_client.h"
#include "net/work_pool.h"
#include "script/world.h"

namespace postern::app {

/// One for the process, on any of its event loops. Destroyed after the loops have stopped and
/// before they are destroyed.
class ScriptWorld final : public script::World {
 public:
  struct Options {
    std::string ca_file;  ///< PEM; empty: the system's certificate store
    std::string user_agent = "Postern";
  };
  /// `resolver` and `pool` outlive it.
  ScriptWorld(dns::Resolver& resolver, net::WorkPool& pool, Options options);

  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point deadline) override;
  Task<Result<void>> blocking(std::function<void()> job) override;
  /// A line "script.log" of that level; any other word is info.
  void log(std::string_view level, std::string_view place, std::string_view text) override;

 private:
  net::HttpClients clients_;
  net::WorkPool& pool_;
};

}  // namespace postern::app
