#include "smtp/header_refusal.h"

#include <gtest/gtest.h>

namespace postern::smtp {
namespace {

std::optional<Reply> refusal(const std::string& line, int times) {
  mail::HeaderScanner scanner;
  for (int i = 0; i < times; ++i) scanner.feed(line);
  scanner.feed("\r\n");
  scanner.finish();
  return header_refusal(scanner, Limits{});
}

TEST(HeaderRefusal, sees_a_loop) {
  EXPECT_EQ(refusal("Received: from a by b\r\n", 100), std::nullopt);
  EXPECT_EQ(refusal("Received: from a by b\r\n", 101)->enhanced, (EnhancedCode{5, 4, 6}));
}

TEST(HeaderRefusal, bounds_fields_lines_and_octets) {
  EXPECT_EQ(refusal("X-A: b\r\n", 1000), std::nullopt);
  EXPECT_EQ(refusal("X-A: b\r\n", 1001)->enhanced, (EnhancedCode{5, 6, 0}));
  EXPECT_EQ(refusal("no field\r\n", 1001)->enhanced, (EnhancedCode{5, 6, 0}));
  EXPECT_EQ(refusal("X-A: " + std::string(2000, 'b') + "\r\n", 500), std::nullopt);
  EXPECT_EQ(refusal("X-A: " + std::string(2100, 'b') + "\r\n", 500)->code, 554);
}

}  // namespace
}  // namespace postern::smtp
