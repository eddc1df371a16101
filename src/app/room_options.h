#pragma once

#include "admin/api.h"
#include "admin/running_lists.h"
#include "app/config.h"
#include "base/host_file.h"
#include "deliver/webhook_delivery.h"
#include "gateway/authenticator.h"
#include "gateway/settings.h"
#include "net/http_limits.h"
#include "net/unbound_resolver.h"
#include "policy/authentication.h"

namespace postern::app {

// The configuration in the words of each room. What is not a key (stores, certificates, folders)
// the caller adds.
/// Files that the restriction lists of the configuration name: any but the gateway's own.
FileRules table_files(const Config& config);
/// The same of lists that the API sets: below api.table_folders alone.
FileRules request_files(const Config& config, const std::string& data_dir);
/// ": ...", a dialogue in which this address relays, for messages about an open relay.
std::string relay_witness(const IpAddress& stranger);
gateway::AuthLimits auth_limits(const Config& config);
gateway::ListenerSettings session_settings(const ListenerConfig& listener, const Config& config);
RestrictionsConfig restrictions_of(const admin::Lists& lists);
/// What a session of a listener takes and offers is up to the lists that judge it.
void follow_lists(gateway::ListenerSettings& listener, const RestrictionsConfig& restrictions);
policy::AuthenticationOptions authentication_options(const Config& config);
net::UnboundOptions resolver_options(const Config& config);
deliver::DeliveryOptions delivery_options(const Config& config);
net::HttpLimits http_limits(const Config& config);
admin::Options api_options(const Config& config);

}  // namespace postern::app
