#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/growth_test.h"
#include "base/text.h"
#include "dialect/restrictions/pattern_questions.h"
#include "dialect/restrictions/table_test_support.h"

namespace postern::dialect::restrictions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct PatternRow {
  const char* rules;
  const char* key;
  const char* value;
};

void check_rules(const char* type, const PatternRow& row) {
  const std::string spec = fmt::format("{}:/t", type);
  check({spec.c_str(), row.key, row.value}, Texts{{"/t", row.rules}});
}

TEST(PatternTable, names_its_rows) {
  const Texts texts{{"/t", "/^a$/ one\nif /b/\n!/c/ two\nendif\n/a/ three\n"}};
  const auto table = texts.open("pcre:/t");
  EXPECT_THAT(table->row_names(3).value(),
              ElementsAre("line 1: /^a$/", "line 3: !/c/", "line 5: /a/"));
  EXPECT_EQ(table->row_names(2), std::nullopt);
  EXPECT_EQ(table->row_named("a"), "line 1: /^a$/");
  EXPECT_EQ(table->row_named("ab"), "line 3: !/c/");
  EXPECT_EQ(table->row_named("abc"), "line 5: /a/");
  EXPECT_EQ(table->row_named("d"), "");
}

TEST(PatternTable, rows_of_both_kinds) {
  const PatternRow rows[] = {
      {"/a(b)?c/ x${1}y", "ac", "xy"},
      {"/a(b)?c/ x${1}y", "ABC", "xBy"},
      {"/(a)/ ${1}b$(1)c $1 d", "A", "AbAc A d"},
      {"/(a)|(b)/ [$1][$2]", "b", "[][b]"},
      {"/a/ x $$ y", "a", "x $ y"},
      {"/a/i R", "A", nullptr},
      {"/a/ii R", "A", "R"},
      {"!/a/ r", "b", "r"},
      {"! /a/ r", "a", nullptr},
      {"!!/a/ r", "a", "r"},
      {"/a/\tR \t t ", "a", "R \t t"},
      {"/a/ i R", "a", "i R"},
      {"|a\\|b| R", "a|b", "R"},
      {"|a\\|b| R", "a", nullptr},
      {"/a\\/b/ R", "a/b", "R"},
      {"/a b/ R", "a b", "R"},
      {"/x/ 1\n/x/ 2", "x", "1"},
      {"/noddy/\n 550 This\n  user", "noddy", "550 This  user"},
      {"if /a/\n/b/ B\nendif\n/./ dot", "ab", "B"},
      {"if /a/\n/b/ B\nendif\n/./ dot", "b", "dot"},
      {"IF/a/\n/b/ B\nENDIF\n/./ dot", "ab", "B"},
      {"if !/a/\n/b/ B\nendif", "b", "B"},
      {"if !/a/\n/b/ B\nendif", "ab", nullptr},
      {"if /x/\nif /y/\n/xy/ in\nendif\n/x/ mid\nendif\n/z/ end", "xq", "mid"},
      {"if /x/\nif /y/\n/xy/ in\nendif\n/x/ mid\nendif\n/z/ end", "xyz", "in"},
      {"if /x/\nif /y/\n/xy/ in\nendif\n/x/ mid\nendif\n/z/ end", "z", "end"},
      {"/^/ R", "", "R"},
  };
  for (const PatternRow& row : rows) {
    check_rules("regexp", row);
    check_rules("pcre", row);
  }
}

// PCRE2 10.42 missed these once they were compiled for the processor.
TEST(PatternTable, finds_what_needs_a_shorter_alternative) {
  for (const auto& [pattern, key] :
       {std::pair("(ab|a).*.", "ab"), std::pair("(abc|a).*bc", "abc"), std::pair("(1|)b*1", "1")}) {
    for (const char* type : {"regexp", "pcre"}) {
      const std::string row = fmt::format("/{}/ R", pattern);
      const auto table = Texts{{"/t", row}}.open(fmt::format("{}:/t", type));
      EXPECT_EQ(table->lookup(key).value, "R") << type << ' ' << pattern;
    }
  }
}

/// What a table with this row asks about a key; "": nothing.
std::string question_of(const std::string& type, const std::string& row, const std::string& key,
                        PatternQuestions::Keys are) {
  const auto table = Texts{{"/t", row + " R"}}.open(type + ":/t");
  const std::set<std::string, std::less<>> keys{key};
  const PatternQuestions::Answers none;
  PatternQuestions questions(keys, none, are);
  (void)table->lookup(key);
  return questions.wanted() ? questions.wanted()->first : "";
}

TEST(PatternQuestions, case_is_no_question_where_keys_have_none) {
  using Keys = PatternQuestions::Keys;
  const auto same = [](const std::string& type, const std::string& a, const std::string& b) {
    EXPECT_NE(question_of(type, a, "k", Keys::as_they_are),
              question_of(type, b, "k", Keys::as_they_are))
        << a << b;
    return question_of(type, a, "k", Keys::folded) == question_of(type, b, "k", Keys::folded);
  };
  for (const char* type : {"regexp", "pcre"}) {
    EXPECT_TRUE(same(type, "/^x@/", "/^x@/i"));
    EXPECT_TRUE(same(type, "/^X@/", "/^x@/i"));
    EXPECT_TRUE(
        same(type, "/[a-z][0-9]\\.(a|b)*[[:alpha:]]/", "/[a-z][0-9]\\.(a|b)*[[:alpha:]]/i"));
    EXPECT_FALSE(same(type, "/^X@/", "/^X@/i")) << "a capital that must be one";
    EXPECT_FALSE(same(type, "/[[:upper:]]/", "/[[:upper:]]/i"));
    EXPECT_FALSE(same(type, "/[9-^]/", "/[9-^]/i")) << "capitals are in the range";
    EXPECT_FALSE(same(type, "/^x@/", "/^y@/i"));
  }
  EXPECT_TRUE(same("pcre", "/\\d(?:a)(?=b)/", "/\\d(?:a)(?=b)/i"));
  EXPECT_FALSE(same("pcre", "/\\x41/", "/\\x41/i"));
  EXPECT_FALSE(same("pcre", "/(?-i)a/", "/(?-i)a/i"));
}

TEST(PatternQuestions, patterns_with_one_question_match_the_same_keys) {
  const std::string parts[] = {"a",           "B",     "[a-c]",       "[^b]", "[^B]",  "\\.",
                               "[[:upper:]]", "[9-^]", "[B-a]",       ".",    "(a|B)", "*",
                               "[]a]",        "[A-C]", "[[:lower:]]", "$"};
  std::mt19937 draw(7);
  const auto below = [&](std::size_t n) { return draw() % n; };
  const auto row = [&] {
    std::string text = "/";
    for (std::size_t n = 1 + below(3); n > 0; --n) text += parts[below(std::size(parts))];
    return text + (below(2) == 0 ? "/" : "/i");
  };
  std::size_t pairs = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string type = below(2) == 0 ? "regexp" : "pcre";
    std::string a = row();
    std::string b = row();
    if (below(2) == 0) {  // more pairs that are nearly the same
      b = lower(a);
      if (below(2) == 0) b = b.ends_with("i") ? b.substr(0, b.size() - 1) : b + "i";
    }
    const auto one = open_table(type + ":/t", Texts{{"/t", a + " R"}}.sources());
    const auto other = open_table(type + ":/t", Texts{{"/t", b + " R"}}.sources());
    if (!one || !other || a == b) continue;
    const std::string question = question_of(type, a, "k", PatternQuestions::Keys::folded);
    if (question.empty() || question != question_of(type, b, "k", PatternQuestions::Keys::folded)) {
      continue;
    }
    ++pairs;
    for (int n = 0; n < 30; ++n) {
      std::string key;
      for (std::size_t left = below(4); left > 0; --left) key += "abcz.9@]^-"[below(10)];
      EXPECT_EQ((*one)->lookup(key).status, (*other)->lookup(key).status)
          << type << " " << a << " " << b << " " << key;
    }
  }
  EXPECT_GT(pairs, 300u);
}

TEST(PatternTable, perl_expressions) {
  const PatternRow rows[] = {
      {"/^(?!owner-)(.*)-outgoing@(.*)/ 550 Use ${1}@${2}", "l-outgoing@example.com",
       "550 Use l@example.com"},
      {"/^(?!owner-)(.*)-outgoing@(.*)/ 550 Use ${1}@${2}", "owner-l-outgoing@example.com",
       nullptr},
      {"/a b/x R", "ab", "R"},
      {"/b/A R", "ab", nullptr},
      {"/^\\d+$/ R", "192", "R"},
      {"/a.b/s R", "a\nb", nullptr},
      {"/a.b/ R", "a\nb", "R"},
      {"/^b/m R", "a\nb", "R"},
      {"/a$/ R", "a\n", "R"},
      {"/a$/E R", "a\n", nullptr},
      {"/(a+)/U R$(1)", "aa", "Ra"},
      {"/a/X R", "a", "R"},
      {"~^[[:alnum:]+/]{6,}$~ OK", "ab+/cd", "OK"},
  };
  for (const PatternRow& row : rows) check_rules("pcre", row);
}

TEST(PatternTable, posix_extended_expressions) {
  const PatternRow rows[] = {
      {"/^a*?$/ R", "aa", "R"},
      {"/^a++$/ R", "aaa", "R"},
      {"/^a{,2}$/ R", "aa", "R"},
      {"/^a{,2}$/ R", "aaa", nullptr},
      {"/^a{2}{2}$/ R", "aa", nullptr},
      {"/^a{2}{2}$/ R", "aaaa", "R"},
      {"/a)/ R", "a)", "R"},
      {"/()/ R", "a", "R"},
      {"/a||b/ R", "z", "R"},
      {"/^\\w\\s\\S\\W$/ R", "a b.", "R"},
      {"/\\<ab\\>/ R", "x ab", "R"},
      {"/\\<ab\\>/ R", "xab", nullptr},
      {"/\\bab/ R", "xab", nullptr},
      {"/\\`ab\\'/ R", "ab", "R"},
      {"/(a)\\1/ R", "aa", "R"},
      {"/(a)\\10/ R", "aa0", "R"},
      {"/^[[=a=]b]$/ R", "a", "R"},
      {"/[[.-.]]/ R", "-", "R"},
      {"/[\\d]/ R", "\\", "R"},
      {"/[]x]/ R", "]", "R"},
      {"/^[^]x]/ R", "]", nullptr},
      {"/[a-]/ R", "-", "R"},
      {"/[--9]/ R", "5", "R"},
      {"/[+--]/ R", ",", "R"},
      {"/[[:upper:]]/ R", "a", "R"},
      {"/[[:upper:]]/i R", "a", nullptr},
      {"/[^[:upper:]]/i R", "a", "R"},
      {"/\\d/ R", "5", nullptr},
      {"/\\d/ R", "d", nullptr},
      {"/\\d/i R", "d", "R"},
      {"/\\./ R", "a", nullptr},
      {"/}/ R", "}", "R"},
      {"/]/ R", "]", "R"},
      {"/^^a/ R", "a", "R"},
      {"/(^)*a/ R", "a", "R"},
      {"/a$b/ R", "a$b", nullptr},
      {"/a.b/ R", "a\nb", "R"},
      {"/a.b/m R", "a\nb", nullptr},
      {"/a[^x]b/m R", "a\nb", nullptr},
      {"/a$/ R", "a\n", nullptr},
      {"/\\x/ R", "x", nullptr},
      {"/#&~/ R", "#&~", "R"},
  };
  for (const PatternRow& row : rows) check_rules("regexp", row);
}

TEST(PatternTable, posix_basic_expressions) {
  const PatternRow rows[] = {
      {"/a\\(b\\)\\1/x R${1}", "abb", "Rb"},
      {"/a+b/x R", "a+b", "R"},
      {"/a\\+b/x R", "aab", "R"},
      {"/*a/x R", "*a", "R"},
      {"/\\(*a\\)/x R", "*a", "R"},
      {"/a\\|b/x R", "b", "R"},
      {"/^*a/x R", "*a", "R"},
      {"/a^b/x R", "a^b", "R"},
      {"/a$b/x R", "a$b", "R"},
      {"/x\\(^a\\)/x R", "x^a", nullptr},
      {"/^a\\{2\\}$/x R", "aa", "R"},
      {"/a{2}/x R", "a{2}", "R"},
      {"/(a)/x R", "(a)", "R"},
      {"/\\(a$\\)/x R", "a", "R"},
      {"/a\\|^b/x R", "b", "R"},
      {"/a\\?b/x R", "b", "R"},
      {"/\\+a/x R", "+a", "R"},
      {"/a$\\|b/x R", "a", "R"},
  };
  for (const PatternRow& row : rows) check_rules("regexp", row);
}

struct Bad {
  const char* rules;
  const char* says;
};

void check_bad(const char* type, const Bad& bad) {
  const std::string spec = fmt::format("{}:/t", type);
  const Texts texts{{"/t", bad.rules}};
  const auto refused = open_table(spec, texts.sources());
  ASSERT_FALSE(refused) << type << " " << bad.rules;
  EXPECT_THAT(refused.error().message, HasSubstr(bad.says)) << type << " " << bad.rules;
  const auto skipped = open_table(spec, texts.sources(BadRows::skip));
  ASSERT_TRUE(skipped) << bad.rules;
  EXPECT_FALSE((*skipped)->warnings().empty()) << bad.rules;
}

TEST(PatternTable, bad_rows_name_line_and_construct) {
  const Bad both[] = {
      {"/a/ x\n/a/ x$1y", "/t line 2: `$1y` in the result"},
      {"/a/ $foo", "`$foo`"},
      {"/a/ x $", "`$`"},
      {"/(a)/ ${1?t}", "`$1?t`"},
      {"/(a)/ ${1", "not closed"},
      {"/(a)/ $0", "`$0`"},
      {"/(a)/ $2", "`$2` in the result, but the pattern has 1 group(s)"},
      {"!/(a)/ r$1", "must not match"},
      {"/a/", "a pattern without a result"},
      {"/a/q R", "`q` is not a flag"},
      {"/a R", "the second `/`"},
      {"(a) R", "the second `(`"},
      {"xax R", "begins with /pattern/"},
      {"\nendif", "/t line 2: `endif` without `if`"},
      {"if /a/\n/ab/ X", "/t line 1: `if` without `endif`"},
      {"/(a/ R", "the pattern `(a` at octet"},
      {"/[a/ R", "the pattern `[a` at octet"},
      {" /a/ R", "begins with blank"},
  };
  for (const Bad& bad : both) {
    check_bad("regexp", bad);
    check_bad("pcre", bad);
  }
  check_bad("pcre", {"/\\i/ R", "at octet"});
  check_bad("regexp", {"/a/A R", "`A` is not a flag of regexp patterns"});
}

TEST(PatternTable, what_posix_expressions_do_not_have) {
  const Bad rows[] = {
      {"/(?:a)/ R", "at octet 2: there is nothing to repeat"},
      {"/*a/ R", "at octet 1: there is nothing to repeat"},
      {"/b|*a/ R", "nothing to repeat"},
      {"/^*a/ R", "nothing to repeat"},
      {"/\\b*/ R", "nothing to repeat"},
      {"/{/ R", "nothing to repeat"},
      {"/a{1/ R", "not an interval"},
      {"/a{x}/ R", "not an interval"},
      {"/a{2,1}/ R", "ends before it begins"},
      {"/a{99999}/ R", "above 32767"},
      {"/\\1(a)/ R", "`\\1` refers to a group"},
      {"/(a\\1)/ R", "`\\1` refers to a group"},
      {"/(a)\\2/ R", "`\\2` refers to a group"},
      {"/[[.hyphen.]]/ R", "collating element"},
      {"/[[:<:]]a/ R", "`[:<:]` is not a class"},
      {"/[z-a]/ R", "a range ends before it begins"},
      {"/[a-c-e]/ R", "range without a beginning"},
      {"/[[:alpha:]-z]/ R", "range without a beginning"},
      {"/[]/ R", "`[` without `]`"},
      {"/a\\)/x R", "without"},
      {"/a**/x R", "a repetition is repeated"},
      {"/a\\{/x R", "not an interval"},
      {"/a?*?*?*?*?*?*/ R", "a repetition is repeated"},
  };
  for (const Bad& bad : rows) check_bad("regexp", bad);
}

TEST(PatternTable, meaningless_escapes_are_warned_of) {
  const auto table = Texts{{"/t", "/\\d+/ R\n"}}.open("regexp:/t");
  EXPECT_THAT(table->warnings(),
              ElementsAre("/t line 1: `\\d` has no meaning in POSIX expressions and matches "
                          "nothing; write [0-9], or use pcre:"));
}

TEST(PatternTable, values_hidden_rows_and_totality) {
  const auto table =
      Texts{{"/t", "/a/ 1\n/b/ 2\n/a/ 3\nif /c/\n/^/ 1\nendif\n/.*/ $$4\n/d/ 5\n"}}.open("pcre:/t");
  EXPECT_THAT(table->values().value(), ElementsAre("1", "2", "3", "$4", "5"));
  EXPECT_THAT(table->hidden_rows(), ElementsAre(3, 8));
  EXPECT_TRUE(table->is_total());
  EXPECT_TRUE(table->is_pattern());
  EXPECT_FALSE(table->is_network());
  EXPECT_EQ(table->rows(), 6u);
  EXPECT_EQ((Texts{{"/t", "/(a)/ $1\n"}}.open("regexp:/t")->values()), std::nullopt);
  EXPECT_FALSE((Texts{{"/t", "/a/ 1\n"}}.open("regexp:/t")->is_total()));
  EXPECT_FALSE((Texts{{"/t", "!/^/ 1\n"}}.open("regexp:/t")->is_total()));
}

TEST(PatternTable, hostile_keys_end_in_failure_not_in_waiting) {
  for (const char* rules :
       {"/^(a+)+$/ R", "/^(a|a)*$/ R", "/^(.*a){12}$/ R", "/(a*)*b/ R", "/^((a|b)*c?)*d/ R"}) {
    for (const std::size_t size : {40u, 400u, 2'000u}) {
      const auto table = Texts{{"/t", rules}}.open("pcre:/t");
      const std::string key = std::string(size, 'a') + "!";
      Found found;
      const double seconds = tests::cpu_seconds([&] { found = table->lookup(key); });
      EXPECT_NE(found.status, Found::Status::found) << rules;
      EXPECT_LT(seconds, 20) << rules << " " << size;
      if (found.status == Found::Status::failed) {
        EXPECT_THAT(found.trouble, HasSubstr("pcre:/t line 1: the pattern took more steps"));
      }
    }
  }
  const auto table = Texts{{"/t", "/^(a+)+$/ R"}}.open("regexp:/t");
  EXPECT_EQ(table->lookup(std::string(60, 'a') + "!").status, Found::Status::failed);
  EXPECT_EQ(table->lookup(std::string(60, 'a')).value, "R");
}

TEST(PatternTable, long_keys_still_match) {
  const auto table = Texts{{"/t", "/^(.|\\n)*@example\\.com$/ R"}}.open("pcre:/t");
  EXPECT_EQ(table->lookup(std::string(2'000, 'x') + "@example.com").value, "R");
}

}  // namespace
}  // namespace postern::dialect::restrictions
