#include "smtp/saslprep.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace postern::smtp {
namespace {

using Wanted = std::optional<std::string>;
constexpr auto none = std::nullopt;

TEST(Saslprep, has_the_examples_of_the_rfc) {
  const struct {
    std::string text;
    Wanted wanted;
    const char* why;
  } cases[] = {
      // RFC 4013 §3.
      {"I\u00adX", "IX", "SOFT HYPHEN mapped to nothing"},
      {"user", "user", "no transformation"},
      {"USER", "USER", "case preserved"},
      {"\u00aa", "a", "output is NFKC"},
      {"\u2168", "IX", "output is NFKC, will match the first"},
      {"\x07", none, "prohibited character"},
      {"\u0627\u0031", none, "bidirectional check"},
      // RFC 4013 §2.1: other spaces become a space.
      {"a\u00a0b\u3000c", "a b c", "non-ASCII spaces"},
      {"\u200b", " ", "a space of no width is still one"},
      {"\u00ad", none, "nothing is left"},
      {"", none, "nothing is there"},
      // RFC 4013 §2.2.
      {"zo\u0065\u0308", "zo\u00eb", "composed"},
      {"\ufb01ne", "fine", "a ligature"},
      {"\uff33\uff43ott", "Scott", "full width"},
      // RFC 4013 §2.3.
      {"a\x7f", none, "DELETE"},
      {"tab\t", none, "a control"},
      {std::string("a\0b", 3), none, "NUL"},
      {"\u0085", none, "a control of C1"},
      {"\ue000", none, "private use"},
      {"\ufdd0", none, "no character"},
      {"\U0010ffff", none, "no character"},
      {"\u200e", none, "changes the display"},
      {"\ufffd", none, "inappropriate for plain text"},
      {"\U000e0041", none, "a tag"},
      {"\xed\xa0\x80", none, "a surrogate"},
      {"caf\xe9", none, "not UTF-8"},
      // RFC 4013 §2.4 (RFC 3454 §6).
      {"\u0627\u0628", "\u0627\u0628", "right to left throughout"},
      {"\u0627a\u0628", none, "both directions"},
      {"p\u00e4ssw\u00f6rd \u2603", "p\u00e4ssw\u00f6rd \u2603", "nothing to do"},
  };
  for (const auto& one : cases)
    for (const Unassigned unassigned : {Unassigned::allowed, Unassigned::refused})
      EXPECT_EQ(saslprep(one.text, unassigned), one.wanted) << one.why;
}

// RFC 3454 §7.
TEST(Saslprep, what_unicode_3_2_does_not_know_may_be_asked_for) {
  for (const std::string text : {"\U0001f600", "tiger \U0001f42f", "\u0221"}) {
    EXPECT_EQ(saslprep(text, Unassigned::allowed), text);
    EXPECT_EQ(saslprep(text, Unassigned::refused), none);
  }
}

TEST(Saslprep, long_texts_end) {
  const std::string ascii(100'000, 'x');
  EXPECT_EQ(saslprep(ascii, Unassigned::refused), ascii);
  std::string longest;
  while (longest.size() + 3 <= max_saslprep) longest += "\ufdfa";  // 18 characters each
  const Wanted out = saslprep(longest, Unassigned::refused);
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, [&] {
    const std::string one = *saslprep("\ufdfa", Unassigned::refused);
    std::string all;
    for (std::size_t i = 0; i < longest.size() / 3; ++i) all += one;
    return all;
  }());
  EXPECT_EQ(saslprep(longest + "\ufdfa", Unassigned::refused), none);
}

}  // namespace
}  // namespace postern::smtp
