#include "base/host_port.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(HostPort, names_with_a_port_and_nothing_else) {
  const auto parsed = parse_name_and_port("db-1.example.org:5432");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->name, "db-1.example.org");
  EXPECT_EQ(parsed->port, 5432);
  EXPECT_TRUE(parse_name_and_port("policy_server:9"));
  for (const char* text :
       {"", ":25", "host", "host:", "host:0", "host:65536", "host:x", "192.0.2.1:25", "[::1]:25",
        "::1:25", "a b:25", "-x:25", "1.2:25", "h/i:25"}) {
    EXPECT_FALSE(parse_name_and_port(text)) << text;
  }
}

}  // namespace
}  // namespace postern
