#include "admin/traces.h"

#include <set>

#include <gtest/gtest.h>

#include "admin/ports.h"
#include "admin/reason_words.h"
#include "admin/test_api.h"
#include "base/temporary_folder_test.h"
#include "dialect/restrictions/rules.h"
#include "policy/trace.h"
#include "store/delivery_log.h"

namespace postern::admin {
namespace {

namespace json = boost::json;

/// Reads traces.db; the test sets the stories.
class StoredTraces : public TraceReader {
 public:
  StoredTraces() {
    writer_ = store::TraceWriter::open(folder_.file("traces.db")).value();
    reader_ = store::TraceReader::open(folder_.file("traces.db")).value();
  }

  void post(policy::Trace trace) {
    writer_->post(std::move(trace));
    writer_->flush();
  }
  std::optional<json::object> told;

  void forget_account(std::string id) override { writer_->forget_account(std::move(id)); }
  Task<Result<TraceList>> list(TraceQuery) override { co_return TraceList{}; }
  Task<Result<std::optional<json::object>>> find(std::optional<std::string>, std::string) override {
    co_return std::optional<json::object>();
  }
  Task<Result<std::optional<json::object>>> story(std::optional<std::string>,
                                                  std::string) override {
    co_return told;
  }
  Task<Result<store::TraceFound>> search(store::TraceSearch search,
                                         store::TraceWords words) override {
    co_return reader_->search(search, words);
  }
  Task<Result<std::vector<store::TallyRow>>> tallies(store::TallyQuery query) override {
    co_return reader_->tallies(query);
  }
  Task<Result<std::vector<store::DayCounts>>> day_counts(std::string,
                                                         std::vector<std::string> ids) override {
    co_return reader_->day_counts(ids, store::now());
  }

 private:
  tests::TemporaryFolder folder_;
  std::unique_ptr<store::TraceWriter> writer_;
  std::unique_ptr<store::TraceReader> reader_;
};

class TracesTest : public ::testing::Test {
 protected:
  /// A trace refused at RCPT by `rule`, or accepted if `rule` is empty.
  policy::Trace trace(const Answer& webhook, std::string_view rule, int code = 550) {
    auto hook = std::make_shared<policy::Webhook>();
    hook->id = webhook.text("/id");
    hook->account_id = webhook.text("/account_id");
    policy::Trace made;
    made.id = new_ulid();
    made.started = std::chrono::system_clock::now();
    made.outcome = rule.empty() ? "accepted" : code < 500 ? "deferred" : "rejected";
    made.evidence.session.client_ip = *IpAddress::parse("203.0.113.9");
    made.evidence.reverse_path = mail::Mailbox{"alerts", "example.com"};
    policy::Decision decision{.stage = policy::Stage::rcpt, .recipient = "a@hooks.example.net"};
    decision.reply.code = 0;
    decision.candidate = policy::Recipient{{"a", "hooks.example.net"}, {}};
    decision.candidate->route = {.kind = policy::Route::Kind::webhook, .webhook = std::move(hook)};
    if (!rule.empty()) {
      const auto klass = static_cast<std::uint8_t>(code / 100);
      const policy::Verdict no =
          policy::refuse(static_cast<std::uint16_t>(code), {klass, 7, 1}, "no", "seen");
      decision.reply = no.reply;
      decision.steps.push_back({.stage = policy::Stage::rcpt,
                                .layer = "webhook",
                                .check = policy::interned(rule),
                                .origin = "pol_1/field",
                                .verdict = no});
    }
    made.note(std::move(decision));
    return made;
  }
  std::size_t found(const std::string& query, const std::string& token) {
    const Answer answer = api_.get("/api/v1/traces?limit=200" + query, token);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.json.at("data").as_array().size();
  }
  static std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text) out += "%" + hex_encode(std::string_view(&c, 1));
    return out;
  }

  StoredTraces traces_;
  TestApi api_{[this](Options&, Dependencies& dependencies) { dependencies.traces = &traces_; }};
  std::string operator_ = api_.account("first@example.com");
  std::string tenant_ = api_.account("second@example.com");
  Answer own_ = api_.webhook(tenant_, R"(,"name":"Invoices")");
  Answer others_ = api_.webhook(operator_);
};

TEST_F(TracesTest, an_account_finds_its_own_and_who_operates_the_gateway_all) {
  traces_.post(trace(own_, "client_in_networks"));
  traces_.post(trace(others_, ""));
  EXPECT_EQ(found("", tenant_), 1u);
  EXPECT_EQ(found("", operator_), 2u);
  EXPECT_EQ(found("&outcome=accepted", tenant_), 0u);
  EXPECT_EQ(found("&webhook_id=" + others_.text("/id"), operator_), 1u);
  const auto foreign = "/api/v1/traces?limit=5&webhook_id=" + others_.text("/id");
  EXPECT_EQ(api_.get(foreign, tenant_).status, 404);
  const Answer list = api_.get("/api/v1/traces?limit=1", tenant_);
  EXPECT_EQ(list.text("/data/0/webhook_name"), "Invoices");
  EXPECT_EQ(list.text("/data/0/reason/rule"), "client_in_networks");
  EXPECT_EQ(list.text("/data/0/enhanced"), "5.7.1");
  EXPECT_TRUE(list.json.at("next").is_null());
}

TEST_F(TracesTest, follow_one_another_by_the_cursor) {
  for (int i = 0; i < 5; ++i) traces_.post(trace(own_, "spf_authorised"));
  std::string cursor;
  std::size_t pages = 0;
  std::size_t seen = 0;
  for (; pages < 9; ++pages) {
    const Answer page = api_.get("/api/v1/traces?limit=2" + cursor, tenant_);
    seen += page.json.at("data").as_array().size();
    if (page.json.at("next").is_null()) break;
    cursor = "&cursor=" + page.text("/next");
  }
  EXPECT_EQ(seen, 5u);
  EXPECT_EQ(pages, 2u);
  EXPECT_EQ(api_.get("/api/v1/traces?limit=201", tenant_).status, 422);
  EXPECT_EQ(api_.get("/api/v1/traces?cursor=x", tenant_).status, 422);
}

TEST_F(TracesTest, a_word_that_is_unknown_is_answered_with_those_that_are) {
  const Answer answer = api_.get("/api/v1/traces?q=sender:a", tenant_);
  EXPECT_EQ(answer.status, 422);
  ASSERT_TRUE(answer.has_field("q"));
  EXPECT_NE(answer.body.find("from: to: ip: rule: reply: after: before:"), std::string::npos);
}

TEST_F(TracesTest, each_reason_in_the_statistics_finds_its_traces) {
  traces_.post(trace(own_, ""));
  for (int i = 0; i < 3; ++i) traces_.post(trace(own_, "client_in_networks"));
  for (int i = 0; i < 2; ++i) traces_.post(trace(own_, "block \"bad\" ones", 554));
  traces_.post(trace(own_, "rate_available", 450));
  traces_.post(trace(own_, "client_in_networks", 554));
  traces_.post(trace(others_, "spf_authorised"));
  const Answer stats = api_.get("/api/v1/stats", tenant_);
  ASSERT_EQ(stats.status, 200) << stats.body;
  EXPECT_EQ(json::serialize(stats.json.at("totals")), R"({"accepted":1,"refused":6,"deferred":1})");
  EXPECT_EQ(stats.json.at("step_seconds").to_number<int>(), 1800);
  const json::array& buckets = stats.json.at("buckets").as_array();
  EXPECT_GE(buckets.size(), 48u);
  std::int64_t refused = 0;
  for (const json::value& one : buckets) refused += one.at("refused").to_number<std::int64_t>();
  EXPECT_EQ(refused, 6);
  const json::array& reasons = stats.json.at("reasons").as_array();
  ASSERT_EQ(reasons.size(), 3u);
  EXPECT_EQ(reasons[0].at("text").as_string(), "Source address not allowed");
  EXPECT_EQ(reasons[0].at("outcome").as_string(), "refused");
  for (const json::value& reason : reasons) {
    const std::string query(reason.at("query").as_string());
    EXPECT_EQ(found("&q=" + encoded(query), tenant_), reason.at("count").to_number<std::size_t>())
        << query;
  }
  EXPECT_EQ(api_.get("/api/v1/stats", operator_).json.at("totals").at("refused").to_number<int>(),
            7);
  const std::string one = "/api/v1/stats?webhook_id=" + own_.text("/id");
  EXPECT_EQ(api_.get(one, tenant_).json.at("totals").at("refused").to_number<int>(), 6);
  EXPECT_EQ(api_.get(one, operator_).status, 404) << "named, it must be an own one";
}

TEST(ReasonWords, name_what_a_rule_means_and_leave_names_of_scripts) {
  EXPECT_EQ(reason_words("gateway", "recipient_known", "5.1.1"), "Unknown recipient");
  EXPECT_EQ(reason_words("gateway", "recipient_known", "5.7.1"), "Relay not permitted");
  EXPECT_EQ(reason_words("restrictions", "reject_rbl_client zen.example", "5.7.1"),
            "Client in a DNS list");
  EXPECT_EQ(reason_words("vsl", "no strangers today", "5.7.1"), "no strangers today");
  for (const char* rule : {"helo_literal_is_client", "reject_unless_helo_literal_is_client"}) {
    EXPECT_EQ(reason_words("restrictions", rule, "5.7.1"),
              "HELO is the address literal of another host");
  }
}

TEST(ReasonWords, know_each_keyword_that_can_refuse) {
  using Name = std::string_view;
  // These never refuse by themselves; what they raise is answered by another rule.
  const std::set<Name> harmless{"permit",
                                "permit_sasl_authenticated",
                                "permit_inet_interfaces",
                                "permit_dnswl_client",
                                "permit_rhswl_client",
                                "defer_if_reject",
                                "sleep"};
  for (const auto& keyword : dialect::restrictions::keywords()) {
    const Name words = reason_words("restrictions", keyword.name, "");
    EXPECT_EQ(words == keyword.name, harmless.contains(keyword.name)) << keyword.name;
    // Traces have the new name.
    EXPECT_EQ(reason_words("restrictions", keyword.former, ""), keyword.former);
  }
}

TEST_F(TracesTest, statistics_have_bounds) {
  const auto status = [&](const std::string& query) {
    return api_.get("/api/v1/stats?" + query, tenant_).status;
  };
  EXPECT_EQ(status("step=5m"), 422) << "288 buckets";
  EXPECT_EQ(status("step=2m"), 422);
  EXPECT_EQ(status("from=yesterday"), 422);
  EXPECT_EQ(status("from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"), 422);
  EXPECT_EQ(status("from=2026-01-01T00:00:00Z&until=2026-01-01T12:00:00Z&step=5m"), 200);
  EXPECT_EQ(status("from=1970-01-01T00:00:00Z"), 422);
}

TEST_F(TracesTest, a_webhook_shows_its_day) {
  traces_.post(trace(own_, ""));
  traces_.post(trace(own_, "client_in_networks"));
  const Answer shown = api_.get("/api/v1/webhooks/" + own_.text("/id"), tenant_);
  json::object day = shown.json.at("counts_24h").as_object();
  const json::array hours = day.at("hours").as_array();
  day.erase("hours");
  const char* const counts = R"({"accepted":1,"refused":1,"deferred":0})";
  EXPECT_EQ(json::serialize(day), counts);
  ASSERT_EQ(hours.size(), 24u);
  EXPECT_EQ(json::serialize(hours.back()), counts) << "the hour that runs";
  EXPECT_TRUE(shown.json.at("last_delivery").is_null());
  EXPECT_TRUE(shown.json.at("policy_name").is_null());
}

TEST_F(TracesTest, a_story_comes_with_the_own_deliveries_alone) {
  const std::string id = new_ulid();
  for (const Answer* webhook : {&own_, &others_}) {
    store::LogRecord record{.id = new_id("log_"), .webhook_id = webhook->text("/id")};
    record.created_at = store::now();
    record.sender = "alerts@example.com";
    record.smtp_code = 550;
    record.trace_id = id;
    api_.log->append(std::move(record));
  }
  traces_.told =
      json::object{{"recipients", json::array{json::object{{"address", "a@hooks.example.net"},
                                                           {"webhook_id", own_.text("/id")},
                                                           {"webhook_name", nullptr}},
                                              json::object{{"address", "b@hooks.example.net"},
                                                           {"webhook_id", nullptr},
                                                           {"webhook_name", nullptr}}}}};
  const Answer own = api_.get("/api/v1/traces/" + id + "?view=story", tenant_);
  ASSERT_EQ(own.status, 200) << own.body;
  EXPECT_EQ(own.text("/recipients/0/webhook_name"), "Invoices");
  ASSERT_EQ(own.json.at("deliveries").as_array().size(), 1u);
  EXPECT_EQ(own.text("/deliveries/0/webhook_id"), own_.text("/id"));
  const Answer all = api_.get("/api/v1/traces/" + id + "?view=story", operator_);
  EXPECT_EQ(all.json.at("deliveries").as_array().size(), 2u);
  EXPECT_EQ(api_.get("/api/v1/traces/" + id + "?view=map", tenant_).status, 422);
}

}  // namespace
}  // namespace postern::admin
