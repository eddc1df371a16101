#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

struct LibString : ::testing::Test {
  testing::Library library{{string_functions()}};
};

TEST_F(LibString, splits_plain_text) {
  library.expect({
      {"result(kumo.string.split('a.b..c', '.'), kumo.string.split('', '.'))",
       R"(["a","b","","c"] [""])"},
      {"result(kumo.string.split('a%.b', '%.'), kumo.string.split('abc', 'abcd'))",
       R"(["a","b"] ["abc"])"},
      {"result(kumo.string.split('h\u{e9}!', ''), kumo.string.split('', ''))",
       "[\"\",\"h\",\"é\",\"!\",\"\"] [\"\",\"\"]"},
      {"result(kumo.string.splitn('a.b.c', 2, '.'), kumo.string.splitn('a.b.c', 1, '.'), "
       "#kumo.string.splitn('a', 0, '.'), kumo.string.splitn('abc', 3, ''))",
       R"(["a","b.c"] ["a.b.c"] 0 ["","a","bc"])"},
      {"result(kumo.string.rsplit('a.b.c', '.'), kumo.string.rsplitn('a.b.c', 2, '.'))",
       R"(["c","b","a"] ["c","a.b"])"},
      {"result(kumo.string.rsplit('aaa', 'aa'), kumo.string.split('aaa', 'aa'))",
       R"(["","a"] ["","a"])"},
      {"result(kumo.string.rsplit('aab', 'a'), kumo.string.rsplit('ab', ''))",
       R"(["b","",""] ["","b","a",""])"},
      {"kumo.string.splitn('a', -1, '.')",
       "error: policy.lua:1: a number of pieces is not negative"},
      {"result(kumo.string.split_whitespace ' a\\u{3000}b \\t\\n c\\v', "
       "kumo.string.split_ascii_whitespace 'a\\u{a0}b\\vc d', #kumo.string.split_whitespace ' ')",
       "[\"a\",\"b\",\"c\"] [\"a\u00a0b\\u000bc\",\"d\"] 0"},
  });
}

TEST_F(LibString, trims_replaces_and_compares) {
  library.expect({
      {"local s = kumo.string result(s.trim ' \\u{2003}a b\\u{85}\\n', s.trim_start ' a ', "
       "s.trim_end ' a ', s.trim '\\u{2003} ')",
       R"("a b" "a " " a" "")"},
      {"result(kumo.string.replace('a.b.c', '.', '%1'), kumo.string.replace('ab', '', '-'), "
       "kumo.string.replace('aaa', 'aa', 'b'))",
       R"("a%1b%1c" "-a-b-" "ba")"},
      {"result(kumo.string.replacen('aaa', 'a', 'bb', 2), kumo.string.replacen('aaa', 'a', 'b', "
       "0))",
       R"("bbbba" "aaa")"},
      {"local s = kumo.string result(s.starts_with('a.b', 'a.'), s.starts_with('ab', 'a.'), "
       "s.ends_with('a.b', '%w'), s.ends_with('a.b', '.b'))",
       "true false false true"},
  });
}

TEST_F(LibString, wraps_as_header_fields_are_folded) {
  library.expect({
      {"result(kumo.string.wrap 'hello')", R"("hello")"},
      {"result(kumo.string.wrap(string.rep('A', 200), 75, 100) == string.rep('A', 100) .. "
       "'\\r\\n\\t' .. string.rep('A', 100))",
       "true"},
      {"result(kumo.string.wrap(string.rep('hello there ', 10), 75, 100) == "
       "string.rep('hello there ', 5) .. 'hello there\\r\\n\\t' .. "
       "string.rep('hello there ', 3) .. 'hello there')",
       "true"},
      {"result(kumo.string.wrap('aa  bb cccc', 6, 8))", R"("aa  bb\r\n\tcccc")"},
      {"result(kumo.string.wrap('\\u{e9}\\u{e9}\\u{e9}', 1, 3))", "\"é\\r\\n\\té\\r\\n\\té\""},
      {"kumo.string.wrap('a', 1, 0)", "error: policy.lua:1: there is no such line length"},
  });
}

TEST_F(LibString, knows_public_suffixes) {
  library.expect({
      {"local s = kumo.string result(s.psl_domain 'www.Example.co.uk', s.psl_suffix "
       "'www.example.co.uk', s.psl_domain 'com', s.psl_suffix 'com')",
       R"("example.co.uk" "co.uk" null "com")"},
      {"result(kumo.string.psl_domain '[192.0.2.1]', kumo.string.psl_suffix 'a b')", "null null"},
  });
}

TEST_F(LibString, results_are_bounded_and_found_in_linear_time) {
  library.expect({
      {"local big = string.rep('a', 1000000) kumo.string.replace(big, 'a', string.rep('b', 100))",
       "error: policy.lua:1: the result is longer than 16 MiB"},
      {"kumo.string.split(string.rep('a', 1200000), 'a')",
       "error: policy.lua:1: the text has too many pieces"},
      {"kumo.string.rsplit(string.rep('a', 1200000), '')",
       "error: policy.lua:1: the text has too many pieces"},
      {"local big = string.rep('a', 1000000) .. 'c' local what = string.rep('a', 500000) .. 'b' "
       "result(#kumo.string.split(big, what), #kumo.string.rsplit(big, what))",
       "1 1"},
  });
}

}  // namespace
}  // namespace postern::dialect::kumo
