// What sessions cost of limits.memory and of the descriptors, and what happens when either is used
// up.
#include <atomic>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "dns/recorded_resolver.h"
#include "gateway/kept_traces_test.h"
#include "gateway/server.h"
#include "gateway/test_client.h"
#include "policy/gateway_layer.h"
#include "policy/inquiry.h"

namespace postern::gateway {
namespace {

constexpr std::string_view short_message = "From: a@example.org\r\nSubject: hello\r\n\r\nbody\r\n";
constexpr std::uint64_t kib = 1024;

class TakingSink final : public MessageSink {
 public:
  std::optional<smtp::Reply> refusal(const policy::Recipient&) const override { return {}; }
  std::optional<smtp::Reply> trouble(std::uint64_t) const override { return {}; }
  Task<smtp::Reply> take(std::vector<Copy> copies, Ruling) override {
    taken = copies.size();
    for (const Copy& copy : copies) {
      most_room = std::max(most_room.load(), copy.evidence->recipients.capacity());
    }
    co_return smtp::Reply{.code = 250, .enhanced = {2, 0, 0}, .text = "taken"};
  }
  std::atomic<std::size_t> taken{0};
  std::atomic<std::size_t> most_room{0};  ///< for recipients, in one copy
};

/// Gives each recipient a copy of its own with another header.
class Copier final : public policy::Layer {
 public:
  std::string_view name() const override { return "copier"; }
  bool speaks_at(policy::Stage stage) const override {
    return makes_copies && stage == policy::Stage::message;
  }
  Task<policy::Ruling> judge(policy::Stage, policy::Inquiry& inquiry,
                             std::vector<policy::Step>&) const override {
    policy::Edit edit;
    for (std::size_t i = 0; i < inquiry.evidence.recipients.size(); ++i) {
      policy::ScriptCopy copy;
      copy.recipients = {i};
      copy.header = "X-To: " + std::to_string(i) + "\r\n\r\n";
      edit.copies.push_back(std::move(copy));
    }
    policy::Ruling ruling(policy::pass_on());
    ruling.effects.push_back({.what = std::move(edit), .why = {}, .check = {}, .place = {}});
    co_return ruling;
  }
  bool makes_copies = false;
};

class SessionMemory : public testing::Test {
 protected:
  /// Traces hold charges, so they are destroyed before the budget.
  void TearDown() override {
    server.reset();
    recorder.traces.clear();
  }

  void start(std::uint64_t limit, std::uint64_t work = WorkPlaces::unlimited) {
    memory = std::make_unique<MemoryBudget>(limit);
    resources = std::make_unique<Resources>(*memory, folder.path(), work);
    sightings = std::make_unique<SignatureSightings>(*memory);
    services = std::make_unique<Services>(Services{directory, authenticator, sink, recorder, rates,
                                                   *resources, resolver, caches, *sightings});
    add_webhook("open", {});
    add_webhook("signed", dialect::webhook::PolicyFields{.name = "signed", .require_dkim = true});
    settings.session.hostname = "mx.example.net";
    settings.timeouts.error_delay = std::chrono::milliseconds(0);
    settings.body_directory = folder.path();
    settings.engine =
        std::make_shared<policy::CurrentEngine>(std::make_shared<const policy::Engine>(
            std::vector<policy::LayerEntry>{{std::make_shared<dialect::webhook::WebhookLayer>()},
                                            {policy::gateway_layer()},
                                            {layer}}));
    server = std::make_unique<Server>(2, *services, admission);
    const auto opened = server->listen({.ip = IpAddress::v4(0x7f000001), .port = 0},
                                       std::make_shared<const ListenerSettings>(settings));
    ASSERT_TRUE(opened);
    port = *opened;
    server->start();
  }

  void add_webhook(const std::string& name, std::optional<dialect::webhook::PolicyFields> fields) {
    policy::Change change;
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = "wh_" + name;
    webhook->address = name + "@hooks.example.net";
    if (fields) {
      webhook->policy_id = "pol_" + name;
      change.put_policies.push_back(
          dialect::webhook::compile("pol_" + name, "acc_1", 1, 1, *fields));
    }
    change.put_webhooks.push_back(webhook);
    change.put_domains.push_back("hooks.example.net");
    directory.apply(std::move(change));
  }

  std::unique_ptr<TestClient> greeted() {
    auto client = std::make_unique<TestClient>(port);
    EXPECT_EQ(client->reply().substr(0, 3), "220");
    EXPECT_EQ(client->ask("EHLO client.example.org").substr(0, 3), "250");
    return client;
  }
  /// Up to the octets of a message.
  static void begin(TestClient& client, const std::string& recipient) {
    EXPECT_EQ(client.ask("MAIL FROM:<a@example.org>").substr(0, 3), "250");
    EXPECT_EQ(client.ask("RCPT TO:<" + recipient + ">").substr(0, 3), "250");
    EXPECT_EQ(client.ask("DATA").substr(0, 3), "354");
  }
  std::unique_ptr<TestClient> in_message(const std::string& recipient = "open@hooks.example.net") {
    auto client = greeted();
    begin(*client, recipient);
    return client;
  }
  /// The code at the end of a small message.
  static std::string outcome(TestClient& client) {
    const std::string replies = client.transact("open@hooks.example.net", short_message);
    return replies.substr(replies.rfind('|') + 1, 3);
  }
  /// Waits until the condition holds for the used memory, and returns it.
  template <class F>
  std::uint64_t wait_until(F holds) {
    EXPECT_TRUE(tests::eventually([&] { return holds(memory->used()); }));
    return memory->used();
  }
  std::uint64_t wait_for_less(std::uint64_t octets) {
    return wait_until([octets](std::uint64_t used) { return used < octets; });
  }
  /// Header fields of about 1000 octets, without the end of the section.
  static std::string header_of(std::size_t octets) {
    std::string text;
    while (text.size() < octets) text += "X-Long: " + std::string(990, 'x') + "\r\n";
    return text;
  }

  tests::TemporaryFolder folder;
  ListenerSettings settings;
  policy::Directory directory;
  Authenticator authenticator{{}};
  std::shared_ptr<Copier> layer = std::make_shared<Copier>();
  TakingSink sink;
  KeepingRecorder recorder;
  FullBuckets rates;
  std::unique_ptr<MemoryBudget> memory;
  std::unique_ptr<Resources> resources;
  std::unique_ptr<SignatureSightings> sightings;
  dns::RecordedResolver resolver{{}};
  policy::AuthenticationCaches caches;
  std::unique_ptr<Services> services;
  Admission admission{{.sessions = 100, .sessions_per_address = 0, .new_sessions_per_minute = 0}};
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;
};

TEST_F(SessionMemory, a_session_costs_while_it_lasts) {
  start(1 << 30);
  auto client = greeted();
  EXPECT_GT(memory->used(), 4 * kib);
  EXPECT_LT(memory->used(), 64 * kib);
  client->ask("QUIT");
  EXPECT_EQ(wait_for_less(1), 0u);
}

TEST_F(SessionMemory, an_unfinished_header_is_charged_once) {
  start(1 << 30);
  auto client = in_message();
  client->send(header_of(600 * kib));
  const auto arrived = [](std::uint64_t used) { return used > 600 * kib; };
  EXPECT_GT(wait_until(arrived), 600 * kib) << "it is kept, and counted";
  EXPECT_LT(memory->used(), 1400 * kib) << "one buffer, at most twice its contents";
  client.reset();
  EXPECT_EQ(wait_for_less(1), 0u);
}

TEST_F(SessionMemory, an_unfinished_command_line_is_charged) {
  start(1 << 30);
  auto client = greeted();
  const std::uint64_t before = memory->used();
  client->send("AUTH PLAIN " + std::string(11'000, 'A'));
  EXPECT_GT(wait_until([before](std::uint64_t used) { return used > before; }), before);
}

TEST_F(SessionMemory, when_it_is_used_up_the_message_goes_and_the_sessions_stay) {
  start(1024 * kib);
  auto other = in_message();
  auto large = in_message();
  large->send(header_of(980 * kib));
  EXPECT_GT(wait_until([this](std::uint64_t) { return memory->refusals() > 0; }), 0u);
  EXPECT_LT(wait_for_less(128 * kib), 128 * kib) << "what was kept of it is freed at once";
  large->send("\r\nbody\r\n");
  EXPECT_EQ(large->ask(".").substr(0, 9), "452 4.3.1");
  other->send(short_message);
  EXPECT_EQ(other->ask(".").substr(0, 3), "250");
  EXPECT_EQ(outcome(*large), "250");
}

TEST_F(SessionMemory, from_four_fifths_on_nothing_new_begins) {
  start(1024 * kib);
  auto other = greeted();
  MemoryCharge charge(*memory, 900 * kib);
  EXPECT_EQ(other->ask("MAIL FROM:<a@example.org>").substr(0, 9), "452 4.3.1");
  EXPECT_EQ(resources->refusals(), 1u);
  ASSERT_FALSE(charge.set(1100 * kib));
  EXPECT_EQ(TestClient(port).reply().substr(0, 9), "421 4.3.2");
  charge.clear();
  EXPECT_EQ(outcome(*other), "250");
}

// Four places for work: an address may have two of them.
TEST_F(SessionMemory, without_a_place_for_its_file_a_message_is_deferred_and_the_session_stays) {
  start(1 << 30, 4);
  const IpAddress client = IpAddress::v4(0x7f000001);
  auto begun = in_message();
  auto too_large = in_message();
  auto other = greeted();
  const std::string large(300 * kib, 'x');  // beyond Body::in_memory_limit
  std::vector<std::unique_ptr<TestClient>> in_files;
  for (int i = 0; i < 2; ++i) {
    in_files.push_back(in_message());
    in_files.back()->send("Subject: large\r\n\r\n");
    for (std::size_t at = 0; at < large.size(); at += 900) {
      in_files.back()->send(large.substr(at, 900) + "\r\n");
    }
  }
  ASSERT_TRUE(tests::eventually([&] { return !resources->work().has_room(client); }));
  EXPECT_EQ(other->ask("MAIL FROM:<a@example.org>").substr(0, 9), "452 4.3.1");
  begun->send(short_message);
  EXPECT_EQ(begun->ask(".").substr(0, 9), "452 4.3.1") << "it was small, and is at its end";
  too_large->send("Subject: large\r\n\r\n");
  for (std::size_t at = 0; at < large.size(); at += 900) {
    too_large->send(large.substr(at, 900) + "\r\n");
  }
  EXPECT_EQ(too_large->ask(".").substr(0, 9), "452 4.3.1") << "no file, its octets are read";
  EXPECT_EQ(sink.taken, 0u);
  const auto refused_at = [&](policy::Stage stage) {  // with a trace that says why
    const std::lock_guard lock(recorder.mutex);
    int count = 0;
    for (const policy::Trace& trace : recorder.traces) {
      for (const policy::Decision& decision : trace.decisions) {
        const policy::Step* refusal = policy::refusing_step(decision);
        if (refusal != nullptr && refusal->check == "descriptors" && refusal->stage == stage) {
          ++count;
        }
      }
    }
    return count;
  };
  EXPECT_EQ(refused_at(policy::Stage::message), 2);
  for (const auto& one : in_files) {
    EXPECT_EQ(one->ask(".").substr(0, 3), "250") << "it has its place until the end";
  }
  EXPECT_EQ(outcome(*other), "250");
  EXPECT_EQ(refused_at(policy::Stage::mail), 1);
  EXPECT_EQ(outcome(*begun), "250");
  EXPECT_EQ(outcome(*too_large), "250");
}

TEST_F(SessionMemory, a_message_that_is_given_up_gives_its_place_back) {
  start(1 << 30, 1);
  auto gone = in_message();
  gone->send("Subject: large\r\n\r\n");
  for (int i = 0; i < 400; ++i) gone->send(std::string(900, 'x') + "\r\n");
  const IpAddress client = IpAddress::v4(0x7f000001);
  ASSERT_TRUE(tests::eventually([&] { return !resources->work().has_room(client); }));
  EXPECT_EQ(resources->shortage(), Resources::Shortage::descriptors);
  gone.reset();
  auto other = greeted();
  EXPECT_TRUE(tests::eventually([&] { return resources->work().has_room(client); }));
  EXPECT_EQ(outcome(*other), "250");
}

TEST_F(SessionMemory, copies_are_charged_and_cost_no_more_than_they_are) {
  layer->makes_copies = true;
  start(4096 * kib);
  const auto send = [&](TestClient& client, int recipients) {
    client.ask("MAIL FROM:<a@example.org>");
    for (int i = 0; i < recipients; ++i) {
      EXPECT_EQ(
          client.ask("RCPT TO:<open+" + std::to_string(i) + "@hooks.example.net>").substr(0, 3),
          "250");
    }
    EXPECT_EQ(client.ask("DATA").substr(0, 3), "354");
    return client.ask(std::string(short_message) + ".").substr(0, 9);
  };
  auto client = greeted();
  EXPECT_EQ(send(*client, 100).substr(0, 3), "250");
  EXPECT_EQ(sink.taken, 100u);
  EXPECT_LT(sink.most_room, 10u) << "not for the recipients of all copies";
  EXPECT_GT(memory->take_peak(), 100 * sizeof(policy::Evidence));
}

TEST_F(SessionMemory, recipients_are_charged_and_refused_one_by_one) {
  start(160 * kib);
  auto client = greeted();
  client->ask("MAIL FROM:<a@example.org>");
  std::string last;
  int accepted = 0;
  for (; accepted < 100; ++accepted) {
    last = client->ask("RCPT TO:<open+" + std::to_string(accepted) + "@hooks.example.net>");
    if (last.substr(0, 3) != "250") break;
  }
  EXPECT_EQ(last.substr(0, 9), "452 4.3.1") << accepted;
  EXPECT_GT(accepted, 5);
  EXPECT_EQ(client->ask("RSET").substr(0, 3), "250");
  {  // the trace said that the message was accepted
    const std::lock_guard lock(recorder.mutex);
    ASSERT_FALSE(recorder.traces.empty());
    const policy::Step* refusal = policy::refusing_step(*recorder.traces.back().settling());
    ASSERT_NE(refusal, nullptr);
    EXPECT_EQ(refusal->check, "memory");
    EXPECT_EQ(refusal->origin, "limits.memory");
    recorder.traces.clear();  // a trace is charged until it is written
  }
  EXPECT_LT(wait_for_less(64 * kib), 64 * kib);
}

TEST_F(SessionMemory, a_header_over_its_limits_is_let_go_of_and_refused_by_everybody) {
  settings.session.limits.message_size = 4 << 20;
  start(1 << 30);
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "A: 1\r\n";
  std::string no_fields;
  for (int i = 0; i < 1001; ++i) no_fields += "no field\r\n";
  for (const std::string recipient : {"open@hooks.example.net", "signed@hooks.example.net"}) {
    for (const std::string& header : {many, no_fields, header_of(1100 * kib)}) {
      auto client = in_message(recipient);
      client->send(header + "\r\nbody\r\n");
      EXPECT_EQ(client->ask(".").substr(0, 9), "554 5.6.0") << header.size();
      const std::lock_guard lock(recorder.mutex);
      const policy::Step* refusal = policy::refusing_step(*recorder.traces.back().settling());
      ASSERT_NE(refusal, nullptr);
      EXPECT_EQ(refusal->check, "header_limits");
      EXPECT_EQ(refusal->layer, "gateway");
    }
  }
  auto client = in_message();
  client->send(header_of(800 * kib));
  EXPECT_GT(wait_until([](std::uint64_t used) { return used > 800 * kib; }), 800 * kib);
  client->send(header_of(300 * kib));
  EXPECT_LT(wait_for_less(100 * kib), 100 * kib) << "before its end, too";
}

TEST_F(SessionMemory, a_trace_takes_its_charge_with_it) {
  start(1 << 30);
  auto client = greeted();
  EXPECT_EQ(outcome(*client), "250");
  client->ask("QUIT");
  EXPECT_TRUE(tests::eventually([&] { return server->sessions() == 0; }));
  EXPECT_GT(memory->used(), 0u) << "its trace waits to be written";
  const std::lock_guard lock(recorder.mutex);
  ASSERT_EQ(recorder.traces.size(), 1u);
  recorder.traces.clear();
  EXPECT_EQ(memory->used(), 0u);
}

}  // namespace
}  // namespace postern::gateway
