// The section [lua]: a policy script, loaded together with the configuration.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "config/positions.h"

namespace postern::dialect::kumo {
class LuaPolicy;
}

namespace postern::app {

struct Config;
class ScriptRuntime;

/// Whether a policy's decisions count, or are only recorded.
enum class LuaMode : std::uint8_t { enforce, shadow };

/// The section [lua].
struct LuaConfig {
  std::string policy;               ///< path; empty: none
  LuaMode mode = LuaMode::enforce;  ///< whether its decisions count
  bool listeners = false;           ///< only listeners that the policy starts are opened
  std::vector<std::string> read;    ///< further directories that the policy may read
  /// Domains that any client may send to, unless get_listener_domain decides.
  std::vector<std::string> relay_to;
  CidrSet relay_hosts;  ///< networks of clients that may relay
  /// Allows relay_hosts and relay_from to contain unknown clients.
  bool open_relay_is_known = false;
  std::uint64_t instructions = 10'000'000;                    ///< limit of one hook
  std::uint64_t memory = 32u << 20;                           ///< octets, limit of one hook
  std::chrono::milliseconds time = std::chrono::seconds(10);  ///< limit of one hook, waits included
  std::string ca;  ///< PEM file for HTTPS servers of the policy; empty: the system's roots

  /// Null without a policy or if files are not read.
  std::shared_ptr<const dialect::kumo::LuaPolicy> loaded;
  /// What `loaded` runs on; outlives it.
  std::shared_ptr<ScriptRuntime> runtime;
};

/// Loads the policy and reports errors at their places; adds its listeners to `config`. `options`:
/// whether its scripts ask others. Blocks.
void load_lua(Config& config, const LoadOptions& options, const Positions& positions,
              Diagnostics& diagnostics);

}  // namespace postern::app
