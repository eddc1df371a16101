#include "serve/guardrail_desk.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "config/room_options.h"
#include "dialect/restrictions/table.h"
#include "dialect/webhook/compile.h"
#include "store/sqlite_store.h"

namespace postern::app {
namespace {

namespace restrictions = dialect::restrictions;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr auto closed = "permit_mynetworks, reject_unauth_destination";

/// A gateway whose configuration file has a sentence, and lists under it.
struct Desk {
  explicit Desk(const std::string& guardrail) {
    LoadOptions options;
    options.read_files = false;
    options.machine_name = "mx.example.com";
    auto loaded = parse_config(
        "[webhooks]\npublic_domain = \"hooks.test\"\n[guardrails]\n" + guardrail + "\n",
        "postern.toml", options);
    EXPECT_TRUE(loaded.ok()) << loaded.diagnostics.render();
    config = std::move(loaded.config);
    lists.guard([this](const admin::Lists& next) { return desk.why_not(next); });
  }

  static admin::Lists judged(const std::string& mynetworks, const std::string& relay = closed) {
    restrictions::Section section;
    section.parameters = {{"mynetworks", mynetworks}, {"smtpd_relay_restrictions", relay}};
    return admin::judged(std::move(section), "mx.example.com", {});
  }
  Result<void> follow(const std::string& mynetworks) {
    const admin::Lists next = judged(mynetworks);
    return lists.follow_file(next.section, next.judged);
  }
  /// This address with this policy, or none.
  static admin::Guards::WebhookEdit edit(const std::optional<std::string>& network,
                                         const std::string& address = "in@hooks.test",
                                         const std::string& id = "wh_1") {
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = id;
    webhook->account_id = "acc_1";
    webhook->address = address;
    admin::Guards::WebhookEdit made;
    if (network) {
      dialect::webhook::PolicyFields fields;
      fields.allowed_source_ips = {*Cidr::parse(*network)};
      made.policy = dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields);
      webhook->policy_id = "pol_1";
    }
    made.webhooks = {webhook};
    return made;
  }

  tests::TemporaryFolder folder;
  std::unique_ptr<store::SqliteStore> store =
      std::move(store::SqliteStore::open(folder.file("postern.db")).value());
  /// Lists that take mail for local.example.
  void take_local_mail() {
    restrictions::Section section;
    section.parameters = {{"mydestination", "local.example"},
                          {"local_recipient_maps", ""},
                          {"smtpd_relay_restrictions", closed}};
    config.restrictions = restrictions_of(admin::judged(std::move(section), "mx.example.com", {}));
  }
  /// Makes the edit.
  void make(const admin::Guards::WebhookEdit& edit) {
    policy::Change change;
    for (const auto& webhook : edit.webhooks) {
      change.put_domains.emplace_back(webhook->address.substr(webhook->address.find('@') + 1));
      change.put_webhooks.push_back(webhook);
    }
    if (edit.policy) change.put_policies.push_back(edit.policy);
    directory.apply(std::move(change));
  }

  Config config;
  policy::Directory directory;
  GuardrailDesk desk{*store, directory, [this] { return config; }, nullptr};
  admin::RunningLists lists{*store, "mx.example.com", [this](const admin::Lists& now) {
                              config.restrictions = restrictions_of(now);
                            }};
};

constexpr auto inside_only =
    "networks.inside = \"10.0.0.0/8\"\n"
    "inside = \"never accept where client not in @inside and auth = none and rcpt is foreign\"";

TEST(GuardrailDesk, lists_of_the_file_that_break_a_sentence_do_not_come_into_force) {
  Desk gateway(inside_only);
  ASSERT_TRUE(gateway.follow("10.1.0.0/16"));
  const std::uint64_t revision = gateway.lists.current()->row.revision;
  const Result<void> wide = gateway.follow("10.1.0.0/16, 192.0.2.0/24");
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().fault, Fault::denied);
  EXPECT_THAT(wide.error().message, HasSubstr("`inside` is broken: a client at 192.0.2."));
  EXPECT_THAT(wide.error().message, HasSubstr("postern.toml:5:"));
  EXPECT_EQ(gateway.lists.current()->row.revision, revision);
  EXPECT_EQ(gateway.store->newest_list_revision().value()->revision, revision);
}

// A new sentence of the file may be broken by lists that are not in the file.
TEST(GuardrailDesk, lists_that_were_set_through_the_api_are_named) {
  Desk gateway(inside_only);
  ASSERT_TRUE(gateway.follow("10.1.0.0/16"));
  admin::Lists next = Desk::judged("10.2.0.0/16");
  next.row.source = store::ListRevisionRow::Source::api;
  next.row.created_at = store::now();
  ASSERT_TRUE(gateway.lists.put(std::move(next), std::nullopt, {.id = "al_1"}));
  gateway.config.guardrails =
      Desk("narrow = \"never accept where client not in 10.1.0.0/16 and rcpt is foreign\"")
          .config.guardrails;
  const Result<void> again = gateway.follow("10.1.0.0/16");
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("revision 2, set through the API: "));
  EXPECT_THAT(again.error().message, HasSubstr("`narrow` is broken"));
}

TEST(GuardrailDesk, an_edit_of_lists_has_its_witness) {
  Desk gateway(inside_only);
  ASSERT_TRUE(gateway.desk.any());
  EXPECT_FALSE(gateway.desk.broken_by(Desk::judged("10.1.0.0/16")));
  const auto broken = gateway.desk.broken_by(Desk::judged("10.1.0.0/16, 192.0.2.0/24"));
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->name, "inside");
  EXPECT_TRUE(broken->proved);
  EXPECT_FALSE(broken->is_public);
  EXPECT_EQ(broken->witness.at("got").at("verdict").as_string(), "taken");
  EXPECT_THAT(broken->why, HasSubstr("and is answered 250"));
}

TEST(GuardrailDesk, a_sentence_that_warns_lets_lists_through) {
  Desk gateway("a = { rule = \"never accept where rcpt is foreign\", enforce = \"warn\" }");
  EXPECT_TRUE(gateway.follow("10.1.0.0/16"));
  EXPECT_FALSE(gateway.desk.broken_by(Desk::judged("10.1.0.0/16")));
}

TEST(GuardrailDesk, webhooks_are_proved_before_they_are_put) {
  Desk gateway("near = \"never accept where client not in 203.0.113.0/24\"");
  EXPECT_FALSE(gateway.desk.broken_by(Desk::edit("203.0.113.0/25")));
  EXPECT_TRUE(gateway.desk.broken_by(Desk::edit("203.0.112.0/23")));
  const auto open = gateway.desk.broken_by(Desk::edit(std::nullopt));
  ASSERT_TRUE(open);
  EXPECT_THAT(std::string(open->witness.at("rcpt_to").as_string()), EndsWith("@hooks.test"));
}

TEST(GuardrailDesk, a_webhook_that_must_be_heard_cannot_be_deleted) {
  Desk gateway("heard = \"never refuse where rcpt = in@hooks.test and not helo = none\"");
  EXPECT_FALSE(gateway.desk.broken_by(Desk::edit(std::nullopt)));
  EXPECT_TRUE(gateway.desk.broken_by(Desk::edit("203.0.113.0/24")));
  EXPECT_TRUE(gateway.desk.broken_by({.webhooks = {}, .policy = {}, .removed = {"in@hooks.test"}}));
}

// Mail for an address that a webhook has left goes to the host, or to the webhook without its tag.
TEST(GuardrailDesk, addresses_that_a_webhook_leaves_are_asked_about) {
  for (const std::string left : {"vip@local.example", "vip+x@hooks.test"}) {
    Desk gateway("vip = \"never accept where rcpt = " + left +
                 " and client not in 203.0.113.0/24\"");
    gateway.take_local_mail();
    gateway.make(Desk::edit(std::nullopt, "vip@hooks.test", "wh_2"));
    gateway.make(Desk::edit("203.0.113.0/24", left));
    const auto moved = gateway.desk.broken_by(Desk::edit("203.0.113.0/24", "new@hooks.test"));
    ASSERT_TRUE(moved) << left;
    EXPECT_EQ(moved->witness.at("rcpt_to").as_string(), left);
    EXPECT_EQ(moved->witness.at("got").at("verdict").as_string(), "taken");
    EXPECT_TRUE(gateway.desk.broken_by({.webhooks = {}, .policy = {}, .removed = {left}})) << left;
    EXPECT_FALSE(gateway.desk.broken_by(Desk::edit("203.0.113.0/25", left))) << left;
    EXPECT_TRUE(gateway.desk.broken_by(Desk::edit("203.0.112.0/23", left))) << left;
  }
}

// What other webhooks have is not this edit's.
TEST(GuardrailDesk, addresses_of_other_webhooks_are_not_asked_about) {
  for (const std::string vip : {"vip@local.example", "vip@hooks.test", "other+x@hooks.test"}) {
    Desk gateway("vip = \"never accept where rcpt = " + vip +
                 " and client not in 203.0.113.0/24\"");
    gateway.take_local_mail();
    gateway.make(Desk::edit("203.0.113.0/24", vip));
    const std::string domain = vip.substr(vip.find('@'));
    const auto other = Desk::edit(std::nullopt, "other" + domain, "wh_2");
    EXPECT_FALSE(gateway.desk.broken_by(other)) << vip;
    gateway.make(other);
    EXPECT_FALSE(
        gateway.desk.broken_by({.webhooks = {}, .policy = {}, .removed = {"other" + domain}}))
        << vip;
    EXPECT_FALSE(gateway.desk.broken_by(Desk::edit(std::nullopt, "more" + domain, "wh_2"))) << vip;
  }
}

// Nor do they hide the others from it, whatever address somebody chooses for them.
TEST(GuardrailDesk, addresses_of_other_webhooks_hide_nothing) {
  for (const std::string hidden : {"vip+detail@hooks.test", "vip+x@hooks.test"}) {
    Desk gateway(
        "near = \"never accept where rcpt in hooks.test and not rcpt = vip@hooks.test"
        " and client not in 203.0.113.0/24\"");
    gateway.make(Desk::edit("203.0.113.0/24", "vip@hooks.test"));
    gateway.make(Desk::edit("203.0.113.0/24", hidden, "wh_2"));
    const auto open = gateway.desk.broken_by(Desk::edit(std::nullopt, "vip@hooks.test"));
    ASSERT_TRUE(open) << hidden;
    EXPECT_TRUE(open->proved);
    EXPECT_NE(open->witness.at("rcpt_to").as_string(), hidden);
    EXPECT_FALSE(gateway.desk.broken_by(Desk::edit("203.0.113.0/25", "vip@hooks.test"))) << hidden;
    EXPECT_FALSE(gateway.desk.broken_by({.webhooks = {}, .policy = {}, .removed = {hidden}}));
  }
}

// Mail for what nobody has at another's domain is refused before and after the edit.
TEST(GuardrailDesk, domains_of_other_webhooks_are_not_asked_about) {
  Desk gateway("shut = \"never accept where rcpt in shut.test and not rcpt = in@shut.test\"");
  gateway.config.restrictions = restrictions_of(Desk::judged("10.1.0.0/16"));  // relays for these
  gateway.make(Desk::edit("203.0.113.0/24", "in@shut.test", "wh_2"));
  gateway.make(Desk::edit(std::nullopt, "in@open.test"));
  EXPECT_FALSE(gateway.desk.broken_by({.webhooks = {}, .policy = {}, .removed = {"in@open.test"}}));
  EXPECT_FALSE(gateway.desk.broken_by(Desk::edit(std::nullopt, "more@open.test")));
  EXPECT_FALSE(gateway.desk.broken_by({.webhooks = {}, .policy = {}, .removed = {"in@shut.test"}}));
}

// Without its domain, mail for a webhook's address is the host's.
TEST(GuardrailDesk, a_domain_that_is_given_up_is_asked_about) {
  Desk gateway("shut = \"never accept where rcpt in shut.test\"");
  gateway.config.restrictions = restrictions_of(Desk::judged("10.1.0.0/16"));
  policy::Change change;
  change.put_domains.emplace_back("shut.test", "acc_1");
  change.put_domains.emplace_back("other.test", "acc_1");
  gateway.directory.apply(std::move(change));
  admin::Guards::WebhookEdit edit;
  edit.removed_domains = {"other.test"};
  EXPECT_FALSE(gateway.desk.broken_by(edit));
  edit.removed_domains = {"shut.test"};
  const auto broken = gateway.desk.broken_by(edit);
  ASSERT_TRUE(broken);
  EXPECT_THAT(std::string(broken->witness.at("rcpt_to").as_string()), EndsWith("@shut.test"));
  edit.removed = {"in@shut.test"};
  EXPECT_TRUE(gateway.desk.broken_by(edit));
  // Also where a webhook of another account, from before, takes the tagged mail.
  gateway.make(Desk::edit("203.0.113.0/24", "in@shut.test", "wh_2"));
  gateway.make(Desk::edit("203.0.113.0/24", "in+a@shut.test"));
  edit.removed = {"in+a@shut.test"};
  EXPECT_TRUE(gateway.desk.broken_by(edit));
}

// From then on nobody relays mail to it.
TEST(GuardrailDesk, a_domain_that_is_verified_is_asked_about) {
  Desk gateway(
      "out = \"never refuse where client in 10.1.0.0/16 and from in a.test and rcpt in "
      "partner.test and not helo = none\"");
  gateway.config.restrictions = restrictions_of(Desk::judged("10.1.0.0/16"));
  admin::Guards::WebhookEdit edit;
  edit.added_domains = {"other.test"};
  const auto none = gateway.desk.broken_by(edit);
  EXPECT_FALSE(none) << none->why;
  edit.added_domains = {"partner.test"};
  const auto broken = gateway.desk.broken_by(edit);
  ASSERT_TRUE(broken);
  EXPECT_TRUE(broken->proved) << broken->why;
  EXPECT_EQ(broken->witness.at("got").at("verdict").as_string(), "refused");
}

// Mail for what its webhooks had is the host's from then on.
TEST(GuardrailDesk, a_verified_domain_that_lists_have_is_asked_about) {
  for (const bool is_active : {true, false}) {
    Desk gateway("shut = \"never accept where rcpt = in@local.example\"");
    gateway.take_local_mail();
    auto theirs = Desk::edit("203.0.113.0/24", "in@local.example", "wh_2");
    auto off = std::make_shared<policy::Webhook>(*theirs.webhooks.front());
    off->is_active = is_active;
    theirs.webhooks = {off};
    gateway.make(theirs);
    admin::Guards::WebhookEdit edit;
    edit.added_domains = {"local.example"};
    EXPECT_FALSE(gateway.desk.broken_by(edit)) << "it is still the webhook's";
    edit.removed = {"in@local.example"};
    const auto broken = gateway.desk.broken_by(edit);
    ASSERT_TRUE(broken);
    EXPECT_TRUE(broken->proved) << broken->why;
    EXPECT_EQ(broken->witness.at("rcpt_to").as_string(), "in@local.example");
  }
}

// An address that is completed is the webhook's that it leads to.
TEST(GuardrailDesk, completed_addresses_of_other_webhooks_are_not_asked_about) {
  Desk gateway("shut = \"never accept where rcpt = h@other.test\"");
  restrictions::Section section;
  section.parameters = {{"mydomain", "test"},
                        {"append_dot_mydomain", "yes"},
                        {"mydestination", "other.test, own.test"},
                        {"local_recipient_maps", ""},
                        {"smtpd_relay_restrictions", "reject_unauth_destination"}};
  gateway.config.restrictions =
      restrictions_of(admin::judged(std::move(section), "mx.example.com", {}));
  auto shut = Desk::edit(std::nullopt, "h@other.test", "wh_2");
  auto off = std::make_shared<policy::Webhook>(*shut.webhooks.front());
  off->is_active = false;
  shut.webhooks = {off};
  gateway.make(shut);
  admin::Guards::WebhookEdit edit;
  edit.added_domains = {"z.test"};
  const auto none = gateway.desk.broken_by(edit);
  EXPECT_FALSE(none) << none->why;
}

TEST(GuardrailDesk, without_guardrails_nothing_is_asked) {
  Desk gateway("");
  EXPECT_FALSE(gateway.desk.any());
  EXPECT_EQ(gateway.desk.why_not(Desk::judged("0.0.0.0/0")), "");
}

TEST(GuardrailDesk, edits_are_made_one_at_a_time_and_do_not_wait_for_ever) {
  Desk gateway("");
  const auto held = gateway.desk.hold(std::chrono::seconds(1), false);
  ASSERT_TRUE(held);
  std::thread([&] {
    const auto other = gateway.desk.hold(std::chrono::milliseconds(20), false);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().fault, Fault::temporary);
  }).join();
}

}  // namespace
}  // namespace postern::app
