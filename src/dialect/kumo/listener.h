// Listeners that a policy starts, and who may relay through them.
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
#include "base/task.h"
#include "dialect/kumo/listener_domains.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

/// The checked options of kumo.start_esmtp_listener{}.
struct Listener {
  std::string name;               ///< "lua 192.0.2.1:25"
  IpAddress address;              ///< to listen on
  std::uint16_t port = 0;         ///< to listen on
  std::string hostname;           ///< empty: the server's name
  std::string banner;             ///< of the greeting; empty: the default text
  std::vector<Cidr> relay_hosts;  ///< clients that may relay to any domain
  /// A PEM file or text. If it is empty, the server makes a certificate.
  struct KeySource {
    std::string file;                                            ///< its path
    Secret text;                                                 ///< the PEM text itself
    bool empty() const { return file.empty() && text.empty(); }  ///< neither file nor text
  };
  KeySource certificate;                             ///< of the listener, with its chain
  KeySource private_key;                             ///< of the certificate
  std::chrono::milliseconds client_timeout{60'000};  ///< idle time before the connection is closed
  std::size_t recipients = 1024;                     ///< at most, in a message
  std::size_t messages = 10'000;                     ///< at most, in a connection
  std::uint64_t message_size = 20u << 20;            ///< at most, in octets
  std::size_t line_length = 998;        ///< at most, in octets without CRLF (RFC 5321 §4.5.3.1.6)
  std::size_t connections = 32 * 1024;  ///< at most, at a time
  /// Treatment of a bare CR or LF in data (RFC 5321 §2.3.8): refused, taken as it is, or made CRLF.
  enum class LineEndings : std::uint8_t { deny, allow, fix };
  LineEndings line_endings = LineEndings::deny;  ///< see LineEndings
  boost::json::object meta;  ///< connection values that every session begins with
  std::string place;         ///< "policy.lua:3"
  struct Variant;
  /// The listener's options for clients that `peer` or `via` select.
  std::vector<Variant> variants;
};

/// The options for clients of `peer` that connected to an address of `via`. nullopt: any.
struct Listener::Variant {
  std::optional<Cidr> peer;            ///< the client's network
  std::optional<Cidr> via;             ///< the network of the local address
  std::shared_ptr<const Listener> as;  ///< all options, merged
};

/// The result of `get_listener_domain`: a table of kumo.make_listener_domain(), or nil.
struct DomainGrant {
  bool relay_to = false;         ///< any client may send to the domain
  std::vector<Cidr> relay_from;  ///< clients that may send anywhere with a sender of the domain
  /// The authorization identity that put the client into `relay_from`; empty: none.
  std::string relay_from_authz;
  Reports log_oob = Reports::ignore;  ///< for bounces, see Reports
  Reports log_arf = Reports::ignore;  ///< for complaints, see Reports
};
/// Reads the handler's result. Throws a sentence unless it is nil or such a table.
DomainGrant grant_of(const boost::json::value& value);

/// A table of options of a listener, with its `peer` and `via` tables.
struct ListenerOptions;
/// Applies what the handler of `smtp_server_get_dynamic_parameters` returned for one of
/// Handlers::listeners, after all other options, `peer` and `via` included. `place`: of the
/// handler. Throws a sentence if they are wrong.
Task<void> apply_dynamic(script::Call& call, std::size_t listener, boost::json::value options,
                         std::string place);

/// kumo.start_esmtp_listener() and kumo.make_listener_domain().
script::HostTable listener_functions();

}  // namespace postern::dialect::kumo
