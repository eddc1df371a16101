// The answer for a webhook's address says of each dialogue what the production evaluation says:
// random pairs of policies, random dialogues. POSTERN_PLAN_SEED repeats a failure.
#include "plan/webhooks.h"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/growth_test.h"
#include "config/engine.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/controls.h"
#include "dns/recorded_resolver.h"
#include "explain/evidence_words.h"
#include "plan/amount_test.h"
#include "plan/edition_test.h"
#include "policy/credentials.h"
#include "policy/questions/offered.h"
#include "policy/webhook.h"

namespace postern::plan {
namespace {

using dialect::webhook::PolicyFields;

const std::string address = "in@hooks.example.net";
constexpr std::string_view hook_networks[] = {"192.0.2.0/24",   "192.0.2.0/25",    "192.0.2.128/25",
                                              "192.0.2.128/32", "198.51.100.0/24", "2001:db8::/32",
                                              "2001:db8::/33",  "0.0.0.0/0",       "::/0"};
constexpr std::string_view hook_clients[] = {
    "192.0.2.0",    "192.0.2.127", "192.0.2.128",      "192.0.2.129", "192.0.2.255", "192.0.3.0",
    "198.51.100.1", "2001:db8::1", "2001:db8:8000::1", "203.0.113.5", "2001:db9::1"};
constexpr std::string_view listed_domains[] = {"partner.example", ".partner.example",
                                               "eu.partner.example", ".eu.partner.example",
                                               "agent.example"};
constexpr std::string_view hook_domains[] = {
    "partner.example",      "a.partner.example", "eu.partner.example", "b.eu.partner.example",
    "h.eu.partner.example", "agent.example",     "x.agent.example",    "other.example"};

PolicyFields drawn_fields(std::mt19937& random) {
  PolicyFields fields;
  fields.name = "p";
  const auto likely = [&](unsigned of) { return random() % of == 0; };
  if (!likely(3)) {
    for (unsigned i = random() % 4; i > 0; --i) {
      fields.allowed_source_ips.push_back(*Cidr::parse(one_of(random, hook_networks)));
    }
  }
  if (likely(3)) {
    fields.require_smtp_auth = true;
    for (const char* user : {"u", "v"}) {
      if (likely(2)) fields.smtp_credentials.push_back({user, hash_of(likely(2) ? 'a' : 'b')});
    }
  }
  const auto some = [&](std::vector<std::string>& into) {
    for (unsigned i = random() % 3; i > 0; --i) into.emplace_back(one_of(random, listed_domains));
  };
  if (likely(3)) {
    fields.require_spf = true;
    some(fields.allowed_spf_domains);
  }
  if (likely(3)) {
    fields.require_dkim = true;
    some(fields.allowed_dkim_domains);
  }
  if (likely(4)) fields.checks = {"helo_literal_is_client"};
  fields.shadow = likely(10);
  return fields;
}

/// A directory with the webhook, or without it.
Version webhook_version(const app::Config& config, std::mt19937& random,
                        const std::optional<PolicyFields>& fields) {
  auto directory = std::make_shared<policy::Directory>();
  policy::Change change;
  change.put_domains.push_back({"hooks.example.net"});
  auto hook = std::make_shared<policy::Webhook>();
  hook->id = "wh_1";
  hook->account_id = "acc_1";
  hook->address = address;
  hook->target_url = "inbox";
  hook->is_active = random() % 12 != 0;
  if (fields) {
    hook->policy_id = "pol_1";
    change.put_policies.push_back(dialect::webhook::compile("pol_1", "acc_1", 1, 1, *fields));
  }
  if (random() % 12 != 0) change.put_webhooks.push_back(std::move(hook));
  directory->apply(std::move(change));
  return {.name = "version", .config = &config, .directory = directory};
}

/// Something that a client may say, whatever the classes are.
struct Drawn {
  app::Dialogue dialogue;
  app::FrozenEvidence frozen;
};

Drawn drawn_dialogue(std::mt19937& random) {
  Drawn drawn;
  app::Dialogue& said = drawn.dialogue;
  said.client = *IpAddress::parse(one_of(random, hook_clients));
  said.helo =
      random() % 3 == 0 ? "[192.0.2.129]"
      : random() % 2 == 0
          ? fmt::format("[{}{}]", said.client.is_v4() ? "" : "IPv6:", said.client.to_string())
          : "mx.example.org";
  if (random() % 2 == 0) {
    said.tls = true;
    said.login = random() % 2 == 0 ? "u" : "v";
    said.credential = policy::credential_stamp(hash_of(random() % 2 == 0 ? 'a' : 'b'));
  }
  said.sender = mail::Mailbox{"a", std::string(one_of(random, hook_domains))};
  said.recipients = {*mail::parse_mailbox(address, mail::Utf8::allowed)};
  said.message = std::string(plain_message);
  app::EvidenceWords words;
  words.words["spf"] = random() % 3 == 0 ? "softfail" : "pass";
  words.dkim.emplace();
  for (unsigned i = random() % 3; i > 0; --i)
    words.dkim->emplace_back(one_of(random, hook_domains));
  drawn.frozen = app::frozen_from(words);
  return drawn;
}

class Webhooks : public testing::Test {
 protected:
  Side played(const Version& version, const Drawn& drawn) {
    return side_of(app::play({.config = config_,
                              .engine = engine_,
                              .directory = *version.directory,
                              .resolver = nobody_,
                              .frozen = drawn.frozen},
                             drawn.dialogue));
  }
  static WebhookComparison compared(const Version& before, const Version& after) {
    const Deadline later(std::chrono::minutes(5));
    return compare_webhooks(before, after, {address}, {}, later);
  }
  static GroupAnswer answer(const Version& before, const Version& after) {
    return compared(before, after).addresses.front().answer;
  }

  app::Config config_ = app::parse_config("[server]\nhostname = \"mx.example.net\"\n", "p").config;
  policy::Engine engine_ = app::engine_for(config_);
  dns::RecordedResolver nobody_{{}};
};

TEST_F(Webhooks, what_is_not_found_never_happens) {
  const unsigned seed = amount("POSTERN_PLAN_SEED", 25);
  std::size_t differences = 0;
  std::size_t other_codes = 0;
  std::size_t open_codes = 0;
  for (unsigned pair = 0; pair < 150; ++pair) {
    std::mt19937 random(seed * 1000 + pair);
    PolicyFields fields = drawn_fields(random);
    const Version before = webhook_version(config_, random, fields);
    // Half of the pairs are edits of one part.
    PolicyFields other = drawn_fields(random);
    if (random() % 2 == 0) {
      if (random() % 2 == 0)
        fields.allowed_source_ips = other.allowed_source_ips;
      else
        fields.allowed_dkim_domains = other.allowed_dkim_domains;
      other = fields;
    }
    const bool detached = random() % 8 == 0;
    const Version after =
        webhook_version(config_, random, detached ? std::nullopt : std::optional(other));
    const WebhookComparison all = compared(before, after);
    const GroupAnswer& found = all.addresses.front().answer;
    EXPECT_NE(found.answer(), Answer::not_proved) << "seed " << seed << ", pair " << pair;
    open_codes += all.replies == Known::unknown ? 1 : 0;
    for (int i = 0; i < 40; ++i) {
      const Drawn drawn = drawn_dialogue(random);
      const Side old_side = played(before, drawn);
      const Side new_side = played(after, drawn);
      const bool old_takes = old_side.taken;
      const bool new_takes = new_side.taken;
      if (!old_takes && !new_takes &&
          (old_side.reply.code != new_side.reply.code ||
           old_side.reply.enhanced != new_side.reply.enhanced)) {
        ++other_codes;
        EXPECT_NE(all.replies, Known::no) << "seed " << seed << ", pair " << pair;
      }
      if (old_takes == new_takes) continue;
      ++differences;
      EXPECT_EQ(old_takes ? found.refuses_more : found.accepts_more, Known::yes)
          << "seed " << seed << ", pair " << pair;
    }
  }
  EXPECT_GT(differences, 200u);
  EXPECT_GT(other_codes, 200u);
  EXPECT_LT(open_codes, 30u);
}

TEST_F(Webhooks, every_control_is_compared) {
  PolicyFields all;
  all.name = "all";
  all.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
  all.require_smtp_auth = all.require_spf = all.require_dkim = true;
  all.smtp_credentials = {{"u", hash_of('a')}};
  all.allowed_spf_domains = all.allowed_dkim_domains = {"partner.example"};
  for (const auto& offered : policy::questions::offered) all.checks.emplace_back(offered.name);
  std::mt19937 random(1);
  std::size_t rules = 0;
  for (const auto& control : dialect::webhook::controls()) {
    for (const auto& rule : control.rules) rules += rule.is_on(all) ? 1 : 0;
  }
  EXPECT_GE(rules, 6u);
  PolicyFields none;
  none.name = "none";
  const auto directory_of = [&](const PolicyFields& fields) {
    for (;;) {  // one with an active webhook
      Version version = webhook_version(config_, random, fields);
      const auto hook = version.directory->webhook("wh_1");
      if (hook && hook->is_active) return version;
    }
  };
  EXPECT_EQ(answer(directory_of(none), directory_of(all)).answer(), Answer::refuses_more);
  EXPECT_EQ(answer(directory_of(all), directory_of(none)).answer(), Answer::accepts_more);
  EXPECT_EQ(answer(directory_of(all), directory_of(all)).answer(), Answer::same);
}

TEST_F(Webhooks, large_lists_are_compared_in_a_moment) {
  PolicyFields fields;
  fields.name = "large";
  fields.require_spf = true;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    fields.allowed_source_ips.emplace_back(IpAddress::v4(0x0a000000 + (i << 9)), 24);
    fields.allowed_spf_domains.push_back(fmt::format("d{}.example", i));
  }
  PolicyFields other = fields;
  other.allowed_source_ips.pop_back();
  other.allowed_spf_domains[17] = ".d17.example";
  std::mt19937 random(3);
  const Version before = webhook_version(config_, random, fields);
  const Version after = webhook_version(config_, random, other);
  const double took =
      tests::cpu_seconds([&] { EXPECT_EQ(answer(before, after).answer(), Answer::both); });
  RecordProperty("milliseconds", static_cast<int>(took * 1000));
  EXPECT_LT(took, 2);  // a sanitized build; docs/plan.md has the figure
}

// A version without the webhook may take mail for its address, and for others of its domain.
TEST(WebhooksElsewhere, AVersionWithoutOneMayTakeItsMail) {
  enum class Hook { none, off, on, narrow };
  constexpr auto lists =
      "[restrictions]\nmydestination = 'ours.example'\nlocal_recipient_maps = ''\n"
      "mynetworks = '10.1.0.0/16'\n"
      "smtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n";
  const struct {
    std::string what, lists, address;
    Hook before, after;
    Known refuses_more, accepts_more;
  } cases[] = {
      {"nobody else", "", address, Hook::off, Hook::none, Known::no, Known::no},
      {"nobody else, a policy", "", address, Hook::narrow, Hook::none, Known::yes, Known::no},
      {"mydestination", lists, "in@ours.example", Hook::off, Hook::none, Known::unknown,
       Known::unknown},
      {"mydestination, the other way", lists, "in@ours.example", Hook::none, Hook::off,
       Known::unknown, Known::unknown},
      {"mynetworks", lists, address, Hook::off, Hook::none, Known::unknown, Known::unknown},
      {"mynetworks, a policy", lists, address, Hook::narrow, Hook::none, Known::yes,
       Known::unknown},
      {"a postmaster", "", "postmaster@mx.example.net", Hook::off, Hook::none, Known::no,
       Known::unknown},
      {"a postmaster, a policy", "", "postmaster@mx.example.net", Hook::none, Hook::narrow,
       Known::unknown, Known::unknown},
      {"both have it", lists, address, Hook::narrow, Hook::on, Known::no, Known::yes},
  };
  for (const auto& one : cases) {
    app::LoadOptions options;
    options.read_files = false;
    const app::ConfigResult loaded =
        app::parse_config("[server]\nhostname = \"mx.example.net\"\n" + one.lists, "p", options);
    ASSERT_TRUE(loaded.ok()) << loaded.diagnostics.render();
    const auto version = [&](Hook state) {
      auto directory = std::make_shared<policy::Directory>();
      policy::Change change;
      if (state != Hook::none) {
        change.put_domains.emplace_back(one.address.substr(one.address.find('@') + 1));
        auto hook = std::make_shared<policy::Webhook>();
        hook->id = "wh_1";
        hook->account_id = "acc_1";
        hook->address = one.address;
        hook->target_url = "inbox";
        hook->is_active = state != Hook::off;
        if (state == Hook::narrow) {
          PolicyFields fields;
          fields.name = "p";
          fields.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
          hook->policy_id = "pol_1";
          change.put_policies.push_back(dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields));
        }
        change.put_webhooks.push_back(std::move(hook));
      }
      directory->apply(std::move(change));
      return Version{.name = "version", .config = &loaded.config, .directory = directory};
    };
    const Deadline later(std::chrono::minutes(5));
    const GroupAnswer found =
        compare_webhooks(version(one.before), version(one.after), {one.address}, {}, later)
            .addresses.front()
            .answer;
    EXPECT_EQ(found.refuses_more, one.refuses_more) << one.what;
    EXPECT_EQ(found.accepts_more, one.accepts_more) << one.what;
  }
}

// Lists in front of a policy let a dialogue through that they are given answers for, or none.
TEST(WebhooksBehindLists, TheDialogueIsOneThatListsLetThrough) {
  const struct {
    std::string what, lists;
    bool reaches_policies = true;  ///< whether any mail does
  } cases[] = {
      {"the sender has a domain", "smtpd_sender_restrictions = 'reject_unknown_sender_domain'\n"},
      {"a policy server",
       "smtpd_recipient_restrictions = 'check_policy_service "
       "inet:127.0.0.1:10023'\n"},
      {"clients",
       "smtpd_client_restrictions = 'check_client_access inline:{ {203.0.113 = REJECT} "
       "}'\n"},
      {"a list in DNS and HELO",
       "smtpd_helo_restrictions = 'reject_unknown_helo_hostname, "
       "reject_rbl_client zen.example'\n"},
      {"senders of one domain",
       "smtpd_sender_restrictions = 'check_sender_access inline:{ "
       "{customer.example = OK} }, reject'\n"},
      {"nobody", "smtpd_client_restrictions = 'reject'\n", false},
      {"nobody is sent to it",
       "recipient_delimiter = '+'\nsmtpd_recipient_restrictions = 'check_recipient_access "
       "inline:{ {in@hooks.example.net = REJECT} }'\n",
       false},
  };
  const auto directory_of = [](const PolicyFields& fields) {
    auto directory = std::make_shared<policy::Directory>();
    policy::Change change;
    change.put_domains.push_back({"hooks.example.net"});
    auto hook = std::make_shared<policy::Webhook>();
    hook->id = "wh_1";
    hook->account_id = "acc_1";
    hook->address = address;
    hook->target_url = "inbox";
    hook->is_active = true;
    hook->policy_id = "pol_1";
    change.put_policies.push_back(dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields));
    change.put_webhooks.push_back(std::move(hook));
    directory->apply(std::move(change));
    return directory;
  };
  PolicyFields wide;
  wide.name = "p";
  PolicyFields spf = wide;
  spf.require_spf = true;
  PolicyFields network = wide;
  network.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
  PolicyFields login = wide;
  login.require_smtp_auth = true;
  login.smtp_credentials = {{"u", hash_of('a')}};
  PolicyFields signers = wide;
  signers.require_dkim = true;
  signers.allowed_dkim_domains = {"partner.example"};
  PolicyFields password = login;
  password.smtp_credentials = {{"u", hash_of('b')}};
  for (const auto& one : cases) {
    app::LoadOptions options;
    options.read_files = false;
    const app::ConfigResult loaded = app::parse_config(
        "[server]\nhostname = \"mx.example.net\"\n[restrictions]\nmydestination = "
        "'ours.example'\nlocal_recipient_maps = ''\nsmtpd_relay_restrictions = "
        "'reject_unauth_destination'\n" +
            one.lists,
        "p", options);
    ASSERT_TRUE(loaded.ok()) << loaded.diagnostics.render();
    const auto compared = [&](const PolicyFields& before, const PolicyFields& after) {
      const Version old_version{
          .name = "old", .config = &loaded.config, .directory = directory_of(before)};
      const Version new_version{
          .name = "new", .config = &loaded.config, .directory = directory_of(after)};
      return compare_webhooks(old_version, new_version, {address}, {},
                              Deadline(std::chrono::minutes(5)));
    };
    const Known known = one.reaches_policies ? Known::yes : Known::no;
    for (const PolicyFields* narrow : {&spf, &network, &login, &signers}) {
      const WebhookComparison more = compared(*narrow, wide);
      const GroupAnswer& answer = more.addresses.front().answer;
      EXPECT_EQ(answer.accepts_more, known) << one.what;
      EXPECT_EQ(answer.refuses_more, Known::no) << one.what;
      EXPECT_EQ(more.witnesses.empty(), !one.reaches_policies) << one.what;
      for (const Witness& witness : more.witnesses) {
        if (witness.kind != DifferenceKind::accepts_more) continue;
        EXPECT_TRUE(witness.after.taken && !witness.before.taken) << one.what;
        EXPECT_EQ(witness.before.layer, "webhook") << one.what;
      }
      EXPECT_EQ(compared(wide, *narrow).addresses.front().answer.refuses_more, known) << one.what;
    }
    // Whether these passwords are the same nobody can tell; it matters to those who come so far.
    const GroupAnswer other = compared(login, password).addresses.front().answer;
    for (const Known direction : {other.refuses_more, other.accepts_more}) {
      if (one.reaches_policies) {
        EXPECT_NE(direction, Known::no) << one.what;
      } else {
        EXPECT_EQ(direction, Known::no) << one.what;
      }
    }
  }
}

}  // namespace
}  // namespace postern::plan
