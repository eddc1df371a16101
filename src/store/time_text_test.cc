#include "store/time_text.h"

#include <gtest/gtest.h>

namespace postern::store {
namespace {

TEST(TimeText, writes_utc_with_milliseconds) {
  EXPECT_EQ(to_rfc3339(from_millis(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(from_millis(1'709'164'800'007)), "2024-02-29T00:00:00.007Z");
}

TEST(TimeText, reads_what_rfc_3339_allows) {
  const auto at = from_millis(1'705'312'800'000);
  EXPECT_EQ(from_rfc3339("2024-01-15T10:00:00Z"), at);
  EXPECT_EQ(from_rfc3339("2024-01-15T11:30:00+01:30"), at);
  EXPECT_EQ(from_rfc3339("2024-01-15t08:00:00-02:00"), at);
  EXPECT_EQ(from_rfc3339("2024-01-15T10:00:00.1234567Z"), at + std::chrono::milliseconds(123));
  EXPECT_EQ(from_rfc3339(to_rfc3339(at)), at);
}

TEST(TimeText, refuses_the_rest) {
  for (const char* text :
       {"", "2024-01-15", "2024-01-15T10:00:00", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z",
        "2024-01-15T24:00:00Z", "2024-01-15T10:00:00.Z", "2024-01-15T10:00:00+1:00",
        "2024-01-15 10:00:00Z", "2024-01-15T10:00:00Zx", "+024-01-15T10:00:00Z",
        "1969-12-31T23:59:59Z", "2402-01-15T10:00:00Z"}) {
    EXPECT_FALSE(from_rfc3339(text)) << text;
  }
}

}  // namespace
}  // namespace postern::store
