// Two processes on one database ask for the same thing at once: one gets it.
#include <future>
#include <latch>

#include "store/store_fixture.h"

namespace postern::store {
namespace {

using Outcomes = std::multiset<WriteOutcome>;

class RaceStoreTest : public EveryStoreTest {
 protected:
  RaceStoreTest() : other_(another()) {}

  /// Runs both at once.
  template <class First, class Second>
  static auto race(First first, Second second) {
    std::latch both(2);
    auto result = std::async(std::launch::async, [&] {
      both.arrive_and_wait();
      return first();
    });
    both.arrive_and_wait();
    auto mine = second();
    return std::pair(result.get(), mine);
  }
  /// The outcomes of one write by both stores at once.
  template <class Write>
  Outcomes race(Write write) {
    const auto [first, second] =
        race([&] { return write(*store_, 0); }, [&] { return write(*other_, 1); });
    EXPECT_TRUE(first) << first.error().message;
    EXPECT_TRUE(second) << second.error().message;
    return {first.value_or(WriteOutcome::done), second.value_or(WriteOutcome::done)};
  }
  AccountRow person(const std::string& email, const std::string& team = "") {
    return {.id = new_id("acc_"),
            .email = email,
            .password_hash = Secret("h"),
            .created_at = at_,
            .updated_at = at_,
            .team_id = team};
  }

  static constexpr int rounds = 5;
  std::unique_ptr<SqlStore> other_;
};

TEST_P(RaceStoreTest, a_team_keeps_its_last_owner) {
  for (int i = 0; i < rounds; ++i) {
    const std::string n = std::to_string(i);
    const std::string ann = add_account("ann" + n + "@example.com");
    const AccountRow bob = person("bob" + n + "@example.com", ann);
    ASSERT_EQ(store_->create_account(bob, nullptr).value(), WriteOutcome::done);
    const std::string people[] = {ann, bob.id};
    const Outcomes done = race([&](SqlStore& store, int which) {
      return i % 2 == 0 ? store.set_role(ann, people[which], Role::viewer, nullptr)
                        : store.remove_member(ann, people[which], nullptr);
    });
    EXPECT_EQ(done, (Outcomes{WriteOutcome::done, WriteOutcome::in_use}));
  }
}

TEST_P(RaceStoreTest, an_address_has_one_webhook) {
  const std::string accounts[] = {add_account("ann@example.com"), add_account("bob@example.com")};
  for (int i = 0; i < rounds; ++i) {
    const std::string address = std::to_string(i) + "@example.com";
    const Outcomes done = race([&](SqlStore& store, int which) {
      return store.create_webhook(webhook(accounts[which], address), nullptr);
    });
    EXPECT_EQ(done, (Outcomes{WriteOutcome::done, WriteOutcome::taken}));
  }
}

TEST_P(RaceStoreTest, an_email_address_has_one_account) {
  for (int i = 0; i < rounds; ++i) {
    const std::string name = std::to_string(i) + "@example.com";
    const Outcomes done = race([&](SqlStore& store, int which) {
      return store.create_account(person((which == 0 ? "Ann" : "ANN") + name), nullptr);
    });
    EXPECT_EQ(done, (Outcomes{WriteOutcome::done, WriteOutcome::taken}));
  }
}

TEST_P(RaceStoreTest, a_store_has_one_first_account) {
  for (int i = 0; i < rounds; ++i) {
    const AccountRow people[] = {person("ann@example.com"), person("bob@example.com")};
    const Outcomes done = race(
        [&](SqlStore& store, int which) { return store.create_account(people[which], nullptr); });
    EXPECT_EQ(done, (Outcomes{WriteOutcome::done, WriteOutcome::done}));
    const std::string first = store_->first_account().value();
    EXPECT_TRUE(first == people[0].id || first == people[1].id) << first;
    for (const AccountRow& one : people) ASSERT_TRUE(store_->delete_account(one.id, nullptr));
  }
}

TEST_P(RaceStoreTest, a_version_is_updated_once) {
  const std::string ann = add_account("ann@example.com");
  PolicyRow rule = add_policy(ann, "p");
  WebhookRow hook = add_webhook(ann, "a@example.com");
  for (std::uint64_t version = 1; version <= rounds; ++version) {
    rule.version = hook.version = version + 1;
    EXPECT_EQ(
        race([&](SqlStore& store, int) { return store.update_policy(rule, version, nullptr); }),
        (Outcomes{WriteOutcome::done, WriteOutcome::stale}));
    EXPECT_EQ(
        race([&](SqlStore& store, int) { return store.update_webhook(hook, version, nullptr); }),
        (Outcomes{WriteOutcome::done, WriteOutcome::stale}));
  }
}

TEST_P(RaceStoreTest, a_limit_holds) {
  const std::string ann = add_account("ann@example.com");
  store_->limit_accounts({.webhooks = 1, .domains = 1});
  other_->limit_accounts({.webhooks = 1, .domains = 1});
  for (int i = 0; i < rounds; ++i) {
    EXPECT_EQ(race([&](SqlStore& store, int which) {
                return store.create_webhook(webhook(ann, std::to_string(which) + "@example.com"),
                                            nullptr);
              }),
              (Outcomes{WriteOutcome::done, WriteOutcome::too_many}));
    const auto hooks = store_->webhooks(ann, WebhookFilter::all, {}).value();
    ASSERT_EQ(hooks.total, 1u);
    ASSERT_TRUE(store_->delete_webhook(ann, hooks.rows[0].id, std::nullopt, nullptr));
    EXPECT_EQ(race([&](SqlStore& store, int which) {
                return store.create_domain({.id = "dom_" + std::to_string(which),
                                            .account_id = ann,
                                            .name = std::to_string(which) + ".example.com",
                                            .created_at = at_,
                                            .updated_at = at_},
                                           nullptr);
              }),
              (Outcomes{WriteOutcome::done, WriteOutcome::too_many}));
    ASSERT_TRUE(store_->delete_domain(ann, store_->domains(ann).value().rows[0].id, nullptr));
  }
}

TEST_P(RaceStoreTest, what_works_once_works_once) {
  const std::string ann = add_account("ann@example.com");
  ASSERT_TRUE(store_->begin_totp(ann, Secret("S")));
  std::vector<Secret> codes;
  for (int i = 0; i < rounds; ++i) codes.emplace_back("code" + std::to_string(i));
  ASSERT_EQ(store_->enable_totp(ann, Secret("S"), 1, codes, nullptr).value(), WriteOutcome::done);
  for (int i = 0; i < rounds; ++i) {
    const auto steps = race([&] { return store_->use_totp_step(ann, 10 + i).value(); },
                            [&] { return other_->use_totp_step(ann, 10 + i).value(); });
    EXPECT_NE(steps.first, steps.second) << "the step " << i;
    const Secret& code = codes[static_cast<std::size_t>(i)];
    const auto spent = race([&] { return store_->use_backup_code(ann, code).value(); },
                            [&] { return other_->use_backup_code(ann, code).value(); });
    EXPECT_NE(spent.first, spent.second) << "the code " << i;
  }
}

TEST_P(RaceStoreTest, a_refresh_token_is_renewed_once) {
  const std::string ann = add_account("ann@example.com");
  for (int i = 0; i < rounds; ++i) {
    const std::string n = std::to_string(i);
    const Time until = at_ + std::chrono::hours(1);
    const SessionRow session{.id = "ses_" + n,
                             .account_id = ann,
                             .created_at = at_,
                             .refreshed_at = at_,
                             .expires_at = until};
    ASSERT_EQ(store_->create_session(session, Secret("t" + n), nullptr).value(),
              WriteOutcome::done);
    const auto refresh = [&](SqlStore& store, const char* next) {
      return store.refresh_session(Secret("t" + n), Secret(next + n), at_, until).value().result;
    };
    const auto [first, second] =
        race([&] { return refresh(*store_, "a"); }, [&] { return refresh(*other_, "b"); });
    using Results = std::multiset<Refreshed::Result>;
    EXPECT_EQ((Results{first, second}),
              (Results{Refreshed::Result::renewed, Refreshed::Result::reused}));
    EXPECT_FALSE(store_->session(session.id, at_).value()) << "somebody may have stolen it";
  }
}

TEST_P(RaceStoreTest, a_link_makes_one_account) {
  const std::string ann = add_account("ann@example.com");
  for (int i = 0; i < rounds; ++i) {
    const LinkRow link{.id = new_id("inv_"),
                       .account_id = ann,
                       .role = Role::viewer,
                       .created_by = ann,
                       .created_at = at_,
                       .expires_at = at_ + std::chrono::hours(1)};
    ASSERT_EQ(store_->create_link(link, Secret("l"), nullptr).value(), WriteOutcome::done);
    const Outcomes done = race([&](SqlStore& store, int which) {
      const AccountRow made =
          person(std::to_string(i) + std::to_string(which) + "@example.com", ann);
      return store.create_account_by_link(made, Secret("l"), nullptr);
    });
    EXPECT_EQ(done, (Outcomes{WriteOutcome::done, WriteOutcome::not_found}));
  }
}

TEST_P(RaceStoreTest, the_owners_link_is_one_and_makes_one_owner) {
  for (int i = 0; i < rounds; ++i) {
    const Outcomes made = race([&](SqlStore& store, int which) {
      const LinkRow link{.id = new_id("lnk_"),
                         .kind = LinkRow::Kind::owner,
                         .created_at = at_,
                         .expires_at = at_ + std::chrono::hours(1)};
      return store.create_link(link, Secret("l" + std::to_string(which)), nullptr);
    });
    EXPECT_EQ(made, (Outcomes{WriteOutcome::done, WriteOutcome::done}));
    const bool first = store_->link(Secret("l0"), at_).value().has_value();
    EXPECT_NE(first, store_->link(Secret("l1"), at_).value().has_value());
    const AccountRow plain = person("plain@example.com");
    const AccountRow owner = person("owner@example.com");
    const auto [by_link, without] = race(
        [&] { return store_->create_account_by_link(owner, Secret(first ? "l0" : "l1"), nullptr); },
        [&] { return other_->create_account(plain, nullptr); });
    EXPECT_EQ(without.value(), WriteOutcome::done);
    EXPECT_EQ(store_->first_account().value(),
              by_link.value() == WriteOutcome::done ? owner.id : plain.id)
        << "the link is for an empty store";
    for (const AccountRow& one : {plain, owner}) {
      ASSERT_TRUE(store_->delete_account(one.id, nullptr));
    }
  }
}

TEST_P(RaceStoreTest, a_domain_is_verified_for_one) {
  const std::string accounts[] = {add_account("ann@example.com"), add_account("bob@example.com")};
  for (int i = 0; i < rounds; ++i) {
    const std::string n = std::to_string(i);
    for (const std::string& account : accounts) {
      ASSERT_EQ(store_
                    ->create_domain({.id = "dom_" + n + account,
                                     .account_id = account,
                                     .name = n + ".example.com",
                                     .created_at = at_,
                                     .updated_at = at_},
                                    nullptr)
                    .value(),
                WriteOutcome::done);
    }
    const Outcomes done = race([&](SqlStore& store, int which) -> Result<WriteOutcome> {
      const std::string& account = accounts[which];
      return store.verify_domain(account, "dom_" + n + account, at_, nullptr).value().outcome;
    });
    EXPECT_EQ(done, (Outcomes{WriteOutcome::done, WriteOutcome::taken}));
  }
}

TEST_P(RaceStoreTest, lists_have_one_next_revision) {
  for (std::uint64_t newest = 0; newest < rounds; ++newest) {
    const Outcomes done = race([&](SqlStore& store, int) {
      ListRevisionRow row{.definition = "{}", .created_at = at_};
      return store.add_list_revision(row, newest, nullptr);
    });
    EXPECT_EQ(done, (Outcomes{WriteOutcome::done, WriteOutcome::stale}));
  }
  EXPECT_EQ(store_->list_revisions({}).value().total, static_cast<std::uint64_t>(rounds));
}

TEST_P(RaceStoreTest, a_secret_has_one_value) {
  for (int i = 0; i < rounds; ++i) {
    const std::string name = "key" + std::to_string(i);
    const auto [first, second] =
        race([&] { return store_->server_secret(name, Secret("one")).value(); },
             [&] { return other_->server_secret(name, Secret("two")).value(); });
    EXPECT_TRUE(first.equals(second.reveal()));
  }
}

TEST_P(RaceStoreTest, two_that_write_at_once_both_end) {
  const std::string accounts[] = {add_account("ann@example.com"), add_account("bob@example.com")};
  const auto busy = [&](SqlStore& store, int which) {
    int done = 0;
    for (int i = 0; i < 10; ++i) {
      const std::string name = std::to_string(which) + std::to_string(i);
      const PolicyRow rule = policy(accounts[i % 2], name);
      done += store.create_policy(rule, nullptr).value() == WriteOutcome::done;
      WebhookRow hook = webhook(accounts[i % 2], name + "@example.com");
      hook.policy_id = rule.id;
      done += store.create_webhook(hook, nullptr).value() == WriteOutcome::done;
      const auto gone =
          store.delete_policy(accounts[i % 2], rule.id, std::nullopt, IfUsed::detach, at_, {});
      done += gone.value().outcome == WriteOutcome::done;
    }
    return done;
  };
  const auto [first, second] =
      race([&] { return busy(*store_, 0); }, [&] { return busy(*other_, 1); });
  EXPECT_EQ(first, 30);
  EXPECT_EQ(second, 30);
  const AccountRow counted = *store_->account(accounts[0]).value();
  EXPECT_EQ(counted.webhook_count, 10u);
  EXPECT_EQ(counted.policy_count, 0u);
}

INSTANTIATE_TEST_SUITE_P(, RaceStoreTest, every_engine, name_of);

}  // namespace
}  // namespace postern::store
