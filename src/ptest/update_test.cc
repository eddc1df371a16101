#include "ptest/update.h"

#include <gmock/gmock.h>

namespace postern::ptest {
namespace {

/// The file after an update, where the first test gave `got`.
std::string updated(const std::string& text, const Got& got) {
  const Parsed parsed = parse_file(text, "t.ptest");
  EXPECT_TRUE(parsed.ok()) << parsed.diagnostics.render();
  Outcome outcome{.test = &parsed.file.tests.front(), .got = got};
  for (std::size_t i = 0; i < outcome.test->expected.size(); ++i) {
    const Expectation& one = outcome.test->expected[i];
    const auto found = got.find(one.key);
    if (found == got.end()) {
      outcome.differs.push_back({i, std::nullopt});
    } else if (found->second != one.value) {
      outcome.differs.push_back({i, found->second});
    }
  }
  return update(parsed.file, {outcome}).text;
}

std::string head(const std::string& expected) {
  return "\xef\xbb\xbf# ü\r\n[[test]]\nname = \"ü\" # ä\nclient = \"192.0.2.1\"\nfrom = \"\"\n"
         "rcpt = \"b@local.test\"\n\n" +
         expected + "# end";
}

TEST(Update, replaces_values_and_nothing_else) {
  const Got refused{{"verdict", "refused"}, {"code", "554"}, {"rule", "a\"b"}, {"text", "no."}};
  const struct {
    const char* before;
    const char* after;
  } cases[] = {
      {"expect.code = 550  # why\n", "expect.code = 554  # why\n"},
      {"expect = { verdict = \"refused\", code=550 }\n",
       "expect = { verdict = \"refused\", code=554 }\n"},
      {"expect . 'code' =\t550\nexpect.rule = 'x'\n",
       "expect . 'code' =\t554\nexpect.rule = 'a\"b'\n"},
      {"expect.rule = \"x\"\n", "expect.rule = \"a\\\"b\"\n"},
      {"expect.rule = \"\"\"\nx\"\"\"\n", "expect.rule = \"a\\\"b\"\n"},
      {"expect.text = \"yes\"\n", "expect.text = \"^no\\\\.$\"\n"},
      {"[test.expect]\nverdict = \"taken\"\n", "[test.expect]\nverdict = \"refused\"\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(updated(head(c.before), refused), head(c.after));
}

TEST(Update, removes_what_has_no_value_any_more) {
  const Got taken{{"verdict", "taken"}};
  const struct {
    const char* before;
    const char* after;
  } cases[] = {
      {"expect.verdict = \"refused\"\nexpect.code = 550\n# c\n",
       "expect.verdict = \"taken\"\n# c\n"},
      {"expect.verdict = \"refused\"\nexpect.code = 550 # why\n",
       "expect.verdict = \"taken\"\n# why\n"},
      {"expect = { code = 550, verdict = \"refused\" }\n", "expect = { verdict = \"taken\" }\n"},
      {"expect = { verdict = \"refused\", code = 550, rule = \"a, b\" }\n",
       "expect = { verdict = \"taken\" }\n"},
      {"expect = { code = 550, rule = \"x\", verdict = \"refused\" }\n",
       "expect = { verdict = \"taken\" }\n"},
      {"expect = { verdict = \"refused\", code = 550, rule = \"x\" } # c\n",
       "expect = { verdict = \"taken\" } # c\n"},
      {"expect = {rule = \"x\", verdict = \"refused\", code = 550}\n",
       "expect = { verdict = \"taken\"}\n"},
  };
  for (const auto& c : cases) EXPECT_EQ(updated(head(c.before), taken), head(c.after));
}

TEST(Update, leaves_a_test_of_which_nothing_would_be_expected) {
  const std::string text = head("expect.code = 550\n");
  EXPECT_EQ(updated(text, {{"verdict", "taken"}}), text);
}

TEST(Update, shows_the_lines_that_change) {
  EXPECT_EQ(difference_of("t", "a\nb\nc\n", "a\nB\nc\n"),
            "--- t\n+++ t\n@@ -2,1 +2,1 @@\n-b\n+B\n");
  EXPECT_EQ(difference_of("t", "a\nb\nc\n", "a\nc\n"), "--- t\n+++ t\n@@ -2,1 +1,0 @@\n-b\n");
  EXPECT_EQ(difference_of("t", "", "a\n"), "--- t\n+++ t\n@@ -0,0 +1,1 @@\n+a\n");
  EXPECT_EQ(difference_of("t", "a\n", "a\n"), "");
}

}  // namespace
}  // namespace postern::ptest
