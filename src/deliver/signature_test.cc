#include "deliver/signature.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "base/text.h"

namespace postern::deliver {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string from_hex(std::string_view hex) {
  std::string octets(hex.size() / 2, '\0');
  sodium_hex2bin(reinterpret_cast<unsigned char*>(octets.data()), octets.size(), hex.data(),
                 hex.size(), nullptr, nullptr, nullptr);
  return octets;
}

// The example of the Standard Webhooks reference libraries' tests.
TEST(Signature, is_that_of_the_published_example) {
  const SigningKeys keys{.secrets = {Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}};
  const Result<Fields> fields =
      sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})");
  ASSERT_TRUE(fields);
  EXPECT_EQ((*fields)[0],
            (std::pair<std::string, std::string>{"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"}));
  EXPECT_EQ((*fields)[1].second, "1614265330");
  EXPECT_EQ((*fields)[2].second, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Signature, digests_the_body_with_the_whole_secret_for_the_older_field) {
  const Secret secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  const Result<Fields> fields = sign({.secrets = {secret}}, "msg_1", 1, "body");
  ASSERT_TRUE(fields);
  unsigned char code[crypto_auth_hmacsha256_BYTES];
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(
      &state, reinterpret_cast<const unsigned char*>(secret.reveal().data()), secret.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>("body"), 4);
  crypto_auth_hmacsha256_final(&state, code);
  EXPECT_EQ((*fields)[3].first, "X-Conduit-Signature");
  EXPECT_EQ((*fields)[3].second,
            "sha256=" + hex_encode({reinterpret_cast<const char*>(code), sizeof code}));
}

TEST(Signature, has_an_entry_for_each_secret_of_a_rotation) {
  policy::Webhook webhook;
  webhook.secret = Secret("whsec_" + base64_encode(std::string(32, 'n')));
  webhook.previous_secret = Secret("whsec_" + base64_encode(std::string(32, 'o')));
  const auto now = std::chrono::system_clock::now();
  webhook.previous_expires_at = now + std::chrono::hours(1);
  const auto entries = [&](std::chrono::system_clock::time_point at) {
    return (*sign(SigningKeys::of(webhook, at), "msg_1", 1, "body"))[2].second;
  };
  const std::string both = entries(now);
  const std::string later = entries(webhook.previous_expires_at);
  EXPECT_EQ(split(both, ' ').size(), 2u);
  EXPECT_EQ(split(both, ' ')[0], later);
  EXPECT_EQ(both.find("v1a,"), std::string::npos);
}

// RFC 8032 §7.1, tests 1 to 3.
TEST(Signature, ed25519_gives_the_vectors_of_the_rfc) {
  const char* const vectors[][3] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf"
       "9b46bd25bf5f0595bbe2465"
       "5141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f"
       "11d8c387b2eaeb4302aeeb0"
       "0d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984"
       "dc6594a7c15e9716ed28dc0"
       "27beceea1ec40a"}};
  for (const auto& [seed, message, signature] : vectors) {
    const std::string text = from_hex(message);
    EXPECT_EQ(hex_encode(ed25519_sign(Secret(from_hex(seed)), {text})), signature);
  }
}

TEST(Signature, the_asymmetric_entry_verifies_with_the_public_key) {
  std::string seed;
  for (int i = 0; i < 32; ++i) seed += static_cast<char>(i * 7 + 1);
  unsigned char public_key[32];
  unsigned char secret_key[64];
  crypto_sign_seed_keypair(public_key, secret_key,
                           reinterpret_cast<const unsigned char*>(seed.data()));
  const std::string body(100'000, 'x');
  const SigningKeys keys{.secrets = {Secret("whsec_" + base64_encode(std::string(24, 'k')))},
                         .ed25519_seed = Secret(seed)};
  const Result<Fields> fields = sign(keys, "msg_1", 1700000000, body);
  ASSERT_TRUE(fields);
  const std::string entry(split((*fields)[2].second, ' ').at(1));
  ASSERT_TRUE(entry.starts_with("v1a,"));
  const std::optional<std::string> signature = base64_decode(entry.substr(4));
  ASSERT_TRUE(signature && signature->size() == 64);
  const std::string signed_text = "msg_1.1700000000." + body;
  EXPECT_EQ(crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(signature->data()),
                                        reinterpret_cast<const unsigned char*>(signed_text.data()),
                                        signed_text.size(), public_key),
            0);
}

TEST(Signature, refuses_keys_that_are_none) {
  for (const char* secret : {"", "whsec_", "whsec_???", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}) {
    const auto fields = sign({.secrets = {Secret(secret)}}, "msg_1", 1, "body");
    ASSERT_FALSE(fields);
    EXPECT_EQ(fields.error().fault, Fault::bug);
  }
  EXPECT_FALSE(sign({}, "msg_1", 1, "body"));
  EXPECT_FALSE(sign({.secrets = {Secret("whsec_" + base64_encode("0123456789abcdef01234567"))},
                     .ed25519_seed = Secret("short")},
                    "msg_1", 1, "body"));
}

}  // namespace
}  // namespace postern::deliver
