// What tests of policies share: webhooks and evidence in one line, and a loop to run a decision on.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/run_task_test.h"
#include "policy/evidence.h"
#include "policy/layer.h"
#include "policy/webhook.h"

namespace postern::policy::testing {

using tests::run;

/// Answers needs from what the test put in, and counts how often it was asked.
class CountingGatherer final : public Gatherer {
 public:
  Task<void> gather(Need needs, Evidence& evidence) override {
    ++calls;
    if (has(needs, Need::rate_tokens)) evidence.rate_tokens = tokens;
    co_return;
  }
  double tokens = 100;
  int calls = 0;
};

inline std::shared_ptr<Webhook> a_webhook(std::string name,
                                          std::string domain = "hooks.example.net") {
  auto made = std::make_shared<Webhook>();
  made->id = "wh_" + name;
  made->account_id = "acc_1";
  made->address = name + "@" + domain;
  return made;
}

inline mail::Mailbox address(std::string local, std::string domain = "hooks.example.net") {
  return {std::move(local), std::move(domain)};
}

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

inline Evidence from_client(std::string_view ip) {
  Evidence evidence;
  evidence.session.client_ip = *IpAddress::parse(ip);
  evidence.session.helo = "mx.example.com";
  evidence.reverse_path = mail::Mailbox{"alerts", "example.com"};
  return evidence;
}

}  // namespace postern::policy::testing
