#include "config/routeless.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "mail/address.h"
#include "mail/hostname.h"

namespace postern::app {

namespace {

namespace lists = dialect::restrictions;
using Route = relay::Route;

constexpr std::size_t most_rows = 10'000;      ///< of a table that are looked at
constexpr std::size_t most_looks = 2'000'000;  ///< at rows of a table
constexpr std::size_t shown_domains = 8;       ///< domains in a message

/// The keys of the table that are names of domains; nullopt: they cannot be listed.
std::optional<std::vector<std::string>> domains_in(const lists::Table& table) {
  if (table.is_remote() || table.is_pattern()) return std::nullopt;
  const auto values = table.values();
  // For each value all rows are looked at.
  if (!values || values->size() * table.rows() > most_looks) return std::nullopt;
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const std::string& value : *values) {
    const auto rows = table.rows_with(value, most_rows);
    if (!rows) return std::nullopt;
    for (const lists::Table::Row& row : *rows) {
      if (mail::is_hostname(row.key)) found.emplace_back(row.line, row.key);
    }
    if (found.size() > most_rows) break;
  }
  std::ranges::sort(found);
  std::vector<std::string> names;
  for (auto& [line, name] : found) names.push_back(std::move(name));
  return names;
}

/// Whether a route may be meant for the domains of a table that cannot be listed: its domain is in
/// no list by name.
bool may_be_for_tables(const Config& config, const std::set<std::string>& named) {
  for (const RouteConfig& route : config.routes) {
    for (const std::string& key : route.match) {
      if (key == "*") continue;
      const std::size_t at = key.rfind('@');
      const auto domain = mail::Domain::parse(at == std::string::npos ? key : key.substr(at + 1));
      if (!domain || !named.contains(domain->text())) return true;
    }
  }
  return false;
}

/// Domains of the addresses that routes name.
std::set<std::string> domains_of_addresses(const Config& config) {
  std::set<std::string> all;
  for (const RouteConfig& route : config.routes) {
    for (const std::string& key : route.match) {
      const std::size_t at = key.rfind('@');
      if (at == std::string::npos) continue;
      if (const auto domain = mail::Domain::parse(key.substr(at + 1))) all.insert(domain->text());
    }
  }
  return all;
}

bool leads_elsewhere(const Route& route) {
  return route.kind == Route::Kind::hosts || route.kind == Route::Kind::mx;
}

std::string listed(const std::vector<std::string>& names, bool quoted) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < shown_domains; ++i) {
    out += i == 0 ? "" : ", ";
    out += quoted ? fmt::format("\"{}\"", names[i]) : printable(names[i], 100);
  }
  if (names.size() > shown_domains) {
    out += quoted ? ", ..." : fmt::format(" and {} more", names.size() - shown_domains);
  }
  return out;
}

}  // namespace

std::vector<Routeless> routeless_domains(const Config& config, const relay::RouteTable& routes) {
  std::vector<Routeless> out;
  const auto* loaded = config.restrictions.loaded();
  const auto* policy = loaded != nullptr ? loaded->compiled.policy.get() : nullptr;
  const bool by_script = !config.lua.policy.empty() || !config.vsl.policy.empty();
  if (policy == nullptr || config.restrictions.section.shadow || by_script) return out;
  const std::set<std::string> with_addresses = domains_of_addresses(config);
  const Route& rest = routes.find("", "", relay::any_sender);
  const struct {
    std::string_view parameter;
    const lists::Domains* domains;
    bool is_final;
  } classes[] = {{"mydestination", &policy->mydestination, true},
                 {"virtual_alias_domains", &policy->virtual_alias_domains, true},
                 {"virtual_mailbox_domains", &policy->virtual_mailbox_domains, true},
                 {"relay_domains", &policy->relay_domains, false}};
  std::set<std::string> named{lower(config.server.hostname), config.webhooks.public_domain};
  for (const auto& one : classes) {
    for (const std::string& name : one.domains->names()) {
      if (const auto domain = mail::Domain::parse(name)) named.insert(domain->text());
    }
  }
  const bool for_tables = may_be_for_tables(config, named);
  std::set<std::string> seen;
  for (const auto& [parameter, domains, is_final] : classes) {
    const auto& written = config.restrictions.section.parameters;
    if (!written.contains(std::string(parameter))) continue;
    Routeless one{.parameter = std::string(parameter),
                  .domains = {},
                  .tables = {},
                  .rest = {},
                  .is_final = is_final};
    if (!rest.is_default()) one.rest = relay::to_texts(rest);
    const bool rest_counts = !rest.is_default() && (!is_final || !leads_elsewhere(rest));
    const auto add = [&](std::string_view name) {
      const std::string_view bare = name.substr(name.starts_with('.') ? 1 : 0);
      const bool usual = mail::is_hostname(bare) && bare.find('.') != std::string_view::npos;
      const auto domain = mail::Domain::parse(bare);
      if (!usual || !domain || bare.starts_with("localhost.")) return;
      if (iequals(bare, config.webhooks.public_domain)) return;
      const std::string asked = (bare == name ? "" : "any.") + domain->text();
      const Route& route = routes.find("", asked, relay::any_sender);
      const bool has_route = &route != &rest || rest_counts || with_addresses.contains(asked);
      if (!has_route && seen.insert(std::string(name)).second) one.domains.emplace_back(name);
    };
    for (const std::string& name : domains->names()) add(name);
    for (const auto& table : domains->tables()) {
      const auto names = domains_in(*table);
      if (names) {
        for (const std::string& name : *names) add(name);
      } else if (!for_tables && !rest_counts) {
        one.tables.push_back(table->name());
      }
    }
    if (!one.domains.empty() || !one.tables.empty()) out.push_back(std::move(one));
  }
  return out;
}

std::string message_of(const Routeless& one) {
  std::string mail = "mail for ";
  if (!one.domains.empty()) mail += listed(one.domains, false);
  if (!one.tables.empty()) {
    mail += fmt::format("{}the domains in {}", one.domains.empty() ? "" : " and ",
                        listed(one.tables, false));
  }
  if (!one.rest.empty()) {
    return fmt::format(
        "{} is accepted, and no [[route]] names it: that of `*` sends it to {}, like all other "
        "mail",
        mail, listed(one.rest, false));
  }
  return fmt::format(
      "{} is accepted, and no [[route]] says where it goes: to the MX hosts of its domain. Where "
      "these are this gateway, it is lost, without a report to senders that may be forged",
      mail);
}

std::string hint_of(const Routeless& one) {
  const std::string match = one.domains.empty() ? "\"DOMAIN\"" : listed(one.domains, true);
  std::string out = fmt::format(
      "add `[[route]]` with `match = [{}]` and `to = [\"HOST\"]`, the server that has its "
      "mailboxes; or `to = [\"maildir:/PATH\"]`",
      match);
  out += "; or `to = [\"mx\"]` if its MX hosts are other servers";
  return out +
         fmt::format("; or, if only webhooks have its addresses, take it out of {}", one.parameter);
}

}  // namespace postern::app
