#include "script/lua_pattern.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/growth_test.h"

namespace postern::script {
namespace {

using tests::repeated;

using Outcome = PatternMatcher::Outcome;

/// "1-3 (a)(2)": the range of the first match and its captures; "-": none; otherwise the error.
std::string first_match(std::string_view subject, std::string_view pattern) {
  PatternMatcher matcher(subject, pattern);
  for (std::size_t start = 0; start <= subject.size(); ++start) {
    const Outcome outcome = matcher.match_at(start);
    if (outcome == Outcome::error) return matcher.error();
    if (outcome == Outcome::no_match) continue;
    std::string out = std::to_string(start) + "-" + std::to_string(matcher.end());
    for (int i = 0; i < matcher.captures(); ++i) {
      const PatternMatcher::Capture& capture = matcher.capture(i);
      if (capture.is_open()) {
        out += "(open)";
      } else if (capture.is_position()) {
        out += "(@" + std::to_string(capture.begin) + ")";
      } else {
        out += "(" + std::string(subject.substr(capture.begin, capture.length)) + ")";
      }
    }
    return out;
  }
  return "-";
}

TEST(PatternMatcher, FindsWhatTheManualSays) {
  struct Case {
    const char* subject;
    const char* pattern;
    const char* found;
  };
  const Case cases[] = {
      {"hello", "l", "2-3"},
      {"hello", "", "0-0"},
      {"hello", "l+", "2-4"},
      {"hello", "x", "-"},
      {"hello", "^h", "-"},  // the caller handles the anchor
      {"a^b", "^b", "1-3"},
      {"hello", "o$", "4-5"},
      {"a$b", "$b", "1-3"},
      {"hello", "h.-l", "0-3"},
      {"hello", "h.*l", "0-4"},
      {"color colour", "colou?r$", "6-12"},
      {"key = value", "(%w+)%s*=%s*(%w+)", "0-11(key)(value)"},
      {"abc", "()b()", "1-2(@1)(@2)"},
      {"abc", "((a)(b))", "0-2(ab)(a)(b)"},
      {"say \"it's\" so", "([\"'])(.-)%1", "4-10(\")(it's)"},
      {"f(a(b)c)d", "%b()", "1-8"},
      {"((x)", "%b()", "1-4"},
      {"'x'", "%b''", "0-3"},
      {"THE (quick) fox", "%f[%a]%a+%f[%A]", "0-3"},
      {"x1", "%f[%d]", "1-1"},
      {"a]b", "[]]", "1-2"},
      {"a]b", "[^]a]", "2-3"},
      {"a-b", "[a-]+", "0-2"},
      {"a%b", "[%%]", "1-2"},
      {"x-y", "[%a-]+", "0-3"},
      {"0x1F", "%x+", "0-1"},
      {"\t\v\f", "%s+", "0-3"},
      {"a\xe4z", "%a+", "0-1"},
      {"a.b", "%.", "1-2"},
      {"ab12", "%A%D", "-"},
      {"aaa", "a-a-b?$", "0-3"},
      {"a*", "a%*", "0-2"},
      {"aab", "(a*(.)%w(%s*))", "0-3(aab)(a)()"},
      {"abab", "(ab)%1", "0-4(ab)"},
      {"aa", "()%1", "-"},
      {"a", "(a", "0-1(open)"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(first_match(c.subject, c.pattern), c.found) << c.subject << " " << c.pattern;
}

TEST(PatternMatcher, KnowsZerosInside) {
  EXPECT_EQ(first_match(std::string_view("a\0b", 3), std::string_view("\0", 1)), "1-2");
  EXPECT_EQ(first_match(std::string_view("a\0b", 3), std::string_view("[\0-\1]", 5)), "1-2");
  EXPECT_EQ(first_match("ab", std::string_view("%f[\0]", 5)), "2-2");
  EXPECT_EQ(first_match(std::string_view("az\0", 3), "%z"), "2-3");
}

TEST(PatternMatcher, SaysWhatIsMalformed) {
  struct Case {
    const char* pattern;
    const char* error;
  };
  const Case cases[] = {
      {"%", "malformed pattern (ends with '%')"},
      {"[a", "malformed pattern (missing ']')"},
      {"[]", "malformed pattern (missing ']')"},
      {"[^]", "malformed pattern (missing ']')"},
      {"[%]", "malformed pattern (missing ']')"},
      {"[a%", "malformed pattern (missing ']')"},
      {"%b", "malformed pattern (missing arguments to '%b')"},
      {"%bx", "malformed pattern (missing arguments to '%b')"},
      {"%f", "missing '[' after '%f' in pattern"},
      {"%fa", "missing '[' after '%f' in pattern"},
      {"%f[a", "malformed pattern (missing ']')"},
      {"a)", "invalid pattern capture"},
      {"%1", "invalid capture index %1"},
      {"(a%1)", "invalid capture index %1"},
      {"(a)%0", "invalid capture index %0"},
      {"(a)%2", "invalid capture index %2"},
  };
  for (const Case& c : cases) EXPECT_EQ(first_match("aaaa", c.pattern), c.error) << c.pattern;
  // The error appears only when the match reaches it.
  EXPECT_EQ(first_match("aaaa", "x["), "-");
}

TEST(PatternMatcher, StopsWhatWouldTakeForEver) {
  const std::string subject(5000, 'a');
  for (const char* item : {".-", "a*", "a?", "[a-z]-", "[^b]+", "(.-)", "%w*"}) {
    const std::string pattern = repeated(item, 30) + "b";
    PatternMatcher matcher(subject, pattern);
    EXPECT_EQ(matcher.match_at(0), Outcome::error) << item;
    EXPECT_STREQ(matcher.error(), "pattern too complex");
    EXPECT_LE(matcher.take_steps(), PatternMatcher::max_steps + 10'000) << item;
  }
}

TEST(PatternMatcher, StopsInsideOneRepetition) {
  const std::string subject(1 << 20, 'b');
  const std::string pattern = "[" + std::string(1 << 20, 'a') + "b]*";
  PatternMatcher matcher(subject, pattern);
  EXPECT_EQ(matcher.match_at(0), Outcome::error);
  EXPECT_LE(matcher.take_steps(), PatternMatcher::max_steps + (1 << 20));
}

TEST(PatternMatcher, PassesLongSubjects) {
  const std::string subject = std::string(3 << 20, 'a') + "\n";
  PatternMatcher matcher(subject, "(.*)\n");
  EXPECT_EQ(matcher.match_at(0), Outcome::match);
  EXPECT_EQ(matcher.capture(0).length, std::size_t{3 << 20});
  EXPECT_GT(matcher.take_steps(), std::uint64_t{500'000});
}

TEST(PatternMatcher, BoundsNestingAndCaptures) {
  EXPECT_EQ(first_match("a", repeated("()", 33)), "too many captures");
  EXPECT_EQ(first_match("a", repeated("(", 33)), "too many captures");
  EXPECT_EQ(first_match(std::string(300, 'a'), repeated("a?", 250)), "pattern too complex");
  EXPECT_EQ(first_match(std::string(150, 'a'), repeated("a?", 150)), "0-150");
}

TEST(PatternMatcher, CountsTheWork) {
  const std::string text(40'000, 'x');
  const std::string subject = text + text;
  PatternMatcher twice(subject, "(x*)%1y");
  EXPECT_EQ(twice.match_at(0), Outcome::error);  // 40,000 attempts of up to 40,000 octets each
  PatternMatcher balanced(subject, "%bxy");
  EXPECT_EQ(balanced.match_at(0), Outcome::no_match);
  EXPECT_GE(balanced.take_steps(), subject.size() / 4);
  EXPECT_EQ(balanced.take_steps(), 0u);
}

}  // namespace
}  // namespace postern::script
