// Question: is the client in these networks?
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "policy/evidence.h"

namespace postern::policy::questions {

/// The answer. Borrows the networks that were asked about; cheap until its words are wanted.
struct ClientIn {
  bool yes = false;
  IpAddress client;
  std::span<const Cidr> networks;
  const Cidr* within = nullptr;  ///< the first of them that has the client; null: none

  explicit operator bool() const { return yes; }
  /// For the trace: "192.0.2.7 is in 192.0.2.0/24", "192.0.2.7 is not in " and described().
  std::string words() const;
  /// The same where the networks have a name: "192.0.2.7 is in relay_hosts".
  std::string words(std::string_view list) const;
};

/// "192.0.2.0/30, ::1/128": the first five of them.
std::string described(std::span<const Cidr> networks);

/// An unknown client is in no network. A set costs O(log n), a list O(n).
ClientIn client_in(const IpAddress& client, const CidrSet& networks);
ClientIn client_in(const IpAddress& client, std::span<const Cidr> networks);
inline ClientIn client_in(const Evidence& evidence, const CidrSet& networks) {
  return client_in(evidence.session.client_ip, networks);
}
inline ClientIn client_in(const Evidence& evidence, std::span<const Cidr> networks) {
  return client_in(evidence.session.client_ip, networks);
}

}  // namespace postern::policy::questions
