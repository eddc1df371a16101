#include "admin/dkim_keys.h"

#include <gtest/gtest.h>

#include "admin/test_api.h"
#include "mailauth/dkim/sign.h"

namespace postern::admin {
namespace {

namespace dkim = mailauth::dkim;

class DkimKeysTest : public testing::Test {
 protected:
  /// A verified domain of the account.
  std::string domain(const std::string& name, const std::string& token) {
    const Answer claimed = api_.post("/api/v1/domains", R"({"name":")" + name + "\"}", token);
    api_.resolver.txt[claimed.text("/verification_record/name")] = {
        claimed.text("/verification_token")};
    const std::string path = "/api/v1/domains/" + claimed.text("/id");
    EXPECT_EQ(api_.post(path + "/verify", "", token).status, 200);
    return path;
  }
  Answer add(const std::string& selector, const std::string& more = "") {
    return api_.post(keys_, R"({"selector":")" + selector + "\"" + more + "}", token_);
  }
  Answer set(const std::string& selector, const std::string& state) {
    return api_.put(keys_ + "/" + selector, R"({"state":")" + state + "\"}", token_);
  }
  void publish(const Answer& key) {
    api_.resolver.txt[key.text("/record/name")] = {key.text("/record/value")};
  }
  /// "b a": the selectors that now sign mail of the domain.
  std::string signing(const std::string& name = "example.com") {
    std::string all;
    const auto signer = api_.keyring.signer_for(name);
    if (!signer) return "";
    for (const auto& key : signer->keys().value()) all += (all.empty() ? "" : " ") + key.selector;
    return all;
  }
  void expect_no_private_key(const Answer& answer) {
    EXPECT_EQ(answer.body.find("PRIVATE"), std::string::npos) << answer.body;
    EXPECT_EQ(answer.json.is_object() && answer.json.as_object().contains("private_key"), false);
  }

  TestApi api_;
  std::string token_ = api_.account();
  std::string domain_ = domain("example.com", token_);
  std::string keys_ = domain_ + "/dkim-keys";
};

TEST_F(DkimKeysTest, are_made_here_and_published_before_they_sign) {
  const Answer made = add("s2026", R"(,"algorithm":"ed25519-sha256")");
  ASSERT_EQ(made.status, 201) << made.body;
  expect_no_private_key(made);
  EXPECT_EQ(made.text("/state"), "published");
  EXPECT_EQ(made.text("/algorithm"), "ed25519-sha256");
  EXPECT_EQ(made.text("/record/type"), "TXT");
  EXPECT_EQ(made.text("/record/name"), "s2026._domainkey.example.com");
  EXPECT_TRUE(made.text("/record/value").starts_with("v=DKIM1; k=ed25519; p="));
  EXPECT_EQ(signing(), "");

  const Answer early = set("s2026", "signing");
  EXPECT_EQ(early.status, 422);
  EXPECT_EQ(early.code(), "dkim_record_missing");
  EXPECT_EQ(signing(), "");
  publish(made);
  EXPECT_EQ(set("S2026", "signing").status, 200) << "selectors have no case";
  EXPECT_EQ(signing(), "s2026");
  const Answer listed = api_.get(keys_, token_);
  EXPECT_EQ(listed.text("/data/0/state"), "signing");
  EXPECT_EQ(listed.text("/data/0/record/value"), made.text("/record/value"));
  expect_no_private_key(listed);
}

TEST_F(DkimKeysTest, rotate_without_a_moment_unsigned) {
  const Answer first = add("old");
  EXPECT_EQ(first.text("/algorithm"), "rsa-sha256");
  publish(first);
  ASSERT_EQ(set("old", "signing").status, 200);
  const Answer second = add("new");
  EXPECT_EQ(signing(), "old");
  publish(second);
  ASSERT_EQ(set("new", "signing").status, 200);
  EXPECT_EQ(signing(), "new") << "of one algorithm the newest signs";
  EXPECT_EQ(api_.del(keys_ + "/old", token_).status, 409) << "still in use";
  ASSERT_EQ(set("old", "published").status, 200);
  EXPECT_EQ(signing(), "new");
  const Answer both = api_.get(keys_, token_);
  EXPECT_EQ(both.json.at("total").to_number<int>(), 2) << "both records are shown";
  EXPECT_EQ(both.text("/data/1/record/value"), first.text("/record/value"));
  // Back to the old key, in case the new one causes trouble.
  ASSERT_EQ(set("old", "signing").status, 200);
  ASSERT_EQ(set("new", "published").status, 200);
  EXPECT_EQ(signing(), "old");
  ASSERT_EQ(api_.del(keys_ + "/new", token_).status, 204);
  EXPECT_EQ(api_.del(keys_ + "/new", token_).status, 404);
}

TEST_F(DkimKeysTest, both_algorithms_sign_and_survive_a_restart) {
  publish(add("r"));
  publish(add("e", R"(,"algorithm":"ed25519-sha256")"));
  for (const char* selector : {"r", "e"}) ASSERT_EQ(set(selector, "signing").status, 200);
  EXPECT_EQ(signing(), "e r");
  policy::Directory directory;
  policy::DkimKeyring fresh;
  Publisher publisher(*api_.store, directory, "hooks.example.net", &fresh);
  ASSERT_TRUE(publisher.load());
  const auto before = api_.keyring.signer_for("example.com");
  const auto after = fresh.signer_for("example.com");
  ASSERT_EQ(after->keys().value().size(), 2u);
  EXPECT_EQ(after->account_id(), before->account_id());
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after->keys()->at(i).selector, before->keys()->at(i).selector);
    EXPECT_EQ(after->keys()->at(i).key.public_record(), before->keys()->at(i).key.public_record());
  }
}

TEST_F(DkimKeysTest, may_be_uploaded) {
  const auto own = *dkim::SigningKey::generate_ed25519();
  const Secret secret = own.private_pem();
  std::string pem;
  for (const std::string_view line : split(secret.reveal(), '\n')) {
    pem += std::string(line) + "\\n";
  }
  const Answer taken = add("mine", R"(,"private_key":")" + pem + "\"");
  ASSERT_EQ(taken.status, 201) << taken.body;
  EXPECT_EQ(taken.text("/algorithm"), "ed25519-sha256");
  EXPECT_EQ(taken.text("/record/value"), own.public_record());
  expect_no_private_key(taken);
  const Answer torn = add("torn", R"(,"private_key":")" + pem.substr(0, 60) + "\"");
  EXPECT_EQ(torn.status, 422);
  EXPECT_TRUE(torn.has_field("private_key"));
  EXPECT_EQ(torn.body.find(pem.substr(30, 20)), std::string::npos) << "not even the wrong one";
  EXPECT_EQ(add("both", R"(,"algorithm":"rsa-sha256","private_key":")" + pem + "\"").status, 422);
}

TEST_F(DkimKeysTest, say_what_is_wrong_with_a_request) {
  EXPECT_EQ(api_.post(keys_, "{}", token_).code(), "missing_field");
  for (const char* selector : {"", "a b", "a..b", ".", "-", "a/b", "\xc3\xbc"}) {
    EXPECT_EQ(add(selector).status, 422) << selector;
  }
  EXPECT_EQ(add(std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') +
                "." + std::string(60, 'd'))
                .status,
            422);
  EXPECT_TRUE(add("a", R"(,"algorithm":"rsa-sha1")").has_field("algorithm"));
  EXPECT_EQ(add("a", R"(,"bits":512)").status, 422);
  ASSERT_EQ(add("a.b", R"(,"algorithm":"ed25519-sha256")").status, 201);
  EXPECT_EQ(add("A.B", R"(,"algorithm":"ed25519-sha256")").status, 409);
  EXPECT_EQ(set("a.b", "revoked").status, 422);
  EXPECT_EQ(api_.put(keys_ + "/a.b", "{}", token_).code(), "missing_field");
  EXPECT_EQ(set("other", "signing").status, 404);
  EXPECT_EQ(api_.put(keys_ + "/a.b", R"({"state":"signing","skip_dns_check":true})", token_).status,
            200);
}

TEST_F(DkimKeysTest, another_record_under_the_name_is_no_record) {
  const Answer made = add("s", R"(,"algorithm":"ed25519-sha256")");
  const auto other = *dkim::SigningKey::generate_ed25519();
  for (const std::string& record : {other.public_record(), std::string("v=DKIM1; k=ed25519; p="),
                                    "v=DKIM1; s=other; " + made.text("/record/value").substr(9)}) {
    api_.resolver.txt[made.text("/record/name")] = {record};
    EXPECT_EQ(set("s", "signing").status, 422) << record;
  }
  api_.resolver.broken = true;
  api_.resolver.txt.clear();
  EXPECT_NE(set("s", "signing").text("/error").find("timeout"), std::string::npos);
  api_.resolver.broken = false;
  api_.resolver.txt[made.text("/record/name")] = {
      "another one", "v=DKIM1; t=s; n=ours; " + made.text("/record/value").substr(9)};
  EXPECT_EQ(set("s", "signing").status, 200);
}

TEST_F(DkimKeysTest, are_for_verified_domains_of_the_account) {
  const std::string other = api_.account("b@example.com");
  EXPECT_EQ(api_.get(keys_, other).status, 404);
  EXPECT_EQ(api_.post(keys_, R"({"selector":"s"})", other).status, 404);
  publish(add("s", R"(,"algorithm":"ed25519-sha256")"));
  EXPECT_EQ(api_.put(keys_ + "/s", R"({"state":"signing"})", other).status, 404);
  EXPECT_EQ(api_.del(keys_ + "/s", other).status, 404);
  EXPECT_EQ(api_.get(keys_).status, 401);
  const Answer claimed = api_.post("/api/v1/domains", R"({"name":"example.net"})", token_);
  const Answer early = api_.post("/api/v1/domains/" + claimed.text("/id") + "/dkim-keys",
                                 R"({"selector":"s"})", token_);
  EXPECT_EQ(early.status, 409);
  EXPECT_EQ(early.code(), "domain_not_verified");
}

TEST_F(DkimKeysTest, a_domain_takes_its_keys_along) {
  publish(add("s", R"(,"algorithm":"ed25519-sha256")"));
  ASSERT_EQ(set("s", "signing").status, 200);
  EXPECT_EQ(signing("mail.example.com"), "s");
  ASSERT_EQ(api_.del(domain_, token_).status, 204);
  EXPECT_EQ(signing(), "");
  keys_ = domain("example.com", token_) + "/dkim-keys";
  EXPECT_EQ(api_.get(keys_, token_).json.at("total").to_number<int>(), 0);
  publish(add("t", R"(,"algorithm":"ed25519-sha256")"));
  ASSERT_EQ(set("t", "signing").status, 200);
  EXPECT_EQ(
      api_.del("/api/v1/accounts/me", token_, R"({"password":"correct-horse-battery"})").status,
      204);
  EXPECT_EQ(signing(), "");
}

TEST_F(DkimKeysTest, a_domain_that_is_lost_signs_no_more) {
  publish(add("s", R"(,"algorithm":"ed25519-sha256")"));
  ASSERT_EQ(set("s", "signing").status, 200);
  const std::string account = api_.keyring.signer_for("example.com")->account_id();
  const store::DomainRow row = api_.store->domains(account).value().rows.at(0);
  const store::Time now = store::now();
  ASSERT_TRUE(api_.publisher->note_domain_check(row, now, now, true));
  EXPECT_EQ(signing(), "s");
  ASSERT_TRUE(api_.publisher->note_domain_check(row, now, now, false));
  EXPECT_EQ(signing(), "");
  EXPECT_EQ(set("s", "signing").code(), "domain_not_verified");
  // Once verified again, it signs again.
  ASSERT_EQ(api_.post(domain_ + "/verify", "", token_).status, 200);
  EXPECT_EQ(signing(), "s");
}

TEST_F(DkimKeysTest, leave_their_names_and_nothing_else_in_the_audit_log) {
  publish(add("s", R"(,"algorithm":"ed25519-sha256")"));
  set("s", "signing");
  set("s", "published");
  ASSERT_EQ(api_.del(keys_ + "/s", token_).status, 204);
  const Answer log = api_.get("/api/v1/accounts/me/audit-log", token_);
  expect_no_private_key(log);
  for (const char* action : {"dkim_key.added", "dkim_key.changed", "dkim_key.deleted"}) {
    EXPECT_NE(log.body.find(action), std::string::npos) << log.body;
  }
}

TEST_F(DkimKeysTest, are_ten_a_domain_at_most) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(add("s" + std::to_string(i), R"(,"algorithm":"ed25519-sha256")").status, 201);
  }
  EXPECT_EQ(add("more", R"(,"algorithm":"ed25519-sha256")").status, 409);
}

}  // namespace
}  // namespace postern::admin
