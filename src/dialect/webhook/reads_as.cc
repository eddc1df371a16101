#include "dialect/webhook/reads_as.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/webhook/compile.h"
#include "policy/catalogue.h"

namespace postern::dialect::webhook {

namespace {

using policy::Rule;
using policy::Stage;

/// The most elements of a list that are named; a policy may have a thousand.
constexpr std::size_t named = 5;

/// "a, b or c"; beyond `named` "a, b, c, d, e or one of 3 more".
std::string any_of(const std::vector<std::string>& items) {
  std::string text;
  const std::size_t shown = std::min(items.size(), named);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += i + 1 == items.size() ? " or " : ", ";
    text += items[i];
  }
  if (items.size() > shown) text += fmt::format(" or one of {} more", items.size() - shown);
  return text;
}

std::vector<std::string> texts_of(const std::vector<Cidr>& networks) {
  std::vector<std::string> texts;
  texts.reserve(networks.size());
  for (const Cidr& network : networks) {
    texts.push_back(network.is_host() ? network.network().to_string() : network.to_string());
  }
  return texts;
}

std::vector<std::string> texts_of(const std::vector<std::string>& domains) {
  std::vector<std::string> texts;
  texts.reserve(domains.size());
  for (const std::string& domain : domains)
    texts.push_back(domain.starts_with('.') ? "a subdomain of " + domain.substr(1) : domain);
  return texts;
}

std::vector<std::string> texts_of(const std::vector<CredentialFields>& credentials) {
  std::vector<std::string> texts;
  texts.reserve(credentials.size());
  for (const CredentialFields& one : credentials) texts.push_back(one.username);
  return texts;
}

/// The first reply of the check in its entry of the catalogue.
std::string first_reply(const policy::Check& check) {
  return std::string(trim(split(check.replies, ',').front()));
}

std::string spf_text(const PolicyFields& fields) {
  if (fields.allowed_spf_domains.empty()) {
    return "SPF passes for the sender's domain; softfail, neutral and no record are refused too";
  }
  return fmt::format("SPF passes, for {}; another domain is refused with {}",
                     any_of(texts_of(fields.allowed_spf_domains)),
                     first_reply(policy::checks::spf_domain_listed));
}

std::string text_of(const policy::Check& check, const PolicyFields& fields) {
  const std::string_view control = check.control;
  if (control == policy::checks::client_in_networks.control)
    return "it comes from " + any_of(texts_of(fields.allowed_source_ips));
  if (control == policy::checks::client_authenticated.control) {
    return fmt::format("the client signed in as {}, over TLS",
                       any_of(texts_of(fields.smtp_credentials)));
  }
  if (control == policy::checks::spf_authorised.control) return spf_text(fields);
  if (control != policy::checks::dkim_signed.control) return std::string(check.help);
  if (fields.allowed_dkim_domains.empty()) return "at least one DKIM signature is valid";
  return "a valid DKIM signature is by " + any_of(texts_of(fields.allowed_dkim_domains));
}

}  // namespace

std::vector<Reading> reads_as(const PolicyFields& fields) {
  const policy::Plan plan = plan_of("", fields);
  std::vector<Reading> readings;
  for (const Stage stage : {Stage::rcpt, Stage::message}) {
    for (const Rule& rule : plan.at(stage)) {
      // If a control has two checks, the later one is described.
      if (readings.empty() || readings.back().control != rule.check->control)
        readings.push_back({std::string(rule.check->control), {}, {}, {}});
      Reading& reading = readings.back();
      reading.text = text_of(*rule.check, fields);
      if (!fields.shadow) reading.otherwise = first_reply(*rule.check);
      reading.stage = stage == Stage::rcpt ? "rcpt" : "data";
    }
  }
  if (readings.empty()) readings.push_back({"none", "Every message is accepted.", {}, {}});
  return readings;
}

std::vector<Advice> advise(const PolicyFields& fields) {
  std::vector<Advice> advice;
  const policy::Plan plan = plan_of("", fields);
  const bool controls = !plan.at(Stage::rcpt).empty() || !plan.at(Stage::message).empty();
  if (!controls) {
    advice.push_back({"name", "No control is on: a webhook with this policy accepts all mail."});
  } else if (fields.shadow) {
    advice.push_back({"mode", "Shadow refuses nothing: refusals are only written to the trace."});
  }
  for (const Cidr& network : fields.allowed_source_ips) {
    if (network.prefix() != 0) continue;
    advice.push_back({"allowed_source_ips",
                      fmt::format("{} is every {} address: it excludes none.", network.to_string(),
                                  network.network().is_v4() ? "IPv4" : "IPv6")});
  }
  if (!fields.require_smtp_auth && !fields.smtp_credentials.empty()) {
    advice.push_back(
        {"smtp_credentials", "These users may sign in but need not: SMTP AUTH is not required."});
  }
  if (fields.require_dkim && fields.allowed_dkim_domains.empty()) {
    advice.push_back(
        {"require_dkim",
         "Without signing domains any signer is accepted, even a sender's own throw-away domain."});
  }
  if (fields.require_spf && fields.allowed_spf_domains.empty()) {
    advice.push_back(
        {"require_spf", "Without domains every sender that its own domain authorises passes."});
  }
  return advice;
}

}  // namespace postern::dialect::webhook
