#include "admin/guarded_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/ports.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Says that every edit breaks a sentence, once told so.
class AnyEditBreaks final : public Guards {
 public:
  bool any() override { return true; }
  Result<std::shared_ptr<void>> hold(std::chrono::milliseconds, bool) override {
    ++holds;
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    return std::shared_ptr<void>();
  }
  std::optional<BrokenGuardrail> broken_by(const Lists&) override { return answer(); }
  std::optional<BrokenGuardrail> broken_by(const WebhookEdit& edit) override {
    last = edit;
    return answer();
  }

  std::optional<BrokenGuardrail> broken;
  WebhookEdit last;
  std::function<void()> meanwhile;  ///< what others do before it is this edit's turn
  int holds = 0;

 private:
  std::optional<BrokenGuardrail> answer() const { return broken; }
};

BrokenGuardrail broken_sentence(bool is_public, bool proved = true) {
  return {.name = "near",
          .sentence = "never accept where client not in 203.0.113.0/24",
          .is_public = is_public,
          .proved = proved,
          .why = "a client at 192.0.2.7 …, and is answered 250; if tcp:127.0.0.1:9 has a row",
          .told = "a client at 192.0.2.7 …, and is answered 250",
          .witness = {{"client", "192.0.2.7"},
                      {"client_name", "mail.partner.example"},
                      {"auth", "alice"},
                      {"dns", {{"7.2.0.192.key.bl.example.net", {{"A", {"127.0.0.2"}}}}}},
                      {"answers", boost::json::array{boost::json::object{
                                      {"service", "tcp:127.0.0.1:9"}, {"asked", "a"}}}},
                      {"got", boost::json::object{{"verdict", "taken"},
                                                  {"at", "smtpd_client_restrictions:1"},
                                                  {"place", "postern.toml:3:1"},
                                                  {"row", "192.0.2.0/24"}}}},
          .witness_for_all = {{"client", "192.0.2.7"}}};
}

struct Guarded {
  Guarded() : api([this](Options&, Dependencies& deps) { deps.guards = &guards; }) {
    operating = api.account();
    tenant = api.account("b@example.com");
  }
  Answer call(const std::string& method, const std::string& path, const std::string& body,
              const std::string& token) {
    return api.call({method, "/api/v1" + path, body, token, {}});
  }

  AnyEditBreaks guards;
  TestApi api;
  std::string operating;  ///< the first account operates the gateway
  std::string tenant;
};

constexpr auto an_inbox = R"({"target_url":"inbox"})";

TEST(GuardedEdit, a_broken_sentence_is_409_and_nothing_is_changed) {
  Guarded gateway;
  const std::string id = gateway.call("POST", "/webhooks", an_inbox, gateway.operating).text("/id");
  gateway.guards.broken = broken_sentence(false);
  const Answer refused = gateway.call("POST", "/webhooks", an_inbox, gateway.operating);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "guardrail_violated");
  EXPECT_EQ(refused.text("/guardrail"), "near");
  EXPECT_EQ(refused.text("/witness/client"), "192.0.2.7");
  EXPECT_EQ(refused.text("/witness/got/place"), "postern.toml:3:1");
  for (const char* what : {"activate", "deactivate"}) {
    const Answer answer =
        gateway.call("POST", "/webhooks/" + id + "/" + what, "", gateway.operating);
    // What is as it was is no edit.
    EXPECT_EQ(answer.status, what == std::string("activate") ? 200 : 409) << answer.body;
  }
  EXPECT_EQ(gateway.call("DELETE", "/webhooks/" + id, "", gateway.operating).status, 409);
  EXPECT_EQ(gateway.guards.last.removed.size(), 1u);
  EXPECT_EQ(gateway.call("GET", "/webhooks", "", gateway.operating).json.at("total").as_int64(), 1);
}

// An edit that waited is proved for what the edit before it has left.
TEST(GuardedEdit, what_is_deleted_is_what_was_proved) {
  Guarded gateway;
  const std::string id = gateway.call("POST", "/webhooks", an_inbox, gateway.operating).text("/id");
  gateway.guards.meanwhile = [&] {
    std::optional<store::WebhookRow> there;
    ASSERT_TRUE(gateway.api.store->each_webhook(
        [&](store::WebhookRow row) { there = std::move(row); }, {.account = {}, .id = id}));
    there->address = "moved@hooks.example.net";
    const std::uint64_t version = there->version++;
    ASSERT_EQ(gateway.api.publisher->update_webhook(*there, version, {.id = "al_1"}).value(),
              store::WriteOutcome::done);
  };
  EXPECT_EQ(gateway.call("DELETE", "/webhooks/" + id, "", gateway.operating).status, 204);
  EXPECT_THAT(gateway.guards.last.removed, testing::ElementsAre("moved@hooks.example.net"));
}

// A secret decides nothing: it can be changed also where a sentence is broken.
TEST(GuardedEdit, a_secret_is_no_edit_that_is_proved) {
  Guarded gateway;
  const std::string id = gateway.call("POST", "/webhooks", an_inbox, gateway.operating).text("/id");
  gateway.guards.broken = broken_sentence(false);
  const int before = gateway.guards.holds;
  EXPECT_EQ(
      gateway.call("POST", "/webhooks/" + id + "/rotate-secret", "{}", gateway.operating).status,
      200);
  EXPECT_EQ(gateway.guards.holds, before);
}

TEST(GuardedEdit, an_account_is_not_deleted_if_its_webhooks_may_not_be) {
  Guarded gateway;
  gateway.call("POST", "/webhooks", an_inbox, gateway.tenant);
  gateway.call("POST", "/webhooks", an_inbox, gateway.tenant);
  gateway.guards.broken = broken_sentence(false);
  const std::string password = R"({"password":"correct-horse-battery"})";
  const Answer refused = gateway.call("DELETE", "/accounts/me", password, gateway.tenant);
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.code(), "guardrail_violated");
  EXPECT_EQ(gateway.guards.last.removed.size(), 2u);
  EXPECT_EQ(gateway.call("GET", "/webhooks", "", gateway.tenant).status, 200);
  gateway.guards.broken.reset();
  EXPECT_EQ(gateway.call("DELETE", "/accounts/me", password, gateway.tenant).status, 204);
}

// Who verifies a domain takes the addresses of others there.
TEST(GuardedEdit, what_a_verification_takes_is_proved) {
  Guarded gateway;
  const auto verified = [&](const std::string& token) {
    const Answer domain = gateway.call("POST", "/domains", R"({"name":"shared.example"})", token);
    EXPECT_EQ(domain.status, 201) << domain.body;
    gateway.api.resolver.txt["_conduit-verify.shared.example"] = {
        domain.text("/verification_token")};
    const Answer answer =
        gateway.call("POST", "/domains/" + domain.text("/id") + "/verify", "", token);
    return std::pair(domain.text("/id"), answer.status);
  };
  const auto theirs = verified(gateway.tenant);
  ASSERT_EQ(theirs.second, 200);
  for (const char* address : {"in@shared.example", "off@shared.example"}) {
    const Answer made =
        gateway.call("POST", "/webhooks",
                     R"({"target_url":"inbox","email_address":")" + std::string(address) + "\"}",
                     gateway.tenant);
    ASSERT_EQ(made.status, 201) << made.body;
    if (address[0] == 'o') {
      gateway.call("POST", "/webhooks/" + made.text("/id") + "/deactivate", "", gateway.tenant);
    }
  }
  const auto now = store::now();
  ASSERT_TRUE(gateway.api.store->note_domain_check(theirs.first, now, now, false));
  gateway.guards.broken = broken_sentence(false);
  EXPECT_EQ(verified(gateway.operating).second, 409);
  EXPECT_THAT(gateway.guards.last.added_domains, testing::ElementsAre("shared.example"));
  EXPECT_THAT(gateway.guards.last.removed,
              testing::ElementsAre("in@shared.example", "off@shared.example"));
}

TEST(GuardedEdit, policies_are_proved_for_their_webhooks) {
  Guarded gateway;
  const std::string policy =
      gateway.call("POST", "/smtp-policies", R"({"name":"p"})", gateway.operating).text("/id");
  const std::string path = "/smtp-policies/" + policy;
  gateway.guards.broken = broken_sentence(false, false);
  EXPECT_EQ(gateway.call("PUT", path, R"({"name":"q"})", gateway.operating).status, 200)
      << "no webhook has it";
  gateway.guards.broken.reset();
  gateway.call("POST", "/webhooks",
               R"({"target_url":"inbox","smtp_security_policy_id":")" + policy + "\"}",
               gateway.operating);
  gateway.guards.broken = broken_sentence(false, false);
  const Answer refused = gateway.call("PUT", path, R"({"name":"r"})", gateway.operating);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "guardrail_not_proved");
  ASSERT_NE(gateway.guards.last.policy, nullptr);
  EXPECT_EQ(gateway.guards.last.policy->name, "r");
  EXPECT_EQ(gateway.call("DELETE", path, "", gateway.operating).status, 409);
  EXPECT_EQ(gateway.guards.last.policy, nullptr);
  EXPECT_FALSE(gateway.guards.last.webhooks.front()->policy_id);
  EXPECT_EQ(gateway.call("GET", path, "", gateway.operating).text("/name"), "q");
}

TEST(GuardedEdit, others_read_a_sentence_only_if_it_is_public) {
  Guarded gateway;
  gateway.guards.broken = broken_sentence(false);
  const Answer hidden = gateway.call("POST", "/webhooks", an_inbox, gateway.tenant);
  EXPECT_EQ(hidden.status, 409);
  EXPECT_THAT(hidden.body, Not(HasSubstr("near")));
  EXPECT_TRUE(hidden.json.at("sentence").is_null());
  gateway.guards.broken = broken_sentence(true);
  const Answer read = gateway.call("POST", "/webhooks", an_inbox, gateway.tenant);
  EXPECT_THAT(read.text("/sentence"), HasSubstr("never accept"));
  const auto of_the_operator = {
      "postern.toml",       "smtpd_client", "192.0.2.0/24", "tcp:127.0.0.1:9",
      "key.bl.example.net", "mail.partner", "alice"};
  for (const char* one : of_the_operator) {
    EXPECT_THAT(hidden.body, Not(HasSubstr(one)));
    EXPECT_THAT(read.body, Not(HasSubstr(one)));
  }
  gateway.guards.broken = broken_sentence(true, false);
  gateway.guards.broken->why = "it hangs on hash:/etc/postern/senders";
  gateway.guards.broken->told = "";
  EXPECT_THAT(gateway.call("POST", "/webhooks", an_inbox, gateway.tenant).body,
              Not(HasSubstr("/etc/postern")));
  const Answer shown = gateway.call("POST", "/webhooks", an_inbox, gateway.operating);
  EXPECT_THAT(shown.body, HasSubstr("/etc/postern"));
}

}  // namespace
}  // namespace postern::admin
