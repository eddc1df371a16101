// Every key of the configuration, once: loader, example file, manual page and tests read this
// table.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/config.h"

namespace postern::app {

/// What a key's value looks like.
enum class Kind : std::uint8_t {
  name,        ///< letters, digits, "-", "_", "."; a metrics label
  domain,      ///< a domain name in ASCII
  file,        ///< a file name, or "credential:NAME"
  flag,        ///< true or false
  count,       ///< a whole number
  size,        ///< octets: 1024, "64 KiB"
  duration,    ///< "5s"
  networks,    ///< a list of CIDR networks
  address,     ///< "127.0.0.1:25"
  servers,     ///< a list of addresses, port 53 unless written
  ports,       ///< a list of port numbers
  names,       ///< a list of names
  durations,   ///< a list of durations
  domains,     ///< a list of domain names in ASCII
  texts,       ///< a list of texts; what they mean is checked with the whole
  text,        ///< one line of printable text
  host,        ///< an IP address
  smtp_hosts,  ///< a list of addresses, port 25 unless written
  url,         ///< http:// or https://, no path
  choice,      ///< one of a few words
};

/// Where a value goes. Choices are enums whose values count from 0 in the order of Key::choices.
using Slot =
    std::variant<std::string*, std::filesystem::path*, bool*, std::uint64_t*, Milliseconds*,
                 CidrSet*, Endpoint*, std::vector<Endpoint>*, std::vector<std::uint16_t>*,
                 std::vector<std::string>*, std::vector<Milliseconds>*, TlsMode*, ProxyProtocol*,
                 smtp::BareNewline*, std::optional<IpAddress>*, RelayTls*, RouteTls*, Families*,
                 PrivateHosts*, Chunking*, Lacking*, policy::DmarcRule*, DmarcDiscovery*,
                 net::Dnssec*, Disposition*, Signup*, LuaMode*, telemetry::LogFormat*,
                 telemetry::Level*, telemetry::AddressStyle*, gateway::AuthSource::Kind*>;

/// The element of a list of sections that is read: the member of that section counts.
struct Row {
  ListenerConfig listener;
  RouteConfig route;
  EgressConfig egress;
  gateway::AuthSource source;
  VslVirtual virtual_domain;
};

struct Key {
  std::string_view section;
  std::string_view name;
  Kind kind;
  std::string_view preset;   ///< the default as TOML
  std::string_view comment;  ///< half a line, for the example file
  Slot (*slot)(Config& config, Row& row);
  std::uint64_t least = 0;  ///< counts, octets, milliseconds
  std::uint64_t most = UINT64_MAX;
  std::span<const std::string_view> choices = {};
};

/// In the order of the example file; the keys of a section stand together.
std::span<const Key> config_keys();
/// The section names in order.
std::vector<std::string_view> config_sections();
/// Whether a section may be there several times, in two brackets.
bool is_list(std::string_view section);
/// `[limits]`, `[[listener]]`
std::string section_header(std::string_view section);
/// Null when there is no such key.
const Key* find_key(std::string_view section, std::string_view name);
/// "duration", "list of networks", …
std::string_view kind_name(Kind kind);

/// What `postern config example` prints.
std::string example_config();
/// docs/configuration.md
std::string config_manual();

}  // namespace postern::app
