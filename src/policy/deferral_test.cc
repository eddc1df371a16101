#include "policy/deferral.h"

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

Verdict deferred(std::string detail) { return refuse(450, {4, 7, 1}, "later", std::move(detail)); }

TEST(Deferral, names_the_rule_that_raised_it) {
  const Verdict placed = deferred(with_raiser({"a_rule", "list:2 (b): c"}, "no rule refused: x"));
  EXPECT_EQ(placed.detail, "deferred by a_rule (list:2 (b): c): no rule refused: x");
  const Verdict bare = deferred(with_raiser({"a_rule", ""}, "why (x): y"));
  ASSERT_TRUE(raised_by(bare));
  EXPECT_EQ(raised_by(bare)->check, "a_rule");
  EXPECT_EQ(raised_by(bare)->origin, "");
  EXPECT_EQ(without_raiser(bare.detail), "why (x): y");
  const Verdict simple = deferred(with_raiser({"a_rule", "smtpd_x:2"}, "why"));
  ASSERT_TRUE(raised_by(simple));
  EXPECT_EQ(raised_by(simple)->check, "a_rule");
  EXPECT_EQ(raised_by(simple)->origin, "smtpd_x:2");
  EXPECT_EQ(without_raiser(simple.detail), "why");
}

TEST(Deferral, other_details_name_none) {
  for (const char* detail : {"", "why", "deferred by ", "deferred by a", "deferred by a b: c",
                             "deferred by a (b", "<deferred by a (b): c"}) {
    EXPECT_FALSE(raised_by(deferred(detail))) << detail;
    EXPECT_EQ(without_raiser(detail), detail);
  }
  EXPECT_FALSE(raised_by(refuse(550, {5, 7, 1}, "no", with_raiser({"a", "b"}, "c"))));
  EXPECT_FALSE(raised_by(pass_on(with_raiser({"a", "b"}, "c"))));
}

}  // namespace
}  // namespace postern::policy
