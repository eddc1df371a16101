#include "base/rfc4648.h"

#include <gtest/gtest.h>

#include "base/rounds_test.h"

namespace postern {
namespace {

// RFC 4648 §10.
TEST(Rfc4648, test_vectors) {
  const struct {
    const char *octets, *hex, *base32, *base32hex, *base64;
  } cases[] = {
      {"", "", "", "", ""},
      {"f", "66", "MY======", "CO======", "Zg=="},
      {"fo", "666f", "MZXQ====", "CPNG====", "Zm8="},
      {"foo", "666f6f", "MZXW6===", "CPNMU===", "Zm9v"},
      {"foob", "666f6f62", "MZXW6YQ=", "CPNMUOG=", "Zm9vYg=="},
      {"fooba", "666f6f6261", "MZXW6YTB", "CPNMUOJ1", "Zm9vYmE="},
      {"foobar", "666f6f626172", "MZXW6YTBOI======", "CPNMUOJ1E8======", "Zm9vYmFy"},
      {"hi?>", "68693f3e", "NBUT6PQ=", "D1KJUFG=", "aGk/Pg=="},
  };
  for (const auto& c : cases) {
    const std::pair<Base, const char*> texts[] = {{Base::hex, c.hex},
                                                  {Base::base32, c.base32},
                                                  {Base::base32hex, c.base32hex},
                                                  {Base::base64, c.base64}};
    for (const auto& [base, text] : texts) {
      EXPECT_EQ(encode(c.octets, base), text);
      EXPECT_EQ(decode(text, base).value(), c.octets) << text;
      std::string bare = text;
      bare.erase(bare.find_last_not_of('=') + 1);
      EXPECT_EQ(encode(c.octets, base, Padding::without), bare);
      EXPECT_EQ(decode(bare, base, Padding::without).value(), c.octets) << bare;
      if (bare != text) {
        EXPECT_FALSE(decode(bare, base)) << bare;
        EXPECT_FALSE(decode(text, base, Padding::without)) << text;
      }
    }
  }
  EXPECT_EQ(encode("\xff\xff\xfe", Base::base64url), "___-");
  EXPECT_EQ(decode("___-", Base::base64url).value(), "\xff\xff\xfe");
}

TEST(Rfc4648, every_octet_comes_back) {
  std::string octets;
  const std::size_t step = tests::rounds(7, 1);
  for (std::size_t i = 0; i < 600; octets += static_cast<char>(i * 7 + i / 256), ++i) {
    if (i > 40 && i % step != 0) continue;
    for (const Base base :
         {Base::hex, Base::base32, Base::base32hex, Base::base64, Base::base64url}) {
      for (const Padding padding : {Padding::with, Padding::without}) {
        ASSERT_EQ(decode(encode(octets, base, padding), base, padding).value(), octets) << i;
      }
    }
  }
}

TEST(Rfc4648, says_what_is_wrong_where) {
  const struct {
    Base base;
    const char *text, *error;
  } cases[] = {
      {Base::hex, "4", "at octet 2: the text ends too early"},
      {Base::hex, "4g", "at octet 2: no letter of the alphabet"},
      {Base::hex, "41=", "at octet 3: padding where there is none"},
      {Base::base64, "aGk", "at octet 4: padding is missing"},
      {Base::base64, "aGk==", "at octet 5: too much padding"},
      {Base::base64, "aG k", "at octet 3: no letter of the alphabet"},
      {Base::base64, "aGk_", "at octet 4: no letter of the alphabet"},
      {Base::base64, "aGl=", "at octet 3: bits are set that stand for nothing"},
      {Base::base64, "a===", "at octet 5: the text ends too early"},
      {Base::base64, "=aGk", "at octet 1: no letter of the alphabet"},
      {Base::base32, "MZXW6==", "at octet 8: padding is missing"},
      {Base::base32, "mzxw6===", "at octet 1: no letter of the alphabet"},
      {Base::base32, "MZX=====", "at octet 9: the text ends too early"},
  };
  for (const auto& c : cases) {
    const auto decoded = decode(c.text, c.base);
    ASSERT_FALSE(decoded) << c.text;
    EXPECT_EQ(decoded.error().message, c.error) << c.text;
  }
}

}  // namespace
}  // namespace postern
