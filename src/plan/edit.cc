#include "plan/edit.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <sstream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/sha256.h"
#include "base/text.h"
#include "base/toml.h"
#include "config/engine.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint.h"
#include "dialect/vsl/policy.h"
#include "plan/behind.h"
#include "plan/player.h"
#include "plan/routes.h"
#include "plan/vsl.h"
#include "plan/vsl_text.h"
#include "plan/webhooks.h"

namespace postern::plan {

namespace {

/// Sections that decide nothing about mail as it comes in, or that are compared.
constexpr std::string_view not_asked[] = {"restrictions", "guardrails", "log",   "traces",
                                          "delivery_log", "inbox",      "queue", "cluster",
                                          "timeouts",     "egress"};

toml::table without_keys(toml::table section, std::span<const std::string_view> keys) {
  for (const std::string_view key : keys) section.erase(key);
  return section;
}

/// Without what is compared by what the rules do.
toml::table without_rules(const toml::table& vsl) {
  constexpr std::string_view compared[] = {"policy",  "mode",
                                           "domain",  "relay_networks",
                                           "maildir", "i_know_this_is_an_open_relay",
                                           "mbox",    "must_be_authenticated"};
  toml::table rest = without_keys(vsl, compared);
  if (toml::array* domains = rest.get_as<toml::array>("virtual")) {
    // Of one with a key or a certificate it matters whose these are.
    for (std::size_t at = domains->size(); at-- > 0;) {
      const toml::table* one = domains->get(at)->as_table();
      if (one != nullptr && one->size() == 1 && one->contains("domain")) {
        domains->erase(domains->begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    if (domains->empty()) rest.erase("virtual");
  }
  return rest;
}

/// Keys of [limits] that bound how much comes, which a comparison takes as not reached, or what
/// accounts may make.
constexpr std::string_view rates[] = {
    "sessions",         "sessions_per_address", "memory",           "new_sessions_per_minute",
    "error_delay",      "exempt_networks",      "account_policies", "account_credentials",
    "account_webhooks", "account_domains",      "account_octets"};

/// What the texts of two files have differently, apart from these.
std::vector<Elsewhere> elsewhere(const std::string& before, const std::string& after) {
  std::vector<Elsewhere> found;
  const auto add = [&](std::string_view section) {
    const bool lua = section == "lua";
    found.push_back({.what = std::string(section), .reason = lua ? "lua" : "other_layers"});
  };
  const auto old_file = parse_toml(before);
  const auto new_file = parse_toml(after);
  if (!old_file || !new_file) return found;
  std::set<std::string, std::less<>> sections;
  for (const auto& [name, node] : *old_file) sections.emplace(name.str());
  for (const auto& [name, node] : *new_file) sections.emplace(name.str());
  for (const std::string& section : sections) {
    if (std::ranges::find(not_asked, section) != std::end(not_asked)) continue;
    const toml::node* one = old_file->get(section);
    const toml::node* other = new_file->get(section);
    // Of these only the name that clients are told, and whose logins are the operator's.
    if (section == "server" || section == "api") {
      const std::string_view key = section == "server" ? "hostname" : "operators";
      const auto value = [&](const toml::node* node) {
        return node != nullptr && node->is_table() ? node->as_table()->get(key) : nullptr;
      };
      one = value(one);
      other = value(other);
    }
    const auto text = [&](const toml::node* node) {
      std::ostringstream out;
      const bool is_table = node != nullptr && node->is_table();
      if (section == "vsl") {
        out << without_rules(is_table ? *node->as_table() : toml::table{});
      } else if (section == "limits") {
        out << without_keys(is_table ? *node->as_table() : toml::table{}, rates);
      } else if (node != nullptr) {
        out << toml::node_view<const toml::node>(node);
      }
      return out.str();
    };
    if (text(one) != text(other)) add(section);
  }
  return found;
}

/// Whether both versions complete addresses alike before they look for a route.
bool complete_alike(const app::Config& before, const app::Config& after) {
  const auto names = [](const app::Config& config) {
    const auto* loaded = config.restrictions.loaded();
    const auto* lists = loaded != nullptr ? loaded->compiled.policy.get() : nullptr;
    if (lists == nullptr) return std::pair<std::string, std::string>();
    return std::pair(std::string(lists->myorigin), std::string(lists->appended_domain()));
  };
  return names(before) == names(after);
}

/// Whether the lists take mail for a domain of webhooks in one version alone: that for its other
/// addresses, which the webhooks' domain refuses unless the lists have it.
bool webhook_domains_differ(const Edition& before, const Edition& after) {
  std::set<std::string> domains;
  for (const Edition* edition : {&before, &after}) {
    for (const auto& webhook : edition->webhooks) {
      domains.insert(lower(webhook->address.substr(webhook->address.rfind('@') + 1)));
    }
  }
  const auto foreign = [](const Edition& edition, const std::string& domain) {
    const auto* loaded = edition.config.restrictions.loaded();
    return loaded == nullptr || !loaded->compiled.policy ||
           loaded->compiled.policy->domain_class(domain, nullptr, reached_address()) ==
               dialect::restrictions::DomainClass::foreign;
  };
  return std::ranges::any_of(domains, [&](const std::string& domain) {
    return foreign(before, domain) != foreign(after, domain);
  });
}

/// What differs outside of the lists and the rules, and may decide whether mail is taken. `found`:
/// elsewhere() of the two.
std::vector<Elsewhere> may_decide(std::vector<Elsewhere> found, const Edition& before,
                                  const Edition& after) {
  const auto route = std::ranges::find(found, std::string("route"), &Elsewhere::what);
  const bool other_routes = route != found.end();
  if (other_routes && !routes_may_decide(before.config, after.config)) found.erase(route);
  if (!other_routes && !complete_alike(before.config, after.config) &&
      (routes_refuse(before.config) || routes_refuse(after.config)) &&
      routes_may_decide(before.config, after.config)) {
    found.push_back({.what = "myorigin", .reason = "other_layers"});
  }
  const bool decides_behind = deciding_in(before.config).scripts ||
                              deciding_in(after.config).scripts || !before.webhooks.empty() ||
                              !after.webhooks.empty();
  if (decides_behind &&
      served_sessions(before.config).login != served_sessions(after.config).login) {
    found.push_back({.what = "smtpd_sasl_auth_enable", .reason = "other_layers"});
  }
  std::set<std::string> files = before.passed_over;
  files.insert(after.passed_over.begin(), after.passed_over.end());
  for (const std::string& file : files) found.push_back({.what = file, .reason = "other_folder"});
  return found;
}

/// What decides in the lists of a version: their parameters and tables.
std::string text_of_lists(const app::Config& config) {
  const auto* loaded = config.restrictions.loaded();
  if (loaded == nullptr) return "none";
  boost::json::value definition = boost::json::parse(loaded->definition);
  definition.as_object().erase("places");  // they name the file
  return fmt::format("{} {}", config.restrictions.section.shadow,
                     boost::json::serialize(definition));
}

/// Settings of tables that other programs serve, if they have one name and two contents: one
/// question would stand for both.
std::vector<Elsewhere> changed_settings(const app::Config& before, const app::Config& after) {
  std::vector<Elsewhere> found;
  const auto* one = before.restrictions.loaded();
  const auto* other = after.restrictions.loaded();
  if (one == nullptr || other == nullptr) return found;
  const boost::json::value old_lists = boost::json::parse(one->definition);
  const boost::json::value new_lists = boost::json::parse(other->definition);
  const boost::json::object& new_files = new_lists.at("files").as_object();
  for (const auto& [path, text] : old_lists.at("files").as_object()) {
    const boost::json::value* now = new_files.if_contains(path);
    if (now == nullptr || *now == text) continue;
    for (const std::string_view type : {"sqlite:", "pgsql:", "mysql:", "ldap:", "memcache:"}) {
      const std::string name = std::string(type) + std::string(path);
      if (one->definition.find(name) == std::string::npos) continue;
      found.push_back({.what = name, .reason = "external_table"});
    }
  }
  return found;
}

/// What differs and may decide, and is in no diagram. `found`: elsewhere() of the two.
std::vector<Elsewhere> not_compared(std::vector<Elsewhere> found, const Edition& before,
                                    const Edition& after) {
  found = may_decide(std::move(found), before, after);
  std::ranges::move(changed_settings(before.config, after.config), std::back_inserter(found));
  if (webhook_domains_differ(before, after)) {
    found.push_back({.what = "webhook_domains", .reason = "other_layers"});
  }
  return found;
}

/// Addresses of some webhooks that both have.
std::vector<mail::Mailbox> webhooks_of_both(const Edition& before, const Edition& after) {
  constexpr std::size_t most = 4;
  std::vector<mail::Mailbox> some;
  for (const auto& webhook : after.webhooks) {
    if (some.size() == most) break;
    auto address = mail::parse_mailbox(webhook->address, mail::Utf8::allowed);
    if (address && webhook->is_active && before.directory->resolve(*address).webhook) {
      some.push_back(std::move(*address));
    }
  }
  return some;
}

/// Compares the webhooks of both versions. If more than they and the lists differs, nothing is
/// proved to be the same for them.
void compare_directories(const Version& before, const Version& after,
                         const std::set<std::string>& addresses, bool lists_differ,
                         const CompareOptions& options, const Deadline& deadline,
                         Comparison& found) {
  if (addresses.empty()) return;
  WebhookComparison webhooks = compare_webhooks(
      before, after, {addresses.begin(), addresses.end()},
      {.through_lists = options.through_lists, .lists_differ = lists_differ}, deadline);
  if (!options.elsewhere.empty()) {
    for (WebhookAnswer& one : webhooks.addresses) {
      widen(one.answer.refuses_more, Known::unknown);
      widen(one.answer.accepts_more, Known::unknown);
    }
    widen(webhooks.replies, Known::unknown);
    webhooks.not_proved.push_back(
        {.group = "",
         .direction = DifferenceKind::none,
         .layer = "webhook",
         .place = "",
         .reason = "other_layers",
         .text = "more than the lists, webhooks and their policies differs, and that is compared "
                 "without webhooks"});
  }
  found.webhooks = std::move(webhooks.addresses);
  found.played += webhooks.played;
  found.give_up.merge(webhooks.give_up);
  found.names_like_networks = found.names_like_networks || webhooks.names_like_networks;
  widen(found.replies, webhooks.replies);
  std::ranges::move(webhooks.witnesses, std::back_inserter(found.witnesses));
  std::ranges::move(webhooks.not_proved, std::back_inserter(found.not_proved));
}

/// Nothing is known of a version whose scripts are not those that would be played.
void leave_all_open(const std::string& layer, Comparison& found) {
  const auto open = [](GroupAnswer& answer) {
    answer = {.refuses_more = Known::unknown, .accepts_more = Known::unknown};
  };
  std::ranges::for_each(found.groups, open);
  open(found.winding);
  for (WebhookAnswer& one : found.webhooks) open(one.answer);
  found.handling = found.replies = Known::unknown;
  if (found.routes) found.routes = Known::unknown;
  if (layer != "lua") (layer == "restrictions" ? found.lists : found.rules) = Answer::not_proved;
  found.witnesses.clear();
  found.not_proved.push_back(
      {.group = "",
       .direction = DifferenceKind::none,
       .layer = layer,
       .place = "",
       .reason = layer == "lua" ? "lua" : "other_layers",
       .text = layer == "restrictions"
                   ? "tables of more than 64 KiB have changed since the gateway has read them, or "
                     "cannot be read here, and it does not say what they were: `postern reload`, "
                     "or compare two files"
                   : "the scripts on the disk are not those that the gateway runs, so nothing can "
                     "be played"});
}

/// Takes all values of a key out of a definition: objects or arrays of texts, in which each quote
/// has a backslash.
void take_out_values(std::string_view key, char close, std::string& definition) {
  for (std::size_t at = definition.find(key); at != std::string::npos;
       at = definition.find(key, at)) {
    std::size_t end = at + key.size();
    for (bool in_text = false; end < definition.size(); ++end) {
      if (definition[end] == '\\') {
        ++end;
      } else if (definition[end] == '"') {
        in_text = !in_text;
      } else if (definition[end] == close && !in_text) {
        break;
      }
    }
    definition.erase(at, end + 1 - at);
  }
}

/// A definition without the places of rules and the folders that tables may not be read from:
/// wherever a file lies, and whatever its comments say, it decides the same.
std::string without_places(std::string definition) {
  take_out_values(",\"places\":{", '}', definition);
  take_out_values(",\"closed\":[", ']', definition);
  return definition;
}

/// Of what is decided: the same text, the same version.
std::string digest_of(const app::Config& config) {
  return "sha256:" + hex_encode(sha256(without_places(app::engine_for(config).definition())));
}

/// The rules without the name of the folder they lie in, if it does not matter. Names of their
/// files are relative to it.
boost::json::object without_folder(const dialect::vsl::VslPolicy& policy) {
  boost::json::object rules = boost::json::parse(policy.definition()).as_object();
  if (!may_ask_its_place(policy)) rules.erase("toml_app");
  return rules;
}

/// Whether the `.vsl` rules are the same, wherever they lie.
bool same_rules(const app::Config& before, const app::Config& after) {
  if (same_vsl(before, after)) return true;
  if (before.vsl.mode != after.vsl.mode || !before.vsl.loaded || !after.vsl.loaded) return false;
  return without_folder(*before.vsl.loaded) == without_folder(*after.vsl.loaded);
}

void keep_only(Group group, Comparison& found) {
  for (const Group other : {Group::ours, Group::relay, Group::foreign}) {
    if (other != group) found.groups[static_cast<std::size_t>(other)] = {};
  }
  std::erase_if(found.witnesses, [&](const Witness& one) { return one.group != group; });
  if (group != Group::ours) found.webhooks.clear();
}

/// The guardrails of NEW, those of OLD that are gone, and what OLD makes of those that are broken.
void judge_guardrails(const Edition& before, const Edition& after, const EditOptions& options,
                      Report& found) {
  const auto version = [](const Edition& edition) {
    return Version{.name = edition.file, .config = &edition.config, .directory = edition.directory};
  };
  const Deadline deadline(options.guards.time);
  const auto scope_of = [](const Edition& edition) {
    GuardScope scope = edition.scope;
    scope.webhooks = edition.webhooks;
    return scope;
  };
  const GuardScope scope = scope_of(after);
  const app::Guardrails* const guardrails = after.config.guardrails.get();
  if (guardrails) {
    found.guardrails =
        check_guardrails(version(after), *guardrails, scope, deadline, options.guards);
  }
  found.weakened =
      weakened(before.config.guardrails.get(), version(after), scope, deadline, options.guards);
  app::Guardrails broken;
  std::vector<std::size_t> numbers;
  for (std::size_t at = 0; at < found.guardrails.size(); ++at) {
    const app::Guardrail& one = guardrails->sentences[at];
    if (!refuses(found.guardrails[at], one)) continue;
    broken.sentences.push_back(one);
    numbers.push_back(at);
  }
  if (numbers.empty()) return;
  const auto old =
      check_guardrails(version(before), broken, scope_of(before), deadline, options.guards);
  for (std::size_t at = 0; at < numbers.size(); ++at) {
    found.broken.emplace(numbers[at], old[at].word);
  }
}

/// What may be an open relay is seen first, and addresses with a route last: few people know them.
int rank_of(const Witness& one) {
  if (one.group == Group::foreign && one.kind == DifferenceKind::accepts_more) return 0;
  const auto has_route = [](const std::string& address) {
    return address.substr(0, address.rfind('@')).find_first_of("%!@") != std::string::npos;
  };
  return has_route(one.spoken.sender) || has_route(one.spoken.recipient) ? 2 : 1;
}

}  // namespace

Report judge_edit(const Edition& before, const Edition& after, const EditOptions& options) {
  CompareOptions compared = options.compare;
  const std::vector<Elsewhere> sections = elsewhere(before.text, after.text);
  compared.elsewhere = not_compared(sections, before, after);
  const bool lists_differ = text_of_lists(before.config) != text_of_lists(after.config);
  compared.lists_are_equal = !compared.idle_rules && !lists_differ;
  const bool rules_are_equal = same_rules(before.config, after.config);
  compared.rules_differ = !rules_are_equal;
  const Version old_version{
      .name = before.file, .config = &before.config, .directory = before.directory};
  const Version new_version{.name = after.file,
                            .config = &after.config,
                            .directory = after.directory,
                            .to_webhooks = webhooks_of_both(before, after)};
  const Deadline deadline(compared.time);
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  Report found;
  found.comparison = compare(old_version, new_version, compared);
  if (!rules_are_equal) {
    // The first refusal of a layer counts, and none is overruled: what neither lists nor rules let
    // in more, both together do not. What one of them does is shown by a dialogue through both.
    compare_vsl(old_version, new_version, compared, deadline, found.comparison);
    compared.elsewhere.push_back({.what = "vsl", .reason = "other_layers"});
  }
  std::set<std::string> addresses = before.compared;
  addresses.insert(after.compared.begin(), after.compared.end());
  compare_directories(old_version, new_version, addresses, lists_differ, compared, deadline,
                      found.comparison);
  if (compared.routes) {
    compare_routes(old_version, new_version, addresses, compared, deadline, found.comparison);
  }
  const bool routes_differ =
      std::ranges::any_of(sections, [](const Elsewhere& one) { return one.what == "route"; });
  found.routes_unasked = !compared.routes && routes_differ;
  // Which mail both take, whose routes are compared, is not known.
  Comparison& all = found.comparison;
  if (routes_differ && all.verdicts() == Answer::not_proved && all.routes == Known::no) {
    all.routes = Known::unknown;
  }
  found.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
  std::set<std::string> unloaded = before.unloaded;
  unloaded.insert(after.unloaded.begin(), after.unloaded.end());
  for (const std::string& layer : unloaded) leave_all_open(layer, found.comparison);
  if (compared.only) keep_only(*compared.only, found.comparison);
  std::ranges::stable_sort(found.comparison.witnesses, {}, rank_of);
  found.before = before.name;
  found.after = after.name;
  found.before_digest = digest_of(before.config);
  found.after_digest = digest_of(after.config);
  const auto* judged = after.config.restrictions.judged.get();
  if (judged != nullptr && judged->lint) {
    found.open_relay = dialect::restrictions::to_string(judged->lint->open_relay);
  }
  const auto signs_in = [](const Edition& edition) {
    const auto* lists = edition.config.restrictions.loaded();
    return lists != nullptr && lists->compiled.policy && lists->compiled.policy->sasl;
  };
  found.auth_differs = signs_in(before) != signs_in(after);
  found.after_is_open =
      found.open_relay == "yes" && !after.config.restrictions.section.open_relay_is_known;
  // Of what is not read here nothing is judged.
  if (options.guardrails && unloaded.empty()) judge_guardrails(before, after, options, found);
  return found;
}

}  // namespace postern::plan
