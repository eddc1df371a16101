// Reports to senders by the queue's runner on a real spool. If a report cannot be made, the message
// stays in the queue.
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "net/work_pool.h"
#include "policy/evidence.h"
#include "policy/record.h"
#include "queue/runner.h"
#include "serve/delivery_agents.h"
#include "spool/sqlite_spool.h"

namespace postern::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A host that refuses at RCPT and does not read the text.
class Refuses final : public queue::DeliveryAgent {
 public:
  Task<queue::Carried> carry(const queue::DeliveryTask& task, queue::Text&) override {
    if (during) during();
    queue::Carried carried;
    carried.results.assign(task.recipients.size(), {.klass = smtp::ResultClass::permanent,
                                                    .code = 550,
                                                    .enhanced = {5, 1, 1},
                                                    .text = "5.1.1 no such user"});
    carried.remotes.assign(task.recipients.size(), "mx.example.net");
    ++calls;
    co_return carried;
  }
  std::function<void()> during;
  std::atomic<int> calls{0};
};

/// Uses up all descriptors during its lifetime.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

struct SenderReportsTest : ::testing::Test {
  SenderReportsTest() {
    fs::create_directory(folder.file("spool"));
    fs::create_directory(folder.file("tmp"));
    spool = *spool::SqliteSpool::open({.directory = folder.file("spool"), .min_free = 0});
    reports = std::make_unique<SenderReports>(
        "mx.example.org", folder.file("tmp"),
        [](const mail::Mailbox&) {
          return spool::Destination{spool::RouteKind::local, "reports"};
        },
        120h, keys);
    queue::RunnerOptions options;
    options.relay.initial = 3600s;
    options.relay.jitter = 0;
    runner = std::make_unique<queue::Runner>(loop, *spool, disk,
                                             queue::Runner::Couriers{refuses, refuses, folders},
                                             reports.get(), std::move(options));
    runner->start();
    thread = std::thread([this] {
      auto work = boost::asio::make_work_guard(loop);
      loop.run();
    });
  }
  ~SenderReportsTest() override {
    disk.stop();
    loop.stop();
    thread.join();
    spool.reset();  // its completions still post to the loop
    runner.reset();
  }

  static policy::Evidence trusted() {
    policy::Evidence evidence;
    evidence.trusted_client = true;
    return evidence;
  }
  /// Puts a message that is returned whole if it fails.
  spool::MessageId put(std::size_t octets = 300'000, spool::State state = spool::State::queued,
                       const policy::Evidence& evidence = trusted()) {
    spool::Envelope envelope{.received = std::chrono::system_clock::now(),
                             .reverse_path = "ann@example.com",
                             .ret = "FULL",
                             .evidence = policy::write_evidence(evidence, "")};
    envelope.recipients.push_back({.address = "bob@example.net",
                                   .destination = {spool::RouteKind::relay, "example.net"},
                                   .state = state});
    spool::Body body(folder.path());
    std::string text = "Subject: hello\r\n\r\n";
    while (text.size() < octets) text += std::string(70, 'x') + "\r\n";
    EXPECT_TRUE(body.append(text));
    std::promise<Result<spool::MessageId>> stored;
    spool->put(std::move(envelope), std::move(body),
               [&](Result<spool::MessageId> id) { stored.set_value(std::move(id)); });
    const spool::MessageId id = *stored.get_future().get();
    runner->wake();
    return id;
  }
  void retry(const spool::MessageId& id) {
    const auto sequence = spool->get(id)->value().sequence;
    std::promise<void> done;
    spool->act(spool::Action::retry, id, std::chrono::system_clock::now(),
               [&](const Result<void>&) { done.set_value(); });
    done.get_future().get();
    runner->told(sequence, true);
  }
  bool gone(const spool::MessageId& id) {
    return tests::eventually([&] { return !spool->get(id)->has_value(); });
  }
  /// The state of a message after its failed delivery attempt.
  std::optional<spool::State> refused(const spool::MessageId& id, int calls = 1) {
    if (!tests::eventually([&] { return refuses.calls == calls; })) return std::nullopt;
    std::optional<spool::State> state;
    tests::eventually([&] {
      const auto found = spool->get(id);
      if (!*found) return true;  // removed
      const spool::Recipient& one = (**found).envelope.recipients[0];
      state = one.state;
      return !one.claimed;
    });
    return spool->get(id)->has_value() ? state : std::nullopt;
  }
  std::size_t told() { return spool->list({.recipient = "ann@example.com"}, "", 10)->size(); }

  tests::TemporaryFolder folder;
  std::unique_ptr<spool::SqliteSpool> spool;
  boost::asio::io_context loop{1};
  net::WorkPool disk{2, 100};
  policy::DkimKeyring keys;
  /// Mailboxes that fail temporarily, so that reports stay visible.
  struct : queue::DeliveryAgent {
    Task<queue::Carried> carry(const queue::DeliveryTask& task, queue::Text&) override {
      queue::Carried carried;
      carried.results.assign(task.recipients.size(),
                             {.klass = smtp::ResultClass::temporary, .enhanced = {4, 3, 0}});
      co_return carried;
    }
  } folders;
  Refuses refuses;
  std::unique_ptr<SenderReports> reports;
  std::unique_ptr<queue::Runner> runner;
  std::thread thread;
};

TEST_F(SenderReportsTest, a_message_stays_while_its_report_cannot_be_written) {
  fs::remove(folder.file("tmp"));
  const auto id = put();
  EXPECT_EQ(refused(id), spool::State::queued);
  EXPECT_EQ(told(), 0u);
  fs::create_directory(folder.file("tmp"));
  retry(id);
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(told(), 1u);
}

TEST_F(SenderReportsTest, a_message_stays_while_its_text_cannot_be_opened_for_the_report) {
  std::unique_ptr<NoDescriptors> none;
  refuses.during = [&] { none = std::make_unique<NoDescriptors>(); };
  const auto id = put();
  const auto state = refused(id);
  refuses.during = nullptr;
  none.reset();
  EXPECT_EQ(state, spool::State::queued);
  EXPECT_EQ(told(), 0u);
  retry(id);
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(told(), 1u);
}

TEST_F(SenderReportsTest, what_the_report_finds_damaged_is_set_aside) {
  refuses.during = [&] {
    for (const auto& entry : fs::recursive_directory_iterator(folder.file("spool/bodies"))) {
      if (!entry.is_regular_file()) continue;
      FILE* file = std::fopen(entry.path().c_str(), "r+");
      std::fseek(file, 200'000, SEEK_SET);
      std::fputc('y', file);
      std::fclose(file);
    }
  };
  const auto id = put();
  EXPECT_TRUE(tests::eventually([&] {
    const auto found = spool->get(id);
    return *found && !(**found).damage.empty();
  }));
  ASSERT_TRUE(spool->get(id)->has_value());
  EXPECT_EQ(refused(id), spool::State::quarantined);
  EXPECT_THAT(spool->get(id)->value().damage, HasSubstr("checksum"));
  EXPECT_EQ(told(), 0u);
}

// Anyone can become a tenant: the sender that such a client names may be forged.
TEST_F(SenderReportsTest, a_tenants_login_gets_no_report_for_a_sender_that_nothing_vouches_for) {
  policy::Evidence evidence;
  evidence.session.auth = policy::Authentication{.username = "ann", .mechanism = "PLAIN"};
  EXPECT_TRUE(gone(put(1000, spool::State::queued, evidence)));
  EXPECT_EQ(told(), 1u);
  evidence.session.auth->tenant = true;
  EXPECT_TRUE(gone(put(1000, spool::State::queued, evidence)));
  EXPECT_EQ(told(), 1u);
}

// Each report that was made counted towards the hourly limit, so that a full disk used it up and
// later messages failed without a report.
TEST_F(SenderReportsTest, reports_that_were_not_stored_do_not_count_as_sent) {
  const auto id = put(1000, spool::State::held);
  const spool::Message message = **spool->get(id);
  const std::vector<std::uint32_t> recipients{0};
  const queue::DeliveryTask task{.message = message,
                                 .destination = message.envelope.recipients[0].destination,
                                 .recipients = recipients,
                                 .started = std::chrono::system_clock::now(),
                                 .next_attempt = {}};
  queue::Carried carried;
  carried.results = {{.klass = smtp::ResultClass::permanent, .code = 550, .enhanced = {5, 1, 1}}};
  carried.remotes = {"mx.example.net"};
  queue::Text text(*spool, id, *spool->body(id));
  const auto is_due = [&] {
    const auto made = reports->report(queue::Reporter::Event::failed, task, carried, text);
    return made && made->has_value();
  };
  for (std::size_t i = 0; i < 2 * relay::max_reports_to_address; ++i) {
    ASSERT_TRUE(is_due()) << i;
    reports->lost(task);
  }
  for (std::size_t i = 0; i < relay::max_reports_to_address; ++i) ASSERT_TRUE(is_due()) << i;
  EXPECT_FALSE(is_due()) << "the limit";
}

}  // namespace
}  // namespace postern::app
