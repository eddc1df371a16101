// What every Store keeps: each field of each row; and whose rows a caller sees and changes.
#include "store/store_fixture.h"

namespace postern::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class FieldStoreTest : public EveryStoreTest {
 protected:
  SessionRow session(const std::string& account) {
    return {.id = "ses_1",
            .account_id = account,
            .ip = "192.0.2.1",
            .user_agent = "agent/1",
            .created_at = at_,
            .refreshed_at = at_ + minutes(1),
            .expires_at = at_ + hours(1)};
  }
  ApiTokenRow token(const std::string& account) {
    return {.id = "tok_1",
            .account_id = account,
            .name = "ci",
            .prefix = "postern_ab",
            .hash = Secret(std::string("\0\xff", 2)),
            .scopes = {"read", "write"},
            .allowed_ips = {"192.0.2.0/24", "2001:db8::/32"},
            .expires_at = at_ + hours(1),
            .last_used_at = at_ + minutes(3),
            .created_at = at_,
            .maker = account};
  }
  DomainRow domain(const std::string& account) {
    return {.id = "dom_1",
            .account_id = account,
            .name = "example.com",
            .verification_token = "conduit-verify-1",
            .checked_at = at_ + minutes(1),
            .failing_since = at_ + minutes(2),
            .created_at = at_,
            .updated_at = at_ + minutes(3)};
  }
  DkimKeyRow dkim_key(const std::string& account) {
    return {.domain_id = "dom_1",
            .domain = "example.com",
            .account_id = account,
            .selector = "s1",
            .algorithm = "ed25519-sha256",
            .private_key = Secret("pem"),
            .public_record = "v=DKIM1; p=x",
            .signing = true,
            .created_at = at_,
            .updated_at = at_ + minutes(1)};
  }
};

TEST_P(FieldStoreTest, of_people) {
  const std::string team = add_account("ann@example.com");
  const AccountRow row{.id = "acc_1",
                       .email = "Bob@example.com",
                       .password_hash = Secret("$argon2id$y"),
                       .timezone = "Europe/Copenhagen",
                       .created_at = at_ + std::chrono::milliseconds(123),
                       .updated_at = at_ + minutes(1),
                       .team_id = team,
                       .role = Role::operates};
  ASSERT_EQ(store_->create_account(row, nullptr).value(), WriteOutcome::done);
  reopen();
  AccountRow kept = *store_->account("acc_1").value();
  EXPECT_EQ(kept.id, row.id);
  EXPECT_EQ(kept.email, row.email);
  EXPECT_TRUE(kept.password_hash.equals(row.password_hash.reveal()));
  EXPECT_EQ(kept.timezone, row.timezone);
  EXPECT_TRUE(kept.totp_secret.empty() && kept.totp_pending.empty() && kept.signing_seed.empty());
  EXPECT_EQ(kept.totp_last_step, 0);
  EXPECT_EQ(kept.signing_public_key, "");
  EXPECT_EQ(kept.created_at, row.created_at);
  EXPECT_EQ(kept.updated_at, row.updated_at);
  EXPECT_EQ(kept.team_id, team);
  EXPECT_EQ(kept.role, Role::operates);
  EXPECT_FALSE(kept.last_seen_at);
  ASSERT_EQ(store_->create_session(session("acc_1"), Secret("t"), nullptr).value(),
            WriteOutcome::done);
  const SessionRow signed_in = *store_->session("ses_1", at_).value();
  EXPECT_EQ(signed_in.account_id, "acc_1");
  EXPECT_EQ(signed_in.ip, "192.0.2.1");
  EXPECT_EQ(signed_in.user_agent, "agent/1");
  EXPECT_EQ(signed_in.created_at, at_);
  EXPECT_EQ(signed_in.refreshed_at, at_ + minutes(1));
  EXPECT_EQ(signed_in.expires_at, at_ + hours(1));
  EXPECT_EQ(signed_in.team_id, team);
  EXPECT_EQ(signed_in.role, Role::operates);
  EXPECT_EQ(signed_in.seen_at, at_);
  const LinkRow link{.id = "inv_1",
                     .kind = LinkRow::Kind::invitation,
                     .account_id = team,
                     .role = Role::viewer,
                     .email = "kim@example.com",
                     .created_by = team,
                     .created_at = at_,
                     .expires_at = at_ + hours(2)};
  ASSERT_EQ(store_->create_link(link, Secret("l"), nullptr).value(), WriteOutcome::done);
  const LinkRow found = *store_->link(Secret("l"), at_).value();
  EXPECT_EQ(found.id, "inv_1");
  EXPECT_EQ(found.kind, LinkRow::Kind::invitation);
  EXPECT_EQ(found.account_id, team);
  EXPECT_EQ(found.role, Role::viewer);
  EXPECT_EQ(found.email, "kim@example.com");
  EXPECT_EQ(found.created_by, team);
  EXPECT_EQ(found.creator_email, "ann@example.com");
  EXPECT_EQ(found.created_at, at_);
  EXPECT_EQ(found.expires_at, at_ + hours(2));
  EXPECT_EQ(store_->invitations(team, at_).value().size(), 1u);
  ASSERT_EQ(store_->create_api_token(token(team), nullptr).value(), WriteOutcome::done);
  const ApiTokenRow kept_token = store_->api_tokens(team, {}).value().rows.at(0);
  EXPECT_EQ(kept_token.name, "ci");
  EXPECT_EQ(kept_token.prefix, "postern_ab");
  EXPECT_TRUE(kept_token.hash.equals(std::string("\0\xff", 2)));
  EXPECT_EQ(kept_token.scopes, (std::vector<std::string>{"read", "write"}));
  EXPECT_EQ(kept_token.allowed_ips.size(), 2u);
  EXPECT_EQ(kept_token.expires_at, at_ + hours(1));
  EXPECT_EQ(kept_token.last_used_at, at_ + minutes(3));
  EXPECT_EQ(kept_token.maker_email, "ann@example.com");
  EXPECT_EQ(kept_token.maker_role, Role::owner);
  AuditRow entry = audit(team, "x");
  entry.details = R"({"text":"\u0000 \u00e6"})";
  entry.actor = "tok_1";
  ASSERT_TRUE(store_->append_audit(entry));
  const AuditRow logged = store_->audit_log(team, {}).value().rows.at(0);
  EXPECT_EQ(logged.id, entry.id);
  EXPECT_EQ(logged.details, entry.details);
  EXPECT_EQ(logged.ip, "192.0.2.1");
  EXPECT_EQ(logged.actor, "tok_1");
  EXPECT_EQ(logged.actor_name, "ci");
  EXPECT_EQ(logged.created_at, at_);
}

TEST_P(FieldStoreTest, of_domains_keys_and_lists) {
  const std::string ann = add_account("ann@example.com");
  ASSERT_EQ(store_->create_domain(domain(ann), nullptr).value(), WriteOutcome::done);
  ASSERT_EQ(store_->create_dkim_key(dkim_key(ann), 3, nullptr).value(), WriteOutcome::done);
  const DomainRow kept = *store_->domain(ann, "dom_1").value();
  EXPECT_EQ(kept.account_id, ann);
  EXPECT_EQ(kept.name, "example.com");
  EXPECT_FALSE(kept.verified);
  EXPECT_EQ(kept.verification_token, "conduit-verify-1");
  EXPECT_EQ(kept.checked_at, at_ + minutes(1));
  EXPECT_EQ(kept.failing_since, at_ + minutes(2));
  EXPECT_EQ(kept.created_at, at_);
  EXPECT_EQ(kept.updated_at, at_ + minutes(3));
  ASSERT_TRUE(store_->verify_domain(ann, "dom_1", at_ + hours(1), nullptr));
  const DomainRow verified = *store_->domain(ann, "dom_1").value();
  EXPECT_TRUE(verified.verified);
  EXPECT_EQ(verified.checked_at, at_ + hours(1));
  EXPECT_FALSE(verified.failing_since);
  const DkimKeyRow key = signing_keys_of("example.com").at(0);
  EXPECT_EQ(key.domain_id, "dom_1");
  EXPECT_EQ(key.account_id, ann);
  EXPECT_EQ(key.selector, "s1");
  EXPECT_EQ(key.algorithm, "ed25519-sha256");
  EXPECT_TRUE(key.private_key.equals("pem"));
  EXPECT_EQ(key.public_record, "v=DKIM1; p=x");
  EXPECT_TRUE(key.signing);
  EXPECT_EQ(key.updated_at, at_ + minutes(1));
  ListRevisionRow lists{.source = ListRevisionRow::Source::api,
                        .definition = R"({"a":1})",
                        .actor = ann,
                        .note = "why",
                        .created_at = at_};
  ASSERT_EQ(store_->add_list_revision(lists, 0, nullptr).value(), WriteOutcome::done);
  EXPECT_EQ(lists.revision, 1u);
  const ListRevisionRow revision = *store_->list_revision(1).value();
  EXPECT_EQ(revision.source, ListRevisionRow::Source::api);
  EXPECT_EQ(revision.definition, lists.definition);
  EXPECT_EQ(revision.actor, ann);
  EXPECT_EQ(revision.note, "why");
  EXPECT_EQ(revision.created_at, at_);
  EXPECT_FALSE(store_->newest_file_revision().value());
  EXPECT_EQ(store_->newest_list_revision().value()->revision, 1u);
  EXPECT_FALSE(store_->list_revision(2).value());
}

// Whatever names an account sees that account's rows.
TEST_P(FieldStoreTest, another_account_sees_and_changes_nothing) {
  const std::string ann = add_account("ann@example.com");
  const std::string eve = add_account("eve@example.com");
  const PolicyRow rule = add_policy(ann, "p");
  const WebhookRow hook = add_webhook(ann, "a@example.com", rule.id);
  ASSERT_TRUE(store_->create_domain(domain(ann), nullptr));
  ASSERT_TRUE(store_->verify_domain(ann, "dom_1", at_, nullptr));
  ASSERT_TRUE(store_->create_dkim_key(dkim_key(ann), 3, nullptr));
  ASSERT_TRUE(store_->create_session(session(ann), Secret("t"), nullptr));
  ASSERT_TRUE(store_->create_api_token(token(ann), nullptr));
  ASSERT_TRUE(store_->append_audit(audit(ann, "x")));
  const std::uint64_t before = store_->head().value();

  EXPECT_FALSE(store_->policy(eve, rule.id).value());
  EXPECT_EQ(store_->policies(eve, {}).value().rows.size(), 0u);
  EXPECT_EQ(store_->policy_slice(eve, {}).value().rows.size(), 0u);
  EXPECT_FALSE(store_->webhook(eve, hook.id).value());
  EXPECT_EQ(store_->webhooks(eve, WebhookFilter::all, {}).value().rows.size(), 0u);
  EXPECT_EQ(store_->webhook_slice(eve, WebhookFilter::all, {}).value().rows.size(), 0u);
  EXPECT_EQ(store_->webhooks_of_policy(eve, rule.id).value().size(), 0u);
  EXPECT_FALSE(store_->domain(eve, "dom_1").value());
  EXPECT_EQ(store_->domains(eve).value().total, 0u);
  EXPECT_NE(store_->owner_of_domain("example.com").value(), eve);
  EXPECT_EQ(store_->dkim_keys(eve, "dom_1").value().size(), 0u);
  EXPECT_EQ(store_->sessions(eve, at_).value().total, 0u);
  EXPECT_EQ(store_->api_tokens(eve, {}).value().total, 0u);
  EXPECT_EQ(store_->audit_log(eve, {}).value().rows.size(), 0u);
  EXPECT_EQ(store_->audit_log(eve, {.before = store_->audit_log(ann, {}).value().rows[0].id})
                .value()
                .rows.size(),
            0u);

  constexpr WriteOutcome none = WriteOutcome::not_found;
  PolicyRow her_rule = rule;
  her_rule.account_id = eve;
  EXPECT_EQ(store_->update_policy(her_rule, 1, nullptr).value(), none);
  EXPECT_EQ(store_->delete_policy(eve, rule.id, {}, IfUsed::detach, at_, {})->outcome, none);
  WebhookRow her_hook = hook;
  her_hook.account_id = eve;
  EXPECT_EQ(store_->update_webhook(her_hook, 1, nullptr).value(), WriteOutcome::no_such_policy);
  her_hook.policy_id.reset();
  EXPECT_EQ(store_->update_webhook(her_hook, 1, nullptr).value(), none);
  EXPECT_EQ(store_->delete_webhook(eve, hook.id, {}, nullptr).value(), none);
  EXPECT_EQ(store_->verify_domain(eve, "dom_1", at_, nullptr)->outcome, none);
  EXPECT_EQ(store_->delete_domain(eve, "dom_1", nullptr).value(), none);
  EXPECT_EQ(store_->create_dkim_key(dkim_key(eve), 3, nullptr).value(), none);
  EXPECT_EQ(store_->set_dkim_key_signing(eve, "dom_1", "s1", false, at_, nullptr).value(), none);
  EXPECT_EQ(store_->delete_dkim_key(eve, "dom_1", "s1", nullptr).value(), none);
  EXPECT_EQ(store_->end_session(eve, "ses_1", nullptr).value(), none);
  EXPECT_EQ(store_->delete_api_token(eve, "", "tok_1", nullptr).value(), none);
  EXPECT_EQ(store_->set_role(eve, ann, Role::viewer, nullptr).value(), none);
  EXPECT_EQ(store_->remove_member(eve, ann, nullptr).value(), none);
  EXPECT_EQ(store_->head().value(), before) << "nothing changed";
  EXPECT_TRUE(store_->session("ses_1", at_).value());
}

INSTANTIATE_TEST_SUITE_P(, FieldStoreTest, every_engine, name_of);

// What an empty key signs anybody could have signed.
TEST_P(FieldStoreTest, an_empty_key_is_damage) {
  EXPECT_FALSE(store_->server_secret("csrf", Secret("")));
  ASSERT_TRUE(store_->put_signing_key({.kid = "a", .key = Secret("key"), .created_at = at_}));
  EXPECT_EQ(store_->signing_keys().value().size(), 1u);
  ASSERT_TRUE(store_->put_signing_key({.kid = "b", .key = Secret(""), .created_at = at_}));
  EXPECT_FALSE(store_->signing_keys());
}

}  // namespace
}  // namespace postern::store
