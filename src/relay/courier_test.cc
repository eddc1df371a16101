#include "relay/courier.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/patience_test.h"
#include "dns/recorded_resolver.h"
#include "net/no_descriptors.h"
#include "relay/address_probe.h"
#include "relay/destination.h"
#include "relay/route_tables.h"
#include "relay/taker_test.h"

namespace postern::relay {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using smtp::ResultClass;

Task<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

class CourierTest : public ::testing::Test {
 protected:
  CourierTest() {
    config_->routing.hostname = "relay.example.net";
    resolver_ = dns::RecordedResolver::parse("{\"zone\": {}}").value();
    options_.longest_wait = tests::patience;
    message_.reverse_path = "a@example.com";
    message_.recipients = {{"b@example.org", "", ""}};
    message_.size = octets_.size();
  }

  /// Routes `*` to these hops.
  RouteSettings& route(const std::vector<std::string>& to, const std::string& match = "*") {
    Route route = parse_route(to).value();
    route.settings = config_->settings.size();
    EXPECT_TRUE(config_->routes.add(match, route));
    return config_->settings.emplace_back();
  }

  Task<void> run(Courier* courier, std::vector<AttemptReport>* reports, int times,
                 std::chrono::milliseconds between) {
    for (int i = 0; i < times; ++i) {
      AttemptReport report = co_await courier->attempt(message_, source_, until());
      reports->push_back(std::move(report));
      if (i + 1 < times && between > 0ms) co_await pause(between);
    }
    if (close_) courier->close_idle();
  }

  std::vector<AttemptReport> attempts(int times, std::chrono::milliseconds between = 0ms) {
    asio::io_context loop(1);
    std::vector<AttemptReport> reports;
    Courier courier(config_, *resolver_, options_);
    asio::co_spawn(loop, run(&courier, &reports, times, between), [](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
    });
    loop.run();
    EXPECT_EQ(reports.size(), static_cast<std::size_t>(times));
    for (const AttemptReport& each : reports) {
      EXPECT_EQ(each.results.size(), message_.recipients.size());
      EXPECT_EQ(each.connection_of.size(), message_.recipients.size());
    }
    return reports;
  }
  AttemptReport attempt() { return std::move(attempts(1).front()); }

  std::shared_ptr<RelayConfig> config_ = std::make_shared<RelayConfig>();
  std::unique_ptr<dns::Resolver> resolver_;
  CourierOptions options_;
  bool close_ = true;
  std::optional<std::chrono::milliseconds> limit_;  ///< of an attempt
  std::chrono::steady_clock::time_point until() const {
    return limit_ ? std::chrono::steady_clock::now() + *limit_
                  : std::chrono::steady_clock::time_point::max();
  }
  std::string octets_ = "Subject: x\r\n\r\nhello\r\n";
  smtp::OutboundMessage message_;
  TextSource source_ = [this](std::uint64_t offset, std::size_t room) {
    return std::string_view(octets_).substr(offset, room);
  };
};

TEST_F(CourierTest, a_route_is_followed_and_told_of) {
  Taker taker;
  route({taker.hop()}).name = "example";
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::delivered);
  EXPECT_EQ(report.contact, Contact::delivered);
  EXPECT_EQ(report.route, "example");
  EXPECT_TRUE(report.dns.empty()) << "nobody looks an address up";
  ASSERT_EQ(report.connections.size(), 1u);
  const ConnectionReport& entry = report.connections[report.connection_of[0]];
  EXPECT_EQ(entry.host, "127.0.0.1");
  EXPECT_EQ(entry.port, taker.port());
  EXPECT_EQ(entry.source, "127.0.0.1");
  EXPECT_EQ(entry.ehlo_name, "relay.example.net");
  EXPECT_EQ(entry.result.code, 250);
  EXPECT_FALSE(entry.reused);
}

TEST_F(CourierTest, a_connection_serves_the_next_message) {
  Taker taker;
  route({taker.hop()});
  const auto reports = attempts(3);
  for (const AttemptReport& each : reports) EXPECT_EQ(each.contact, Contact::delivered);
  EXPECT_FALSE(reports[0].connections[0].reused);
  EXPECT_TRUE(reports[2].connections[0].reused);
  const auto heard = taker.heard_to_the_end(1);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].size(), 1 + 3 * 4 + 1u) << "EHLO, three messages, QUIT";
  EXPECT_EQ(heard[0][5], "MAIL FROM:<a@example.com>") << "no RSET after a whole message";
  EXPECT_EQ(heard[0].back(), "QUIT");
}

TEST_F(CourierTest, a_probe_asks_host_after_host_and_sends_no_message) {
  Taker busy({.replies = {{"RCPT", "450 4.2.0 later"}}});
  Taker rude({.greeting = "554 5.7.1 go away"});
  Taker taker({.replies = {{"RCPT", "550 5.1.1 no such user"}}});
  Taker unasked;
  route({busy.hop(), rude.hop(), taker.hop(), unasked.hop()});
  message_.probe = true;
  message_.size = 0;
  const Verified verified = verified_by(attempt());
  EXPECT_EQ(verified.kind, Verified::Kind::undeliverable);
  EXPECT_EQ(verified.why, "host 127.0.0.1[127.0.0.1] said: 550 5.1.1 no such user");
  const auto heard = taker.heard_to_the_end(1);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0],
            (std::vector<std::string>{"EHLO relay.example.net", "MAIL FROM:<a@example.com>",
                                      "RCPT TO:<b@example.org>", "RSET", "QUIT"}));
  EXPECT_TRUE(unasked.heard().empty()) << "a refusal is final";
}

TEST_F(CourierTest, a_probe_that_reaches_nobody_is_deferred) {
  route({"[127.0.0.1]:1"});
  message_.probe = true;
  EXPECT_EQ(verified_by(attempt()).kind, Verified::Kind::deferred);
}

TEST_F(CourierTest, routes_may_answer_without_a_probe) {
  using Kind = Verified::Kind;
  route({"discard"}, "gone.example");
  route({"maildir:/var/mail/x"}, "here.example");
  route({"error:550 5.1.1 moved"}, "moved.example");
  route({"[127.0.0.1]:2525"}, "hosts.example");
  const auto verified = [&](const char* domain, bool ours) {
    return verified_without_probe(*config_, "bob", domain, ours);
  };
  EXPECT_EQ(verified("gone.example", false)->kind, Kind::deliverable);
  EXPECT_EQ(verified("here.example", false)->kind, Kind::deliverable);
  EXPECT_EQ(verified("moved.example", false)->kind, Kind::undeliverable);
  EXPECT_EQ(verified("hosts.example", true), std::nullopt);
  EXPECT_EQ(verified("other.example", false), std::nullopt);
  EXPECT_EQ(verified("other.example", true)->kind, Kind::deliverable);
}

TEST_F(CourierTest, an_idle_connection_says_quit) {
  Taker taker;
  route({taker.hop()});
  options_.idle_limit = 200ms;
  close_ = false;
  const auto reports = attempts(2, 800ms);
  EXPECT_FALSE(reports[1].connections[0].reused);
  const auto heard = taker.heard_to_the_end(2);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].back(), "QUIT");
  EXPECT_EQ(heard[1].back(), "QUIT");
}

TEST_F(CourierTest, a_kept_connection_that_is_gone_is_no_attempt) {
  Taker taker({.leave_after_message = true});
  route({taker.hop()});
  const auto reports = attempts(2, 100ms);
  EXPECT_EQ(reports[1].results[0].klass, ResultClass::delivered);
  EXPECT_EQ(reports[1].connections.size(), 1u);
  EXPECT_FALSE(reports[1].connections[0].reused);
  EXPECT_EQ(taker.heard().size(), 2u);
}

TEST_F(CourierTest, a_kept_connection_that_refuses_to_go_on_is_no_attempt) {
  Taker taker(
      {.replies = {{"RSET", "421 4.3.2 enough"}, {"RCPT", "450 4.2.0 later"}, {"DATA", "503 no"}}});
  route({taker.hop()});
  const auto reports = attempts(2);
  EXPECT_EQ(reports[1].results[0].code, 450) << "asked on a fresh connection";
  EXPECT_EQ(reports[1].contact, Contact::answered);
  EXPECT_EQ(taker.heard().size(), 2u);
}

TEST_F(CourierTest, messages_of_other_settings_do_not_share_a_connection) {
  Taker taker;
  route({taker.hop()}, "example.org");
  route({taker.hop()}, "example.com").send_8bit = true;
  message_.recipients = {{"b@example.org", "", ""}, {"c@example.com", "", ""}};
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::delivered);
  EXPECT_EQ(report.results[1].klass, ResultClass::delivered);
  EXPECT_EQ(report.connection_of, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(taker.heard().size(), 2u);
}

TEST_F(CourierTest, the_next_address_is_tried_where_one_refuses) {
  Taker taker;
  resolver_ =
      dns::RecordedResolver::parse(R"({"zone": {"mx.example": {"A": ["127.0.0.1", "127.0.0.2"]}}})")
          .value();
  options_.random = [](std::size_t) { return 0; };  // 127.0.0.2 first
  route({"mx.example:" + std::to_string(taker.port())});
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::delivered);
  ASSERT_EQ(report.connections.size(), 2u);
  EXPECT_EQ(report.connections[0].address.to_string(), "127.0.0.2");
  EXPECT_FALSE(report.connections[0].error.empty());
  EXPECT_EQ(report.connection_of[0], 1u);
  EXPECT_EQ(report.dns.size(), 2u) << "A and AAAA";
}

TEST_F(CourierTest, an_attempt_ends_in_its_time_however_many_hosts_keep_silent) {
  std::list<Taker> silent;
  std::vector<std::string> hops;
  for (int i = 0; i < 5; ++i) {
    silent.emplace_back(Manner{.greeting = ""});
    hops.push_back(silent.back().hop());
  }
  route(hops);
  limit_ = 700ms;
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::temporary);
  EXPECT_EQ(report.contact, Contact::connection_failed);
  EXPECT_EQ(report.connections.size(), 1u) << "nobody else is called after that";
}

TEST_F(CourierTest, the_reply_to_a_whole_message_is_waited_for_beyond_the_time) {
  // A busy machine may need longer for the commands than the time of the whole.
  bool whole = false;
  for (limit_ = 400ms; !whole && *limit_ < tests::patience; *limit_ *= 4) {
    config_ = std::make_shared<RelayConfig>();
    config_->routing.hostname = "relay.example.net";
    Taker taker({.replies = {{".", "250 2.0.0 at last"}}, .ponders = 2 * *limit_});
    route({taker.hop()});
    const AttemptReport report = attempt();
    for (const auto& lines : taker.heard()) whole = std::ranges::count(lines, "(message)") == 1;
    if (whole) EXPECT_EQ(report.results[0].klass, ResultClass::delivered);
  }
  EXPECT_TRUE(whole);
}

TEST_F(CourierTest, an_open_connection_goes_before_the_luck_of_the_draw) {
  Taker one;
  Taker two;
  route({one.hop() + "|" + two.hop()});
  const auto reports = attempts(20);
  std::size_t reused = 0;
  for (const AttemptReport& each : reports) reused += each.connections[0].reused ? 1 : 0;
  EXPECT_EQ(reused, 19u);
}

TEST_F(CourierTest, sessions_are_limited_and_connections_that_fail_are_none) {
  Taker first({.greeting = "421 4.3.2 no"});
  Taker busy({.replies = {{"MAIL", "450 4.3.2 later"}}});
  Taker good;
  config_->limits.max_sessions = 2;
  route({first.hop(), busy.hop(), busy.hop(), good.hop()});
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::temporary);
  EXPECT_EQ(report.results[0].code, 450);
  EXPECT_EQ(report.connections.size(), 3u);
  EXPECT_TRUE(good.heard().empty());
}

TEST_F(CourierTest, fallback_hosts_are_tried_however_many_others_fail) {
  Taker busy({.replies = {{"MAIL", "450 4.3.2 later"}}});
  Taker good({.ehlo = "250-mx.example\r\n250 AUTH PLAIN"});
  config_->limits.max_sessions = 2;
  Route route = parse_route({busy.hop(), busy.hop(), busy.hop()}).value();
  route.fallback = parse_hosts({good.hop()}).value();
  route.settings = config_->settings.size();
  ASSERT_TRUE(config_->routes.add("*", route));
  RouteSettings& settings = config_->settings.emplace_back();
  settings.login = RouteLogin{"user", Secret("secret")};
  settings.auth_insecure = true;
  AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::delivered);
  EXPECT_EQ(report.connections.size(), 3u) << "two of the route, one of the fallback";
  for (const auto& session : good.heard()) {
    for (const std::string& line : session) {
      EXPECT_FALSE(line.starts_with("AUTH")) << "the password is for the route's own hosts";
    }
  }

  Taker refuses({.replies = {{"RCPT", "550 5.1.1 no such user"}}});
  config_ = std::make_shared<RelayConfig>();
  route.hosts = parse_hosts({refuses.hop()}).value();
  route.settings = 0;
  ASSERT_TRUE(config_->routes.add("*", route));
  report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::permanent);
  EXPECT_EQ(report.connections.size(), 1u) << "a permanent reply is final";
}

/// Rows by recipient; other recipients have none.
class Rows final : public RouteTables {
 public:
  explicit Rows(std::map<std::string, Result<std::vector<std::string>>> rows)
      : rows_(std::move(rows)) {}
  Task<Result<std::optional<std::vector<std::string>>>> find(std::vector<std::string> tables,
                                                             std::string local_part,
                                                             std::string domain) override {
    EXPECT_EQ(tables, std::vector<std::string>{"hash:/t"});
    const auto row = rows_.find(local_part + "@" + domain);
    if (row == rows_.end()) co_return std::optional<std::vector<std::string>>();
    if (!row->second) co_return tl::unexpected(row->second.error());
    co_return std::optional(*row->second);
  }

 private:
  std::map<std::string, Result<std::vector<std::string>>> rows_;
};

TEST_F(CourierTest, rows_of_tables_replace_the_hops_of_the_route) {
  Taker own;
  Taker row;
  Route route = parse_route({own.hop()}).value();
  route.tables = {"hash:/t"};
  route.settings = config_->settings.size();
  ASSERT_TRUE(config_->routes.add("*", route));
  RouteSettings& settings = config_->settings.emplace_back();
  settings.login = RouteLogin{"user", Secret("secret")};
  settings.auth_insecure = true;
  message_.recipients = {{"own@example.org", "", ""},
                         {"row@Example.ORG", "", ""},
                         {"no@example.org", "", ""},
                         {"lost@example.org", "", ""},
                         {"wait@example.org", "", ""}};
  EXPECT_EQ(attempt().results[0].klass, ResultClass::temporary) << "no tables are open";
  config_->tables = std::make_shared<Rows>(std::map<std::string, Result<std::vector<std::string>>>{
      {"row@example.org", std::vector<std::string>{row.hop()}},
      {"no@example.org", std::vector<std::string>{"error:550 5.1.1 gone"}},
      {"lost@example.org", fail(Fault::malformed, "hash:/t: a row of no use")},
      {"same@example.org", std::vector<std::string>{own.hop()}},
      {"wait@example.org", std::vector<std::string>{"maildir:/mail"}}});
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::temporary) << "this host offers no AUTH";
  EXPECT_EQ(report.results[1].klass, ResultClass::delivered) << "the password is not for this host";
  EXPECT_EQ(report.results[2].klass, ResultClass::permanent);
  EXPECT_EQ(report.results[2].text, "gone");
  EXPECT_EQ(report.results[3].klass, ResultClass::temporary);
  EXPECT_EQ(report.results[3].text, "the next hop for this recipient cannot be found now")
      << "the sender is told no names of files";
  EXPECT_EQ(report.trouble, "hash:/t: a row of no use");
  EXPECT_EQ(report.contact, Contact::delivered) << "the best one; one row does not stop a domain";
  EXPECT_EQ(report.results[4].klass, ResultClass::temporary) << "a row names no folder";
  EXPECT_EQ(destination_of(*config_, "row", "example.org", {}), "example.org");
}

TEST_F(CourierTest, rows_alone_say_nothing_about_the_hosts_of_a_domain) {
  Route route = parse_route({"[127.0.0.1]:1"}).value();
  route.tables = {"hash:/t"};
  ASSERT_TRUE(config_->routes.add("*", route));
  int asked = 0;
  class Down final : public RouteTables {
   public:
    explicit Down(int& asked) : asked_(asked) {}
    Task<Result<std::optional<std::vector<std::string>>>> find(std::vector<std::string>,
                                                               std::string, std::string) override {
      ++asked_;
      co_return fail(Fault::temporary, "no answer in time");
    }

   private:
    int& asked_;
  };
  config_->tables = std::make_shared<Down>(asked);
  message_.recipients = {{"a@example.org", "", ""}, {"b@example.org", "", ""}};
  EXPECT_EQ(attempt().contact, Contact::answered);
  EXPECT_EQ(asked, 1) << "a database that is away is waited for once in an attempt";
  config_->tables = nullptr;
  config_->routes = {};
  ASSERT_TRUE(config_->routes.add("*", parse_route({"error:450 4.3.2 moving"}).value()));
  EXPECT_EQ(attempt().contact, Contact::answered);
}

TEST_F(CourierTest, a_named_host_that_asks_for_a_password_lets_mail_wait) {
  Taker wants({.replies = {{"MAIL", "530 5.7.0 Authentication required"}}});
  route({wants.hop()});
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::temporary);
  EXPECT_EQ(report.results[0].enhanced, (smtp::EnhancedCode{4, 7, 0}));
  EXPECT_TRUE(report.credentials_refused);
  EXPECT_EQ(report.trouble, "the host asks for a password that is not sent to it");
}

TEST_F(CourierTest, the_sender_chooses_the_route) {
  Taker all;
  Taker mine;
  route({all.hop()});
  ASSERT_TRUE(config_->routes.add("*", "example.com", parse_route({mine.hop()}).value()));
  EXPECT_EQ(attempt().results[0].klass, ResultClass::delivered);
  EXPECT_TRUE(all.heard().empty());
  message_.reverse_path.clear();
  EXPECT_EQ(attempt().results[0].klass, ResultClass::delivered);
  EXPECT_FALSE(all.heard().empty());
}

TEST_F(CourierTest, what_an_attempt_teaches_of_its_destination) {
  Taker refuses({.replies = {{"RCPT", "550 5.1.1 no such user"}}});
  Taker pushes({.replies = {{"MAIL", "450 4.7.1 slow down"}}});
  Taker closed({.greeting = "450 4.3.2 later"});
  Taker gone({.greeting = "554 5.3.2 not here"});
  route({refuses.hop()}, "refuses.example");
  route({pushes.hop()}, "pushes.example");
  route({closed.hop()}, "closed.example");
  route({gone.hop()}, "gone.example");
  route({"[127.0.0.1]:1"}, "nobody.example");
  const auto contact = [&](const std::string& domain) {
    message_.recipients = {{"b@" + domain, "", ""}};
    return attempt().contact;
  };
  EXPECT_EQ(contact("refuses.example"), Contact::answered);
  EXPECT_EQ(contact("pushes.example"), Contact::pushed_back);
  EXPECT_EQ(contact("closed.example"), Contact::pushed_back);
  EXPECT_EQ(contact("gone.example"), Contact::connection_failed);
  EXPECT_EQ(contact("nobody.example"), Contact::connection_failed);
}

TEST_F(CourierTest, a_machine_without_descriptors_blames_no_destination) {
  Taker taker;
  route({taker.hop()});
  AttemptReport report;
  const auto run = [&](Courier* courier) -> Task<void> {
    co_await pause(1ms);  // now the loop has its own
    const net::NoDescriptors left;
    report = co_await courier->attempt(message_, source_);
  };
  asio::io_context loop(1);
  Courier courier(config_, *resolver_, options_);
  asio::co_spawn(loop, run(&courier), asio::detached);
  loop.run();
  EXPECT_EQ(report.contact, Contact::pushed_back);
  EXPECT_EQ(report.results[0].enhanced, (smtp::EnhancedCode{4, 3, 0}));
}

TEST_F(CourierTest, what_routes_decide_needs_no_connection) {
  route({"discard"}, "discard.example");
  route({"error:550 5.7.1 not here"}, "error.example");
  route({"mx:missing.example"}, "ours.example");
  const auto result = [&](const std::string& domain) {
    message_.recipients = {{"b@" + domain, "", ""}};
    const AttemptReport report = attempt();
    EXPECT_TRUE(report.connections.empty());
    EXPECT_EQ(report.connection_of[0], no_connection);
    EXPECT_EQ(report.our_fault, domain == "ours.example");
    return report.results[0];
  };
  EXPECT_EQ(result("discard.example").klass, ResultClass::delivered);
  EXPECT_EQ(result("error.example").enhanced, (smtp::EnhancedCode{5, 7, 1}));
  EXPECT_EQ(result("error.example").text, "not here");
  EXPECT_EQ(result("ours.example").enhanced, (smtp::EnhancedCode{4, 3, 5}));
  EXPECT_EQ(result("missing.example").enhanced, (smtp::EnhancedCode{5, 1, 2}));
}

/// An address to which no socket of this machine can be bound; it depends on the networks of the
/// machine.
IpAddress address_of_another_machine() {
  for (const char* text : {"203.0.113.77", "198.51.100.77", "192.0.2.77"}) {
    asio::io_context loop;
    tcp::socket socket(loop, tcp::v4());
    boost::system::error_code error;
    socket.bind(tcp::endpoint(asio::ip::make_address(text), 0), error);
    if (error) return IpAddress::parse(text).value();
  }
  throw std::runtime_error("this machine has addresses of every range for documentation");
}

TEST_F(CourierTest, mail_leaves_from_the_addresses_of_its_pool) {
  Taker taker;
  auto pool = std::make_shared<EgressPool>();
  pool->name = "main";
  pool->sources = {{.name = "two",
                    .v4 = IpAddress::parse("127.0.0.2").value(),
                    .v6 = std::nullopt,
                    .ehlo = "two.example.net"},
                   {.name = "lost",
                    .v4 = address_of_another_machine(),
                    .v6 = std::nullopt,
                    .ehlo = "",
                    .weight = 1000}};
  route({taker.hop()}).pool = pool;
  const AttemptReport report = attempt();
  EXPECT_EQ(report.results[0].klass, ResultClass::delivered);
  EXPECT_EQ(report.connections[0].source, "127.0.0.2");
  EXPECT_EQ(report.connections[0].pool, "main");
  EXPECT_EQ(report.connections[0].egress, "two");
  EXPECT_EQ(taker.clients(), std::vector<std::string>{"127.0.0.2"});
  EXPECT_EQ(taker.heard()[0][0], "EHLO two.example.net");

  pool->sources.erase(pool->sources.begin());
  EXPECT_EQ(attempt().results[0].enhanced, (smtp::EnhancedCode{4, 3, 0}));
  pool->fallback = true;
  EXPECT_EQ(attempt().results[0].klass, ResultClass::delivered);
  EXPECT_EQ(taker.clients().back(), "127.0.0.1");
}

TEST_F(CourierTest, a_password_is_not_said_below_verify) {
  Taker taker({.ehlo = "250-mx.example\r\n250 AUTH PLAIN"});
  RouteSettings& settings = route({taker.hop()});
  settings.login = RouteLogin{"us", Secret("s3cret")};
  EXPECT_EQ(attempt().results[0].enhanced, (smtp::EnhancedCode{4, 7, 0}));
  settings.auth_insecure = true;
  EXPECT_EQ(attempt().results[0].klass, ResultClass::delivered);
  EXPECT_EQ(taker.heard().back()[1], "AUTH PLAIN AHVzAHMzY3JldA==");
}

TEST_F(CourierTest, a_host_that_fails_at_tls_is_spoken_to_in_the_clear_for_a_while) {
  // Offers STARTTLS and does not handshake after its 220.
  Taker taker({.ehlo = "250-mx.example\r\n250 STARTTLS",
               .replies = {{"STAR", "220 go"}},
               .leave_at_tls = true});
  route({taker.hop()}).tls = net::TlsClientContext::make("").value();
  const auto reports = attempts(2);
  EXPECT_EQ(reports[0].results[0].klass, ResultClass::delivered);
  EXPECT_EQ(reports[0].connections.size(), 2u);
  EXPECT_TRUE(reports[0].connections[1].without_tls);
  EXPECT_EQ(reports[1].connections.size(), 1u);
  EXPECT_TRUE(reports[1].connections[0].without_tls);
}

TEST_F(CourierTest, requiretls_asks_for_a_certificate_where_dnssec_names_the_host) {
  Taker taker;
  resolver_ = dns::RecordedResolver::parse(
                  R"({"zone": {"mx.example": {"A": ["127.0.0.1"]}}, "sec": {"default": "secure"}})")
                  .value();
  route({"mx.example:" + std::to_string(taker.port())});
  EXPECT_EQ(attempt().connections[0].level, TlsLevel::may);
  message_.requiretls = true;
  const AttemptReport report = attempt();
  EXPECT_EQ(report.connections[0].level, TlsLevel::verify);
  EXPECT_EQ(report.results[0].klass, ResultClass::permanent);
  EXPECT_EQ(report.results[0].enhanced, (smtp::EnhancedCode{5, 7, 10}));
  // A report is sent even without TLS (RFC 8689 §5).
  message_.reverse_path.clear();
  EXPECT_EQ(attempt().connections[0].level, TlsLevel::may);
}

TEST_F(CourierTest, a_new_configuration_holds_for_the_next_attempt) {
  Taker before;
  Taker after;
  route({before.hop()});
  asio::io_context loop(1);
  std::vector<AttemptReport> reports;
  Courier courier(config_, *resolver_, options_);
  const auto play = [&] {
    asio::co_spawn(loop, run(&courier, &reports, 1, 0ms), [](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
    });
    loop.restart();
    loop.run();
  };
  play();
  config_ = std::make_shared<RelayConfig>();
  route({after.hop()});
  courier.use(config_);
  play();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].connections[0].port, before.port());
  EXPECT_EQ(reports[1].connections[0].port, after.port());
}

TEST_F(CourierTest, another_port_of_a_host_is_another_server) {
  const Manner broken{.ehlo = "250-mx.example\r\n250 STARTTLS",
                      .replies = {{"STAR", "220 go"}},
                      .leave_at_tls = true};
  Taker one(broken);
  Taker other(broken);
  route({one.hop()}, "example.org").tls = net::TlsClientContext::make("").value();
  route({other.hop()}, "example.com").tls = net::TlsClientContext::make("").value();
  message_.recipients.push_back({"c@example.com", "", ""});
  EXPECT_EQ(attempt().connections.size(), 4u);  // TLS is tried at both
}

TEST(Destination, is_the_next_hop) {
  RelayConfig config;
  const auto add = [&](const std::string& match, const std::vector<std::string>& to) {
    Route route = parse_route(to).value();
    route.settings = config.settings.size();
    config.settings.emplace_back();
    ASSERT_TRUE(config.routes.add(match, route));
  };
  add("example.org", {"mx1.example.net:587", "[192.0.2.1]|[192.0.2.2]"});
  add("ann@example.com", {"[192.0.2.9]"});
  add("moved.example", {"mx:new.example"});
  add("not.example", {"error:550 5.7.1 not here"});
  auto pool = std::make_shared<EgressPool>();
  pool->name = "bulk";
  add("bulk.example", {"mx"});
  config.settings.back().pool = pool;
  EXPECT_EQ(destination_of(config, "b", "example.org", {}),
            "[mx1.example.net]:587, [192.0.2.1]|[192.0.2.2]");
  EXPECT_EQ(destination_of(config, "Ann", "example.com", {}), "[192.0.2.9]");
  EXPECT_EQ(destination_of(config, "b", "Example.COM", {}), "example.com");
  EXPECT_EQ(destination_of(config, "b", "moved.example", {}), "new.example");
  EXPECT_EQ(destination_of(config, "b", "new.example", {}), "new.example");
  EXPECT_EQ(destination_of(config, "b", "bulk.example", {}), "bulk.example from bulk");
  EXPECT_EQ(destination_of(config, "b", "m\u00fcller.example", {}), "xn--mller-kva.example");
  // An address has one destination, no matter how it is spelled.
  for (const char* literal : {"[IPv6:2001:DB8::1]", "[ipv6:2001:db8:0:0:0:0:0:1]"}) {
    EXPECT_EQ(destination_of(config, "b", literal, {}), "[IPv6:2001:db8::1]");
  }
  EXPECT_EQ(destination_of(config, "b", "[127.0.0.1]", {}), "[127.0.0.1]");

  EXPECT_FALSE(refusal_at_rcpt(config, "b", "example.org"));
  EXPECT_FALSE(refusal_at_rcpt(config, "b", "unknown.example"));
  EXPECT_EQ(refusal_at_rcpt(config, "b", "not.example")->code, 550);
  EXPECT_EQ(refusal_at_rcpt(config, "b", "[192.0.2.9]")->enhanced, (smtp::EnhancedCode{5, 1, 2}));
  EXPECT_EQ(refusal_at_rcpt(config, "b", "[192.0.2]")->code, 501);
  EXPECT_EQ(refusal_at_rcpt(config, "b", "a..b")->code, 501);
  config.routing.literals = true;
  EXPECT_FALSE(refusal_at_rcpt(config, "b", "[192.0.2.9]"));
}

}  // namespace
}  // namespace postern::relay
