#include "dialect/webhook/controls.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/shown.h"
#include "base/text.h"
#include "policy/catalogue.h"
#include "policy/evidence.h"
#include "policy/questions/offered.h"

namespace postern::dialect::webhook {

namespace {

using policy::Argument;
using policy::DomainSet;
using policy::Evidence;
using policy::questions::offered;
using Names = std::vector<std::string>;
namespace checks = policy::checks;

/// The most elements of a list that a sentence names; a policy may have a thousand.
constexpr std::size_t named_in_words = 5;
constexpr std::size_t named_in_hints = 3;

/// "a, b or c"; beyond `most` "a, b, c or one of 3 more".
std::string any_of(const Names& items, std::size_t most) {
  std::string text;
  const std::size_t shown = std::min(items.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += i + 1 == items.size() ? " or " : ", ";
    text += items[i];
  }
  if (items.size() > shown) text += fmt::format(" or one of {} more", items.size() - shown);
  return text;
}

template <class T, class Text>
Names texts_of(const std::vector<T>& items, Text text) {
  Names texts;
  texts.reserve(items.size());
  for (const T& item : items) texts.push_back(text(item));
  return texts;
}

std::string domains_in_words(const Names& domains) {
  return any_of(texts_of(domains,
                         [](const std::string& domain) {
                           return domain.starts_with('.') ? "a subdomain of " + domain.substr(1)
                                                          : domain;
                         }),
                named_in_words);
}

Names users_of(const PolicyFields& fields) {
  return texts_of(fields.smtp_credentials,
                  [](const CredentialFields& one) { return one.username; });
}

Argument no_argument(const std::string&, const PolicyFields&) { return {}; }

// Source IP: the client's address is in a list.

constexpr std::string_view source_ip_fields[] = {"allowed_source_ips"};
constexpr ControlRule source_ip_rules[] = {
    {.field = "allowed_source_ips",
     .check = &checks::client_in_networks,
     .is_on = [](const PolicyFields& fields) { return !fields.allowed_source_ips.empty(); },
     .argument = [](const std::string&, const PolicyFields& fields) -> Argument {
       return CidrSet(fields.allowed_source_ips);
     },
     .hint =
         [](const PolicyFields& fields, const Evidence&) {
           return "the client were in " +
                  any_of(texts_of(fields.allowed_source_ips,
                                  [](const Cidr& network) { return network.to_string(); }),
                         named_in_hints);
         }}};

std::string source_ip_reads(const PolicyFields& fields) {
  return "it comes from " + any_of(texts_of(fields.allowed_source_ips,
                                            [](const Cidr& network) {
                                              return network.is_host()
                                                         ? network.network().to_string()
                                                         : network.to_string();
                                            }),
                                   named_in_words);
}

void source_ip_advice(const PolicyFields& fields, std::vector<Advice>& advice) {
  for (const Cidr& network : fields.allowed_source_ips) {
    if (network.prefix() != 0) continue;
    advice.push_back({"allowed_source_ips",
                      fmt::format("{} is every {} address: it excludes none.", network.to_string(),
                                  network.network().is_v4() ? "IPv4" : "IPv6")});
  }
}

// SMTP AUTH: the client authenticated as a user of the policy.

constexpr std::string_view smtp_auth_fields[] = {"require_smtp_auth", "smtp_credentials"};
constexpr ControlRule smtp_auth_rules[] = {
    {.field = "require_smtp_auth",
     .check = &checks::client_authenticated,
     .is_on = [](const PolicyFields& fields) { return fields.require_smtp_auth; },
     .argument = [](const std::string& id, const PolicyFields&) -> Argument { return Names{id}; },
     .hint = [](const PolicyFields& fields, const Evidence&) -> std::string {
       const Names users = users_of(fields);
       if (users.empty()) return "the client signed in, over TLS";
       return "the client signed in as " + any_of(users, named_in_hints) + ", over TLS";
     }}};

std::string smtp_auth_reads(const PolicyFields& fields) {
  return fmt::format("the client signed in as {}, over TLS",
                     any_of(users_of(fields), named_in_words));
}

void smtp_auth_advice(const PolicyFields& fields, std::vector<Advice>& advice) {
  if (fields.require_smtp_auth || fields.smtp_credentials.empty()) return;
  advice.push_back(
      {"smtp_credentials", "These users may sign in but need not: SMTP AUTH is not required."});
}

// SPF: it passes, for a domain of a list if there is one.

constexpr std::string_view spf_fields[] = {"require_spf", "allowed_spf_domains"};
constexpr ControlRule spf_rules[] = {
    {.field = "allowed_spf_domains",
     .check = &checks::spf_domain_listed,
     .is_on = [](const PolicyFields& fields) { return !fields.allowed_spf_domains.empty(); },
     .argument = [](const std::string&, const PolicyFields& fields) -> Argument {
       return DomainSet(fields.allowed_spf_domains);
     },
     .hint =
         [](const PolicyFields& fields, const Evidence&) {
           return "the sender's domain were " + any_of(fields.allowed_spf_domains, named_in_hints);
         }},
    {.field = "require_spf",
     .check = &checks::spf_authorised,
     .is_on = [](const PolicyFields& fields) { return fields.require_spf; },
     .argument = no_argument,
     .hint =
         [](const PolicyFields&, const Evidence& evidence) {
           const bool known = evidence.spf && !evidence.spf->domain.empty();
           return fmt::format("{} listed {} in its SPF record",
                              known ? shown(evidence.spf->domain) : "the sender's domain",
                              evidence.session.client_ip.to_string());
         }}};

std::string spf_reads(const PolicyFields& fields) {
  if (fields.allowed_spf_domains.empty()) {
    return "SPF passes for the sender's domain; softfail, neutral and no record are refused too";
  }
  return fmt::format("SPF passes, for {}; another domain is refused with {}",
                     domains_in_words(fields.allowed_spf_domains),
                     first_reply(checks::spf_domain_listed));
}

void spf_advice(const PolicyFields& fields, std::vector<Advice>& advice) {
  if (!fields.require_spf || !fields.allowed_spf_domains.empty()) return;
  advice.push_back(
      {"require_spf", "Without domains every sender that its own domain authorises passes."});
}

// DKIM: a signature is valid, by a domain of a list if there is one.

constexpr std::string_view dkim_fields[] = {"require_dkim", "allowed_dkim_domains"};
constexpr ControlRule dkim_rules[] = {
    {.field = "require_dkim",
     .check = &checks::dkim_signed,
     .is_on =
         [](const PolicyFields& fields) {
           return fields.require_dkim && fields.allowed_dkim_domains.empty();
         },
     .argument = [](const std::string&, const PolicyFields&) -> Argument { return DomainSet(); },
     .hint = [](const PolicyFields&, const Evidence&) -> std::string {
       return "it carried a valid DKIM signature";
     }},
    {.field = "allowed_dkim_domains",
     .check = &checks::dkim_signed,
     .is_on =
         [](const PolicyFields& fields) {
           return fields.require_dkim && !fields.allowed_dkim_domains.empty();
         },
     .argument = [](const std::string&, const PolicyFields& fields) -> Argument {
       return DomainSet(fields.allowed_dkim_domains);
     },
     .hint =
         [](const PolicyFields& fields, const Evidence&) {
           return "it carried a valid DKIM signature by " +
                  any_of(fields.allowed_dkim_domains, named_in_hints);
         }}};

std::string dkim_reads(const PolicyFields& fields) {
  if (fields.allowed_dkim_domains.empty()) return "at least one DKIM signature is valid";
  return "a valid DKIM signature is by " + domains_in_words(fields.allowed_dkim_domains);
}

void dkim_advice(const PolicyFields& fields, std::vector<Advice>& advice) {
  if (!fields.require_dkim || !fields.allowed_dkim_domains.empty()) return;
  advice.push_back(
      {"require_dkim",
       "Without signing domains any signer is accepted, even a sender's own throw-away domain."});
}

// Offered checks: the list `checks` names them. Each is a control with one rule.

constexpr std::string_view checks_fields[] = {"checks"};

template <std::size_t row>
ControlRule offered_rule() {
  return {.field = checks_fields[0],
          .check = &policy::questions::offered_checks()[row],
          .is_on =
              [](const PolicyFields& fields) {
                return std::ranges::find(fields.checks, offered[row].name) != fields.checks.end();
              },
          .argument = no_argument,
          .hint = [](const PolicyFields&,
                     const Evidence&) { return fmt::format("this held: {}", offered[row].when); }};
}

template <std::size_t... row>
std::vector<Control> offered_controls(std::index_sequence<row...> /*rows*/) {
  static const ControlRule rules[] = {offered_rule<row>()...};
  return {Control{.name = offered[row].name,
                  .label = offered[row].label,
                  .brief = offered[row].label,
                  .fields = checks_fields,
                  .rules = {&rules[row], 1},
                  .named = true,
                  .reads = [](const PolicyFields&) { return std::string(offered[row].when); },
                  .advise = nullptr}...};
}

/// A new control is one row, with its fields and rules above.
constexpr Control control_table[] = {
    {.name = "source_ip",
     .label = "Source IP",
     .brief = "IP",
     .fields = source_ip_fields,
     .rules = source_ip_rules,
     .reads = source_ip_reads,
     .advise = source_ip_advice},
    {.name = "smtp_auth",
     .label = "SMTP AUTH",
     .brief = "AUTH",
     .fields = smtp_auth_fields,
     .rules = smtp_auth_rules,
     .reads = smtp_auth_reads,
     .advise = smtp_auth_advice},
    {.name = "spf",
     .label = "SPF",
     .brief = "SPF",
     .fields = spf_fields,
     .rules = spf_rules,
     .reads = spf_reads,
     .advise = spf_advice},
    {.name = "dkim",
     .label = "DKIM",
     .brief = "DKIM",
     .fields = dkim_fields,
     .rules = dkim_rules,
     .reads = dkim_reads,
     .advise = dkim_advice},
};

std::vector<Control> with_offered() {
  std::vector<Control> all(std::begin(control_table), std::end(control_table));
  const auto later = std::ranges::find_if(all, [](const Control& control) {
    return control.rules.front().check->stage > policy::Stage::rcpt;
  });
  const auto more = offered_controls(std::make_index_sequence<std::size(offered)>());
  all.insert(later, more.begin(), more.end());
  return all;
}

}  // namespace

std::span<const Control> controls() {
  static const std::vector<Control> all = with_offered();
  return all;
}

std::string first_reply(const policy::Check& check) {
  return std::string(trim(split(check.replies, ',').front()));
}

const ControlRule* rule_of(std::string_view field, std::string_view check) {
  for (const Control& control : controls()) {
    for (const ControlRule& rule : control.rules) {
      if (rule.field == field && rule.check->name == check) return &rule;
    }
  }
  return nullptr;
}

}  // namespace postern::dialect::webhook
