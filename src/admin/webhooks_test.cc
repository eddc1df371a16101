#include "admin/webhooks.h"

#include <gtest/gtest.h>

#include "admin/test_api.h"
#include "mail/address.h"

namespace postern::admin {
namespace {

constexpr const char* webhooks_path = "/api/v1/webhooks";

class WebhooksTest : public ::testing::Test {
 protected:
  std::string one(const Answer& webhook) {
    return std::string(webhooks_path) + "/" + webhook.text("/id");
  }

  TestApi api_;
  std::string token_ = api_.account();
};

TEST_F(WebhooksTest, create_assigns_an_address_and_shows_the_secret_once) {
  const Answer made = api_.webhook(token_, R"(,"name":"n1")");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.raw.header("ETag"), "\"1\"");
  EXPECT_TRUE(made.text("/secret").starts_with("whsec_"));
  EXPECT_EQ(base64_decode(made.text("/secret").substr(6))->size(), 32u);
  const std::string address = made.text("/email_address");
  EXPECT_TRUE(address.starts_with("webhook-")) << address;
  EXPECT_TRUE(address.ends_with("@hooks.example.net")) << address;
  EXPECT_EQ(address, lower(address));
  EXPECT_TRUE(made.json.at("smtp_security_policy_id").is_null());
  EXPECT_TRUE(made.json.at("is_active").as_bool());
  const Answer shown = api_.get(one(made), token_);
  EXPECT_EQ(shown.json.as_object().if_contains("secret"), nullptr);
  EXPECT_EQ(shown.body.find("whsec_"), std::string::npos);
  EXPECT_EQ(api_.get(webhooks_path, token_).body.find("whsec_"), std::string::npos);
}

TEST_F(WebhooksTest, the_inbox_is_a_target) {
  const Answer made = api_.post(webhooks_path, R"({"target_url":"inbox"})", token_);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.text("/target_url"), "inbox");
}

TEST_F(WebhooksTest, put_merges) {
  const Answer made = api_.webhook(token_, R"(,"name":"n1")");
  const std::string policy = api_.policy(token_);
  const Answer attached =
      api_.put(one(made), R"({"smtp_security_policy_id":")" + policy + "\"}", token_);
  ASSERT_EQ(attached.status, 200) << attached.body;
  EXPECT_EQ(attached.text("/name"), "n1");
  EXPECT_EQ(attached.text("/smtp_security_policy_id"), policy);
  EXPECT_EQ(attached.json.at("version").to_number<int>(), 2);
  EXPECT_EQ(*api_.directory.webhook(made.text("/id"))->policy_id, policy);

  const Answer null = api_.put(one(made), R"({"smtp_security_policy_id":null})", token_);
  EXPECT_EQ(null.status, 422);
  EXPECT_TRUE(null.has_field("smtp_security_policy_id"));
  EXPECT_EQ(
      api_.put(one(made),
               R"({"smtp_security_policy_id":")" + policy + R"(","clear_security_policy":true})",
               token_)
          .status,
      422);
  EXPECT_EQ(api_.put(one(made), R"({"clear_security_policy":false})", token_)
                .text("/smtp_security_policy_id"),
            policy);
  EXPECT_TRUE(api_.put(one(made), R"({"clear_security_policy":true})", token_)
                  .json.at("smtp_security_policy_id")
                  .is_null());
  EXPECT_FALSE(api_.directory.webhook(made.text("/id"))->policy_id);

  const Answer shown = api_.get(one(made), token_);
  const Answer same = api_.put(one(made), shown.body, token_);
  EXPECT_EQ(same.status, 200) << same.body;
  EXPECT_EQ(same.json.at("version"), shown.json.at("version"));
}

TEST_F(WebhooksTest, refuses_bad_values) {
  EXPECT_EQ(api_.post(webhooks_path, "{}", token_).code(), "missing_field");
  for (const char* url :
       {"http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://[fd00::1]/",
        "ftp://example.com/", "https://user:pw@example.com/", "not a url", "",
        "https://example.com:25/"}) {
    const Answer refused =
        api_.post(webhooks_path, std::string(R"({"target_url":")") + url + "\"}", token_);
    EXPECT_EQ(refused.status, 422) << url;
    EXPECT_TRUE(refused.has_field("target_url")) << url;
  }
  const auto field = [&](const std::string& more, const std::string& name) {
    const Answer refused = api_.webhook(token_, more);
    EXPECT_EQ(refused.status, 422) << more;
    EXPECT_TRUE(refused.has_field(name)) << refused.body;
  };
  field(R"(,"custom_headers":{"X-Conduit-Signature":"x"})", "custom_headers");
  field(R"(,"custom_headers":{"X-A":"b\r\nX-C: d"})", "custom_headers");
  field(R"(,"payload_template":"{{bad}}")", "payload_template");
  field(R"(,"timeout_ms":999)", "timeout_ms");
  field(R"(,"rate_limit_per_minute":-1)", "rate_limit_per_minute");
  field(R"(,"is_active":"yes")", "is_active");
  field(R"(,"attachments":"zip")", "attachments");
  field(R"(,"colour":"red")", "colour");
  field(R"(,"smtp_security_policy_id":"pol_01HX...")", "smtp_security_policy_id");
  field(R"(,"email_address":"choose@hooks.example.net")", "email_address");
  field(R"(,"email_address":"a@not-mine.example")", "email_address");
  EXPECT_EQ(api_.get(webhooks_path, token_).json.at("total").to_number<int>(), 0);
}

TEST_F(WebhooksTest, another_accounts_policy_is_as_unknown_as_none) {
  const std::string stranger = api_.account("b@example.com");
  const std::string policy = api_.policy(token_);
  const Answer foreign = api_.webhook(stranger, R"(,"smtp_security_policy_id":")" + policy + "\"");
  const std::string nobodys = "pol_01HX0000000000000000000000";
  Answer unknown = api_.webhook(stranger, R"(,"smtp_security_policy_id":")" + nobodys + "\"");
  EXPECT_EQ(foreign.status, 422);
  for (std::size_t at; (at = unknown.body.find(nobodys)) != std::string::npos;) {
    unknown.body.replace(at, nobodys.size(), policy);
  }
  EXPECT_EQ(foreign.body, unknown.body) << "the same words, but for the id that was sent";
  EXPECT_EQ(api_.get(std::string("/api/v1/smtp-policies/") + policy, token_)
                .json.at("webhook_count")
                .to_number<int>(),
            0);
}

TEST_F(WebhooksTest, another_accounts_webhook_is_not_found) {
  const Answer made = api_.webhook(token_);
  const std::string stranger = api_.account("b@example.com");
  for (const Answer& answer :
       {api_.get(one(made), stranger), api_.put(one(made), "{}", stranger),
        api_.del(one(made), stranger), api_.post(one(made) + "/activate", "", stranger),
        api_.post(one(made) + "/deactivate", "", stranger),
        api_.post(one(made) + "/rotate-secret", "", stranger),
        api_.post(one(made) + "/simulate", "", stranger), api_.get(one(made) + "/logs", stranger),
        api_.get(one(made) + "/inbox", stranger), api_.get(one(made) + "/inbox/msg_1", stranger),
        api_.del(one(made) + "/inbox/msg_1", stranger),
        api_.post(one(made) + "/logs/log_1/retry", "", stranger)}) {
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.code(), "not_found");
  }
  EXPECT_EQ(api_.get(one(made), token_).status, 200);
}

TEST_F(WebhooksTest, activates_and_deactivates) {
  const Answer made = api_.webhook(token_);
  const Answer off = api_.post(one(made) + "/deactivate", "", token_);
  EXPECT_EQ(off.status, 200);
  EXPECT_FALSE(off.json.at("is_active").as_bool());
  EXPECT_EQ(api_.post(one(made) + "/deactivate", "", token_).json.at("version"),
            off.json.at("version"))
      << "idempotent";
  EXPECT_EQ(api_.get(std::string(webhooks_path) + "?active=true", token_)
                .json.at("total")
                .to_number<int>(),
            0);
  EXPECT_EQ(api_.get(std::string(webhooks_path) + "?active=false", token_)
                .json.at("total")
                .to_number<int>(),
            1);
  EXPECT_EQ(api_.get(std::string(webhooks_path) + "?active=maybe", token_).status, 422);
  EXPECT_TRUE(api_.post(one(made) + "/activate", "", token_).json.at("is_active").as_bool());
}

TEST_F(WebhooksTest, rotates_the_secret_with_an_overlap) {
  const Answer made = api_.webhook(token_);
  const std::string rotate = one(made) + "/rotate-secret";
  const Answer rotated = api_.post(rotate, R"({"overlap_seconds":3600})", token_);
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  EXPECT_NE(rotated.text("/secret"), made.text("/secret"));
  auto webhook = api_.directory.webhook(made.text("/id"));
  EXPECT_EQ(webhook->secret.reveal(), rotated.text("/secret"));
  EXPECT_EQ(webhook->previous_secret->reveal(), made.text("/secret"));
  EXPECT_EQ(to_rfc3339(webhook->previous_expires_at), rotated.text("/previous_expires_at"));
  EXPECT_EQ(api_.post(rotate, R"({"overlap_seconds":0})", token_).status, 200);
  EXPECT_FALSE(api_.directory.webhook(made.text("/id"))->previous_secret);
  EXPECT_EQ(api_.post(rotate, "", token_).status, 200) << "the body may be left out";
  for (const char* body : {R"({"overlap_seconds":604801})", R"({"overlap_seconds":-1})",
                           R"({"overlap_seconds":"1"})", R"({"x":1})"}) {
    EXPECT_EQ(api_.post(rotate, body, token_).status, 422) << body;
  }
}

TEST_F(WebhooksTest, if_match_guards_writes) {
  const Answer made = api_.webhook(token_);
  EXPECT_EQ(api_.call({"PUT", one(made), R"({"name":"x"})", token_, {{"if-match", "\"1\""}}})
                .raw.header("ETag"),
            "\"2\"");
  EXPECT_EQ(
      api_.call({"PUT", one(made), R"({"name":"y"})", token_, {{"if-match", "\"1\""}}}).status,
      412);
  EXPECT_EQ(api_.call({"DELETE", one(made), "", token_, {{"if-match", "\"1\""}}}).status, 412);
  EXPECT_EQ(api_.call({"DELETE", one(made), "", token_, {{"if-match", "*"}}}).status, 204);
  EXPECT_EQ(api_.get(one(made), token_).status, 404);
  EXPECT_EQ(api_.directory.webhook_count(), 0u);
}

class DomainsTest : public WebhooksTest {
 protected:
  Answer claim(const std::string& name, const std::string& token) {
    return api_.post("/api/v1/domains", R"({"name":")" + name + "\"}", token);
  }
  void publish(const Answer& domain) {
    api_.resolver.txt[domain.text("/verification_record/name")] = {
        "v=spf1 -all", domain.text("/verification_token")};
  }
  Answer verify(const Answer& domain, const std::string& token) {
    return api_.post("/api/v1/domains/" + domain.text("/id") + "/verify", "", token);
  }
};

TEST_F(DomainsTest, claim_verify_and_use) {
  const Answer domain = claim("Mail.YourCompany.example.", token_);
  ASSERT_EQ(domain.status, 201) << domain.body;
  EXPECT_EQ(domain.text("/name"), "mail.yourcompany.example");
  EXPECT_EQ(domain.text("/verification_record/name"), "_conduit-verify.mail.yourcompany.example");
  EXPECT_TRUE(domain.text("/verification_token").starts_with("conduit-verify-"));
  EXPECT_FALSE(domain.json.at("verified").as_bool());
  const Answer absent = verify(domain, token_);
  EXPECT_EQ(absent.status, 422);
  EXPECT_EQ(absent.code(), "verification_failed");
  const std::string address = R"(,"email_address":"Notifications@mail.yourcompany.example")";
  EXPECT_TRUE(api_.webhook(token_, address).has_field("email_address"));

  api_.resolver.txt[domain.text("/verification_record/name")] = {
      "x" + domain.text("/verification_token")};
  EXPECT_EQ(verify(domain, token_).status, 422) << "the whole string must be the token";
  publish(domain);
  const Answer verified = verify(domain, token_);
  ASSERT_EQ(verified.status, 200) << verified.body;
  EXPECT_TRUE(verified.json.at("verified").as_bool());

  const Answer webhook = api_.webhook(token_, address);
  ASSERT_EQ(webhook.status, 201) << webhook.body;
  EXPECT_EQ(webhook.text("/email_address"), "notifications@mail.yourcompany.example");
  const Answer again = api_.webhook(token_, address);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.code(), "address_taken");
  const auto unknown = mail::parse_mailbox("nobody@mail.yourcompany.example", mail::Utf8::refused);
  EXPECT_EQ(api_.directory.resolve(*unknown).missing, policy::Route::Missing::unknown_address);

  const std::string one_domain = "/api/v1/domains/" + domain.text("/id");
  EXPECT_EQ(api_.del(one_domain, token_).status, 409) << "addresses hold on to it";
  EXPECT_EQ(api_.del(one(webhook), token_).status, 204);
  EXPECT_EQ(api_.del(one_domain, token_).status, 204);
  EXPECT_EQ(api_.directory.resolve(*unknown).missing, policy::Route::Missing::foreign_domain);
  EXPECT_EQ(api_.get(one_domain, token_).status, 404);
}

TEST_F(DomainsTest, the_first_to_verify_wins) {
  const std::string other = api_.account("b@example.com");
  const Answer mine = claim("shared.example", token_);
  const Answer theirs = claim("shared.example", other);
  EXPECT_EQ(theirs.status, 201);
  EXPECT_EQ(claim("shared.example", token_).code(), "domain_taken") << "once an account";
  publish(theirs);
  EXPECT_EQ(verify(theirs, other).status, 200);
  publish(mine);
  const Answer late = verify(mine, token_);
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.code(), "domain_taken");
  EXPECT_EQ(verify(theirs, token_).status, 404) << "another account's";
  EXPECT_EQ(api_.get("/api/v1/domains", token_).json.at("total").to_number<int>(), 1);
}

// Nor is it that of an account which verified it before it became that of the server.
TEST_F(DomainsTest, the_servers_own_domain_is_nobodys) {
  const std::string account = api_.get("/api/v1/accounts/me", token_).text("/id");
  store::DomainRow row;
  row.id = "dom_own";
  row.account_id = account;
  row.name = "hooks.example.net";
  row.verification_token = "conduit-verify-x";
  ASSERT_EQ(api_.store->create_domain(row, nullptr).value(), store::WriteOutcome::done);
  api_.resolver.txt["_conduit-verify.hooks.example.net"] = {"conduit-verify-x"};
  const Answer again = api_.post("/api/v1/domains/dom_own/verify", "", token_);
  EXPECT_EQ(again.status, 422) << again.body;
  EXPECT_TRUE(again.has_field("name"));

  const Answer theirs = claim("later.example", token_);
  publish(theirs);
  ASSERT_EQ(verify(theirs, token_).status, 200);
  const store::DomainRow verified = *api_.store->domain(account, theirs.text("/id")).value();
  policy::Directory directory;
  Publisher publisher(*api_.store, directory, "Later.Example");
  EXPECT_EQ(publisher.take_public_domain(store::now()).value(), std::optional(account));
  EXPECT_EQ(publisher.take_public_domain(store::now()).value(), std::nullopt);
  ASSERT_TRUE(publisher.load());
  EXPECT_EQ(api_.store->owner_of_domain("later.example").value(), std::nullopt);
  const auto unknown = mail::parse_mailbox("nobody@later.example", mail::Utf8::refused);
  ASSERT_EQ(publisher.delete_domain(account, verified, {.id = "al_1"}).value(),
            store::WriteOutcome::done);
  EXPECT_EQ(directory.resolve(*unknown).missing, policy::Route::Missing::unknown_address);
}

// What a caller knows of a domain may be old: the store says whose it is.
TEST_F(DomainsTest, what_is_served_of_a_domain_is_what_the_store_has) {
  const auto unknown = mail::parse_mailbox("nobody@mail.example", mail::Utf8::refused);
  const auto missing = [&] { return api_.directory.resolve(*unknown).missing; };
  using Missing = policy::Route::Missing;
  const auto row_of = [&](const Answer& domain) {
    return *api_.store->domain(domain.text("/account_id"), domain.text("/id")).value();
  };
  const Answer domain = claim("mail.example", token_);
  const store::DomainRow unverified = row_of(domain);
  publish(domain);
  ASSERT_EQ(verify(domain, token_).status, 200);
  EXPECT_EQ(missing(), Missing::unknown_address);
  ASSERT_EQ(
      api_.publisher->delete_domain(unverified.account_id, unverified, {.id = "al_1"}).value(),
      store::WriteOutcome::done);
  EXPECT_EQ(missing(), Missing::foreign_domain) << "it was verified meanwhile";
  // One account's domain lapses, another one verifies it, and the first gives its claim up.
  const Answer mine = claim("mail.example", token_);
  publish(mine);
  ASSERT_EQ(verify(mine, token_).status, 200);
  const store::DomainRow verified = row_of(mine);
  const auto now = store::now();
  ASSERT_EQ(api_.publisher->note_domain_check(verified, now, now, false).value(),
            store::WriteOutcome::done);
  EXPECT_EQ(missing(), Missing::foreign_domain);
  const std::string other = api_.account("b@example.com");
  const Answer theirs = claim("mail.example", other);
  publish(theirs);
  ASSERT_EQ(verify(theirs, other).status, 200);
  ASSERT_EQ(api_.publisher->delete_domain(verified.account_id, verified, {.id = "al_2"}).value(),
            store::WriteOutcome::done);
  EXPECT_EQ(missing(), Missing::unknown_address);
  // Another node of a cluster is told of the first one's row.
  ASSERT_TRUE(api_.publisher->follow(
      {.number = 1, .edit = "", .keys = {{"domain", "mail.example", verified.account_id}}}));
  EXPECT_EQ(missing(), Missing::unknown_address);
}

// A webhook takes mail again only at a domain that is still its account's.
TEST_F(DomainsTest, a_webhook_at_a_lost_domain_stays_off) {
  const Answer domain = claim("mail.example", token_);
  publish(domain);
  ASSERT_EQ(verify(domain, token_).status, 200);
  const Answer webhook = api_.webhook(token_, R"(,"email_address":"in@mail.example")");
  ASSERT_EQ(webhook.status, 201) << webhook.body;
  const auto now = store::now();
  ASSERT_EQ(api_.store->note_domain_check(domain.text("/id"), now, now, false).value(),
            store::WriteOutcome::done);
  EXPECT_EQ(api_.post(one(webhook) + "/activate", "", token_).status, 200) << "it is on";
  EXPECT_EQ(api_.post(one(webhook) + "/deactivate", "", token_).status, 200);
  for (const auto& [method, path, body] :
       {std::tuple{"POST", "/activate", ""}, std::tuple{"PUT", "", R"({"is_active":true})"}}) {
    const Answer refused = api_.call({method, one(webhook) + path, body, token_, {}});
    EXPECT_EQ(refused.status, 409) << refused.body;
    EXPECT_EQ(refused.code(), "domain_not_verified");
  }
  ASSERT_EQ(verify(domain, token_).status, 200);
  EXPECT_EQ(api_.post(one(webhook) + "/activate", "", token_).status, 200);
  // A name like that of an assigned address is none at a domain of the account.
  const std::string id = webhook.text("/id");
  ASSERT_EQ(api_.call({"PUT",
                       one(webhook),
                       R"({"email_address":"webhook-)" + lower(id.substr(3)) + R"(@mail.example"})",
                       token_,
                       {}})
                .status,
            200);
  EXPECT_EQ(api_.post(one(webhook) + "/deactivate", "", token_).status, 200);
  ASSERT_EQ(api_.store->note_domain_check(domain.text("/id"), now, now, false).value(),
            store::WriteOutcome::done);
  EXPECT_EQ(api_.post(one(webhook) + "/activate", "", token_).code(), "domain_not_verified");
  // The shared domain may have had another name.
  const Answer assigned = api_.webhook(token_);
  EXPECT_EQ(api_.post(one(assigned) + "/deactivate", "", token_).status, 200);
  store::WebhookRow row =
      *api_.store->webhook(domain.text("/account_id"), assigned.text("/id")).value();
  const std::uint64_t version = row.version++;
  row.address = row.address.substr(0, row.address.find('@')) + "@former.example";
  ASSERT_EQ(api_.store->update_webhook(row, version, nullptr).value(), store::WriteOutcome::done);
  EXPECT_EQ(api_.post(one(assigned) + "/activate", "", token_).status, 200);
}

// The new owner of a domain has all its addresses; the former one learns nothing of its mail.
TEST_F(DomainsTest, a_domain_takes_its_addresses_along) {
  const std::string other = api_.account("b@example.com");
  const auto own = [&](const std::string& token) {
    const Answer domain = claim("moved.example", token);
    publish(domain);
    EXPECT_EQ(verify(domain, token).status, 200);
    return domain;
  };
  const Answer domain = own(token_);
  const std::string address = R"(,"email_address":"in@moved.example")";
  const Answer before = api_.webhook(token_, address);
  ASSERT_EQ(before.status, 201) << before.body;
  const auto now = store::now();
  ASSERT_EQ(api_.store->note_domain_check(domain.text("/id"), now, now, false).value(),
            store::WriteOutcome::done);
  own(other);
  const auto in = mail::parse_mailbox("in@moved.example", mail::Utf8::refused);
  EXPECT_EQ(api_.directory.resolve(*in).missing, policy::Route::Missing::unknown_address);
  const Answer left = api_.get(one(before), token_);
  EXPECT_FALSE(left.json.at("is_active").as_bool());
  EXPECT_NE(left.text("/email_address"), "in@moved.example");
  EXPECT_EQ(api_.post(one(before) + "/activate", "", token_).code(), "domain_not_verified");
  const Answer after = api_.webhook(other, address);
  ASSERT_EQ(after.status, 201) << after.body;
  EXPECT_EQ(api_.directory.resolve(*in).webhook->id, after.text("/id"));
  EXPECT_NE(api_.get("/api/v1/accounts/me/audit-log", token_).body.find("in@moved.example"),
            std::string::npos);
}

TEST_F(DomainsTest, refuses_names_that_are_none) {
  EXPECT_EQ(api_.post("/api/v1/domains", "{}", token_).code(), "missing_field");
  for (const char* name : {"", "com", "a b.example", "192.0.2.1", "-x.example", "hooks.example.net",
                           "sub.hooks.example.net", "a..example"}) {
    const Answer refused = claim(name, token_);
    EXPECT_EQ(refused.status, 422) << name;
    EXPECT_TRUE(refused.has_field("name")) << name;
  }
}

}  // namespace
}  // namespace postern::admin
