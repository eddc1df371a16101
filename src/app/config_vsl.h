// The section [vsl]: a policy of `.vsl` rules, loaded while the configuration is.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "app/config_lua.h"

namespace postern::dialect::vsl {
class Policy;
}

namespace postern::app {

/// One `[[vsl.virtual]]`: a further domain of ours.
struct VslVirtual {
  std::string domain;
  std::string dkim_key;     ///< PEM file; empty: none. "credential:" is resolved
  std::string certificate;  ///< PEM file, for clients that ask for this name; empty: the listener's
  std::string key;
};

struct VslConfig {
  std::string policy;  ///< the entry file; its folder is the policy directory
  LuaMode mode = LuaMode::enforce;
  std::string domain;  ///< ours; empty: server.hostname
  CidrSet relay_networks;
  bool open_relay_is_known = false;
  std::vector<std::string> allow_commands;
  std::string app_dir;   ///< of write() and dump(); empty: they are errors
  std::string dkim_key;  ///< PEM file; empty: none. "credential:" is resolved
  std::string maildir = "mail/{domain}/{local}";  ///< where maildir() delivers, below data_dir
  std::string mbox = "mbox/{domain}/{local}";
  bool must_be_authenticated = false;
  std::vector<VslVirtual> virtual_domains;

  std::uint64_t instructions = 1'000'000;  ///< of one directive
  std::chrono::milliseconds computing{250};
  std::chrono::milliseconds time = std::chrono::seconds(60);  ///< waits included
  std::uint64_t memory = 64u << 20;
  std::uint64_t depth = 64;
  std::uint64_t string = 1u << 20;  ///< octets
  std::uint64_t array = 10'000;     ///< entries

  /// Null without a policy, and when files are not read. The runtime is behind it.
  std::shared_ptr<const dialect::vsl::Policy> loaded;
  std::shared_ptr<ScriptRuntime> runtime;

  /// Whether .vsl is meant at all. Where it is and no policy is named, every connection is denied.
  bool is_meant() const {
    return !policy.empty() || !domain.empty() || !dkim_key.empty() || !app_dir.empty() ||
           !allow_commands.empty() || must_be_authenticated || !relay_networks.networks().empty() ||
           std::ranges::any_of(virtual_domains,
                               [](const VslVirtual& one) { return !one.domain.empty(); });
  }
  /// The name mail for us goes to.
  const std::string& own_domain(const std::string& hostname) const {
    return domain.empty() ? hostname : domain;
  }
};

/// Loads the policy and notes what is wrong at its place.
void load_vsl(Config& config, const Positions& positions, Diagnostics& diagnostics);

}  // namespace postern::app
