#pragma once

#include <string>

#include "base/host_file.h"
#include "base/ip.h"
#include "config/config.h"
#include "gateway/settings.h"

namespace postern::admin {
struct Lists;
struct Options;
}  // namespace postern::admin
namespace postern::deliver {
struct DeliveryOptions;
}
namespace postern::gateway {
struct AuthLimits;
}
namespace postern::net {
struct HttpLimits;
struct UnboundOptions;
}  // namespace postern::net
namespace postern::policy {
struct AuthenticationOptions;
}

namespace postern::app {

// Converts the configuration to the options of each room. The caller adds what is no key: stores,
// certificates, directories.
/// Files that the configuration's restriction lists may name: all but the gateway's own.
FileRules table_files(const Config& config);
/// The same for lists set through the API: only files below api.table_folders.
FileRules request_files(const Config& config, const std::string& data_dir);
/// ": ..." and a dialogue in which this address relays, for errors about an open relay.
std::string relay_witness(const IpAddress& stranger);
/// Limits of failed AUTH commands.
gateway::AuthLimits auth_limits(const Config& config);
/// Settings of one listener's sessions.
gateway::ListenerSettings session_settings(const ListenerConfig& listener, const Config& config);
/// Compiled lists as a section of the configuration.
RestrictionsConfig restrictions_of(const admin::Lists& lists);
/// Sets those options of a listener's sessions that its restriction lists determine.
void follow_lists(gateway::ListenerSettings& listener, const RestrictionsConfig& restrictions);
/// Options of SPF, DKIM, DMARC and ARC checks.
policy::AuthenticationOptions authentication_options(const Config& config);
/// Options of DNS queries.
net::UnboundOptions resolver_options(const Config& config);
/// Options of webhook requests.
deliver::DeliveryOptions delivery_options(const Config& config);
/// Limits of the HTTP server.
net::HttpLimits http_limits(const Config& config);
/// Options of the API.
admin::Options api_options(const Config& config);

}  // namespace postern::app
