#include "dialect/kumo/throttle_lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/kumo/use_lint.h"

namespace postern::dialect::kumo {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ThrottleLint, waits_that_are_longer_than_a_hook) {
  for (const char* text : {
           "local t = kumo.make_throttle('a', '3/minute') t:sleep_if_throttled()",
           "kumo.make_throttle('a', '1/hour'):sleep_if_throttled()",
           "kumo.make_throttle(name(1, 'x'), \"5/min,max_burst=1\"):sleep_if_throttled()",
       }) {
    EXPECT_EQ(long_waits(text, 10s).size(), 1u) << text;
  }
  const auto found =
      long_waits("local t = kumo.make_throttle('a', '3/minute')\nt:sleep_if_throttled()", 10s);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().word.line, 2);
  EXPECT_THAT(found.front().why, HasSubstr("at 3/minute one operation is free every 20 s, and a "
                                           "hook may take 10 s (lua.time)"));
}

TEST(ThrottleLint, other_waits) {
  for (const char* text : {
           "local t = kumo.make_throttle('a', '50/minute') t:sleep_if_throttled()",
           "local t = kumo.make_throttle('a', '3/minute') t:throttle()",
           "local t = kumo.make_throttle('a', rate) t:sleep_if_throttled()",
           "local t = kumo.make_throttle('a', rate .. '/hour') t:sleep_if_throttled()",
           "local t = kumo.make_throttle('a', '1/hour') t = kumo.make_throttle('a', '9/s') "
           "t:sleep_if_throttled()",
           "kumo.make_throttle('a', '3/fortnight'):sleep_if_throttled()",
           "kumo.make_throttle(",
           "make_throttle(",
       }) {
    EXPECT_THAT(long_waits(text, 10s), IsEmpty()) << text;
  }
  EXPECT_THAT(long_waits("kumo.make_throttle('a', '3/minute'):sleep_if_throttled()", 30s),
              IsEmpty())
      << "a hook has more time";
}

TEST(ThrottleLint, is_a_warning_of_hooks) {
  const std::string wait = "kumo.make_throttle('a', '3/minute'):sleep_if_throttled()";
  const auto found = [](const std::string& text) {
    return lint_uses({{"policy.lua", text}}, [](std::string_view) { return false; }, {.time = 10s});
  };
  const UseFindings hook =
      found("kumo.on('smtp_server_mail_from', function(sender) " + wait + " end)");
  EXPECT_THAT(hook.warnings, ::testing::ElementsAre(HasSubstr("policy.lua:1:")));
  EXPECT_THAT(hook.failing_calls, IsEmpty());
  EXPECT_THAT(found("local function unused() " + wait + " end").warnings, IsEmpty());
}

}  // namespace
}  // namespace postern::dialect::kumo
