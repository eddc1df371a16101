// Webhook policies behind lists that refuse what is tried first.
#include "plan/through_lists.h"

#include <gtest/gtest.h>

#include "config/config.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/controls.h"
#include "plan/edition_test.h"
#include "plan/webhooks.h"
#include "policy/webhook.h"

namespace postern::plan {
namespace {

using dialect::webhook::PolicyFields;

/// A directory with the webhooks in@ and cdcd@ and the policies of both.
std::shared_ptr<const policy::Directory> directory_of(const PolicyFields& own,
                                                      const PolicyFields& other) {
  auto directory = std::make_shared<policy::Directory>();
  policy::Change change;
  change.put_domains.push_back({"hooks.example.net"});
  const auto add = [&](const std::string& local, const std::string& id,
                       const PolicyFields& fields) {
    auto hook = std::make_shared<policy::Webhook>();
    hook->id = "wh_" + id;
    hook->account_id = "acc_1";
    hook->address = local + "@hooks.example.net";
    hook->target_url = "inbox";
    hook->is_active = true;
    hook->policy_id = "pol_" + id;
    change.put_policies.push_back(dialect::webhook::compile("pol_" + id, "acc_1", 1, 1, fields));
    change.put_webhooks.push_back(std::move(hook));
  };
  add("in", "1", own);
  add("cdcd", "2", other);
  directory->apply(std::move(change));
  return directory;
}

/// Compares what in@hooks.example.net takes.
class Behind : public testing::Test {
 protected:
  WebhookComparison compared(const std::string& lists, const PolicyFields& before,
                             const PolicyFields& after,
                             std::chrono::milliseconds time = std::chrono::minutes(5)) {
    return compared(lists, lists, before, after, time);
  }
  WebhookComparison compared(const std::string& old_lists, const std::string& new_lists,
                             const PolicyFields& before, const PolicyFields& after,
                             std::chrono::milliseconds time = std::chrono::minutes(5)) {
    const Version old_version{.name = "old",
                              .config = &config_with(old_lists),
                              .directory = directory_of(before, other_before)};
    const Version new_version{.name = "new",
                              .config = &config_with(new_lists),
                              .directory = directory_of(after, other_after)};
    return compare_webhooks(
        old_version, new_version, {"in@hooks.example.net"},
        {.through_lists = through_lists, .lists_differ = old_lists != new_lists}, Deadline(time));
  }
  const app::Config& config_with(const std::string& lists) {
    app::LoadOptions options;
    options.read_files = false;
    loaded_.push_back(std::make_unique<app::ConfigResult>(app::parse_config(
        "[server]\nhostname = \"mx.example.net\"\n[restrictions]\nmydestination = "
        "'ours.example'\nlocal_recipient_maps = ''\nsmtpd_relay_restrictions = "
        "'reject_unauth_destination'\n" +
            lists,
        "p", options)));
    EXPECT_TRUE(loaded_.back()->ok()) << loaded_.back()->diagnostics.render();
    return loaded_.back()->config;
  }
  static const GroupAnswer& answer(const WebhookComparison& found) {
    return found.addresses.front().answer;
  }

  Behind() {
    wide.name = network.name = other_before.name = other_after.name = "p";
    network.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
  }

  PolicyFields wide;
  PolicyFields network;
  PolicyFields other_before;
  PolicyFields other_after;
  bool through_lists = true;

 private:
  std::vector<std::unique_ptr<app::ConfigResult>> loaded_;
};

// Each address with a tag is the webhook's, whatever recipient_delimiter says.
TEST_F(Behind, TagsAreOfTheWebhook) {
  for (const char* delimiter : {"", "recipient_delimiter = '-'\n"}) {
    const WebhookComparison found = compared(
        std::string(delimiter) +
            "smtpd_recipient_restrictions = 'check_recipient_access pcre:{ {/^in\\+vip/ OK} }, "
            "reject'\n",
        network, wide);
    EXPECT_EQ(answer(found).accepts_more, Known::yes);
    ASSERT_FALSE(found.witnesses.empty());
    EXPECT_EQ(found.witnesses.front().spoken.recipient.substr(0, 6), "in+vip");
  }
  const WebhookComparison exact = compared(
      "smtpd_recipient_restrictions = 'check_recipient_access inline:{ "
      "{in@hooks.example.net=REJECT} {in+tag@hooks.example.net=REJECT} }'\n",
      network, wide);
  EXPECT_EQ(answer(exact).accepts_more, Known::yes);
}

// Of clients at the address that they have reached no dialogue is played, and nothing is proved.
TEST_F(Behind, ClientsMayReachThemselves) {
  PolicyFields here = wide;
  here.allowed_source_ips = {*Cidr::parse("127.0.0.0/8"), *Cidr::parse("::1/128")};
  PolicyFields more = here;
  more.allowed_source_ips.push_back(*Cidr::parse("198.51.100.0/24"));
  const WebhookComparison found = compared(
      "inet_interfaces = 'all'\nsmtpd_client_restrictions = 'permit_inet_interfaces, reject'\n",
      here, more);
  EXPECT_EQ(answer(found).accepts_more, Known::unknown);
}

// A name may be that of two users with two passwords, of which one has no grant for this webhook.
TEST_F(Behind, ANameMayBeThatOfTwoUsers) {
  PolicyFields login = wide;
  login.require_smtp_auth = true;
  login.smtp_credentials = {{"u", hash_of('a')}};
  const std::string lists =
      "smtpd_recipient_restrictions = 'check_sasl_access inline:{ {u = OK} }, reject'\n";
  other_before.require_smtp_auth = other_after.require_smtp_auth = true;
  other_before.smtp_credentials = other_after.smtp_credentials = {{"u", hash_of('b')}};
  EXPECT_EQ(answer(compared(lists, login, wide)).accepts_more, Known::unknown);
  other_before = other_after = wide;
  // In NEW nobody has the name.
  EXPECT_EQ(answer(compared(lists, login, wide)).accepts_more, Known::unknown);
}

// The dialogue that is shown is one with mail for this webhook.
TEST_F(Behind, OtherAddressesAreNotShown) {
  const WebhookComparison found = compared(
      "recipient_delimiter = '+'\nsmtpd_recipient_restrictions = 'check_recipient_access pcre:{ "
      "{!/^(cd)\\1@/ REJECT} }'\n",
      network, wide);
  EXPECT_NE(answer(found).accepts_more, Known::yes);
  EXPECT_TRUE(found.witnesses.empty());
}

// Patterns of which no text fulfils both let nobody through.
TEST_F(Behind, PatternsMayLeaveNobody) {
  const WebhookComparison found = compared(
      "smtpd_sender_restrictions = 'check_sender_access pcre:{ {!/^a/ REJECT} }, "
      "check_sender_access pcre:{ {!/^b/ REJECT} }'\n",
      network, wide);
  EXPECT_EQ(answer(found).accepts_more, Known::no);
  EXPECT_EQ(answer(found).refuses_more, Known::no);
}

TEST_F(Behind, WhatIsAssumedIsSaid) {
  const WebhookComparison names = compared(
      "smtpd_client_restrictions = 'check_client_access cidr:{ {10.9.0.0/16 REJECT} }, "
      "check_client_access inline:{ {10.9=OK} }, reject'\n",
      network, wide);
  EXPECT_EQ(answer(names).accepts_more, Known::no);
  EXPECT_TRUE(names.names_like_networks);
  const WebhookComparison patterns = compared(
      "smtpd_sender_restrictions = 'check_sender_access pcre:{ {/^(a+)+@/ REJECT} }, reject'\n",
      network, wide);
  EXPECT_EQ(answer(patterns).accepts_more, Known::no);
  EXPECT_TRUE(patterns.give_up.contains("^(a+)+@"));
}

// Tenants are not told whom the operator's lists let through.
TEST_F(Behind, ListsAreNotReadForTenants) {
  const std::string lists =
      "smtpd_client_restrictions = 'check_client_access inline:{ {198.51.100.77=OK} }, reject'\n";
  EXPECT_EQ(compared(lists, network, wide).witnesses.front().spoken.client, "198.51.100.77");
  through_lists = false;
  const WebhookComparison found = compared(lists, network, wide);
  EXPECT_EQ(answer(found).accepts_more, Known::unknown);
  EXPECT_TRUE(found.witnesses.empty());
}

// Time that is over is what is said then.
TEST_F(Behind, TimeMayBeOver) {
  const WebhookComparison found = compared("smtpd_client_restrictions = 'reject'\n", network, wide,
                                           std::chrono::milliseconds(0));
  ASSERT_FALSE(found.not_proved.empty());
  EXPECT_EQ(found.not_proved.front().reason, "budget_time");
}

// Lists that differ are compared for the mail of a webhook, too, as its policies judge it.
TEST_F(Behind, ListsMayDiffer) {
  const std::string some =
      "smtpd_client_restrictions = 'check_client_access cidr:{ {192.0.2.7/32 REJECT} }'\n";
  const std::string more =
      "smtpd_client_restrictions = 'check_client_access cidr:{ {192.0.2.7/32 REJECT} "
      "{198.51.100.7/32 REJECT} }'\n";
  const WebhookComparison open = compared(some, more, wide, wide);
  EXPECT_EQ(answer(open).refuses_more, Known::yes);
  EXPECT_EQ(answer(open).accepts_more, Known::no);
  EXPECT_TRUE(answer(open).refused.some.empty());
  ASSERT_EQ(open.witnesses.size(), 1u);
  EXPECT_EQ(open.witnesses.front().spoken.client, "198.51.100.7");
  // The policy lets none of those clients in.
  const WebhookComparison narrow = compared(some, more, network, network);
  EXPECT_EQ(answer(narrow).refuses_more, Known::no);
  EXPECT_EQ(answer(narrow).accepts_more, Known::no);
  EXPECT_TRUE(narrow.not_proved.empty());
  // Who sends probes is taken before the lists.
  const WebhookComparison probes =
      compared("address_verify_sender = 'a@ours.example'\n", "", wide, wide);
  EXPECT_EQ(answer(probes).refuses_more, Known::unknown);
  EXPECT_EQ(probes.not_proved.front().reason, "other_layers");
  through_lists = false;
  const WebhookComparison tenant = compared(some, more, network, network);
  EXPECT_EQ(answer(tenant).refuses_more, Known::unknown);
  EXPECT_NE(tenant.replies, Known::no);
}

// Where lists decide, too, a policy's condition is its own.
TEST_F(Behind, ConditionsAreThoseOfThePolicy) {
  const WebhookComparison found = compared("", network, wide);
  ASSERT_EQ(answer(found).accepts_more, Known::yes);
  EXPECT_EQ(answer(found).accepted.by, "the lists");
}

}  // namespace
}  // namespace postern::plan
