#include "ptest/directory.h"

#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/sha256.h"
#include "base/text.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/fields.h"
#include "mail/address.h"
#include "policy/webhook.h"

namespace postern::ptest {

namespace json = boost::json;
namespace webhook = dialect::webhook;

namespace {

/// In the form of a bcrypt hash, which nobody signs in with: a test names who has authenticated.
/// Another password has another one, so that a plan sees a new password.
Secret stand_in(const Secret& password) {
  constexpr std::size_t bcrypt_length = 53;
  return Secret("$2b$12$" + hex_encode(sha256(password.reveal())).substr(0, bcrypt_length));
}

std::shared_ptr<const policy::WebhookPolicy> policy_of(const File& file, const std::string& name,
                                                       json::object body,
                                                       app::Diagnostics& diagnostics) {
  body["name"] = name;
  auto parsed = webhook::parse_policy(body, nullptr);
  if (!parsed) {
    for (const auto& [field, sentence] : parsed.error().fields) {
      diagnostics.add(error_at(
          file, file.policy_spots.at(name), "U004",
          fmt::format("policy `{}`, {}: {}", printable(name, 64), printable(field, 64), sentence)));
    }
    return nullptr;
  }
  webhook::hash_passwords(*parsed, stand_in);
  return webhook::compile(name, account, 1, 1, parsed->fields);
}

}  // namespace

void fill_directory(const File& file, policy::Directory& directory, app::Diagnostics& diagnostics) {
  policy::Change change;
  for (const auto& [name, body] : file.policies) {
    if (auto made = policy_of(file, std::string(name), body.as_object(), diagnostics)) {
      change.put_policies.push_back(std::move(made));
    }
  }
  std::set<std::string> domains;
  for (const auto& [address, body] : file.webhooks) {
    const auto mailbox = mail::parse_mailbox(std::string(address), mail::Utf8::allowed);
    if (!mailbox) continue;  // reported by the reader
    auto hook = std::make_shared<policy::Webhook>();
    hook->id = lower(address);
    hook->account_id = account;
    hook->name = hook->id;
    hook->address = hook->id;
    hook->target_url = "inbox";
    const json::object& members = body.as_object();
    if (const json::value* active = members.if_contains("is_active")) {
      hook->is_active = active->as_bool();
    }
    if (const json::value* policy = members.if_contains("policy")) {
      hook->policy_id = policy->as_string();
      if (!file.policies.contains(policy->as_string())) {
        diagnostics.add(
            error_at(file, file.webhook_spots.at(std::string(address)), "U004",
                     fmt::format("there is no `[policy.{}]`", printable(*hook->policy_id, 64))));
      }
    }
    domains.insert(lower(mailbox->domain));
    change.put_webhooks.push_back(std::move(hook));
  }
  for (const std::string& domain : domains) change.put_domains.push_back({domain});
  directory.apply(std::move(change));
}

}  // namespace postern::ptest
