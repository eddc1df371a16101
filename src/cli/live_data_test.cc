// Commands about live data: on databases without a gateway, and with a running gateway.
#include "cli/live_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <sstream>
#include <thread>

#include <sodium.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "cli/answer_test.h"
#include "cli/run.h"
#include "net/local_http.h"
#include "net/scripted_http_server.h"
#include "serve/control_file.h"
#include "serve/instance.h"
#include "spool/inbox.h"

namespace postern::app {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

Config config_of(const std::string& data, Config config = default_config().config) {
  config.server.data_dir = data;
  config.api.address = *Endpoint::parse("127.0.0.1:0");
  for (auto& listener : config.listeners) listener.address = *Endpoint::parse("127.0.0.1:0");
  return config;
}

/// Runs every test twice: the command opens the databases itself, or asks a gateway.
class LiveCommand : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ASSERT_GE(sodium_init(), 0);
    std::filesystem::create_directories(data_);
    const auto store = store::SqliteStore::open(data_ + "/postern.db").value();
    store::AccountRow account;
    account.id = "acc_1";
    account.email = "owner@example.com";
    account.password_hash = Secret("none");
    account.created_at = account.updated_at = store::now();
    ASSERT_TRUE(store->create_account(account, nullptr));
    store::WebhookRow box;
    box.id = "wh_" + new_ulid();
    box.account_id = account.id;
    box.name = "box";
    box.address = "box@in.example.net";
    box.target_url = "inbox";
    box.secret = Secret("whsec_x");
    box.created_at = box.updated_at = store::now();
    ASSERT_TRUE(store->create_webhook(box, nullptr));
    const auto inbox =
        spool::Inbox::open({.database = data_ + "/delivery.db", .directory = data_ + "/inbox"})
            .value();
    for (const char* id : {"msg_1", "msg_2", "msg_3"}) {
      const bool large = id == std::string_view("msg_2");
      spool::Body payload(data_);
      ASSERT_TRUE(
          payload.append(R"({"n":1,"text":")" + std::string(large ? 3'000'000 : 1, 'x') + R"("})"));
      std::promise<bool> kept;
      inbox->put({.id = id,
                  .webhook_id = box.id,
                  .received_at = store::now(),
                  .sender = "sender@example.org",
                  .subject = "of " + std::string(id)},
                 std::move(payload), {}, store::now(),
                 [&](const Result<spool::InboxPut>& put) { kept.set_value(put.has_value()); });
      ASSERT_TRUE(kept.get_future().get());
    }
    const auto traces = store::TraceWriter::open(data_ + "/traces.db").value();
    policy::Trace trace;
    trace.id = trace_id_;
    trace.started = std::chrono::system_clock::now();
    trace.outcome = "accepted";
    ASSERT_TRUE(traces->post(trace));
  }
  ~LiveCommand() override { gateway_.reset(); }

  void let_go(Config config = default_config().config) {
    if (!GetParam()) return;
    auto started = Instance::start(config_of(data_, std::move(config)));
    ASSERT_TRUE(started) << started.error().message;
    gateway_ = std::move(*started);
  }
  Answer run(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.end(), {"--data-dir", data_});
    return answer_of([](const auto& line, Streams& to) { return run_line(line, to); }, words,
                     input);
  }

  tests::TemporaryFolder folder_;
  const std::string data_ = folder_.file("data");
  const std::string trace_id_ = new_ulid();
  std::unique_ptr<Instance> gateway_;
};

INSTANTIATE_TEST_SUITE_P(_, LiveCommand, ::testing::Bool(), [](const auto& info) {
  return info.param ? "through_a_gateway" : "on_the_databases";
});

TEST_P(LiveCommand, the_inbox_is_shown) {
  let_go();
  const Answer shown = run({"inbox"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_LT(shown.out.find("of msg_1"), shown.out.find("of msg_3"));
  EXPECT_THAT(run({"inbox", "box@in.example.net", "--limit", "1"}).out, HasSubstr("msg_3)\n"));
  const Answer lines = run({"inbox", "--json", "--limit", "1"});
  EXPECT_EQ(json::parse(lines.out).at("payload").at("n"), 1);
  const Answer large = run({"inbox", "--json", "--limit", "2"});
  const std::string first = large.out.substr(0, large.out.find('\n'));
  EXPECT_EQ(json::parse(first).at("payload").at("text").as_string().size(), 3'000'000u)
      << "in pieces";
  const Answer nobody = run({"inbox", "nobody@in.example.net"});
  EXPECT_EQ(nobody.code, 66) << "the same error, whoever answers";
  EXPECT_THAT(nobody.err, HasSubstr("no webhook has the address or id `nobody@in.example.net`"));
}

TEST_P(LiveCommand, passwords_are_set) {
  let_go();
  EXPECT_EQ(run({"passwd", "second@example.com"}, "correct horse battery\n").code, 66);
  const Answer made = run({"passwd", "--create", "second@example.com"}, "correct horse battery\n");
  EXPECT_EQ(made.out, "account second@example.com made\n") << made.err;
  const Answer changed = run({"passwd", "owner@example.com"}, "correct horse battery\n");
  EXPECT_THAT(changed.out, HasSubstr("password of owner@example.com set"));
  const Answer link = run({"passwd", "--reset-link", "owner@example.com"});
  EXPECT_EQ(link.code, 0) << link.err;
  const std::string pages =
      gateway_ ? gateway_->config().api.base_url() : std::string("http://127.0.0.1:8025");
  EXPECT_THAT(link.out, HasSubstr(pages + "/app/reset?link="));
  EXPECT_EQ(run({"passwd", "--reset-link", "nobody@example.com"}).code, 66);
  gateway_.reset();
  const auto store = store::SqliteStore::open(data_ + "/postern.db").value();
  const auto account = store->account_by_email("owner@example.com").value();
  EXPECT_EQ(crypto_pwhash_str_verify(account->password_hash.reveal().c_str(),
                                     "correct horse battery", 21),
            0);
}

TEST_P(LiveCommand, keys_and_traces_are_read) {
  let_go();
  EXPECT_THAT(run({"dkim", "keys"}).err, HasSubstr("there are no keys"));
  LiveData data(data_);
  const auto record = data.ask("trace", {{"id", trace_id_}});
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_THAT(std::string(record->at("record").as_string()), HasSubstr(trace_id_));
  EXPECT_TRUE(data.ask("trace", {{"id", new_ulid()}})->at("record").is_null());
  const auto span = data.ask("trace-span", {});
  ASSERT_TRUE(span) << span.error().message;
  EXPECT_EQ(span->at("count"), 1);
  json::object asked = *span;
  asked["most"] = 10;
  EXPECT_EQ(data.ask("trace-records", asked)->at("records").as_array().size(), 1u);
  const auto none = data.ask("trace-definition", {{"id", "pol_1"}, {"version", 1}});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault, Fault::not_found);
  EXPECT_EQ(data.ask("what-nobody-knows", {}).error().fault, Fault::malformed);
  EXPECT_EQ(data.ask("set-password", {{"email", "a@example.com"}, {"hash", "plain"}}).error().fault,
            Fault::malformed);
}

TEST_P(LiveCommand, explain_knows_what_was_verified) {
  {
    const auto store = store::VerifiedStore::open(data_ + "/verify.db", 100).value();
    ASSERT_TRUE(store->all());
    const store::Time now = store::now();
    store->keep({"good@example.com", 0, "250 ok", now});
    store->keep({"bad@example.com", 1, "host mx.example.com said: 550 no such user", now});
    store->keep({"old@example.com", 1, "550 forgotten", now - std::chrono::hours(4 * 24)});
    store->flush();
  }
  const std::string lists = folder_.write("lists.toml",
                                          "[server]\nhostname = \"mx.example.net\"\n"
                                          "[restrictions]\nrelay_domains = \"example.com\"\n"
                                          "relay = \"reject_unauth_destination\"\n"
                                          "recipient = \"reject_unverified_recipient\"\n"
                                          "unverified_recipient_reject_code = 550\n");
  Config config = parse_config(tests::read_file(lists), "lists.toml").config;
  let_go(std::move(config));
  const auto explained = [&](const std::string& to) {
    ::testing::internal::CaptureStdout();
    (void)run({"explain", "--config", lists, "--client-ip", "203.0.113.9", "--from",
               "a@example.org", "--to", to});
    return ::testing::internal::GetCapturedStdout();
  };
  EXPECT_THAT(explained("good@example.com"), HasSubstr("Outcome: accepted"));
  EXPECT_THAT(explained("bad@example.com"),
              HasSubstr("550 5.1.1 <bad@example.com>: Recipient address rejected: undeliverable "
                        "address: host mx.example.com said: 550 no such user"));
  EXPECT_THAT(explained("old@example.com"), HasSubstr("depends on a probe"));
  EXPECT_THAT(explained("new@example.com"), HasSubstr("depends on a probe"));
}

TEST_P(LiveCommand, the_policies_are_borrowed_and_left_as_they_are) {
  let_go();
  const LiveData data(data_);
  const auto control = data.borrow_control();
  ASSERT_TRUE(control) << control.error().message;
  EXPECT_EQ(control->lock.has_value(), !GetParam());
  EXPECT_TRUE(*control->store->account_by_email("owner@example.com"));
  EXPECT_EQ(control->store->set_timezone("acc_1", "Europe/Rome").has_value(), !GetParam());
}

TEST_P(LiveCommand, a_gateway_that_starts_waits_for_a_command) {
  std::optional<DataLock> command = DataLock::take(data_).value();
  EXPECT_EQ(DataLock::take(data_).error().fault, Fault::conflict);
  std::thread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    command.reset();
  });
  const auto started = Instance::start(config_of(data_));
  ends.join();
  EXPECT_TRUE(started) << started.error().message;
}

TEST(LiveData, a_file_that_is_lost_makes_the_gateway_unready) {
  ASSERT_GE(sodium_init(), 0);
  tests::TemporaryFolder folder;
  const std::string data = folder.file("data");
  const auto gateway = Instance::start(config_of(data));
  ASSERT_TRUE(gateway) << gateway.error().message;
  const auto ready = [&] {
    return net::local_http({.url = (*gateway)->config().api.base_url() + "/readyz"}).value();
  };
  EXPECT_EQ(ready().status, 200) << ready().body;
  for (const std::string name : {"delivery.db-wal", "traces.db", "spool/spool.db-shm"}) {
    std::filesystem::rename(data + "/" + name, folder.file("elsewhere"));
    EXPECT_EQ(ready().status, 503);
    EXPECT_THAT(ready().body, HasSubstr(data + "/" + name));
    std::filesystem::rename(folder.file("elsewhere"), data + "/" + name);
    EXPECT_EQ(ready().status, 200) << ready().body;
  }
}

TEST(LiveData, a_gateway_that_was_asked_is_not_asked_again) {
  tests::TemporaryFolder folder;
  std::filesystem::create_directories(folder.file("data"));
  const std::string data = folder.file("data");
  const auto lock = DataLock::take(data);
  ASSERT_TRUE(lock);
  net::ScriptedHttpServer gateway([](const auto&) {
    net::ScriptedHttpServer::Response cut;
    cut.reset = true;
    return cut;
  });
  ASSERT_TRUE(write_control(control_path(data),
                            {.url = gateway.url("127.0.0.1", ""), .token = Secret("token")}));
  const auto answer = LiveData(data).ask("reset-link", {{"email", "a@example.com"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::temporary);
  EXPECT_THAT(answer.error().message, HasSubstr("is not known"));
  EXPECT_EQ(gateway.requests().size(), 1u);
}

TEST(LiveData, finds_nothing_where_nothing_is) {
  tests::TemporaryFolder folder;
  const std::string nowhere = folder.file("none");
  const auto answer = LiveData(nowhere).ask("inbox", {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::not_found);
  EXPECT_EQ(answer.error().message, "there is no postern.db in " + nowhere);
  EXPECT_FALSE(std::filesystem::exists(nowhere));
}

}  // namespace
}  // namespace postern::app
