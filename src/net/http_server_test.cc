#include "net/http_server.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/patience_test.h"
#include "net/http_head.h"

namespace postern::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

Task<Result<std::string>> piece(std::shared_ptr<int> left) { co_return (*left)-- > 0 ? "abc" : ""; }

/// The number of endless answers that are pending.
std::atomic<int> endless_answers{0};

/// One piece, then nothing forever.
Task<Result<std::string>> endless(std::shared_ptr<bool> begun) {
  if (!*begun) {
    *begun = true;
    co_return "first";
  }
  asio::steady_timer never(co_await asio::this_coro::executor, std::chrono::hours(1));
  ++endless_answers;
  boost::system::error_code error;
  co_await never.async_wait(asio::redirect_error(asio::use_awaitable, error));
  --endless_answers;
  co_return fail(Fault::temporary, "nobody listens any more");
}

/// Throws something that is not a std::exception.
Task<Result<std::string>> throwing() {
  throw std::string("secret detail");
  co_return "";
}

/// A piece, then an error.
Task<Result<std::string>> short_of_the_end(std::shared_ptr<int> left) {
  if ((*left)-- > 0) co_return "{\"data\":[]}";
  co_return fail(Fault::temporary, "the disk");
}

/// Answers with the parsed request: method, path, query, body.
Task<HttpResponse> echo(HttpRequest request) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
  response.body += " [" + request.body + "]";
  if (request.path == "/wait") {
    ++endless_answers;
    co_await request.gone();
    --endless_answers;
  }
  if (request.path == "/poll") {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(300));
    const auto came = co_await (request.gone() || timer.async_wait(asio::use_awaitable));
    response.body += came.index() == 0 ? " gone" : " in time";
  }
  if (request.path == "/throw") throw std::runtime_error("secret detail");
  if (request.path == "/none") response.status = 204;
  if (request.path == "/large") response.body = std::string((std::size_t{16} << 20) + 1, 'x');
  if (request.path.starts_with("/pieces")) {
    auto left = std::make_shared<int>(request.path == "/pieces/short" ? 1 : 3);
    response.stream =
        HttpResponse::Stream{9, [left]() -> Task<Result<std::string>> { return piece(left); }};
  }
  if (request.path == "/unsized") {
    auto left = std::make_shared<int>(3);
    response.stream =
        HttpResponse::Stream{{}, [left]() -> Task<Result<std::string>> { return piece(left); }};
  }
  if (request.path == "/endless") {
    auto begun = std::make_shared<bool>(false);
    response.stream =
        HttpResponse::Stream{{}, [begun]() -> Task<Result<std::string>> { return endless(begun); }};
  }
  if (request.path == "/unsized/short") {
    auto left = std::make_shared<int>(1);
    response.stream = HttpResponse::Stream{
        {}, [left]() -> Task<Result<std::string>> { return short_of_the_end(left); }};
  }
  if (request.path == "/unsized/throw") {
    response.stream =
        HttpResponse::Stream{{}, []() -> Task<Result<std::string>> { return throwing(); }};
  }
  co_return response;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpLimits limits = {}, HttpGate gate = {}) {
    server_ = std::make_unique<HttpServer>(loop_, echo, limits, std::move(gate));
    port_ = server_->listen("127.0.0.1:0").value();
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  /// Sends the octets and reads until the server closes or `enough` answers have arrived.
  std::string exchange(const std::string& octets, std::size_t enough = 1000) {
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), port_});
    boost::system::error_code error;
    asio::write(socket, asio::buffer(octets), error);
    std::string out;
    std::array<char, 4096> chunk{};
    while (!error) {
      const std::size_t n = socket.read_some(asio::buffer(chunk), error);
      out.append(chunk.data(), n);
      if (count(out) >= enough && out.find("\r\n\r\n") != std::string::npos) break;
    }
    closed_ = error == asio::error::eof;
    return out;
  }
  static std::size_t count(const std::string& text) {
    std::size_t n = 0;
    for (std::size_t at = text.find("HTTP/1.1 "); at != std::string::npos;
         at = text.find("HTTP/1.1 ", at + 1))
      ++n;
    return n;
  }
  /// Expects one answer with this status, then the end of the connection.
  void expect_refused(const std::string& octets, int status) {
    const std::string out = exchange(octets);
    EXPECT_EQ(out.substr(0, 12), "HTTP/1.1 " + std::to_string(status)) << octets.substr(0, 200);
    EXPECT_EQ(count(out), 1u) << out;
    EXPECT_TRUE(closed_);
  }

  asio::io_context loop_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::uint16_t port_ = 0;
  bool closed_ = false;
};

std::string times(std::string_view text, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

TEST_F(HttpServerTest, a_long_answer_goes_out_in_pieces) {
  start();
  const std::string two = exchange(
      "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /pieces HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(two), 2u) << "the connection is kept";
  EXPECT_NE(two.find("Content-Length: 9\r\n"), std::string::npos);
  EXPECT_TRUE(two.ends_with("\r\n\r\nabcabcabc")) << two;
  const std::string head =
      exchange("HEAD /pieces HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST_F(HttpServerTest, a_stream_without_a_length_that_breaks_off_does_not_look_whole) {
  start();
  const std::string chunked = exchange("GET /unsized/short HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(chunked.ends_with("{\"data\":[]}\r\n")) << "no last chunk: " << chunked;
  // HTTP/1.0 has no chunks: an orderly close would mean the end of the body.
  exchange("GET /unsized/short HTTP/1.0\r\n\r\n");
  EXPECT_FALSE(closed_);
  const std::string whole = exchange("GET /unsized HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(whole.ends_with("abcabcabc")) << whole;
  EXPECT_TRUE(closed_);
}

TEST_F(HttpServerTest, a_stream_that_ends_too_soon_closes_the_connection) {
  start();
  const std::string out = exchange("GET /pieces/short HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(out.ends_with("\r\n\r\nabc")) << out;
  EXPECT_TRUE(closed_);
}

TEST_F(HttpServerTest, a_body_of_unknown_length_is_chunked) {
  start();
  const std::string two = exchange(
      "GET /unsized HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /unsized HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(two), 2u) << "the connection is kept, and what came meanwhile is answered";
  EXPECT_NE(two.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(two.find("Content-Length"), std::string::npos);
  const std::string body = "\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n";
  EXPECT_NE(two.find(body), std::string::npos) << two;
  EXPECT_TRUE(two.ends_with(body)) << two;
  const std::string head =
      exchange("HEAD /unsized HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST_F(HttpServerTest, a_body_of_unknown_length_ends_an_http_1_0_connection) {
  start();
  const std::string out = exchange("GET /unsized HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(out.find("Transfer-Encoding"), std::string::npos);
  EXPECT_EQ(out.find("Content-Length"), std::string::npos);
  EXPECT_NE(out.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\nabcabcabc")) << out;
  EXPECT_TRUE(closed_);
}

TEST_F(HttpServerTest, a_body_that_throws_has_no_last_chunk) {
  start();
  const std::string out = exchange("GET /unsized/throw HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(out.ends_with("\r\n\r\n")) << out;
  EXPECT_FALSE(out.ends_with("0\r\n\r\n")) << out;
  EXPECT_EQ(count(out), 1u);
  EXPECT_TRUE(closed_);
}

TEST_F(HttpServerTest, an_endless_body_waits_beyond_the_write_deadline) {
  HttpLimits limits;
  limits.write_deadline = std::chrono::milliseconds(50);
  start(limits);
  asio::io_context io;
  tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port_});
  asio::write(client, asio::buffer(std::string("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")));
  std::string out;
  asio::read_until(client, asio::dynamic_buffer(out), "5\r\nfirst\r\n");
  ASSERT_TRUE(tests::eventually([] { return endless_answers == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(endless_answers, 1);
  EXPECT_EQ(server_->connections(), 1u);
  client.close();
  EXPECT_TRUE(tests::eventually([] { return endless_answers == 0; })) << "the client is gone";
  EXPECT_TRUE(tests::eventually([this] { return server_->connections() == 0; }));
}

TEST_F(HttpServerTest, nobody_may_send_without_end_beside_an_endless_body) {
  start();
  asio::io_context io;
  tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port_});
  asio::write(client, asio::buffer(std::string("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")));
  ASSERT_TRUE(tests::eventually([] { return endless_answers == 1; }));
  boost::system::error_code error;
  asio::write(client, asio::buffer(std::string(std::size_t{1} << 20, 'x')), error);
  EXPECT_TRUE(tests::eventually([this] { return server_->connections() == 0; }));
  EXPECT_EQ(endless_answers, 0);
}

TEST_F(HttpServerTest, who_sends_ahead_behind_a_long_poll_is_still_there) {
  start();
  const std::string next =
      "GET /next HTTP/1.1\r\nHost: h\r\nX: " + std::string(12'000, 'x') + "\r\n\r\n";
  std::string octets = "GET /poll HTTP/1.1\r\nHost: h\r\n\r\n";
  for (int i = 0; i < 9; ++i) octets += next;
  const std::string out = exchange(octets, 10);
  EXPECT_NE(out.find("GET /poll [] in time"), std::string::npos) << out.substr(0, 1000);
  EXPECT_EQ(count(out), 10u);
}

TEST_F(HttpServerTest, who_has_sent_ahead_and_leaves_is_gone) {
  start();
  asio::io_context io;
  tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port_});
  asio::write(client,
              asio::buffer("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(70'000, 'x')));
  ASSERT_TRUE(tests::eventually([] { return endless_answers == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(endless_answers, 1);
  client.close();
  EXPECT_TRUE(tests::eventually([] { return endless_answers == 0; }));
}

TEST_F(HttpServerTest, a_stop_ends_the_wait_for_who_has_sent_ahead) {
  start();
  asio::io_context io;
  tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port_});
  asio::write(client,
              asio::buffer("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(70'000, 'x')));
  ASSERT_TRUE(tests::eventually([] { return endless_answers == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  server_->stop();
  EXPECT_TRUE(tests::eventually([] { return endless_answers == 0; }));
}

TEST_F(HttpServerTest, stop_ends_endless_bodies) {
  start();
  asio::io_context io;
  tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port_});
  asio::write(client, asio::buffer(std::string("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")));
  ASSERT_TRUE(tests::eventually([] { return endless_answers == 1; }));
  server_->stop();
  thread_.join();
  EXPECT_EQ(server_->connections(), 0u);
  EXPECT_EQ(endless_answers, 0);
}

TEST_F(HttpServerTest, answers_with_the_security_headers) {
  start();
  const std::string out = exchange(
      "GET /a/b%20c?x=1&y=%41+b HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(out.substr(0, 15), "HTTP/1.1 200 OK");
  for (const char* field : {"X-Content-Type-Options: nosniff\r\n",
                            "Referrer-Policy: no-referrer\r\n", "Cache-Control: no-store\r\n",
                            "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; "
                            "base-uri 'none'; form-action 'self'; object-src 'none'\r\n",
                            "\r\nDate: "}) {
    EXPECT_NE(out.find(field), std::string::npos) << field;
  }
  EXPECT_NE(out.find("GET /a/b c x=1 y=A b []"), std::string::npos);
  EXPECT_EQ(out.find("evil"), std::string::npos);
}

TEST_F(HttpServerTest, keeps_the_connection_and_reads_pipelined_requests) {
  start();
  const std::string out = exchange(
      "POST /one HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
      "POST /two HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
      "GET /three HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(count(out), 3u);
  EXPECT_NE(out.find("POST /one [hi]"), std::string::npos);
  EXPECT_NE(out.find("POST /two [abcd]"), std::string::npos);
  EXPECT_NE(out.find("GET /three []"), std::string::npos);
}

TEST_F(HttpServerTest, head_has_the_length_but_no_body) {
  start();
  const std::string out = exchange("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(out.find("Content-Length: 9\r\n"), std::string::npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, no_content_has_neither_length_nor_body) {
  start();
  const std::string out = exchange("DELETE /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(out.substr(0, 12), "HTTP/1.1 204");
  EXPECT_EQ(out.find("Content-Length"), std::string::npos);
}

TEST_F(HttpServerTest, refuses_ambiguous_framing_and_closes) {
  start();
  const std::string post = "POST /x HTTP/1.1\r\nHost: h\r\n";
  const std::string smuggled = "GET /admin HTTP/1.1\r\nHost: h\r\n\r\n";
  expect_refused(
      post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400);
  expect_refused(
      post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled, 400);
  expect_refused(post + "Content-Length: 2\r\nContent-Length: 30\r\n\r\n{}", 400);
  expect_refused(post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400);
  expect_refused(post + "Content-Length: 2, 2\r\n\r\n{}", 400);
  expect_refused(post + "Content-Length: +2\r\n\r\n{}", 400);
  expect_refused(post + "Content-Length: -1\r\n\r\n{}", 400);
  expect_refused(post + "Content-Length: 18446744073709551618\r\n\r\n{}", 413);
  expect_refused(post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400);
  expect_refused(post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400);
  expect_refused(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 400);
  expect_refused("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
  expect_refused(post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400);
  expect_refused(post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n", 400);
  expect_refused(post + "Transfer-Encoding: chunked\r\n\r\n1\nx\n0\r\n\r\n", 400);
}

TEST_F(HttpServerTest, refuses_malformed_heads) {
  start();
  expect_refused("GET /x HTTP/1.1\r\nHost: h\r\nX-A: b\r\n Authorization: Bearer x\r\n\r\n", 400);
  expect_refused("GET /x HTTP/1.1\nHost: h\n\n", 400);
  expect_refused("GET /x HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400);
  expect_refused("GET /x HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400);
  expect_refused("GET /x HTTP/1.1\r\nHost: h\r\nX: a\x01z\r\n\r\n", 400);
  expect_refused(std::string("GET /x HTTP/1.1\r\nHost: h\r\nX: a\0z\r\n\r\n", 36), 400);
  expect_refused("GET /x HTTP/1.1\r\nHost: h\r\n: v\r\n\r\n", 400);
  expect_refused("GET /x HTTP/1.1\r\nHost: h\r\nnocolon\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
  expect_refused(
      "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nAuthorization: Bearer y\r\n\r\n",
      400);
  expect_refused("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  expect_refused("GET / extra HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  expect_refused("GET /\r\nHost: h\r\n\r\n", 400);
  expect_refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505);
  expect_refused("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
  expect_refused("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
}

TEST_F(HttpServerTest, refuses_what_is_too_long) {
  start();
  expect_refused("GET /" + times("a", 100000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414);
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\n" + times("X-A: b\r\n", 20000) + "\r\n", 431);
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\n" + times("X-A: b\r\n", 150) + "\r\n", 431);
  expect_refused(
      "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + times("A", 200000) + "\r\n\r\n", 431);
  expect_refused(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" + times("a", 2000000), 413);
  std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) chunked += "8000\r\n" + times("a", 0x8000) + "\r\n";
  expect_refused(chunked + "0\r\n\r\n", 413);
}

TEST_F(HttpServerTest, takes_a_body_of_exactly_the_limit) {
  start();
  const std::string out = exchange(
      "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n" +
      times("a", 1048576));
  EXPECT_EQ(out.substr(0, 12), "HTTP/1.1 200");
}

TEST_F(HttpServerTest, refuses_paths_that_try_to_leave) {
  start();
  for (const char* path :
       {"/app/../../etc/passwd", "/app/%2e%2e/x", "/app/..\\x", "/app/x%00.png", "/a/..%2f..%2fb",
        "/a/%5c", "/%zz", "/%4", "/a%0d%0ab", "/%ff", "/./a", "a", "*", "/a#b", "/?q=%00"}) {
    expect_refused(std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  }
  // Decoded once: the result is text, even if it looks like an escape.
  const std::string out =
      exchange("GET /a%252e%252e HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(out.find("GET /a%2e%2e []"), std::string::npos);
}

TEST_F(HttpServerTest, refuses_trace_connect_and_compressed_bodies) {
  start();
  expect_refused("TRACE / HTTP/1.1\r\nHost: h\r\nX-Secret: 1\r\n\r\n", 405);
  expect_refused("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 405);
  expect_refused(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 415);
  expect_refused("POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\nx",
                 417);
}

TEST_F(HttpServerTest, ignores_an_upgrade_and_a_method_override) {
  start();
  const std::string out = exchange(
      "GET /u HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
      "HTTP2-Settings: AAMA\r\nX-HTTP-Method-Override: DELETE\r\n\r\n");
  EXPECT_EQ(out.substr(0, 12), "HTTP/1.1 200");
  EXPECT_EQ(count(out), 1u);
  EXPECT_NE(out.find("GET /u []"), std::string::npos);
}

TEST_F(HttpServerTest, says_continue_when_asked_to) {
  start();
  const std::string out = exchange(
      "PUT /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: "
      "2\r\n\r\nok");
  EXPECT_TRUE(out.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
}

TEST_F(HttpServerTest, takes_the_absolute_form_and_ignores_its_authority) {
  start();
  const std::string out =
      exchange("GET http://evil.example/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(out.find("GET /p q= []"), std::string::npos);
}

TEST_F(HttpServerTest, hides_what_a_handler_throws) {
  start();
  const std::string out = exchange("GET /throw HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(out.substr(0, 12), "HTTP/1.1 500");
  EXPECT_EQ(out.find("secret"), std::string::npos);
}

TEST_F(HttpServerTest, closes_slow_requests) {
  HttpLimits limits;
  limits.head_deadline = std::chrono::milliseconds(50);
  limits.request_deadline = std::chrono::milliseconds(50);
  limits.idle_deadline = std::chrono::milliseconds(50);
  start(limits);
  EXPECT_EQ(exchange(""), "");
  EXPECT_TRUE(closed_);
  EXPECT_EQ(exchange("GET / HT"), "");
  EXPECT_TRUE(closed_);
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx"), "");
  EXPECT_TRUE(closed_);
}

TEST_F(HttpServerTest, a_body_that_trickles_has_one_time_for_all_of_it) {
  HttpLimits limits;
  limits.request_deadline = std::chrono::milliseconds(300);
  start(limits);
  asio::io_context io;
  tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port_});
  asio::write(
      client,
      asio::buffer(std::string("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")));
  boost::system::error_code error;
  for (int sent = 0; !error && sent < 90'000; ++sent) {
    asio::write(client, asio::buffer("x", 1), error);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(error) << "still read";
  EXPECT_TRUE(tests::eventually([this] { return server_->requests() == 0; }));
}

/// A local address of another network to connect from.
asio::ip::address_v4 loopback(unsigned char network) {
  return asio::ip::make_address_v4(asio::ip::address_v4::bytes_type{127, 0, network, 1});
}

class HttpServerShares : public HttpServerTest {
 protected:
  static HttpLimits few() {
    HttpLimits limits;
    limits.connections = 12;
    limits.requests = 8;
    limits.requests_per_client = 4;
    limits.reserved_paths = {"/healthz"};
    return limits;
  }
  std::unique_ptr<tcp::socket> connect(unsigned char from) {
    auto socket = std::make_unique<tcp::socket>(io_);
    socket->open(tcp::v4());
    socket->bind({loopback(from), 0});
    socket->connect({asio::ip::address_v4::loopback(), port_});
    return socket;
  }
  /// The status of an answer on this connection; 0: it was closed.
  static int ask(tcp::socket& socket, const std::string& path = "/") {
    boost::system::error_code error;
    asio::write(socket, asio::buffer("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"), error);
    std::string out;
    asio::read_until(socket, asio::dynamic_buffer(out), "\r\n\r\n", error);
    return error ? 0 : std::stoi(out.substr(9, 3));
  }
  static void begin(tcp::socket& socket, const std::string& octets) {
    asio::write(socket, asio::buffer(octets));
  }

  asio::io_context io_;
};

TEST_F(HttpServerShares, idle_sockets_lock_nobody_out) {
  start(few());
  const auto before = connect(2);
  EXPECT_EQ(ask(*before), 200);
  std::vector<std::unique_ptr<tcp::socket>> idle;
  for (int i = 0; i < 100; ++i) {
    idle.push_back(connect(3));
    if (i % 2 == 0) begin(*idle.back(), "GET / HT");
  }
  EXPECT_EQ(ask(*connect(4)), 200);
  EXPECT_EQ(ask(*before), 200) << "who has few connections keeps them";
  EXPECT_LE(server_->connections(), 12u);
}

TEST_F(HttpServerShares, waiting_requests_and_slow_bodies_lock_no_other_address_out) {
  start(few());
  std::vector<std::unique_ptr<tcp::socket>> held;
  for (int i = 0; i < 50; ++i) {
    held.push_back(connect(3));
    begin(*held.back(), i % 2 == 0 ? "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"
                                   : "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
  }
  ASSERT_TRUE(tests::eventually([this] { return server_->requests() == 3; }))
      << "as many as it leaves free";
  EXPECT_EQ(ask(*connect(3)), 429);
  EXPECT_EQ(ask(*connect(3), "/healthz"), 200) << "health is told even there";
  EXPECT_EQ(ask(*connect(4)), 200);
  held.clear();
  EXPECT_TRUE(tests::eventually([this] { return server_->requests() == 0; }))
      << "the clients have left";
  EXPECT_EQ(endless_answers, 0);
  EXPECT_EQ(ask(*connect(3)), 200);
}

TEST_F(HttpServerShares, health_is_told_when_every_place_is_taken) {
  start(few());
  std::vector<std::unique_ptr<tcp::socket>> held;
  for (int i = 0; i < 40; ++i) {
    held.push_back(connect(static_cast<unsigned char>(3 + i % 8)));
    begin(*held.back(), "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  ASSERT_TRUE(tests::eventually([this] { return server_->requests() == 8; }));
  EXPECT_EQ(ask(*connect(20)), 503);
  EXPECT_EQ(ask(*connect(20), "/healthz"), 200);
  held.clear();
  EXPECT_TRUE(tests::eventually([this] { return server_->requests() == 0; }));
}

TEST_F(HttpServerShares, a_body_that_trickles_takes_no_place) {
  start(few());
  std::vector<std::unique_ptr<tcp::socket>> held;
  for (unsigned char network = 3; network < 13; ++network) {
    held.push_back(connect(network));
    begin(*held.back(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
  }
  EXPECT_EQ(ask(*connect(30)), 200);
  EXPECT_TRUE(tests::eventually([this] { return server_->requests() == 0; }));
  begin(*held.front(), "12345678");
  EXPECT_EQ(ask(*held.front()), 200) << "this is the answer to the body";
}

TEST_F(HttpServerShares, a_network_of_many_clients_leaves_places_to_others) {
  HttpLimits limits;
  limits.requests = 64;
  limits.trusted_proxies = CidrSet({*Cidr::parse("127.0.3.1/32")});
  start(limits);
  std::vector<std::unique_ptr<tcp::socket>> held;
  for (int i = 0; i < 200; ++i) {
    held.push_back(connect(3));
    begin(*held.back(), "GET /wait HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 2001:db8:1:" +
                            std::to_string(i) + "::1\r\n\r\n");
  }
  ASSERT_TRUE(tests::eventually([this] { return server_->requests() == 32; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(server_->requests(), 32u);
  for (unsigned char network = 40; network < 45; ++network)
    EXPECT_EQ(ask(*connect(network)), 200) << int{network};
  held.clear();
}

TEST_F(HttpServerShares, large_bodies_that_come_slowly_keep_no_small_one_out) {
  HttpLimits limits;
  limits.body = 1000;
  limits.small_body = 10;
  limits.bodies = 4000;
  start(limits);
  std::vector<std::unique_ptr<tcp::socket>> held;
  const auto chunked = [&](unsigned char address, const std::string& chunk) {
    held.push_back(connect(address));
    begin(*held.back(), "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk);
  };
  for (int i = 0; i < 20; ++i) chunked(static_cast<unsigned char>(3 + i % 4), "1\r\nx\r\n");
  for (int i = 0; i < 20; ++i) {
    held.push_back(connect(static_cast<unsigned char>(3 + i % 4)));
    begin(*held.back(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nx");
  }
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ";
  EXPECT_TRUE(tests::eventually([&] {
    return exchange(head + "11\r\n\r\n0123456789a").starts_with("HTTP/1.1 503");
  })) << "four large bodies are all that there is room for";
  EXPECT_TRUE(exchange(head + "10\r\n\r\n0123456789").starts_with("HTTP/1.1 200"));
  held.clear();
}

TEST_F(HttpServerTest, the_gate_is_asked_before_a_large_body_is_read) {
  HttpLimits limits;
  limits.small_body = 10;
  const auto gate = [](const HttpRequest& head) -> Task<std::optional<HttpResponse>> {
    if (head.path == "/in") co_return std::nullopt;
    HttpResponse refusal;
    refusal.status = 401;
    co_return refusal;
  };
  start(limits, gate);
  const std::string post = " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  const auto sized = [&](const std::string& path, const std::string& body) {
    return exchange("POST " + path + post + "Content-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
  };
  EXPECT_TRUE(sized("/out", "0123456789").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(sized("/out", "0123456789a").starts_with("HTTP/1.1 401"));
  EXPECT_TRUE(sized("/in", "0123456789a").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(
      exchange("POST /out" + post + "Content-Length: 11\r\n\r\n").starts_with("HTTP/1.1 401"))
      << "nothing of the body was waited for";
  const auto chunked = [&](const std::string& path) {
    return exchange("POST " + path + post +
                    "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n1\r\nx\r\n0\r\n\r\n");
  };
  EXPECT_TRUE(chunked("/in").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(chunked("/out").starts_with("HTTP/1.1 401"));
}

TEST_F(HttpServerTest, a_body_that_makes_no_progress_is_closed) {
  HttpLimits limits;
  limits.body_deadline = std::chrono::milliseconds(50);
  limits.request_deadline = std::chrono::hours(1);
  start(limits);
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n{"), "");
}

/// The octets of a complete answer, read slowly.
std::size_t read_slowly(std::uint16_t port, const std::string& path,
                        std::chrono::milliseconds wait) {
  asio::io_context io;
  tcp::socket socket(io);
  socket.open(tcp::v4());
  socket.set_option(asio::socket_base::receive_buffer_size(65536));
  socket.connect({asio::ip::address_v4::loopback(), port});
  asio::write(socket,
              asio::buffer("GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  std::vector<char> chunk(std::size_t{256} << 10);
  std::size_t total = 0;
  boost::system::error_code error;
  while (!error) {
    total += socket.read_some(asio::buffer(chunk), error);
    std::this_thread::sleep_for(wait);
  }
  return total;
}

TEST_F(HttpServerTest, who_reads_slowly_is_closed_when_nothing_goes_out) {
  HttpLimits limits;
  limits.write_deadline = std::chrono::milliseconds(400);
  std::size_t got = 0;
  for (;;) {
    start(limits);
    const auto begun = std::chrono::steady_clock::now();
    got = read_slowly(port_, "/large", limits.write_deadline / 128);
    EXPECT_GT(std::chrono::steady_clock::now() - begun, limits.write_deadline);
    // A machine that keeps the reader from reading for the whole deadline gets a longer one.
    if (got > std::size_t{16} << 20 || limits.write_deadline > tests::patience) break;
    TearDown();
    loop_.restart();
    limits.write_deadline *= 4;
  }
  EXPECT_GT(got, std::size_t{16} << 20);
}

TEST_F(HttpServerTest, answers_in_memory_have_a_bound) {
  HttpLimits limits;
  limits.answers = std::size_t{52} << 20;
  start(limits);
  asio::io_context io;
  std::vector<std::unique_ptr<tcp::socket>> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(std::make_unique<tcp::socket>(io));
    held.back()->connect({asio::ip::address_v4::loopback(), port_});
    asio::write(*held.back(), asio::buffer(std::string("GET /large HTTP/1.1\r\nHost: h\r\n\r\n")));
    std::array<char, 12> status{};
    asio::read(*held.back(), asio::buffer(status));
    EXPECT_EQ(std::string_view(status.data(), status.size()), "HTTP/1.1 200");
  }
  const std::string third = exchange("GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(third.starts_with("HTTP/1.1 503"));
  EXPECT_NE(third.find("Retry-After"), std::string::npos);
  EXPECT_TRUE(exchange("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                  .starts_with("HTTP/1.1 200"));
}

TEST_F(HttpServerShares, a_proxy_names_the_client_that_is_counted) {
  HttpLimits limits = few();
  limits.trusted_proxies = CidrSet({*Cidr::parse("127.0.3.1/32")});
  start(limits);
  std::vector<std::unique_ptr<tcp::socket>> held;
  for (int i = 0; i < 6; ++i) {
    held.push_back(connect(3));
    begin(*held.back(), "GET /wait HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1:4711\r\n\r\n");
  }
  ASSERT_TRUE(tests::eventually([this] { return server_->requests() == 3; }));
  EXPECT_EQ(ask(*connect(3)), 200) << "the proxy itself has a share of its own";
  held.clear();
}

TEST_F(HttpServerShares, stop_ends_what_waits) {
  start(few());
  const auto client = connect(2);
  begin(*client, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(tests::eventually([] { return endless_answers == 1; }));
  server_->stop();
  EXPECT_TRUE(tests::eventually([] { return endless_answers == 0; }));
}

TEST_F(HttpServerTest, stop_ends_idle_connections) {
  start();
  asio::io_context io;
  tcp::socket idle(io);
  idle.connect({asio::ip::address_v4::loopback(), port_});
  while (server_->connections() == 0) std::this_thread::yield();
  server_->stop();
  thread_.join();
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, listen_says_what_is_wrong) {
  start();
  EXPECT_EQ(server_->listen("127.0.0.1:" + std::to_string(port_)).error().fault, Fault::conflict);
  EXPECT_EQ(server_->listen("127.0.0.1").error().fault, Fault::malformed);
  EXPECT_EQ(server_->listen("somewhere:80").error().fault, Fault::malformed);
  EXPECT_EQ(server_->listen("127.0.0.1:70000").error().fault, Fault::malformed);
}

}  // namespace
}  // namespace postern::net
