#include "admin/deliveries.h"

#include <gtest/gtest.h>
#include <fstream>
#include <thread>

#include "admin/ports.h"
#include "admin/test_api.h"
#include "store/delivery_log.h"

namespace postern::admin {
namespace {

class FakeSimulator : public Simulator {
 public:
  SimulationRequest seen;
  Result<SimulationResult> result = SimulationResult{200, 12, std::nullopt, "log_1"};
  Task<Result<SimulationResult>> simulate(SimulationRequest request) override {
    seen = std::move(request);
    co_return result;
  }
};

class FakeTraces : public TraceReader {
 public:
  void forget_account(std::string account_id) override { forgotten = std::move(account_id); }
  std::string forgotten;
  TraceQuery seen;
  Task<Result<TraceList>> list(TraceQuery query) override {
    seen = query;
    co_return TraceList{{{{"id", "01HX0000000000000000000000"}, {"webhook_id", nullptr}}}, 1};
  }
  Task<Result<std::optional<boost::json::object>>> story(std::optional<std::string> account,
                                                         std::string id) override {
    return find(std::move(account), std::move(id));
  }
  Task<Result<store::TraceFound>> search(store::TraceSearch, store::TraceWords) override {
    co_return store::TraceFound{};
  }
  Task<Result<std::vector<store::TallyRow>>> tallies(store::TallyQuery) override {
    co_return std::vector<store::TallyRow>{};
  }
  Task<Result<std::vector<store::DayCounts>>> day_counts(
      std::string, std::vector<std::string> webhooks) override {
    co_return std::vector<store::DayCounts>(webhooks.size());
  }
  Task<Result<std::optional<boost::json::object>>> find(std::optional<std::string> account,
                                                        std::string id) override {
    seen.account_id = account.value_or("");
    if (id != "01HX0000000000000000000000") co_return std::optional<boost::json::object>();
    co_return boost::json::object{{"id", id}};
  }
};

class FakeMetrics : public MetricsSource {
 public:
  std::vector<std::string> counted;
  Task<std::string> text() override { co_return "postern_build_info 1\n"; }
  void count_request(std::string_view method, std::string_view route, int status,
                     std::chrono::nanoseconds) override {
    counted.push_back(std::string(method) + " " + std::string(route) + " " +
                      std::to_string(status));
  }
};

class FakeProbe : public ReadinessProbe {
 public:
  std::vector<std::pair<std::string, std::string>> found;
  Task<std::vector<std::pair<std::string, std::string>>> problems() override { co_return found; }
};

class DeliveriesTest : public ::testing::Test {
 protected:
  std::string one() { return "/api/v1/webhooks/" + webhook_; }
  store::LogRecord record(store::LogKind kind, int http, int smtp) {
    store::LogRecord made;
    made.id = new_id("log_");
    made.webhook_id = webhook_;
    made.created_at = store::now();
    made.kind = kind;
    made.sender = "alerts@partner.example.com";
    made.recipients = {"x@hooks.example.net"};
    if (http != 0) made.http_status = http;
    made.smtp_code = smtp;
    return made;
  }

  /// A link to the file `path`, valid for an hour, with the token "good-token".
  store::AttachmentRow linked(std::string id, std::string path, std::uint64_t size) {
    store::AttachmentRow row;
    row.id = std::move(id);
    row.webhook_id = webhook_;
    row.path = std::move(path);
    row.filename = "a.bin";
    row.size = size;
    row.token_hash = Secret(sha256("good-token"));
    row.created_at = store::now();
    row.expires_at = row.created_at + std::chrono::hours(1);
    return row;
  }

  FakeSimulator simulator_;
  FakeTraces traces_;
  FakeMetrics metrics_;
  FakeProbe probe_;
  TestApi api_{[this](Options& options, Dependencies& dependencies) {
    dependencies.simulator = &simulator_;
    dependencies.traces = &traces_;
    dependencies.metrics = &metrics_;
    dependencies.readiness = &probe_;
    options.metrics_token = Secret("metrics-token");
  }};
  std::string token_ = api_.account();
  std::string webhook_ = api_.webhook(token_).text("/id");
};

TEST_F(DeliveriesTest, simulates_with_what_was_given) {
  const Answer answer = api_.post(
      one() + "/simulate",
      R"({"from":"a@example.com","subject":"S","text":"T","headers":{"X-A":["1","2"]}})", token_);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json.at("http_status").to_number<int>(), 200);
  EXPECT_TRUE(answer.json.at("error").is_null());
  EXPECT_TRUE(answer.json.at("simulated").as_bool());
  EXPECT_EQ(simulator_.seen.webhook_id, webhook_);
  EXPECT_EQ(simulator_.seen.subject, "S");
  EXPECT_FALSE(simulator_.seen.html);
  EXPECT_EQ(simulator_.seen.headers.at(0).second.size(), 2u);
  simulator_.result = SimulationResult{std::nullopt, 5, "connection refused", "log_2"};
  const Answer failed = api_.post(one() + "/simulate", "", token_);
  EXPECT_EQ(failed.status, 200) << "a failing endpoint is an answer";
  EXPECT_TRUE(failed.json.at("http_status").is_null());
  EXPECT_EQ(failed.text("/error"), "connection refused");
  for (const char* body : {R"({"to":"x"})", R"({"subject":1})", R"({"headers":{"X":"1"}})",
                           R"({"headers":{"X: y":["1"]}})", R"({"headers":{"X":["a\r\nb"]}})",
                           R"({"subject":"a\nb"})"}) {
    EXPECT_EQ(api_.post(one() + "/simulate", body, token_).status, 422) << body;
  }
  simulator_.result = fail(Fault::temporary, "queue");
  EXPECT_EQ(api_.post(one() + "/simulate", "", token_).status, 503);
}

TEST_F(DeliveriesTest, lists_the_log_with_filters) {
  api_.log->append(record(store::LogKind::delivery, 200, 250));
  api_.log->append(record(store::LogKind::delivery, 503, 450));
  api_.log->append(record(store::LogKind::rejection, 0, 550));
  const Answer all = api_.get(one() + "/logs?page=1&page_size=20", token_);
  ASSERT_EQ(all.status, 200) << all.body;
  EXPECT_EQ(all.json.at("total").to_number<int>(), 3);
  EXPECT_EQ(all.json.at("page_size").to_number<int>(), 20);
  EXPECT_EQ(all.json.at_pointer("/data/0/kind").as_string(), "rejection");
  EXPECT_TRUE(all.json.at_pointer("/data/0/http_status").is_null());
  EXPECT_EQ(api_.get(one() + "/logs?outcome=success", token_).json.at("total").to_number<int>(), 1);
  EXPECT_EQ(api_.get(one() + "/logs?outcome=failure", token_).text("/data/0/sender"),
            "alerts@partner.example.com");
  EXPECT_EQ(api_.get(one() + "/logs?simulated=true", token_).json.at("total").to_number<int>(), 0);
  for (const char* query : {"?outcome=x", "?simulated=x", "?page=0", "?page_size=1000"}) {
    EXPECT_EQ(api_.get(one() + "/logs" + query, token_).status, 422) << query;
  }
}

TEST_F(DeliveriesTest, retry_needs_a_stored_message) {
  const store::LogRecord kept = record(store::LogKind::delivery, 503, 450);
  api_.log->append(kept);
  EXPECT_EQ(api_.post(one() + "/logs/" + kept.id + "/retry", "", token_).status, 409);
  EXPECT_EQ(api_.post(one() + "/logs/log_01HX0000000000000000000000/retry", "", token_).status,
            404);
}

TEST_F(DeliveriesTest, shows_the_inbox_and_waits_for_mail) {
  EXPECT_EQ(api_.get(one() + "/inbox", token_).json.at("total").to_number<int>(), 0);
  const std::string id = "msg_01HX0000000000000000000000";
  std::thread sender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    api_.keep(webhook_, id, R"({"subject":"Report"})", "alerts@partner.example.com", "Report");
  });
  const Answer waited = api_.get(one() + "/inbox?after=0&wait=30", token_);
  sender.join();
  ASSERT_EQ(waited.json.at("data").as_array().size(), 1u) << waited.body;
  EXPECT_EQ(waited.text("/data/0/subject"), "Report");
  const auto sequence = std::to_string(waited.json.at_pointer("/data/0/sequence").to_number<int>());
  EXPECT_TRUE(
      api_.get(one() + "/inbox?after=" + sequence, token_).json.at("data").as_array().empty());
  const std::string path = one() + "/inbox/" + id;
  EXPECT_EQ(api_.get(path, token_).text("/payload/subject"), "Report");
  EXPECT_EQ(api_.get(one() + "/inbox/msg_x", token_).status, 404);
  EXPECT_EQ(api_.get(one() + "/inbox?wait=31", token_).status, 422);
  EXPECT_EQ(api_.del(path, token_).status, 204);
  EXPECT_EQ(api_.del(path, token_).status, 404);
}

TEST_F(DeliveriesTest, a_large_payload_comes_in_pieces) {
  const std::string text(3'000'000, 'x');
  api_.keep(webhook_, "msg_1", R"({"text":")" + text + R"("})");
  const Answer whole = api_.get(one() + "/inbox/msg_1", token_);
  EXPECT_EQ(whole.text("/payload/text"), text);
  EXPECT_EQ(whole.text("/id"), "msg_1");
  ASSERT_TRUE(whole.raw.stream);
  EXPECT_TRUE(whole.raw.body.empty()) << "nothing holds all of it";
}

TEST_F(DeliveriesTest, an_inbox_says_what_it_may_hold_and_that_it_is_full) {
  const Answer limited = api_.put(
      one(), R"({"inbox_max_messages":2,"inbox_max_octets":2000000,"inbox_keep_days":7})", token_);
  ASSERT_EQ(limited.status, 200) << limited.body;
  const policy::InboxLimits limits{.messages = 2, .octets = 2'000'000, .keep_days = 7};
  const auto box = [&] { return api_.get(one() + "/inbox?limit=1", token_).json.at("box"); };
  EXPECT_EQ(box(), boost::json::value({{"messages", 0},
                                       {"octets", 0},
                                       {"max_messages", 2},
                                       {"max_octets", 2'000'000},
                                       {"keep_days", 7},
                                       {"full", false},
                                       {"aged_out", 0},
                                       {"refused", 0},
                                       {"refused_at", nullptr}}));
  for (const char* id : {"msg_1", "msg_2", "msg_3"})
    api_.keep(webhook_, id, "{}", "a@example.com", "s", limits);
  EXPECT_EQ(box().at("messages"), 2);
  EXPECT_EQ(box().at("full"), true);
  EXPECT_EQ(box().at("refused"), 1);
  EXPECT_TRUE(box().at("refused_at").is_string());
  EXPECT_EQ(api_.get(one() + "/inbox", token_).json.at("box").at("full"), true) << "by pages too";
  EXPECT_EQ(api_.del(one() + "/inbox", token_).status, 204);
  EXPECT_EQ(box().at("messages"), 0);
  EXPECT_EQ(box().at("full"), false);
  EXPECT_EQ(api_.get(one() + "/inbox/msg_1", token_).status, 404);
  EXPECT_EQ(api_.del("/api/v1/webhooks/wh_01HX0000000000000000000000/inbox", token_).status, 404);
}

TEST_F(DeliveriesTest, serves_attachments_to_who_has_the_link) {
  store::AttachmentRow row = linked("att_01HX0000000000000000000000", "blob-1", 5);
  row.filename = "r\"\r\nép.csv";
  row.content_type = "text/html";
  std::ofstream(api_.options.attachment_dir + "/blob-1") << "hello";
  ASSERT_TRUE(api_.log->add_attachments({&row, 1}));
  const std::string path = "/api/v1/attachments/" + row.id;
  const Answer served = api_.get(path + "?t=good-token");
  ASSERT_EQ(served.status, 200) << served.body;
  EXPECT_EQ(served.body, "hello");
  EXPECT_EQ(served.raw.content_type, "application/octet-stream");
  EXPECT_EQ(served.raw.header("Content-Disposition"),
            "attachment; filename=\"r_____p.csv\"; filename*=UTF-8''r%22%0D%0A%C3%A9p.csv");
  EXPECT_EQ(api_.get(path).status, 404);
  EXPECT_EQ(api_.get(path + "?t=bad-token").status, 404);
  EXPECT_EQ(api_.get("/api/v1/attachments/att_01HX0000000000000000000001?t=good-token").status,
            404);
  store::AttachmentRow old = row;
  old.id = "att_01HX0000000000000000000002";
  old.expires_at = row.created_at - std::chrono::hours(1);
  ASSERT_TRUE(api_.log->add_attachments({&old, 1}));
  EXPECT_EQ(api_.get("/api/v1/attachments/" + old.id + "?t=good-token").status, 410);
  EXPECT_EQ(api_.get("/api/v1/attachments/" + old.id + "?t=x").status, 404);
  EXPECT_EQ(api_.del(one(), token_).status, 204);
  EXPECT_EQ(api_.get(path + "?t=good-token").status, 404) << "goes with its webhook";
  EXPECT_FALSE(std::filesystem::exists(api_.options.attachment_dir + "/blob-1"));
}

TEST_F(DeliveriesTest, a_large_attachment_comes_in_pieces) {
  const store::AttachmentRow row = linked("att_01HX0000000000000000000003", "blob-3", 1'000'000);
  ASSERT_TRUE(api_.log->add_attachments({&row, 1}));
  const std::string target = "/api/v1/attachments/" + row.id + "?t=good-token";
  EXPECT_EQ(api_.get(target).status, 404) << "no file";
  std::string octets(row.size, 'a');
  octets.back() = 'z';
  std::ofstream(api_.options.attachment_dir + "/blob-3") << octets;
  std::vector<net::HttpResponse> readers;
  for (int i = 0; i < 20; ++i) {
    readers.push_back(api_.get(target).raw);
    ASSERT_TRUE(readers.back().stream) << readers.back().status;
  }
  const Answer whole = api_.get(target);
  EXPECT_EQ(whole.body, octets);
  const net::HttpResponse again =
      api_.run(api_.api->handle(api_.http({"GET", target, "", "", {}})));
  EXPECT_LE(api_.run(again.stream->next()).value().size(), std::size_t{256} << 10);
}

TEST_F(DeliveriesTest, traces_are_asked_for_in_the_own_account) {
  const Answer list =
      api_.get("/api/v1/traces?webhook_id=" + webhook_ + "&outcome=rejected&page=2", token_);
  ASSERT_EQ(list.status, 200) << list.body;
  EXPECT_EQ(list.text("/data/0/id"), "01HX0000000000000000000000");
  EXPECT_EQ(traces_.seen.webhook_id, webhook_);
  EXPECT_EQ(traces_.seen.offset, 20u);
  EXPECT_TRUE(traces_.seen.account_id.starts_with("acc_"));
  EXPECT_EQ(api_.get("/api/v1/traces?outcome=lost", token_).status, 422);
  EXPECT_EQ(api_.get("/api/v1/traces/01HX0000000000000000000000", token_).status, 200);
  EXPECT_EQ(api_.get("/api/v1/traces/01HX0000000000000000000001", token_).status, 404);
  EXPECT_EQ(api_.get("/api/v1/traces/not-an-id", token_).status, 404);
}

TEST_F(DeliveriesTest, metrics_need_their_token) {
  EXPECT_EQ(api_.get("/metrics").status, 401);
  EXPECT_EQ(api_.get("/metrics", token_).status, 401) << "a tenant is not the operator";
  const Answer metrics = api_.get("/metrics", "metrics-token");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(metrics.body, "postern_build_info 1\n");
  EXPECT_EQ(metrics.raw.content_type, "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(DeliveriesTest, requests_are_counted_under_templates) {
  metrics_.counted.clear();
  api_.get(one(), token_);
  api_.get("/api/v1/whatever/" + webhook_, token_);
  api_.call({"BREW", one(), "", token_, {}});
  EXPECT_EQ(metrics_.counted,
            (std::vector<std::string>{"GET /api/v1/webhooks/{id} 200", "GET other 404",
                                      "other /api/v1/webhooks/{id} 405"}));
}

TEST_F(DeliveriesTest, says_whether_it_is_ready) {
  EXPECT_EQ(api_.get("/api/v1/ping").text("/status"), "ok");
  EXPECT_EQ(api_.get("/healthz").status, 200);
  EXPECT_EQ(api_.get("/readyz").text("/status"), "ready");
  probe_.found.emplace_back("listener", "is not open");
  const Answer late = api_.get("/readyz");
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(late.text("/problems/listener"), "is not open");
}

class PagesTest : public ::testing::Test {
 protected:
  TestApi api_;
};

TEST_F(PagesTest, files_come_in_the_coding_that_the_client_takes) {
  const Answer page = api_.get("/app/signin");
  EXPECT_EQ(page.status, 200);
  EXPECT_TRUE(page.raw.content_type.starts_with("text/html"));
  EXPECT_EQ(page.raw.header("Cache-Control"), "no-cache");
  const std::size_t at = page.body.find("/app/assets/app-");
  ASSERT_NE(at, std::string::npos);
  const std::string script = page.body.substr(at, page.body.find('"', at) - at);
  const Answer plain = api_.get(script);
  EXPECT_TRUE(plain.raw.content_type.starts_with("text/javascript"));
  EXPECT_EQ(plain.raw.header("Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_FALSE(plain.raw.header("Content-Encoding"));
  const auto coded = [&](const std::string& taken) {
    return api_.call({"GET", script, "", "", {{"accept-encoding", taken}}});
  };
  EXPECT_EQ(coded("gzip, deflate, br").raw.header("Content-Encoding"), "br");
  EXPECT_EQ(coded("gzip").raw.header("Content-Encoding"), "gzip");
  EXPECT_EQ(coded("br;q=0, gzip;q=0.5").raw.header("Content-Encoding"), "gzip");
  EXPECT_FALSE(coded("br;q=0").raw.header("Content-Encoding"));
  EXPECT_LT(coded("br").body.size(), plain.body.size());
  const std::string etag(*plain.raw.header("ETag"));
  EXPECT_EQ(api_.call({"GET", script, "", "", {{"if-none-match", etag}}}).status, 304);
  EXPECT_EQ(api_.get("/app/assets/none.js").status, 404);
}

TEST_F(PagesTest, other_pages_lead_to_the_sign_in) {
  for (const char* path : {"/app/smtp-policies", "/app/webhooks", "/app/settings/domains",
                           "/app/settings/account", "/app/messages", "/app/"}) {
    const Answer moved = api_.call({"GET", path, "", "", {{"host", "evil.test"}}});
    EXPECT_EQ(moved.status, 302) << path;
    EXPECT_EQ(moved.raw.header("Location"), "/app/signin") << path;
  }
  EXPECT_EQ(api_.get("/").raw.header("Location"), "/app/");
  EXPECT_EQ(api_.get("/app").raw.header("Location"), "/app/");
}

TEST_F(PagesTest, with_a_session_pages_open_and_forms_are_refused) {
  api_.account();
  const Answer signed_in = api_.post("/app/session", first_account);
  const std::string set(*signed_in.raw.header("Set-Cookie"));
  const std::string cookie = set.substr(0, set.find(';'));
  const Answer page = api_.call({"GET", "/app/smtp-policies", "", "", {{"cookie", cookie}}});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(api_.call({"GET", "/app/", "", "", {{"cookie", cookie}}}).raw.header("Location"),
            "/app/webhooks");
  EXPECT_EQ(api_.call({"POST",
                       "/app/smtp-policies",
                       "name=x",
                       "",
                       {{"cookie", cookie},
                        {"origin", "https://evil.test"},
                        {"content-type", "application/x-www-form-urlencoded"}}})
                .status,
            403);
  EXPECT_EQ(api_.call({"POST",
                       "/app/smtp-policies",
                       "name=x",
                       "",
                       {{"cookie", "__Host-postern_session=x"}}})
                .status,
            403);
}

}  // namespace
}  // namespace postern::admin
