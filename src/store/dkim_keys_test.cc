#include "store/store_fixture.h"

namespace postern::store {
namespace {

using std::chrono::hours;

class DkimKeyTest : public EveryStoreTest {
 protected:
  DomainRow add_domain(const std::string& account, const std::string& name, bool verified = true) {
    DomainRow row{.id = new_id("dom_"),
                  .account_id = account,
                  .name = name,
                  .verification_token = "t",
                  .created_at = at_,
                  .updated_at = at_};
    EXPECT_EQ(store_->create_domain(row, nullptr).value(), WriteOutcome::done);
    if (verified) {
      EXPECT_EQ(store_->verify_domain(account, row.id, at_, nullptr).value().outcome,
                WriteOutcome::done);
    }
    return row;
  }
  WriteOutcome add(const DomainRow& domain, const std::string& selector, bool signing = false) {
    const DkimKeyRow row{.domain_id = domain.id,
                         .account_id = domain.account_id,
                         .selector = selector,
                         .algorithm = "ed25519-sha256",
                         .private_key = Secret("pem of " + selector),
                         .public_record = "record of " + selector,
                         .signing = signing,
                         .created_at = at_,
                         .updated_at = at_};
    return store_->create_dkim_key(row, 3, nullptr).value();
  }
  /// "b a": the selectors that sign for the name.
  std::string signing(const std::string& name) {
    std::string all;
    const auto keys = signing_keys_of(name);
    for (const DkimKeyRow& key : keys) {
      EXPECT_TRUE(key.private_key.equals("pem of " + key.selector));
      EXPECT_EQ(key.domain, name);
      all += (all.empty() ? "" : " ") + key.selector;
    }
    return all;
  }
};

TEST_P(DkimKeyTest, are_listed_newest_first_without_their_secret) {
  const std::string ann = add_account("ann@example.com");
  const DomainRow domain = add_domain(ann, "example.com");
  EXPECT_EQ(add(domain, "a"), WriteOutcome::done);
  EXPECT_EQ(add(domain, "b", true), WriteOutcome::done);
  EXPECT_EQ(add(domain, "a"), WriteOutcome::taken);
  reopen();
  const auto keys = store_->dkim_keys(ann, domain.id).value();
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].selector, "b");
  EXPECT_TRUE(keys[0].signing);
  EXPECT_EQ(keys[0].domain, "example.com");
  EXPECT_EQ(keys[1].public_record, "record of a");
  EXPECT_FALSE(keys[1].signing);
  for (const DkimKeyRow& key : keys) EXPECT_TRUE(key.private_key.empty());
  EXPECT_EQ(add(domain, "c"), WriteOutcome::done);
  EXPECT_EQ(add(domain, "d"), WriteOutcome::in_use) << "three at most";
}

TEST_P(DkimKeyTest, belong_to_the_account_of_their_domain) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_account("bob@example.com");
  DomainRow domain = add_domain(ann, "example.com");
  ASSERT_EQ(add(domain, "a"), WriteOutcome::done);
  EXPECT_TRUE(store_->dkim_keys(bob, domain.id).value().empty());
  EXPECT_EQ(store_->set_dkim_key_signing(bob, domain.id, "a", true, at_, nullptr).value(),
            WriteOutcome::not_found);
  EXPECT_EQ(store_->delete_dkim_key(bob, domain.id, "a", nullptr).value(), WriteOutcome::not_found);
  domain.account_id = bob;
  EXPECT_EQ(add(domain, "b"), WriteOutcome::not_found);
  EXPECT_EQ(signing("example.com"), "");
}

TEST_P(DkimKeyTest, sign_while_they_are_set_to_and_the_domain_is_verified) {
  const std::string ann = add_account("ann@example.com");
  const DomainRow domain = add_domain(ann, "example.com");
  const DomainRow claimed = add_domain(add_account("bob@example.com"), "example.net", false);
  ASSERT_EQ(add(claimed, "x", true), WriteOutcome::done);
  EXPECT_EQ(signing("example.net"), "") << "not verified";
  ASSERT_EQ(add(domain, "a", true), WriteOutcome::done);
  ASSERT_EQ(add(domain, "b"), WriteOutcome::done);
  EXPECT_EQ(signing("example.com"), "a");
  const AuditRow audit = this->audit(ann, "dkim_key.changed");
  EXPECT_EQ(store_->set_dkim_key_signing(ann, domain.id, "b", true, at_ + hours(1), &audit).value(),
            WriteOutcome::done);
  EXPECT_EQ(signing("example.com"), "b a");
  EXPECT_EQ(actions(ann).front(), "dkim_key.changed");
  EXPECT_EQ(store_->delete_dkim_key(ann, domain.id, "a", nullptr).value(), WriteOutcome::in_use);
  ASSERT_EQ(store_->set_dkim_key_signing(ann, domain.id, "a", false, at_, nullptr).value(),
            WriteOutcome::done);
  EXPECT_EQ(signing("example.com"), "b");
  std::vector<std::string> each;
  ASSERT_TRUE(store_->each_dkim_signing_key([&](const DkimKeyRow& key) {
    each.push_back(key.domain + " " + key.selector);
    EXPECT_FALSE(key.private_key.empty());
  }));
  EXPECT_EQ(each, (std::vector<std::string>{"example.com b"}));
  EXPECT_EQ(store_->delete_dkim_key(ann, domain.id, "a", nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->dkim_keys(ann, domain.id).value().size(), 1u);
  ASSERT_EQ(store_->note_domain_check(domain.id, at_, at_, false).value(), WriteOutcome::done);
  EXPECT_EQ(signing("example.com"), "") << "no longer verified";
}

TEST_P(DkimKeyTest, go_with_their_domain) {
  const std::string ann = add_account("ann@example.com");
  const DomainRow domain = add_domain(ann, "example.com");
  ASSERT_EQ(add(domain, "a", true), WriteOutcome::done);
  ASSERT_EQ(store_->delete_domain(ann, domain.id, nullptr).value(), WriteOutcome::done);
  const DomainRow again = add_domain(ann, "example.com");
  EXPECT_TRUE(store_->dkim_keys(ann, again.id).value().empty());
  EXPECT_EQ(signing("example.com"), "");
}

INSTANTIATE_TEST_SUITE_P(, DkimKeyTest, every_engine, name_of);

}  // namespace
}  // namespace postern::store
