// The section [lua]: a policy script, loaded while the configuration is.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/config_positions.h"
#include "base/ip.h"

namespace postern::dialect::kumo {
class Policy;
}

namespace postern::app {

struct Config;
class ScriptRuntime;

enum class LuaMode : std::uint8_t { enforce, shadow };

struct LuaConfig {
  std::string policy;  ///< the file; empty: none
  LuaMode mode = LuaMode::enforce;
  bool listeners = false;         ///< only those that the policy starts
  std::vector<std::string> read;  ///< folders whose files the policy may read
  std::vector<std::string> relay_to;
  CidrSet relay_hosts;
  bool open_relay_is_known = false;
  std::uint64_t instructions = 10'000'000;
  std::uint64_t memory = 32u << 20;
  std::chrono::milliseconds time = std::chrono::seconds(10);
  std::string ca;  ///< PEM file, of servers that the policy asks; empty: the system's roots

  /// Null without a policy, and when files are not read. The runtime is behind it.
  std::shared_ptr<const dialect::kumo::Policy> loaded;
  std::shared_ptr<ScriptRuntime> runtime;
};

/// Loads the policy and notes what is wrong at its place; its listeners are added to the
/// configuration's.
void load_lua(Config& config, const Positions& positions, Diagnostics& diagnostics);

}  // namespace postern::app
