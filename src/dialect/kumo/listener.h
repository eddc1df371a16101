// Listeners that a policy starts, and the domains it takes mail for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "base/ip.h"
#include "base/secret.h"
#include "dialect/kumo/listener_domains.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

/// kumo.start_esmtp_listener{}, checked.
struct Listener {
  std::string name;  ///< "lua 192.0.2.1:25"
  IpAddress address;
  std::uint16_t port = 0;
  std::string hostname;  ///< empty: the server's
  std::string banner;    ///< empty: the usual one
  std::vector<Cidr> relay_hosts;
  /// PEM: a file or the text itself; empty: a certificate made by the server.
  struct KeySource {
    std::string file;
    Secret text;
    bool empty() const { return file.empty() && text.empty(); }
  };
  KeySource certificate;
  KeySource private_key;
  std::chrono::milliseconds client_timeout{60'000};
  std::size_t recipients = 1024;
  std::size_t messages = 10'000;
  std::uint64_t message_size = 20u << 20;
  std::size_t line_length = 998;
  std::size_t connections = 32 * 1024;  ///< at a time
  enum class LineEndings : std::uint8_t { deny, allow, fix };
  LineEndings line_endings = LineEndings::deny;
  boost::json::object meta;
  std::string place;  ///< "policy.lua:3"
  struct Variant;
  /// What `peer` and `via` make of it; see choose().
  std::vector<Variant> variants;
};

/// The listener for clients of `peer` that came to an address of `via`; nullopt: of no network that
/// the listener names.
struct Listener::Variant {
  std::optional<Cidr> peer;
  std::optional<Cidr> via;
  std::shared_ptr<const Listener> as;
};

/// `make_listener_domain`'s table, or nil: who may relay by it.
struct DomainGrant {
  bool relay_to = false;
  std::vector<Cidr> relay_from;
  Reports log_oob = Reports::ignore;
  Reports log_arf = Reports::ignore;
};
/// Throws a sentence for anything that is neither.
DomainGrant grant_of(const boost::json::value& value);

script::HostTable listener_functions();

}  // namespace postern::dialect::kumo
