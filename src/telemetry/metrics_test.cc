#include "telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "base/growth_test.h"
#include "base/temporary_folder_test.h"
#include "telemetry/smtp_metrics.h"

namespace postern::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The setup of a gateway of medium size.
MetricsSetup large_setup() {
  MetricsSetup setup;
  setup.listeners = {"mx", "submission", "submissions", "balancer"};
  setup.layers = {{"gateway", "gateway"}, {"webhook", "webhook"}, {"restrictions", "restrictions"},
                  {"lua", "lua"},         {"vsl", "vsl"},         {"auth", "auth"}};
  setup.checks = {"recipient_known",       "webhook_active",       "policy_loaded",
                  "client_in_networks",    "client_authenticated", "rate_available",
                  "one_webhook_a_message", "webhook_recipients",   "control_supported",
                  "received_loop",         "header_limits",        "dmarc"};
  for (int i = 0; i < 45; ++i) setup.routes.push_back({"GET", fmt::format("/api/v1/things{}", i)});
  return setup;
}

TEST(Metrics, a_counter_counts_over_all_threads) {
  Registry registry(2);
  Family& family =
      registry.add("things_total", "Things.", MetricType::counter, {label("kind", {"a", "b"})});
  Counter counter = family.counter({"a"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([counter]() mutable {
      for (int i = 0; i < 10'000; ++i) counter.add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 40'000u);
  EXPECT_EQ(registry.render(),
            "# HELP postern_things_total Things.\n# TYPE postern_things_total counter\n"
            "postern_things_total{kind=\"a\"} 40000\npostern_things_total{kind=\"b\"} 0\n");
}

TEST(Metrics, a_value_outside_the_set_counts_as_other) {
  Registry registry(1);
  Family& family =
      registry.add("things_total", "Things.", MetricType::counter, {label("kind", {"a"})});
  EXPECT_THAT(registry.render(), Not(HasSubstr("other")));
  family.counter({"from the wire\n\""}).add(3);
  family.counter({"another"}).add(4);
  EXPECT_THAT(registry.render(), HasSubstr("postern_things_total{kind=\"other\"} 7\n"));
}

TEST(Metrics, a_reply_with_an_unknown_enhanced_code_keeps_its_number) {
  Metrics made{MetricsSetup{}};
  made.smtp_replies.counter({"rcpt", "550", "5.7.1"}).add();
  made.smtp_replies.counter({"rcpt", "550", "5.9.9"}).add(2);
  made.smtp_replies.counter({"rcpt", "599", "5.9.9"}).add(3);
  const std::string text = made.registry.render();
  EXPECT_THAT(
      text,
      HasSubstr(R"(postern_smtp_replies_total{stage="rcpt",code="550",enhanced_code="5.7.1"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(postern_smtp_replies_total{stage="rcpt",code="550",enhanced_code="other"} 2)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(postern_smtp_replies_total{stage="rcpt",code="other",enhanced_code="other"} 3)"));
}

TEST(Metrics, the_wrong_number_of_labels_or_kind_counts_nothing) {
  Registry registry(1);
  Family& family = registry.add("things_total", "Things.", MetricType::counter,
                                {label("a", {"x"}), label("b", {"y"})});
  family.counter({"x"}).add();
  family.counter({"x", "y", "z"}).add();
  family.gauge({"x", "y"}).set(5);
  family.histogram({"x", "y"}).observe(std::uint64_t{1});
  EXPECT_THAT(registry.render(), HasSubstr("{a=\"x\",b=\"y\"} 0\n"));
  EXPECT_EQ(Counter().value(), 0u);
}

TEST(Metrics, gauges_of_seconds_are_set_in_nanoseconds) {
  Registry registry(1);
  Family& family =
      registry.add("ahead_seconds", "Ahead.", MetricType::gauge, {}, MetricUnit::seconds);
  const auto shown = [&](std::int64_t value) {
    family.gauge({}).set(value);
    std::string page;
    family.render(page);
    return page.substr(page.rfind(' ') + 1);
  };
  EXPECT_EQ(shown(1'500'000'000), "1.5\n");
  EXPECT_EQ(shown(-250'000'000), "-0.25\n");
  EXPECT_EQ(shown(0), "0\n");
}

TEST(Metrics, gauges_go_up_and_down) {
  Registry registry(3);
  Family& family = registry.add("open", "Open.", MetricType::gauge);
  Gauge gauge = family.gauge({});
  gauge.add(5);
  std::thread([gauge]() mutable { gauge.add(-7); }).join();
  EXPECT_EQ(gauge.value(), -2);
  EXPECT_THAT(registry.render(), HasSubstr("postern_open -2\n"));
}

TEST(Metrics, time_histograms_have_cumulative_buckets_in_seconds) {
  Registry registry(2);
  Family& family =
      registry.add("wait_seconds", "Wait.", MetricType::histogram, {}, MetricUnit::seconds);
  Histogram histogram = family.histogram({});
  histogram.observe(std::chrono::microseconds(100));  // on a bound: in its bucket
  histogram.observe(std::chrono::microseconds(101));
  histogram.observe(std::chrono::milliseconds(30));
  histogram.observe(std::chrono::seconds(500));
  histogram.observe(std::chrono::nanoseconds(-5));
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("postern_wait_seconds_bucket{le=\"0.0001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("postern_wait_seconds_bucket{le=\"0.00025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("postern_wait_seconds_bucket{le=\"0.05\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("postern_wait_seconds_bucket{le=\"100\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("postern_wait_seconds_bucket{le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("postern_wait_seconds_sum 500.030201\n"));
  EXPECT_THAT(text, HasSubstr("postern_wait_seconds_count 5\n"));
  EXPECT_EQ(histogram.count(), 5u);
}

TEST(Metrics, size_histograms_go_from_1_kib_to_256_mib) {
  Registry registry(1);
  Family& family =
      registry.add("size_bytes", "Size.", MetricType::histogram, {}, MetricUnit::octets);
  family.histogram({}).observe(std::uint64_t{5000});
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("_bucket{le=\"1024\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{le=\"16384\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{le=\"268435456\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_sum 5000\n"));
}

TEST(Metrics, a_ranking_names_the_largest_and_sums_up_the_others) {
  Registry registry(1);
  Ranking& ranking = registry.add_ranking("waiting", "Waiting.", {"route", "to"}, 2);
  EXPECT_EQ(registry.render(),
            "# HELP postern_waiting Waiting.\n# TYPE postern_waiting gauge\n"
            "postern_waiting{route=\"other\",to=\"other\"} 0\n");
  ranking.set({{{"relay", "a.example"}, 1},
               {{"relay", "b.example"}, 7},
               {{"relay", "c.example"}, 5},
               {{"webhook", "d"}, 2}});
  EXPECT_THAT(registry.render(), HasSubstr("postern_waiting{route=\"relay\",to=\"b.example\"} 7\n"
                                           "postern_waiting{route=\"relay\",to=\"c.example\"} 5\n"
                                           "postern_waiting{route=\"other\",to=\"other\"} 3\n"));
  ranking.set({{{"relay", "x\"\n\\\xff"}, 1}, {{"relay", "x\"\n\\\xfe"}, 2}});
  EXPECT_THAT(registry.render(), HasSubstr("{route=\"relay\",to=\"x????\"} 3\n"))
      << "foreign octets break no line, and no series comes twice";
  std::vector<std::pair<Ranking::Labels, std::uint64_t>> many;
  for (int i = 0; i < 10'000; ++i) many.push_back({{"relay", std::to_string(i)}, 1});
  ranking.set(many);
  const std::string text = registry.render();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

TEST(Metrics, label_values_are_escaped) {
  Registry registry(1);
  registry.add("x_info", "X.", MetricType::gauge, {label("v", {std::string_view("a\"\\\nb")})});
  EXPECT_THAT(registry.render(), HasSubstr("postern_x_info{v=\"a\\\"\\\\\\nb\"} 0\n"));
}

TEST(Metrics, enumerated_series_start_at_zero) {
  Metrics made{MetricsSetup{}};
  const std::string text = made.registry.render();
  EXPECT_THAT(text, HasSubstr("postern_smtp_connections_total{listener=\"smtp\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("postern_webhook_responses_total{class=\"ssrf\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("postern_logs_dropped_total 0\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "postern_build_info{version=\"0.1.0\",revision=\"unknown\",compiler=\"unknown\"} 1\n"));
}

TEST(Metrics, names_follow_the_rules) {
  const Metrics made{large_setup()};
  const std::regex name("postern_[a-z][a-z0-9_]*");
  const std::regex label_name("[a-z][a-z0-9_]*");
  // Values from the network, or sets that grow with use, must not be labels.
  const std::set<std::string> forbidden{"le",      "client_ip", "address", "domain", "user",
                                        "webhook", "rule",      "reply",   "id"};
  std::set<std::string> seen;
  for (const auto& family : made.registry.families()) {
    EXPECT_TRUE(std::regex_match(family->name(), name)) << family->name();
    EXPECT_TRUE(seen.insert(family->name()).second) << family->name();
    EXPECT_EQ(family->name().ends_with("_total"), family->type() == MetricType::counter)
        << family->name();
    if (family->type() == MetricType::histogram) {
      EXPECT_TRUE(family->name().ends_with("_seconds") || family->name().ends_with("_bytes"))
          << family->name();
    }
    for (const std::string& each : family->label_names()) {
      EXPECT_TRUE(std::regex_match(each, label_name)) << each;
      EXPECT_FALSE(forbidden.contains(each)) << family->name() << " " << each;
    }
  }
}

TEST(Metrics, there_are_fewer_than_5000_series_on_a_large_gateway) {
  Metrics made{large_setup()};
  const std::string text = made.registry.render();
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 5000);
  // Families that render only used series are bounded by their own product too.
  for (const auto& family : made.registry.families()) {
    EXPECT_LT(family->lines(), 5000u) << family->name();
  }
}

/// The complaints of `promtool check metrics`; empty if promtool is not installed.
std::string remarks_of_promtool(const std::string& text) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) return "";
  const tests::TemporaryFolder folder;
  const std::string file = folder.write("metrics", text);
  const int status =
      std::system(fmt::format("promtool check metrics < {0} > {0}.out 2>&1", file).c_str());
  const std::string said = tests::read_file(file + ".out");
  return status == 0 ? said : said + " (exit code)";
}

TEST(Metrics, the_exposition_is_well_formed) {
  Metrics made{large_setup()};
  made.check_duration.histogram({"dmarc"}).observe(std::chrono::milliseconds(3));
  made.api_request_duration.histogram({"GET", "/api/v1/things1"})
      .observe(std::chrono::milliseconds(3));
  const std::string text = made.registry.render();
  const std::regex sample(
      R"re(postern_[a-z0-9_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? -?[0-9]+(\.[0-9]+)?)re");
  const std::regex comment("# (HELP|TYPE) postern_[a-z0-9_]+ .+");
  std::istringstream stream(text);
  std::set<std::string> seen;
  for (std::string line; std::getline(stream, line);) {
    EXPECT_TRUE(std::regex_match(line, line.front() == '#' ? comment : sample)) << line;
    EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second || line.front() == '#') << line;
  }
  EXPECT_EQ(remarks_of_promtool(text), "");
}

/// Executed by tools/check-docs.
constexpr std::string_view example = R"~(```console gateway
$ curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8025/metrics
401
$ curl -s -H "Authorization: Bearer $(cat postern-data/metrics.token)" http://127.0.0.1:8025/metrics | grep -A2 'smtp_connections_total counter'
# TYPE postern_smtp_connections_total counter
postern_smtp_connections_total{listener="smtp"} 0
…
```

)~";

std::string page_of(const Metrics& made) {
  static constexpr std::string_view kinds[] = {"counter", "gauge", "histogram"};
  std::string page =
      "# Metrics\n\n`GET /metrics` on the API's address answers in the Prometheus text format "
      "0.0.4 to "
      "who shows the token of the file\n`metrics.token` in the data directory "
      "(`credentials_file` of a Prometheus scrape; [why](decisions/0010-metrics-access.md)).\n\n";
  page += example;
  page +=
      "Label values come from closed sets: enumerations, and names in the configuration file. "
      "Nothing from the wire becomes a label,\nexcept that "
      "`postern_spool_destination_messages` names the ten destinations that most waits for; "
      "what is outside its set counts as `other`. Times "
      "are "
      "in seconds (buckets 0.1 ms to 100 s), sizes in octets (1 KiB to 256 MiB).\nSeries start at "
      "0, except those of large products, which appear when first used. Figures by webhook or "
      "policy "
      "are in the API,\nwhere they cannot hurt.\n\n"
      "| name | type | labels | meaning |\n|---|---|---|---|\n";
  for (const auto& family : made.registry.families()) {
    std::string labels;
    for (const std::string& name : family->label_names()) {
      labels += (labels.empty() ? "`" : ", `") + name + "`";
    }
    page += fmt::format("| `{}` | {} | {} | {} |\n", family->name(),
                        kinds[static_cast<std::size_t>(family->type())], labels, family->help());
  }
  for (const auto& ranking : made.registry.rankings()) {
    std::string labels;
    for (const std::string& name : ranking->label_names()) {
      labels += (labels.empty() ? "`" : ", `") + name + "`";
    }
    page += fmt::format("| `{}` | gauge | {} | {} |\n", ranking->name(), labels, ranking->help());
  }
  return page;
}

TEST(Metrics, the_manual_lists_every_family) {
  const std::string path = POSTERN_SOURCE_DIR "/docs/metrics.md";
  const std::string page = page_of(Metrics{MetricsSetup{}});
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) std::ofstream(path) << page;
  EXPECT_TRUE(tests::read_file(path) == page) << "run POSTERN_WRITE_DOCS=1 telemetry_test";
}

TEST(Metrics, a_listener_counts_its_connections_sessions_and_messages) {
  Metrics made{MetricsSetup{}};
  ListenerMetrics& listener = made.listener("smtp");
  listener.connected();
  listener.connected();
  listener.connected();
  listener.handshake(Handshake::ok, "TLSv1.3");
  listener.handshake(Handshake::timeout, "");
  listener.message("accepted", 5000);
  listener.turned_away(Turned::rate);
  listener.ended("", "timeout", std::chrono::seconds(3));
  const std::string text = made.registry.render();
  for (const std::string_view line :
       {R"(postern_smtp_connections_total{listener="smtp"} 3)",
        R"(postern_smtp_connections{listener="smtp",tls="plain"} 1)",
        R"(postern_smtp_connections{listener="smtp",tls="tls"} 1)",
        R"(postern_smtp_tls_handshakes_total{listener="smtp",version="TLSv1.3",result="ok"} 1)",
        R"(postern_smtp_tls_handshakes_total{listener="smtp",version="none",result="timeout"} 1)",
        R"(postern_smtp_messages_received_total{listener="smtp",result="accepted"} 1)",
        R"(postern_smtp_receive_bytes_total{listener="smtp"} 5000)",
        R"(postern_smtp_connections_refused_total{listener="smtp",reason="rate"} 1)",
        R"(postern_smtp_sessions_total{listener="smtp",tls_version="none",end="timeout"} 1)",
        R"(postern_smtp_session_duration_seconds_sum{listener="smtp"} 3)"}) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
  made.listener("nobody configured this").connected();
  EXPECT_THAT(made.registry.render(),
              HasSubstr("postern_smtp_connections_total{listener=\"other\"} 1\n"));
}

TEST(Metrics, the_dialogue_counts_commands_and_replies) {
  Metrics made{MetricsSetup{}};
  made.dialogue().command(Verb::rcpt, 550);
  made.dialogue().command(Verb::rcpt, 599);
  made.dialogue().command(Verb::other, 65535);
  for (int i = 0; i < 3; ++i) made.dialogue().reply(4, 550, 5, 7, 1);
  made.dialogue().reply(4, 550, 5, 99, 99);
  made.dialogue().reply(0, 220, 0, 0, 0);
  made.dialogue().reply(77, 220, 0, 0, 0);
  const std::string text = made.registry.render();
  for (const std::string_view line :
       {R"(postern_smtp_commands_total{verb="RCPT",code="550"} 1)",
        R"(postern_smtp_commands_total{verb="RCPT",code="other"} 1)",
        R"(postern_smtp_commands_total{verb="other",code="other"} 1)",
        R"(postern_smtp_replies_total{stage="rcpt",code="550",enhanced_code="5.7.1"} 3)",
        R"(postern_smtp_replies_total{stage="rcpt",code="550",enhanced_code="other"} 1)",
        R"(postern_smtp_replies_total{stage="connect",code="220",enhanced_code="none"} 1)",
        R"(postern_smtp_replies_total{stage="other",code="220",enhanced_code="none"} 1)"}) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
}

TEST(Metrics, handles_outlive_a_new_start) {
  Counter before = metrics().smtp_receive_bytes.counter({"smtp"});
  MetricsSetup setup;
  setup.listeners = {"mx"};
  start_metrics(setup);
  before.add(5);
  EXPECT_EQ(before.value(), 5u);
  EXPECT_THAT(metrics().registry.render(),
              HasSubstr("postern_smtp_receive_bytes_total{listener=\"mx\"} 0\n"));
}

TEST(Metrics, counting_costs_nanoseconds) {
  Counter counter = metrics().logs_dropped.counter({});
  constexpr int rounds = 2'000'000;
  const double seconds = tests::cpu_seconds([&] {
    for (int i = 0; i < rounds; ++i) counter.add();
  });
  const double each = seconds * 1e9 / rounds;
  RecordProperty("nanoseconds_each", fmt::format("{:.1f}", each));
  // 3 to 8 ns on machines of 2023; the bound only detects an added lock or lookup.
  EXPECT_LT(each, 500.0);
}

TEST(Metrics, every_reply_that_can_be_said_has_its_code) {
  Metrics made{MetricsSetup{}};
  const std::uint16_t said[] = {214, 220, 221, 235, 250, 252, 334, 354, 401, 403, 404, 421, 450,
                                451, 452, 453, 454, 455, 456, 458, 459, 500, 501, 502, 503, 504,
                                521, 530, 535, 538, 550, 551, 552, 553, 554, 555, 556};
  for (const std::uint16_t code : said) made.dialogue().command(Verb::other, code);
  made.dialogue().reply(4, 459, 0, 0, 0);
  made.dialogue().reply(4, 451, 4, 3, 5);
  const std::string text = made.registry.render();
  for (const std::uint16_t code : said) {
    EXPECT_THAT(text, HasSubstr("verb=\"other\",code=\"" + std::to_string(code) + "\"} 1\n"));
  }
  for (const char* one :
       {"code=\"459\",enhanced_code=\"none\"", "code=\"451\",enhanced_code=\"4.3.5\""}) {
    EXPECT_THAT(text, HasSubstr(std::string("stage=\"rcpt\",") + one + "} 1\n"));
  }
}

}  // namespace
}  // namespace postern::telemetry
