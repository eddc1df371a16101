#include "relay/tls_policy.h"

#include <gmock/gmock.h>

namespace postern::relay {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view good =
    "version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmx: *.example.net\r\n"
    "max_age: 604800\r\nfuture: x\r\n";

std::string trouble(std::string_view text) {
  const auto policy = parse_sts_policy(text);
  return policy ? "" : policy.error().message;
}

TEST(StsPolicyFile, is_read) {
  const auto policy = parse_sts_policy(good);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->mode, StsPolicy::Mode::enforce);
  EXPECT_THAT(policy->mx, ElementsAre("mx.example.org", "*.example.net"));
  EXPECT_EQ(policy->max_age, 604800u);
  const auto none = parse_sts_policy("version:STSv1\nmode:none\nmax_age:1");
  ASSERT_TRUE(none);
  EXPECT_EQ(none->mode, StsPolicy::Mode::none);
}

TEST(StsPolicyFile, the_first_of_a_repeated_field_counts) {
  const auto policy = parse_sts_policy(
      "version: STSv1\nversion: STSv2\nmode: testing\nmode: enforce\nmx: a.example\nmax_age: "
      "1\nmax_age: x\n");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->mode, StsPolicy::Mode::testing);
}

TEST(StsPolicyFile, tells_what_is_wrong) {
  EXPECT_EQ(trouble(""), "it has no `version: STSv1`");
  EXPECT_EQ(trouble("<html>"), "`<html>` is no field");
  EXPECT_EQ(trouble("version: STSv2\n"), "it has no `version: STSv1`");
  EXPECT_EQ(trouble("version: STSv1\n"), "it has no `mode`");
  EXPECT_EQ(trouble("version: STSv1\nmode: strict\n"), "there is no mode `strict`");
  for (const std::string age : {"", "max_age: -1\n", "max_age: 31557601\n", "max_age: 1 day\n"}) {
    EXPECT_EQ(trouble("version: STSv1\nmode: enforce\nmx: a.example\n" + age),
              "`max_age` is no number of seconds up to one year");
  }
  EXPECT_EQ(trouble("version: STSv1\nmode: testing\nmax_age: 1\n"), "it has no `mx`");
}

}  // namespace
}  // namespace postern::relay
