// `allowed_hosts`: the clients that a script allows.
#pragma once

#include <string>
#include <vector>

#include "base/task.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

/// Hosts by address, network, name or pattern, collected from nested groups, files and arrays.
struct Hosts {
  std::vector<Cidr> networks;       ///< single addresses too
  std::vector<std::string> names;   ///< A-labels (RFC 5890 §2.3.2.1)
  std::vector<ObjectPtr> patterns;  ///< regular expressions, matched against the address as text
  /// The number of all hosts.
  std::size_t count() const { return networks.size() + names.size() + patterns.size(); }
};

/// Collects the hosts. Throws a sentence for a value that names no host. No DNS lookup is made.
Hosts hosts_of(const Value& value);

/// A public address that the hosts include although no operator has that many clients; nullopt:
/// there is none. Names are not looked up.
std::optional<IpAddress> stranger_among(const Hosts& hosts);

/// The result of match_client().
struct HostMatch {
  bool found = false;  ///< the client is one of the hosts
  std::string detail;  ///< "192.0.2.7 is in 192.0.2.0/24", "192.0.2.7 is in none of 2 hosts"
};
/// Whether the client is one of the hosts. A name stands for its A or AAAA records (RFC 1035
/// §3.4.1, RFC 3596 §2.1), which are looked up only if nothing else matches. The HELO name and the
/// reverse zone are never used, and a failed lookup does not match.
Task<HostMatch> match_client(Context& context, Hosts hosts);

}  // namespace postern::dialect::vsl
