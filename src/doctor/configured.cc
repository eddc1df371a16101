#include "doctor/configured.h"

#include <algorithm>
#include <iterator>

#include "base/address_guard.h"
#include "base/text.h"
#include "config/relay_options.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/rules.h"
#include "mailauth/names.h"

namespace postern::doctor {

namespace {

template <class T>
void sort_once(std::vector<T>& all) {
  std::ranges::sort(all);
  const auto twice = std::ranges::unique(all);
  all.erase(twice.begin(), twice.end());
}

}  // namespace

std::vector<IpAddress> public_addresses(const app::Config& config) {
  std::vector<IpAddress> all;
  for (const app::Endpoint& each : config.relay.proxy_addresses) all.push_back(each.address);
  bool v4 = false;
  bool v6 = false;
  for (const app::ListenerConfig& listener : config.listeners) {
    const IpAddress& address = listener.address.address;
    const bool any = app::is_wildcard(address);
    v4 = v4 || (any && address.is_v4());
    v6 = v6 || (any && !address.is_v4());
    if (!any && !address.is_loopback()) all.push_back(address);
  }
  if (all.empty()) {
    std::ranges::copy_if(app::machine_addresses(), std::back_inserter(all),
                         [&](const IpAddress& one) {
                           return (one.is_v4() ? v4 : v6) && reach_of(one) == Reach::global;
                         });
  }
  for (const app::EgressConfig& egress : config.egress) {
    if (egress.v4) all.push_back(*egress.v4);
    if (egress.v6) all.push_back(*egress.v6);
  }
  sort_once(all);
  return all;
}

std::vector<std::string> configured_domains(const app::Config& config) {
  std::vector<std::string> all;
  const std::string& webhooks = config.webhooks.public_domain;
  if (webhooks != app::WebhooksConfig().public_domain) all.push_back(lower(webhooks));
  const auto* lists = config.restrictions.loaded();
  if (lists == nullptr || lists->compiled.policy == nullptr) return all;
  const auto& policy = *lists->compiled.policy;
  for (const auto* domains : {&policy.relay_domains, &policy.mydestination,
                              &policy.virtual_alias_domains, &policy.virtual_mailbox_domains}) {
    for (const std::string& name : domains->names()) {
      const auto domain = mailauth::normalize_domain(name);
      const bool usual = domain && domain->find('.') != std::string::npos && !name.starts_with('.');
      if (!usual || domain->starts_with("localhost.")) continue;
      if (!iequals(*domain, config.server.hostname)) all.push_back(*domain);
    }
  }
  return all;
}

std::vector<std::string> address_lists(const app::Config& config) {
  std::vector<std::string> zones;
  const auto* lists = config.restrictions.loaded();
  if (lists == nullptr || lists->compiled.policy == nullptr) return zones;
  const auto& policy = *lists->compiled.policy;
  const auto add = [&](const dialect::restrictions::List& rules) {
    for (const auto& rule : rules) {
      const bool of_addresses =
          rule.keyword != nullptr && rule.zone &&
          (rule.keyword->name == "reject_rbl_client" || rule.keyword->name == "reject_maps_rbl" ||
           rule.keyword->name == "permit_dnswl_client");
      if (of_addresses) zones.push_back(rule.zone->zone());
    }
  };
  for (const auto& rules : policy.lists) add(rules);
  for (const auto& [name, rules] : policy.classes) add(*rules);
  add(policy.maps_rbl);
  sort_once(zones);
  return zones;
}

}  // namespace postern::doctor
