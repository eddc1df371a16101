#include "plan/settings_answers.h"

#include <algorithm>

#include <boost/json.hpp>

namespace postern::plan {

namespace json = boost::json;

std::vector<std::string_view> answers_by_settings(std::string_view before, std::string_view after) {
  static const std::vector<std::string_view> own{"inet_interfaces", "proxy_interfaces"};
  static const std::vector<std::string_view> owners{"smtpd_sender_login_maps"};
  static const std::vector<std::string_view> mailboxes{
      "local_recipient_maps",  "relay_recipient_maps",   "virtual_alias_maps",
      "virtual_mailbox_maps",  "mydestination",          "relay_domains",
      "virtual_alias_domains", "virtual_mailbox_domains"};
  static const std::pair<std::string_view, std::vector<std::string_view>> keywords[] = {
      {"permit_inet_interfaces", own},
      {"permit_mx_backup", {"permit_mx_backup_networks", "inet_interfaces", "proxy_interfaces"}},
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
  const bool tables_differ = one.at("files") != other.at("files");
  const auto value_in = [](const json::object& definition, std::string_view name) {
    const json::value* found = definition.at("parameters").as_object().if_contains(name);
    return found != nullptr ? json::serialize(*found) : std::string();
  };
  std::vector<std::string_view> answers;
  for (const auto& [keyword, parameters] : keywords) {
    const bool differs = std::ranges::any_of(parameters, [&](std::string_view name) {
      const std::string value = value_in(one, name);
      // A table has its contents in a file.
      return value != value_in(other, name) ||
             (tables_differ && value.find(':') != std::string::npos);
    });
    if (differs) answers.push_back(keyword);
  }
  return answers;
}

}  // namespace postern::plan
