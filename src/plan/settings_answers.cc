#include "plan/settings_answers.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/table.h"

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
  std::vector<std::string_view> parameters;  ///< of which a value may decide whether it refuses
};

/// Those that hang on how addresses are read are not told apart by parameters here:
/// ListPair::answers_otherwise().
const std::vector<Dependent>& dependents() {
  using Names = std::vector<std::string_view>;
  static const auto both = [](Names one, const Names& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
  };
  static const Names own{"inet_interfaces", "proxy_interfaces"};
  static const Names extensions{"recipient_delimiter", "owner_request_special",
                                "double_bounce_sender"};
  static const Names domains{"mydestination", "relay_domains", "virtual_alias_domains",
                             "virtual_mailbox_domains"};
  static const Names owners =
      both({"smtpd_sender_login_maps", "smtpd_sasl_auth_enable", "mydestination", "myorigin"},
           extensions);
  static const Names mailboxes = both({"local_recipient_maps", "relay_recipient_maps",
                                       "virtual_alias_maps", "virtual_mailbox_maps"},
                                      both(extensions, domains));
  static const std::vector<Dependent> all{
      {"permit_inet_interfaces", "reject", own},
      {"permit_mynetworks", "reject", {"mynetworks", "mynetworks_style", "inet_interfaces"}},
      {"permit_sasl_authenticated", "reject", {"smtpd_sasl_auth_enable"}},
      {"permit_auth_destination", "reject", both(own, domains)},
      {"permit_mx_backup", "reject",
       both({"permit_mx_backup_networks", "inet_protocols", "mydestination"}, own)},
      {"permit_tls_clientcerts", "reject", {"relay_clientcerts"}},
      {"reject_maps_rbl", "permit", {"maps_rbl_domains"}},
      {"reject_unknown_sender_domain", "permit",
       both({"unknown_address_tempfail_action"}, domains)},
      {"reject_unknown_recipient_domain", "permit",
       both({"unknown_address_tempfail_action"}, domains)},
      {"reject_unknown_helo_hostname", "permit", {"unknown_helo_hostname_tempfail_action"}},
      {"reject_unverified_sender",
       "permit",
       {"unverified_sender_reject_code", "unverified_sender_defer_code",
        "unverified_sender_tempfail_action"}},
      {"reject_unverified_recipient",
       "permit",
       {"unverified_recipient_reject_code", "unverified_recipient_defer_code",
        "unverified_recipient_tempfail_action"}},
      {"reject_sender_login_mismatch", "permit", owners},
      {"reject_authenticated_sender_login_mismatch", "permit", owners},
      {"reject_unauthenticated_sender_login_mismatch", "permit", owners},
      {"reject_known_sender_login_mismatch", "permit", owners},
      {"reject_unlisted_recipient", "permit", mailboxes},
      {"reject_unlisted_sender", "permit", mailboxes}};
  return all;
}

/// What a parameter says: that of AUTH has a default that its text does not show.
std::string value_of(const restrictions::Parameters& parameters, std::string_view name) {
  if (name == "smtpd_sasl_auth_enable" && !parameters.is_set(name)) return "yes";
  return parameters.text(name);
}

/// Names of restriction classes.
std::set<std::string> classes_of(const restrictions::Parameters& parameters) {
  std::set<std::string> names;
  const auto words = parameters.words("smtpd_restriction_classes");
  if (!words) return names;
  for (const restrictions::Word& one : *words) names.insert(one.text);
  return names;
}

}  // namespace

std::vector<std::string> answers_by_settings(std::string_view before, std::string_view after) {
  const json::object one = json::parse(before).as_object();
  const json::object other = json::parse(after).as_object();
  const auto differ = [&](const char* member) {
    const json::value* mine = one.if_contains(member);
    const json::value* others = other.if_contains(member);
    return (mine != nullptr ? *mine : json::value()) !=
           (others != nullptr ? *others : json::value());
  };
  const bool files_differ = differ("files") || differ("left_out");
  // A value may be made of others.
  const restrictions::Parameters old_parameters = parameters_of(one);
  const restrictions::Parameters new_parameters = parameters_of(other);
  // A table has its contents in a file, as a list of domains may have.
  const auto may_differ = [&](std::string_view name) {
    const std::string value = value_of(old_parameters, name);
    return value != value_of(new_parameters, name) || (files_differ && names_file(value));
  };
  static const std::set<std::string_view> always_tried{
      "permit_mynetworks", "permit_sasl_authenticated", "permit_auth_destination"};
  std::vector<std::string> answers;
  const auto add = [&](std::string_view rule, std::string_view behind) {
    answers.push_back(fmt::format("{}, {}", rule, behind));
  };
  for (const auto& [keyword, behind, parameters] : dependents()) {
    if (!std::ranges::any_of(parameters, may_differ)) continue;
    if (!always_tried.contains(keyword)) answers.emplace_back(keyword);
    add(keyword, behind);
  }
  std::set<std::string> classes = classes_of(old_parameters);
  classes.merge(classes_of(new_parameters));
  // One may name another.
  if (std::ranges::any_of(classes, may_differ)) {
    for (const std::string& name : classes) {
      add(name, "reject");
      add(name, "permit");
    }
  }
  return answers;
}

}  // namespace postern::plan
