// Questions: which hosts does DNS name for a domain, and which addresses has a host?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "policy/answers.h"

namespace postern::policy::questions {

/// The hosts that DNS names for a domain.
struct Servers {
  /// What became of the queries.
  enum class Status : std::uint8_t {
    waiting,  ///< an answer is missing
    found,    ///< `hosts` has at least one
    none,     ///< the domain has no such record, or does not exist
    null_mx,  ///< the domain accepts no mail (RFC 7505 §3)
    trouble,  ///< a query failed
  };
  /// A host.
  struct Host {
    std::string name;         ///< lower case, without a final dot
    unsigned preference = 0;  ///< of an MX record (RFC 5321 §5.1): lower is asked first
  };
  Status status = Status::waiting;  ///< of the queries
  std::vector<Host> hosts;          ///< in the order of the answer
};
/// The hosts of the domain's MX records (RFC 5321 §5.1), without the implicit one.
Servers mail_hosts(std::string_view domain, Answers& answers);
/// The hosts of the NS records of the domain, or of its nearest parent that has some; the root is
/// not asked. A failed query ends the search.
Servers name_servers(std::string_view domain, Answers& answers);

/// The versions of IP whose addresses count.
struct Families {
  bool v4 = true;  ///< A records
  bool v6 = true;  ///< AAAA records
};
/// The addresses of a host.
struct HostAddresses {
  bool waiting = false;            ///< an answer is missing; the rest is then void
  bool trouble = false;            ///< a query failed
  std::vector<IpAddress> records;  ///< those of IPv4 first
};
/// Asks for A and AAAA records (RFC 5321 §5.1).
HostAddresses addresses_of(std::string_view host, Answers& answers, const Families& families);

}  // namespace postern::policy::questions
