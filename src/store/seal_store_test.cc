#include "store/seal_store.h"

#include "base/patience_test.h"
#include "cluster/node.h"
#include "store/store_fixture.h"

namespace postern::store {
namespace {

class SealStoreTest : public StoreTest {
 protected:
  SealStoreTest() : StoreTest(Engine::pgsql), session_(*database_->connect()) {
    account_ = add_account("someone@example.com");
    hook_ = add_webhook(account_, "a@hooks.example.net");
    EXPECT_TRUE(store_->begin_totp(account_, Secret("totp-of-the-test")));
    EXPECT_TRUE(store_->server_secret("csrf", Secret(std::string("csrf-of-the-test\0\xff", 18))));
  }

  net::PgsqlRows sql(const std::string& text) {
    const auto done =
        session_->run({.sql = text, .values = {}}, cluster::Clock::now() + tests::patience);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : net::PgsqlRows();
  }
  /// All rows of the tables with secrets.
  std::string dump() {
    const net::PgsqlRows rows =
        sql("SELECT string_agg(encode(x, 'escape'), ' ') FROM (SELECT password_hash AS x FROM "
            "account UNION ALL SELECT totp_pending FROM account UNION ALL SELECT secret FROM "
            "webhook UNION ALL SELECT value FROM server_secret) AS all_of_them");
    return rows.text(0, 0);
  }
  static std::shared_ptr<const SecretSeal> key(const std::string& text) {
    return std::make_shared<const SecretSeal>(*SecretSeal::of(Secret(text)));
  }
  Result<std::unique_ptr<PgsqlStore>> open(std::shared_ptr<const SecretSeal> seal) {
    return PgsqlStore::open(*database_, {.seal = std::move(seal)});
  }
  void expect_all_there() {
    EXPECT_EQ(store_->webhook(account_, hook_.id).value()->secret.reveal(), hook_.secret.reveal());
    EXPECT_EQ(store_->account(account_).value()->totp_pending.reveal(), "totp-of-the-test");
    EXPECT_EQ(store_->account(account_).value()->password_hash.reveal(), "$argon2id$x");
    EXPECT_EQ(store_->server_secret("csrf", Secret("y"))->reveal(),
              std::string("csrf-of-the-test\0\xff", 18));
  }

  std::unique_ptr<net::PgsqlSession> session_;
  std::string account_;
  WebhookRow hook_;
  const std::string one_ = "the first key, of 32 letters or more";
  const std::string two_ = "another key, of 32 letters or more too";
};

TEST_F(SealStoreTest, secrets_are_sealed_and_sealed_anew) {
  EXPECT_NE(dump().find("whsec_"), std::string::npos);
  EXPECT_EQ(open(key(one_)).error().fault, Fault::denied) << "not sealed yet";
  store_.reset();
  const auto edits = sql("SELECT count(*) FROM change_key").integer(0, 0);
  EXPECT_EQ(*seal_store(*session_, *key(one_)), 4u);
  EXPECT_EQ(*seal_store(*session_, *key(one_)), 0u) << "done before";
  ASSERT_TRUE(cluster::migrate(*session_, pgsql_store_schema()));
  EXPECT_EQ(sql("SELECT compatible_from FROM schema_version WHERE name = 'store'").integer(0, 0), 3)
      << "programs that know nothing of seals stay away";
  EXPECT_EQ(sql("SELECT count(*) FROM change_key").integer(0, 0), edits) << "nothing is edited";
  for (const char* text : {"whsec_", "totp-of", "argon2", "csrf-of"}) {
    EXPECT_EQ(dump().find(text), std::string::npos) << text;
  }
  store_ = *open(key(one_));
  expect_all_there();

  for (const auto& [seal, advice] :
       {std::pair(std::shared_ptr<const SecretSeal>(), std::string("set `seal_key_file`")),
        std::pair(key(two_), std::string("the file that the others have")),
        std::pair(key(two_ + "\n" + one_), std::string("postern cluster init"))}) {
    const auto refused = open(seal);
    ASSERT_FALSE(refused) << advice;
    EXPECT_EQ(refused.error().fault, Fault::denied);
    EXPECT_NE(refused.error().message.find(advice), std::string::npos) << refused.error().message;
  }
  EXPECT_EQ(seal_store(*session_, *key(two_)).error().fault, Fault::denied);

  store_.reset();
  EXPECT_EQ(*seal_store(*session_, *key(two_ + "\n" + one_)), 4u);
  EXPECT_EQ(open(key(one_)).error().fault, Fault::denied);
  store_ = *open(key(two_));
  expect_all_there();
}

TEST_F(SealStoreTest, every_kind_of_secret_is_known_afterwards) {
  const auto done = WriteOutcome::done;
  const Time later = at_ + std::chrono::hours(1);
  PolicyRow with_users = policy(account_, "p");
  with_users.credentials = {{.username = "u", .hash = Secret("$2b$hash")}};
  EXPECT_EQ(*store_->create_policy(with_users, nullptr), done);
  EXPECT_EQ(*store_->set_signing_key(account_, Secret("seed"), "public", nullptr), done);
  EXPECT_EQ(
      *store_->enable_totp(account_, Secret("totp-of-the-test"), 1, {Secret("code")}, nullptr),
      done);
  const SessionRow session{.id = new_id("ses_"),
                           .account_id = account_,
                           .created_at = at_,
                           .refreshed_at = at_,
                           .expires_at = later};
  EXPECT_EQ(*store_->create_session(session, Secret("refresh"), nullptr), done);
  const ApiTokenRow token{.id = new_id("tok_"),
                          .account_id = account_,
                          .name = "t",
                          .hash = Secret("token"),
                          .created_at = at_,
                          .maker = account_};
  EXPECT_EQ(*store_->create_api_token(token, nullptr), done);
  const LinkRow reset{.id = new_id("lnk_"),
                      .kind = LinkRow::Kind::reset,
                      .account_id = account_,
                      .created_at = at_,
                      .expires_at = later};
  EXPECT_EQ(*store_->create_link(reset, Secret("link"), nullptr), done);
  EXPECT_TRUE(store_->put_signing_key({.kid = "k", .key = Secret("jwt"), .created_at = at_}));
  const DomainRow domain{.id = new_id("dom_"),
                         .account_id = account_,
                         .name = "example.org",
                         .verification_token = "t",
                         .created_at = at_,
                         .updated_at = at_};
  EXPECT_EQ(*store_->create_domain(domain, nullptr), done);
  EXPECT_EQ(store_->verify_domain(account_, domain.id, at_, nullptr)->outcome, done);
  const DkimKeyRow signs{.domain_id = domain.id,
                         .account_id = account_,
                         .selector = "s",
                         .algorithm = "ed25519-sha256",
                         .private_key = Secret("dkim"),
                         .public_record = "record",
                         .signing = true,
                         .created_at = at_,
                         .updated_at = at_};
  EXPECT_EQ(*store_->create_dkim_key(signs, 3, nullptr), done);
  store_.reset();
  ASSERT_TRUE(seal_store(*session_, *key(one_)));
  store_ = *open(key(one_));
  EXPECT_EQ(store_->policy(account_, with_users.id).value()->credentials.at(0).hash.reveal(),
            "$2b$hash");
  EXPECT_EQ(store_->account(account_).value()->signing_seed.reveal(), "seed");
  EXPECT_EQ(store_->account(account_).value()->totp_secret.reveal(), "totp-of-the-test");
  EXPECT_TRUE(*store_->use_backup_code(account_, Secret("code")));
  EXPECT_EQ(store_->api_token_by_hash(Secret("token")).value()->id, token.id);
  EXPECT_EQ(store_->link(Secret("link"), at_).value()->id, reset.id);
  EXPECT_EQ(store_->signing_keys().value().at(0).key.reveal(), "jwt");
  EXPECT_EQ(signing_keys_of("example.org").at(0).private_key.reveal(), "dkim");
  EXPECT_TRUE(store_->end_session_by_token(Secret("refresh"), nullptr).value());
}

TEST_F(SealStoreTest, nothing_is_sealed_under_a_gateway_that_lives) {
  store_.reset();
  const auto node = *cluster::Node::join(*database_, {.name = "mx1", .version = "test"});
  const auto refused = seal_store(*session_, *key(one_));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::temporary);
  EXPECT_NE(refused.error().message.find("mx1"), std::string::npos);
  node->leave();
  EXPECT_TRUE(seal_store(*session_, *key(one_)));
}

TEST_F(SealStoreTest, what_cannot_be_opened_is_an_error_and_costs_no_other_row) {
  const WebhookRow other = add_webhook(account_, "other@example.org");
  PolicyRow damaged = policy(account_, "damaged");
  damaged.credentials = {{.username = "u", .hash = Secret("$2b$hash")}};
  EXPECT_EQ(*store_->create_policy(damaged, nullptr), WriteOutcome::done);
  const PolicyRow whole = add_policy(account_, "whole");
  EXPECT_EQ(*store_->set_signing_key(account_, Secret("seed"), "public", nullptr),
            WriteOutcome::done);
  store_.reset();
  ASSERT_TRUE(seal_store(*session_, *key(one_)));
  store_ = *open(key(one_));
  sql("UPDATE webhook SET secret = 'whsec_written_by_hand' WHERE id = '" + hook_.id + "'");
  sql("UPDATE credential SET hash = 'by hand'");
  EXPECT_EQ(store_->webhook(account_, hook_.id).error().fault, Fault::permanent);
  EXPECT_EQ(store_->policy(account_, damaged.id).error().fault, Fault::permanent);
  EXPECT_EQ(store_->webhooks(account_, WebhookFilter::all, {}).error().fault, Fault::permanent);
  EXPECT_TRUE(store_->webhook(account_, other.id)) << "the others are there";
  EXPECT_TRUE(store_->account(account_));

  std::map<std::string, bool> readable;
  const auto take = [&](const auto& row) { readable[row.id] = row.unreadable.empty(); };
  ASSERT_TRUE(store_->each_webhook(take));
  ASSERT_TRUE(store_->each_policy(take));
  EXPECT_EQ(readable,
            (std::map<std::string, bool>{
                {hook_.id, false}, {other.id, true}, {damaged.id, false}, {whole.id, true}}));
  readable.clear();
  ASSERT_TRUE(store_->each_webhook(take, {.account = account_, .id = hook_.id}));
  ASSERT_TRUE(store_->each_policy(take, {.account = account_, .id = whole.id}));
  ASSERT_TRUE(store_->each_webhook(take, {.account = "acc_none", .id = other.id}));
  EXPECT_EQ(readable, (std::map<std::string, bool>{{hook_.id, false}, {whole.id, true}}));

  sql("UPDATE account SET signing_seed = 'by hand'");
  std::string seeds;
  ASSERT_TRUE(store_->each_signing_seed(
      [&](const SigningSeedRow& row) { seeds += row.account_id + " " + row.unreadable; },
      account_));
  EXPECT_TRUE(seeds.starts_with(account_ + " a secret in the cluster's database")) << seeds;
  store_.reset();
  EXPECT_EQ(seal_store(*session_, *key(two_ + "\n" + one_)).error().fault, Fault::malformed);
  EXPECT_EQ(*sealed_with(*session_), key(one_)->id()) << "nothing is changed";
}

}  // namespace
}  // namespace postern::store
