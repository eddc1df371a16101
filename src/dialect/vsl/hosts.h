// `allowed_hosts`: which clients a script means.
#pragma once

#include <string>
#include <vector>

#include "base/task.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

/// Hosts by address, network or name, out of any nesting of groups, files and arrays.
struct Hosts {
  std::vector<Cidr> networks;
  std::vector<std::string> names;  ///< A-labels
  std::vector<ObjectPtr> patterns;
  std::size_t count() const { return networks.size() + names.size() + patterns.size(); }
};

/// Throws a sentence for what names no host. Asks nobody.
Hosts hosts_of(const Value& value);

/// One of the public Internet, where the hosts are more than anybody's own clients. Names are not
/// asked about.
std::optional<IpAddress> stranger_among(const Hosts& hosts);

struct HostMatch {
  bool found = false;
  std::string detail;  ///< "192.0.2.7 is in 192.0.2.0/24", "192.0.2.7 is in none of 2 hosts"
};
/// Whether the client is one of them. A name stands for the addresses that it has in DNS; what the
/// client calls itself, and what its own reverse zone says, never counts, and a failed lookup finds
/// nothing. Names are asked about only when nothing else matches.
Task<HostMatch> match_client(Context& context, Hosts hosts);

}  // namespace postern::dialect::vsl
