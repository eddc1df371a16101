#include "plan/settings_answers.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/table.h"
#include "plan/same_rules.h"

namespace postern::plan {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;

namespace {

restrictions::Parameters parameters_of(const json::object& definition) {
  return restrictions::Parameters(
      json::value_to<std::map<std::string, std::string, std::less<>>>(definition.at("parameters")),
      std::string(definition.at("hostname").as_string()));
}

/// Whether a list has a file or a table among its words; networks have a slash inside.
bool names_file(std::string_view value) {
  constexpr std::string_view ends = ", \t\r\n{}";
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t end = std::min(value.find_first_of(ends, at), value.size());
    std::string_view word = value.substr(at, end - at);
    if (word.starts_with('!')) word.remove_prefix(1);
    if (word.starts_with('/') || restrictions::is_table_spec(word)) return true;
    at = end + 1;
  }
  return false;
}

/// A keyword, and what stands behind it in an answer so that its own verdict shows.
struct Dependent {
  std::string_view keyword;
  std::string_view behind;
  /// Of which a value may decide whether it refuses, or with which code.
  std::vector<std::string_view> parameters;
};

/// The keywords whose verdict may hang on parameters and is tried. Of some it is not:
/// not_followed().
const std::vector<Dependent>& dependents() {
  using Names = std::vector<std::string_view>;
  static const auto both = [](Names one, const Names& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
  };
  static const Names own{"inet_interfaces", "proxy_interfaces"};
  static const Names extensions{"recipient_delimiter", "owner_request_special",
                                "double_bounce_sender"};
  // With mail to an address literal of this host.
  static const Names domains{"mydestination",
                             "relay_domains",
                             "virtual_alias_domains",
                             "virtual_mailbox_domains",
                             "inet_interfaces",
                             "proxy_interfaces",
                             "parent_domain_matches_subdomains"};
  static const Names owners = both(
      {"smtpd_sender_login_maps", "smtpd_sasl_auth_enable", "myorigin"}, both(extensions, domains));
  static const Names mailboxes = both({"local_recipient_maps", "relay_recipient_maps",
                                       "virtual_alias_maps", "virtual_mailbox_maps"},
                                      both(extensions, domains));
  static const Names unlisted_codes{
      "unknown_local_recipient_reject_code", "unknown_relay_recipient_reject_code",
      "unknown_virtual_alias_reject_code", "unknown_virtual_mailbox_reject_code"};
  static const std::vector<Dependent> all{
      {"permit_inet_interfaces", "reject", own},
      {"permit_mynetworks", "reject", {"mynetworks", "mynetworks_style", "inet_interfaces"}},
      {"permit_sasl_authenticated", "reject", {"smtpd_sasl_auth_enable"}},
      {"permit_auth_destination", "reject", domains},
      {"reject_maps_rbl", "permit", {"maps_rbl_domains"}},
      {"reject_unknown_sender_domain", "permit",
       both({"unknown_address_tempfail_action"}, domains)},
      {"reject_unknown_recipient_domain", "permit",
       both({"unknown_address_tempfail_action"}, domains)},
      // Of u%name@domain and name!u@domain the address is u@name if the domain is ours.
      {"reject_non_fqdn_sender", "permit", domains},
      {"reject_non_fqdn_recipient", "permit", domains},
      {"reject_unknown_helo_hostname", "permit", {"unknown_helo_hostname_tempfail_action"}},
      // An address of ours is verified by the tables of mailboxes.
      {"reject_unverified_sender", "permit",
       both({"unverified_sender_reject_code", "unverified_sender_defer_code",
             "unverified_sender_tempfail_action"},
            mailboxes)},
      {"reject_unverified_recipient", "permit",
       both({"unverified_recipient_reject_code", "unverified_recipient_defer_code",
             "unverified_recipient_tempfail_action"},
            mailboxes)},
      {"reject_sender_login_mismatch", "permit", owners},
      {"reject_authenticated_sender_login_mismatch", "permit", owners},
      {"reject_unauthenticated_sender_login_mismatch", "permit", owners},
      {"reject_known_sender_login_mismatch", "permit", owners},
      {"reject_unlisted_recipient", "permit", both(unlisted_codes, mailboxes)},
      {"reject_unlisted_sender", "permit", both(unlisted_codes, mailboxes)}};
  return all;
}

/// What a parameter says: that of AUTH has a default that its text does not show.
std::string value_of_parameter(const restrictions::Parameters& parameters, std::string_view name) {
  if (name == "smtpd_sasl_auth_enable" && !parameters.is_set(name)) return "yes";
  return parameters.text(name);
}

/// Whether its refusals have the reply code of a parameter.
bool has_code(const restrictions::Keyword& keyword) {
  return keyword.kind == restrictions::Keyword::Class::reject && !keyword.code_parameter.empty();
}

/// Names of restriction classes.
std::set<std::string> class_names(const restrictions::Parameters& parameters) {
  std::set<std::string> names;
  const auto words = parameters.words("smtpd_restriction_classes");
  if (!words) return names;
  for (const restrictions::Word& one : *words) names.insert(one.text);
  return names;
}

/// What two versions say.
class Settings {
 public:
  /// Both texts are Loaded::definition.
  Settings(std::string_view before, std::string_view after)
      : Settings(json::parse(before).as_object(), json::parse(after).as_object()) {}

  /// A table has its contents in a file, as a list of domains may have.
  bool may_differ(std::string_view name) const {
    const std::string value = value_of_parameter(old_, name);
    return value != value_of_parameter(new_, name) || (files_differ_ && names_file(value));
  }
  /// Whether one of them may.
  bool may_differ(const std::vector<std::string_view>& names) const {
    return std::ranges::any_of(names, [&](std::string_view name) { return may_differ(name); });
  }
  /// Whether anything but the lists themselves may.
  bool may_differ() const {
    const auto rest = [](const restrictions::Parameters& all) {
      std::map<std::string, std::string, std::less<>> settings = all.settings();
      std::erase_if(settings, [](const auto& one) { return is_list(one.first); });
      return settings;
    };
    return files_differ_ || rest(old_) != rest(new_);
  }
  /// Restriction classes of both.
  std::set<std::string> classes() const {
    std::set<std::string> all = class_names(old_);
    all.merge(class_names(new_));
    return all;
  }

 private:
  Settings(const json::object& before, const json::object& after)
      : old_(parameters_of(before)), new_(parameters_of(after)) {
    const auto differ = [&](const char* member) {
      const json::value* mine = before.if_contains(member);
      const json::value* others = after.if_contains(member);
      return (mine != nullptr ? *mine : json::value()) !=
             (others != nullptr ? *others : json::value());
    };
    files_differ_ = differ("files") || differ("left_out");
  }

  restrictions::Parameters old_;  // a value may be made of others
  restrictions::Parameters new_;
  bool files_differ_ = false;
};

}  // namespace

std::vector<std::string> answers_by_settings(std::string_view before, std::string_view after) {
  const Settings settings(before, after);
  static const std::set<std::string_view> always_tried{
      "permit_mynetworks", "permit_sasl_authenticated", "permit_auth_destination"};
  std::vector<std::string> answers;
  const auto add = [&](std::string_view rule, std::string_view behind) {
    answers.push_back(fmt::format("{}, {}", rule, behind));
  };
  std::set<std::string_view> tried;
  const auto try_it = [&](std::string_view keyword, std::string_view behind) {
    if (!tried.insert(keyword).second) return;
    if (!always_tried.contains(keyword)) answers.emplace_back(keyword);
    add(keyword, behind);
  };
  for (const auto& [keyword, behind, parameters] : dependents()) {
    if (settings.may_differ(parameters)) try_it(keyword, behind);
  }
  for (const restrictions::Keyword& one : restrictions::keywords()) {
    const bool is_alone = one.takes == restrictions::Keyword::Takes::nothing;
    if (is_alone && has_code(one) && settings.may_differ(one.code_parameter)) {
      try_it(one.name, "permit");
    }
  }
  // A class may permit and refuse, by any parameter, and name another.
  if (!settings.may_differ()) return answers;
  for (const std::string& name : settings.classes()) {
    add(name, "reject");
    add(name, "permit");
  }
  return answers;
}

bool codes_not_followed(std::string_view before, std::string_view after) {
  const Settings settings(before, after);
  // Which may begin with a code.
  if (settings.may_differ("default_rbl_reply") || settings.may_differ("rbl_reply_maps")) {
    return true;
  }
  // Behind defer_if_reject, in front of a refusal of another code, or where it yields to what
  // stands behind it, a rule decides about the code of a refusal that is one in both versions.
  const auto differ = [&](const Dependent& one) { return settings.may_differ(one.parameters); };
  if (std::ranges::any_of(dependents(), differ) ||
      settings.may_differ("smtpd_reject_unlisted_recipient") ||
      settings.may_differ("smtpd_reject_unlisted_sender")) {
    return true;
  }
  return std::ranges::any_of(restrictions::keywords(), [&](const restrictions::Keyword& one) {
    return one.takes != restrictions::Keyword::Takes::nothing && has_code(one) &&
           settings.may_differ(one.code_parameter);
  });
}

AheadOfLists ahead_of_lists(const restrictions::ListPolicy& before,
                            const restrictions::ListPolicy& after) {
  AheadOfLists found;
  if (before.strict_envelopes != after.strict_envelopes) {
    found.envelopes =
        "strict_rfc821_envelopes differs: the session of one version refuses forms of addresses "
        "before the lists, and these are not compared";
  }
  const auto sender = [](const restrictions::ListPolicy& policy) {
    const restrictions::Verification& probes = policy.verification;
    return std::tuple(probes.probe_local, probes.probe_domain, probes.is_bounce_sender,
                      probes.sender_ttl);
  };
  if (sender(before) != sender(after)) {
    found.probe_sender = "the sender of probes, whose mail is taken before the lists, differs";
  }
  return found;
}

std::vector<NotFollowed> not_followed(const restrictions::Loaded& before,
                                      const restrictions::Loaded& after) {
  std::vector<NotFollowed> found;
  const Settings settings(before.definition, after.definition);
  if (settings.may_differ("relay_clientcerts")) {
    found.push_back(
        {"another program may answer permit_tls_clientcerts, and relay_clientcerts differs"});
  }
  const restrictions::ListPolicy& one = *before.compiled.policy;
  const restrictions::ListPolicy& other = *after.compiled.policy;
  const auto reads = [](const restrictions::ListPolicy& policy) {
    return std::tuple(policy.append_dot_mydomain, policy.appended_domain(), policy.swap_bangpath,
                      policy.allow_percent_hack, policy.allow_untrusted_routing, policy.myorigin);
  };
  if (reads(one) != reads(other)) {
    found.push_back(
        {"another program may answer with a rule about an address, and how addresses are read "
         "differs: append_dot_mydomain, mydomain, myorigin, swap_bangpath, allow_percent_hack or "
         "allow_untrusted_routing"});
  }
  if (one.client_names != other.client_names) {
    found.push_back(
        {"another program may answer with a rule about the client's name, and "
         "smtpd_peername_lookup differs"});
  }
  // What is ours in a version is permitted as by permit_auth_destination; of other mail it asks
  // whose its mail hosts are.
  if (settings.may_differ({"permit_mx_backup_networks", "inet_protocols", "mydestination",
                           "inet_interfaces", "proxy_interfaces"})) {
    found.push_back(
        {"another program may answer permit_mx_backup, and who this host is differs: "
         "inet_interfaces, proxy_interfaces, inet_protocols, mydestination or "
         "permit_mx_backup_networks",
         true});
  }
  return found;
}

}  // namespace postern::plan
