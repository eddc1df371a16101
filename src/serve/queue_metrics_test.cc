#include "serve/queue_metrics.h"

#include <gmock/gmock.h>

#include "spool/spool_fixture.h"
#include "telemetry/metrics.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;
using namespace postern::spool;

class QueueMetricsTest : public SpoolTest {};

TEST_F(QueueMetricsTest, the_gauges_follow_the_queue) {
  telemetry::start_metrics({});
  open();
  const auto now = std::chrono::system_clock::now();
  const auto add = [&](const std::string& host, State state, std::chrono::seconds age) {
    Envelope made{.received = now - age, .reverse_path = "a@example.org"};
    made.recipients = {
        {.address = "x@" + host, .destination = {RouteKind::relay, host}, .state = state}};
    const auto id = put(std::move(made), "x");
    ASSERT_TRUE(id) << id.error().message;
  };
  add("host3.example", State::queued, std::chrono::seconds(500));
  for (int i = 0; i < 12; ++i) {
    add("host" + std::to_string(i) + ".example", State::queued, std::chrono::seconds(100));
  }
  add("host4.example", State::held, std::chrono::seconds(9000));
  ASSERT_TRUE(show_queue(*spool_));
  const std::string text = telemetry::metrics().registry.render();
  EXPECT_THAT(text, HasSubstr("postern_spool_messages{state=\"queued\"} 13\n"));
  EXPECT_THAT(text, HasSubstr("postern_spool_messages{state=\"held\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("postern_spool_messages{state=\"dead\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("postern_relay_queue_messages 13\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("postern_spool_oldest_message_age_seconds 50[0-9]\n"))
      << "what is held is not late";
  EXPECT_THAT(text, HasSubstr("postern_spool_destination_messages{route=\"relay\","
                              "destination=\"host3.example\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("postern_spool_destination_messages{route=\"other\","
                              "destination=\"other\"} 2\n"));
  EXPECT_GT(telemetry::metrics().spool_size.gauge({}).value(), 0);
  EXPECT_GT(telemetry::metrics().spool_commits.counter({}).value(), 0u);
  EXPECT_EQ(telemetry::metrics().spool_failed.gauge({}).value(), 0);
}

TEST_F(QueueMetricsTest, a_disk_that_failed_is_seen) {
  telemetry::start_metrics({});
  open();
  // The file of a large body cannot be created: an error of the disk, not lack of space.
  std::filesystem::remove_all(folder_.file("bodies"));
  ASSERT_FALSE(put(envelope(), std::string(300'000, 'x')));
  static_cast<void>(show_queue(*spool_));
  EXPECT_EQ(telemetry::metrics().spool_failed.gauge({}).value(), 1);
}

}  // namespace
}  // namespace postern::app
