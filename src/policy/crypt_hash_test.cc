#include "policy/crypt_hash.h"

#include <sodium.h>

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

bool verify(std::string password, std::string hash) {
  return verify_hash(Secret(std::move(password)), Secret(std::move(hash)));
}

std::string made(const char* settings) {
  return crypt_text(Secret("s3cr3t"), Secret(settings))->reveal();
}

std::string argon2(int algorithm) {
  std::array<char, crypto_pwhash_STRBYTES> text{};
  EXPECT_GE(sodium_init(), 0);
  EXPECT_EQ(crypto_pwhash_str_alg(text.data(), "s3cr3t", 6, 3, 65536, algorithm), 0);
  return text.data();
}

TEST(CryptHash, verifies_every_form) {
  // The first is htpasswd's, the last one below that of `openssl passwd -6`.
  const std::string hashes[] = {
      "$2y$04$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q",
      made("$5$rounds=1000$saltstring"),
      made("$6$rounds=1000$saltstring"),
      made("$y$j75$salt"),
      made("$7$4/..../....salt"),
      argon2(crypto_pwhash_ALG_ARGON2ID13),
      argon2(crypto_pwhash_ALG_ARGON2I13),
  };
  for (const std::string& hash : hashes) {
    EXPECT_TRUE(verify("s3cr3t", hash)) << hash;
    EXPECT_FALSE(verify("s3cr3T", hash)) << hash;
    EXPECT_FALSE(verify("", hash)) << hash;
    EXPECT_FALSE(verify(std::string("s3cr3t\0x", 8), hash)) << hash;
    EXPECT_FALSE(verify("s3cr3t", hash.substr(0, hash.size() - 1))) << hash;
  }
  EXPECT_TRUE(verify("Hello world!",
                     "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnI"
                     "FNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"));
}

TEST(CryptHash, everything_else_is_false) {
  const std::string hashes[] = {
      "",
      "not a hash",
      "*0",
      "$",
      "$2y$04$",
      "$6$",
      "$y$",
      "$argon2id$",
      "$argon2id$v=19$m=65536,t=2,p=1$AAAA$AAAA",
      made("$1$saltsalt"),  // MD5
      made("ab"),           // DES
      "s3cr3t",
      std::string("$6$salt\0$", 9),
  };
  for (const std::string& hash : hashes) EXPECT_FALSE(verify("s3cr3t", hash)) << hash;
}

TEST(CryptHash, what_would_take_too_long_is_not_begun) {
  for (const char* hash :
       {"$2y$31$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q",
        "$6$rounds=999999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=1024,t=4000000,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_FALSE(verify("s3cr3t", hash)) << hash;
  }
}

}  // namespace
}  // namespace postern::policy
