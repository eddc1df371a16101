#include "base/growth_test.h"
#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;

struct LibRegex : ::testing::Test {
  testing::Library library{{regex_functions()}};
};

TEST_F(LibRegex, finds) {
  library.expect({
      {"local r = kumo.regex.compile 'o+' result(r:is_match 'foo', r:is_match 'fa', r:find "
       "'fooood', "
       "r:find 'x', tostring(r))",
       R"(true false "oooo" null "o+")"},
      {"result(kumo.regex.compile '\\\\b\\\\w{3}\\\\b':find_all 'one two three six')",
       R"(["one","two","six"])"},
      {"result(kumo.regex.compile 'a*':find_all 'baaac', kumo.regex.compile '':find_all 'ab')",
       R"(["","aaa",""] ["","",""])"},
      {"result(kumo.regex.compile 'B':is_match 'b', kumo.regex.compile '(?i)B':is_match 'b', "
       "kumo.regex.compile 'a.b':is_match 'a\\nb', kumo.regex.compile 'a$':is_match 'a\\n')",
       "false true false false"},
      {"result(kumo.regex.compile '^.$':is_match 'é', kumo.regex.compile '\\\\w':find '-ü', "
       "kumo.regex.compile '':find_all 'é')",
       R"(true "ü" ["",""])"},
      {"result(kumo.regex.compile 'b':find '\\xff\\xfeb\\xff', "
       "kumo.regex.compile '(?<=a)b':find_all 'abcab')",
       R"("b" ["b","b"])"},
      {"result(kumo.regex.compile 'x':find '', kumo.regex.compile '^$':find '')", R"(null "")"},
  });
}

TEST_F(LibRegex, captures_by_number_and_name) {
  library.expect({
      {"local c = kumo.regex.compile \"'(?<title>[^']+)'\\\\s+\\\\((?P<year>\\\\d{4})\\\\)(x)?\""
       ":captures \"A film: 'Citizen Kane' (1941).\" "
       "result(c[0], c[1], c.title, c.year, c[2], c[3])",
       R"x("'Citizen Kane' (1941)" "Citizen Kane" "Citizen Kane" "1941" "1941" null)x"},
      {"result(kumo.regex.compile 'a':captures 'b')", "null"},
  });
}

TEST_F(LibRegex, replaces_and_splits) {
  library.expect({
      {"local r = kumo.regex.compile '[^01]+' result(r:replace('1078910', ''), "
       "r:replace_all('1a0b1', '-'), r:replacen('a1b0c', 2, '$0$0'), r:replacen('a1b0c', 0, ''))",
       R"("1010" "1-0-1" "aa1bb0c" "10")"},
      {"local r = kumo.regex.compile '(?P<last>[^,\\\\s]+),\\\\s+(?P<first>\\\\S+)' "
       "result(r:replace('Springsteen, Bruce', '$first $last'), "
       "r:replace('Springsteen, Bruce', '${1}a $1a $9 $$ $ ${x} ${open $'))",
       R"("Bruce Springsteen" "Springsteena   $ $  ${open $")"},
      {"result(kumo.regex.compile '[ \\\\t]+':split 'a b \\t  c\\td    e', "
       "kumo.regex.compile ',':split ',a,', kumo.regex.compile 'x':split '')",
       R"(["a","b","c","d","e"] ["","a",""] [""])"},
      {"result(kumo.regex.compile '':replace_all('ab', '-'))", R"("-a-b-")"},
      {"result(kumo.regex.escape 'a.b[c]-$é', "
       "kumo.regex.compile('^' .. kumo.regex.escape '\\\\.+*?()|[]{}^$#&-~ a' .. '$')"
       ":is_match '\\\\.+*?()|[]{}^$#&-~ a')",
       "\"a\\\\.b\\\\[c\\\\]\\\\-\\\\$é\" true"},
  });
}

TEST_F(LibRegex, mistakes_have_a_place) {
  library.expect({
      {"kumo.regex.compile 'a(b'",
       "error: policy.lua:1: regular expression: at octet 4: missing closing parenthesis"},
      {"kumo.regex.compile '\\\\Ga'",
       "error: policy.lua:1: regular expression: \\G is not available"},
  });
}

TEST_F(LibRegex, matches_are_found_wherever_they_are) {
  // A search looks at windows of positions: tests matches in later windows, after characters of
  // several octets.
  for (const int before : {0, 1, 63, 64, 65, 127, 191, 192, 193, 1000, 5000, 100'000}) {
    const std::string text = "result(kumo.regex.compile 'needle':find(string.rep('é', " +
                             std::to_string(before) + ") .. 'needle'))";
    EXPECT_EQ(library.answer(text), R"("needle")") << before;
  }
  library.expect({
      {"result(kumo.regex.compile '^b':is_match(string.rep('a', 5000) .. 'b'), "
       "#kumo.regex.compile 'a':find_all(string.rep('a', 20000)))",
       "false 20000"},
      {"local r = kumo.regex.compile 'a' r:is_match(string.rep('b', 1048577))",
       "error: policy.lua:1: regular expression: the text is longer than 1 MiB"},
      {"result(kumo.regex.compile 'x':is_match(string.rep('b', 1048576)))", "false"},
  });
}

TEST_F(LibRegex, a_bomb_is_an_error_soon) {
  const std::string bombs[] = {
      "kumo.regex.compile '(a+)+$':is_match(string.rep('a', 40) .. 'b')",
      "kumo.regex.compile '(a|aa)+$':is_match(string.rep('a', 100000) .. 'b')",
      "kumo.regex.compile '(.*)*x':find(string.rep('a', 1000000))",
      "kumo.regex.compile '(a*)*b':find_all(string.rep('a', 1000000))",
      "kumo.regex.compile '(?:x|a*a*a*a*[yz])':find(string.rep('b', 60000) .. "
      "string.rep('a', 60000))",
  };
  for (const std::string& bomb : bombs) {
    const double seconds = tests::cpu_seconds(
        [&] { EXPECT_THAT(library.answer(bomb), HasSubstr("takes too many steps")) << bomb; });
    EXPECT_LT(seconds, 10) << bomb;
  }
  EXPECT_THAT(library.answer("kumo.regex.compile '.':replace_all(string.rep('a', 1000000), "
                             "string.rep('b', 100))"),
              HasSubstr("the result is longer than 16 MiB"));
}

}  // namespace
}  // namespace postern::dialect::kumo
