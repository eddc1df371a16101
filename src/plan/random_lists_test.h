// Restriction lists that are drawn: from most keywords, with tables whose keys meet.
#pragma once

#include <map>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace postern::plan {

using Settings = std::map<std::string, std::string, std::less<>>;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  bool one_in(std::size_t many) { return below(many) == 0; }
  template <class List>
  const auto& of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::mt19937 engine_;
};

inline constexpr std::string_view table_actions[] = {"OK",
                                                     "DUNNO",
                                                     "REJECT",
                                                     "DEFER",
                                                     "DEFER_IF_PERMIT",
                                                     "DISCARD",
                                                     "HOLD",
                                                     "550 5.7.1 no",
                                                     "DEFER_IF_REJECT",
                                                     "reject_unauth_destination",
                                                     "permit_mynetworks, reject",
                                                     "k1",
                                                     "warn_if_reject reject",
                                                     "450 4.2.0 later"};
inline constexpr std::string_view client_keys[] = {
    "192.0.2", "192.0.2.7", "10.1.2", "partner.test", "mx.partner.test", "unknown", "2001:db8:5"};
inline constexpr std::string_view name_keys[] = {"partner.test", "mx.partner.test", "test",
                                                 ".spam.test",   "spam.test",       "localhost"};
inline constexpr std::string_view mail_keys[] = {"partner.test", "spam.test",   "u@spam.test", "u@",
                                                 "local.test",   "relay.test",  "<>",          "b@",
                                                 ".relay.test",  "u@local.test"};
inline constexpr std::string_view table_networks[] = {
    "192.0.2.0/24", "192.0.2.0/25", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "203.0.113.77"};
inline constexpr std::string_view plain_rules[] = {"permit_mynetworks",
                                                   "permit_sasl_authenticated",
                                                   "reject_unauth_destination",
                                                   "defer_unauth_destination",
                                                   "permit_auth_destination",
                                                   "reject",
                                                   "permit",
                                                   "defer",
                                                   "defer_if_permit",
                                                   "defer_if_reject",
                                                   "reject_plaintext_session",
                                                   "reject_unknown_client_hostname",
                                                   "reject_unknown_reverse_client_hostname",
                                                   "reject_rbl_client bl.test",
                                                   "reject_rbl_client bl.test=127.0.0.2",
                                                   "permit_dnswl_client wl.test",
                                                   "reject_rhsbl_client d.test",
                                                   "reject_rhsbl_sender d.test",
                                                   "reject_rhsbl_helo d.test",
                                                   "reject_rhsbl_recipient d.test",
                                                   "reject_invalid_helo_hostname",
                                                   "reject_non_fqdn_helo_hostname",
                                                   "reject_unknown_helo_hostname",
                                                   "reject_non_fqdn_sender",
                                                   "reject_unknown_sender_domain",
                                                   "reject_unlisted_sender",
                                                   "reject_non_fqdn_recipient",
                                                   "reject_unknown_recipient_domain",
                                                   "reject_unlisted_recipient",
                                                   "k1",
                                                   "k2",
                                                   "reject_multi_recipient_bounce",
                                                   "check_policy_service inet:127.0.0.1:9",
                                                   "reject_unauth_pipelining",
                                                   "permit_naked_ip_address",
                                                   "sleep 1"};

class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  Random& random() { return random_; }

  Settings settings() {
    Settings made{
        {"compatibility_level", "3.6"},
        {"mydomain", "postern.test"},
        {"myorigin", "postern.test"},
        {"mydestination", "mx.postern.test, local.test"},
        {"mynetworks", random_.one_in(3) ? "10.1.0.0/16, !10.1.2.0/24" : "10.1.0.0/16"},
        {"relay_domains", random_.one_in(3) ? ".relay.test" : "relay.test"},
        {"smtpd_sasl_auth_enable", random_.one_in(6) ? "no" : "yes"},
        {"smtpd_delay_reject", random_.one_in(3) ? "no" : "yes"},
        {"smtpd_helo_required", random_.one_in(4) ? "yes" : "no"},
        {"soft_bounce", random_.one_in(8) ? "yes" : "no"},
        {"smtpd_relay_before_recipient_restrictions", random_.one_in(5) ? "no" : "yes"},
        {"smtpd_reject_unlisted_sender", random_.one_in(6) ? "yes" : "no"},
        {"smtpd_reject_unlisted_recipient", random_.one_in(4) ? "no" : "yes"},
        {"allow_untrusted_routing", random_.one_in(6) ? "yes" : "no"},
        {"local_recipient_maps", random_.one_in(2) ? "inline:{ {u = x} {b@local.test = x} }" : ""},
        {"relay_recipient_maps", random_.one_in(3) ? "inline:{ {u@relay.test = x} }" : ""},
        {"smtpd_restriction_classes", "k1, k2"},
        {"k1", list(2, false)},
        {"k2", list(1, false)}};
    if (random_.one_in(6)) made["parent_domain_matches_subdomains"] = "";
    if (random_.one_in(6)) made["recipient_delimiter"] = "+";
    for (const std::string_view kind :
         {"client", "helo", "sender", "relay", "recipient", "data", "end_of_data"}) {
      made[fmt::format("smtpd_{}_restrictions", kind)] = random_.one_in(3) ? "" : list(4, true);
    }
    if (random_.one_in(4)) {
      made["smtpd_sender_login_maps"] =
          fmt::format("inline:{{ {{b@local.test = {}}} {{u@relay.test = bob}} }}",
                      random_.one_in(2) ? "alice" : "bob");
    }
    if (random_.one_in(8)) made["mydestination"] += " # ours";
    return made;
  }

 private:
  std::string table(std::string_view keyword, std::span<const std::string_view> keys) {
    std::string text = fmt::format("{} inline:{{", keyword);
    for (std::size_t i = random_.below(3) + 1; i > 0; --i) {
      text += fmt::format(" {{{} = {}}}", random_.of(keys), random_.of(table_actions));
    }
    return text + " }";
  }
  std::string rule(bool classes) {
    switch (random_.below(9)) {
      case 0:
        return table("check_client_access", client_keys);
      case 1:
        return table("check_helo_access", name_keys);
      case 2:
        return table("check_sender_access", mail_keys);
      case 3:
        return table("check_recipient_access", mail_keys);
      case 4: {
        std::string text = "check_client_access cidr:{";
        for (std::size_t i = random_.below(3) + 1; i > 0; --i) {
          text += fmt::format(" {{{} {}}}", random_.of(table_networks), random_.of(table_actions));
        }
        return text + " }";
      }
      default:
        break;
    }
    std::string_view word = random_.of(plain_rules);
    while (!classes && (word == "k1" || word == "k2")) word = random_.of(plain_rules);
    return std::string(word);
  }
  std::string list(std::size_t most, bool classes) {
    std::string text;
    for (std::size_t i = random_.below(most) + 1; i > 0; --i) {
      if (!text.empty()) text += ", ";
      if (random_.one_in(6)) text += "warn_if_reject ";
      text += rule(classes);
    }
    return text;
  }
  Random random_;
};

inline std::string shown(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) text += fmt::format("{} = {}\n", name, value);
  return text;
}

}  // namespace postern::plan
