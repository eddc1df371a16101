#include "base/text.h"

#include <gtest/gtest.h>

#include "base/rounds_test.h"
#include "base/ulid.h"

namespace postern {
namespace {

TEST(Text, lower_changes_ascii_letters_alone) {
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    for (std::size_t size = 1; size < 20; ++size) {
      EXPECT_EQ(lower(std::string(size, c)), std::string(size, to_lower(c))) << octet;
    }
  }
  EXPECT_EQ(lower("MX.Example-1.COM[@`{Z\xc3\x89"), "mx.example-1.com[@`{z\xc3\x89");
  EXPECT_EQ(lower(""), "");
}

TEST(Text, utf8_is_strict) {
  EXPECT_TRUE(is_utf8("caf\xc3\xa9 \xf0\x9f\x98\x80"));
  for (const char* text :
       {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xc3", "\x80"}) {
    EXPECT_FALSE(is_utf8(text));
    for (std::size_t before = 0; before < 20; ++before) {
      const std::string ascii(before, 'a');
      EXPECT_TRUE(is_utf8(ascii + "\xc3\xa9" + ascii));
      EXPECT_FALSE(is_utf8(ascii + text + ascii)) << before;
    }
  }
}

TEST(Text, base64_is_strict) {
  EXPECT_EQ(base64_decode("AGEAYg=="), std::string("\0a\0b", 4));
  EXPECT_EQ(base64_encode(std::string("\0a\0b", 4)), "AGEAYg==");
  for (const char* text : {"AGEAYg", "AGEAYg=", "AG EAYg==", "AGEAYg==\n", "*"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
  EXPECT_EQ(base64_decode(""), "");
}

TEST(Text, printable_shows_octets_and_cuts) {
  EXPECT_EQ(printable("a\x1b[0m\xff"), "a\\x1b[0m\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(Text, nearest_suggests_only_what_is_near) {
  EXPECT_EQ(nearest("vls", {"dns", "vsl"}), "vsl") << "two letters that changed places";
  EXPECT_EQ(nearest("recipent", {"recipient", "sender"}), "recipient");
  EXPECT_FALSE(nearest("zzz", {"recipient", "sender"}));
  // Foreign words are as long as a request: without a bound this compares 4 * 10^12 pairs.
  const std::string long_word(2'000'000, 'x');
  EXPECT_FALSE(nearest(long_word, {"recipient", long_word}));
}

TEST(Text, numbers_have_digits_only) {
  EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615u);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x10", "18446744073709551616"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(Ulid, has_its_shape_and_sorts_by_time) {
  using std::chrono::milliseconds;
  const auto now = std::chrono::system_clock::now();
  const std::string earlier = new_ulid(now);
  EXPECT_TRUE(is_ulid(earlier));
  EXPECT_LT(earlier, new_ulid(now + milliseconds(1)));
  EXPECT_FALSE(is_ulid("01HX0000000000000000000000x"));
  EXPECT_FALSE(is_ulid("01hx0000000000000000000000"));
}

TEST(Text, iequals_agrees_with_a_comparison_octet_by_octet) {
  const std::size_t step = tests::rounds(4, 1);  // other octets with each size
  for (std::size_t size = 1; size <= 17; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (std::size_t octet = size % step; octet < 256; octet += step) {
        for (const char other : {'a', 'Z', '@', '[', '`', '{', '\x80', '\xc1', '\xe1', '\0'}) {
          std::string a(size, 'q');
          std::string b(size, 'Q');
          a[at] = static_cast<char>(octet);
          b[at] = other;
          const bool same = to_lower(a[at]) == to_lower(other);
          ASSERT_EQ(iequals(a, b), same) << size << " " << at << " " << octet << " " << int{other};
        }
      }
    }
  }
  EXPECT_TRUE(iequals("", ""));
  EXPECT_FALSE(iequals("example.org", "example.or"));
}

}  // namespace
}  // namespace postern
