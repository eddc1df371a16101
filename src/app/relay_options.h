// The `[relay]`, `[[route]]` and `[[egress]]` sections in the words of the relay.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "app/config.h"
#include "relay/relay_config.h"

namespace postern::app {

/// What is wrong with a section, at a path of Positions: "route.0.to".
struct RelayComplaint {
  std::string path;
  std::string code;
  std::string message;
  std::string hint;
};

/// Which files are opened.
enum class RelayFiles : std::uint8_t {
  none,
  named,  ///< passwords and roots that a route names
  all,    ///< the system's roots too, which takes milliseconds
};

/// The Maildir of mail to <postmaster> (RFC 5321 §4.5.1) where no route says where it goes.
std::string postmaster_folder(const Config& config);

/// What listeners call themselves that a policy gave a name, by theirs: those for some peers too.
std::map<std::string, std::string, std::less<>> listener_hostnames(const Config& config);

/// Everything but what is complained of, or is in files that are not opened.
relay::RelayConfig read_relay(const Config& config, RelayFiles files,
                              const std::function<void(RelayComplaint)>& complain);

/// The same of a configuration that was checked. Fault::permanent: a file has changed since.
Result<relay::RelayConfig> relay_options(const Config& config);

}  // namespace postern::app
