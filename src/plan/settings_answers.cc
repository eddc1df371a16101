#include "plan/settings_answers.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string>

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

}  // namespace

std::vector<std::string_view> answers_by_settings(std::string_view before, std::string_view after) {
  static const std::vector<std::string_view> own{"inet_interfaces", "proxy_interfaces"};
  static const std::vector<std::string_view> owners{
      "smtpd_sender_login_maps", "smtpd_sasl_auth_enable", "recipient_delimiter",
      "owner_request_special",   "mydestination",          "myorigin"};
  static const std::vector<std::string_view> mailboxes{
      "local_recipient_maps",  "relay_recipient_maps",    "virtual_alias_maps",
      "virtual_mailbox_maps",  "mydestination",           "relay_domains",
      "virtual_alias_domains", "virtual_mailbox_domains", "recipient_delimiter",
      "owner_request_special", "double_bounce_sender"};
  static const std::vector<std::string_view> domains{
      "mydestination", "relay_domains", "virtual_alias_domains", "virtual_mailbox_domains"};
  static const std::pair<std::string_view, std::vector<std::string_view>> keywords[] = {
      {"permit_inet_interfaces", own},
      // At the end of a list a permit does nothing, but for what stands behind it in the answer.
      {"permit_inet_interfaces, reject", own},
      {"permit_mynetworks, reject", {"mynetworks", "mynetworks_style", "inet_interfaces"}},
      {"permit_sasl_authenticated, reject", {"smtpd_sasl_auth_enable"}},
      {"permit_auth_destination, reject", domains},
      {"permit_mx_backup",
       {"permit_mx_backup_networks", "inet_interfaces", "proxy_interfaces", "inet_protocols",
        "mydestination"}},
      {"permit_tls_clientcerts", {"relay_clientcerts"}},
      {"reject_maps_rbl", {"maps_rbl_domains"}},
      {"reject_sender_login_mismatch", owners},
      {"reject_authenticated_sender_login_mismatch", owners},
      {"reject_unauthenticated_sender_login_mismatch", owners},
      {"reject_known_sender_login_mismatch", owners},
      {"reject_unlisted_recipient", mailboxes},
      {"reject_unlisted_sender", mailboxes}};
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
  std::vector<std::string_view> answers;
  for (const auto& [keyword, parameters] : keywords) {
    const bool differs = std::ranges::any_of(parameters, [&](std::string_view name) {
      const std::string value = old_parameters.text(name);
      // A table has its contents in a file, as a list of domains may have.
      return value != new_parameters.text(name) || (files_differ && names_file(value));
    });
    if (differs) answers.push_back(keyword);
  }
  return answers;
}

}  // namespace postern::plan
