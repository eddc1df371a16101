#include "policy/stored_password.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "base/text.h"
#include "policy/bcrypt.h"
#include "policy/crypt_hash.h"

namespace postern::policy {
namespace {

std::string argon2(const std::string& password, int algorithm = crypto_pwhash_ALG_ARGON2ID13) {
  char out[crypto_pwhash_STRBYTES];
  EXPECT_EQ(crypto_pwhash_str_alg(out, password.data(), password.size(), 3, 8 << 20, algorithm), 0);
  return out;
}

std::string crypt_of(const char* settings) {
  return crypt_text(Secret("tiger"), Secret(settings))->reveal();
}

std::string scram(const std::string& password) {
  const smtp::ScramKeys keys = smtp::scram_keys_of(Secret(password), "0123456789abcdef", 4096);
  return "SCRAM-SHA-256$4096:" + base64_encode(keys.salt) + "$" + base64_encode(keys.stored_key) +
         ":" + base64_encode(keys.server_key);
}

TEST(StoredPassword, matches_the_password_and_no_other) {
  const std::string stored[] = {
      bcrypt_hash(Secret("tiger"), 4)->reveal(),
      "{BLF-CRYPT}" + bcrypt_hash(Secret("tiger"), 4)->reveal(),
      // openssl passwd -6 -salt saltsalt tiger
      "$6$saltsalt$.hM95Fn9tylHtfgciuB0SFvroeS87OMo3xUTTW9N1YoNm/"
      "a2c1t1169N2Gp7454YXopGm4CCok0N5ddV.PEG7/",
      crypt_of("$5$rounds=1000$saltstring"),
      crypt_of("$y$j75$salt"),
      crypt_of("$7$4/..../....salt"),
      argon2("tiger"),
      argon2("tiger", crypto_pwhash_ALG_ARGON2I13),
      scram("tiger"),
      "{PLAIN}tiger",
  };
  for (const std::string& text : stored) {
    const Result<StoredPassword> parsed = StoredPassword::parse(text, PlainText::marked);
    ASSERT_TRUE(parsed) << text.substr(0, 9);
    EXPECT_TRUE(parsed->matches(Secret("tiger"))) << text.substr(0, 9);
    for (const char* wrong : {"Tiger", "tige", "tiger ", "", "tigerr"})
      EXPECT_FALSE(parsed->matches(Secret(wrong))) << text.substr(0, 9) << " " << wrong;
    EXPECT_FALSE(parsed->matches(Secret(std::string("tiger\0", 6))));
  }
}

// RFC 4616 §2.
TEST(StoredPassword, is_compared_as_sasl_prepares_it) {
  const std::string composed = "zo\u00eb fine", sent = "zoe\u0308\u00a0\ufb01ne";
  const auto stored = [](const std::string& text) {
    return *StoredPassword::parse(text, PlainText::marked);
  };
  for (const std::string& text : {bcrypt_hash(Secret(composed), 4)->reveal(), scram(composed),
                                  "{PLAIN}" + composed, "{PLAIN}" + sent, argon2(composed)}) {
    EXPECT_TRUE(stored(text).matches(Secret(composed))) << text.substr(0, 9);
    EXPECT_TRUE(stored(text).matches(Secret(sent))) << text.substr(0, 9);
    EXPECT_FALSE(stored(text).matches(Secret("zoe fine"))) << text.substr(0, 9);
  }
  // A hash of an unprepared password still matches the same octets.
  EXPECT_TRUE(stored(bcrypt_hash(Secret(sent), 4)->reveal()).matches(Secret(sent)));
  EXPECT_FALSE(stored(bcrypt_hash(Secret(sent), 4)->reveal()).matches(Secret(composed)));
  EXPECT_TRUE(stored("{PLAIN}tiger \U0001f42f").matches(Secret("tiger \U0001f42f")));
  // A password that cannot be prepared matches nothing, not even the same octets.
  for (const std::string& refused : {"tig\x07"
                                     "er",
                                     "\u0627"
                                     "1",
                                     "\ue000", "\u00ad", "tiger\xff"}) {
    EXPECT_FALSE(stored(bcrypt_hash(Secret(refused), 4)->reveal()).matches(Secret(refused)));
    EXPECT_FALSE(stored("{PLAIN}" + refused).matches(Secret(refused)));
  }
}

TEST(StoredPassword, takes_plain_text_only_where_it_may_stand) {
  EXPECT_FALSE(StoredPassword::parse("{PLAIN}tiger", PlainText::refused));
  EXPECT_FALSE(StoredPassword::parse("tiger", PlainText::marked));
  EXPECT_TRUE(StoredPassword::parse("tiger", PlainText::assumed)->matches(Secret("tiger")));
  EXPECT_FALSE(StoredPassword::parse("", PlainText::assumed)->matches(Secret("")));
  // A hash is never accepted as a password.
  EXPECT_FALSE(StoredPassword::parse(scram("x"), PlainText::assumed)->matches(Secret(scram("x"))));
}

TEST(StoredPassword, refuses_what_it_cannot_verify_without_repeating_it) {
  for (const char* text :
       {"", "tiger", "$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "$1$salt$hash", "{SHA}5yfRRkrhJDbom",
        "$2x$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", "rl.3StKT.4T8M", "$6$",
        "$2y$31$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q",
        "$6$rounds=999999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", "$2y$12$...",
        "SCRAM-SHA-256$4096:!!$x:y", "SCRAM-SHA-256$4096:c2FsdA==$eA==:eA=="}) {
    const Result<StoredPassword> parsed = StoredPassword::parse(text, PlainText::refused);
    ASSERT_FALSE(parsed) << text;
    if (*text != '\0') {
      EXPECT_EQ(parsed.error().message.find(text), std::string::npos) << text;
    }
  }
}

TEST(StoredPassword, has_scram_keys_where_they_can_be_made) {
  EXPECT_EQ(StoredPassword::parse(scram("tiger"), PlainText::refused)->scram_keys("a", 5000)->salt,
            "0123456789abcdef");
  const auto plain = StoredPassword::parse("{PLAIN}tiger", PlainText::marked);
  const auto keys = plain->scram_keys("a salt", 5000);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->salt, "a salt");
  EXPECT_EQ(keys->iterations, 5000u);
  EXPECT_TRUE(smtp::scram_matches(*keys, Secret("tiger")));
  EXPECT_FALSE(StoredPassword::parse(bcrypt_hash(Secret("tiger"), 4)->reveal(), PlainText::refused)
                   ->scram_keys("scott", 4096));
}

}  // namespace
}  // namespace postern::policy
