#include "plan/ref_table.h"

#include <gtest/gtest.h>

namespace postern::plan {
namespace {

TEST(RefTableTest, FindsWhatWasAdded) {
  RefTable table;
  const auto any = [](std::uint32_t) { return true; };
  EXPECT_EQ(table.find(7, any), nullptr);
  // Pairs of small numbers, as apply() asks.
  constexpr std::uint32_t most = 300;
  for (std::uint64_t a = 0; a < most; ++a) {
    for (std::uint64_t b = 0; b < most; ++b) {
      table.add(a << 32 | b, static_cast<std::uint32_t>(a * most + b));
    }
  }
  for (std::uint64_t a = 0; a < most; ++a) {
    for (std::uint64_t b = 0; b < most; ++b) {
      const std::uint32_t* found = table.find(a << 32 | b, any);
      ASSERT_NE(found, nullptr);
      ASSERT_EQ(*found, a * most + b);
    }
  }
  EXPECT_EQ(table.find(most, any), nullptr);
}

// Nodes may have one hash.
TEST(RefTableTest, AKeyMayBeThatOfSeveral) {
  RefTable table;
  table.add(1, 10);
  table.add(1, 11);
  const auto is = [](std::uint32_t wanted) {
    return [wanted](std::uint32_t ref) { return ref == wanted; };
  };
  EXPECT_EQ(*table.find(1, is(10)), 10u);
  EXPECT_EQ(*table.find(1, is(11)), 11u);
  EXPECT_EQ(table.find(1, is(12)), nullptr);
}

}  // namespace
}  // namespace postern::plan
