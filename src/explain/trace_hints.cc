#include "explain/trace_hints.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/webhook/compile.h"
#include "explain/report.h"
#include "policy/webhook.h"

namespace postern::app {

namespace {

using dialect::webhook::PolicyFields;

std::string listed(const std::vector<std::string>& words) {
  constexpr std::size_t most = 3;
  std::string out;
  for (std::size_t i = 0; i < words.size() && i < most; ++i) {
    if (i > 0) out += i + 1 == std::min(words.size(), most) && words.size() <= most ? " or " : ", ";
    out += words[i];
  }
  return words.size() > most ? out + fmt::format(" or one of {} more", words.size() - most) : out;
}

std::string sender_domain(const policy::Evidence& evidence) {
  if (evidence.spf && !evidence.spf->domain.empty()) return shown(evidence.spf->domain);
  return "the sender's domain";
}

std::vector<std::string> spf_hints(const policy::Evidence& evidence) {
  const std::string domain = sender_domain(evidence);
  return {fmt::format("{} listed {} in its SPF record", domain,
                      evidence.session.client_ip.to_string())};
}

std::vector<std::string> dkim_hints(const std::vector<std::string>& domains) {
  if (domains.empty()) return {"it carried a valid DKIM signature"};
  return {"it carried a valid DKIM signature by " + listed(domains)};
}

/// Hints for the field of the webhook policy that decided.
std::vector<std::string> field_hints(std::string_view field, const PolicyFields& fields,
                                     const policy::Evidence& evidence) {
  if (field == "allowed_source_ips") {
    std::vector<std::string> networks;
    for (const Cidr& one : fields.allowed_source_ips) networks.push_back(one.to_string());
    return {"the client were in " + listed(networks)};
  }
  if (field == "require_smtp_auth") {
    std::vector<std::string> users;
    for (const auto& one : fields.smtp_credentials) users.push_back(one.username);
    return {users.empty() ? "the client signed in, over TLS"
                          : "the client signed in as " + listed(users) + ", over TLS"};
  }
  if (field == "require_spf") return spf_hints(evidence);
  if (field == "allowed_spf_domains")
    return {"the sender's domain were " + listed(fields.allowed_spf_domains)};
  if (field == "require_dkim" || field == "allowed_dkim_domains")
    return dkim_hints(fields.allowed_dkim_domains);
  return {};
}

}  // namespace

std::vector<std::string> hints_for(const policy::Step& decider, const policy::Recipient* subject,
                                   const policy::Evidence& evidence) {
  if (decider.layer == "webhook" && subject != nullptr && subject->route.policy) {
    const std::size_t slash = decider.origin.rfind('/');
    const auto fields = dialect::webhook::fields_of(subject->route.policy->definition);
    if (slash == std::string::npos || !fields) return {};
    return field_hints(std::string_view(decider.origin).substr(slash + 1), *fields, evidence);
  }
  if (decider.layer == "restrictions") {
    return {
        fmt::format("{} did not match, or a rule before it had permitted the mail", decider.check)};
  }
  return {};
}

}  // namespace postern::app
