#include "net/unbound_resolver.h"

#include <array>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "net/dns_servers_test.h"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr const char* stub_zone = R"({
  "mx.example.com": {"A": ["192.0.2.7", "192.0.2.8"], "AAAA": ["2001:db8::7"], "MX": [[10, "A.example.com"], [20, "b.example.com"]]},
  "alias.example.com": {"CNAME": ["mx.example.com"]},
  "text.example.com": {"TXT": [["v=spf1 ", "-all"], "second"]},
  "tls.example.com": {"TLSA": [[3, 1, 1, "ABCD"]]},
  "1.2.0.192.in-addr.arpa": {"PTR": ["Client.example.com"]},
  "name.test": {"A": ["192.0.2.9"]},
  "silent.example.com": {"*": "TIMEOUT"},
  "*.silent.example.net": {"*": "TIMEOUT"},
  "broken.example.com": {"*": "SERVFAIL"},
  "empty.example.com": {"TXT": ["only text"]}
})";

Task<void> ask_for(dns::Resolver* resolver, std::string client, std::string name,
                   std::chrono::milliseconds limit, dns::Answer* answer) {
  *answer =
      co_await resolver->lookup_for(std::move(client), {std::move(name), dns::Type::txt}, limit);
}

Task<void> ask_from_here(dns::Resolver* resolver, dns::Question question,
                         std::chrono::milliseconds limit, dns::Answer* answer,
                         std::thread::id* thread) {
  *answer = co_await resolver->lookup(std::move(question), limit);
  *thread = std::this_thread::get_id();
}

class UnboundResolverTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = new StubServer(stub_zone); }
  static void TearDownTestSuite() { delete server; }

  void SetUp() override {
    Result<std::unique_ptr<UnboundResolver>> opened =
        UnboundResolver::open(loop_.get_executor(), {.servers = {server->address()}});
    ASSERT_TRUE(opened) << opened.error().message;
    resolver_ = std::move(*opened);
    runner_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    loop_.stop();
    if (runner_.joinable()) runner_.join();
  }
  /// Queries from another loop: the answer crosses from the resolver's thread to this one.
  dns::Answer answer(std::string name, dns::Type type,
                     std::chrono::milliseconds limit = tests::patience) {
    asio::io_context mine(1);
    dns::Answer result;
    std::thread::id thread;
    asio::co_spawn(mine,
                   ask_from_here(resolver_.get(), {std::move(name), type}, limit, &result, &thread),
                   asio::detached);
    mine.run();
    EXPECT_EQ(thread, std::this_thread::get_id());
    return result;
  }

  static StubServer* server;
  asio::io_context loop_{1};
  std::unique_ptr<UnboundResolver> resolver_;
  std::unique_ptr<UnboundResolver> retired_;  ///< destroyed after the loop has stopped, as required
  std::thread runner_;
};
StubServer* UnboundResolverTest::server = nullptr;

using Records = std::vector<std::string>;

TEST_F(UnboundResolverTest, gives_each_type_its_text_form) {
  dns::Answer a = answer("mx.example.com", dns::Type::a);
  std::sort(a.records.begin(), a.records.end());
  EXPECT_EQ(a.status, dns::Status::found);
  EXPECT_EQ(a.records, (Records{"192.0.2.7", "192.0.2.8"}));
  EXPECT_FALSE(a.secure);
  EXPECT_GT(a.ttl, 0s);
  EXPECT_EQ(a.canonical_name, "");
  EXPECT_EQ(answer("mx.example.com", dns::Type::aaaa).records, Records{"2001:db8::7"});
  dns::Answer mx = answer("MX.example.com", dns::Type::mx);
  std::sort(mx.records.begin(), mx.records.end());
  EXPECT_EQ(mx.records, (Records{"10 a.example.com", "20 b.example.com"}));
  dns::Answer text = answer("text.example.com", dns::Type::txt);
  std::sort(text.records.begin(), text.records.end());
  EXPECT_EQ(text.records, (Records{"second", "v=spf1 -all"}));
  EXPECT_EQ(answer("tls.example.com", dns::Type::tlsa).records, Records{"3 1 1 abcd"});
}

TEST_F(UnboundResolverTest, asks_the_server_about_names_that_are_special_elsewhere) {
  EXPECT_EQ(answer("1.2.0.192.in-addr.arpa", dns::Type::ptr).records,
            Records{"client.example.com"});
  EXPECT_EQ(answer("name.test", dns::Type::a).records, Records{"192.0.2.9"});
}

TEST_F(UnboundResolverTest, follows_an_alias_and_names_its_end) {
  const dns::Answer found = answer("alias.example.com", dns::Type::aaaa);
  EXPECT_EQ(found.records, Records{"2001:db8::7"});
  EXPECT_EQ(found.canonical_name, "mx.example.com");
}

TEST_F(UnboundResolverTest, tells_no_data_from_no_name_from_trouble) {
  EXPECT_EQ(answer("empty.example.com", dns::Type::a).status, dns::Status::no_data);
  EXPECT_EQ(answer("absent.example.com", dns::Type::a).status, dns::Status::nx_domain);
  EXPECT_EQ(answer("broken.example.com", dns::Type::a).status, dns::Status::server_failure);
  EXPECT_EQ(answer("", dns::Type::a).status, dns::Status::nx_domain);
  EXPECT_EQ(answer(std::string(70, 'x') + ".example.com", dns::Type::a).status,
            dns::Status::nx_domain);
}

TEST_F(UnboundResolverTest, waits_no_longer_than_the_limit_and_silence_hurts_no_other_name) {
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < 3; ++round)
    EXPECT_EQ(answer("silent.example.com", dns::Type::a, 300ms).status, dns::Status::timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 900ms);
  EXPECT_EQ(answer("empty.example.com", dns::Type::txt).records, Records{"only text"});
}

TEST_F(UnboundResolverTest, silent_names_of_one_client_take_no_place_of_another) {
  auto opened =
      UnboundResolver::open(loop_.get_executor(), {.servers = {server->address()}, .lookups = 16});
  ASSERT_TRUE(opened) << opened.error().message;
  retired_ = std::exchange(resolver_, std::move(*opened));
  asio::io_context mine(1);
  std::array<dns::Answer, 40> silent;
  for (std::size_t i = 0; i < silent.size(); ++i)
    asio::co_spawn(mine,
                   ask_for(resolver_.get(), "stranger",
                           "n" + std::to_string(i) + ".silent.example.net", 300ms, &silent[i]),
                   asio::detached);
  mine.run();
  for (const dns::Answer& one : silent) EXPECT_EQ(one.status, dns::Status::timeout);
  // libunbound still works on the client's lookups: its next one waits, those of others do not.
  dns::Answer own, other;
  asio::co_spawn(mine,
                 ask_for(resolver_.get(), "neighbour", "text.example.com", tests::patience, &other),
                 asio::detached);
  mine.restart();
  mine.run();
  EXPECT_EQ(other.records.size(), 2u);
  EXPECT_EQ(answer("text.example.com", dns::Type::txt).records.size(), 2u);
  asio::co_spawn(mine, ask_for(resolver_.get(), "stranger", "empty.example.com", 300ms, &own),
                 asio::detached);
  mine.restart();
  mine.run();
  EXPECT_EQ(own.status, dns::Status::timeout);
  // Once libunbound has given them up, the client has its places again.
  asio::co_spawn(mine,
                 ask_for(resolver_.get(), "stranger", "empty.example.com", tests::patience, &own),
                 asio::detached);
  mine.restart();
  mine.run();
  EXPECT_EQ(own.records, Records{"only text"});
}

TEST_F(UnboundResolverTest, answers_many_loops_at_once) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i)
        right += answer("text.example.com", dns::Type::txt).records.size() == 2;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST_F(UnboundResolverTest, a_trust_anchor_does_not_spoil_what_a_forwarder_says) {
  const tests::TemporaryFolder folder;
  const std::string file =
      folder.write("anchor",
                   ". IN DS 20326 8 2 "
                   "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n");
  const std::string conf = folder.write("resolv.conf", "# none\nnameserver 127.0.0.1\n");
  auto opened = UnboundResolver::open(loop_.get_executor(),
                                      {.servers = {server->address()}, .trust_anchor_file = file});
  ASSERT_TRUE(opened) << opened.error().message;
  retired_ = std::exchange(resolver_, std::move(*opened));
  EXPECT_EQ(answer("empty.example.com", dns::Type::txt).records, Records{"only text"});
  for (const std::string& without_servers : {conf, std::string("/nonexistent")})
    EXPECT_TRUE(UnboundResolver::open(
        loop_.get_executor(),
        {.resolv_conf = without_servers, .trust_anchor_file = file, .probe_wait = 10ms}));
}

TEST(UnboundResolverOptions, name_what_is_wrong_with_a_server) {
  asio::io_context loop;
  for (const char* server :
       {"ns.example.com", "192.0.2.1:0", "192.0.2.1:70000", "[2001:db8::1", "[::1]x", ""}) {
    const auto opened = UnboundResolver::open(loop.get_executor(), {.servers = {server}});
    ASSERT_FALSE(opened) << server;
    EXPECT_EQ(opened.error().fault, Fault::malformed);
  }
  for (const char* server : {"192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:53"})
    EXPECT_TRUE(UnboundResolver::open(loop.get_executor(), {.servers = {server}})) << server;
}

}  // namespace
}  // namespace postern::net
