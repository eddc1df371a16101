#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include <sodium.h>
#include <boost/json.hpp>

#include "base/sha256.h"
#include "base/temporary_folder_test.h"
#include "cli/answer_test.h"
#include "cli/commands.h"
#include "cli/commands_mail.h"
#include "cli/commands_store.h"
#include "serve/one_time_links.h"
#include "spool/inbox.h"
#include "store/sqlite_store.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DataDirectory : public testing::Test {
 protected:
  void SetUp() override { ASSERT_GE(sodium_init(), 0); }

  Answer run(int (*command)(const Arguments&, Streams&), std::vector<std::string> words,
             const std::string& input = "") {
    words.insert(words.end(), {"--data-dir", path_});
    const auto parsed = parse_command_line(words);
    EXPECT_TRUE(std::holds_alternative<Arguments>(parsed));
    return answer_of(command, std::get<Arguments>(parsed), input);
  }

  std::unique_ptr<store::SqliteStore> open_store() {
    auto opened = store::SqliteStore::open(path_ + "/postern.db");
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }

  bool opens(const std::string& email, const std::string& password) {
    const auto account = open_store()->account_by_email(email);
    return account && *account &&
           crypto_pwhash_str_verify((*account)->password_hash.reveal().c_str(), password.data(),
                                    password.size()) == 0;
  }

  tests::TemporaryFolder folder_;
  const std::string path_ = folder_.file("data");  ///< created by the test
};

TEST_F(DataDirectory, passwd_makes_an_account_and_then_changes_its_password) {
  const Answer made =
      run(run_passwd, {"passwd", "--create", "owner@example.com"}, "correct horse battery\n");
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out, "account owner@example.com made\n");
  EXPECT_TRUE(opens("owner@example.com", "correct horse battery"));
  const Answer changed =
      run(run_passwd, {"passwd", "Owner@example.com", "--json"}, "another long password\r\n");
  EXPECT_EQ(changed.code, 0) << changed.err;
  EXPECT_EQ(boost::json::parse(changed.out).at("created"), false);
  EXPECT_TRUE(opens("owner@example.com", "another long password"));
  EXPECT_FALSE(opens("owner@example.com", "correct horse battery"));
}

TEST_F(DataDirectory, passwd_makes_no_account_unasked) {
  const std::string password = "correct horse battery\n";
  for (const bool there : {false, true}) {  // a data directory
    if (there) run(run_passwd, {"passwd", "--create", "owner@example.com"}, password);
    const Answer nobody = run(run_passwd, {"passwd", "oner@example.com"}, password);
    EXPECT_EQ(nobody.code, 66);
    EXPECT_EQ(nobody.out, "");
    EXPECT_THAT(nobody.err, HasSubstr("--create"));
    EXPECT_EQ(std::filesystem::exists(path_), there);
  }
  EXPECT_THAT(run(run_passwd, {"passwd", "oner@example.com"}, password).err,
              HasSubstr("there is no account `oner@example.com`"));
  EXPECT_FALSE(*open_store()->account_by_email("oner@example.com"));
  const Answer changed =
      run(run_passwd, {"passwd", "owner@example.com"}, "another long password\n");
  EXPECT_EQ(changed.code, 0) << changed.err;
}

TEST_F(DataDirectory, passwd_ends_sessions_and_leaves_an_audit_entry) {
  run(run_passwd, {"passwd", "--create", "owner@example.com"}, "correct horse battery\n");
  const auto store = open_store();
  const auto account = store->account_by_email("owner@example.com");
  ASSERT_TRUE(account && *account);
  store::SessionRow session;
  session.id = "ses_1";
  session.account_id = (*account)->id;
  session.created_at = store::now();
  session.expires_at = store::now() + std::chrono::hours(1);
  ASSERT_TRUE(store->create_session(session, Secret("hash"), nullptr));
  ASSERT_EQ(store->sessions((*account)->id, store::now())->rows.size(), 1u);
  run(run_passwd, {"passwd", "--create", "owner@example.com"}, "another long password\n");
  EXPECT_EQ(store->sessions((*account)->id, store::now())->rows.size(), 0u);
  const auto audit = store->audit_log((*account)->id, {});
  ASSERT_EQ(audit->rows.size(), 1u);
  EXPECT_EQ(audit->rows[0].action, "account.password_changed");
  EXPECT_THAT(audit->rows[0].details, Not(HasSubstr("another")));
}

TEST_F(DataDirectory, passwd_prints_a_link_that_sets_a_password_once) {
  EXPECT_EQ(run(run_passwd, {"passwd", "--reset-link", "owner@example.com"}).code, 66);
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing is made";
  run(run_passwd, {"passwd", "--create", "owner@example.com"}, "correct horse battery\n");
  const Answer plain = run(run_passwd, {"passwd", "--reset-link", "Owner@example.com"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, HasSubstr("http://127.0.0.1:8025/app/reset?link="));
  const Answer json = run(run_passwd, {"passwd", "--reset-link", "owner@example.com", "--json"});
  const boost::json::value told = boost::json::parse(json.out);
  const std::string link(told.at("link").as_string());
  EXPECT_TRUE(told.at("expires_at").is_string());
  const std::string token = link.substr(link.find("?link=") + 6);
  const auto store = open_store();
  const auto row = store->link(Secret(sha256(token)), store::now());
  ASSERT_TRUE(row && *row);
  EXPECT_EQ((*row)->kind, store::LinkRow::Kind::reset);
  EXPECT_EQ((*row)->email, "owner@example.com");
  const auto log = store->audit_log((*row)->account_id, {}).value();
  for (const auto& entry : log.rows) {
    EXPECT_THAT(entry.details, Not(HasSubstr(token)));
  }
  EXPECT_TRUE(opens("owner@example.com", "correct horse battery")) << "the password is as it was";
  const Answer nobody = run(run_passwd, {"passwd", "--reset-link", "nobody@example.com"});
  EXPECT_EQ(nobody.code, 66);
  EXPECT_EQ(nobody.out, "");
}

TEST_F(DataDirectory, the_owners_link_is_for_a_gateway_without_an_account) {
  std::filesystem::create_directory(path_);
  const auto first = make_owner_link(*open_store(), "https://mx.example.net");
  ASSERT_TRUE(first && *first);
  EXPECT_THAT((*first)->url, HasSubstr("https://mx.example.net/app/signup?link="));
  run(run_passwd, {"passwd", "--create", "owner@example.com"}, "correct horse battery\n");
  const auto second = make_owner_link(*open_store(), "https://mx.example.net");
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
}

TEST_F(DataDirectory, passwd_prints_the_owners_link_while_there_is_no_account) {
  std::filesystem::create_directory(path_);
  (void)open_store();
  const Answer made = run(run_passwd, {"passwd", "--owner-link"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("/app/signup?link="));
  EXPECT_THAT(made.err, HasSubstr("once, until "));
  const std::size_t begin = made.out.find("link=") + 5;
  const Secret hash(sha256(made.out.substr(begin, made.out.find('\n') - begin)));
  EXPECT_TRUE(open_store()->link(hash, store::now()).value());
  EXPECT_FALSE(open_store()->link(hash, store::now() + std::chrono::minutes(16)).value());
  EXPECT_EQ(run(run_passwd, {"passwd", "--owner-link", "owner@example.com"}).code, 64);
  run(run_passwd, {"passwd", "--create", "owner@example.com"}, "correct horse battery\n");
  const Answer late = run(run_passwd, {"passwd", "--owner-link"});
  EXPECT_EQ(late.code, 1);
  EXPECT_EQ(late.out, "");
}

TEST_F(DataDirectory, reload_needs_a_running_gateway) {
  std::filesystem::create_directory(path_);
  const Answer answer = run(run_reload, {"reload"});
  EXPECT_EQ(answer.code, 69);
  EXPECT_THAT(answer.err, HasSubstr("no gateway runs"));
}

TEST_F(DataDirectory, certificates_are_a_running_gateways) {
  std::filesystem::create_directory(path_);
  const std::string pem = path_ + "/x.pem";
  std::ofstream(pem) << "no PEM\n";
  const Answer status = run(run_tls_status, {"tls", "status"});
  EXPECT_EQ(status.code, 69);
  EXPECT_THAT(status.err, HasSubstr("no gateway runs"));
  EXPECT_EQ(run(run_tls_install, {"tls", "install", pem, pem}).code, 69);
  EXPECT_EQ(run(run_tls_install, {"tls", "install", pem}).code, 64);
  const Answer missing = run(run_tls_install, {"tls", "install", pem, pem + ".key"});
  EXPECT_EQ(missing.code, 66);
  EXPECT_THAT(missing.err, HasSubstr("x.pem.key"));
}

TEST_F(DataDirectory, passwd_refuses_what_the_api_would_refuse) {
  EXPECT_EQ(run(run_passwd, {"passwd", "--create", "owner@example.com"}, "short\n").code, 65);
  EXPECT_EQ(
      run(run_passwd, {"passwd", "--create", "owner@example.com"}, std::string(1025, 'x') + "\n")
          .code,
      65);
  EXPECT_EQ(run(run_passwd, {"passwd", "--create", "owner@example.com"}, "").code, 65);
  const Answer bad = run(run_passwd, {"passwd", "not an address"}, "correct horse battery\n");
  EXPECT_EQ(bad.code, 65);
  EXPECT_THAT(bad.err, HasSubstr("`not an address` is not an e-mail address"));
  EXPECT_EQ(run(run_passwd, {"passwd"}).code, 64);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(DataDirectory, passwd_never_shows_the_password) {
  for (const std::string password : {"hunter2", "hunter2hunter2"}) {
    const Answer answer =
        run(run_passwd, {"passwd", "--create", "owner@example.com"}, password + "\n");
    EXPECT_THAT(answer.out + answer.err, Not(HasSubstr("hunter2")));
  }
}

TEST_F(DataDirectory, a_damaged_database_is_one_clear_line_and_74) {
  folder_.write("data/postern.db", std::string(5000, 'x'));
  const Answer answer =
      run(run_passwd, {"passwd", "--create", "owner@example.com"}, "correct horse battery\n");
  EXPECT_EQ(answer.code, 74);
  EXPECT_THAT(answer.err, HasSubstr("postern.db"));
}

TEST_F(DataDirectory, inbox_says_where_it_looked_when_there_is_nothing) {
  const Answer answer = run(run_inbox, {"inbox"});
  EXPECT_EQ(answer.code, 66);
  EXPECT_THAT(answer.err, HasSubstr("there is no postern.db in " + path_));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(run(run_inbox, {"inbox", "--limit", "0"}).code, 64);
}

/// A data directory with two inbox webhooks, one other and three messages.
class Inbox : public DataDirectory {
 protected:
  void SetUp() override {
    DataDirectory::SetUp();
    std::filesystem::create_directories(path_);
    const auto store = open_store();
    store::AccountRow account;
    account.id = account_ = "acc_1";
    account.email = "owner@example.com";
    account.password_hash = Secret("none");
    account.created_at = account.updated_at = store::now();
    ASSERT_TRUE(store->create_account(account, nullptr));
    add_webhook(*store, "wh_1", "invoices@in.example.net", "inbox");
    add_webhook(*store, "wh_2", "orders@in.example.net", "inbox");
    add_webhook(*store, "wh_3", "other@in.example.net", "https://hooks.example.com/x");
    auto opened =
        spool::Inbox::open({.database = path_ + "/delivery.db", .directory = path_ + "/inbox"});
    ASSERT_TRUE(opened) << opened.error().message;
    inbox_ = std::move(*opened);
    put("msg_1", "wh_1", "first\x1b[2J", R"({"n":1})");
    put("msg_2", "wh_2", "second", R"({"n":2})");
    put("msg_3", "wh_1", "", R"({"n":")" + std::string(100'000, 'x') + R"("})");
  }

  void add_webhook(store::Store& store, const std::string& id, const std::string& address,
                   const std::string& target) {
    store::WebhookRow row;
    row.id = id;
    row.account_id = account_;
    row.name = id;
    row.address = address;
    row.target_url = target;
    row.secret = Secret("whsec_x");
    row.created_at = row.updated_at = store::now();
    const auto made = store.create_webhook(row, nullptr);
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_EQ(*made, store::WriteOutcome::done);
  }

  void put(const std::string& id, const std::string& webhook, const std::string& subject,
           const std::string& payload) {
    spool::Body body(path_);
    ASSERT_TRUE(body.append(payload));
    std::promise<Result<spool::InboxPut>> answer;
    inbox_->put({.id = id,
                 .webhook_id = webhook,
                 .received_at = store::now(),
                 .sender = "sender@example.com",
                 .subject = subject},
                std::move(body), limits_, store::now(),
                [&](Result<spool::InboxPut> put) { answer.set_value(std::move(put)); });
    const auto stored = answer.get_future().get();
    ASSERT_TRUE(stored) << stored.error().message;
  }

  static std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::string account_;
  policy::InboxLimits limits_;
  std::unique_ptr<spool::Inbox> inbox_;
};

TEST_F(Inbox, shows_the_messages_of_all_inboxes_oldest_first) {
  const Answer answer = run(run_inbox, {"inbox"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(lines(answer.out), 3u);
  EXPECT_LT(answer.out.find("msg_1"), answer.out.find("msg_2"));
  EXPECT_LT(answer.out.find("msg_2"), answer.out.find("msg_3"));
  EXPECT_THAT(
      answer.out,
      HasSubstr(
          "sender@example.com \xe2\x86\x92 orders@in.example.net  second  (7 octets, msg_2)\n"));
  EXPECT_THAT(answer.out, HasSubstr("(no subject)"));
  EXPECT_THAT(answer.out, Not(HasSubstr("\x1b")));
}

TEST_F(Inbox, of_one_address_or_webhook_id) {
  EXPECT_EQ(lines(run(run_inbox, {"inbox", "Invoices@in.example.net"}).out), 2u);
  EXPECT_EQ(lines(run(run_inbox, {"inbox", "wh_2"}).out), 1u);
  EXPECT_THAT(run(run_inbox, {"inbox", "wh_3"}).err, HasSubstr("does not deliver to the inbox"));
  const Answer unknown = run(run_inbox, {"inbox", "nobody@in.example.net"});
  EXPECT_EQ(unknown.code, 66);
  EXPECT_THAT(unknown.err, HasSubstr("no webhook has the address or id `nobody@in.example.net`"));
}

TEST_F(Inbox, json_lines_hold_the_payload) {
  const Answer answer = run(run_inbox, {"inbox", "wh_1", "--json"});
  std::istringstream stream(answer.out);
  std::string line;
  ASSERT_TRUE(std::getline(stream, line));
  EXPECT_EQ(boost::json::parse(line).at("payload").at("n").to_number<int>(), 1);
  ASSERT_TRUE(std::getline(stream, line));
  EXPECT_EQ(boost::json::parse(line).at("payload").at("n").as_string().size(), 100'000u);
}

TEST_F(Inbox, says_when_an_inbox_is_full) {
  EXPECT_THAT(run(run_inbox, {"inbox"}).err, Not(HasSubstr("full")));
  limits_.messages = 1;
  put("msg_4", "wh_2", "no room", "{}");
  const Answer answer = run(run_inbox, {"inbox"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.err, HasSubstr("the inbox of orders@in.example.net is full"));
  EXPECT_THAT(answer.err, HasSubstr("1 refused"));
  EXPECT_THAT(answer.err, Not(HasSubstr("invoices@")));
}

TEST_F(Inbox, the_last_messages_up_to_the_limit) {
  const Answer answer = run(run_inbox, {"inbox", "--limit", "1"});
  EXPECT_EQ(lines(answer.out), 1u);
  EXPECT_THAT(answer.out, HasSubstr("msg_3"));
}

TEST_F(DataDirectory, dkim_keys_are_listed_as_a_zone_without_their_secret) {
  EXPECT_EQ(run(run_dkim_keys, {"dkim", "keys"}).code, 66);
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::filesystem::create_directories(path_);
  const auto store = open_store();
  EXPECT_THAT(run(run_dkim_keys, {"dkim", "keys"}).err, HasSubstr("there are no keys"));
  const store::Time at = store::from_millis(1795161600000);
  ASSERT_TRUE(store->create_account({.id = "acc_1",
                                     .email = "owner@example.com",
                                     .password_hash = Secret("none"),
                                     .created_at = at,
                                     .updated_at = at},
                                    nullptr));
  for (const std::string domain : {"example.com", "example.net"}) {
    ASSERT_TRUE(store->create_domain({.id = "dom_" + domain,
                                      .account_id = "acc_1",
                                      .name = domain,
                                      .verification_token = "t",
                                      .created_at = at,
                                      .updated_at = at},
                                     nullptr));
    ASSERT_TRUE(store->create_dkim_key({.domain_id = "dom_" + domain,
                                        .account_id = "acc_1",
                                        .selector = "s1",
                                        .algorithm = "rsa-sha256",
                                        .private_key = Secret("hush"),
                                        .public_record = "v=DKIM1; p=" + std::string(300, 'x'),
                                        .signing = true,
                                        .created_at = at,
                                        .updated_at = at},
                                       10, nullptr));
  }
  ASSERT_TRUE(store->verify_domain("acc_1", "dom_example.com", at, nullptr));
  const Answer all = run(run_dkim_keys, {"dkim", "keys"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, Not(HasSubstr("hush")));
  EXPECT_THAT(all.out, HasSubstr("; rsa-sha256, signing, once the domain is verified, since"));
  const Answer one = run(run_dkim_keys, {"dkim", "keys", "Example.COM."});
  EXPECT_EQ(one.out,
            "; rsa-sha256, signing, since 2026-11-20T08:00:00Z\n"
            "s1._domainkey.example.com. IN TXT \"v=DKIM1; p=" +
                std::string(244, 'x') + "\" \"" + std::string(56, 'x') + "\"\n");
  const Answer json = run(run_dkim_keys, {"dkim", "keys", "example.net", "--json"});
  const auto keys = boost::json::parse(json.out).at("keys").as_array();
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].at("name"), "s1._domainkey.example.net");
  EXPECT_EQ(keys[0].at("state"), "signing");
  EXPECT_EQ(keys[0].at("verified"), false);
  EXPECT_THAT(json.out, Not(HasSubstr("hush")));
  EXPECT_EQ(run(run_dkim_keys, {"dkim", "keys", "a b"}).code, 64);
}

}  // namespace
}  // namespace postern::app
