// Shared by tests of policies: webhooks and evidence in one line, and a loop to run decisions.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/run_task_test.h"
#include "policy/credentials.h"
#include "policy/evidence.h"
#include "policy/inquiry.h"
#include "policy/layer.h"
#include "policy/webhook.h"

namespace postern::policy::testing {

/// Runs a task to its end.
using tests::run;

/// Fetches the values that the test sets, and counts the calls.
class CountingGatherer final : public Gatherer {
 public:
  Task<void> gather(Need needs, Evidence& evidence) override {
    ++calls;
    if (has(needs, Need::rate_tokens)) evidence.rate_tokens = tokens;
    co_return;
  }
  double tokens = 100;  ///< for Need::rate_tokens
  int calls = 0;        ///< of gather()
};

/// Whether the hash is that of the password: bcrypt_verify(), or a count of calls.
using VerifyPassword = std::function<bool(const Secret& password, const Secret& hash)>;

/// Runs the whole check at once, as the gateway does in steps. The policies that the password
/// opens, as in Authentication::granted; nullopt: none.
inline std::optional<std::map<std::string, std::uint64_t>> check_password(
    const PasswordCheck& check, const VerifyPassword& verify) {
  std::map<std::string, std::uint64_t> granted;
  for (const PasswordTry& one : check.tries) {
    const bool right = std::ranges::any_of(
        check.spellings, [&](const Secret& sent) { return verify(sent, one.hash); });
    if (right) granted.insert(one.opens.begin(), one.opens.end());
  }
  if (granted.empty()) return std::nullopt;
  return granted;
}

/// An active webhook "wh_NAME" for NAME@DOMAIN.
inline std::shared_ptr<Webhook> a_webhook(std::string name,
                                          std::string domain = "hooks.example.net") {
  auto made = std::make_shared<Webhook>();
  made->id = "wh_" + name;
  made->account_id = "acc_1";
  made->address = name + "@" + domain;
  return made;
}

/// A mailbox.
inline mail::Mailbox address(std::string local, std::string domain = "hooks.example.net") {
  return {std::move(local), std::move(domain)};
}

/// A recipient routed to the webhook.
inline Recipient recipient_of(std::shared_ptr<const Webhook> webhook,
                              std::shared_ptr<const WebhookPolicy> policy = nullptr) {
  const std::string& text = webhook->address;
  const std::size_t at = text.find('@');
  Recipient recipient{.address = {text.substr(0, at), text.substr(at + 1)}, .route = {}};
  recipient.route.kind = Route::Kind::webhook;
  recipient.route.webhook = std::move(webhook);
  recipient.route.policy = std::move(policy);
  return recipient;
}

/// Evidence of a client at `ip` with HELO mx.example.com and sender alerts@example.com.
inline Evidence from_client(std::string_view ip) {
  Evidence evidence;
  evidence.session.client_ip = *IpAddress::parse(ip);
  evidence.session.helo = "mx.example.com";
  evidence.reverse_path = mail::Mailbox{"alerts", "example.com"};
  return evidence;
}

}  // namespace postern::policy::testing
