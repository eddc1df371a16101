#include "dialect/vsl/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "dialect/vsl/script_test.h"

namespace postern::dialect::vsl {

namespace {

using ::testing::HasSubstr;
using testing::Player;
using ::testing::StartsWith;
using testing::value_of;

struct Case {
  const char* statements;
  const char* value;
};

void expect_all(const std::vector<Case>& cases, const std::string& before = {}) {
  for (const Case& one : cases) {
    EXPECT_EQ(value_of(one.statements, before), one.value) << one.statements;
  }
}

TEST(VslCompiler, literals) {
  expect_all(
      {{"1", "1"},
       {"-9223372036854775808", "-9223372036854775808"},
       {"0xff", "255"},
       {"1.5", "1.5"},
       {"2.0", "2.0"},
       {"1e300 * 1e300", "inf"},
       {"\"a\\tb\\\"\\\\\"", R"("a\tb\"\\")"},
       {"'x'", "\"x\""},
       {"true", "true"},
       {"()", "()"},
       {"", "()"},
       {"[1, [2], \"x\", ()]", "[1, [2], \"x\", ()]"},
       {"#{ b: 1, \"a b\": #{} }", "#{\"a b\": #{}, \"b\": 1}"},
       {"let n = 3; `n=${n} ${ let d = n * 2; d }${if n > 2 { \"!\" }} ${()}`", "\"n=3 6! \""},
       {"``", "\"\""}});
}

TEST(VslCompiler, arithmetic) {
  expect_all(
      {{"7 / 2", "3"},
       {"-7 / 2", "-3"},
       {"-7 % 3", "-1"},
       {"7 % -3", "1"},
       {"7.0 / 2", "3.5"},
       {"2 ** 10", "1024"},
       {"2 ** 3 ** 2", "512"},
       {"2.0 ** -1", "0.5"},
       {"(-2) ** 63", "-9223372036854775808"},
       {"1 << 62", "4611686018427387904"},
       {"-8 >> 1", "-4"},
       {"6 & 3 | 8", "10"},
       {"6 ^ 3", "5"},
       {"true ^ true", "false"},
       {"1 + 2 * 3 - 4", "3"},
       {"- 3 + +4", "1"},
       {"!false", "true"},
       {"\"a\" + 1", "\"a1\""},
       {"1 + \"a\"", "\"1a\""},
       {"\"a\" + () + true", "\"atrue\""},
       {"[1] + [2] + 3", "[1, 2, 3]"},
       {"1 < 2 && 2.5 >= 2 && \"a\" < \"b\" && \"b\" > \"a\" && 2 <= 2", "true"},
       {"let x = 5; x += 2; x -= 1; x *= 4; x /= 3; x %= 5; x **= 2; x <<= 3; x >>= 1; x", "36"}});
}

TEST(VslCompiler, arithmetic_that_fails) {
  expect_all({{"9223372036854775807 + 1", "error: main.vsl:2:21: integer overflow"},
              {"-9223372036854775808 - 1", "error: main.vsl:2:22: integer overflow"},
              {"-9223372036854775807 * 2", "error: main.vsl:2:22: integer overflow"},
              {"let x = -9223372036854775808; -x", "error: main.vsl:2:31: integer overflow"},
              {"-9223372036854775808 / -1", "error: main.vsl:2:22: integer overflow"},
              {"-9223372036854775808 % -1", "0"},
              {"10 ** 19", "error: main.vsl:2:4: integer overflow"},
              {"2 ** -1", "error: main.vsl:2:3: an integer cannot be raised to a negative power"},
              {"1 << 63", "error: main.vsl:2:3: integer overflow"},
              {"1 << 64", "error: main.vsl:2:3: a shift is by 0 to 63 bits"},
              {"1 / 0", "error: main.vsl:2:3: division by zero"},
              {"1 % 0", "error: main.vsl:2:3: division by zero"},
              {"1 / 0.0", "error: main.vsl:2:3: division by zero"},
              {"1 +\n true", "error: main.vsl:2:3: `+` cannot be applied to i64 and bool"},
              {"1 < \"a\"", "error: main.vsl:2:3: `<` cannot be applied to i64 and string"},
              {"!1", "error: main.vsl:2:1: `!` needs a boolean, this is i64"},
              {"-\"a\"", "error: main.vsl:2:1: `-` cannot be applied to string"},
              {"1 && true", "error: main.vsl:2:1: the condition is not a boolean"},
              {"true && 1", "error: main.vsl:2:9: the condition is not a boolean"},
              {"if 1 { 2 }", "error: main.vsl:2:4: the condition is not a boolean"},
              {"while () { }", "error: main.vsl:2:7: the condition is not a boolean"}});
}

TEST(VslCompiler, equality) {
  expect_all({{"1 == 1.0", "true"},
              {"1 is 1 && 1 not 2", "true"},
              {"1 == true", "false"},
              {"\"1\" == 1", "false"},
              {"() == ()", "true"},
              {"() == false", "false"},
              {"[1, [2, \"x\"]] == [1, [2, \"x\"]]", "true"},
              {"[1] == [1, 2]", "false"},
              {"#{a: 1, b: [2]} == #{b: [2], a: 1}", "true"},
              {"#{a: 1} == #{a: 1, b: 2}", "false"},
              {"#{a: 1, b: 2} == #{a: 1}", "false"},
              {"(1..3) == (1..=2)", "true"},
              {"next() == next()", "true"},
              {"next() == deny()", "false"},
              {"deny(\"550 a\") == deny(\"550 b\")", "false"},
              {"next() == 1", "false"},
              {"let f = || 1; f == f", "true"},
              {"(object a ip4 = \"192.0.2.1\") == \"192.0.2.1\"", "true"},
              {"\"A@B.example\" == object a address = \"a@b.example\"", "true"},
              {"1 == [1]", "false"}});
  EXPECT_THAT(value_of("let range = object a rg4 = \"192.0.2.0/24\"; range == \"192.0.2.1\""),
              StartsWith("error: main.vsl:2:51: "));
}

}  // namespace

}  // namespace postern::dialect::vsl
