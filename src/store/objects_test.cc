// What every Store does: policies, webhooks, domains, lists.
#include <thread>

#include <fmt/format.h>

#include "store/store_fixture.h"

namespace postern::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class ObjectStoreTest : public EveryStoreTest {};

TEST_P(ObjectStoreTest, policies_belong_to_their_account) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  PolicyRow row = add_policy(ann, "p");
  EXPECT_TRUE(store_->policy(ann, row.id).value());
  EXPECT_EQ(store_->policy(bob, row.id).value(), std::nullopt);
  EXPECT_EQ(store_->policies(bob, {}).value().total, 0u);
  PolicyRow stolen = row;
  stolen.account_id = bob;
  EXPECT_EQ(store_->update_policy(stolen, 1, nullptr).value(), WriteOutcome::not_found);
  EXPECT_EQ(
      store_->delete_policy(bob, row.id, std::nullopt, IfUsed::detach, at_, {}).value().outcome,
      WriteOutcome::not_found);
  PolicyRow orphan = policy("acc_gone", "q");
  EXPECT_EQ(store_->create_policy(orphan, nullptr).value(), WriteOutcome::not_found);
}

TEST_P(ObjectStoreTest, policies_are_listed_newest_first) {
  const std::string ann = add_account("ann@example.com");
  for (int i = 0; i < 5; ++i) add_policy(ann, std::to_string(i));
  const auto page = store_->policies(ann, {.offset = 1, .limit = 2}).value();
  EXPECT_EQ(page.total, 5u);
  ASSERT_EQ(page.rows.size(), 2u);
  EXPECT_EQ(page.rows[0].name, "3");
  EXPECT_EQ(page.rows[1].name, "2");
}

TEST_P(ObjectStoreTest, an_update_needs_the_version_it_was_made_from) {
  const std::string ann = add_account("ann@example.com");
  PolicyRow row = add_policy(ann, "p");
  row.name = "q";
  row.version = 2;
  row.updated_at = at_ + minutes(1);
  EXPECT_EQ(store_->update_policy(row, 1, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->update_policy(row, 1, nullptr).value(), WriteOutcome::stale);
  const auto found = store_->policy(ann, row.id).value();
  EXPECT_EQ(found->name, "q");
  EXPECT_EQ(found->version, 2u);
  EXPECT_EQ(found->updated_at, at_ + minutes(1));
  EXPECT_EQ(found->created_at, at_);
  EXPECT_EQ(store_->delete_policy(ann, row.id, 1, IfUsed::detach, at_, {}).value().outcome,
            WriteOutcome::stale);
  EXPECT_EQ(store_->delete_policy(ann, row.id, 2, IfUsed::detach, at_, {}).value().outcome,
            WriteOutcome::done);
}

TEST_P(ObjectStoreTest, concurrent_updates_never_lose_one) {
  const std::string ann = add_account("ann@example.com");
  const PolicyRow row = add_policy(ann, "p");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10;) {
        PolicyRow mine = *store_->policy(ann, row.id).value();
        const std::uint64_t expected = mine.version++;
        if (store_->update_policy(mine, expected, nullptr).value() == WriteOutcome::done) ++i;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->policy(ann, row.id).value()->version, 41u);
}

TEST_P(ObjectStoreTest, credentials_keep_their_order_over_all_policies) {
  const std::string ann = add_account("ann@example.com");
  PolicyRow first = policy(ann, "first");
  first.credentials = {{"shared", Secret("h1")}, {"x", Secret("h2")}};
  ASSERT_EQ(store_->create_policy(first, nullptr).value(), WriteOutcome::done);
  PolicyRow second = policy(ann, "second");
  second.credentials = {{"shared", Secret("h3")}};
  ASSERT_EQ(store_->create_policy(second, nullptr).value(), WriteOutcome::done);
  // A new password and a new user in the first policy, listed in another order.
  first.credentials = {{"y", Secret("h4")}, {"shared", Secret("h5")}};
  first.version = 2;
  ASSERT_EQ(store_->update_policy(first, 1, nullptr).value(), WriteOutcome::done);
  const auto one = store_->policy(ann, first.id).value()->credentials;
  const auto two = store_->policies(ann, {}).value().rows[0].credentials;
  ASSERT_EQ(one.size(), 2u);
  ASSERT_EQ(two.size(), 1u);
  EXPECT_EQ(one[0].username, "y");
  EXPECT_EQ(one[1].username, "shared");
  EXPECT_TRUE(one[1].hash.equals("h5"));
  EXPECT_LT(one[1].order, two[0].order) << "a changed password keeps its place";
  EXPECT_GT(one[0].order, two[0].order) << "a new user stands behind";
}

TEST_P(ObjectStoreTest, deleting_a_policy_detaches_its_webhooks_in_the_same_transaction) {
  const std::string ann = add_account("ann@example.com");
  PolicyRow row = policy(ann, "p");
  row.credentials = {{"u", Secret("h")}};
  ASSERT_EQ(store_->create_policy(row, nullptr).value(), WriteOutcome::done);
  const WebhookRow a = add_webhook(ann, "a@example.com", row.id);
  const WebhookRow b = add_webhook(ann, "b@example.com", row.id);
  const WebhookRow c = add_webhook(ann, "c@example.com");
  EXPECT_EQ(store_->policy(ann, row.id).value()->webhook_count, 2u);
  EXPECT_EQ(store_->webhooks_of_policy(ann, row.id).value().size(), 2u);
  const auto refused =
      store_->delete_policy(ann, row.id, std::nullopt, IfUsed::refuse, at_, {}).value();
  EXPECT_EQ(refused.outcome, WriteOutcome::in_use);
  EXPECT_EQ(store_->webhook(ann, a.id).value()->policy_id, row.id);
  std::vector<std::string> told;
  const auto deleted =
      store_
          ->delete_policy(ann, row.id, std::nullopt, IfUsed::detach, at_ + hours(1),
                          [&](const std::vector<std::string>& ids) {
                            told = ids;
                            return audit(ann, "smtp_policy.deleted");
                          })
          .value();
  EXPECT_EQ(deleted.outcome, WriteOutcome::done);
  EXPECT_EQ(deleted.detached_webhooks, (std::vector<std::string>{a.id, b.id}));
  EXPECT_EQ(told, deleted.detached_webhooks);
  EXPECT_EQ(actions(ann), std::vector<std::string>{"smtp_policy.deleted"});
  const auto detached = store_->webhook(ann, a.id).value();
  EXPECT_EQ(detached->policy_id, std::nullopt);
  EXPECT_EQ(detached->version, 2u);
  EXPECT_EQ(detached->updated_at, at_ + hours(1));
  EXPECT_EQ(store_->webhook(ann, c.id).value()->version, 1u);
  EXPECT_EQ(store_->policies(ann, {}).value().total, 0u);
}

TEST_P(ObjectStoreTest, webhooks_keep_every_field) {
  const std::string ann = add_account("ann@example.com");
  const PolicyRow rule = add_policy(ann, "p");
  WebhookRow row = webhook(ann, "in@example.com");
  row.is_active = false;
  row.policy_id = rule.id;
  row.custom_headers = {{"X-A", "1 \" 2"}, {"X-B", "ü"}};
  row.payload_template = "{{.Subject}}";
  row.rate_limit_per_minute = 7;
  row.delivery_mode = "queued";
  row.attachments = "link";
  row.include_raw = "inline";
  row.timeout_ms = 1000;
  row.inbox = {.messages = 5, .octets = 6'000'000, .keep_days = 7};
  row.previous_secret = Secret("whsec_old");
  row.previous_expires_at = at_ + hours(1);
  ASSERT_EQ(store_->create_webhook(row, nullptr).value(), WriteOutcome::done);
  reopen();
  const auto found = store_->webhook(ann, row.id).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "n");
  EXPECT_EQ(found->address, "in@example.com");
  EXPECT_EQ(found->target_url, "inbox");
  EXPECT_FALSE(found->is_active);
  EXPECT_EQ(found->policy_id, rule.id);
  EXPECT_EQ(found->custom_headers, row.custom_headers);
  EXPECT_EQ(found->payload_template, "{{.Subject}}");
  EXPECT_EQ(found->rate_limit_per_minute, 7u);
  EXPECT_EQ(found->delivery_mode, "queued");
  EXPECT_EQ(found->attachments, "link");
  EXPECT_EQ(found->include_raw, "inline");
  EXPECT_EQ(found->timeout_ms, 1000u);
  EXPECT_EQ(found->inbox, row.inbox);
  EXPECT_TRUE(found->secret.equals(row.secret.reveal()));
  EXPECT_TRUE(found->previous_secret->equals("whsec_old"));
  EXPECT_EQ(found->previous_expires_at, row.previous_expires_at);
  WebhookRow changed = *found;
  changed.custom_headers.clear();
  changed.previous_secret.reset();
  changed.previous_expires_at.reset();
  changed.policy_id.reset();
  changed.version = 2;
  ASSERT_EQ(store_->update_webhook(changed, 1, nullptr).value(), WriteOutcome::done);
  const auto cleared = store_->webhook(ann, row.id).value();
  EXPECT_TRUE(cleared->custom_headers.empty());
  EXPECT_EQ(cleared->previous_secret.has_value(), false);
  EXPECT_EQ(cleared->policy_id, std::nullopt);
}

TEST_P(ObjectStoreTest, a_webhook_may_name_its_own_accounts_policies_only) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  const PolicyRow rule = add_policy(ann, "p");
  WebhookRow row = webhook(bob, "in@example.com");
  row.policy_id = rule.id;
  EXPECT_EQ(store_->create_webhook(row, nullptr).value(), WriteOutcome::no_such_policy);
  row.policy_id = "pol_none";
  EXPECT_EQ(store_->create_webhook(row, nullptr).value(), WriteOutcome::no_such_policy);
  row.policy_id.reset();
  ASSERT_EQ(store_->create_webhook(row, nullptr).value(), WriteOutcome::done);
  row.policy_id = rule.id;
  EXPECT_EQ(store_->update_webhook(row, 1, nullptr).value(), WriteOutcome::no_such_policy);
}

TEST_P(ObjectStoreTest, addresses_are_unique_over_all_accounts) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  add_webhook(ann, "in@example.com");
  EXPECT_EQ(store_->create_webhook(webhook(bob, "in@example.com"), nullptr).value(),
            WriteOutcome::taken);
  WebhookRow other = add_webhook(bob, "other@example.com");
  other.address = "in@example.com";
  EXPECT_EQ(store_->update_webhook(other, 1, nullptr).value(), WriteOutcome::taken);
  EXPECT_EQ(store_->delete_webhook(ann, other.id, std::nullopt, nullptr).value(),
            WriteOutcome::not_found);
  EXPECT_EQ(store_->delete_webhook(bob, other.id, 9, nullptr).value(), WriteOutcome::stale);
  EXPECT_EQ(store_->delete_webhook(bob, other.id, 1, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->delete_webhook(bob, other.id, std::nullopt, nullptr).value(),
            WriteOutcome::not_found);
}

TEST_P(ObjectStoreTest, totals_follow_every_change) {
  const std::string ann = add_account("ann@example.com");
  const PolicyRow p = add_policy(ann, "p");
  const PolicyRow q = add_policy(ann, "q");
  WebhookRow a = add_webhook(ann, "a@example.com", p.id);
  WebhookRow b = add_webhook(ann, "b@example.com");
  const auto totals = [&] {
    std::vector<std::uint64_t> list;
    for (const auto filter : {WebhookFilter::all, WebhookFilter::active, WebhookFilter::inactive}) {
      const auto page = store_->webhooks(ann, filter, {}).value();
      EXPECT_EQ(page.total, page.rows.size());
      list.push_back(page.total);
    }
    list.push_back(store_->policy(ann, p.id).value()->webhook_count);
    list.push_back(store_->policy(ann, q.id).value()->webhook_count);
    return list;
  };
  using Totals = std::vector<std::uint64_t>;
  EXPECT_EQ(totals(), (Totals{2, 2, 0, 1, 0}));
  a.policy_id = q.id;
  a.is_active = false;
  a.version = 2;
  ASSERT_EQ(store_->update_webhook(a, 1, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(totals(), (Totals{2, 1, 1, 0, 1}));
  b.policy_id = q.id;
  b.version = 2;
  ASSERT_EQ(store_->update_webhook(b, 1, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(totals(), (Totals{2, 1, 1, 0, 2}));
  ASSERT_EQ(store_->delete_webhook(ann, a.id, std::nullopt, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(totals(), (Totals{1, 1, 0, 0, 1}));
  EXPECT_EQ(store_->account(ann).value()->policy_count, 2u);
}

TEST_P(ObjectStoreTest, an_account_stores_no_more_than_its_limits) {
  const std::string account = add_account("a@example.com");
  const std::string other = add_account("b@example.com");
  const AccountLimits limits{.policies = 2, .credentials = 3, .webhooks = 1, .octets = 2000};
  store_->limit_accounts(limits);
  PolicyRow first = policy(account, "first");
  first.credentials = {{"u1", Secret("$2b$x"), 0}, {"u2", Secret("$2b$x"), 0}};
  ASSERT_EQ(store_->create_policy(first, nullptr).value(), WriteOutcome::done);
  PolicyRow second = policy(account, "second");
  second.credentials = first.credentials;
  EXPECT_EQ(store_->create_policy(second, nullptr).value(), WriteOutcome::too_many)
      << "credentials";
  second.credentials.pop_back();
  EXPECT_EQ(store_->create_policy(second, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->create_policy(policy(account, "third"), nullptr).value(),
            WriteOutcome::too_many);
  add_policy(other, "theirs");
  add_webhook(account, "x@hooks.example.net");
  EXPECT_EQ(store_->create_webhook(webhook(account, "y@hooks.example.net"), nullptr).value(),
            WriteOutcome::too_many);
  add_webhook(other, "y@hooks.example.net");

  PolicyRow larger = second;
  larger.version = 2;
  larger.definition = std::string(2000, 'x');
  EXPECT_EQ(store_->update_policy(larger, 1, nullptr).value(), WriteOutcome::too_many) << "octets";
  EXPECT_EQ(store_->policy(account, second.id).value()->definition, second.definition);
  store_->limit_accounts({});
  EXPECT_EQ(store_->update_policy(larger, 1, nullptr).value(), WriteOutcome::done);
  reopen();
  store_->limit_accounts(limits);
  larger.version = 3;
  EXPECT_EQ(store_->update_policy(larger, 2, nullptr).value(), WriteOutcome::done)
      << "what was stored before the limits came is no more than before";
  ASSERT_EQ(store_->delete_policy(account, larger.id, {}, IfUsed::detach, at_, {})->outcome,
            WriteOutcome::done);
  EXPECT_EQ(store_->create_policy(policy(account, "third"), nullptr).value(), WriteOutcome::done);
}

TEST_P(ObjectStoreTest, many_claim_a_domain_and_the_first_verified_has_it) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  const auto claim = [&](const std::string& account, const std::string& id) {
    return store_
        ->create_domain({.id = id,
                         .account_id = account,
                         .name = "mail.example.com",
                         .verification_token = "conduit-verify-" + id,
                         .created_at = at_,
                         .updated_at = at_},
                        nullptr)
        .value();
  };
  EXPECT_EQ(claim(ann, "dom_a"), WriteOutcome::done);
  EXPECT_EQ(claim(ann, "dom_a2"), WriteOutcome::taken);
  EXPECT_EQ(claim(bob, "dom_b"), WriteOutcome::done);
  EXPECT_EQ(store_->owner_of_domain("mail.example.com").value(), std::nullopt);
  EXPECT_EQ(store_->verify_domain(ann, "dom_a", at_, nullptr).value().outcome, WriteOutcome::done);
  EXPECT_EQ(store_->owner_of_domain("mail.example.com").value(), ann);
  EXPECT_EQ(store_->verify_domain(bob, "dom_b", at_, nullptr).value().outcome, WriteOutcome::taken);
  EXPECT_EQ(store_->verify_domain(bob, "dom_a", at_, nullptr).value().outcome,
            WriteOutcome::not_found);
  const std::string eve = add_account("eve@example.com");
  EXPECT_EQ(claim(eve, "dom_e"), WriteOutcome::taken);
  std::vector<std::string> names;
  ASSERT_TRUE(store_->each_verified_domain([&](DomainRow row) { names.push_back(row.name); }));
  EXPECT_EQ(names, std::vector<std::string>{"mail.example.com"});
  EXPECT_EQ(store_->domains(ann).value().rows[0].verification_token, "conduit-verify-dom_a");
}

TEST_P(ObjectStoreTest, an_account_claims_no_more_domains_than_its_limit) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  const auto claim = [&](const std::string& account, const std::string& name) {
    return store_
        ->create_domain({.id = "dom_" + account + name,
                         .account_id = account,
                         .name = name,
                         .created_at = at_,
                         .updated_at = at_},
                        nullptr)
        .value();
  };
  for (const char* name : {"a.example.com", "b.example.com", "c.example.com"}) {
    EXPECT_EQ(claim(ann, name), WriteOutcome::done) << "without a limit";
  }
  store_->limit_accounts({.domains = 2});
  EXPECT_EQ(claim(ann, "d.example.com"), WriteOutcome::too_many);
  EXPECT_EQ(claim(ann, "a.example.com"), WriteOutcome::taken);
  EXPECT_EQ(store_->domains(ann).value().total, 3u) << "what was there before the limit stays";
  EXPECT_EQ(claim(bob, "a.example.com"), WriteOutcome::done);
  EXPECT_EQ(claim(bob, "b.example.com"), WriteOutcome::done);
  EXPECT_EQ(claim(bob, "c.example.com"), WriteOutcome::too_many);
  ASSERT_EQ(store_->delete_domain(bob, "dom_" + bob + "a.example.com", nullptr).value(),
            WriteOutcome::done);
  EXPECT_EQ(claim(bob, "c.example.com"), WriteOutcome::done);
}

TEST_P(ObjectStoreTest, a_lost_domain_passes_on_with_its_addresses_switched_off) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  for (const auto& [account, id] : {std::pair(ann, "dom_a"), std::pair(bob, "dom_b")}) {
    ASSERT_EQ(store_
                  ->create_domain({.id = id,
                                   .account_id = account,
                                   .name = "mail.example.com",
                                   .created_at = at_,
                                   .updated_at = at_},
                                  nullptr)
                  .value(),
              WriteOutcome::done);
  }
  ASSERT_EQ(store_->verify_domain(ann, "dom_a", at_, nullptr).value().outcome, WriteOutcome::done);
  const WebhookRow hook = add_webhook(ann, "in@mail.example.com");
  WebhookRow off = add_webhook(ann, "lost-" + std::string(26, 'a') + "@mail.example.com");
  off.is_active = false;
  off.version = 2;
  ASSERT_EQ(store_->update_webhook(off, 1, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->delete_domain(ann, "dom_a", nullptr).value(), WriteOutcome::in_use);
  EXPECT_TRUE(store_->domains_due(at_, 10).value().empty());
  EXPECT_EQ(store_->domains_due(at_ + hours(24), 10).value().size(), 1u);
  ASSERT_EQ(store_->note_domain_check("dom_a", at_ + hours(24), at_ + hours(24), true).value(),
            WriteOutcome::done);
  EXPECT_EQ(store_->domain(ann, "dom_a").value()->failing_since, at_ + hours(24));
  ASSERT_EQ(store_->note_domain_check("dom_a", at_ + hours(200), at_ + hours(24), false).value(),
            WriteOutcome::done);
  EXPECT_TRUE(store_->webhook(ann, hook.id).value()->is_active) << "mail still flows";
  const auto taken_over = store_->verify_domain(bob, "dom_b", at_, nullptr).value();
  EXPECT_EQ(taken_over.outcome, WriteOutcome::done);
  EXPECT_EQ(taken_over.lost_webhooks, (std::vector<std::string>{hook.id, off.id}));
  for (const WebhookRow& one : {hook, off}) {
    const WebhookRow left = *store_->webhook(ann, one.id).value();
    EXPECT_FALSE(left.is_active);
    EXPECT_TRUE(left.address.starts_with("lost-")) << left.address;
    EXPECT_NE(left.address, one.address);
    EXPECT_TRUE(left.address.ends_with("@mail.example.com"));
    EXPECT_EQ(left.version, one.version + 1);
  }
  const auto told = store_->audit_log(ann, {}).value().rows;
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[2].action, "domain.unverified");
  EXPECT_NE(told[2].details.find("mail.example.com"), std::string::npos) << told[2].details;
  EXPECT_EQ(told[1].action, "webhook.domain_lost");
  EXPECT_NE(told[1].details.find(hook.address), std::string::npos) << told[1].details;
  EXPECT_NE(told[0].details.find(off.address), std::string::npos) << told[0].details;
  // Nor does it come back: the mail is that of the new owner.
  WebhookRow again = *store_->webhook(ann, hook.id).value();
  const std::uint64_t version = again.version++;
  again.is_active = true;
  EXPECT_EQ(store_->update_webhook(again, version, nullptr).value(), WriteOutcome::taken);
  again.is_active = false;
  EXPECT_EQ(store_->update_webhook(again, version, nullptr).value(), WriteOutcome::done);
  WebhookRow other = again;
  other.id = "wh_other";
  other.address = hook.address;
  other.is_active = true;
  EXPECT_EQ(store_->create_webhook(other, nullptr).value(), WriteOutcome::taken);
  other.account_id = bob;
  EXPECT_EQ(store_->create_webhook(other, nullptr).value(), WriteOutcome::done);
  EXPECT_TRUE(store_->verify_domain(bob, "dom_b", at_, nullptr).value().lost_webhooks.empty())
      << "they have lost it already";
  EXPECT_TRUE(store_->webhook(bob, other.id).value()->is_active);
  EXPECT_EQ(store_->note_domain_check("dom_a", at_, std::nullopt, true).value(),
            WriteOutcome::not_found)
      << "a check of before";
  ASSERT_EQ(store_->delete_webhook(ann, off.id, std::nullopt, nullptr).value(), WriteOutcome::done);
  ASSERT_EQ(store_->delete_webhook(ann, hook.id, std::nullopt, nullptr).value(),
            WriteOutcome::done);
  EXPECT_EQ(store_->delete_domain(ann, "dom_a", nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->delete_domain(ann, "dom_a", nullptr).value(), WriteOutcome::not_found);
}

TEST_P(ObjectStoreTest, start_up_reads_everything_in_order_of_creation) {
  const std::string ann = add_account("ann@example.com");
  PolicyRow rule = policy(ann, "p");
  rule.credentials = {{"u", Secret("h")}, {"v", Secret("i")}};
  ASSERT_EQ(store_->create_policy(rule, nullptr).value(), WriteOutcome::done);
  for (int i = 0; i < 5; ++i) add_webhook(ann, std::to_string(i) + "@example.com", rule.id);
  std::vector<std::string> seen;
  ASSERT_TRUE(store_->each_policy([&](PolicyRow row) {
    EXPECT_EQ(row.credentials.size(), 2u);
    seen.push_back(row.name);
  }));
  ASSERT_TRUE(store_->each_webhook([&](WebhookRow row) { seen.push_back(row.address); }));
  EXPECT_EQ(seen, (std::vector<std::string>{"p", "0@example.com", "1@example.com", "2@example.com",
                                            "3@example.com", "4@example.com"}));
}

TEST_P(ObjectStoreTest, each_policy_comes_with_its_own_credentials) {
  const std::string ann = add_account("ann@example.com");
  const auto wanted = [](int i) {
    std::string all;
    for (int n = i % 4; n > 0; --n) all += fmt::format("u{}-{} ", n, i);
    return all;
  };
  for (int i = 0; i < 300; ++i) {
    PolicyRow rule = policy(ann, std::to_string(i));
    for (int n = i % 4; n > 0; --n) {
      rule.credentials.push_back({fmt::format("u{}-{}", n, i), Secret("h")});
    }
    ASSERT_EQ(store_->create_policy(rule, nullptr).value(), WriteOutcome::done);
  }
  const auto users = [](const PolicyRow& row) {
    std::string all;
    for (const CredentialRow& one : row.credentials) all += one.username + " ";
    return all;
  };
  int next = 0;
  ASSERT_TRUE(store_->each_policy([&](const PolicyRow& row) {
    EXPECT_EQ(row.name, std::to_string(next));
    EXPECT_EQ(users(row), wanted(next++));
  }));
  EXPECT_EQ(next, 300);
  const auto page = store_->policies(ann, {.offset = 10, .limit = 20}).value();
  for (const PolicyRow& row : page.rows) {
    EXPECT_EQ(users(row), wanted(std::stoi(row.name)));
  }
  const auto slice = store_->policy_slice(ann, {.limit = 20}).value();
  for (const PolicyRow& row : slice.rows) {
    EXPECT_EQ(users(row), wanted(std::stoi(row.name)));
  }
  EXPECT_TRUE(store_->policies(ann, {.offset = 1000, .limit = 20}).value().rows.empty());
}

INSTANTIATE_TEST_SUITE_P(, ObjectStoreTest, every_engine, name_of);

}  // namespace
}  // namespace postern::store
