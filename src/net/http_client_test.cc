#include "net/http_client.h"

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "net/no_descriptors.h"
#include "net/scripted_http_server.h"
#include "net/tls.h"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Request = ScriptedHttpServer::Request;
using Response = ScriptedHttpServer::Response;

/// Answers from a table and counts the queries.
class TableResolver final : public dns::Resolver {
 public:
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    ++asked[question];
    const auto found = answers.find(question);
    if (found == answers.end()) co_return dns::Answer{.status = dns::Status::no_data};
    co_return found->second;
  }
  void add(std::string name, dns::Type type, std::vector<std::string> records) {
    answers[{std::move(name), type}] = {.status = dns::Status::found,
                                        .records = std::move(records)};
  }
  std::map<dns::Question, dns::Answer> answers;
  std::map<dns::Question, int> asked;
};

Task<void> run_post(HttpClient* client, OutgoingRequest request, HttpResult* result) {
  *result = co_await client->send(std::move(request));
}

class HttpClientTest : public testing::Test {
 protected:
  static HttpClientOptions loopback() {
    HttpClientOptions options;
    options.egress.allow_networks = CidrSet({*Cidr::parse("127.0.0.1/32")});
    options.egress.allow_http = true;
    options.user_agent = "Postern/test";
    return options;
  }
  void use(HttpClientOptions options) {
    client_ = std::make_unique<HttpClient>(loop_.get_executor(), resolver_, std::move(options));
  }
  HttpResult post(std::string url, std::chrono::milliseconds timeout = tests::patience,
                  std::string body = "{}",
                  HttpHeaders headers = {{"Content-Type", "application/json"}}) {
    if (!client_) use(loopback());
    HttpResult result;
    asio::co_spawn(loop_,
                   run_post(client_.get(),
                            {.url = std::move(url),
                             .headers = std::move(headers),
                             .body = HttpBody::of(std::move(body)),
                             .timeout = timeout},
                            &result),
                   asio::detached);
    loop_.restart();
    loop_.run();
    return result;
  }

  TableResolver resolver_;
  asio::io_context loop_{1};
  std::unique_ptr<HttpClient> client_;
};

Response ok(const Request&) { return {}; }

TEST_F(HttpClientTest, posts_the_body_with_its_headers) {
  ScriptedHttpServer server([](const Request&) {
    return Response{.status = 201,
                    .headers = {{"X-A", "1"}, {"x-a", "2"}, {"Retry-After", "7"}},
                    .body = "thanks"};
  });
  const std::string body(200'000, 'b');
  const HttpResult result = post(server.url(), tests::patience, body,
                                 {{"Content-Type", "application/json"}, {"X-Empty", ""}});
  EXPECT_EQ(result.trouble, HttpTrouble::none) << result.detail;
  EXPECT_EQ(result.status, 201);
  EXPECT_EQ(result.body, "thanks");
  EXPECT_FALSE(result.body_cut);
  EXPECT_EQ(result.values("X-A"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(result.values("retry-after"), std::vector<std::string>{"7"});
  const std::vector<Request> seen = server.requests();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].target, "/hook");
  EXPECT_EQ(seen[0].body, body);
  EXPECT_EQ(seen[0].header("User-Agent"), "Postern/test");
  EXPECT_EQ(seen[0].header("Content-Type"), "application/json");
  EXPECT_EQ(seen[0].header("Content-Length"), "200000");
  EXPECT_EQ(seen[0].header("Expect"), "");
  EXPECT_EQ(seen[0].header("Transfer-Encoding"), "");
}

TEST_F(HttpClientTest, gets_what_the_operator_named_wherever_it_is) {
  ScriptedHttpServer server([](const Request&) { return Response{.body = "0123456789"}; });
  HttpClientOptions options;
  options.egress.trusted = true;
  options.egress.allow_http = true;
  use(options);
  const auto get = [&](std::string url, std::size_t limit) {
    HttpResult result;
    OutgoingRequest request{.url = std::move(url), .headers = {}, .body = {}, .method = "GET"};
    request.response_limit = limit;
    asio::co_spawn(loop_, run_post(client_.get(), std::move(request), &result), asio::detached);
    loop_.restart();
    loop_.run();
    return result;
  };
  const HttpResult whole = get(server.url("localhost", "/a?b=%2Fc"), 10);
  EXPECT_EQ(whole.trouble, HttpTrouble::none) << whole.detail;
  EXPECT_EQ(whole.body, "0123456789");
  EXPECT_FALSE(whole.body_cut);
  EXPECT_TRUE(get(server.url("127.0.0.1", "/"), 9).body_cut);
  const std::vector<Request> seen = server.requests();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].method, "GET");
  EXPECT_EQ(seen[0].target, "/a?b=%2Fc");
  EXPECT_EQ(seen[0].header("Content-Length"), "");
  EXPECT_TRUE(resolver_.asked.empty());
}

TEST_F(HttpClientTest, uses_a_connection_again) {
  ScriptedHttpServer server(ok);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(post(server.url()).status, 200);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClientTest, never_repeats_a_request_that_a_reused_connection_swallowed) {
  std::atomic<int> count{0};
  ScriptedHttpServer server([&](const Request&) { return Response{.reset = ++count == 2}; });
  EXPECT_EQ(post(server.url()).status, 200);
  const HttpResult second = post(server.url());
  EXPECT_EQ(second.trouble, HttpTrouble::broken) << second.detail;
  EXPECT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(post(server.url()).status, 200);
}

TEST_F(HttpClientTest, opens_a_new_connection_when_the_old_one_is_closed) {
  ScriptedHttpServer server([](const Request&) { return Response{.close = true}; });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(post(server.url()).status, 200);
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(HttpClientTest, does_not_follow_a_redirect) {
  ScriptedHttpServer elsewhere(ok);
  ScriptedHttpServer server([&](const Request&) {
    return Response{.status = 307, .headers = {{"Location", elsewhere.url()}}};
  });
  EXPECT_EQ(post(server.url()).status, 307);
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST_F(HttpClientTest, gives_up_at_the_time_limit) {
  ScriptedHttpServer server([](const Request&) { return Response{.delay = tests::patience}; });
  const HttpResult result = post(server.url(), 200ms);
  EXPECT_EQ(result.trouble, HttpTrouble::timeout);
  EXPECT_EQ(result.status, 0);
}

TEST_F(HttpClientTest, reports_a_reset_and_an_unreachable_port) {
  ScriptedHttpServer server([](const Request&) { return Response{.reset = true}; });
  EXPECT_EQ(post(server.url()).trouble, HttpTrouble::broken);
  EXPECT_EQ(server.requests().size(), 1u);
  std::string gone;
  {
    ScriptedHttpServer closed(ok);
    gone = closed.url();
  }
  EXPECT_EQ(post(gone).trouble, HttpTrouble::unreachable);
}

TEST_F(HttpClientTest, tells_its_own_want_of_sockets_from_an_endpoint_that_is_away) {
  ScriptedHttpServer first(ok), server(ok);
  EXPECT_EQ(post(first.url()).trouble, HttpTrouble::none);  // now the loop has a client
  const HttpResult result = [&] {
    const NoDescriptors left;
    return post(server.url());
  }();
  EXPECT_EQ(result.trouble, HttpTrouble::exhausted) << result.detail;
}

TEST_F(HttpClientTest, reports_what_is_not_http) {
  ScriptedHttpServer server(
      [](const Request&) { return Response{.raw = "220 mail.example.com ESMTP\r\n"}; });
  EXPECT_EQ(post(server.url()).trouble, HttpTrouble::broken);
  ScriptedHttpServer flood([](const Request&) {
    return Response{.headers = std::vector<std::pair<std::string, std::string>>(
                        40, {"X-F", std::string(4000, 'f')})};
  });
  EXPECT_EQ(post(flood.url()).trouble, HttpTrouble::broken);
}

TEST_F(HttpClientTest, cuts_a_body_without_end_and_keeps_the_status) {
  ScriptedHttpServer server(
      [](const Request&) { return Response{.status = 202, .endless = true}; });
  const HttpResult result = post(server.url());
  EXPECT_EQ(result.status, 202) << result.detail;
  EXPECT_TRUE(result.body_cut);
  EXPECT_EQ(result.body.size(), 64u * 1024);
}

TEST_F(HttpClientTest, waits_for_a_body_only_so_long) {
  auto server = std::make_unique<ScriptedHttpServer>(
      [](const Request&) { return Response{.status = 503, .stall_body = true}; });
  HttpClientOptions options = loopback();
  options.body_timeout = 1h;
  HttpClient other(loop_.get_executor(), resolver_, options);
  bool ended = false;
  asio::co_spawn(loop_,
                 other.send({.url = server->url(), .body = HttpBody::of("{}"), .timeout = 1h}),
                 [&](const std::exception_ptr&, const HttpResult&) { ended = true; });
  while (server->requests().empty()) loop_.poll();
  options.body_timeout = 100ms;
  use(options);
  HttpResult result;
  asio::co_spawn(loop_,
                 client_->send({.url = server->url(), .body = HttpBody::of("{}"), .timeout = 1h}),
                 [&](const std::exception_ptr&, HttpResult got) {
                   result = std::move(got);
                   EXPECT_FALSE(ended) << "it has more time";
                   server.reset();
                 });
  loop_.run();
  EXPECT_EQ(result.status, 503);
  EXPECT_TRUE(result.body_cut);
}

TEST_F(HttpClientTest, takes_the_final_status_after_interim_ones) {
  ScriptedHttpServer server([](const Request&) {
    return Response{.raw =
                        "HTTP/1.1 103 Early Hints\r\nX-A: early\r\n\r\nHTTP/1.1 200 OK\r\nX-A: "
                        "late\r\nContent-Length: 0\r\n\r\n"};
  });
  const HttpResult result = post(server.url());
  EXPECT_EQ(result.status, 200);
  EXPECT_EQ(result.values("X-A"), std::vector<std::string>{"late"});
}

TEST_F(HttpClientTest, resolves_a_name_once_and_connects_to_the_address_checked) {
  ScriptedHttpServer server(ok);
  resolver_.add("hook.example.com", dns::Type::a, {"127.0.0.1"});
  EXPECT_EQ(post(server.url("Hook.Example.com.")).status, 200);
  EXPECT_EQ((resolver_.asked[{"hook.example.com", dns::Type::a}]), 1);
  EXPECT_EQ((resolver_.asked[{"hook.example.com", dns::Type::aaaa}]), 1);
  EXPECT_EQ(server.requests().at(0).header("Host"),
            "hook.example.com:" + std::to_string(server.port()));
}

TEST_F(HttpClientTest, tries_the_next_address_of_a_name) {
  ScriptedHttpServer server(ok);
  HttpClientOptions options = loopback();
  options.egress.allow_networks = CidrSet({*Cidr::parse("127.0.0.0/8")});
  use(std::move(options));
  resolver_.add("two.example.com", dns::Type::a, {"127.0.0.9", "127.0.0.1"});
  EXPECT_EQ(post(server.url("two.example.com")).status, 200);
}

TEST_F(HttpClientTest, one_refused_address_refuses_the_name) {
  ScriptedHttpServer server(ok);
  resolver_.add("mixed.example.com", dns::Type::a, {"127.0.0.1", "10.0.0.1"});
  resolver_.add("six.example.com", dns::Type::a, {"127.0.0.1"});
  resolver_.add("six.example.com", dns::Type::aaaa, {"::1"});
  resolver_.answers[{"alias.example.com", dns::Type::a}] = {
      .status = dns::Status::found, .records = {"127.0.0.1"}, .canonical_name = "localhost"};
  for (const char* name : {"mixed.example.com", "six.example.com", "alias.example.com"})
    EXPECT_EQ(post(server.url(name)).trouble, HttpTrouble::blocked) << name;
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpClientTest, checks_every_request_even_while_a_connection_is_open) {
  ScriptedHttpServer server(ok);
  resolver_.add("rebind.example.com", dns::Type::a, {"127.0.0.1"});
  EXPECT_EQ(post(server.url("rebind.example.com")).status, 200);
  resolver_.add("rebind.example.com", dns::Type::a, {"169.254.169.254"});
  EXPECT_EQ(post(server.url("rebind.example.com")).trouble, HttpTrouble::blocked);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(HttpClientTest, reports_a_name_without_address) {
  EXPECT_EQ(post("http://absent.example.com/").trouble, HttpTrouble::unresolved);
  resolver_.answers[{"slow.example.com", dns::Type::a}] = {.status = dns::Status::timeout};
  const HttpResult result = post("http://slow.example.com/");
  EXPECT_EQ(result.trouble, HttpTrouble::unresolved);
  EXPECT_EQ(result.detail, "slow.example.com has no address (timeout)");
}

TEST_F(HttpClientTest, ignores_proxies_of_the_environment) {
  ScriptedHttpServer proxy(ok);
  ScriptedHttpServer server(ok);
  ::setenv("http_proxy", proxy.url("127.0.0.1", "").c_str(), 1);
  ::setenv("ALL_PROXY", proxy.url("127.0.0.1", "").c_str(), 1);
  EXPECT_EQ(post(server.url()).status, 200);
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  EXPECT_EQ(proxy.connections(), 0);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClientTest, refuses_header_fields_that_would_split_the_request) {
  ScriptedHttpServer server(ok);
  for (const HttpHeaders& headers : {HttpHeaders{{"X-A", "b\r\nX-C: d"}}, HttpHeaders{{"X A", "b"}},
                                     HttpHeaders{{"", "b"}}, HttpHeaders{{"X:", "b"}}})
    EXPECT_EQ(post(server.url(), tests::patience, "{}", headers).trouble, HttpTrouble::broken);
  EXPECT_EQ(server.requests().size(), 0u);
}

TEST_F(HttpClientTest, runs_requests_side_by_side) {
  std::atomic<int> begun{0};
  ScriptedHttpServer server([&](const Request&) {
    ++begun;
    EXPECT_TRUE(tests::eventually([&] { return begun == 20; })) << "one after another";
    return Response{};
  });
  use(loopback());
  std::vector<HttpResult> results(20);
  for (HttpResult& result : results)
    asio::co_spawn(
        loop_,
        run_post(client_.get(),
                 {.url = server.url(), .body = HttpBody::of("{}"), .timeout = 2 * tests::patience},
                 &result),
        asio::detached);
  loop_.run();
  for (const HttpResult& result : results) EXPECT_EQ(result.status, 200);
}

class HttpsTest : public HttpClientTest {
 protected:
  void SetUp() override {
    const std::string key = folder_.file("key.pem");
    ASSERT_TRUE(ensure_self_signed(certificate_, key, "hook.example.com"));
    const Result<std::shared_ptr<const TlsContext>> loaded = TlsContext::load(certificate_, key);
    ASSERT_TRUE(loaded);
    tls_ = *loaded;
    resolver_.add("hook.example.com", dns::Type::a, {"127.0.0.1"});
    resolver_.add("other.example.com", dns::Type::a, {"127.0.0.1"});
  }

  tests::TemporaryFolder folder_;
  const std::string certificate_ = folder_.file("certificate.pem");
  std::shared_ptr<const TlsContext> tls_;
};

TEST_F(HttpsTest, refuses_a_certificate_that_nobody_vouches_for) {
  ScriptedHttpServer server(ok, tls_->handle());
  EXPECT_EQ(post(server.url("hook.example.com")).trouble, HttpTrouble::tls);
  EXPECT_EQ(server.requests().size(), 0u);
}

TEST_F(HttpsTest, takes_a_vouched_certificate_for_its_own_name_only) {
  HttpClientOptions options = loopback();
  options.ca_file = certificate_;
  use(std::move(options));
  ScriptedHttpServer server(ok, tls_->handle());
  const HttpResult result = post(server.url("hook.example.com"));
  EXPECT_EQ(result.status, 200) << result.detail;
  EXPECT_EQ(post(server.url("hook.example.com")).status, 200);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(post(server.url("other.example.com")).trouble, HttpTrouble::tls);
}

struct TargetCase {
  const char* url;
  bool allowed;
};

TEST(HttpTarget, judges_the_spellings_of_the_attack_suite) {
  const EgressRules rules{.allow_http = true};
  const TargetCase cases[] = {{"http://127.0.0.1/", false},
                              {"http://localhost/", false},
                              {"http://a.LOCALHOST./", false},
                              {"http://0.0.0.0/", false},
                              {"http://127.1/", false},
                              {"http://2130706433/", false},
                              {"http://0x7f000001/", false},
                              {"http://0177.0.0.1/", false},
                              {"http://4294967297/", false},
                              {"http://%31%32%37.0.0.1/", false},
                              {"http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", false},
                              {"http://[::1]/", false},
                              {"http://[::]/", false},
                              {"http://[::ffff:127.0.0.1]/", false},
                              {"http://[64:ff9b::7f00:1]/", false},
                              {"http://[2002:7f00:1::]/", false},
                              {"http://[fd00::1]/", false},
                              {"http://[fe80::1%25eth0]/", false},
                              {"http://10.0.0.5/", false},
                              {"http://169.254.169.254/latest/", false},
                              {"http://198.18.0.1/", false},
                              {"http://255.255.255.255/", false},
                              {"file:///etc/passwd", false},
                              {"gopher://127.0.0.1:25/_HELO", false},
                              {"data:text/plain,x", false},
                              {"http+unix://%2Fvar%2Frun%2Fdocker.sock/", false},
                              {"//hook.example.com/", false},
                              {"http://hook.example.com@127.0.0.1/", false},
                              {"http://hook.example.com\\@127.0.0.1/", false},
                              {"http://127.0.0.1#@hook.example.com/", false},
                              {"http://127.0.0\t.1/", false},
                              {"http://hook.example.com:25/", false},
                              {"http://hook.example.com:465/", false},
                              {"http://hook.example.com:587/", false},
                              {"http://hook.example.com:0/", false},
                              {"http://hook.example.com:-80/", false},
                              {"http://hook.example.com:65536/", false},
                              {"", false},
                              {"http:///x", false},
                              {"https://user:pw@hook.example.com/", false},
                              {"http://hook.example.com/%0d%0aX-A:%20b", true},
                              {"https://hook.example.com/in", true},
                              {"https://hook.example.com:8443/in?x=1", true},
                              {"https://93.184.216.34/", true},
                              {"https://[2606:4700::1111]/", true}};
  for (const auto& [url, allowed] : cases)
    EXPECT_EQ(parse_target(url, rules).has_value(), allowed) << url;
}

TEST(HttpTarget, knows_the_exceptions_of_the_operator) {
  EXPECT_FALSE(parse_target("http://hook.example.com/", {}));
  EXPECT_TRUE(parse_target("http://hook.example.com/", {.allow_http = true}));
  EXPECT_FALSE(parse_target("https://10.1.2.3/", {}));
  EXPECT_TRUE(
      parse_target("https://10.1.2.3/", {.allow_networks = CidrSet({*Cidr::parse("10.0.0.0/8")})}));
  EXPECT_TRUE(parse_target("https://hook.example.com:25/", {.allow_ports = {25}}));
  const Result<HttpTarget> target = parse_target("HTTPS://Hook.Example.COM./a/../b?c#d", {});
  ASSERT_TRUE(target);
  EXPECT_EQ(target->host, "hook.example.com");
  EXPECT_EQ(target->url, "https://hook.example.com/a/../b?c");
  EXPECT_EQ(target->port, 443);
  EXPECT_TRUE(target->tls);
}

}  // namespace
}  // namespace postern::net
