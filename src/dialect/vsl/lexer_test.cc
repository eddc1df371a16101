#include "dialect/vsl/lexer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace postern::dialect::vsl {
namespace {

std::string place(Position at) { return std::to_string(at.line) + ":" + std::to_string(at.column); }

/// "KIND text@line:column" for each token except the end, with blanks between them.
std::string lexed(std::string_view text) {
  const auto tokens = tokens_of("x.vsl", text);
  if (!tokens) return tokens.error().to_string();
  std::string all;
  for (const Token& one : *tokens) {
    static constexpr std::string_view letters[] = {"i", "k", "",  "s", "n", "r",
                                                   "`", "p", "$", "}", "`"};
    if (one.kind == TokenKind::end) continue;
    if (!all.empty()) all += ' ';
    all += letters[static_cast<std::size_t>(one.kind)];
    const bool is_mark = one.kind == TokenKind::backtick || one.kind == TokenKind::backtick_end ||
                         one.kind == TokenKind::splice || one.kind == TokenKind::splice_end;
    if (!is_mark) all += one.text;
    all += "@" + place(one.at);
  }
  return all;
}

std::string lexed_text(std::string_view source) {
  const auto tokens = tokens_of("x.vsl", source);
  if (!tokens) return tokens.error().to_string();
  return tokens->front().text;
}

TEST(VslLexer, TellsWordsSymbolsAndNumbersApart) {
  EXPECT_EQ(lexed("a is b_2"), "ia@1:1 kis@1:3 ib_2@1:6");
  EXPECT_EQ(lexed("x<<=1..=2"), "ix@1:1 <<=@1:2 n1@1:5 ..=@1:6 n2@1:9");
  EXPECT_EQ(lexed("#{a:1}"), "#{@1:1 ia@1:3 :@1:4 n1@1:5 }@1:6");
  EXPECT_EQ(lexed("1.x 1.5 1e3 1.5e-3 0xFF_00 0b1_0"),
            "n1@1:1 .@1:2 ix@1:3 r1.5@1:5 r1e3@1:9 r1.5e-3@1:13 n0xFF_00@1:20 n0b1_0@1:28");
  EXPECT_EQ(lexed("ruler rule"), "iruler@1:1 krule@1:7");
  EXPECT_EQ(lexed("\"a\\\"b\" 'c' '\\''"), "sa\"b@1:1 sc@1:8 s'@1:12");
}

TEST(VslLexer, CountsCodePoints) {
  EXPECT_EQ(lexed("été \"日本\" x\n\ty"), "iété@1:1 s日本@1:5 ix@1:10 iy@2:2");
  EXPECT_EQ(lexed("Ω२ = _é9"), "iΩ२@1:1 =@1:4 i_é9@1:6") << "letters, digits of any script";
  EXPECT_EQ(lexed("\xEF\xBB\xBFx"), "ix@1:2") << "a byte-order mark is one";
  EXPECT_EQ(lexed("a\r\nb"), "ia@1:1 ib@2:1");
}

TEST(VslLexer, SkipsCommentsThatNest) {
  EXPECT_EQ(lexed("a // b\nc"), "ia@1:1 ic@2:1");
  EXPECT_EQ(lexed("a /* x /* y */ \n z */ b // end"), "ia@1:1 ib@2:7");
  EXPECT_EQ(lexed("/* a /* b */"), "x.vsl:1:1: the comment is never closed by `*/`");
}

TEST(VslLexer, MarksWhatStandsInBacktickStrings) {
  EXPECT_EQ(lexed("`a`"), "`@1:1 pa@1:2 `@1:3");
  EXPECT_EQ(lexed("``"), "`@1:1 `@1:2") << "an empty string";
  EXPECT_EQ(lexed("`a``b\\n`"), "`@1:1 pa`b\\n@1:2 `@1:8");
  EXPECT_EQ(lexed("`\r\nx$y`"), "`@1:1 px$y@2:1 `@2:4");
  EXPECT_EQ(lexed("`a${ #{b: `<${c}>`} }d`"),
            "`@1:1 pa@1:2 $@1:3 #{@1:6 ib@1:8 :@1:9 `@1:11 p<@1:12 $@1:13 ic@1:15 }@1:16 p>@1:17 "
            "`@1:18 }@1:19 }@1:21 pd@1:22 `@1:23");
}

TEST(VslLexer, KnowsEscapes) {
  EXPECT_EQ(lexed_text(R"("\n\r\t\\\"\'\x41\u00e9\U0001F600")"), "\n\r\t\\\"'Aé😀");
  EXPECT_EQ(lexed_text("\"a\\\n  b\""), "a  b");
  EXPECT_EQ(lexed_text("\"a\\\r\nb\""), "ab");
}

TEST(VslLexer, SaysWhatIsWrongWhere) {
  const struct {
    std::string text;
    std::string wanted;
  } cases[] = {
      {"x \"abc", "x.vsl:1:3: the string is not closed on its line"},
      {"x \"abc\ny\"", "x.vsl:1:3: the string is not closed on its line"},
      {"x\n `abc", "x.vsl:2:2: the back-tick string is never closed"},
      {"`a${`b", "x.vsl:1:5: the back-tick string is never closed"},
      {"`a${ b", "x.vsl:1:7: the `${` of a back-tick string is never closed by `}`"},
      {"'ab'", "x.vsl:1:1: single quotes hold exactly one character"},
      {"''", "x.vsl:1:1: single quotes hold exactly one character"},
      {"\"a\\q\"", "x.vsl:1:3: this is not an escape sequence"},
      {"\"\\u12\"",
       "x.vsl:1:2: the escape sequence needs 4 hexadecimal digits that are a "
       "character's number"},
      {"\"\\uD800\"",
       "x.vsl:1:2: the escape sequence needs 4 hexadecimal digits that are a "
       "character's number"},
      {"\"\\x+1\"",
       "x.vsl:1:2: the escape sequence needs 2 hexadecimal digits that are a "
       "character's number"},
      {"a = 30s", "x.vsl:1:7: `30s` is not a number"},
      {"0x", "x.vsl:1:2: `0x` is not a number"},
      {"0b_", "x.vsl:1:1: `0b_` is not a number"},
      {"9223372036854775809", "x.vsl:1:1: `9223372036854775809` does not fit into 64 bits"},
      {"0x10000000000000000", "x.vsl:1:1: `0x10000000000000000` does not fit into 64 bits"},
      {"1e999", "x.vsl:1:1: `1e999` does not fit into 64 bits"},
      {"#[x]", "x.vsl:1:1: `#` begins only a map, `#{ name: value }`"},
      {"a \u201Cb\u201D", "x.vsl:1:3: the character `\u201C` has no meaning here"},
      {"é @", "x.vsl:1:3: the character `@` has no meaning here"},
      {std::string("a\0b", 3), "x.vsl:1:2: the character `\\x00` has no meaning here"},
      {"é\xFFx", "x.vsl:1:2: the script is not valid UTF-8 here"},
      {"\"\xC3", "x.vsl:1:2: the script is not valid UTF-8 here"},
      {std::string((1u << 20) + 1, ' '), "x.vsl:1:1: the script is longer than 1 MiB"},
  };
  for (const auto& one : cases) EXPECT_EQ(lexed(one.text), one.wanted) << one.text;
}

TEST(VslLexer, HasItsKeywordsSorted) {
  EXPECT_TRUE(std::ranges::is_sorted(keywords()));
  EXPECT_TRUE(is_keyword("delegate"));
  EXPECT_FALSE(is_keyword("deny"));
}

}  // namespace
}  // namespace postern::dialect::vsl
