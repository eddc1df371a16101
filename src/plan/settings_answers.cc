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

/// A keyword, or two that show more as an answer: at the end of a list a permit does nothing, but
/// for what stands behind it in the answer.
struct Dependent {
  std::string_view answer;
  std::vector<std::string_view> parameters;  ///< of which a value may decide whether it refuses
};

const std::vector<Dependent>& dependents() {
  using Names = std::vector<std::string_view>;
  static const auto both = [](Names one, const Names& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
  };
  static const Names own{"inet_interfaces", "proxy_interfaces"};
  // How an address in a command is read, and as whose mailbox.
  static const Names forms{
      "append_dot_mydomain",    "mydomain",           "myorigin",
      "swap_bangpath",          "allow_percent_hack", "allow_untrusted_routing",
      "strict_rfc821_envelopes"};
  static const Names extensions =
      both({"recipient_delimiter", "owner_request_special", "double_bounce_sender"}, forms);
  static const Names domains =
      both({"mydestination", "relay_domains", "virtual_alias_domains", "virtual_mailbox_domains"},
           both(own, forms));
  static const Names owners =
      both({"smtpd_sender_login_maps", "smtpd_sasl_auth_enable", "mydestination"}, extensions);
  static const Names mailboxes = both({"local_recipient_maps", "relay_recipient_maps",
                                       "virtual_alias_maps", "virtual_mailbox_maps"},
                                      both(extensions, domains));
  static const std::vector<Dependent> all{
      {"permit_inet_interfaces", own},
      {"permit_inet_interfaces, reject", own},
      {"permit_mynetworks, reject", {"mynetworks", "mynetworks_style", "inet_interfaces"}},
      {"permit_sasl_authenticated, reject", {"smtpd_sasl_auth_enable"}},
      {"permit_auth_destination, reject", domains},
      {"permit_mx_backup",
       both({"permit_mx_backup_networks", "inet_protocols", "mydestination"}, both(own, forms))},
      {"permit_tls_clientcerts", {"relay_clientcerts"}},
      {"reject_maps_rbl", {"maps_rbl_domains"}},
      {"reject_non_fqdn_sender", forms},
      {"reject_non_fqdn_recipient", forms},
      {"reject_unknown_sender_domain", both({"unknown_address_tempfail_action"}, domains)},
      {"reject_unknown_recipient_domain", both({"unknown_address_tempfail_action"}, domains)},
      {"reject_unknown_helo_hostname", {"unknown_helo_hostname_tempfail_action"}},
      {"reject_unverified_sender",
       both({"unverified_sender_reject_code", "unverified_sender_defer_code",
             "unverified_sender_tempfail_action", "address_verify_sender"},
            forms)},
      {"reject_unverified_recipient",
       both({"unverified_recipient_reject_code", "unverified_recipient_defer_code",
             "unverified_recipient_tempfail_action", "address_verify_sender"},
            forms)},
      {"reject_sender_login_mismatch", owners},
      {"reject_authenticated_sender_login_mismatch", owners},
      {"reject_unauthenticated_sender_login_mismatch", owners},
      {"reject_known_sender_login_mismatch", owners},
      {"reject_unlisted_recipient", mailboxes},
      {"reject_unlisted_sender", mailboxes}};
  return all;
}

/// What a parameter says: that of AUTH has a default that its text does not show, and of a domain
/// to complete names with it matters only whether they are completed.
std::string value_of(const restrictions::Parameters& parameters, std::string_view name) {
  if (name == "smtpd_sasl_auth_enable" && !parameters.is_set(name)) return "yes";
  const bool completes = parameters.flag("append_dot_mydomain").value_or(false);
  if (name == "mydomain" && !completes) return "";
  return parameters.text(name);
}

}  // namespace

std::vector<std::string_view> answers_by_settings(std::string_view before, std::string_view after) {
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
  for (const auto& [answer, parameters] : dependents()) {
    const bool differs = std::ranges::any_of(parameters, [&](std::string_view name) {
      const std::string value = value_of(old_parameters, name);
      // A table has its contents in a file, as a list of domains may have.
      return value != value_of(new_parameters, name) || (files_differ && names_file(value));
    });
    if (differs) answers.push_back(answer);
  }
  return answers;
}

}  // namespace postern::plan
