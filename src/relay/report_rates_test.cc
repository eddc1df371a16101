#include "relay/report_rates.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

using std::chrono::minutes;

TEST(ReportRates, counts_an_hour) {
  ReportRates rates;
  const Time start = std::chrono::hours(480000);
  rates.count("A@Example.com", start);
  rates.count("a@example.com", start + minutes(30));
  rates.count("b@example.com", start + minutes(30));
  rates.count("a@example.net", start + minutes(30));
  EXPECT_EQ(rates.sent("a@EXAMPLE.com", start + minutes(59)).to_address, 2u);
  EXPECT_EQ(rates.sent("c@example.com", start + minutes(59)).to_address, 0u);
  EXPECT_EQ(rates.sent("c@example.com", start + minutes(59)).to_domain, 3u);
  EXPECT_EQ(rates.sent("a@example.com", start + minutes(66)).to_address, 1u);
  EXPECT_EQ(rates.sent("a@example.com", start + minutes(66)).to_domain, 2u);
  EXPECT_EQ(rates.sent("a@example.com", start + minutes(96)).to_domain, 0u);
  rates.count("a@example.com", start + minutes(6000));
  EXPECT_EQ(rates.sent("a@example.com", start + minutes(6000)).to_address, 1u);
}

/// Checked every minute, no report of the last hour is missing, regardless of its time within a
/// step.
TEST(ReportRates, forgets_nothing_within_the_hour) {
  for (int offset = 0; offset < 10; ++offset) {
    ReportRates rates;
    const Time start = minutes(offset);
    rates.count("a@example.com", start);
    for (int later = 0; later <= 60; ++later) {
      EXPECT_EQ(rates.sent("a@example.com", start + minutes(later)).to_address, 1u) << later;
    }
    EXPECT_EQ(rates.sent("a@example.com", start + minutes(66)).to_address, 0u);
  }
}

TEST(ReportRates, takes_back_the_last_one_only) {
  ReportRates rates;
  const Time start = std::chrono::hours(480000);
  rates.count("a@example.com", start);
  rates.count("b@example.com", start + minutes(4));
  rates.take_back("B@example.com", start + minutes(6));
  EXPECT_EQ(rates.sent("b@example.com", start + minutes(6)).to_address, 0u);
  EXPECT_EQ(rates.sent("a@example.com", start + minutes(6)).to_address, 1u);
  EXPECT_EQ(rates.sent("a@example.com", start + minutes(6)).to_domain, 1u);
  rates.take_back("c@example.net", start + minutes(6));
  EXPECT_EQ(rates.sent("c@example.net", start + minutes(6)).to_address, 0u);
}

TEST(ReportRates, full_means_no) {
  ReportRates rates(4);
  rates.count("a@example.com", Time(0));
  rates.count("b@example.com", Time(0));
  EXPECT_GT(rates.sent("c@example.net", Time(0)).to_address, 1000000u);
  EXPECT_GT(rates.sent("c@example.net", Time(0)).to_domain, 1000000u);
  EXPECT_EQ(rates.sent("a@example.com", Time(0)).to_address, 1u);
  rates.count("c@example.net", Time(0));
  rates.count("d@example.net", Time(0));
  const Time later = minutes(70);
  EXPECT_EQ(rates.sent("c@example.net", later).to_address, 0u) << "what is over makes room";
  rates.count("c@example.net", later);
  EXPECT_EQ(rates.sent("c@example.net", later).to_domain, 1u);
}

}  // namespace
}  // namespace postern::relay
