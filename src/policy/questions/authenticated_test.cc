#include "policy/questions/authenticated.h"

#include <gtest/gtest.h>

#include "policy/testing.h"

namespace postern::policy::questions {
namespace {

using policy::testing::a_webhook;
using policy::testing::from_client;
using policy::testing::recipient_of;

Authentication login_of(std::string name, bool tenant = false) {
  Authentication login;
  login.username = std::move(name);
  login.tenant = tenant;
  return login;
}

TEST(Authenticated, by_the_operators_credentials_alone) {
  using As = Authenticated::As;
  Evidence nobody = from_client("192.0.2.7");
  Evidence client = nobody;
  client.session.auth = login_of("ann");
  Evidence tenant = nobody;
  tenant.session.auth = login_of("ann", true);
  Evidence revoked = nobody;
  revoked.session.revoked = login_of("ann");
  struct {
    const Evidence& evidence;
    As as;
    const char* words;
  } const cases[] = {
      {nobody, As::nobody, "the client has not authenticated"},
      {client, As::client, "authenticated as ann"},
      {tenant, As::tenant,
       "the client authenticated with a tenant's credentials, which open webhooks"},
      {revoked, As::nobody, "the client has not authenticated"},
  };
  for (const auto& c : cases) {
    const Authenticated found = authenticated(c.evidence);
    EXPECT_EQ(found.as, c.as) << c.words;
    EXPECT_EQ(static_cast<bool>(found), c.as == As::client) << c.words;
    EXPECT_EQ(found.login != nullptr, c.as == As::client) << c.words;
    EXPECT_EQ(found.words(), c.words);
  }
}

TEST(OpensPolicy, by_a_credential_that_is_still_the_same) {
  using Is = PolicyLogin::Is;
  auto policy = std::make_shared<WebhookPolicy>();
  policy->id = "pol_1";
  policy->credentials.push_back({.username = "ann", .hash = Secret("x"), .stamp = 7, .order = 1});
  Evidence evidence = from_client("192.0.2.7");
  evidence.consider(recipient_of(a_webhook("a"), policy));

  EXPECT_EQ(opens_policy(evidence, "pol_1").is, Is::missing_and_tls);
  evidence.session.tls.emplace();
  EXPECT_EQ(opens_policy(evidence, "pol_1").is, Is::missing);
  evidence.session.revoked = login_of("ann");
  EXPECT_EQ(opens_policy(evidence, "pol_1").is, Is::revoked);
  EXPECT_EQ(opens_policy(evidence, "").is, Is::missing);
  evidence.session.revoked.reset();

  // A tenant's login opens its own webhooks.
  evidence.session.auth = login_of("ann", true);
  EXPECT_EQ(opens_policy(evidence, "").is, Is::open);
  EXPECT_EQ(opens_policy(evidence, "pol_1").is, Is::other);
  evidence.session.auth->granted["pol_1"] = 7;
  EXPECT_EQ(opens_policy(evidence, "pol_1").is, Is::open);
  EXPECT_EQ(opens_policy(evidence, "pol_1").words, "authenticated as ann for pol_1");
  evidence.session.auth->granted["pol_1"] = 6;
  EXPECT_EQ(opens_policy(evidence, "pol_1").is, Is::changed);
  evidence.session.auth->granted["pol_2"] = 7;
  EXPECT_EQ(opens_policy(evidence, "pol_2").is, Is::changed) << "not the candidate's policy";
}

}  // namespace
}  // namespace postern::policy::questions
