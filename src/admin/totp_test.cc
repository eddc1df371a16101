#include "admin/totp.h"

#include <gtest/gtest.h>

#include <set>
#include "base/rfc4648.h"

namespace postern::admin {
namespace {

// RFC 6238 Appendix B uses the ASCII key 12345678901234567890 for SHA-1; the last six of its eight
// digits.
const Secret rfc_key(encode("12345678901234567890", Base::base32));

TEST(Totp, gives_the_codes_of_rfc_6238) {
  EXPECT_EQ(totp_code(rfc_key, totp_step(59)), "287082");
  EXPECT_EQ(totp_code(rfc_key, totp_step(1111111109)), "081804");
  EXPECT_EQ(totp_code(rfc_key, totp_step(1111111111)), "050471");
  EXPECT_EQ(totp_code(rfc_key, totp_step(1234567890)), "005924");
  EXPECT_EQ(totp_code(rfc_key, totp_step(2000000000)), "279037");
  EXPECT_EQ(totp_code(rfc_key, totp_step(20000000000)), "353130");
}

TEST(Totp, takes_the_neighbouring_steps_only) {
  const std::int64_t now = 1234567890;
  const std::int64_t step = totp_step(now);
  for (int off : {-1, 0, 1}) {
    EXPECT_EQ(match_totp(rfc_key, totp_code(rfc_key, step + off), now), step + off) << off;
  }
  for (int off : {-2, 2})
    EXPECT_FALSE(match_totp(rfc_key, totp_code(rfc_key, step + off), now)) << off;
  EXPECT_FALSE(match_totp(rfc_key, "", now));
  EXPECT_FALSE(match_totp(rfc_key, "5924", now));
  EXPECT_FALSE(match_totp(Secret("not base32!"), "", now));
}

TEST(Totp, makes_distinct_secrets_and_codes) {
  EXPECT_EQ(new_totp_secret().size(), 32u);
  EXPECT_NE(new_totp_secret().reveal(), new_totp_secret().reveal());
  const auto codes = new_backup_codes();
  EXPECT_EQ(std::set<std::string>(codes.begin(), codes.end()).size(), 10u);
  EXPECT_EQ(codes.front().size(), 11u);
  EXPECT_TRUE(backup_code_hash("ABCDE-fghij").equals(backup_code_hash(" abcdefghij").reveal()));
  EXPECT_FALSE(backup_code_hash("abcde-fghij").equals(backup_code_hash("abcde-fghik").reveal()));
}

TEST(Totp, url_escapes_the_address) {
  EXPECT_EQ(
      otpauth_url("a+b@example.com", Secret("ABC")),
      "otpauth://totp/"
      "Postern:a%2Bb%40example.com?secret=ABC&issuer=Postern&algorithm=SHA1&digits=6&period=30");
}

}  // namespace
}  // namespace postern::admin
