// The section [vsl]: a policy of `.vsl` rules, loaded together with the configuration.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "config/lua.h"

namespace postern::dialect::vsl {
class VslPolicy;
}

namespace postern::app {

/// One `[[vsl.virtual]]`: a further local domain.
struct VslVirtual {
  std::string domain;    ///< empty: an empty section
  std::string dkim_key;  ///< PEM file; empty: none. "credential:" was resolved
  /// PEM file, chosen by the client's SNI (RFC 6066 §3); empty: the listener's.
  std::string certificate;
  std::string key;  ///< PEM file of the private key
};

/// The section [vsl].
struct VslConfig {
  std::string policy;                       ///< entry file; its directory is the policy directory
  LuaMode mode = LuaMode::enforce;          ///< whether its decisions count
  std::string domain;                       ///< the local domain; empty: server.hostname
  CidrSet relay_networks;                   ///< networks of clients that may relay
  bool open_relay_is_known = false;         ///< allows relay networks to contain unknown clients
  std::vector<std::string> allow_commands;  ///< paths that `service ... cmd` may run
  std::string app_dir;                      ///< where write() and dump() write; empty: they fail
  std::string dkim_key;  ///< PEM file for sign_dkim(); empty: none. "credential:" was resolved
  std::string maildir = "mail/{domain}/{local}";  ///< template of maildir() below data_dir
  std::string mbox = "mbox/{domain}/{local}";     ///< template of mbox() below data_dir
  bool must_be_authenticated = false;             ///< MAIL needs AUTH, else 530
  /// Further local domains.
  std::vector<VslVirtual> virtual_domains;

  std::uint64_t instructions = 1'000'000;  ///< limit of one directive
  /// CPU time of one directive.
  std::chrono::milliseconds computing{250};
  std::chrono::milliseconds time = std::chrono::seconds(60);  ///< of one directive, waits included
  std::uint64_t memory = 64u << 20;                           ///< octets
  std::uint64_t depth = 64;                                   ///< nested function calls
  std::uint64_t string = 1u << 20;                            ///< octets of a string
  std::uint64_t array = 10'000;                               ///< entries of an array or map

  /// Null without a policy or if files are not read.
  std::shared_ptr<const dialect::vsl::VslPolicy> loaded;
  /// What `loaded` runs on; outlives it.
  std::shared_ptr<ScriptRuntime> runtime;

  /// Whether any key of [vsl] is used. If so and there is no policy, every connection is refused.
  bool is_meant() const {
    return !policy.empty() || !domain.empty() || !dkim_key.empty() || !app_dir.empty() ||
           !allow_commands.empty() || must_be_authenticated || !relay_networks.networks().empty() ||
           std::ranges::any_of(virtual_domains,
                               [](const VslVirtual& one) { return !one.domain.empty(); });
  }
  /// The local domain.
  const std::string& own_domain(const std::string& hostname) const {
    return domain.empty() ? hostname : domain;
  }
};

/// Loads the policy and reports errors at their places. `options`: whether its scripts ask others.
/// Blocks.
void load_vsl(Config& config, const LoadOptions& options, const Positions& positions,
              Diagnostics& diagnostics);

}  // namespace postern::app
