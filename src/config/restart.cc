#include "config/restart.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include <fmt/format.h>

namespace postern::app {

namespace {

/// Sections whose keys all need a restart, except `reloaded_keys`.
constexpr std::array<std::string_view, 9> restart_sections{
    "server", "cluster", "api", "inbox", "delivery_log", "traces", "log", "queue", "webhooks"};
constexpr std::array<std::string_view, 2> reloaded_keys{"api.table_folders", "api.table_services"};
/// Keys of other sections. Sessions apply some of them, but other parts need a restart.
constexpr std::array<std::string_view, 20> restart_keys{"limits.memory",
                                                        "limits.account_policies",
                                                        "limits.account_credentials",
                                                        "limits.account_webhooks",
                                                        "limits.account_domains",
                                                        "limits.account_octets",
                                                        "limits.sessions",
                                                        "limits.sessions_per_address",
                                                        "limits.new_sessions_per_minute",
                                                        "limits.exempt_networks",
                                                        "limits.header_size",
                                                        "limits.header_fields",
                                                        "limits.header_field",
                                                        "auth.queue",
                                                        "auth.workers",
                                                        "auth.account_share",
                                                        "auth.client_share",
                                                        "dns.servers",
                                                        "dns.dnssec",
                                                        "dns.trust_anchor"};

std::string full_name(const Key& key) { return fmt::format("{}.{}", key.section, key.name); }

}  // namespace

bool waits_for_start(const Key& key) {
  const std::string name = full_name(key);
  if (std::ranges::find(reloaded_keys, name) != reloaded_keys.end()) return false;
  return std::ranges::find(restart_sections, key.section) != restart_sections.end() ||
         std::ranges::find(restart_keys, name) != restart_keys.end();
}

bool same_value(const Slot& a, const Slot& b) {
  return std::visit(
      [&]<class T>(T* left) {
        if constexpr (std::is_same_v<T, CidrSet>) {
          return left->networks() == std::get<T*>(b)->networks();
        } else {
          return *left == *std::get<T*>(b);
        }
      },
      a);
}

std::vector<std::string> keys_that_wait(Config& running, Config& read) {
  std::vector<std::string> found;
  Row none;
  for (const Key& key : config_keys()) {
    if (!waits_for_start(key)) continue;
    if (!same_value(key.slot(running, none), key.slot(read, none))) found.push_back(full_name(key));
  }
  return found;
}

}  // namespace postern::app
