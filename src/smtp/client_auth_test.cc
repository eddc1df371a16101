#include "smtp/client_auth.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace postern::smtp {
namespace {

// The example of RFC 7677 §3.
const ClientCredentials example{"user", Secret("pencil"), "rOprNGfwEbeRWgbNEkqO"};
constexpr const char* rfc_server_first =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

ClientAuth choose(const std::vector<std::string>& offered, const ClientCredentials& credentials) {
  auto auth = ClientAuth::choose(offered, credentials);
  EXPECT_TRUE(auth);
  return std::move(auth).value();
}

TEST(ClientAuth, ScramIsThatOfTheRfc) {
  ClientAuth auth = choose({"LOGIN", "PLAIN", "SCRAM-SHA-256"}, example);
  EXPECT_EQ(auth.command(),
            "AUTH SCRAM-SHA-256 " + base64_encode("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  EXPECT_EQ(auth.respond(base64_encode(rfc_server_first)),
            base64_encode("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                          "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
  EXPECT_FALSE(auth.complete());
  EXPECT_EQ(auth.respond(base64_encode("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")), "");
  EXPECT_TRUE(auth.complete());
}

TEST(ClientAuth, AScramServerMustProveItself) {
  ClientAuth auth = choose({"SCRAM-SHA-256"}, example);
  auth.command();
  ASSERT_TRUE(auth.respond(base64_encode(rfc_server_first)));
  EXPECT_FALSE(auth.respond(base64_encode("v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
  EXPECT_FALSE(auth.complete());
}

TEST(ClientAuth, RefusesWhatAScramServerMustNotSay) {
  for (const char* message :
       {"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",                 // not the client's nonce
        "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",  // no server part in the nonce
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=600001",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0", "r=rOprNGfwEbeRWgbNEkqOx,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096", "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096,m=x", ""}) {
    ClientAuth auth = choose({"SCRAM-SHA-256"}, example);
    auth.command();
    EXPECT_FALSE(auth.respond(base64_encode(message))) << message;
  }
  ClientAuth auth = choose({"SCRAM-SHA-256"}, example);
  auth.command();
  EXPECT_FALSE(auth.respond("not base64"));
}

TEST(ClientAuth, PlainAndLogin) {
  ClientAuth plain = choose({"LOGIN", "plain"}, example);
  EXPECT_EQ(plain.command(), "AUTH PLAIN " + base64_encode(std::string("\0user\0pencil", 12)));
  EXPECT_FALSE(plain.respond(""));
  EXPECT_TRUE(plain.complete());

  ClientAuth login = choose({"LOGIN"}, example);
  EXPECT_EQ(login.command(), "AUTH LOGIN");
  EXPECT_EQ(login.respond("VXNlcm5hbWU6"), base64_encode("user"));
  EXPECT_EQ(login.respond("UGFzc3dvcmQ6"), base64_encode("pencil"));
  EXPECT_TRUE(login.complete());
  EXPECT_FALSE(login.respond("bW9yZQ=="));
}

TEST(ClientAuth, ChoosesOnlyWhatItKnows) {
  EXPECT_FALSE(ClientAuth::choose({"CRAM-MD5", "GSSAPI"}, example));
  const ClientCredentials no_nonce{"user", Secret("pencil"), ""};
  EXPECT_TRUE(choose({"SCRAM-SHA-256", "PLAIN"}, no_nonce).command().starts_with("AUTH PLAIN"));
}

}  // namespace
}  // namespace postern::smtp
