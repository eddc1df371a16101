// The table of all configuration keys: the loader, the example file, the manual page and tests use
// it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"

namespace postern::app {

/// The form of a key's value.
enum class Kind : std::uint8_t {
  name,        ///< letters, digits, "-", "_", "."; used as a metrics label
  domain,      ///< a domain name in ASCII
  file,        ///< a file name, or "credential:NAME"
  secret,      ///< the same of a file that holds a secret and nothing else
  folder,      ///< the name of a directory
  flag,        ///< true or false
  count,       ///< a whole number
  size,        ///< octets: 1024, "64 KiB"
  duration,    ///< "5s"
  networks,    ///< a list of CIDR networks
  address,     ///< "127.0.0.1:25"
  servers,     ///< a list of addresses, port 53 by default
  ports,       ///< a list of port numbers
  names,       ///< a list of names
  durations,   ///< a list of durations
  domains,     ///< a list of domain names in ASCII
  texts,       ///< a list of texts, checked with the whole configuration
  text,        ///< one line of printable text
  host,        ///< an IP address
  smtp_hosts,  ///< a list of addresses, port 25 by default
  url,         ///< http:// or https://, no path
  choice,      ///< one of several words
};

/// Where a value is stored. Choices are enums whose values are indices in Key::choices; of a choice
/// that may be absent the last word means nullopt.
using Slot =
    std::variant<std::string*, std::filesystem::path*, bool*, std::uint64_t*, Milliseconds*,
                 CidrSet*, Endpoint*, std::vector<Endpoint>*, std::vector<std::uint16_t>*,
                 std::vector<std::string>*, std::vector<Milliseconds>*, gateway::ListenerTls*,
                 gateway::ClientCertificates*, ProxyProtocol*, smtp::BareNewline*,
                 std::optional<IpAddress>*, relay::TlsLevel*, std::optional<relay::TlsLevel>*,
                 SandboxMode*, PatroniProtocol*, ClusterTraces*, Families*, PrivateHosts*,
                 Chunking*, Lacking*, policy::DmarcRule*, DmarcDiscovery*, net::Dnssec*,
                 Disposition*, Signup*, LuaMode*, telemetry::LogFormat*, telemetry::Level*,
                 telemetry::AddressStyle*, gateway::AuthSource::Kind*>;

/// The element of a list section that is being read; the member of that section is used.
/// One member for each list section.
struct Row {
  ListenerConfig listener;     ///< [[listener]]
  RouteConfig route;           ///< [[route]]
  EgressConfig egress;         ///< [[egress]]
  gateway::AuthSource source;  ///< [[auth.source]]
  VslVirtual virtual_domain;   ///< [[vsl.virtual]]
};

/// One key.
struct Key {
  std::string_view section;                        ///< without brackets: "limits"
  std::string_view name;                           ///< within the section
  Kind kind;                                       ///< form of its value
  std::string_view preset;                         ///< default in TOML notation
  std::string_view comment;                        ///< half a line, for the example file
  Slot (*slot)(Config& config, Row& row);          ///< the member it is stored in
  std::uint64_t least = 0;                         ///< lower bound of counts, octets, milliseconds
  std::uint64_t most = UINT64_MAX;                 ///< upper bound
  std::span<const std::string_view> choices = {};  ///< words of Kind::choice
};

/// All keys in the order of the example file, grouped by section.
std::span<const Key> config_keys();
/// The section names in the same order.
std::vector<std::string_view> config_sections();
/// Whether the section is a list, written in double brackets.
bool is_list(std::string_view section);
/// Calls `take` with a row for each element of a list section, in the file's order; for any other
/// section once, with an empty one.
void each_row(const Config& config, std::string_view section,
              const std::function<void(Row& row)>& take);
/// What a key names on the disk.
struct NamedPath {
  std::string at;              ///< the key's place, as in Positions: "route.0.auth_password"
  std::filesystem::path path;  ///< not empty
};
/// The values of all keys of Kind::file, Kind::secret or Kind::folder, in the order of the keys.
/// Files of tables, which stand in texts, are not among them.
std::vector<NamedPath> named_paths(const Config& config, Kind kind);
/// `[limits]` or `[[listener]]`.
std::string section_header(std::string_view section);
/// Null if there is no such key.
const Key* find_key(std::string_view section, std::string_view name);
/// "duration", "list of networks", ...
std::string_view kind_name(Kind kind);

/// The output of `postern config example`.
std::string example_config();
/// The text of docs/configuration.md.
std::string config_manual();

}  // namespace postern::app
