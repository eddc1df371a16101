#include "serve/address_verifier.h"

#include <condition_variable>
#include <future>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "dns/recorded_resolver.h"
#include "relay/destination.h"
#include "relay/taker_test.h"

namespace postern::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* in_progress = "deferred Address verification in progress";
constexpr const char* too_many = "deferred too many addresses are verified now";
constexpr const char* accepted_by_host =
    "deliverable host 127.0.0.1[127.0.0.1] said: 250 2.1.5 mailbox";

/// What a mail host knows of its recipients.
class Mailboxes {
 public:
  /// The reply to RCPT for an address, instead of success; an empty one drops the answer.
  void set(const std::string& address, std::string reply) {
    const std::lock_guard lock(mutex_);
    replies_[address] = std::move(reply);
  }
  /// Whether replies to RCPT are held back.
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  /// The addresses of RCPT so far, once there are `count`; or after a while.
  std::vector<std::string> asked(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, tests::patience, [&] { return asked_.size() >= count; });
    return asked_;
  }
  std::string answer(const std::string& line) {
    constexpr std::string_view verb = "RCPT TO:<";
    if (!line.starts_with(verb)) return {};
    const std::string address = line.substr(verb.size(), line.size() - verb.size() - 1);
    std::unique_lock lock(mutex_);
    asked_.push_back(address);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    const auto known = replies_.find(address);
    return known == replies_.end() ? "250 2.1.5 mailbox" : known->second;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  std::map<std::string, std::string> replies_;
  std::vector<std::string> asked_;
};

/// Two event loops, as in a gateway: one of sessions, one of the queue, on which probes run.
class AddressVerifierTest : public ::testing::Test {
 protected:
  AddressVerifierTest() {
    config_->routing.hostname = "relay.example.net";
    settings_.probe_local = "double-bounce";
    settings_.probe_domain = "relay.example.net";
    settings_.poll_count = 3;
    settings_.poll_delay = tests::patience;
    settings_.positive_refresh = 1h;
    settings_.positive_expire = 10h;
    settings_.negative_refresh = 1h;
    settings_.negative_expire = 10h;
    route("hosts.example", {host_.hop()});
  }
  ~AddressVerifierTest() override { down(); }

  /// Routes with the same hosts have one destination.
  void route(const std::string& match, const std::vector<std::string>& to,
             std::optional<std::uint32_t> max_connections = std::nullopt) {
    relay::Route route = relay::parse_route(to).value();
    route.settings = config_->settings.size();
    EXPECT_TRUE(config_->routes.add(match, route));
    config_->settings.emplace_back().limits.max_connections = max_connections;
    relay::add_limits(*config_, match, route);
  }

  /// Starts a gateway with the settings of the test.
  void up(relay::VerifiedLimits limits = {}) {
    loop_ = std::make_unique<asio::io_context>(1);
    sessions_ = std::make_unique<asio::io_context>(1);
    verifier_ = std::make_unique<AddressVerifier>(*loop_, folder_.file("verify.db"), config_,
                                                  *resolver_, limits);
    use();
    for (asio::io_context* each : {loop_.get(), sessions_.get()}) {
      kept_.emplace_back(each->get_executor());
      threads_.emplace_back([each] { each->run(); });
    }
  }
  void use() { verifier_->use(std::make_shared<const AddressVerifier::Settings>(settings_), true); }
  /// Ends it when all probes have ended.
  void down() {
    boxes_.hold(false);
    kept_.clear();
    for (std::thread& each : threads_) each.join();
    threads_.clear();
    if (verifier_) verifier_->flush();
    verifier_.reset();
    sessions_.reset();
    loop_.reset();
  }

  static AddressVerifier::Question question(const std::string& local_part,
                                            const std::string& domain = "hosts.example",
                                            const char* client = "192.0.2.1") {
    return {.address = {local_part, domain}, .client = IpAddress::parse(client).value()};
  }
  std::future<std::string> begin(
      AddressVerifier::Question asked, std::function<bool()> left = [] { return false; }) {
    return asio::co_spawn(*sessions_, verifier_->verify(std::move(asked), std::move(left)),
                          asio::use_future);
  }
  std::string ask(const std::string& local_part, const std::string& domain = "hosts.example",
                  const char* client = "192.0.2.1") {
    return begin(question(local_part, domain, client)).get();
  }
  std::uint64_t probes(relay::Verified::Kind kind) const {
    return verifier_->counts().probes[static_cast<std::size_t>(kind)];
  }
  /// Waits until so many questions are open.
  void settle(std::size_t open = 0) {
    EXPECT_TRUE(tests::eventually([&] { return verifier_->counts().open == open; }));
  }
  /// Stores a result, as an earlier gateway did.
  void know(const std::string& address, relay::Verified::Kind kind, std::chrono::minutes age) {
    const auto store = store::VerifiedStore::open(folder_.file("verify.db"), 100).value();
    ASSERT_TRUE(store->all());
    store->keep({address, static_cast<std::int64_t>(kind), "found earlier",
                 std::chrono::time_point_cast<store::Time::duration>(
                     std::chrono::system_clock::now() - age)});
    store->flush();
  }

  tests::TemporaryFolder folder_;
  Mailboxes boxes_;
  relay::Taker host_{{.answer = [this](const std::string& line) { return boxes_.answer(line); }}};
  std::shared_ptr<relay::RelayConfig> config_ = std::make_shared<relay::RelayConfig>();
  std::unique_ptr<dns::Resolver> resolver_ = dns::RecordedResolver::parse("{\"zone\": {}}").value();
  AddressVerifier::Settings settings_;
  std::unique_ptr<asio::io_context> loop_;
  std::unique_ptr<asio::io_context> sessions_;
  std::unique_ptr<AddressVerifier> verifier_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> kept_;
  std::vector<std::thread> threads_;
};

using VerifiedKind = relay::Verified::Kind;

TEST_F(AddressVerifierTest, a_result_is_used_and_outlives_the_gateway) {
  up();
  EXPECT_EQ(ask("bob"), accepted_by_host);
  EXPECT_EQ(ask("bob"), accepted_by_host);
  EXPECT_EQ(probes(VerifiedKind::deliverable), 1u);
  EXPECT_EQ(verifier_->counts().results, 1u);
  down();
  const auto heard = host_.heard_to_the_end(1);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_THAT(heard[0],
              ElementsAre("EHLO relay.example.net", "MAIL FROM:<double-bounce@relay.example.net>",
                          "RCPT TO:<bob@hosts.example>", "RSET", "QUIT"));
  up();
  EXPECT_EQ(ask("bob"), accepted_by_host);
  EXPECT_EQ(boxes_.asked(1).size(), 1u);
}

TEST_F(AddressVerifierTest, a_refusal_is_known_as_well) {
  boxes_.set("eve@hosts.example", "550 5.1.1 no such user");
  boxes_.set("tom@hosts.example", "450 4.2.1 later");
  constexpr const char* refused =
      "undeliverable host 127.0.0.1[127.0.0.1] said: 550 5.1.1 no such user";
  up();
  EXPECT_EQ(ask("eve"), refused);
  EXPECT_EQ(ask("tom"), "deferred host 127.0.0.1[127.0.0.1] said: 450 4.2.1 later");
  down();
  up();
  EXPECT_EQ(ask("eve"), refused);
  EXPECT_EQ(boxes_.asked(2).size(), 2u);
}

TEST_F(AddressVerifierTest, without_a_negative_cache_only_success_is_told) {
  boxes_.set("eve@hosts.example", "550 5.1.1 no such user");
  settings_.negative_cache = false;
  settings_.poll_count = 2;
  settings_.poll_delay = 1s;
  up();
  EXPECT_EQ(ask("eve"), in_progress);
  settle();
  EXPECT_EQ(probes(VerifiedKind::undeliverable), 1u);
  EXPECT_EQ(verifier_->counts().results, 0u);
  settings_.poll_delay = tests::patience;
  use();
  EXPECT_EQ(ask("bob"), accepted_by_host);
}

TEST_F(AddressVerifierTest, an_address_literal_of_this_host_is_its_name) {
  up();
  AddressVerifier::Question asked = question("bob", "[127.0.0.1]");
  asked.ours = true;
  EXPECT_EQ(begin(asked).get(), "deliverable a domain of this server");
  EXPECT_EQ(verifier_->counts().results, 0u);
  down();
  route("relay.example.net", {host_.hop()});
  up();
  EXPECT_EQ(begin(asked).get(), accepted_by_host);
  EXPECT_THAT(boxes_.asked(1), ElementsAre("bob@relay.example.net"));
}

TEST_F(AddressVerifierTest, several_sessions_wait_for_one_probe) {
  up();
  boxes_.hold(true);
  auto one = begin(question("bob"));
  auto two = begin(question("bob", "hosts.example", "198.51.100.1"));
  auto gone = begin(question("bob"), [] { return true; });
  EXPECT_EQ(gone.get(), in_progress) << "its client has left";
  boxes_.asked(1);
  boxes_.hold(false);
  EXPECT_EQ(one.get(), accepted_by_host);
  EXPECT_EQ(two.get(), accepted_by_host);
  EXPECT_EQ(boxes_.asked(1).size(), 1u);
}

TEST_F(AddressVerifierTest, a_session_waits_as_long_as_the_parameters_say) {
  settings_.poll_count = 1;
  up();
  boxes_.hold(true);
  EXPECT_EQ(ask("bob"), in_progress) << "no second look";
  settings_.poll_count = 2;
  settings_.poll_delay = 1s;
  use();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(ask("bob"), in_progress);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 1s);
  boxes_.hold(false);
  settle();
  EXPECT_EQ(ask("bob"), accepted_by_host) << "the probe went on";
}

TEST_F(AddressVerifierTest, a_probe_that_was_not_made_is_no_result) {
  route("one.example", {host_.hop()}, 1);
  settings_.poll_count = 2;
  settings_.poll_delay = 1s;
  up();
  boxes_.hold(true);
  auto first = begin(question("a", "one.example"));
  boxes_.asked(1);
  auto second = begin(question("b", "one.example"));
  EXPECT_EQ(second.get(), in_progress);
  verifier_->use(nullptr, true);  // a reload without lists
  boxes_.hold(false);
  settle();
  EXPECT_THAT(boxes_.asked(1), ElementsAre("a@one.example"));
  EXPECT_EQ(verifier_->counts().results, 1u);
  EXPECT_EQ(ask("b", "one.example"), in_progress) << "there is nothing to verify with";
  settings_.poll_delay = tests::patience;
  use();
  EXPECT_EQ(ask("b", "one.example"), accepted_by_host);
}

TEST_F(AddressVerifierTest, a_host_that_cannot_be_reached_is_a_result) {
  route("closed.example", {"[127.0.0.1]:1"});
  up();
  EXPECT_EQ(ask("bob", "closed.example").substr(0, 9), "deferred ");
  EXPECT_EQ(probes(VerifiedKind::deferred), 1u);
  EXPECT_EQ(verifier_->counts().results, 1u);
}

TEST_F(AddressVerifierTest, clients_are_limited_and_all_together) {
  settings_.poll_count = 1;
  up({.open = 3, .client_open = 2});
  boxes_.hold(true);
  EXPECT_EQ(ask("a"), in_progress);
  EXPECT_EQ(ask("b"), in_progress);
  EXPECT_EQ(ask("c"), too_many);
  EXPECT_EQ(ask("a"), in_progress) << "what is asked about already costs nothing";
  EXPECT_EQ(ask("c", "hosts.example", "198.51.100.1"), in_progress);
  EXPECT_EQ(ask("d", "hosts.example", "203.0.113.1"), too_many);
  EXPECT_EQ(verifier_->counts().limited, 2u);
  boxes_.hold(false);
  settle();
  EXPECT_EQ(ask("d"), in_progress);
  settle();
  EXPECT_EQ(boxes_.asked(4).size(), 4u);
}

TEST_F(AddressVerifierTest, a_destination_is_asked_about_few_addresses_at_a_time) {
  route("two.example", {host_.hop()}, 2);
  route("other.example", {host_.hop(), "[127.0.0.1]:1"});
  settings_.poll_count = 1;
  up();
  boxes_.hold(true);
  for (const char* each : {"a", "b", "c"}) EXPECT_EQ(ask(each, "two.example"), in_progress);
  boxes_.asked(2);
  EXPECT_EQ(ask("z", "other.example"), in_progress);
  EXPECT_EQ(boxes_.asked(3).back(), "z@other.example") << "the third of two.example waits";
  boxes_.hold(false);
  settle();
  EXPECT_EQ(boxes_.asked(4).back(), "c@two.example");
}

TEST_F(AddressVerifierTest, an_old_result_is_used_while_it_is_renewed) {
  know("bob@hosts.example", VerifiedKind::deliverable, 2h);
  know("eve@hosts.example", VerifiedKind::undeliverable, 2h);
  know("old@hosts.example", VerifiedKind::deliverable, 11h);
  up();
  EXPECT_EQ(verifier_->counts().results, 2u) << "one has expired";
  EXPECT_EQ(ask("bob"), "deliverable found earlier");
  EXPECT_EQ(ask("eve"), "undeliverable found earlier");
  settle();
  EXPECT_EQ(ask("bob"), accepted_by_host);
  EXPECT_EQ(ask("eve"), accepted_by_host);
  EXPECT_EQ(boxes_.asked(2).size(), 2u) << "they are fresh now";
  EXPECT_EQ(ask("old"), accepted_by_host);
}

TEST_F(AddressVerifierTest, a_renewal_that_fails_ends_no_good_result) {
  know("bob@hosts.example", VerifiedKind::deliverable, 2h);
  boxes_.set("bob@hosts.example", "550 5.1.1 no such user");
  up();
  EXPECT_EQ(ask("bob"), "deliverable found earlier");
  settle();
  EXPECT_EQ(probes(VerifiedKind::undeliverable), 1u);
  EXPECT_EQ(ask("bob"), "deliverable found earlier");
  EXPECT_EQ(boxes_.asked(1).size(), 1u) << "it is not asked for again at once";
  down();
  up();
  EXPECT_EQ(ask("bob"), "deliverable found earlier");
}

TEST_F(AddressVerifierTest, results_are_kept_in_memory_if_they_have_no_file) {
  settings_.keeps = false;
  up();
  EXPECT_EQ(ask("bob"), accepted_by_host);
  EXPECT_EQ(ask("bob"), accepted_by_host);
  down();
  EXPECT_FALSE(std::filesystem::exists(folder_.file("verify.db")));
  up();
  EXPECT_EQ(ask("bob"), accepted_by_host);
  EXPECT_EQ(boxes_.asked(2).size(), 2u);
}

TEST_F(AddressVerifierTest, a_server_that_stops_asks_about_no_waiting_address) {
  route("one.example", {host_.hop()}, 1);
  up();
  boxes_.hold(true);
  auto running = begin(question("a", "one.example"));
  boxes_.asked(1);
  std::atomic<bool> left = false;
  auto waiting = begin(question("b", "one.example"), [&] { return left.load(); });
  settle(2);
  verifier_->stop();
  boxes_.hold(false);
  EXPECT_EQ(running.get(), accepted_by_host) << "a probe that runs goes on";
  settle();
  EXPECT_THAT(boxes_.asked(1), ElementsAre("a@one.example"));
  left = true;
  EXPECT_EQ(waiting.get(), in_progress);
  EXPECT_EQ(begin(question("c", "one.example"), [] { return true; }).get(), in_progress);
  settle();
  EXPECT_EQ(ask("a", "one.example"), accepted_by_host) << "what is known is told";
  down();
  EXPECT_THAT(boxes_.asked(1), ElementsAre("a@one.example"));
}

TEST_F(AddressVerifierTest, what_needs_no_probe_is_answered_at_once) {
  route("gone.example", {"discard"});
  route("moved.example", {"error:550 5.1.1 moved"});
  up();
  EXPECT_EQ(ask("bob", "gone.example"), "deliverable a route discards its mail");
  EXPECT_EQ(ask("bob", "moved.example").substr(0, 14), "undeliverable ");
  EXPECT_EQ(ask("double-bounce", "relay.example.net"), "deliverable the sender of our own probes");
  EXPECT_TRUE(verifier_->is_probe_sender({"double-bounce", "relay.example.net"}));
  EXPECT_FALSE(verifier_->is_probe_sender({"bob", "relay.example.net"}));
  verifier_->use(std::make_shared<const AddressVerifier::Settings>(settings_), false);
  EXPECT_FALSE(verifier_->is_probe_sender({"double-bounce", "relay.example.net"}))
      << "lists in shadow have no effect";
  EXPECT_THAT(host_.clients(), IsEmpty());
}

TEST_F(AddressVerifierTest, a_mailbox_that_sends_probes_gets_its_mail) {
  route("own.example", {"error:550 5.1.1 moved"});
  settings_.probe_local = "postmaster";
  settings_.probe_domain = "own.example";
  up();
  const mail::Mailbox own{"postmaster", "own.example"};
  EXPECT_TRUE(verifier_->is_probe_sender(own));
  EXPECT_FALSE(verifier_->is_discarded(own)) << "its domain has a route";
  EXPECT_FALSE(verifier_->is_discarded({"bob", "own.example"}));
  settings_.is_bounce_sender = true;
  verifier_->use(std::make_shared<const AddressVerifier::Settings>(settings_), true);
  EXPECT_TRUE(verifier_->is_discarded(own)) << "nobody's mailbox";
  settings_.is_bounce_sender = false;
  settings_.probe_domain = "elsewhere.example";
  verifier_->use(std::make_shared<const AddressVerifier::Settings>(settings_), true);
  EXPECT_TRUE(verifier_->is_discarded({"postmaster", "elsewhere.example"}))
      << "nothing is relayed to a foreign domain";
}

TEST_F(AddressVerifierTest, what_rcpt_said_of_a_sender_of_probes_stands) {
  settings_.sender_ttl = std::chrono::seconds(1);
  up();
  const mail::Mailbox former{"double-bounceABCDEFGH", "relay.example.net"};
  EXPECT_FALSE(verifier_->is_discarded(former)) << "not any more";
  EXPECT_TRUE(verifier_->is_discarded(former, true));
}

TEST_F(AddressVerifierTest, probes_follow_new_routes) {
  up();
  relay::Taker moved({.replies = {{"RCPT", "550 5.1.1 moved"}}});
  auto next = std::make_shared<relay::RelayConfig>();
  next->routing.hostname = "new.example.net";
  relay::Route route = relay::parse_route({moved.hop()}).value();
  route.settings = next->settings.size();
  ASSERT_TRUE(next->routes.add("hosts.example", route));
  next->settings.emplace_back();
  verifier_->follow(next);
  EXPECT_EQ(ask("bob"), "undeliverable host 127.0.0.1[127.0.0.1] said: 550 5.1.1 moved");
  const auto heard = moved.heard_to_the_end(1);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].front(), "EHLO new.example.net");
}

}  // namespace
}  // namespace postern::app
