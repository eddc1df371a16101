// Clients of tests, as those who count them name them.
#pragma once

#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/subscriber.h"

namespace postern::tests {

inline std::string subscriber_of(std::string_view address) {
  return subscriber_key(*IpAddress::parse(address));
}
/// Client `client` of network `network`: a /64 of a /48.
inline std::string subscriber_of(int network, int client) {
  return subscriber_of("2001:db8:" + std::to_string(network) + ":" + std::to_string(client) +
                       "::1");
}

}  // namespace postern::tests
