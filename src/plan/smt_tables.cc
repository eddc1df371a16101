#include "plan/smt_tables.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/table_networks.h"
#include "plan/smt.h"

namespace postern::plan::smt {

namespace restrictions = dialect::restrictions;
using restrictions::Table;

namespace {

struct Key {
  std::string key;
  std::string value;
};
std::vector<Key> keys_of(const Table& table) {
  const auto left_out = [&](std::string_view why) {
    return LeftOut(fmt::format("{} {}", printable(table.name(), 100), why));
  };
  if (table.rows() > most_smt_rows) throw left_out("has more than 50 rows");
  if (table.is_remote()) throw left_out("is asked of another program");
  if (table.is_pattern()) throw left_out("has patterns or networks");
  const auto values = table.values();
  if (!values || !table.asked_alike().empty()) throw left_out("has rows that cannot be listed");
  std::vector<Key> keys;
  for (const std::string& value : *values) {
    const auto rows = table.rows_with(value, most_smt_rows + 1);
    if (!rows) throw left_out("has rows that cannot be listed");
    for (const Table::Row& row : *rows) keys.push_back({row.key, value});
  }
  if (keys.size() > most_smt_rows) throw left_out("has more than 50 rows");
  return keys;
}

/// The first octets of an IPv4 address; nullopt: it is a name.
std::optional<Cidr> first_octets(const std::string& key) {
  if (key.find(':') != std::string::npos) throw LeftOut(fmt::format("`{}` is part of IPv6", key));
  if (key.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
  const auto dots = static_cast<int>(std::ranges::count(key, '.'));
  std::string text = key;
  for (int missing = 3 - dots; missing > 0; --missing) text += ".0";
  const auto address = IpAddress::from_text(text);
  if (!address || dots > 3) throw LeftOut(fmt::format("`{}` is no address", key));
  return Cidr(*address, 8 * (dots + 1));
}

/// Longer names come first: a name is looked up as a whole, then its parents.
void sort_names(std::vector<Key>& names) {
  std::ranges::sort(
      names, [](const Key& one, const Key& other) { return one.key.size() > other.key.size(); });
}

/// The domain is in the list that is the value of the parameter. Throws LeftOut.
std::string in_domains(std::string_view parameter, const restrictions::Domains& domains,
                       const std::string& domain) {
  if (domains.empty()) return "false";
  const std::vector<std::string> names = domains.names();
  const bool plain = domains.tables().empty() && names.size() == domains.all_names().size() &&
                     domains.contains("other.invalid") != restrictions::Match::trouble;
  if (!plain) throw LeftOut(fmt::format("{} has tables or exceptions", parameter));
  Terms terms;
  for (const std::string& name : names) {
    terms.push_back(equal(domain, name));
    if (name.starts_with('.') && domains.takes_dotted()) terms.push_back(ends_with(domain, name));
    if (!name.starts_with('.') && domains.covers_subdomains()) {
      terms.push_back(ends_with(domain, "." + name));
    }
  }
  return any(terms);
}

}  // namespace

const DomainTerms& Tables::classes(const std::string& who) {
  const auto known = classes_.find(who);
  if (known != classes_.end()) return known->second;
  sheet_.address(who);
  const std::string domain = who + "_domain";
  const auto in_list = [&](std::string_view parameter, const restrictions::Domains& domains) {
    try {
      return in_domains(parameter, domains, domain);
    } catch (const LeftOut& error) {
      sheet_.leave_out(error.what());
      return std::string("false");
    }
  };
  std::string earlier =
      any({equal(domain, own_literal), in_list("mydestination", policy_.mydestination)});
  DomainTerms made;
  made.local = earlier = sheet_.define(earlier);
  const auto next = [&](std::string_view parameter, const restrictions::Domains& domains) {
    const std::string here = sheet_.define(all({no(earlier), in_list(parameter, domains)}));
    earlier = sheet_.define(any({earlier, here}));
    return here;
  };
  made.alias = next("virtual_alias_domains", policy_.virtual_alias_domains);
  made.mailbox = next("virtual_mailbox_domains", policy_.virtual_mailbox_domains);
  made.relay = next("relay_domains", policy_.relay_domains);
  return classes_.emplace(who, made).first->second;
}

std::string Tables::in_mynetworks() {
  sheet_.client();
  const restrictions::Networks& networks = policy_.mynetworks;
  const auto fails = [&](const IpAddress& address) {
    return networks.contains(address, nullptr) == restrictions::Match::trouble;
  };
  bool plain = networks.names().empty() && networks.tables().empty() && !fails(IpAddress::v4(0)) &&
               !fails(IpAddress::v6({}));
  const std::vector<AddressClaim> claims = networks.claims();
  for (const AddressClaim& claim : claims) {
    plain = plain && !fails(claim.range.first) && !fails(claim.range.last);
  }
  if (!plain) throw LeftOut("mynetworks has names or tables");
  if (claims.size() > most_smt_rows) throw LeftOut("mynetworks has more than 50 networks");
  std::string inside = "false";
  for (auto claim = claims.rbegin(); claim != claims.rend(); ++claim) {
    const std::string here = in_range(claim->range);
    inside = claim->in ? any({here, inside}) : all({no(here), inside});
  }
  return sheet_.define(inside);
}

std::string Tables::unlisted(const std::string& who) {
  const DomainTerms& one = classes(who);
  const std::string local = who + "_local";
  const auto in_maps = [&](std::string_view parameter, const restrictions::Maps& maps) {
    try {
      return in(maps, who, one);
    } catch (const LeftOut& error) {
      sheet_.leave_out(fmt::format("{}: {}", parameter, error.what()));
      return std::string("false");
    }
  };
  const std::string alias = in_maps("virtual_alias_maps", policy_.virtual_alias_maps);
  const auto missing = [&](const std::string& here, std::string_view parameter,
                           const restrictions::Maps& maps) {
    if (here == "false" || maps.empty()) return std::string("false");
    return all({here, no(alias), no(in_maps(parameter, maps))});
  };
  const std::string always = any({equal(local, "postmaster"), equal(local, "mailer-daemon"),
                                  equal(local, lower(policy_.bounce_sender))});
  return sheet_.define(any(
      {all({no(always), missing(one.local, "local_recipient_maps", policy_.local_recipient_maps)}),
       missing(one.relay, "relay_recipient_maps", policy_.relay_recipient_maps),
       missing(one.mailbox, "virtual_mailbox_maps", policy_.virtual_mailbox_maps),
       all({one.alias, no(alias)})}));
}

std::string Tables::in(const restrictions::Maps& maps, const std::string& who,
                       const DomainTerms& classes) {
  const std::string domain = who + "_domain";
  Terms terms;
  for (const auto& table : maps.tables()) {
    for (const Key& row : keys_of(*table)) {
      const std::size_t at = row.key.rfind('@');
      if (at == 0) {
        terms.push_back(equal(domain, row.key.substr(1)));
        continue;
      }
      const std::string local = row.key.substr(0, at);
      terms.push_back(
          all({at == std::string::npos ? classes.local : equal(domain, row.key.substr(at + 1)),
               any({is_local_part(who, local), is_base(who, local)})}));
    }
  }
  return sheet_.define(any(terms));
}

std::string Tables::is_local_part(const std::string& who, const std::string& text) {
  sheet_.address(who);
  return equal(who + "_local", text);
}

// Without an extension, if the address has one.
std::string Tables::is_base(const std::string& who, const std::string& text) {
  for (const char c : policy_.recipient_delimiter) {
    if (policy_.bounce_sender.find(c) != std::string::npos) {
      throw LeftOut("double_bounce_sender has a delimiter");
    }
  }
  const std::string base = sheet_.base(who, policy_.recipient_delimiter);
  return base.empty() ? "false" : equal(base, text);
}

std::string Tables::is_name(const std::string& variable, const std::string& key) const {
  const std::string last = key.substr(key.rfind('.') + 1);
  if (last.find_first_not_of("0123456789") == std::string::npos || key.starts_with('[')) {
    throw LeftOut(fmt::format("`{}` is no name", printable(key, 64)));
  }
  const bool plain = policy_.access_parents_by_name;
  std::string below = "false";
  if (plain) below = ends_with(variable, "." + key);
  if (!plain && key.starts_with('.')) below = ends_with(variable, key);
  return any({equal(variable, key), below});
}

Ordered Tables::client_rows(const Table& table) {
  sheet_.client();
  Ordered rows;
  if (table.is_network()) {
    const auto written = restrictions::network_rows(table);
    if (!written || written->size() > most_smt_rows) {
      throw LeftOut(printable(table.name(), 100) + " has more than 50 rows");
    }
    for (const restrictions::NetworkRow& row : *written) {
      Terms terms;
      for (const restrictions::NetworkCondition& one : row.conditions) {
        const bool v4 = one.network.network().is_v4() && !one.mapped;
        const std::string inside = one.mapped ? "false" : in_network(one.network);
        terms.push_back(one.negated ? all({family(v4), no(inside)}) : inside);
      }
      rows.emplace_back(all(terms), row.value);
    }
    return rows;
  }
  std::vector<Key> names;
  std::vector<std::pair<Cidr, std::string>> networks;
  for (const Key& row : keys_of(table)) {
    if (const auto network = first_octets(row.key)) {
      networks.emplace_back(*network, row.value);
    } else {
      names.push_back(row);
    }
  }
  sort_names(names);
  std::ranges::sort(networks, [](const auto& one, const auto& other) {
    return one.first.prefix() > other.first.prefix();
  });
  if (policy_.client_names) sheet_.client_name();
  const std::string verified = policy_.client_names ? "name_verified" : "false";
  for (const Key& row : names) {
    const std::string unknown = row.key == "unknown" ? no(verified) : "false";
    const std::string named =
        policy_.client_names ? all({verified, is_name("client_name", row.key)}) : "false";
    rows.emplace_back(any({unknown, named}), row.value);
  }
  for (const auto& [network, value] : networks) rows.emplace_back(in_network(network), value);
  return rows;
}

Ordered Tables::name_rows(const std::string& variable, const Table& table) const {
  std::vector<Key> names = keys_of(table);
  sort_names(names);
  Ordered rows;
  for (const Key& row : names) rows.emplace_back(is_name(variable, row.key), row.value);
  return rows;
}

// The whole address, the address without its extension, the domain and its parents, the local part,
// the local part without its extension.
Ordered Tables::address_rows(const std::string& who, const Table& table) {
  sheet_.address(who);
  const std::string domain = who + "_domain";
  std::array<Ordered, 5> rows;
  std::vector<Key> names;
  const std::string some = who == "sender" ? "(not sender_null)" : "true";
  if (policy_.null_access_lookup_key != "<>") throw LeftOut("smtpd_null_access_lookup_key is set");
  for (const Key& row : keys_of(table)) {
    const std::size_t at = row.key.rfind('@');
    if (row.key == "<>") {
      if (who == "sender") rows[0].emplace_back("sender_null", row.value);
    } else if (at == std::string::npos) {
      names.push_back(row);
    } else {
      const std::string local = row.key.substr(0, at);
      const std::string at_domain = row.key.substr(at + 1);
      if (local.find_first_of("%!@") != std::string::npos || local.empty() ||
          at_domain.starts_with('[')) {
        throw LeftOut(fmt::format("`{}` is no plain address", printable(row.key, 64)));
      }
      const std::string here = at_domain.empty() ? "true" : equal(domain, at_domain);
      rows[at_domain.empty() ? 3 : 0].emplace_back(all({some, here, is_local_part(who, local)}),
                                                   row.value);
      rows[at_domain.empty() ? 4 : 1].emplace_back(all({some, here, is_base(who, local)}),
                                                   row.value);
    }
  }
  sort_names(names);
  for (const Key& row : names) {
    rows[2].emplace_back(all({some, is_name(domain, row.key)}), row.value);
  }
  Ordered ordered;
  for (const Ordered& some_rows : rows) {
    ordered.insert(ordered.end(), some_rows.begin(), some_rows.end());
  }
  return ordered;
}

}  // namespace postern::plan::smt
