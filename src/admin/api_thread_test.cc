// End to end: an account creates a policy and a webhook, and the hot path uses them at once.
#include <gtest/gtest.h>

#include "admin/test_api.h"
#include "mail/address.h"
#include "policy/route.h"

namespace postern::admin {
namespace {

mail::Mailbox mailbox(const std::string& text) {
  return *mail::parse_mailbox(text, mail::Utf8::refused);
}

TEST(ApiThread, what_the_api_writes_is_in_force_when_it_answers) {
  TestApi api;
  const std::string token = api.account();
  const Answer policy =
      api.post("/api/v1/smtp-policies",
               R"({"name":"office-only","allowed_source_ips":"203.0.113.0/24"})", token);
  ASSERT_EQ(policy.status, 201) << policy.body;
  ASSERT_NE(api.directory.policy(policy.text("/id")), nullptr);
  EXPECT_EQ(api.directory.policy(policy.text("/id"))->name, "office-only");

  const Answer webhook =
      api.webhook(token, R"(,"smtp_security_policy_id":")" + policy.text("/id") + "\"");
  ASSERT_EQ(webhook.status, 201) << webhook.body;
  const auto route = api.directory.resolve(mailbox(webhook.text("/email_address")));
  ASSERT_NE(route.webhook, nullptr);
  EXPECT_EQ(route.webhook->id, webhook.text("/id"));
  EXPECT_EQ(route.webhook->secret.reveal(), webhook.text("/secret"));
  ASSERT_NE(route.policy, nullptr);
  EXPECT_EQ(route.policy->id, policy.text("/id"));

  EXPECT_EQ(api.put("/api/v1/smtp-policies/" + policy.text("/id"), R"({"name":"q"})", token).status,
            200);
  EXPECT_EQ(api.directory.policy(policy.text("/id"))->name, "q");
  EXPECT_EQ(api.directory.policy(policy.text("/id"))->version, 2u);

  EXPECT_EQ(api.post("/api/v1/webhooks/" + webhook.text("/id") + "/deactivate", "", token).status,
            200);
  EXPECT_FALSE(api.directory.webhook(webhook.text("/id"))->is_active);

  EXPECT_EQ(api.del("/api/v1/smtp-policies/" + policy.text("/id"), token).status, 204);
  EXPECT_EQ(api.directory.policy(policy.text("/id")), nullptr);
  EXPECT_FALSE(api.directory.webhook(webhook.text("/id"))->policy_id);

  EXPECT_EQ(api.del("/api/v1/webhooks/" + webhook.text("/id"), token).status, 204);
  EXPECT_EQ(api.directory.resolve(mailbox(webhook.text("/email_address"))).missing,
            policy::Route::Missing::unknown_address);
}

TEST(ApiThread, a_restart_loads_what_was_stored) {
  TestApi api;
  const std::string token = api.account();
  const std::string policy =
      api.policy(token, R"({"name":"p","require_smtp_auth":true,"smtp_credentials":
    "sender1:$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e"})");
  const Answer webhook = api.webhook(token, R"(,"smtp_security_policy_id":")" + policy + "\"");
  ASSERT_EQ(webhook.status, 201) << webhook.body;

  policy::Directory fresh;
  Publisher publisher(*api.store, fresh, "hooks.example.net");
  ASSERT_TRUE(publisher.load());
  EXPECT_EQ(fresh.policy_count(), 1u);
  EXPECT_EQ(fresh.webhook_count(), 1u);
  EXPECT_EQ(fresh.credentials("sender1", 4).size(), 1u);
  EXPECT_EQ(fresh.policy(policy)->definition, api.directory.policy(policy)->definition);
  EXPECT_EQ(fresh.resolve(mailbox("nobody@hooks.example.net")).missing,
            policy::Route::Missing::unknown_address);
  EXPECT_EQ(fresh.resolve(mailbox("nobody@example.org")).missing,
            policy::Route::Missing::foreign_domain);
}

}  // namespace
}  // namespace postern::admin
