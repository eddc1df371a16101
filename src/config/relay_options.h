// Converts the `[relay]`, `[[route]]` and `[[egress]]` sections to the types of room relay.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "config/config.h"
#include "relay/relay_config.h"

namespace postern::app {

/// An error of a section.
struct RelayComplaint {
  std::string path;     ///< as in Positions: "route.0.to"
  std::string code;     ///< of the diagnostic
  std::string message;  ///< one sentence
  std::string hint;     ///< what to do; may be empty
};

/// Which files are read.
enum class RelayFiles : std::uint8_t {
  none,
  named,  ///< passwords and roots that routes name
  all,    ///< the system's roots, too, which takes milliseconds
};

/// The addresses of this machine's interfaces, loopback included; empty if they cannot be read.
std::vector<IpAddress> machine_addresses();
/// Whether a listener on it takes connections to every address of its kind: 0.0.0.0 or ::.
bool is_wildcard(const IpAddress& address);
/// The Maildir for mail to <postmaster> (RFC 5321 §4.5.1), unless a route matches it.
std::string postmaster_folder(const Config& config);

/// The host names that a policy gave to listeners, also for some clients only, by listener name.
std::map<std::string, std::string, std::less<>> listener_hostnames(const Config& config);

/// Reads everything except invalid parts and files that are not opened. `complain` gets each error.
relay::RelayConfig read_relay(const Config& config, RelayFiles files,
                              const std::function<void(RelayComplaint)>& complain);

/// The same for a valid configuration. Fault::permanent: a file has changed since. Blocks.
Result<relay::RelayConfig> relay_options(const Config& config);

}  // namespace postern::app
