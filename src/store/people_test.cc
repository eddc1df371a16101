#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "store/store_fixture.h"

namespace postern::store {
namespace {

using Kind = LinkRow::Kind;

class PeopleStoreTest : public EveryStoreTest {
 protected:
  std::string add_member(const std::string& team, const std::string& email, Role role) {
    const AccountRow row{.id = new_id("acc_"),
                         .email = email,
                         .password_hash = Secret("$argon2id$x"),
                         .created_at = at_,
                         .updated_at = at_,
                         .team_id = team,
                         .role = role};
    EXPECT_EQ(store_->create_account(row, nullptr).value(), WriteOutcome::done);
    return row.id;
  }
  LinkRow link(Kind kind, const std::string& account, const std::string& creator = "") {
    return {.id = new_id("inv_"),
            .kind = kind,
            .account_id = account,
            .role = Role::viewer,
            .created_by = creator,
            .created_at = at_,
            .expires_at = at_ + std::chrono::hours(1)};
  }
};

// A file of the version before people.
TEST(PeopleSchema, an_older_file_is_brought_along) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("postern.db");
  {
    const Schema old{.application_id = control_schema().application_id,
                     .migrations = control_schema().migrations.first(3)};
    auto database = Database::open(path, old);
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO account (id, email, password_hash, timezone, created_at, updated_at) "
        "VALUES ('acc_1','ann@example.com','h','UTC',1,1), "
        "('acc_2','bob@example.com','h','UTC',1,1)"));
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO api_token (id, account_id, name, prefix, hash, scopes, allowed_ips, "
        "created_at) VALUES ('tok_1','acc_1','ci','p',x'01','read','',1)"));
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO session (id, account_id, ip, user_agent, created_at, refreshed_at, "
        "expires_at) VALUES ('ses_1','acc_2','192.0.2.1','x',1,1,1000)"));
  }
  {
    auto store = SqliteStore::open(path);
    ASSERT_TRUE(store) << store.error().message;
    const auto ann = (*store)->account("acc_1").value();
    ASSERT_TRUE(ann);
    EXPECT_EQ(ann->team_id, "acc_1");
    EXPECT_EQ(ann->role, Role::owner);
    EXPECT_EQ((*store)->members("acc_2").value().size(), 1u);
    const auto token = (*store)->api_token_by_hash(Secret("\x01")).value();
    ASSERT_TRUE(token);
    EXPECT_EQ(token->maker, "acc_1");
    EXPECT_EQ(token->maker_role, Role::owner);
    EXPECT_EQ(token->maker_email, "ann@example.com");
    const auto session = (*store)->session("ses_1", from_millis(2)).value();
    ASSERT_TRUE(session);
    EXPECT_EQ(session->team_id, "acc_2");
    EXPECT_EQ(session->role, Role::owner);
  }
}

TEST_P(PeopleStoreTest, roles_have_words) {
  for (const Role role : {Role::viewer, Role::operates, Role::owner}) {
    EXPECT_EQ(role_of(to_string(role)), role);
  }
  for (const char* text : {"", "Owner", "none", "owner "}) EXPECT_FALSE(role_of(text)) << text;
  EXPECT_LT(Role::viewer, Role::operates);
  EXPECT_LT(Role::operates, Role::owner);
}

TEST_P(PeopleStoreTest, a_team_keeps_an_owner) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_member(ann, "bob@example.com", Role::operates);
  EXPECT_EQ(store_->set_role(ann, ann, Role::viewer, nullptr).value(), WriteOutcome::in_use);
  EXPECT_EQ(store_->remove_member(ann, ann, nullptr).value(), WriteOutcome::in_use);
  EXPECT_EQ(store_->set_role(ann, bob, Role::owner, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->set_role(ann, ann, Role::viewer, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->remove_member(ann, bob, nullptr).value(), WriteOutcome::in_use);
}

TEST_P(PeopleStoreTest, another_team_is_not_found) {
  const std::string ann = add_account("ann@example.com");
  const std::string eve = add_account("eve@example.com");
  EXPECT_EQ(store_->set_role(eve, ann, Role::viewer, nullptr).value(), WriteOutcome::not_found);
  EXPECT_EQ(store_->remove_member(eve, ann, nullptr).value(), WriteOutcome::not_found);
  const LinkRow row = link(Kind::invitation, ann, ann);
  ASSERT_EQ(store_->create_link(row, Secret("1"), nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(store_->delete_invitation(eve, row.id, nullptr).value(), WriteOutcome::not_found);
  EXPECT_EQ(store_->delete_invitation(ann, row.id, nullptr).value(), WriteOutcome::done);
}

TEST_P(PeopleStoreTest, what_is_the_teams_stays_when_its_first_person_goes) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_member(ann, "bob@example.com", Role::owner);
  const WebhookRow webhook = add_webhook(ann, "a@example.net");
  const ApiTokenRow anns{.id = "tok_1", .account_id = ann, .hash = Secret("1"), .created_at = at_};
  ApiTokenRow bobs = anns;
  bobs.id = "tok_2";
  bobs.hash = Secret("2");
  bobs.maker = bob;
  ASSERT_EQ(store_->create_api_token(anns, nullptr).value(), WriteOutcome::done);
  ASSERT_EQ(store_->create_api_token(bobs, nullptr).value(), WriteOutcome::done);
  const AuditRow entry = audit(ann, "member.removed");
  EXPECT_EQ(store_->remove_member(ann, ann, &entry).value(), WriteOutcome::done);
  EXPECT_TRUE(store_->webhook(ann, webhook.id).value());
  EXPECT_FALSE(store_->account_by_email("ann@example.com").value());
  EXPECT_EQ(store_->members(ann).value().size(), 1u);
  EXPECT_FALSE(store_->api_token_by_hash(Secret("1")).value());
  EXPECT_TRUE(store_->api_token_by_hash(Secret("2")).value());
  EXPECT_EQ(store_->first_account().value(), ann);
  EXPECT_EQ(store_->audit_log(ann, {}).value().rows[0].actor_name, "") << "no such person now";
  EXPECT_EQ(store_->remove_member(ann, ann, nullptr).value(), WriteOutcome::not_found);
}

TEST_P(PeopleStoreTest, a_team_that_is_deleted_takes_its_people_along) {
  const std::string ann = add_account("ann@example.com");
  add_member(ann, "bob@example.com", Role::viewer);
  const std::string eve = add_account("eve@example.com");
  ASSERT_TRUE(store_->delete_account(ann, nullptr));
  EXPECT_FALSE(store_->account_by_email("bob@example.com").value());
  EXPECT_TRUE(store_->account(eve).value());
}

TEST_P(PeopleStoreTest, the_first_account_is_the_one_that_came_into_an_empty_store) {
  const std::string ann = add_account("ann@example.com");
  const std::string eve = add_account("eve@example.com");
  EXPECT_EQ(store_->first_account().value(), ann);
  ASSERT_TRUE(store_->delete_account(ann, nullptr));
  EXPECT_EQ(store_->first_account().value(), "");
  const std::string bob = add_account("bob@example.com");
  EXPECT_EQ(store_->first_account().value(), "") << "nobody moves up";
  ASSERT_TRUE(store_->delete_account(eve, nullptr));
  ASSERT_TRUE(store_->delete_account(bob, nullptr));
  const std::string kim = add_account("kim@example.com");
  EXPECT_EQ(store_->first_account().value(), kim);
}

TEST_P(PeopleStoreTest, links_of_who_is_no_owner_any_more_are_gone) {
  const std::string ann = add_account("ann@example.com");
  const std::string bob = add_member(ann, "bob@example.com", Role::owner);
  ASSERT_EQ(store_->create_link(link(Kind::invitation, ann, bob), Secret("1"), nullptr).value(),
            WriteOutcome::done);
  ASSERT_EQ(store_->create_link(link(Kind::reset, ann, bob), Secret("2"), nullptr).value(),
            WriteOutcome::done);
  EXPECT_EQ(store_->set_role(ann, bob, Role::operates, nullptr).value(), WriteOutcome::done);
  EXPECT_FALSE(store_->link(Secret("1"), at_).value());
  EXPECT_FALSE(store_->link(Secret("2"), at_).value());
}

TEST_P(PeopleStoreTest, a_link_for_nobody_is_refused_and_old_ones_are_swept) {
  EXPECT_EQ(store_->create_link(link(Kind::reset, "acc_none"), Secret("1"), nullptr).value(),
            WriteOutcome::not_found);
  const std::string ann = add_account("ann@example.com");
  ASSERT_EQ(store_->create_link(link(Kind::reset, ann), Secret("1"), nullptr).value(),
            WriteOutcome::done);
  EXPECT_TRUE(store_->link(Secret("1"), at_).value());
  EXPECT_FALSE(store_->link(Secret("1"), at_ + std::chrono::hours(1)).value());
  LinkRow later = link(Kind::reset, ann);
  later.created_at = at_ + std::chrono::hours(2);
  later.expires_at = at_ + std::chrono::hours(3);
  ASSERT_EQ(store_->create_link(later, Secret("2"), nullptr).value(), WriteOutcome::done);
  EXPECT_FALSE(store_->link(Secret("1"), at_).value()) << "its row is gone";
}

TEST_P(PeopleStoreTest, a_reset_keeps_the_second_factor) {
  const std::string ann = add_account("ann@example.com");
  ASSERT_TRUE(store_->begin_totp(ann, Secret("SECRET")));
  ASSERT_EQ(store_->enable_totp(ann, Secret("SECRET"), 1, {Secret("c")}, nullptr).value(),
            WriteOutcome::done);
  ASSERT_EQ(store_->create_link(link(Kind::reset, ann), Secret("1"), nullptr).value(),
            WriteOutcome::done);
  EXPECT_EQ(store_->reset_password(Secret("1"), Secret("$new"), at_, nullptr).value(),
            WriteOutcome::done);
  const auto row = store_->account(ann).value();
  EXPECT_TRUE(row->totp_enabled);
  EXPECT_EQ(row->password_hash.reveal(), "$new");
  EXPECT_EQ(store_->reset_password(Secret("1"), Secret("$other"), at_, nullptr).value(),
            WriteOutcome::not_found);
}

TEST_P(PeopleStoreTest, presence_is_noted_to_the_hour) {
  const std::string ann = add_account("ann@example.com");
  EXPECT_FALSE(store_->account(ann).value()->last_seen_at);
  ASSERT_TRUE(store_->touch_account(ann, at_));
  ASSERT_TRUE(store_->touch_account(ann, at_ + std::chrono::minutes(59)));
  EXPECT_EQ(store_->account(ann).value()->last_seen_at, at_);
  ASSERT_TRUE(store_->touch_account(ann, at_ + std::chrono::minutes(60)));
  EXPECT_EQ(store_->account(ann).value()->last_seen_at, at_ + std::chrono::minutes(60));
}

INSTANTIATE_TEST_SUITE_P(, PeopleStoreTest, every_engine, name_of);

}  // namespace
}  // namespace postern::store
