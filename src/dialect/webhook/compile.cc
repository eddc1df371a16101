#include "dialect/webhook/compile.h"

#include <algorithm>

#include <fmt/format.h>

#include "dialect/webhook/controls.h"
#include "policy/credentials.h"

namespace postern::dialect::webhook {

namespace {

std::vector<policy::Credential> credentials_of(const PolicyFields& fields,
                                               const std::vector<std::uint64_t>& orders) {
  std::vector<policy::Credential> list;
  list.reserve(fields.smtp_credentials.size());
  for (std::size_t i = 0; i < fields.smtp_credentials.size(); ++i) {
    const CredentialFields& given = fields.smtp_credentials[i];
    list.push_back({.username = given.username,
                    .hash = given.hash,
                    .stamp = policy::credential_stamp(given.hash),
                    .order = i < orders.size() ? orders[i] : i + 1});
  }
  std::sort(list.begin(), list.end(), [](const policy::Credential& a, const policy::Credential& b) {
    return a.username < b.username;
  });
  return list;
}

}  // namespace

policy::Plan plan_of(const std::string& id, const PolicyFields& fields) {
  policy::Plan plan;
  for (const Control& control : controls()) {
    for (const ControlRule& rule : control.rules) {
      if (rule.is_on(fields))
        plan.add({rule.check, rule.argument(id, fields), fmt::format("{}/{}", id, rule.field)});
    }
  }
  return plan;
}

std::shared_ptr<const policy::WebhookPolicy> compile(std::string id, std::string account_id,
                                                     std::uint64_t version,
                                                     std::uint64_t credentials_version,
                                                     const PolicyFields& fields,
                                                     const std::vector<std::uint64_t>& orders) {
  auto policy = std::make_shared<policy::WebhookPolicy>();
  policy->plan = plan_of(id, fields);
  policy->id = std::move(id);
  policy->account_id = std::move(account_id);
  policy->name = fields.name;
  policy->version = version;
  policy->credentials_version = credentials_version;
  policy->require_smtp_auth = fields.require_smtp_auth;
  policy->shadow = fields.shadow;
  policy->credentials = credentials_of(fields, orders);
  policy->dkim_domains = policy::DomainSet(fields.allowed_dkim_domains);
  policy->definition = definition_of(fields);
  return policy;
}

}  // namespace postern::dialect::webhook
