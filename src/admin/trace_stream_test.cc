#include "admin/trace_stream.h"

#include <gtest/gtest.h>

#include <thread>

#include <boost/asio.hpp>

#include "admin/test_api.h"
#include "admin/trace_hub.h"
#include "base/patience_test.h"
#include "net/http_server.h"

namespace postern::admin {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

store::TraceRow a_row(const std::string& id, std::optional<std::string> account = {},
                      const std::string& from = "a@example.com") {
  store::TraceRow row;
  row.id = id;
  row.time = store::now();
  row.outcome = "rejected";
  row.client_ip = "198.51.100.7";
  row.mail_from = from;
  row.rcpt = "tickets@hooks.example.net";
  row.account_id = std::move(account);
  row.code = 550;
  row.enhanced = "5.7.23";
  row.reply = "550 5.7.23 SPF check failed";
  row.layer = "webhook";
  row.rule = "require_spf";
  row.origin = "pol_1/require_spf_pass";
  row.reason = "fail";
  return row;
}

/// The ids of the traces in a piece of a stream, separated by blanks.
std::string ids_in(const std::string& piece) {
  static constexpr std::string_view mark = R"(data: {"id":")";
  std::string out;
  for (std::size_t at = piece.find(mark); at != std::string::npos; at = piece.find(mark, at + 1)) {
    const std::size_t begin = at + mark.size();
    out += (out.empty() ? "" : " ") + piece.substr(begin, piece.find('"', begin) - begin);
  }
  return out;
}

/// The text after the last "id: ".
std::string last_id(const std::string& piece) {
  const std::size_t at = piece.rfind("\nid: ");
  const std::size_t begin = at == std::string::npos ? 4 : at + 5;
  return piece.substr(begin, piece.find('\n', begin) - begin);
}

class TraceStreams : public ::testing::Test {
 protected:
  explicit TraceStreams(TraceHubOptions options = {.kept = 10,
                                                   .streams = 5,
                                                   .streams_per_account = 2,
                                                   .keep_alive = 50ms,
                                                   .longest = tests::patience})
      : hub_(options), api_([this](Options&, Dependencies& deps) { deps.trace_hub = &hub_; }) {
    operator_id_ = sign_up("operator@example.com");
    operator_ = sign_in("operator@example.com");
    other_id_ = sign_up("b@example.com");
    other_ = sign_in("b@example.com");
  }

  std::string sign_up(const std::string& email) {
    return api_.post("/api/v1/accounts", account_body(email)).text("/id");
  }
  std::string sign_in(const std::string& email) {
    return api_.post("/api/v1/sessions", account_body(email)).text("/access_token");
  }

  Answer open(const std::string& token, const std::string& query = {},
              const std::string& last_event_id = {}) {
    TestApi::Request request{"GET", "/api/v1/traces/stream" + query, "", token, {}};
    request.headers.emplace_back("accept", "text/event-stream");
    if (!last_event_id.empty()) request.headers.emplace_back("last-event-id", last_event_id);
    return api_.call(request);
  }
  std::string next(const Answer& stream) { return *api_.run(stream.raw.stream->next()); }
  /// Opens a stream and reads its beginning.
  Answer begun(const std::string& token, const std::string& query = {}) {
    Answer stream = open(token, query);
    EXPECT_EQ(stream.status, 200) << stream.body;
    EXPECT_TRUE(next(stream).starts_with("retry: 2000\nid: "));
    return stream;
  }
  void publish(store::TraceRow row) {
    hub_.publish(std::make_shared<const store::TraceRow>(std::move(row)));
  }

  TraceHub hub_;
  TestApi api_;
  std::string operator_;
  std::string operator_id_;
  std::string other_;
  std::string other_id_;
};

TEST_F(TraceStreams, gives_summaries_as_events) {
  const Answer stream = begun(other_);
  EXPECT_EQ(stream.raw.content_type, "text/event-stream");
  EXPECT_FALSE(stream.raw.stream->size);
  store::TraceRow row = a_row("01A", other_id_);
  row.webhook_id = "wh_1";
  publish(row);
  const std::string piece = next(stream);
  EXPECT_TRUE(piece.starts_with("id: ")) << piece;
  EXPECT_TRUE(piece.ends_with("}\n\n")) << piece;
  EXPECT_NE(piece.find("\nevent: decision\ndata: {"), std::string::npos);
  const auto data = boost::json::parse(piece.substr(piece.find('{')));
  EXPECT_EQ(data.at("id").as_string(), "01A");
  EXPECT_EQ(data.at("rcpt_to").as_string(), "tickets@hooks.example.net");
  EXPECT_EQ(data.at("webhook_id").as_string(), "wh_1");
  EXPECT_EQ(data.at("code").as_int64(), 550);
  EXPECT_EQ(data.at("reason").at("rule").as_string(), "require_spf");
  EXPECT_EQ(data.at("reason").at("text").as_string(), "fail");
  EXPECT_FALSE(data.at("shadow").as_bool());
  EXPECT_EQ(data.as_object().size(), 13u);
}

TEST_F(TraceStreams, what_is_not_known_is_null) {
  const Answer stream = begun(other_);
  publish({.id = "01A", .outcome = "accepted", .account_id = other_id_});
  const std::string piece = next(stream);
  const auto data = boost::json::parse(piece.substr(piece.find('{')));
  for (const char* name : {"webhook_id", "webhook_name", "code", "enhanced", "reply", "reason"}) {
    EXPECT_TRUE(data.at(name).is_null()) << name;
  }
}

TEST_F(TraceStreams, an_account_sees_its_own_rows_and_an_operator_all) {
  const Answer own = begun(other_);
  const Answer all = begun(operator_);
  const std::string before = last_id(next(own));
  publish(a_row("01A", operator_id_));
  publish(a_row("01B"));
  publish(a_row("01C", other_id_));
  publish(a_row("01D", operator_id_));
  publish(a_row("01E", other_id_));
  const std::string piece = next(own);
  EXPECT_EQ(ids_in(piece), "01C 01E");
  EXPECT_EQ(std::stoull(last_id(piece)), std::stoull(before) + 2)
      << "the numbers say nothing about others' mail";
  EXPECT_EQ(ids_in(next(all)), "01A 01B 01C 01D 01E");
}

TEST_F(TraceStreams, nothing_new_is_a_comment_that_keeps_the_place) {
  const Answer stream = begun(other_);
  publish(a_row("01A", operator_id_));
  const std::string piece = next(stream);
  EXPECT_TRUE(piece.starts_with(": keep-alive\nid: ")) << piece;
  EXPECT_EQ(piece.find("data:"), std::string::npos);
}

TEST_F(TraceStreams, resumes_after_the_last_event) {
  const Answer stream = begun(other_);
  publish(a_row("01A", other_id_));
  const std::string seen = last_id(next(stream));
  publish(a_row("01B", other_id_));
  publish(a_row("01X", operator_id_));
  publish(a_row("01C", other_id_));
  const Answer again = open(other_, "", seen);
  EXPECT_EQ(last_id(next(again)), seen);
  EXPECT_EQ(ids_in(next(again)), "01B 01C");
  api_.run(stream.raw.stream->next());
}

TEST_F(TraceStreams, resumes_by_a_parameter_and_ignores_nonsense) {
  publish(a_row("01A", other_id_));
  const Answer nonsense = open(other_, "", "x");
  next(nonsense);
  EXPECT_TRUE(next(nonsense).starts_with(": keep-alive")) << "it begins with what comes next";
  const std::string place = last_id(next(nonsense));
  publish(a_row("01B", other_id_));
  const Answer again = open(other_, "?last_event_id=" + place);
  next(again);
  EXPECT_EQ(ids_in(next(again)), "01B");
}

TEST_F(TraceStreams, says_how_many_were_missed) {
  const Answer stream = begun(other_);
  const Answer silent = begun(other_);
  for (int i = 10; i < 24; ++i) {
    publish(a_row("01" + std::to_string(i), other_id_));
    publish(a_row("01X", operator_id_));
  }
  const std::string piece = next(stream);
  EXPECT_TRUE(piece.starts_with("event: missed\ndata: {\"n\":9}\n\n")) << piece;
  EXPECT_EQ(ids_in(piece), "0119 0120 0121 0122 0123");
  for (int i = 0; i < 10; ++i) publish(a_row("01X", operator_id_));
  EXPECT_EQ(next(silent), "event: missed\ndata: {\"n\":14}\n\n") << "none of its own is left";
  EXPECT_TRUE(next(silent).starts_with(": keep-alive"));
}

TEST_F(TraceStreams, an_id_from_before_a_restart_gives_what_is_there) {
  publish(a_row("01A", other_id_));
  for (const char* id : {"17", "18446744073709551615"}) {
    const Answer stream = open(other_, "", id);
    next(stream);
    const std::string piece = next(stream);
    EXPECT_TRUE(piece.starts_with("event: missed\ndata: {\"n\":null}\n\n")) << piece;
    EXPECT_EQ(ids_in(piece), "01A");
  }
}

TEST_F(TraceStreams, filters_by_words_and_refuses_unknown_ones) {
  const Answer stream = begun(other_, "?q=from:example.org");
  publish(a_row("01A", other_id_, "x@example.com"));
  publish(a_row("01B", other_id_, "x@example.org"));
  EXPECT_EQ(ids_in(next(stream)), "01B");
  const Answer refused = open(other_, "?q=colour:red");
  EXPECT_EQ(refused.status, 422);
  EXPECT_TRUE(refused.has_field("q"));
}

TEST_F(TraceStreams, filters_by_an_own_webhook) {
  const std::string own = api_.webhook(operator_).text("/id");
  const Answer stream = begun(operator_, "?webhook_id=" + own);
  store::TraceRow row = a_row("01A", operator_id_);
  publish(row);
  row.id = "01B";
  row.webhook_id = own;
  publish(row);
  row.id = "01C";
  row.account_id = other_id_;
  publish(row);
  EXPECT_EQ(ids_in(next(stream)), "01B");
  EXPECT_EQ(open(other_, "?webhook_id=" + own).status, 404);
}

TEST_F(TraceStreams, are_few) {
  const std::string third = api_.account("c@example.com");
  std::vector<Answer> open_ones;
  for (int i = 0; i < 2; ++i) open_ones.push_back(begun(other_));
  const Answer refused = open(other_);
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.raw.header("Retry-After"));
  open_ones.pop_back();
  open_ones.push_back(begun(other_));
  for (int i = 0; i < 2; ++i) open_ones.push_back(begun(operator_));
  open_ones.push_back(begun(third));
  EXPECT_EQ(open(third).status, 429) << "all streams of the gateway are taken";
}

TEST_F(TraceStreams, want_a_caller_and_a_hub) {
  EXPECT_EQ(open("").status, 401);
  TestApi without;
  const std::string token = without.account();
  EXPECT_EQ(without.get("/api/v1/traces/stream", token).status, 503);
}

class ShortTraceStreams : public TraceStreams {
 protected:
  ShortTraceStreams() : TraceStreams({.keep_alive = 10s, .longest = 50ms}) {}
};

TEST_F(ShortTraceStreams, end_so_that_the_caller_is_asked_for_again) {
  const Answer quiet = begun(other_);
  EXPECT_EQ(next(quiet), "");
  const Answer busy = begun(other_);
  std::this_thread::sleep_for(60ms);
  publish(a_row("01A", other_id_));
  EXPECT_EQ(next(busy), "");
}

/// Over a socket, with events published from another thread.
TEST_F(TraceStreams, wake_who_waits) {
  asio::io_context loop;
  net::HttpServer server(
      loop, [this](net::HttpRequest request) { return api_.api->handle(std::move(request)); });
  const std::uint16_t port = server.listen("127.0.0.1:0").value();
  std::thread thread([&] { loop.run(); });
  asio::io_context io;
  asio::ip::tcp::socket client(io);
  client.connect({asio::ip::address_v4::loopback(), port});
  asio::write(
      client,
      asio::buffer("GET /api/v1/traces/stream HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " +
                   other_ + "\r\n\r\n"));
  std::string out;
  asio::read_until(client, asio::dynamic_buffer(out), "retry: 2000\n");
  EXPECT_NE(out.find("Content-Type: text/event-stream\r\n"), std::string::npos) << out;
  EXPECT_NE(out.find("Cache-Control: no-store\r\n"), std::string::npos);
  for (const char* id : {"01A", "01B", "01C"}) {
    publish(a_row(id, other_id_));
    asio::read_until(client, asio::dynamic_buffer(out), "{\"id\":\"" + std::string(id) + "\"");
  }
  server.stop();
  thread.join();
  EXPECT_EQ(server.connections(), 0u);
}

}  // namespace
}  // namespace postern::admin
