#include "policy/crypt_hash.h"

#include <string>

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

TEST(CryptHash, knows_the_forms_of_libxcrypt) {
  for (const char* settings : {"$2y$04$6pWeeeFkRs.zHb2yHs2Q2u", "$5$rounds=1000$saltstring",
                               "$6$rounds=1000$saltstring", "$y$j75$salt", "$7$4/..../....salt"}) {
    const auto made = crypt_text(Secret("s3cr3t"), Secret(settings));
    ASSERT_TRUE(made) << settings;
    EXPECT_EQ(crypt_text(Secret("s3cr3t"), *made)->reveal(), made->reveal()) << settings;
    EXPECT_NE(crypt_text(Secret("s3cr3T"), *made)->reveal(), made->reveal()) << settings;
  }
  for (const char* settings : {"", "x", "*0", "$6", "$2y$99$6pWeeeFkRs.zHb2yHs2Q2u", "$q$x$y"}) {
    EXPECT_FALSE(crypt_text(Secret("s3cr3t"), Secret(settings))) << settings;
  }
  EXPECT_FALSE(crypt_text(Secret(std::string(1000, 'x')), Secret("$6$saltstring")));
}

TEST(CryptHash, says_which_would_take_too_long) {
  const std::pair<const char*, bool> cases[] = {
      {"$2y$31$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q", true},
      {"$2y$12$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q", false},
      {"$6$rounds=999999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", true},
      {"$6$rounds=500000$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", false},
      {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", false},
      {"$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA", true},
      {"$argon2id$v=19$m=1024,t=4000000,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA", true},
      {"$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA", false},
      {"$2y$15$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q", true},
      {"$6$rounds=9999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", true},
      {"$5$rounds=9999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", true},
      {"$6$rounds=656000$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", false},
      {"$argon2id$v=19$m=262144,t=3,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA", false},
      {"$argon2id$v=19$m=262144,t=60,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA", true},
      {"$argon2id$v=19$m=8,t=4000000,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAA", true},
      {"$y$j9T$salt$hash", false},
      {"$y$j75$salt$hash", false},
      {"$y$jDT$salt$hash", false},
      {"$y$jFT$salt$hash", true},
      {"$y$jzT$salt$hash", true},
      {"$y$j9T/.....$salt$hash", true},
      {"$7$CU..../....salt$hash", false},
      {"$7$GU..../....salt$hash", true},
      {"$7$CU....zzzzzsalt$hash", true},
      {"$7$Czzzzz/....salt$hash", true},
      {"$7$zU..../....salt$hash", true},
      {"", false},
  };
  for (const auto& [hash, wanted] : cases) EXPECT_EQ(takes_too_long(hash), wanted) << hash;
}

TEST(CryptHash, knows_what_this_machine_takes) {
  const std::string bcrypt = "$2y$14$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q";
  std::string cheaper = bcrypt;
  cheaper.replace(4, 2, "10");
  const auto dear = expected_time(bcrypt);
  EXPECT_GT(dear.count(), 50);
  EXPECT_NEAR(static_cast<double>(dear.count()),
              16.0 * static_cast<double>(expected_time(cheaper).count()), 20);
  EXPECT_GT(expected_time("$6$rounds=1000000$saltstring$svn8"),
            expected_time("$6$saltstring$svn8"));
  EXPECT_GT(expected_time("$argon2id$v=19$m=262144,t=4,p=1$c2Fs$AAAA").count(), 20);
  EXPECT_GT(expected_time("$y$jCT$salt$hash").count(), 10);
  EXPECT_GT(expected_time("$7$EU..../....salt$hash").count(), 10);
  EXPECT_EQ(expected_time("tiger").count(), 0);

  EXPECT_FALSE(too_dear_here(bcrypt)) << "no limit as long as none is set";
  set_longest_hash(dear / 2);
  EXPECT_TRUE(too_dear_here(bcrypt));
  EXPECT_FALSE(too_dear_here(cheaper));
  set_longest_hash({});
}

}  // namespace
}  // namespace postern::policy
