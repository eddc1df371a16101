#include "dialect/restrictions/policy_words.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/judges.h"
#include "dialect/restrictions/name_keys.h"
#include "dialect/restrictions/pattern_questions.h"
#include "dialect/restrictions/rule_effect.h"

namespace postern::dialect::restrictions {

namespace {

/// Collects the words of one policy.
class WordCollector {
 public:
  WordCollector(const ListPolicy& policy, PolicyWords& words) : policy_(policy), words_(words) {}

  void collect() {
    for (std::size_t kind = 0; kind < list_count; ++kind) {
      if (static_cast<ListKind>(kind) == ListKind::etrn) continue;
      list_ = static_cast<ListKind>(kind);
      rules(policy_.lists[kind]);
    }
    // An answer of a program may name each class, and permit_sasl_authenticated.
    for (const auto& [name, list] : policy_.classes) {
      if (asks_programs_) rules(*list);
    }
    if (asks_programs_) rules(policy_.maps_rbl);
    for (const std::string& answer : words_.answers) {
      if (asks_programs_) answered(answer);
    }
    words_.asks_login = words_.asks_login || asks_programs_;
    words_.asks_programs = words_.asks_programs || asks_programs_;
    for (const AddressClaim& claim : policy_.mynetworks.claims()) {
      words_.clients.push_back(claim.range);
    }
    for (const auto& table : policy_.mynetworks.tables()) address_keys(*table, nullptr);
    for (const std::string& name : policy_.mynetworks.names()) {
      words_.client_keys.insert(lower(name));
    }
    words_.locals.insert(lower(policy_.bounce_sender));
    words_.asks_listed_sender = words_.asks_listed_sender || policy_.reject_unlisted_sender;
    for (const auto& [name, list] : policy_.classes) words_.actions.insert(name);
    words_.asks_client_name = words_.asks_client_name || policy_.mynetworks.needs_name();
    for (const IpAddress& own : policy_.own_addresses) words_.clients.push_back({own, own});
    for (const Domains* domains : policy_.lists_of_domains()) {
      for (const std::string& name : domains->all_names()) words_.domains.insert(lower(name));
      for (const auto& table : domains->tables()) keys(*table, words_.domains);
    }
    words_.domains.insert(lower(policy_.myorigin));
    for (const Maps* maps : {&policy_.local_recipient_maps, &policy_.relay_recipient_maps,
                             &policy_.virtual_alias_maps, &policy_.virtual_mailbox_maps}) {
      for (const auto& table : maps->tables()) keys(*table, words_.mailbox_keys);
    }
  }

 private:
  void keys(const Table& table, std::set<std::string>& into) {
    const auto parts = table.asked_alike();
    if (table.is_pattern() && !table.is_network()) words_.patterns.insert(&table);
    const bool of_addresses = &into == &words_.sender_keys || &into == &words_.recipient_keys ||
                              &into == &words_.mailbox_keys || &into == &words_.owned_keys;
    if (of_addresses && plain_results(table)) words_.address_patterns = true;
    for (const Table* part : parts) keys(*part, into);
    if (!parts.empty() && !table.hands_on_known_texts()) words_.not_listed.insert(table.name());
    if (!parts.empty() || table.is_remote()) return;  // programs are asked
    const auto values = table.values();
    if (!values) {
      words_.not_listed.insert(table.name());
      return;
    }
    if (table.is_pattern() && !table.is_network()) return;  // patterns are asked, too
    for (const std::string& value : *values) {
      const auto rows = table.rows_with(value, std::numeric_limits<std::size_t>::max());
      if (!rows) {
        words_.not_listed.insert(table.name());
        return;
      }
      for (const Table::Row& row : *rows) {
        if (row.last.empty()) {
          into.insert(lower(row.key));
          continue;
        }
        const auto first = IpAddress::parse(row.key);
        const auto last = IpAddress::parse(row.last);
        if (first && last) words_.clients.push_back({*first, *last});
      }
    }
  }

  /// Whether networks are among its keys.
  static bool has_networks(const Table& table) {
    const auto parts = table.asked_alike();
    return table.is_network() ||
           std::ranges::any_of(parts, [](const Table* one) { return has_networks(*one); });
  }

  /// Keys that may be addresses, networks by their first octets, or names. `networks`: null: not
  /// asked for.
  void address_keys(const Table& table, std::set<std::string>* networks) {
    std::set<std::string> found;
    keys(table, found);
    for (const std::string& key : found) {
      // Keys are cut as text: with zeros left out, the text of an address is not its network.
      if (key.find(':') != std::string::npos && !is_plain_v6(key)) {
        words_.not_listed.insert(table.name());
        continue;
      }
      if (const auto range = network_of(key)) {
        words_.clients.push_back(*range);
        if (networks != nullptr) networks->insert(key);
      } else {
        words_.client_keys.insert(key);
      }
    }
  }

  /// Whether the text of each address of this network, and of no other, begins with it.
  static bool is_plain_v6(const std::string& key) {
    if (key.find("::") != std::string::npos) return false;
    for (std::size_t at = 0; at <= key.size();) {
      const std::size_t end = std::min(key.find(':', at), key.size());
      if (end == at || key.substr(at, end - at).find_first_not_of('0') == std::string::npos) {
        return false;
      }
      at = end + 1;
    }
    return true;
  }

  /// "192.0.2" or "2001:db8" of an access table; nullopt: a name.
  static std::optional<AddressRange> network_of(const std::string& key) {
    if (const auto address = IpAddress::from_text(key)) return AddressRange{*address, *address};
    if (!looks_like_address(key)) return std::nullopt;
    const bool is_v4 = key.find(':') == std::string::npos;
    std::string text = key;
    if (is_v4) {
      const auto dots = std::count(key.begin(), key.end(), '.');
      for (auto missing = 3 - dots; missing > 0; --missing) text += ".0";
      const auto address = IpAddress::from_text(text);
      if (!address) return std::nullopt;
      return range_of(Cidr(*address, static_cast<int>(8 * (dots + 1))));
    }
    const auto colons = std::count(key.begin(), key.end(), ':');
    const auto address = IpAddress::from_text(text + (colons < 7 ? "::" : ""));
    if (!address) return std::nullopt;
    return range_of(Cidr(*address, static_cast<int>(16 * (colons + 1))));
  }

  void rules(const List& list) {
    if (!seen_.insert({&list, list_}).second) return;
    for (const Rule& rule : list) one(rule);
  }

  void one(const Rule& rule) {
    if (rule.list != nullptr) rules(*rule.list);
    if (rule.keyword == nullptr) return;
    std::set<std::string> before;
    before.swap(words_.not_listed);
    words_of(rule);
    if (!words_.not_listed.empty()) words_.opaque.insert(&rule);
    words_.not_listed = std::move(before);
    if (!rule.actions) return look_at_values(rule);
    for (const auto& [value, action] : *rule.actions) {
      if (action.list) rules(*action.list);
    }
  }

  /// Of a table whose values are not compiled, as they are too many: with rules in one of them it
  /// is not followed.
  void look_at_values(const Rule& rule) {
    if (rule.table == nullptr || rule.table->is_remote()) return;
    for (const std::string& value : rule.table->values().value_or(std::vector<std::string>())) {
      if (parse_action(value, policy_).kind != Action::Kind::rules) continue;
      words_.opaque.insert(&rule);
      return;
    }
  }

  /// An answer of a program that names rules: they ask as if they stood in the list.
  void answered(std::string_view answer) {
    for (const std::string_view word : split(answer, ',')) {
      Rule rule;
      rule.keyword = find_keyword(trim(word));
      if (rule.keyword != nullptr) asks_of(rule);
    }
  }

  /// What a rule asks about a dialogue, whatever its table or zone has.
  LooksAt asks_of(const Rule& rule) {
    const LooksAt looks = looks_at(policy_, rule);
    const std::string_view name = rule.keyword->name;
    words_.asks_client_name = words_.asks_client_name || looks.name;
    words_.asks_early = words_.asks_early || name == "reject_unauth_pipelining";
    words_.asks_sender_form = words_.asks_sender_form || name == "reject_non_fqdn_sender";
    words_.asks_recipient_form = words_.asks_recipient_form || name == "reject_non_fqdn_recipient";
    if (looks.session && name == "reject_plaintext_session") words_.asks_tls = true;
    if (looks.session && name != "reject_plaintext_session") words_.asks_login = true;
    if (name == "reject_unlisted_sender" || name == "reject_unverified_sender") {
      words_.asks_listed_sender = true;
    }
    if (name.find("_login_mismatch") != std::string_view::npos) owners();
    return looks;
  }

  void words_of(const Rule& rule) {
    const LooksAt looks = asks_of(rule);
    const std::string_view name = rule.keyword->name;
    words_.asks_servers = words_.asks_servers || name == "check_policy_service";
    asks_programs_ = asks_programs_ || name == "check_policy_service" ||
                     (rule.table != nullptr && rule.table->is_remote());
    words_.asks_rows = words_.asks_rows || (rule.table != nullptr && rule.table->is_remote());
    const bool knows_all =
        looks.client && looks.name && looks.helo && looks.session && looks.sender;
    if (knows_all || name == "check_ccert_access" || name == "permit_tls_clientcerts" ||
        name == "permit_tls_all_clientcerts") {
      words_.not_listed.insert(std::string(name));
    }
    if (rule.zone) words_.zones.push_back(*rule.zone);
    if (name == "reject_maps_rbl") rules(policy_.maps_rbl);
    if (rule.table == nullptr) return;
    // Addresses in other places than the client's are no classes. What several tables answer
    // together cannot be listed.
    const bool is_joined = !rule.table->asked_alike().empty();
    if ((has_networks(*rule.table) && rule.keyword->subject != Subject::client) ||
        (is_joined && (rule.table->is_remote() || !rule.table->values()))) {
      words_.not_listed.insert(rule.table->name());
      return;
    }
    switch (rule.keyword->subject) {
      case Subject::client:
        address_keys(*rule.table, &words_.network_keys);
        words_.client_rules.emplace_back(&policy_, &rule);
        break;
      case Subject::reverse_client:
        words_.client_rules.emplace_back(&policy_, &rule);
        keys(*rule.table, words_.client_keys);
        break;
      case Subject::helo:
        keys(*rule.table, words_.helo_keys);
        break;
      case Subject::sender:
        keys(*rule.table, words_.sender_keys);
        break;
      case Subject::recipient:
        words_.recipient_patterns = words_.recipient_patterns || rule.table->is_pattern();
        words_.recipient_permits = words_.recipient_permits || may_permit(rule);
        keys(*rule.table, words_.recipient_keys);
        break;
      case Subject::login:
        keys(*rule.table, words_.logins);
        break;
      case Subject::list:
      case Subject::data:
      case Subject::end_of_data:
      case Subject::etrn:
      case Subject::certificate:
      case Subject::listener:
        words_.not_listed.insert(std::string(name));
        break;
    }
  }

  /// Whether a row may permit.
  static bool may_permit(const Rule& rule) {
    if (!rule.actions || rule.table->is_remote()) return true;
    return std::ranges::any_of(*rule.actions, [](const auto& row) {
      const Action::Kind kind = row.second.kind;
      return kind == Action::Kind::permit || kind == Action::Kind::rules;
    });
  }

  /// Who owns which senders. Each login is a class of sessions, so that few are told apart.
  void owners() {
    constexpr std::size_t most_pairs = 20'000;
    for (const auto& table : policy_.sender_login_maps.tables()) {
      // Of a cache the table behind it answers, too.
      if (policy_.remote_tables.contains(table->name()) &&
          !table->name().starts_with("memcache:")) {
        words_.asks_owners = true;
        continue;
      }
      const auto patterns = plain_results(*table);
      const auto values = patterns ? patterns : table->values();
      if (table->is_remote() || (table->is_pattern() && !patterns) || !values) {
        words_.not_listed.insert(table->name());
        continue;
      }
      std::set<std::string> owners;
      for (const std::string& value : *values) {
        for (const std::string_view owner : owners_in(value)) owners.insert(lower(owner));
      }
      if (owners.size() * table->rows() > most_pairs) {
        words_.not_listed.insert(table->name());
        continue;
      }
      if (patterns) {
        words_.address_patterns = true;
        words_.patterns.insert(table.get());
      } else {
        keys(*table, words_.owned_keys);
      }
      words_.logins.merge(owners);
    }
  }

  const ListPolicy& policy_;
  PolicyWords& words_;
  ListKind list_ = ListKind::client;
  bool asks_programs_ = false;
  std::set<std::pair<const List*, ListKind>> seen_;
};

/// What a row does, without the text of a reply.
std::string deed_of(const Rule& rule, const std::string& value) {
  const auto known = rule.actions ? rule.actions->find(value) : Actions::const_iterator();
  if (!rule.actions || known == rule.actions->end()) return value;
  const Action& action = known->second;
  if (action.kind == Action::Kind::rules || action.kind == Action::Kind::invalid) return value;
  const smtp::EnhancedCode code = action.enhanced.value_or(smtp::EnhancedCode{});
  return fmt::format("{} {} {}.{}.{}", static_cast<int>(action.kind), action.code, code.klass,
                     code.subject, code.detail);
}

/// The row that a rule finds for a client's name.
std::string row_of(const ListPolicy& policy, const Rule& rule, std::string_view name) {
  const auto deed = [&](std::string_view key) -> std::optional<std::string> {
    const Found found = rule.table->find(key, nullptr);
    if (found.status != Found::Status::found) return std::nullopt;
    return deed_of(rule, found.value);
  };
  return try_keys_of_name(policy, *rule.table, name, deed).value_or("");
}

}  // namespace

std::string PolicyWords::rows_of_client(std::string_view name) const {
  std::string rows;
  for (const auto& [policy, rule] : client_rules) {
    if (rule->table->is_pattern() || rule->table->is_remote()) continue;
    rows += row_of(*policy, *rule, name) + "\n";
  }
  return rows;
}

void PolicyWords::add(const ListPolicy& policy) {
  policies.push_back(&policy);
  WordCollector(policy, *this).collect();
}

}  // namespace postern::dialect::restrictions
