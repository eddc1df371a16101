#include "gateway/server.h"
#include "gateway/policies_verifier.h"

#include <atomic>
#include <map>
#include <mutex>
#include <span>
#include <thread>

#include <sys/ioctl.h>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "dns/recorded_resolver.h"
#include "gateway/kept_traces_test.h"
#include "gateway/test_client.h"
#include "mailauth/dkim/sign.h"
#include "policy/bcrypt.h"
#include "policy/gateway_layer.h"
#include "policy/inquiry.h"
#include "telemetry/metrics.h"

namespace postern::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view hello_message =
    "From: a@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n";

const mailauth::dkim::SigningKey& signing_key() {
  static const auto made = *mailauth::dkim::SigningKey::generate_ed25519();
  return made;
}

/// `message` with a signature of example.org that passes, another one for every `salt`.
std::string signed_message(std::string_view salt) {
  const std::string text = "X-Salt: " + std::string(salt) + "\r\n" + std::string(hello_message);
  const auto field = mailauth::dkim::sign_message(
      {{&signing_key(), "s1"}},
      {.domain = "example.org", .selector = "s1", .signed_at = 1700000000}, text);
  return *field + text;
}

/// Keeps what it is given; answers 250, or what the test sets.
class KeepingSink final : public MessageSink {
 public:
  std::optional<smtp::Reply> refusal(const policy::Recipient&) const override { return {}; }
  std::optional<smtp::Reply> trouble(std::uint64_t) const override { return {}; }
  Task<smtp::Reply> take(std::vector<Copy> copies, Ruling ruling) override {
    const std::lock_guard lock(mutex);
    held.push_back(ruling.quarantine.value_or(""));
    for (const Copy& copy : copies) {
      const auto view = copy.message->view();
      messages.emplace_back(view ? *view : "unreadable");
      senders.push_back(copy.evidence->session.client_ip.to_string());
      proxy_from = copy.evidence->session.proxy_from;
      proxy_via = copy.evidence->session.proxy_via;
      const auto& sender = copy.evidence->reverse_path;
      reverse_paths.push_back(sender ? sender->text() : "");
      for (const auto& one : copy.evidence->recipients) recipients.push_back(one.address.text());
    }
    co_return answer;
  }
  QueueRun run_queue(const std::string& domain) override {
    const std::lock_guard lock(mutex);
    ran.push_back(domain);
    return runs_queue;
  }
  std::mutex mutex;
  std::atomic<QueueRun> runs_queue{QueueRun::cannot};
  std::vector<std::string> ran;
  std::vector<std::string> messages;
  std::vector<std::string> held;  ///< why each message was, "": it was not
  std::vector<std::string> senders;
  std::string proxy_from, proxy_via;  ///< of the last one
  std::vector<std::string> reverse_paths;
  std::vector<std::string> recipients;
  smtp::Reply answer{.code = 250, .enhanced = {2, 0, 0}, .text = "taken"};
};

/// Rewrites every reply; keeps the commands.
class Louder final : public policy::ReplyRewriter {
 public:
  Task<smtp::Reply> rewrite(smtp::Reply reply, std::optional<std::string> command,
                            policy::Inquiry&) const override {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(command.value_or("none"));
    }
    reply.text = "LOUD " + reply.text;
    co_return reply;
  }
  std::vector<std::string> commands() const {
    const std::lock_guard lock(mutex_);
    return commands_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::string> commands_;
};

/// A gateway on an ephemeral port with two webhooks: open@ without a policy, closed@ with one.
class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string certificate = folder.file("tls.crt");
    const std::string key = folder.file("tls.key");
    ASSERT_TRUE(net::ensure_self_signed(certificate, key, "mx.example.net"));
    settings.certificate = *net::TlsContext::load(certificate, key);
    settings.tls = ListenerTls::starttls;
    settings.session.hostname = "mx.example.net";
    settings.session.auth = true;
    authenticator.set_verifiers(
        std::make_shared<const Authenticator::Verifiers>(Authenticator::Verifiers{
            std::make_shared<PoliciesVerifier>(directory, pool, std::chrono::minutes(1))}));
    settings.auth_failure_delay = milliseconds(0);
    settings.timeouts.error_delay = milliseconds(0);
    settings.body_directory = folder.path();
    settings.engine = std::make_shared<policy::CurrentEngine>(
        std::make_shared<const policy::Engine>(std::vector<policy::LayerEntry>{
            {std::make_shared<dialect::webhook::WebhookLayer>()}, {policy::gateway_layer()}}));
    add_webhook("open", {});
    dialect::webhook::PolicyFields office{.name = "office"};
    office.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
    add_webhook("closed", office);
    dialect::webhook::PolicyFields users{.name = "users", .require_smtp_auth = true};
    users.smtp_credentials = {
        {.username = "sender1", .hash = *policy::bcrypt_hash(Secret("s3cr3t"), 10)}};
    add_webhook("users", users);
  }

  void TearDown() override {
    pool.stop();  // its threads post to the server's loops
    server.reset();
  }

  void add_webhook(const std::string& name, std::optional<dialect::webhook::PolicyFields> fields,
                   const std::string& account = "acc_1") {
    policy::Change change;
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = "wh_" + name;
    webhook->account_id = account;
    webhook->address = name + "@hooks.example.net";
    if (fields) {
      webhook->policy_id = "pol_" + name;
      change.put_policies.push_back(
          dialect::webhook::compile("pol_" + name, account, 1, 1, *fields));
    }
    change.put_webhooks.push_back(webhook);
    change.put_domains.push_back("hooks.example.net");
    directory.apply(std::move(change));
  }

  void start() {
    server = std::make_unique<Server>(2, services, admission);
    const auto opened = server->listen({.ip = IpAddress::v4(0x7f000001), .port = 0},
                                       std::make_shared<const ListenerSettings>(settings));
    ASSERT_TRUE(opened);
    port = *opened;
    server->start();
  }

  /// Connects, reads the greeting and sends EHLO.
  std::unique_ptr<TestClient> greeted() {
    auto client = std::make_unique<TestClient>(port);
    EXPECT_EQ(client->reply().substr(0, 3), "220");
    EXPECT_EQ(client->ask("EHLO client.example.org").substr(0, 3), "250");
    return client;
  }

  tests::TemporaryFolder folder;
  ListenerSettings settings;
  policy::Directory directory;
  net::WorkPool pool{1, 8};
  Authenticator authenticator{{}};
  KeepingSink sink;
  KeepingRecorder recorder;
  FullBuckets rates;
  MemoryBudget memory{1u << 30};
  Resources resources{memory, "/tmp"};
  dns::RecordedResolver resolver{
      {{{"s1._domainkey.example.org", dns::Type::txt},
        {.status = dns::Status::found, .records = {signing_key().public_record()}}}}};
  policy::AuthenticationCaches caches;
  SignatureSightings sightings{memory};
  Services services{directory, authenticator, sink,   recorder, rates,
                    resources, resolver,      caches, sightings};
  Admission admission{{.sessions = 100, .sessions_per_address = 0, .new_sessions_per_minute = 0}};
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;
};

TEST_F(ServerTest, takes_a_message_and_leaves_a_trace) {
  start();
  auto client = greeted();
  EXPECT_EQ(
      client->transact("open@hooks.example.net", hello_message),
      "250 2.1.0 sender ok|250 2.1.5 recipient ok|354 end with <CRLF>.<CRLF>|250 2.0.0 taken");
  EXPECT_EQ(client->ask("QUIT").substr(0, 3), "221");
  ASSERT_EQ(sink.messages.size(), 1u);
  EXPECT_EQ(sink.messages[0], hello_message);
  ASSERT_EQ(recorder.traces.size(), 1u);
  EXPECT_EQ(recorder.traces[0].outcome, "accepted");
  EXPECT_EQ(recorder.traces[0].evidence.recipients.size(), 1u);
}

// Postfix completes them in trivial-rewrite(8), after the lists.
TEST_F(ServerTest, addresses_without_a_domain_are_handed_on_with_one) {
  settings.session.bare_addresses = true;
  settings.origin = "hooks.example.net";
  start();
  auto client = greeted();
  EXPECT_EQ(client->ask("MAIL FROM:<root>").substr(0, 3), "250");
  EXPECT_EQ(client->ask("RCPT TO:<open>").substr(0, 3), "250");
  EXPECT_EQ(client->ask("DATA").substr(0, 3), "354");
  EXPECT_EQ(client->ask(std::string(hello_message) + ".").substr(0, 3), "250");
  client->ask("QUIT");
  EXPECT_EQ(sink.reverse_paths, std::vector<std::string>{"root@hooks.example.net"});
  EXPECT_EQ(sink.recipients, std::vector<std::string>{"open@hooks.example.net"});
  ASSERT_EQ(recorder.traces.size(), 1u);
  EXPECT_EQ(recorder.traces[0].evidence.reverse_path->text(), "root") << "as the lists judged it";
}

/// The detail about repeated signatures in the trace's last decision.
std::string replay_step_of(const policy::Trace& trace) {
  std::string text;
  for (const policy::Step& step : trace.decisions.back().steps) {
    if (step.check != "dkim_replay") continue;
    text += std::string(to_string(step.verdict.kind)) + ": " + step.verdict.detail;
  }
  return text;
}

TEST_F(ServerTest, a_signature_counts_for_messages_that_are_accepted) {
  settings.dkim_replay_limit = 2;
  start();
  auto client = greeted();
  const auto answer = [&](std::string_view salt) {
    const std::string said = client->transact("open@hooks.example.net", signed_message(salt));
    return said.substr(said.rfind('|') + 1);
  };
  sink.answer = {.code = 451, .enhanced = {4, 3, 0}, .text = "later"};
  EXPECT_EQ(answer("a"), "451 4.3.0 later");
  EXPECT_EQ(answer("a"), "451 4.3.0 later") << "what is not accepted does not count";
  sink.answer = {.code = 250, .enhanced = {2, 0, 0}, .text = "taken"};
  EXPECT_EQ(answer("a"), "250 2.0.0 taken");
  EXPECT_EQ(answer("a"), "250 2.0.0 taken");
  const std::string often = "451 4.7.0 DKIM signature seen too often, try again later";
  EXPECT_EQ(answer("a"), often);
  EXPECT_EQ(answer("a"), often);
  client->ask("QUIT");
  client = greeted();
  EXPECT_EQ(answer("a"), often) << "in any session";
  EXPECT_EQ(client->transact("open@hooks.example.net", hello_message).substr(0, 9), "250 2.1.0");
  client->ask("QUIT");
  server->drain(tests::patience);
  EXPECT_EQ(replay_step_of(recorder.traces.at(2)), "");
  EXPECT_EQ(replay_step_of(recorder.traces.at(3)),
            "pass_on: a passing DKIM signature in 2 messages of 24 hours");
  EXPECT_EQ(replay_step_of(recorder.traces.at(4)),
            "defer: a passing DKIM signature in 3 messages of 24 hours");
}

// An account could have a list's mail sent to its own webhook, and so use up the limit for all
// others.
TEST_F(ServerTest, a_signature_counts_for_each_account_apart) {
  settings.dkim_replay_limit = 2;
  add_webhook("theirs", {}, "acc_2");
  add_webhook("second", {}, "acc_1");
  start();
  auto client = greeted();
  const std::string one = signed_message("a");
  const auto code = [&](std::string_view recipient) {
    const std::string said = client->transact(recipient, one);
    return said.substr(said.rfind('|') + 1, 9);
  };
  for (int i = 0; i < 2; ++i) EXPECT_EQ(code("open@hooks.example.net"), "250 2.0.0");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(code("open@hooks.example.net"), "451 4.7.0");
  EXPECT_EQ(code("second@hooks.example.net"), "451 4.7.0") << "of the same account";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(code("theirs@hooks.example.net"), "250 2.0.0");
  EXPECT_EQ(code("theirs@hooks.example.net"), "451 4.7.0") << "it has a count of its own";
}

TEST_F(ServerTest, a_repeated_signature_is_noted_where_there_is_no_limit) {
  start();
  auto client = greeted();
  const std::string one = signed_message("a");
  client->transact("open@hooks.example.net", one);
  client->transact("open@hooks.example.net", one);
  client->ask("QUIT");
  server->drain(tests::patience);
  ASSERT_EQ(recorder.traces.size(), 2u);
  EXPECT_EQ(recorder.traces[1].outcome, "accepted");
  EXPECT_EQ(replay_step_of(recorder.traces[1]),
            "pass_on: a passing DKIM signature in 2 messages of 24 hours");
}

TEST_F(ServerTest, a_rewriter_has_the_last_word) {
  const auto louder = std::make_shared<Louder>();
  settings.rewriter = louder;
  settings.session.auth_without_tls = true;
  start();
  auto client = greeted();
  EXPECT_EQ(client->ask("AUTH PLAIN AGEAYg=="), "535 5.7.8 LOUD authentication failed");
  EXPECT_EQ(client->transact("open@hooks.example.net", hello_message),
            "250 2.1.0 LOUD sender ok|250 2.1.5 LOUD recipient ok|354 LOUD end with <CRLF>.<CRLF>|"
            "250 2.0.0 LOUD taken");
  EXPECT_EQ(client->ask("c2VjcmV0"), "500 5.5.1 LOUD command not recognized");
  EXPECT_EQ(client->ask("noop"), "250 2.0.0 LOUD ok");
  EXPECT_TRUE(client->ask("QUIT").starts_with("221 2.0.0 LOUD "));
  const std::vector<std::string> commands = louder->commands();
  ASSERT_EQ(commands.size(), 9u) << "the lists of EHLO stay";
  EXPECT_EQ(commands[0], "none") << "the greeting";
  EXPECT_EQ(commands[1], "AUTH PLAIN <redacted>");
  EXPECT_TRUE(commands[2].starts_with("MAIL FROM:<"));
  EXPECT_EQ(commands[3], "RCPT TO:<open@hooks.example.net>");
  EXPECT_EQ(commands[4], "DATA");
  EXPECT_EQ(commands[5], "DATA");
  EXPECT_EQ(commands[6], "none") << "what is no command may be a secret";
  EXPECT_EQ(commands[7], "NOOP");
  EXPECT_EQ(commands[8], "QUIT");
}

/// Makes 521 of every refusal.
class Closer final : public policy::ReplyRewriter {
 public:
  Task<smtp::Reply> rewrite(smtp::Reply reply, std::optional<std::string>,
                            policy::Inquiry&) const override {
    if (reply.code >= 400) reply.code = 521;
    co_return reply;
  }
};

TEST_F(ServerTest, a_refusal_that_a_rewriter_makes_521_ends_the_session) {
  settings.rewriter = std::make_shared<Closer>();
  start();
  auto client = greeted();
  EXPECT_EQ(client->ask("NONSENSE"), "521 5.5.1 command not recognized");
  EXPECT_EQ(client->reply(), "closed");
}

TEST_F(ServerTest, a_recipient_counts_once_a_transaction_and_again_in_the_next) {
  start();
  auto client = greeted();
  const auto name_it = [&] {
    EXPECT_EQ(client->ask("MAIL FROM:<a@example.org>").substr(0, 3), "250");
    for (const char* address : {"open", "OPEN", "open+tag", "open"}) {
      const std::string path = std::string(address) + "@Hooks.example.net";
      EXPECT_EQ(client->ask("RCPT TO:<" + path + ">").substr(0, 3), "250");
    }
  };
  name_it();
  EXPECT_EQ(client->ask("RSET").substr(0, 3), "250");
  for (int i = 0; i < 2; ++i) {
    name_it();
    EXPECT_EQ(client->ask("DATA").substr(0, 3), "354");
    EXPECT_EQ(client->ask(std::string(hello_message) + ".").substr(0, 3), "250");
  }
  client->ask("QUIT");
  // A transaction that RSET ends without a refusal leaves none.
  ASSERT_EQ(recorder.traces.size(), 2u);
  for (const policy::Trace& trace : recorder.traces) {
    ASSERT_EQ(trace.evidence.recipients.size(), 2u) << trace.outcome;
    EXPECT_EQ(trace.evidence.recipients[0].address.text(), "open@hooks.example.net");
    EXPECT_EQ(trace.evidence.recipients[1].address.text(), "open+tag@hooks.example.net");
    EXPECT_EQ(trace.evidence.session.helo, "client.example.org");
    EXPECT_FALSE(trace.evidence.session.id.empty());
  }
  EXPECT_EQ(recorder.traces[0].evidence.session.id, recorder.traces[1].evidence.session.id);
}

TEST_F(ServerTest, a_large_message_survives_pipelining_behind_it) {
  start();
  auto client = greeted();
  std::string large(hello_message);
  for (int i = 0; i < 40'000; ++i) large += "line " + std::to_string(i) + "\r\n";
  client->send("MAIL FROM:<a@example.org>\r\nRCPT TO:<open@hooks.example.net>\r\nDATA\r\n");
  client->reply();
  client->reply();
  EXPECT_EQ(client->reply().substr(0, 3), "354");
  client->send(large + ".\r\nMAIL FROM:<b@example.org>\r\nRSET\r\nQUIT\r\n");
  for (const char* code : {"250", "250", "250", "221"}) {
    EXPECT_EQ(client->reply().substr(0, 3), code);
  }
  ASSERT_EQ(sink.messages.size(), 1u);
  EXPECT_EQ(sink.messages[0].size(), large.size());
  EXPECT_TRUE(sink.messages[0] == large);
}

TEST_F(ServerTest, refuses_by_policy_and_records_why) {
  start();
  auto client = greeted();
  EXPECT_NE(client->transact("closed@hooks.example.net", hello_message).find("|550 5.7.1"),
            std::string::npos);
  EXPECT_NE(client->transact("nobody@hooks.example.net", hello_message).find("|550 5.1.1"),
            std::string::npos);
  EXPECT_NE(client->transact("someone@elsewhere.example.com", hello_message).find("|550 5.7.1"),
            std::string::npos);
  client->ask("QUIT");
  EXPECT_TRUE(sink.messages.empty());
  ASSERT_GE(recorder.traces.size(), 1u);
  EXPECT_EQ(recorder.traces[0].outcome, "rejected");
}

TEST_F(ServerTest, an_edit_acts_on_the_next_command_of_an_open_session) {
  start();
  auto client = greeted();
  EXPECT_NE(client->transact("open@hooks.example.net", hello_message).find("|250 2.0.0"),
            std::string::npos);
  dialect::webhook::PolicyFields office{.name = "office"};
  office.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
  add_webhook("open", office);
  EXPECT_NE(client->transact("open@hooks.example.net", hello_message).find("|550 5.7.1"),
            std::string::npos);
}

TEST_F(ServerTest, an_edit_after_rcpt_counts_at_the_end_of_data) {
  start();
  auto client = greeted();
  const auto rcpt = [&] {
    EXPECT_EQ(client->ask("MAIL FROM:<a@example.org>").substr(0, 3), "250");
    EXPECT_EQ(client->ask("RCPT TO:<open@hooks.example.net>").substr(0, 3), "250");
  };
  const auto data = [&] {
    EXPECT_EQ(client->ask("DATA").substr(0, 3), "354");
    return client->ask(std::string(hello_message) + ".").substr(0, 9);
  };
  rcpt();
  EXPECT_EQ(data(), "250 2.0.0") << "nothing was edited";
  dialect::webhook::PolicyFields office{.name = "office"};
  office.allowed_source_ips = {*Cidr::parse("127.0.0.0/8")};
  rcpt();
  add_webhook("open", office);
  EXPECT_EQ(data(), "250 2.0.0") << "a policy was attached that lets it through";
  office.allowed_source_ips = {*Cidr::parse("192.0.2.0/24")};
  rcpt();
  add_webhook("open", office);
  EXPECT_EQ(data(), "550 5.7.1");
  directory.apply({.remove_policies = {"pol_open"}});
  add_webhook("open", std::nullopt);
  rcpt();
  directory.apply({.remove_webhooks = {"wh_open"}});
  EXPECT_EQ(data(), "550 5.2.1");
  client->ask("QUIT");
  ASSERT_EQ(recorder.traces.size(), 4u);
  const policy::Decision& first = recorder.traces[0].decisions.back();
  const policy::Decision& third = recorder.traces[2].decisions.back();
  const auto has = [](const policy::Decision& decision, std::string_view check) {
    return std::ranges::any_of(decision.steps,
                               [&](const policy::Step& step) { return step.check == check; });
  };
  EXPECT_FALSE(has(first, "policy_in_force"));
  EXPECT_TRUE(has(third, "policy_in_force"));
}

TEST_F(ServerTest, a_credential_that_is_revoked_signs_nobody_in) {
  start();
  auto client = greeted();
  client->ask("STARTTLS");
  ASSERT_TRUE(client->start_tls());
  client->ask("EHLO client.example.org");
  EXPECT_EQ(
      client->ask("AUTH PLAIN " + base64_encode(std::string("\0sender1\0s3cr3t", 15))).substr(0, 3),
      "235");
  client->ask("MAIL FROM:<a@example.org>");
  EXPECT_EQ(client->ask("RCPT TO:<users@hooks.example.net>").substr(0, 3), "250");
  dialect::webhook::PolicyFields users{.name = "users"};
  users.require_smtp_auth = true;
  add_webhook("users", users);
  EXPECT_EQ(client->ask("DATA").substr(0, 3), "354");
  EXPECT_EQ(client->ask(std::string(hello_message) + ".").substr(0, 9), "550 5.7.1");
  client->ask("QUIT");
  ASSERT_EQ(recorder.traces.size(), 1u);
  const policy::SessionFacts& session = recorder.traces[0].evidence.session;
  EXPECT_FALSE(session.auth);
  ASSERT_TRUE(session.revoked);
  EXPECT_EQ(session.revoked->username, "sender1");
}

// Any tenant may create credentials with another user's name and password.
TEST_F(ServerTest, a_tenants_grant_does_not_outlive_the_operators) {
  const Secret hash = *policy::bcrypt_hash(Secret("s3cr3t"), 4);
  const auto grant = [&](const std::string& account) {
    auto made = std::make_shared<policy::WebhookPolicy>();
    made->id = "pol_" + account;
    made->account_id = account;
    made->credentials.push_back({"ann", hash, policy::credential_stamp(hash), 1});
    return made;
  };
  directory.apply({.put_policies = {grant("acc_operator"), grant("acc_tenant")}});
  services.operates = [](const std::string& account) { return account == "acc_operator"; };
  authenticator.set_verifiers(
      std::make_shared<policy::Verifiers>(policy::Verifiers{std::make_shared<PoliciesVerifier>(
          directory, pool, std::chrono::minutes(1), services.operates)}));
  start();
  auto client = greeted();
  client->ask("STARTTLS");
  ASSERT_TRUE(client->start_tls());
  client->ask("EHLO client.example.org");
  ASSERT_EQ(
      client->ask("AUTH PLAIN " + base64_encode(std::string("\0ann\0s3cr3t", 11))).substr(0, 3),
      "235");
  client->ask("MAIL FROM:<a@example.org>");
  EXPECT_EQ(client->ask("RCPT TO:<open@hooks.example.net>").substr(0, 3), "250");
  directory.apply({.remove_policies = {"pol_acc_operator"}});
  EXPECT_EQ(client->ask("RCPT TO:<open@hooks.example.net>").substr(0, 3), "250");
  client->ask("DATA");
  client->ask(std::string(hello_message) + ".");
  client->ask("QUIT");
  ASSERT_EQ(recorder.traces.size(), 1u);
  EXPECT_FALSE(recorder.traces[0].evidence.session.auth) << "the operator's credential is gone";
}

TEST_F(ServerTest, starttls_forgets_and_drops_what_was_sent_behind_it) {
  start();
  auto client = greeted();
  client->send("STARTTLS\r\nEHLO injected\r\nMAIL FROM:<inject@example.org>\r\n");
  EXPECT_EQ(client->reply().substr(0, 3), "220");
  ASSERT_TRUE(client->start_tls());
  EXPECT_EQ(client->ask("RCPT TO:<open@hooks.example.net>").substr(0, 3), "503");
  const std::string offer = client->ask("EHLO client.example.org");
  EXPECT_EQ(offer.find("STARTTLS"), std::string::npos);
  EXPECT_NE(offer.find("AUTH PLAIN LOGIN"), std::string::npos);
  EXPECT_NE(client->transact("open@hooks.example.net", hello_message).find("|250 2.0.0"),
            std::string::npos);
}

TEST_F(ServerTest, what_mail_and_rcpt_ask_for_reaches_the_evidence) {
  start();
  auto client = greeted();
  client->send("STARTTLS\r\n");
  EXPECT_EQ(client->reply().substr(0, 3), "220");
  ASSERT_TRUE(client->start_tls());
  EXPECT_EQ(client->ask("EHLO client.example.org").substr(0, 3), "250");
  for (const char* command :
       {"MAIL FROM:<a@example.org> RET=hdrs ENVID=QQ+2B314159 REQUIRETLS",
        "RCPT TO:<open@hooks.example.net> NOTIFY=Success,DELAY ORCPT=rfc822;Big+2BJoe@example.org",
        "RCPT TO:<open+tag@hooks.example.net>", "RCPT TO:<open@hooks.example.net> NOTIFY=NEVER"}) {
    EXPECT_EQ(client->ask(command).substr(0, 3), "250") << command;
  }
  EXPECT_EQ(client->ask("DATA").substr(0, 3), "354");
  EXPECT_EQ(client->ask(std::string(hello_message) + ".").substr(0, 3), "250");
  EXPECT_EQ(client->transact("open@hooks.example.net", hello_message).substr(0, 3), "250");
  client->ask("QUIT");
  ASSERT_EQ(recorder.traces.size(), 2u);
  const policy::Evidence& asked = recorder.traces[0].evidence;
  EXPECT_EQ(asked.ret, "hdrs");
  EXPECT_EQ(asked.envid, "QQ+2B314159");
  EXPECT_TRUE(asked.require_tls);
  ASSERT_EQ(asked.recipients.size(), 2u);
  EXPECT_EQ(asked.recipients[0].notify, "Success,DELAY") << "the first one counts";
  EXPECT_EQ(asked.recipients[0].orcpt, "rfc822;Big+2BJoe@example.org");
  EXPECT_EQ(asked.recipients[1].notify + asked.recipients[1].orcpt, "");
  const policy::Evidence& next = recorder.traces[1].evidence;
  EXPECT_EQ(next.ret + next.envid + next.recipients[0].notify, "");
  EXPECT_FALSE(next.require_tls);
}

TEST_F(ServerTest, auth_opens_the_policy_that_has_the_user_and_no_other) {
  start();
  auto client = greeted();
  EXPECT_NE(client->transact("users@hooks.example.net", hello_message).find("|530 5.7.0"),
            std::string::npos);
  client->ask("RSET");
  client->ask("STARTTLS");
  ASSERT_TRUE(client->start_tls());
  client->ask("EHLO client.example.org");
  const auto plain = [](std::string_view password) {
    return "AUTH PLAIN " + base64_encode(std::string("\0sender1\0", 9) + std::string(password));
  };
  EXPECT_EQ(client->ask(plain("wrong")).substr(0, 9), "535 5.7.8");
  EXPECT_EQ(client->ask(plain("s3cr3t")).substr(0, 9), "235 2.7.0");
  EXPECT_NE(client->transact("users@hooks.example.net", hello_message).find("|250 2.0.0"),
            std::string::npos);
  ASSERT_EQ(recorder.traces.size(), 2u);
  const policy::Trace& trace = recorder.traces[1];
  EXPECT_EQ(trace.evidence.session.auth->username, "sender1");
  EXPECT_EQ(trace.outcome, "accepted");
  // Each verifier's answer, without layers; the last one accepted the credentials.
  std::string said;
  for (const policy::Decision& decision : trace.decisions) {
    if (decision.stage != policy::Stage::auth || decision.engine) continue;
    said += std::to_string(decision.reply.code);
    for (const policy::Step& step : decision.steps)
      said += " " + std::string(step.layer) + " " + std::string(step.check) + " " +
              std::string(to_string(step.verdict.kind)) + ";";
  }
  EXPECT_EQ(said, "535 auth policies reject;0 auth policies permit;");
}

TEST_F(ServerTest, a_slow_command_line_times_out_as_a_whole) {
  settings.timeouts.command = milliseconds(300);
  start();
  TestClient client(port);
  EXPECT_EQ(client.reply().substr(0, 3), "220");
  std::atomic<bool> told{false};
  std::thread writer([&] {
    while (!told) {
      client.send("N");
      std::this_thread::sleep_for(milliseconds(50));
    }
  });
  EXPECT_EQ(client.reply().substr(0, 9), "421 4.4.2");
  EXPECT_EQ(client.reply(), "closed");
  told = true;
  writer.join();
}

TEST_F(ServerTest, the_proxy_header_names_the_client) {
  settings.proxy_required = true;
  settings.proxy_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
  start();
  TestClient client(port);
  client.send("PROXY TCP4 192.0.2.44 192.0.2.1 4000 25\r\n");
  EXPECT_EQ(client.reply().substr(0, 3), "220");
  client.ask("EHLO client.example.org");
  EXPECT_NE(client.transact("closed@hooks.example.net", hello_message).find("|250 2.0.0"),
            std::string::npos);
  EXPECT_EQ(sink.senders.at(0), "192.0.2.44");
  EXPECT_EQ(sink.proxy_from.substr(0, 10), "127.0.0.1:");
  EXPECT_EQ(sink.proxy_via, "127.0.0.1:" + std::to_string(port));

  telemetry::Counter malformed =
      telemetry::metrics().smtp_protocol_errors.counter({"proxy_header"});
  const std::uint64_t before = malformed.value();
  TestClient without(port);
  EXPECT_EQ(without.ask("EHLO client.example.org"), "closed");
  EXPECT_EQ(malformed.value(), before + 1);
}

TEST_F(ServerTest, a_proxy_that_does_not_know_its_client_speaks_for_nobody_we_know) {
  settings.proxy_required = true;
  settings.proxy_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
  start();
  const std::string recipient = "open@hooks.example.net";
  const std::string v2("\r\n\r\n\0\r\nQUIT\n", 12);
  const auto send = [&](const std::string& header) {
    TestClient client(port);
    client.send(header);
    EXPECT_EQ(client.reply().substr(0, 3), "220");
    client.ask("EHLO client.example.org");
    // An unknown address is in no network, so in no allowlist.
    EXPECT_NE(client.transact("closed@hooks.example.net", hello_message).find("|550 5.7.1"),
              std::string::npos);
    client.ask("RSET");
    EXPECT_NE(client.transact(recipient, hello_message).find("|250 2.0.0"), std::string::npos);
    return sink.senders.back();
  };
  EXPECT_EQ(send("PROXY UNKNOWN\r\n"), "unknown");
  EXPECT_EQ(send(v2 + std::string("\x21\x00\x00\x00", 4)), "unknown");
  // LOCAL is the proxy itself.
  EXPECT_EQ(send(v2 + std::string("\x20\x00\x00\x00", 4)), "127.0.0.1");
}

TEST_F(ServerTest, half_a_proxy_header_waits_for_the_rest) {
  settings.proxy_required = true;
  settings.proxy_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
  settings.timeouts.proxy_header = tests::patience;
  start();
  TestClient client(port);
  client.send("PROXY TCP4 192.0.2.44");
  std::this_thread::sleep_for(milliseconds(100));
  client.send(" 192.0.2.1 4000 25\r\n");
  EXPECT_EQ(client.reply().substr(0, 3), "220");
  server.reset();
  settings.timeouts.proxy_header = milliseconds(100);
  start();
  TestClient silent(port);
  silent.send("PROXY TCP4 192.0.2.44");
  EXPECT_EQ(silent.reply(), "closed");
}

TEST_F(ServerTest, behind_xclient_the_proxys_address_is_nobodys) {
  settings.xclient_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
  start();
  const auto sender = [&](std::initializer_list<const char*> commands) {
    auto client = greeted();
    for (const char* command : commands) {
      EXPECT_EQ(client->ask(command).substr(0, 3), "220") << command;
      client->ask("EHLO client.example.org");
    }
    EXPECT_NE(client->transact("open@hooks.example.net", hello_message).find("|250 2.0.0"),
              std::string::npos);
    return sink.senders.back();
  };
  EXPECT_EQ(sender({}), "127.0.0.1");
  EXPECT_EQ(sink.proxy_from, "");
  EXPECT_EQ(sender({"XCLIENT ADDR=192.0.2.44"}), "192.0.2.44");
  EXPECT_EQ(sink.proxy_from.substr(0, 10), "127.0.0.1:");
  EXPECT_EQ(sink.proxy_via, "");
  // A second XCLIENT does not make the first client a proxy.
  EXPECT_EQ(sender({"XCLIENT ADDR=192.0.2.44", "XCLIENT ADDR=192.0.2.45"}), "192.0.2.45");
  EXPECT_EQ(sink.proxy_from.substr(0, 10), "127.0.0.1:");
  EXPECT_EQ(sender({"XCLIENT NAME=client.example"}), "unknown");
  EXPECT_EQ(sender({"XCLIENT ADDR=[UNAVAILABLE]"}), "unknown");
  EXPECT_EQ(sender({"XCLIENT ADDR=[TEMPUNAVAIL] NAME=client.example"}), "unknown");
  // Attributes may be spread over several commands.
  EXPECT_EQ(sender({"XCLIENT ADDR=192.0.2.44", "XCLIENT NAME=client.example"}), "192.0.2.44");
  EXPECT_EQ(sender({"XCLIENT ADDR=192.0.2.44", "XCLIENT ADDR=[UNAVAILABLE]"}), "unknown");
}

/// Judges 192.0.2.7 at the connect stage.
class Blocklist final : public policy::Layer {
 public:
  std::string_view name() const override { return "blocklist"; }
  bool speaks_at(policy::Stage stage) const override { return stage == policy::Stage::connect; }
  Task<policy::Ruling> judge(policy::Stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>&) const override {
    const policy::Evidence& evidence = inquiry.evidence;
    const bool listed = evidence.session.client_ip == *IpAddress::parse("192.0.2.7");
    co_return listed ? policy::refuse(554, {5, 7, 1}, "listed") : policy::pass_on();
  }
};

// The rules of the connect stage had judged only the proxy.
TEST_F(ServerTest, behind_xclient_the_connect_stage_is_asked_about_the_client) {
  settings.xclient_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
  settings.engine = std::make_shared<policy::CurrentEngine>(
      std::make_shared<const policy::Engine>(std::vector<policy::LayerEntry>{
          {std::make_shared<Blocklist>()}, {std::make_shared<dialect::webhook::WebhookLayer>()}}));
  start();
  auto client = greeted();
  EXPECT_EQ(client->ask("XCLIENT ADDR=192.0.2.8").substr(0, 3), "220");
  client->ask("EHLO client.example.org");
  EXPECT_EQ(client->ask("XCLIENT ADDR=192.0.2.7"), "554 5.7.1 listed");
  EXPECT_EQ(client->reply(), "closed");
}

/// Refuses one name, and reports at RCPT which name it knows.
/// Holds the mail of clients that greet as held.example, and mail to open+held@; discards that of
/// discarded.example; refuses refused.example.
class Holding final : public policy::Layer {
 public:
  std::string_view name() const override { return "holding"; }
  std::string definition() const override { return "{}"; }
  bool speaks_at(policy::Stage stage) const override {
    return stage == policy::Stage::helo || stage == policy::Stage::rcpt;
  }
  Task<policy::Ruling> judge(policy::Stage stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>&) const override {
    const policy::Evidence& evidence = inquiry.evidence;
    const bool holds = stage == policy::Stage::helo
                           ? evidence.session.helo == "held.example"
                           : evidence.candidate->address.local_part == "open+held";
    policy::Verdict verdict;
    if (holds) verdict = {policy::Verdict::Kind::quarantine, {}, "as the rule says"};
    const bool greets = stage == policy::Stage::helo;
    if (greets && evidence.session.helo == "refused.example")
      verdict = policy::refuse(550, {5, 7, 1}, "not you");
    policy::Ruling ruling(std::move(verdict));
    if (greets && evidence.session.helo == "discarded.example")
      ruling.effects.push_back(
          {.what = policy::Discard{}, .why = "rule", .check = {}, .place = {}});
    co_return ruling;
  }
};

// The trace has some fifty decisions on recipients, and those on the session once.
TEST_F(ServerTest, a_hold_counts_whatever_the_trace_keeps) {
  settings.engine = std::make_shared<policy::CurrentEngine>(
      std::make_shared<const policy::Engine>(std::vector<policy::LayerEntry>{
          {std::make_shared<Holding>()}, {std::make_shared<dialect::webhook::WebhookLayer>()}}));
  start();
  auto client = greeted();
  const auto send = [&](int others, bool held) {
    client->ask("MAIL FROM:<a@example.org>");
    for (int i = 0; i < others; ++i)
      client->ask("RCPT TO:<open+" + std::to_string(i) + "@hooks.example.net>");
    if (held) client->ask("RCPT TO:<open+held@hooks.example.net>");
    client->ask("DATA");
    client->send(hello_message);
    EXPECT_EQ(client->ask(".").substr(0, 3), "250");
  };
  send(70, true);
  send(1, false);
  client->ask("EHLO held.example");
  send(1, false);
  send(1, false);
  EXPECT_EQ(client->ask("HELO refused.example").substr(0, 3), "550");
  send(1, false);
  client->ask("EHLO other.example");
  send(1, false);
  client->ask("EHLO discarded.example");
  send(1, false);
  send(1, false);
  client->ask("EHLO other.example");
  send(1, false);
  const std::string why = "as the rule says";
  EXPECT_EQ(sink.held, (std::vector<std::string>{why, "", why, why, why, "", ""}));
}

class HeloList final : public policy::Layer {
 public:
  std::string_view name() const override { return "helo"; }
  std::string definition() const override { return "{}"; }
  bool speaks_at(policy::Stage stage) const override {
    return stage == policy::Stage::helo || stage == policy::Stage::rcpt;
  }
  Task<policy::Ruling> judge(policy::Stage stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>&) const override {
    const policy::Evidence& evidence = inquiry.evidence;
    const std::string& helo = evidence.session.helo;
    if (stage == policy::Stage::rcpt) co_return policy::refuse(550, {5, 7, 1}, "<" + helo + ">");
    co_return helo == "bad.example" ? policy::refuse(550, {5, 7, 1}, "not you") : policy::pass_on();
  }
};

/// The same at HELO, and it permits recipients. Asks a question at connect, and keeps the last name
/// in the session.
class HeloRefused final : public policy::Layer {
 public:
  std::string_view name() const override { return "helo"; }
  std::string definition() const override { return "{}"; }
  bool speaks_at(policy::Stage stage) const override { return stage <= policy::Stage::helo; }
  Task<policy::Ruling> judge(policy::Stage stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>&) const override {
    if (stage == policy::Stage::connect) co_await inquiry.ask({"list.example", dns::Type::a});
    inquiry.session().meta["helo"] = inquiry.evidence.session.helo;
    co_return inquiry.evidence.session.helo == "bad.example"
        ? policy::refuse(550, {5, 7, 1}, "not you")
        : policy::pass_on();
  }
};

// RFC 5321 §4.1.4.
TEST_F(ServerTest, a_helo_that_is_refused_leaves_the_session_as_it_was) {
  settings.session.helo_required = false;
  settings.engine = std::make_shared<policy::CurrentEngine>(
      std::make_shared<const policy::Engine>(std::vector<policy::LayerEntry>{
          {std::make_shared<HeloList>()}, {std::make_shared<dialect::webhook::WebhookLayer>()}}));
  start();
  const auto known = [&](std::vector<std::string> commands) {
    TestClient client(port);
    client.reply();
    for (const std::string& command : commands) client.ask(command);
    client.ask("MAIL FROM:<a@example.org>");
    return client.ask("RCPT TO:<open@hooks.example.net>");
  };
  EXPECT_EQ(known({"HELO bad.example"}), "550 5.7.1 <>");
  EXPECT_EQ(known({"HELO good.example", "HELO bad.example"}), "550 5.7.1 <good.example>");
  EXPECT_EQ(known({"HELO bad.example", "HELO good.example"}), "550 5.7.1 <good.example>");
  server.reset();
  ASSERT_FALSE(recorder.traces.empty());
  EXPECT_EQ(recorder.traces.front().evidence.session.helo, "bad.example")
      << "what was refused is in the trace of it";
}

TEST_F(ServerTest, the_trace_of_a_refused_helo_has_what_the_connection_was_judged_by) {
  settings.engine = std::make_shared<policy::CurrentEngine>(std::make_shared<const policy::Engine>(
      std::vector<policy::LayerEntry>{{std::make_shared<HeloRefused>()}}));
  start();
  {
    TestClient client(port);
    client.reply();
    EXPECT_EQ(client.ask("EHLO bad.example"), "550 5.7.1 not you");
    client.ask("QUIT");
  }
  server.reset();
  ASSERT_EQ(recorder.traces.size(), 1u);
  const policy::Trace& refused = recorder.traces[0];
  ASSERT_EQ(refused.decisions.size(), 2u);
  EXPECT_EQ(refused.decisions[0].stage, policy::Stage::connect);
  ASSERT_EQ(refused.evidence.dns.size(), 1u);
  EXPECT_EQ(refused.evidence.dns[0].question.name, "list.example");
}

// RFC 5321 §4.1.4: after the refusal of EHLO the server is in the state that it was in before.
TEST_F(ServerTest, an_ehlo_that_is_refused_ends_no_transaction) {
  settings.engine = std::make_shared<policy::CurrentEngine>(std::make_shared<const policy::Engine>(
      std::vector<policy::LayerEntry>{{std::make_shared<HeloRefused>()},
                                      {std::make_shared<dialect::webhook::WebhookLayer>()}}));
  start();
  auto client = greeted();
  client->ask("MAIL FROM:<a@example.org>");
  EXPECT_EQ(client->ask("RCPT TO:<open@hooks.example.net>").substr(0, 3), "250");
  EXPECT_EQ(client->ask("EHLO bad.example"), "550 5.7.1 not you");
  EXPECT_EQ(client->ask("DATA").substr(0, 3), "354");
  EXPECT_EQ(client->ask("Subject: x\r\n\r\ntext\r\n.").substr(0, 3), "250");
  client->ask("MAIL FROM:<a@example.org>");
  client->ask("EHLO good.example");
  EXPECT_EQ(client->ask("RCPT TO:<open@hooks.example.net>").substr(0, 3), "503");
  client.reset();
  server.reset();
  ASSERT_GE(recorder.traces.size(), 2u);
  const policy::Trace& refused = recorder.traces[0];
  EXPECT_EQ(refused.outcome, "rejected");
  EXPECT_EQ(refused.evidence.session.helo, "bad.example");
  EXPECT_TRUE(refused.evidence.recipients.empty());
  ASSERT_EQ(refused.decisions.size(), 1u) << "the transaction's trace has the decision at connect";
  const policy::Trace& accepted = recorder.traces[1];
  EXPECT_EQ(accepted.decisions.front().stage, policy::Stage::connect);
  EXPECT_EQ(accepted.outcome, "accepted");
  EXPECT_EQ(accepted.evidence.session.helo, "client.example.org");
  EXPECT_EQ(accepted.evidence.recipients.size(), 1u);
  ASSERT_TRUE(accepted.evidence.session.script);
  EXPECT_EQ(accepted.evidence.session.script->meta.at("helo"), "client.example.org");
}

// RFC 5321 §4.5.1.
TEST_F(ServerTest, postmaster_is_always_there) {
  start();
  auto client = greeted();
  for (const char* path : {"<postmaster>", "<PostMaster>", "<postmaster@MX.example.net>"}) {
    EXPECT_EQ(client->ask("MAIL FROM:<a@example.org>").substr(0, 3), "250");
    EXPECT_EQ(client->ask("RCPT TO:" + std::string(path)), "250 2.1.5 recipient ok") << path;
    client->ask("RSET");
  }
  client->ask("MAIL FROM:<a@example.org>");
  EXPECT_EQ(client->ask("RCPT TO:<postmaster@elsewhere.example>").substr(0, 3), "550");
}

// RFC 1985 §5.3.
TEST_F(ServerTest, etrn_says_what_becomes_of_the_queue) {
  settings.session.judged_etrn = true;
  start();
  auto client = std::make_unique<TestClient>(port);
  client->reply();
  EXPECT_EQ(client->ask("ETRN example.org").substr(0, 3), "503") << "no EHLO yet";
  client->ask("EHLO client.example.org");
  EXPECT_EQ(client->ask("ETRN example.org"),
            "458 unable to queue messages for example.org now, try later");
  sink.runs_queue = MessageSink::QueueRun::started;
  EXPECT_EQ(client->ask("ETRN Example.org"), "250 queuing for example.org started");
  sink.runs_queue = MessageSink::QueueRun::recent;
  EXPECT_EQ(client->ask("ETRN example.org"),
            "250 queuing for example.org was started a moment ago");
  EXPECT_EQ(sink.ran, std::vector<std::string>(3, "example.org"));
}

TEST_F(ServerTest, draining_finishes_the_message_in_hand_and_closes_the_rest) {
  start();
  auto idle = greeted();
  auto busy = greeted();
  busy->ask("MAIL FROM:<a@example.org>");
  busy->ask("RCPT TO:<open@hooks.example.net>");
  EXPECT_EQ(busy->ask("DATA").substr(0, 3), "354");
  std::thread drainer([this] { EXPECT_EQ(server->drain(tests::patience), 0u); });
  EXPECT_EQ(idle->reply().substr(0, 9), "421 4.3.2");
  busy->send(hello_message);
  EXPECT_EQ(busy->ask(".").substr(0, 3), "250");
  EXPECT_EQ(busy->reply().substr(0, 9), "421 4.3.2");
  drainer.join();
  EXPECT_EQ(sink.messages.size(), 1u);
  EXPECT_THROW(TestClient{port}, std::runtime_error);
}

TEST_F(ServerTest, what_happens_is_counted) {
  start();
  // Handles into the families that other tests of this process count in too.
  telemetry::Metrics& metrics = telemetry::metrics();
  telemetry::Counter accepted = metrics.smtp_messages_received.counter({settings.name, "accepted"});
  telemetry::Counter refused = metrics.smtp_replies.counter({"rcpt", "550", "5.7.1"});
  telemetry::Counter commands = metrics.smtp_commands.counter({"RCPT", "550"});
  telemetry::Counter quits = metrics.smtp_sessions.counter({settings.name, "none", "quit"});
  telemetry::Gauge open = metrics.smtp_connections.gauge({settings.name, "plain"});
  const std::uint64_t before[] = {accepted.value(), refused.value(), commands.value(),
                                  quits.value()};
  const std::int64_t open_before = open.value();
  auto client = greeted();
  EXPECT_EQ(open.value(), open_before + 1);
  client->transact("open@hooks.example.net", hello_message);
  client->ask("MAIL FROM:<a@example.org>");
  EXPECT_EQ(client->ask("RCPT TO:<nobody@elsewhere.example>").substr(0, 9), "550 5.7.1");
  EXPECT_EQ(client->ask("QUIT").substr(0, 3), "221");
  EXPECT_EQ(client->reply(), "closed");
  server->drain(tests::patience);
  EXPECT_EQ(accepted.value(), before[0] + 1);
  EXPECT_EQ(refused.value(), before[1] + 1);
  EXPECT_EQ(commands.value(), before[2] + 1);
  EXPECT_EQ(quits.value(), before[3] + 1);
  EXPECT_EQ(open.value(), open_before);
}

TEST_F(ServerTest, violations_of_the_protocol_are_counted) {
  start();
  const auto counted = [](std::string_view kind) {
    return telemetry::metrics().smtp_protocol_errors.counter({kind}).value();
  };
  const std::string_view kinds[] = {"bare_lf", "unknown_command", "pipelining", "early_talker"};
  std::map<std::string_view, std::uint64_t> before;
  for (const std::string_view kind : kinds) before[kind] = counted(kind);
  auto client = greeted();
  EXPECT_EQ(client->ask("FROBNICATE").substr(0, 3), "500");
  client->send("NOOP\r\nNOOP\r\n");
  EXPECT_EQ(client->reply().substr(0, 3), "250");
  EXPECT_EQ(client->reply().substr(0, 3), "250");
  client->send("NOOP\n");
  EXPECT_EQ(client->reply().substr(0, 3), "500");
  EXPECT_EQ(client->reply(), "closed");
  server.reset();
  settings.pregreet_wait = milliseconds(200);
  start();
  // A busy machine may let the line come after the greeting.
  EXPECT_TRUE(tests::eventually(
      [&] { return TestClient(port).ask("EHLO client.example.org").starts_with("554"); }));
  for (const std::string_view kind : kinds) EXPECT_EQ(counted(kind), before[kind] + 1) << kind;
}

TEST_F(ServerTest, a_listener_has_room_for_so_many_at_a_time) {
  settings.connections = 1;
  start();
  auto first = greeted();
  TestClient second(port);
  EXPECT_EQ(second.reply().substr(0, 9), "421 4.7.0");
  EXPECT_EQ(first->ask("QUIT").substr(0, 3), "221");
  // The session ends after its last reply.
  EXPECT_TRUE(tests::eventually([&] { return TestClient(port).reply().starts_with("220"); }));
}

TEST_F(ServerTest, a_client_gets_the_settings_of_its_network) {
  auto other = std::make_shared<ListenerSettings>(settings);
  other->session.hostname = "other.example.net";
  settings.variants.push_back({.peer = *Cidr::parse("127.0.0.0/8"), .via = {}, .settings = other});
  start();
  EXPECT_EQ(TestClient(port).reply().substr(0, 21), "220 other.example.net");
}

/// A server with the number of places that a test wants, and clients with any address.
class PlacesTest : public ServerTest {
 protected:
  void start_with(const AdmissionLimits& limits) { start_with(limits, services); }
  void start_with(AdmissionLimits limits, Services& with) {
    limits.sessions_per_address = 0;
    limits.new_sessions_per_minute = 0;
    settings.proxy_required = true;
    settings.proxy_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
    places = std::make_unique<Admission>(limits);
    server = std::make_unique<Server>(2, with, *places);
    const auto opened = server->listen({.ip = IpAddress::v4(0x7f000001), .port = 0},
                                       std::make_shared<const ListenerSettings>(settings));
    ASSERT_TRUE(opened);
    port = *opened;
    server->start();
  }
  std::unique_ptr<TestClient> from(const std::string& address) const {
    auto client = std::make_unique<TestClient>(port);
    client->send("PROXY TCP4 " + address + " 127.0.0.1 4000 25\r\n");
    return client;
  }
  /// Reads the greeting and sends EHLO.
  std::unique_ptr<TestClient> settled(const std::string& address) const {
    auto client = from(address);
    EXPECT_EQ(client->reply().substr(0, 3), "220");
    EXPECT_EQ(client->ask("EHLO a.example.org").substr(0, 3), "250");
    return client;
  }
  /// Retries: a client has the last reply a moment before the server waits for the next command.
  std::unique_ptr<TestClient> newcomer() const {
    std::unique_ptr<TestClient> client;
    EXPECT_TRUE(tests::eventually([&] {
      client = from("203.0.113.9");
      return client->reply().starts_with("220");
    }));
    return client;
  }

  std::unique_ptr<Admission> places;  ///< outlives the server, which TearDown() destroys
};

TEST_F(PlacesTest, a_newcomer_takes_the_place_of_who_waits_and_has_most) {
  telemetry::Metrics& metrics = telemetry::metrics();
  telemetry::Counter replaced = metrics.smtp_sessions.counter({settings.name, "none", "replaced"});
  telemetry::Counter turned = metrics.smtp_connections_refused.counter({settings.name, "replaced"});
  const std::uint64_t before[] = {replaced.value(), turned.value()};
  start_with({.sessions = 2, .idle = {}});
  auto first = settled("198.51.100.1");
  auto second = settled("198.51.100.2");  // within a message, so it is not idle
  EXPECT_EQ(second->ask("MAIL FROM:<sender@example.org>").substr(0, 3), "250");
  EXPECT_EQ(second->ask("RCPT TO:<open@hooks.example.net>").substr(0, 3), "250");
  EXPECT_EQ(second->ask("DATA").substr(0, 3), "354");
  const auto third = newcomer();
  EXPECT_EQ(first->reply().substr(0, 9), "421 4.3.2");
  EXPECT_EQ(first->reply(), "closed");
  second->send(hello_message);
  EXPECT_EQ(second->ask(".").substr(0, 3), "250");
  EXPECT_EQ(third->ask("EHLO c.example.org").substr(0, 3), "250");
  server->drain(tests::patience);
  EXPECT_EQ(replaced.value(), before[0] + 1);
  EXPECT_EQ(turned.value(), before[1] + 1);
}

TEST_F(PlacesTest, a_client_that_does_not_go_on_with_its_handshake_can_lose_its_place) {
  start_with({.sessions = 1, .allowance = {}, .idle = std::chrono::hours(1)});
  auto first = settled("198.51.100.1");
  EXPECT_EQ(first->ask("STARTTLS").substr(0, 3), "220");
  const auto second = newcomer();
  EXPECT_EQ(first->reply(), "closed") << "nothing can be said amid a handshake";
}

TEST_F(PlacesTest, a_client_that_does_not_read_can_lose_its_place) {
  settings.session.limits.junk_commands = 1'000'000;
  start_with({.sessions = 1, .allowance = {}, .idle = std::chrono::hours(1)});
  auto first = settled("198.51.100.1");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "EHLO " + std::string(200, 'a') + ".example.org\r\n";
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) first->send(many);  // until the buffers are full
  });
  const auto second = newcomer();
  EXPECT_EQ(second->ask("EHLO c.example.org").substr(0, 3), "250");
  writer.join();
}

/// The descriptor of this process whose peer is that port of 127.0.0.1; -1: there is none.
int descriptor_to(std::uint16_t peer) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
        address.sin_family == AF_INET && ntohs(address.sin_port) == peer)
      return fd;
  }
  return -1;
}

TEST_F(ServerTest, a_client_that_does_not_read_fills_no_more_than_a_small_buffer) {
  settings.session.limits.junk_commands = 1'000'000;
  start();
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ip::tcp::socket client(io);
  client.open(asio::ip::tcp::v4());
  client.set_option(asio::socket_base::receive_buffer_size(4096));
  client.connect({asio::ip::address_v4::loopback(), port});
  client.non_blocking(true);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "EHLO client.example.org\r\n";
  int server_side = -1;
  int most = 0;
  // Until neither side has taken anything for a second, and replies wait: all stands still.
  for (int still = 0; still < 50;) {
    boost::system::error_code full;
    const std::size_t sent = client.write_some(asio::buffer(many), full);
    ASSERT_TRUE(!full || full == asio::error::would_block) << full.message();
    if (server_side < 0) server_side = descriptor_to(client.local_endpoint().port());
    int waiting = 0;
    if (server_side >= 0) {
      ASSERT_EQ(::ioctl(server_side, SIOCOUTQ, &waiting), 0);
    }
    still = sent == 0 && waiting <= most && most > 1024 ? still + 1 : 0;
    most = std::max(most, waiting);
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_LE(most, 32 * 1024);
}

/// Answers when it is told to.
class SlowResolver final : public dns::Resolver {
 public:
  explicit SlowResolver(dns::Resolver& inner) : inner_(inner) {}
  Task<dns::Answer> lookup(dns::Question question, milliseconds limit) override {
    asked = true;
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    while (!answers) {
      timer.expires_after(milliseconds(5));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    co_return co_await inner_.lookup(std::move(question), limit);
  }
  std::atomic<bool> asked{false};
  std::atomic<bool> answers{false};

 private:
  dns::Resolver& inner_;
};

TEST_F(PlacesTest, who_lets_us_wait_for_name_servers_can_lose_its_place_and_is_answered) {
  SlowResolver slow(resolver);
  Services asking_slowly{directory, authenticator, sink,   recorder, rates,
                         resources, slow,          caches, sightings};
  settings.dkim_replay_limit = 5;
  start_with({.sessions = 1, .allowance = {}, .idle = std::chrono::hours(1)}, asking_slowly);
  auto first = settled("198.51.100.1");
  first->ask("MAIL FROM:<sender@example.org>");
  first->ask("RCPT TO:<open@hooks.example.net>");
  EXPECT_EQ(first->ask("DATA").substr(0, 3), "354");
  first->send(signed_message("a") + ".\r\nMAIL FROM:<sender@example.org>\r\n");
  while (!slow.asked) std::this_thread::sleep_for(milliseconds(5));
  auto second = newcomer();
  slow.answers = true;
  EXPECT_EQ(first->reply(), "250 2.0.0 taken") << "the message was handed on";
  EXPECT_EQ(first->reply().substr(0, 9), "421 4.3.2") << "what follows is not begun";
  EXPECT_EQ(sink.messages.size(), 1u);
  first.reset();
  second.reset();
  server.reset();  // before its services
}

TEST_F(ServerTest, behind_xclient_each_client_has_its_own_limits) {
  Admission few{{.sessions = 4,
                 .sessions_per_address = 1,
                 .new_sessions_per_minute = 0,
                 .exempt = CidrSet({*Cidr::parse("127.0.0.0/8")})}};
  settings.xclient_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
  server = std::make_unique<Server>(1, services, few);
  const auto opened = server->listen({.ip = IpAddress::v4(0x7f000001), .port = 0},
                                     std::make_shared<const ListenerSettings>(settings));
  ASSERT_TRUE(opened);
  port = *opened;
  server->start();
  auto first = greeted();
  EXPECT_EQ(first->ask("XCLIENT ADDR=192.0.2.44").substr(0, 3), "220");
  auto second = greeted();
  EXPECT_EQ(second->ask("XCLIENT ADDR=192.0.2.44").substr(0, 9), "421 4.7.0");
  EXPECT_EQ(second->reply(), "closed");
  first->ask("EHLO client.example.org");
  EXPECT_EQ(first->ask("XCLIENT ADDR=127.0.0.1").substr(0, 3), "220");
  auto third = greeted();
  EXPECT_EQ(third->ask("XCLIENT ADDR=192.0.2.44").substr(0, 3), "220");
  first.reset();
  third.reset();
  server.reset();  // before its Admission
}

// Descriptors are reserved for so many: beyond, a connection is told so and closed, and no session
// is made for it.
TEST_F(ServerTest, more_connections_than_descriptors_are_reserved_for_are_turned_away) {
  Admission few{{.sessions = 1, .sessions_per_address = 0, .new_sessions_per_minute = 0}};
  settings.proxy_required = true;  // they wait, not admitted yet
  settings.proxy_from = CidrSet({*Cidr::parse("127.0.0.0/8")});
  settings.timeouts.proxy_header = std::chrono::hours(1);
  server = std::make_unique<Server>(1, services, few);
  const auto opened = server->listen({.ip = IpAddress::v4(0x7f000001), .port = 0},
                                     std::make_shared<const ListenerSettings>(settings));
  ASSERT_TRUE(opened);
  port = *opened;
  server->start();
  std::vector<std::unique_ptr<TestClient>> waiting;
  for (std::uint64_t i = 0; i < Admission::most_connections(1); ++i) {
    waiting.push_back(std::make_unique<TestClient>(port));
  }
  TestClient beyond(port);
  EXPECT_EQ(beyond.reply().substr(0, 9), "421 4.3.2");
  EXPECT_EQ(beyond.reply(), "closed");
  EXPECT_EQ(server->sessions(), waiting.size());
  waiting.pop_back();
  EXPECT_TRUE(tests::eventually([&] { return server->sessions() == waiting.size(); }));
  TestClient next(port);
  next.send("PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n");
  EXPECT_EQ(next.reply().substr(0, 3), "220") << "there is room again";
  waiting.clear();
  server.reset();  // before its Admission
}

TEST_F(ServerTest, a_port_in_use_is_a_conflict) {
  start();
  Server second(1, services, admission);
  const auto opened = second.listen({.ip = IpAddress::v4(0x7f000001), .port = port},
                                    std::make_shared<const ListenerSettings>(settings));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::conflict);
}

// As systemd passes them: the port stays open when the server ends, and the next one goes on.
TEST_F(ServerTest, sockets_of_others_are_accepted_from_and_stay_open) {
  const int own = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(own, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(own, 16), 0);
  socklen_t length = sizeof address;
  ::getsockname(own, reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  std::unique_ptr<TestClient> early;
  for (int round = 0; round < 2; ++round) {
    server = std::make_unique<Server>(2, services, admission);
    ASSERT_TRUE(
        server->listen(std::span(&own, 1), std::make_shared<const ListenerSettings>(settings)));
    server->start();
    if (early) EXPECT_EQ(early->reply().substr(0, 3), "220") << "it waited in the backlog";
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(greeted());
    early.reset();
    server->drain(tests::patience);
    early = std::make_unique<TestClient>(port);  // connects, and is not refused
  }
  server.reset();
  ::close(own);
}

}  // namespace
}  // namespace postern::gateway
