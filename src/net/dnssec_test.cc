#include "net/dnssec.h"

#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>

#include "base/patience_test.h"
#include "net/ad_client.h"
#include "net/dns_records.h"
#include "net/dns_servers_test.h"
#include "net/unbound_resolver.h"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
namespace asio = boost::asio;

using DnssecKind = DnssecState::Kind;
using Passes = SigningServer::Passes;
using Records = std::vector<std::string>;

constexpr const char* signed_zone = R"({
  "mx.example.com": {"A": ["192.0.2.7"], "AAAA": ["2001:db8::7"], "MX": [[10, "A.example.com"]]},
  "alias.example.com": {"CNAME": ["mx.example.com"]},
  "loop.example.com": {"CNAME": ["pool.example.com"]},
  "pool.example.com": {"CNAME": ["loop.example.com"]},
  "text.example.com": {"TXT": [["v=spf1 ", "-all"]]},
  "_25._tcp.mx.example.com": {"TLSA": [[3, 1, 1, "ABCD"]]},
  "7.2.0.192.in-addr.arpa": {"PTR": ["Client.example.com"]},
  "large.example.com": {"A": ["192.0.2.10"], "!": {"fault": "TRUNCATE", "times": 1}},
  "silent.example.com": {"*": "TIMEOUT"},
  "broken.example.com": {"*": "SERVFAIL"}
})";

/// The state right after open() is the servers' answer, however slow they are.
constexpr auto patient = tests::patience;

class DnssecTest : public testing::Test {
 protected:
  ~DnssecTest() override {
    loop_.stop();
    if (runner_.joinable()) runner_.join();
  }
  void open(UnboundOptions options) {
    auto opened = UnboundResolver::open(loop_.get_executor(), std::move(options));
    ASSERT_TRUE(opened) << opened.error().message;
    resolver_ = std::move(*opened);
    runner_ = std::thread([this] { loop_.run(); });
  }
  dns::Answer answer(std::string name, dns::Type type, std::chrono::milliseconds limit = patient) {
    asio::io_context mine(1);
    dns::Answer result;
    asio::co_spawn(mine, resolver_->lookup({std::move(name), type}, limit),
                   [&](std::exception_ptr, dns::Answer found) { result = std::move(found); });
    mine.run();
    return result;
  }
  std::string state() const { return resolver_->dnssec().text(); }
  template <class Holds>
  bool becomes(Holds holds) const {
    return tests::eventually([&] { return holds(resolver_->dnssec()); });
  }
  bool becomes(DnssecKind kind) const {
    return becomes([kind](const DnssecState& state) { return state.kind == kind; });
  }

  asio::io_context loop_{1};
  std::unique_ptr<UnboundResolver> resolver_;
  std::thread runner_;
};

TEST_F(DnssecTest, validates_through_a_forwarder) {
  const SigningServer server;
  open({.servers = {server.address()},
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = patient});
  EXPECT_EQ(state(), "validating");
  EXPECT_TRUE(resolver_->dnssec().proves());
  const dns::Answer tlsa = answer("_25._tcp.mx.example.com", dns::Type::tlsa);
  EXPECT_EQ(tlsa.status, dns::Status::found);
  EXPECT_TRUE(tlsa.secure);
  EXPECT_TRUE(answer("example.com", dns::Type::mx).secure);
  EXPECT_TRUE(answer("alias.example.com", dns::Type::a).secure);
  const dns::Answer absent = answer("absent.example.com", dns::Type::a);
  EXPECT_EQ(absent.status, dns::Status::nx_domain);
  EXPECT_TRUE(absent.secure);
  const dns::Answer plain = answer("mx.plain.example", dns::Type::a);
  EXPECT_EQ(plain.records, Records{"192.0.2.9"});
  EXPECT_FALSE(plain.secure);
  EXPECT_EQ(answer("tampered.example.com", dns::Type::a).status, dns::Status::bogus);
}

TEST_F(DnssecTest, is_off_behind_a_forwarder_that_passes_no_signatures) {
  const StubServer server(signed_zone);
  open({.servers = {server.address()},
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = patient});
  EXPECT_THAT(state(), StartsWith("off: the servers pass no DNSSEC records ("));
  EXPECT_FALSE(resolver_->dnssec().proves());
  const dns::Answer found = answer("mx.example.com", dns::Type::a);
  EXPECT_EQ(found.records, Records{"192.0.2.7"});
  EXPECT_FALSE(found.secure);
}

TEST_F(DnssecTest, does_not_validate_behind_a_forwarder_that_proves_no_absence) {
  const SigningServer server(Passes::no_absence);
  open({.servers = {server.address()},
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = patient});
  EXPECT_EQ(state(), "trusting 127.0.0.1");
  EXPECT_EQ(answer("mx.plain.example", dns::Type::a).records, Records{"192.0.2.9"});
}

TEST_F(DnssecTest, trusts_a_server_on_the_loopback_that_says_ad) {
  const SigningServer server;
  open({.servers = {server.address()}, .trust_anchor_file = "/nonexistent", .probe_wait = patient});
  EXPECT_EQ(state(), "trusting 127.0.0.1");
  EXPECT_TRUE(resolver_->dnssec().proves());
  const dns::Answer tlsa = answer("_25._TCP.mx.example.com", dns::Type::tlsa);
  EXPECT_EQ(tlsa.records,
            Records{"3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"});
  EXPECT_TRUE(tlsa.secure);
  EXPECT_GT(tlsa.ttl, 0s);
  const dns::Answer alias = answer("alias.example.com", dns::Type::a);
  EXPECT_EQ(alias.records, Records{"192.0.2.7"});
  EXPECT_EQ(alias.canonical_name, "mx.example.com");
  EXPECT_TRUE(alias.secure);
  const dns::Answer absent = answer("absent.example.com", dns::Type::a);
  EXPECT_EQ(absent.status, dns::Status::nx_domain);
  EXPECT_TRUE(absent.secure);
  EXPECT_GT(absent.ttl, 0s);
  EXPECT_LE(absent.ttl, 60s);
  const dns::Answer plain = answer("mx.plain.example", dns::Type::a);
  EXPECT_EQ(plain.records, Records{"192.0.2.9"});
  EXPECT_FALSE(plain.secure);
  EXPECT_EQ(answer("tampered.example.com", dns::Type::a).status, dns::Status::server_failure);
}

TEST_F(DnssecTest, says_when_the_trusted_server_marks_nothing_and_still_has_its_answers) {
  const StubServer server(signed_zone);
  open({.servers = {server.address()}, .dnssec = Dnssec::trust_ad, .probe_wait = patient});
  EXPECT_EQ(state(), "trusting 127.0.0.1, but they mark no answer as authentic (AD)");
  EXPECT_FALSE(resolver_->dnssec().proves());
  const dns::Answer a = answer("MX.example.com", dns::Type::a);
  EXPECT_EQ(a.records, Records{"192.0.2.7"});
  EXPECT_EQ(a.canonical_name, "");
  EXPECT_FALSE(a.secure);
  EXPECT_EQ(answer("mx.example.com", dns::Type::aaaa).records, Records{"2001:db8::7"});
  EXPECT_EQ(answer("mx.example.com", dns::Type::mx).records, Records{"10 a.example.com"});
  EXPECT_EQ(answer("text.example.com", dns::Type::txt).records, Records{"v=spf1 -all"});
  EXPECT_EQ(answer("7.2.0.192.in-addr.arpa", dns::Type::ptr).records,
            Records{"client.example.com"});
  EXPECT_EQ(answer("_25._tcp.mx.example.com", dns::Type::tlsa).records, Records{"3 1 1 abcd"});
  EXPECT_EQ(answer("text.example.com", dns::Type::a).status, dns::Status::no_data);
  EXPECT_EQ(answer("loop.example.com", dns::Type::a).status, dns::Status::no_data);
  EXPECT_EQ(answer("large.example.com", dns::Type::a).records, Records{"192.0.2.10"});
  EXPECT_EQ(answer("broken.example.com", dns::Type::a).status, dns::Status::server_failure);
  EXPECT_EQ(answer("silent.example.com", dns::Type::a, 200ms).status, dns::Status::timeout);
  EXPECT_EQ(answer(std::string(70, 'x') + ".example.com", dns::Type::a).status,
            dns::Status::nx_domain);
}

TEST_F(DnssecTest, validates_or_fails_where_it_must) {
  const StubServer server(signed_zone);
  open({.servers = {server.address()},
        .dnssec = Dnssec::validate,
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = patient});
  EXPECT_THAT(state(), StartsWith("validating, but the servers pass no DNSSEC records"));
  EXPECT_FALSE(resolver_->dnssec().proves());
  EXPECT_EQ(answer("mx.example.com", dns::Type::a).status, dns::Status::bogus);
}

TEST_F(DnssecTest, follows_what_the_servers_can_do) {
  std::atomic<int> changes{0};
  SigningServer server(Passes::unsigned_only);
  open({.servers = {server.address()},
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = patient,
        .probe_every = 100ms,
        .probe_again = 100ms,
        .on_change = [&](const DnssecState&) { ++changes; }});
  EXPECT_EQ(resolver_->dnssec().kind, DnssecKind::off);
  EXPECT_FALSE(answer("mx.example.com", dns::Type::a).secure);
  server.pass(Passes::all);
  ASSERT_TRUE(becomes(DnssecKind::validating)) << state();
  EXPECT_TRUE(answer("mx.example.com", dns::Type::a).secure);
  server.pass(Passes::unsigned_only);
  ASSERT_TRUE(becomes(DnssecKind::off)) << state();
  EXPECT_EQ(answer("mx.example.com", dns::Type::mx).status, dns::Status::no_data);
  EXPECT_GE(changes, 3) << "on, in doubt, off";
}

TEST_F(DnssecTest, one_answer_without_signatures_switches_nothing_off) {
  SigningServer server;
  open({.servers = {server.address()},
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = patient,
        .probe_every = 100ms,
        .probe_again = std::chrono::hours(1)});
  ASSERT_EQ(state(), "validating");
  server.pass(Passes::unsigned_only);
  ASSERT_TRUE(becomes([](const DnssecState& now) { return !now.doubt.empty(); })) << state();
  EXPECT_THAT(state(), StartsWith("validating; the last probe: the servers pass no DNSSEC"));
  EXPECT_TRUE(resolver_->dnssec().proves());
  server.pass(Passes::all);
  EXPECT_TRUE(answer("example.com", dns::Type::mx).secure);
}

TEST_F(DnssecTest, answers_that_fail_validation_switch_nothing_off) {
  std::atomic<int> changes{0};
  SigningServer server;
  open({.servers = {server.address()},
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = patient,
        .probe_every = 20ms,
        .probe_again = 20ms,
        .on_change = [&](const DnssecState&) { ++changes; }});
  ASSERT_EQ(state(), "validating");
  server.pass(Passes::forged);
  ASSERT_TRUE(becomes([](const DnssecState& now) { return !now.doubt.empty(); })) << state();
  EXPECT_THAT(state(), HasSubstr("the root fails validation"));
  std::this_thread::sleep_for(500ms);  // many rounds
  EXPECT_EQ(resolver_->dnssec().kind, DnssecKind::validating) << state();
  EXPECT_EQ(changes, 1) << "it is said once";
  server.pass(Passes::all);
  ASSERT_TRUE(becomes([](const DnssecState& now) { return now.doubt.empty(); })) << state();
  EXPECT_TRUE(answer("example.com", dns::Type::mx).secure);
}

TEST_F(DnssecTest, uses_a_trust_anchor_that_was_changed) {
  const tests::TemporaryFolder folder;
  const std::string right = tests::read_file(SigningServer::anchor());
  const std::string file =
      folder.write("root.key", ". IN DS 20326 8 2 " + std::string(64, 'a') + "\n");
  const SigningServer server;
  open({.servers = {server.address()},
        .dnssec = Dnssec::validate,
        .trust_anchor_file = file,
        .probe_wait = patient,
        .probe_every = 50ms,
        .probe_again = 50ms});
  ASSERT_FALSE(resolver_->dnssec().proves());
  EXPECT_EQ(answer("mx.example.com", dns::Type::a).status, dns::Status::bogus);
  folder.write("root.key", right);
  ASSERT_TRUE(becomes([](const DnssecState& now) { return now.proves(); })) << state();
  EXPECT_TRUE(answer("mx.example.com", dns::Type::a).secure);
}

TEST_F(DnssecTest, opens_without_the_network) {
  const auto begin = std::chrono::steady_clock::now();
  open({.servers = {"127.0.0.1:1"}, .dnssec = Dnssec::off, .probe_wait = patient});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patient);
  EXPECT_EQ(state(), "off: `dns.dnssec` says so");
}

TEST_F(DnssecTest, waits_a_bounded_time_for_servers_that_are_silent) {
  const StubServer server(R"({"": {"!": "TIMEOUT"}})");
  open({.servers = {server.address()},
        .trust_anchor_file = SigningServer::anchor(),
        .probe_wait = 300ms});
  EXPECT_THAT(state(), StartsWith("off: the servers do not answer"));
}

/// A loopback port without a UDP server.
TEST(AdClient, asks_over_streams_alone_where_it_is_told) {
  asio::io_context loop;
  asio::ip::tcp::acceptor listener(loop, {asio::ip::address_v4::loopback(), 0});
  const auto client =
      AdClient::open({"127.0.0.1:" + std::to_string(listener.local_endpoint().port())}, 1,
                     AdClient::Transport::streams);
  ASSERT_TRUE(client) << client.error().message;
  ASSERT_TRUE((*client)->begin_probe());
  std::optional<asio::ip::tcp::socket> came;
  listener.async_accept([&](const boost::system::error_code& error, asio::ip::tcp::socket socket) {
    if (!error) came.emplace(std::move(socket));
  });
  loop.run_for(patient);
  ASSERT_TRUE(came);
  std::array<unsigned char, 14> head;  // RFC 1035 §4.2.2: the length, then the message
  EXPECT_EQ(asio::read(*came, asio::buffer(head)), head.size());
  EXPECT_EQ(head[5] & 0x20, 0x20) << "AD";
}

/// Fails to allocate memory for any answer.
class Throwing final : public Lookups {
 public:
  Throwing() : Lookups(1) {}
  void listen() override {}
  bool begin_probe() override { return false; }
  std::optional<DnssecProbe> probed() override { return std::nullopt; }

 private:
  bool begin(const Query& query) override {
    finish(query.key, made_by([]() -> dns::Answer { throw std::bad_alloc(); }));
    return true;
  }
};

TEST(Lookups, an_answer_that_cannot_be_made_is_a_failure) {
  const auto backend = std::make_shared<Throwing>();
  asio::io_context loop(1);
  dns::Answer answer{.status = dns::Status::found};
  asio::co_spawn(loop, Lookups::lookup(backend, "", {"example.com", dns::Type::a}, patient),
                 [&](std::exception_ptr, dns::Answer found) { answer = std::move(found); });
  loop.run();
  EXPECT_EQ(answer.status, dns::Status::server_failure);
}

TEST(DnssecOptions, need_an_anchor_to_validate) {
  const tests::TemporaryFolder folder;
  asio::io_context loop;
  for (const std::string& file :
       {std::string("/nonexistent"), folder.path(), folder.write("empty", ""),
        folder.write("other", "example.com. IN DS 1 13 2 00\n"),
        folder.write("comment", "; . IN DS 1 13 2 00\n")}) {
    EXPECT_TRUE(trust_anchor_trouble(file)) << file;
    const auto opened = UnboundResolver::open(
        loop.get_executor(),
        {.servers = {"127.0.0.1:1"}, .dnssec = Dnssec::validate, .trust_anchor_file = file});
    ASSERT_FALSE(opened) << file;
    EXPECT_THAT(opened.error().message, HasSubstr(file));
  }
  EXPECT_FALSE(trust_anchor_trouble(SigningServer::anchor()));
  EXPECT_FALSE(trust_anchor_trouble(
      folder.write("key", "; comment\n.\t172800\tIN\tDNSKEY\t257 3 8 AwEAAaz ; comment\n")));
}

TEST(DnssecOptions, need_servers_to_trust) {
  const tests::TemporaryFolder folder;
  asio::io_context loop;
  const auto opened = UnboundResolver::open(
      loop.get_executor(),
      {.resolv_conf = folder.write("resolv.conf", "# none\n"), .dnssec = Dnssec::trust_ad});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("dns.servers"));
}

TEST(NameServers, are_those_of_resolv_conf_and_none_where_it_names_none) {
  const tests::TemporaryFolder folder;
  const auto named = [&](const char* text) {
    return name_servers({.resolv_conf = folder.write("resolv.conf", text)}).value();
  };
  EXPECT_EQ(named(""), Records{});
  EXPECT_EQ(named("# nameserver 192.0.2.1\nsearch example.com\nnameserver\n"), Records{});
  EXPECT_EQ(named("nameserver 192.0.2.1\n\tNameserver  2001:db8::1 \nnameserver fe80::1%eth0\n"),
            (Records{"192.0.2.1", "2001:db8::1", "fe80::1"}));
  EXPECT_EQ(name_servers({.servers = {"[::1]:5353"}}).value(), Records{"::1"});
  EXPECT_EQ(name_servers({.resolv_conf = "/nonexistent"}).value(), Records{});
}

/// A message whose CNAME and MX names are compressed.
std::string message() {
  using namespace std::string_literals;
  std::string out = "\x12\x34\x81\xa0\0\1\0\2\0\0\0\0"s;
  out += "\1w\7example\0\0\x0f\0\1"s;                   // at 12: w.example MX
  out += "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1v\xc0\x0e"s;  // v.example is its CNAME target, at 39
  out += "\xc0\x27\0\x0f\0\1\0\0\0\x1e\0\7\0\x0a\2MX\xc0\x0e"s;  // v.example MX 10 mx.example
  return out;
}

TEST(DnsMessage, has_its_records_behind_aliases) {
  const dns::Answer found = answer_of(message(), {"W.example", dns::Type::mx});
  EXPECT_EQ(found.status, dns::Status::found);
  EXPECT_EQ(found.records, Records{"10 mx.example"});
  EXPECT_EQ(found.canonical_name, "v.example");
  EXPECT_EQ(found.ttl, 30s);
  EXPECT_TRUE(found.secure);
}

TEST(DnsMessage, has_properties_of_authorities) {
  using namespace std::string_literals;
  const auto records = [](const std::string& data) {
    std::string out = "\x12\x34\x81\x80\0\1\0\1\0\0\0\0"s;
    out += "\1w\7example\0\1\1\0\1"s;  // w.example CAA
    out += "\xc0\x0c\1\1\0\1\0\0\0\x3c\0"s + static_cast<char>(data.size()) + data;
    return answer_of(out, {"w.example", dns::Type::caa}).records;
  };
  EXPECT_EQ(records("\x80\5ISSUEca.example; a=1"s), Records{"128 issue ca.example; a=1"});
  EXPECT_EQ(records("\0\5issue"s), Records{"0 issue "});
  for (const std::string& wrong : {""s, "\0"s, "\0\0x"s, "\0\6issue"s}) {
    EXPECT_EQ(records(wrong), Records{});
  }
}

TEST(DnsMessage, says_of_what_types_it_has_records) {
  EXPECT_TRUE(has_record(message(), 5));
  EXPECT_TRUE(has_record(message(), 15));
  EXPECT_FALSE(has_record(message(), 46));
  EXPECT_FALSE(has_record(message().substr(0, message().size() - 1), 15));
  EXPECT_FALSE(has_record("", 15));
}

TEST(DnsMessage, that_is_cut_or_garbled_is_no_answer) {
  const std::string whole = message();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_EQ(answer_of(whole.substr(0, n), {"w.example", dns::Type::mx}).status,
              dns::Status::server_failure)
        << n;
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = whole;
      other[n] = static_cast<char>(other[n] ^ 1 << bit);
      answer_of(other,
                {"w.example", dns::Type::mx});  // the result does not matter; it must terminate
    }
  }
}

}  // namespace
}  // namespace postern::net
