#include "deliver/webhook_delivery.h"

#include <future>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "deliver/delivery_report.h"
#include "deliver/signature.h"
#include "dns/recorded_resolver.h"
#include "net/scripted_http_server.h"
#include "telemetry/log.h"

namespace postern::deliver {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Request = net::ScriptedHttpServer::Request;
using Response = net::ScriptedHttpServer::Response;

constexpr const char* message_text =
    "Message-ID: <abc@example.com>\r\nFrom: alerts@example.com\r\nSubject: Disk\r\n\r\nfull\r\n";

Task<void> run_delivery(WebhookDelivery* delivery, const policy::Evidence* evidence,
                        spool::Body* message, DeliveryOutcome* outcome) {
  *outcome = co_await delivery->deliver(*evidence, *message, std::chrono::system_clock::now());
}
Task<void> run_simulation(WebhookDelivery* delivery, std::shared_ptr<const policy::Webhook> webhook,
                          const policy::Evidence* evidence, spool::Body* message,
                          DeliveryOutcome* outcome) {
  *outcome = co_await delivery->simulate(std::move(webhook), *evidence, *message,
                                         std::chrono::system_clock::now());
}

class WebhookDeliveryTest : public testing::Test {
 protected:
  void SetUp() override {
    auto log = store::DeliveryLog::open(folder_.file("delivery.db"));
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::move(*log);
    auto inbox = spool::Inbox::open(
        {.database = folder_.file("delivery.db"), .directory = folder_.file("inbox")});
    ASSERT_TRUE(inbox) << inbox.error().message;
    inbox_ = std::move(*inbox);
    options_.http.egress.allow_http = true;
    options_.http.egress.allow_networks = CidrSet({*Cidr::parse("127.0.0.1/32")});
    options_.payload.temporary_directory = folder_.path();
    webhook_.id = "wh_01HX0000000000000000000000";
    webhook_.account_id = "acc_1";
    webhook_.address = "hook@hooks.example.net";
    webhook_.secret = Secret("whsec_" + base64_encode(std::string(32, 's')));
    webhook_.timeout = tests::patience;
  }
  void TearDown() override {
    delivery_.reset();
    inbox_.reset();
    log_.reset();
  }

  void serve(net::ScriptedHttpServer::Script script) {
    server_ = std::make_unique<net::ScriptedHttpServer>(std::move(script));
    webhook_.target_url = server_->url();
    publish();
  }
  std::shared_ptr<const policy::Webhook> publish() {
    auto webhook = std::make_shared<const policy::Webhook>(webhook_);
    known_.apply({.put_webhooks = {webhook}});
    return webhook;
  }
  WebhookDelivery& delivery() {
    if (!delivery_)
      delivery_ = std::make_unique<WebhookDelivery>(DeliveryServices{.directory = known_,
                                                                     .resolver = resolver_,
                                                                     .workers = workers_,
                                                                     .heavy = heavy_,
                                                                     .rates = rates_,
                                                                     .log = *log_,
                                                                     .inbox = *inbox_,
                                                                     .memory = memory_},
                                                    options_);
    return *delivery_;
  }
  policy::Evidence evidence(std::string local_part = "hook") {
    policy::Evidence made;
    made.session.client_ip = *IpAddress::parse("203.0.113.10");
    made.session.helo = "mx.example.com";
    made.reverse_path = mail::Mailbox{"alerts", "example.com"};
    made.recipients.push_back(
        {.address = {std::move(local_part), "hooks.example.net"},
         .route = {.kind = policy::Route::Kind::webhook,
                   .webhook = std::make_shared<const policy::Webhook>(webhook_)}});
    made.message.emplace().message_id = "<abc@example.com>";
    return made;
  }
  DeliveryOutcome deliver(const policy::Evidence& given, const std::string& text = message_text) {
    spool::Body message(folder_.path());
    EXPECT_TRUE(message.append(text));
    DeliveryOutcome outcome;
    asio::co_spawn(loop_, run_delivery(&delivery(), &given, &message, &outcome), asio::detached);
    loop_.restart();
    loop_.run();
    return outcome;
  }
  DeliveryOutcome deliver() { return deliver(evidence()); }
  store::LogRecord last_record() {
    const auto listed = log_->list(webhook_.id, {}, {});
    if (!listed || listed->rows.empty()) return {};
    return listed->rows.front();
  }

  tests::TemporaryFolder folder_;
  std::unique_ptr<store::DeliveryLog> log_;
  std::unique_ptr<spool::Inbox> inbox_;
  policy::Directory known_;
  dns::RecordedResolver resolver_{{}};
  RateLimiter rates_;
  MemoryBudget memory_{1u << 30};
  asio::io_context loop_{1};
  net::WorkPool workers_{2, 16};  // stops before the loop
  net::WorkPool heavy_{1, 16};
  DeliveryOptions options_;
  policy::Webhook webhook_;
  std::unique_ptr<net::ScriptedHttpServer> server_;
  std::unique_ptr<WebhookDelivery> delivery_;
};

/// Records what happened to the files of the last message.
class WatchedStore final : public AttachmentStore {
 public:
  std::unique_ptr<LinkedFiles> begin(std::string, std::string, std::chrono::hours) override {
    fate = "owned";
    return std::make_unique<Files>(*this);
  }
  std::string fate;

 private:
  class Files final : public LinkedFiles {
   public:
    explicit Files(WatchedStore& store) : store_(store) {}
    ~Files() override {
      if (store_.fate == "owned") store_.fate = "removed";
    }
    Result<Link> add(const File&, const Source&) override { return Link{}; }
    Result<void> finish() override { return {}; }
    std::string name() const override { return "att_1"; }
    void keep(Done done) override {
      store_.fate = "kept";
      done({});
    }
    void leave() override { store_.fate = "left"; }
    void remove() override { store_.fate = "removed"; }

   private:
    WatchedStore& store_;
  };
};

TEST_F(WebhookDeliveryTest, files_behind_links_stay_only_with_mail_that_was_accepted) {
  WatchedStore files;
  options_.payload.store = &files;
  webhook_.include_raw = policy::RawMode::link;
  int status = 200;
  serve([&](const Request&) { return Response{.status = status}; });
  EXPECT_EQ(deliver().reply.code, 250);
  EXPECT_EQ(files.fate, "kept");
  status = 500;
  EXPECT_EQ(deliver().reply.code / 100, 4);
  EXPECT_EQ(files.fate, "removed");
  server_.reset();
  EXPECT_EQ(deliver().reply.code, 450) << "nobody listens";
  EXPECT_EQ(files.fate, "removed");
  webhook_.target_url = "inbox";
  webhook_.inbox.messages = 0;
  publish();
  EXPECT_EQ(deliver().reply.code, 452);
  EXPECT_EQ(files.fate, "removed");
  webhook_.inbox.messages = 1;
  publish();
  EXPECT_EQ(deliver().reply.code, 250);
  EXPECT_EQ(files.fate, "left") << "the inbox has kept them";
  EXPECT_EQ(deliver().reply.code, 250) << "the same message again";
  EXPECT_EQ(files.fate, "removed");
}

TEST_F(WebhookDeliveryTest, files_stay_for_a_while_when_the_answer_is_lost) {
  WatchedStore files;
  options_.payload.store = &files;
  webhook_.include_raw = policy::RawMode::link;
  // A busy machine may need longer than that for the request.
  for (webhook_.timeout = 100ms; !server_ || server_->requests().empty(); webhook_.timeout *= 4) {
    ASSERT_LT(webhook_.timeout, tests::patience);
    serve([](const Request&) { return Response{.delay = 2 * tests::patience}; });
    EXPECT_EQ(deliver().reply.code, 450);
  }
  EXPECT_EQ(files.fate, "left") << "the endpoint may have the message";
}

TEST_F(WebhookDeliveryTest, posts_a_signed_payload_and_passes_the_answer_on) {
  webhook_.custom_headers = {{"X-Env", "prod"},
                             {"Authorization", "Bearer abc"},
                             {"Host", "elsewhere.example"},
                             {"Content-Type", "text/plain"}};
  serve([](const Request&) { return Response{.status = 201}; });
  const DeliveryOutcome outcome = deliver();
  EXPECT_EQ(outcome.reply.to_string(), "250 2.0.0 accepted " + outcome.message_id);
  const std::vector<Request> seen = server_->requests();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].header("Content-Type"), "application/json");
  EXPECT_EQ(seen[0].header("X-Env"), "prod");
  EXPECT_EQ(seen[0].header("Authorization"), "Bearer abc");
  EXPECT_TRUE(seen[0].header("Host").starts_with("127.0.0.1:"));
  EXPECT_EQ(seen[0].header("webhook-id"), outcome.message_id);
  const auto at = parse_number(seen[0].header("webhook-timestamp"));
  ASSERT_TRUE(at);
  const auto fields = sign(SigningKeys::of(webhook_, std::chrono::system_clock::now()),
                           outcome.message_id, static_cast<std::int64_t>(*at), seen[0].body);
  ASSERT_TRUE(fields);
  EXPECT_EQ(seen[0].header("webhook-signature"), (*fields)[2].second);
  EXPECT_EQ(seen[0].header("X-Conduit-Signature"), (*fields)[3].second);
  const boost::json::value payload = boost::json::parse(seen[0].body);
  EXPECT_EQ(payload.at("id").as_string(), outcome.message_id);
  EXPECT_EQ(payload.at("subject").as_string(), "Disk");
  EXPECT_EQ(payload.at("from").as_string(), "alerts@example.com");
}

TEST_F(WebhookDeliveryTest, leaves_a_record_of_each_attempt) {
  serve([](const Request&) { return Response{.status = 503}; });
  policy::Evidence given = evidence();
  given.spf = mailauth::spf::Result{.status = mailauth::spf::Status::neutral};
  const DeliveryOutcome outcome = deliver(given);
  EXPECT_EQ(outcome.reply.code, 450);
  const store::LogRecord record = last_record();
  EXPECT_EQ(record.id, outcome.log_id);
  EXPECT_EQ(record.kind, store::LogKind::delivery);
  EXPECT_EQ(record.http_status, 503);
  EXPECT_EQ(record.smtp_code, 450);
  EXPECT_EQ(record.smtp_text, "4.3.0 the webhook cannot take the message now");
  EXPECT_EQ(record.sender, "alerts@example.com");
  EXPECT_EQ(record.recipients, std::vector<std::string>{"hook@hooks.example.net"});
  EXPECT_EQ(record.message_id, "<abc@example.com>");
  EXPECT_EQ(record.client_ip, "203.0.113.10");
  EXPECT_EQ(record.error, "HTTP status 503");
  EXPECT_EQ(record.size, std::string_view(message_text).size());
  EXPECT_TRUE(record.duration_ms);
  EXPECT_EQ(record.spf_result, "neutral");
  EXPECT_FALSE(record.dmarc_result);
}

TEST_F(WebhookDeliveryTest, gives_a_message_without_message_id_one_of_its_own) {
  serve([](const Request&) { return Response{}; });
  policy::Evidence given = evidence();
  given.message->message_id.clear();
  EXPECT_NE(deliver(given, "Subject: x\r\n\r\nhi\r\n").message_id,
            deliver(given, "Subject: x\r\n\r\nhi\r\n").message_id);
  const boost::json::value payload = boost::json::parse(server_->requests().at(0).body);
  const std::string made(payload.at("message_id").as_string());
  EXPECT_TRUE(made.starts_with("<") && made.ends_with("@hooks.example.net>")) << made;
  EXPECT_FALSE(last_record().message_id);
}

TEST_F(WebhookDeliveryTest, repeats_the_id_of_a_repeated_message) {
  serve([](const Request&) { return Response{.status = 503}; });
  const DeliveryOutcome first = deliver();
  const DeliveryOutcome second = deliver();
  EXPECT_EQ(first.message_id, second.message_id);
  EXPECT_NE(first.log_id, second.log_id);
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(WebhookDeliveryTest, uses_the_webhook_as_it_is_now) {
  serve([](const Request&) { return Response{}; });
  const policy::Evidence old = evidence();
  net::ScriptedHttpServer moved([](const Request&) { return Response{}; });
  webhook_.target_url = moved.url();
  publish();
  EXPECT_EQ(deliver(old).reply.code, 250);
  EXPECT_EQ(server_->requests().size(), 0u);
  EXPECT_EQ(moved.requests().size(), 1u);
  webhook_.is_active = false;
  publish();
  EXPECT_EQ(deliver(old).reply.to_string(), "550 5.2.1 the webhook is not active");
  EXPECT_EQ(last_record().kind, store::LogKind::rejection);
  known_.apply({.remove_webhooks = {webhook_.id}});
  EXPECT_EQ(deliver(old).reply.to_string(), "550 5.2.1 no such webhook any more");
}

TEST_F(WebhookDeliveryTest, takes_a_rate_token_just_before_the_post) {
  webhook_.rate_limit_per_minute = 2;
  serve([](const Request&) { return Response{}; });
  EXPECT_EQ(deliver().reply.code, 250);
  EXPECT_EQ(deliver().reply.code, 250);
  const DeliveryOutcome third = deliver();
  EXPECT_EQ(third.reply.code, 450);
  EXPECT_EQ(third.reply.enhanced, (smtp::EnhancedCode{4, 2, 1}));
  EXPECT_EQ(server_->requests().size(), 2u);
  EXPECT_EQ(last_record().failed_control, "rate_limit");
}

TEST_F(WebhookDeliveryTest, gives_up_when_the_endpoint_is_slow_or_blocked) {
  webhook_.timeout = 150ms;
  serve([](const Request&) { return Response{.delay = tests::patience}; });
  const DeliveryOutcome slow = deliver();
  EXPECT_EQ(slow.reply.enhanced, (smtp::EnhancedCode{4, 4, 1}));
  EXPECT_LT(slow.duration, tests::patience);
  webhook_.target_url = "https://10.0.0.1/";
  publish();
  const DeliveryOutcome blocked = deliver();
  EXPECT_EQ(blocked.reply.code, 450);
  ASSERT_TRUE(blocked.error);
  EXPECT_TRUE(blocked.error->starts_with("target refused")) << *blocked.error;
  EXPECT_EQ(blocked.reply.text.find("10.0.0.1"), std::string::npos);
}

TEST_F(WebhookDeliveryTest, carries_a_large_message) {
  serve([](const Request&) { return Response{}; });
  std::string text = message_text;
  for (int i = 0; i < 20'000; ++i)
    text += "a line of some length, so that the message is over the threshold\r\n";
  const DeliveryOutcome outcome = deliver(evidence(), text);
  EXPECT_EQ(outcome.reply.code, 250) << outcome.error.value_or("");
  const boost::json::value payload = boost::json::parse(server_->requests().at(0).body);
  EXPECT_GT(payload.at("text").as_string().size(), 1'000'000u);
}

TEST_F(WebhookDeliveryTest, limits_the_deliveries_of_a_webhook_at_a_time) {
  options_.concurrency = 2;
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  serve([&](const Request&) {
    most = std::max(most.load(), ++inside);
    std::this_thread::sleep_for(20ms);
    --inside;
    return Response{};
  });
  const policy::Evidence given = evidence();
  std::vector<spool::Body> messages;
  std::vector<DeliveryOutcome> outcomes(8);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    messages.emplace_back(folder_.path());
    ASSERT_TRUE(messages.back().append(message_text));
  }
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    asio::co_spawn(loop_, run_delivery(&delivery(), &given, &messages[i], &outcomes[i]),
                   asio::detached);
  loop_.run();
  for (const DeliveryOutcome& outcome : outcomes) EXPECT_EQ(outcome.reply.code, 250);
  EXPECT_LE(most, 2);
}

TEST_F(WebhookDeliveryTest, delivers_on_several_loops) {
  serve([](const Request&) { return Response{}; });
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  // The loops outlive the delivery, as in the gateway.
  std::vector<std::unique_ptr<asio::io_context>> loops;
  for (int t = 0; t < 3; ++t) loops.push_back(std::make_unique<asio::io_context>(1));
  WebhookDelivery& shared = delivery();
  for (const auto& loop : loops)
    threads.emplace_back([&, loop = loop.get()] {
      const policy::Evidence given = evidence();
      for (int i = 0; i < 10; ++i) {
        spool::Body message(folder_.path());
        if (!message.append(message_text)) continue;
        DeliveryOutcome outcome;
        asio::co_spawn(*loop, run_delivery(&shared, &given, &message, &outcome), asio::detached);
        loop->restart();
        loop->run();
        good += outcome.reply.code == 250;
      }
    });
  for (std::thread& thread : threads) thread.join();
  delivery_.reset();
  EXPECT_EQ(good, 30);
  EXPECT_EQ(server_->connections(), 3);
}

TEST_F(WebhookDeliveryTest, keeps_a_message_in_the_inbox) {
  webhook_.target_url = "inbox";
  publish();
  const DeliveryOutcome outcome = deliver();
  EXPECT_EQ(outcome.reply.code, 250) << outcome.error.value_or("");
  auto kept = inbox_->reader().message(webhook_.id, outcome.message_id);
  ASSERT_TRUE(kept && *kept);
  EXPECT_EQ((*kept)->message.subject, "Disk");
  EXPECT_EQ((*kept)->message.sender, "alerts@example.com");
  const std::string payload((*kept)->payload.next().value());
  EXPECT_EQ(boost::json::parse(payload).at("id").as_string(), outcome.message_id);
  EXPECT_EQ(deliver().message_id, outcome.message_id);
}

// Such mail was released from quarantine, or queued before the webhook's target became the inbox.
TEST_F(WebhookDeliveryTest, mail_from_the_queue_goes_to_the_inbox_too) {
  webhook_.target_url = "inbox";
  publish();
  const policy::Evidence given = evidence();
  for (const auto& [id, payload, subject] :
       {std::tuple{"msg_1", R"({"id":"msg_1","subject":"Disk \"full\"","text":"x"})",
                   "Disk \"full\""},
        std::tuple{"msg_2", R"({"id":"msg_2","text":",\"subject\":\"y\""})", ""}}) {
    spool::Body body(folder_.path());
    ASSERT_TRUE(body.append(payload));
    const WebhookDelivery::Attempt attempt{.webhook_id = webhook_.id,
                                           .id = id,
                                           .evidence = given,
                                           .received_at = std::chrono::system_clock::now()};
    DeliveryOutcome outcome;
    asio::co_spawn(
        loop_,
        [&]() -> Task<void> {
          DeliveryOutcome made = co_await delivery().redeliver(attempt, std::move(body));
          outcome = std::move(made);
        },
        asio::detached);
    loop_.restart();
    loop_.run();
    EXPECT_EQ(outcome.reply.code, 250) << outcome.error.value_or("");
    auto kept = inbox_->reader().message(webhook_.id, id);
    ASSERT_TRUE(kept && *kept);
    EXPECT_EQ((*kept)->message.subject, subject);
    EXPECT_EQ((*kept)->payload.next().value(), payload);
  }
}

TEST(DeliveryReport, the_log_names_the_trace_of_what_a_full_inbox_refused) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("log");
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  telemetry::LogOutput output;
  output.fd = file;
  telemetry::log::start({.format = telemetry::LogFormat::json}, output);
  const policy::Evidence evidence;
  policy::Webhook inbox;
  inbox.target_url = "inbox";
  DeliveryOutcome refused{.failed_control = "inbox_full"};
  refused.reply = {452, {4, 2, 2}, "the inbox is full"};
  report({.evidence = evidence, .webhook = inbox, .trace_id = "trc_1"}, refused);
  telemetry::log::stop();
  close(file);
  EXPECT_THAT(tests::read_file(path), testing::HasSubstr(R"("trace":"trc_1")"));
}

TEST_F(WebhookDeliveryTest, a_full_inbox_defers_and_keeps_what_it_took) {
  webhook_.target_url = "inbox";
  webhook_.inbox.messages = 1;
  publish();
  const DeliveryOutcome first = deliver();
  EXPECT_EQ(first.reply.code, 250);
  policy::Evidence other = evidence();
  other.message->message_id = "<other@example.com>";
  const std::string text = "Message-ID: <other@example.com>\r\n\r\nx\r\n";
  const DeliveryOutcome second = deliver(other, text);
  EXPECT_EQ(second.reply.to_string(), "452 4.2.2 the inbox is full");
  EXPECT_EQ(last_record().failed_control, "inbox_full");
  EXPECT_EQ(deliver().reply.code, 250) << "the first one again: it is there";
  EXPECT_TRUE(inbox_->reader().message(webhook_.id, first.message_id).value());
  EXPECT_EQ(inbox_->reader().state(webhook_.id)->refused, 1u);

  webhook_.inbox = {.messages = 10, .octets = 1'048'576};
  publish();
  const std::string large = text + std::string(1'200'000, 'x') + "\r\n";
  EXPECT_EQ(deliver(other, large).reply.to_string(),
            "552 5.2.3 the message is larger than this inbox");
}

TEST_F(WebhookDeliveryTest, tells_trouble_of_its_own_from_the_webhooks) {
  serve([](const Request&) { return Response{}; });
  const std::string large = message_text + std::string(100'000, 'x') + "\r\n";
  workers_.stop();
  const DeliveryOutcome busy = deliver(evidence(), large);
  EXPECT_EQ(busy.reply.code, 451);
  EXPECT_EQ(busy.error, "too much work is waiting");
  EXPECT_EQ(deliver().reply.code, 250);
  webhook_.secret = Secret("not a secret");
  publish();
  const DeliveryOutcome broken = deliver();
  EXPECT_EQ(broken.reply.to_string(), "451 4.3.0 temporary local problem, try again later");
  EXPECT_EQ(last_record().error, "the webhook's secret is malformed");
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(WebhookDeliveryTest, answers_test_recipients_of_an_inbox_only_when_told_to) {
  webhook_.target_url = "inbox";
  webhook_.timeout = 50ms;
  publish();
  EXPECT_EQ(deliver(evidence("451")).reply.code, 250);
  options_.test_recipients = true;
  delivery_.reset();
  EXPECT_EQ(deliver(evidence("451")).reply.code, 451);
  EXPECT_EQ(deliver(evidence("550")).reply.code, 550);
  EXPECT_EQ(deliver(evidence("timeout")).reply.to_string(), "450 4.4.1 test: no answer in time");
  policy::Evidence tagged = evidence();
  tagged.recipients.front().route.tag = "550";
  EXPECT_EQ(deliver(tagged).reply.code, 550);
  EXPECT_EQ(deliver().reply.code, 250);
}

TEST_F(WebhookDeliveryTest, discards_without_a_post_or_a_record) {
  options_.disposition = Disposition::discard;
  serve([](const Request&) { return Response{}; });
  EXPECT_EQ(deliver().reply.code, 250);
  EXPECT_EQ(server_->connections(), 0);
  EXPECT_EQ(last_record().id, "");
}

TEST_F(WebhookDeliveryTest, simulates_without_limit_and_marks_it) {
  webhook_.rate_limit_per_minute = 1;
  serve([](const Request&) { return Response{}; });
  const auto webhook = publish();
  policy::Evidence envelope;
  envelope.reverse_path = mail::Mailbox{"alerts", "example.com"};
  envelope.recipients.push_back(
      {.address = {"hook", "hooks.example.net"},
       .route = {.kind = policy::Route::Kind::webhook, .webhook = webhook}});
  for (int i = 0; i < 3; ++i) {
    spool::Body message(folder_.path());
    ASSERT_TRUE(message.append(message_text));
    DeliveryOutcome outcome;
    asio::co_spawn(loop_, run_simulation(&delivery(), webhook, &envelope, &message, &outcome),
                   asio::detached);
    loop_.restart();
    loop_.run();
    EXPECT_EQ(outcome.http_status, 200);
    EXPECT_FALSE(outcome.error);
    EXPECT_EQ(last_record().id, outcome.log_id);
    EXPECT_EQ(last_record().kind, store::LogKind::simulation);
    EXPECT_FALSE(last_record().client_ip);
  }
  const boost::json::value payload = boost::json::parse(server_->requests().at(0).body);
  EXPECT_TRUE(payload.at("simulated").as_bool());
}

// Large mail of one account must not delay all others.
TEST_F(WebhookDeliveryTest, tenants_take_turns_with_large_messages) {
  options_.offload_from = options_.heavy_from = 10;
  webhook_.target_url = "inbox";
  std::vector<policy::Evidence> given;
  for (const std::string account : {"acc_a", "acc_a", "acc_a", "acc_b"}) {
    webhook_.account_id = account;
    webhook_.id = "wh_" + std::to_string(given.size());
    publish();
    given.push_back(evidence());
  }
  std::promise<void> go;
  asio::co_spawn(
      loop_,
      [&]() -> Task<void> {
        (void)co_await heavy_.run([started = go.get_future().share()] {
          started.wait();
          return true;
        });
      },
      asio::detached);
  std::vector<spool::Body> messages;
  std::vector<DeliveryOutcome> outcomes(given.size());
  std::vector<std::string> ended;
  for (std::size_t i = 0; i < given.size(); ++i) {
    ASSERT_TRUE(messages.emplace_back(folder_.path()).append(message_text));
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    asio::co_spawn(loop_, run_delivery(&delivery(), &given[i], &messages[i], &outcomes[i]),
                   [&, i](std::exception_ptr) {
                     ended.push_back(given[i].subject()->route.webhook->account_id);
                   });
  }
  asio::post(loop_, [&] { go.set_value(); });
  loop_.run();
  for (const DeliveryOutcome& outcome : outcomes) EXPECT_EQ(outcome.reply.code, 250);
  EXPECT_THAT(ended, testing::ElementsAre("acc_a", "acc_b", "acc_a", "acc_a"));
}

TEST_F(WebhookDeliveryTest, posts_what_a_template_makes_of_the_payload) {
  webhook_.payload_template = "{\"title\": {{json .Subject}}}";
  webhook_.custom_headers = {{"Content-Type", "application/vnd.example+json"}};
  serve([](const Request&) { return Response{}; });
  EXPECT_EQ(deliver().reply.code, 250);
  EXPECT_EQ(server_->requests().at(0).body, "{\"title\": \"Disk\"}");
  EXPECT_EQ(server_->requests().at(0).header("Content-Type"), "application/vnd.example+json");
  webhook_.payload_template = "{{range .To}}{{.Name.Nothing.At | unknown}}{{end}}";
  publish();
  const DeliveryOutcome failed = deliver();
  EXPECT_EQ(failed.reply.to_string(), "450 4.3.0 the webhook's payload template failed");
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(WebhookDeliveryTest, what_a_template_multiplies_is_refused_for_want_of_memory) {
  for (int i = 0; i < 24; ++i) webhook_.payload_template += "{{with json $}}";
  webhook_.payload_template += "x";
  for (int i = 0; i < 24; ++i) webhook_.payload_template += "{{end}}";
  serve([](const Request&) { return Response{.status = 200}; });
  EXPECT_EQ(deliver().reply.code, 250);
  const MemoryCharge others(memory_, memory_.limit() - (std::uint64_t{2} << 20));
  const std::string text = message_text + std::string(200'000, 'x');
  EXPECT_EQ(deliver(evidence(), text).reply.to_string(), "452 4.3.1 insufficient system storage");
  EXPECT_EQ(memory_.used(), others.charged());
}

TEST_F(WebhookDeliveryTest, renders_no_template_when_limits_memory_is_used_up) {
  webhook_.payload_template = "{{json .Subject}}";
  serve([](const Request&) { return Response{}; });
  {
    const MemoryCharge others(memory_, memory_.limit());
    EXPECT_EQ(deliver().reply.to_string(), "452 4.3.1 insufficient system storage");
  }
  EXPECT_EQ(deliver().reply.code, 250);
  EXPECT_EQ(server_->requests().size(), 1u);
  EXPECT_EQ(memory_.used(), 0u);
}

}  // namespace
}  // namespace postern::deliver
