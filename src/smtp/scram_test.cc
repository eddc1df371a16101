#include "smtp/scram.h"

#include <gtest/gtest.h>

#include "base/hmac.h"
#include "base/text.h"
#include "smtp/auth_exchange.h"

namespace postern::smtp {
namespace {

using Fault = ScramExchange::Fault;
using Final = std::variant<std::optional<std::string>, Fault>;

// RFC 7677 §3.
constexpr std::string_view salt64 = "W22ZaJ0SNY7soEsUEjb6gQ==";
constexpr std::string_view server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

ScramKeys pencil() { return scram_keys_of(Secret("pencil"), *base64_decode(salt64), 4096); }

/// An independent client implementation.
std::string client_final(const std::string& first_bare, const std::string& server_first,
                         std::string_view binding, std::string_view password) {
  const auto salt = base64_decode(*scram_attribute(server_first, 's'));
  const auto rounds = parse_number(*scram_attribute(server_first, 'i'));
  const ScramSecrets made =
      scram_secrets_of(Secret(std::string(password)), *salt, static_cast<std::uint32_t>(*rounds));
  const std::string without_proof =
      "c=" + base64_encode(binding) + ",r=" + std::string(*scram_attribute(server_first, 'r'));
  std::string proof =
      hmac_sha256(made.keys.stored_key, first_bare + "," + server_first + "," + without_proof);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= made.client_key.reveal()[i];
  return without_proof + ",p=" + base64_encode(proof);
}

TEST(Scram, is_that_of_the_rfc) {
  ScramExchange exchange(false, false, nullptr);
  const auto first = exchange.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  ASSERT_TRUE(std::holds_alternative<ScramExchange::Name>(first));
  EXPECT_EQ(std::get<ScramExchange::Name>(first).authn_id, "user");
  EXPECT_EQ(exchange.challenge(pencil(), server_nonce),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const Final last = exchange.finish(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_EQ(last,
            Final(std::optional<std::string>("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
}

// RFC 5802 §5.1: authentication must fail if it is present.
TEST(Scram, refuses_a_mandatory_extension_in_the_last_message) {
  ScramExchange exchange(false, false, nullptr);
  exchange.first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  exchange.challenge(pencil(), server_nonce);
  const std::string begin = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,";
  const std::string proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  EXPECT_EQ(exchange.finish(begin + "m=must," + proof), Final(Fault::malformed));
  EXPECT_EQ(exchange.finish(begin + "x=may," + proof), Final(std::optional<std::string>()));
}

TEST(Scram, a_verifier_of_postgresql_is_read) {
  const ScramKeys keys = pencil();
  const std::string text = "SCRAM-SHA-256$4096:" + std::string(salt64) + "$" +
                           base64_encode(keys.stored_key) + ":" + base64_encode(keys.server_key);
  // What PostgreSQL 15 writes for this password and salt.
  EXPECT_EQ(
      text,
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
      "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  const auto read = parse_scram_keys(text);
  ASSERT_TRUE(read);
  EXPECT_TRUE(scram_matches(*read, Secret("pencil")));
  EXPECT_FALSE(scram_matches(*read, Secret("pencils")));
  for (const char* wrong :
       {"", "SCRAM-SHA-256", "SCRAM-SHA-256$4096$x:y", "SCRAM-SHA-256$0:c2FsdA==$eA==:eA==",
        "SCRAM-SHA-256$99999999:c2FsdA==$eA==:eA==", "SCRAM-SHA-1$4096:c2FsdA==$eA==:eA=="}) {
    EXPECT_FALSE(parse_scram_keys(wrong)) << wrong;
  }
}

TEST(Scram, refuses_first_messages_that_are_none) {
  const std::pair<std::string, std::optional<Fault>> cases[] = {
      {"n,,n=user,r=abc", std::nullopt},
      {"n,a=boss,n=user,r=abc,x=extension", std::nullopt},
      {"y,,n=user,r=abc", std::nullopt},
      {"", Fault::malformed},
      {"n,n=user,r=abc", Fault::malformed},
      {"n,,n=,r=abc", Fault::malformed},
      {"n,,n=user,r=", Fault::malformed},
      {"n,,r=abc,n=user", Fault::malformed},
      {"n,,m=must,n=user,r=abc", Fault::malformed},
      {"n,,n=user,r=abc,m=must", Fault::malformed},
      {"n,,n=user,r=abc,x=may,m=must", Fault::malformed},
      {"n,a=,n=user,r=abc", Fault::malformed},
      {"n,,n=us=er,r=abc", Fault::malformed},
      {"n,,n=us\xff,r=abc", Fault::malformed},
      {"n,,n=user,r=a\x01", Fault::malformed},
      {"x,,n=user,r=abc", Fault::malformed},
      {"p=tls-exporter,,n=user,r=abc", Fault::binding},
  };
  for (const auto& [message, wanted] : cases) {
    ScramExchange exchange(false, false, nullptr);
    const auto first = exchange.first(message);
    const Fault* fault = std::get_if<Fault>(&first);
    EXPECT_EQ(fault ? std::optional(*fault) : std::nullopt, wanted) << message;
  }
  ScramExchange exchange(false, false, nullptr);
  const auto first = exchange.first("n,a=the=2Cboss,n=o=3D=2Cx,r=abc");
  EXPECT_EQ(std::get<ScramExchange::Name>(first).authz_id, "the,boss");
  EXPECT_EQ(std::get<ScramExchange::Name>(first).authn_id, "o=,x");
}

TEST(Scram, binds_to_the_channel) {
  const ChannelBindings bindings{
      .exporter = "exported key", .server_end_point = "hash", .unique = {}};
  const ChannelBindings old{
      .exporter = "exported key", .server_end_point = "hash", .unique = "finished"};
  struct Case {
    bool plus;
    std::string flag, data;
    std::string_view wanted;
    const ChannelBindings* to = nullptr;
  };
  const Case cases[] = {
      {true, "p=tls-unique", "finished", "right", &old},
      {true, "p=tls-unique", "hash", "binding", &old},
      {true, "p=tls-exporter", "exported key", "right", &old},
      {true, "p=tls-exporter", "exported key", "right"},
      {true, "p=tls-server-end-point", "hash", "right"},
      {true, "p=tls-exporter", "another key", "binding"},
      {true, "p=tls-exporter", "", "binding"},
      {true, "p=tls-unique", "exported key", "binding"},
      {true, "n", "", "binding"},
      {true, "y", "", "binding"},
      {false, "n", "", "right"},
      {false, "y", "", "binding"},  // a downgrade: the server offered it
      {false, "p=tls-exporter", "exported key", "binding"},
  };
  for (const Case& c : cases) {
    ScramExchange exchange(c.plus, true, c.to != nullptr ? c.to : &bindings);
    const std::string bare = "n=user,r=abc";
    std::string said = "right";
    if (std::holds_alternative<Fault>(exchange.first(c.flag + ",," + bare))) {
      said = "binding";
    } else {
      const std::string server_first = exchange.challenge(pencil(), "xyz");
      const Final last =
          exchange.finish(client_final(bare, server_first, c.flag + ",," + c.data, "pencil"));
      if (std::holds_alternative<Fault>(last))
        said = "binding";
      else if (!std::get<std::optional<std::string>>(last))
        said = "wrong";
    }
    EXPECT_EQ(said, c.wanted) << c.flag << " " << c.data;
  }
}

// RFC 5802 §2.2: SASLprep of the password; the name is signed as it was sent (§5.1).
TEST(Scram, spellings_of_a_password_are_one) {
  const auto keys = [](std::string password) {
    return scram_keys_of(Secret(std::move(password)), "salt", 4096).stored_key;
  };
  EXPECT_EQ(keys("zo\u00eb \ufb01ne"), keys("zoe\u0308\u00a0fine"));
  EXPECT_NE(keys("zo\u00eb"), keys("zoe"));
  EXPECT_NE(keys("a\x07"), keys("a")) << "what cannot be prepared is taken as it is";
  ScramExchange exchange(false, false, nullptr);
  const std::string bare = "n=sc\u00adott,r=abc";
  const auto first = exchange.first("n,," + bare);
  EXPECT_EQ(std::get<ScramExchange::Name>(first).authn_id, "sc\u00adott");
  const std::string server_first = exchange.challenge(pencil(), "xyz");
  const Final last = exchange.finish(client_final(bare, server_first, "n,,", "pencil"));
  EXPECT_TRUE(std::get<std::optional<std::string>>(last));
}

TEST(Scram, a_wrong_password_or_nonce_is_wrong) {
  ScramExchange exchange(false, false, nullptr);
  exchange.first("n,,n=user,r=abc");
  const std::string server_first = exchange.challenge(pencil(), "xyz");
  const std::string bare = "n=user,r=abc";
  const Final wrong{std::optional<std::string>()};
  EXPECT_EQ(exchange.finish(client_final(bare, server_first, "n,,", "Pencil")), wrong);
  std::string another = server_first;
  another[4] = 'z';
  EXPECT_EQ(exchange.finish(client_final(bare, another, "n,,", "pencil")), wrong);
  for (const char* message : {"", "c=biws", "c=biws,r=abcxyz", "c=biws,r=abcxyz,p=eA==", ",p=",
                              "c=!!,r=abcxyz,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="})
    EXPECT_EQ(exchange.finish(message), Final(Fault::malformed)) << message;
}

TEST(OAuthBearer, hands_out_the_token) {
  struct Case {
    std::string message, user, token;
  };
  const Case cases[] = {
      {"n,a=user@example.com,\1host=mx\1port=25\1auth=Bearer abc.d-e_f==\1\1", "user@example.com",
       "abc.d-e_f=="},
      {"n,,\1auth=bearer t\1\1", "", "t"},
      {"y,,\1auth=Bearer t\1\1", "", "t"},
  };
  for (const Case& c : cases) {
    AuthExchange exchange;
    const auto step =
        exchange.start("OAUTHBEARER " + base64_encode(c.message), {"PLAIN OAUTHBEARER"});
    const Auth* auth = std::get_if<Auth>(&step);
    ASSERT_NE(auth, nullptr) << c.message;
    EXPECT_EQ(auth->authz_id, c.user);
    EXPECT_EQ(auth->authn_id, c.user);
    EXPECT_TRUE(auth->password.equals(c.token));
  }
  for (const char* message :
       {"n", "n,,", "n,,\1\1", "n,,\1auth=Bearer \1\1", "n,,\1auth=Basic dTpw\1\1",
        "n,,\1auth=Bearer t\1", "n,,auth=Bearer t\1\1", "n,,\1auth=Bearer t t\1\1",
        "p=tls-exporter,,\1auth=Bearer t\1\1"}) {
    AuthExchange exchange;
    const auto step = exchange.start("OAUTHBEARER " + base64_encode(message), {"OAUTHBEARER"});
    ASSERT_TRUE(std::holds_alternative<Refusal>(step)) << message;
    EXPECT_EQ(std::get<Refusal>(step).reply.code, 501);
    EXPECT_TRUE(std::get<Refusal>(step).counts);
  }
}

}  // namespace
}  // namespace postern::smtp
