
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "mailauth/dkim/sign.h"
#include "mailauth/dkim/verify.h"
#include "mailauth/suite_zone_test.h"

namespace mailauth::dkim {
namespace {

using postern::tests::read_file;
using testing::accepts;

TEST(DkimSuite, every_message_gets_an_accepted_result) {
  const auto play = [](const boost::json::object&, const boost::json::object& test) {
    const std::string message = read_file(POSTERN_SOURCE_DIR "/tests/suites/mailauth/dkim/" +
                                          std::string(test.at("eml").as_string()));
    const testing::SuiteZone zone(test.at("dns").as_object());
    const auto now = test.at("now").to_number<std::int64_t>();
    const Results results = testing::drive(verify_message(message, now), zone);
    const auto& expected = test.at("signatures").as_array();
    ASSERT_EQ(results.signatures.size(), expected.size());
    if (expected.empty()) {
      EXPECT_EQ(results.overall(), Status::none);
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const SignatureResult& result = results.signatures[i];
      EXPECT_TRUE(accepts(expected[i].at("results").as_array(), to_text(result.status)))
          << i << ": " << to_text(result.status) << ", " << to_text(result.reason);
    }
  };
  EXPECT_GE(testing::for_each_suite_case("dkim", "postern-mailauth-dkim/1", play), 120u);
}

TEST(DkimSuite, every_message_signed_verifies_and_has_the_body_hash) {
  const auto play = [](const boost::json::object&, const boost::json::object& test) {
    const std::string message =
        *postern::base64_decode(std::string(test.at("message_b64").as_string()));
    const testing::SuiteZone zone(test.at("dns").as_object());
    SignOptions options;
    options.forms = *parse_forms(std::string(test.at("canonicalization").as_string()));
    options.signed_at = test.at("timestamp").to_number<std::int64_t>();
    if (const auto* length = test.if_contains("body_length")) {
      options.length = length->to_number<std::uint64_t>();
    }
    for (const auto& field : test.at("headers").as_array()) {
      options.fields.emplace_back(field.as_string());
    }
    std::vector<SigningKey> keys;
    std::vector<KeyAndSelector> pairs;
    keys.reserve(test.at("keys").as_array().size());
    for (const auto& key : test.at("keys").as_array()) {
      options.domain = std::string(key.at("domain").as_string());
      auto loaded = SigningKey::from_pem(postern::Secret(std::string(key.at("pem").as_string())));
      ASSERT_TRUE(loaded) << loaded.error().message;
      keys.push_back(*loaded);
      pairs.push_back({&keys.back(), std::string(key.at("selector").as_string())});
    }
    const auto fields = sign_message(pairs, options, message);
    ASSERT_TRUE(fields) << fields.error().message;
    const Results results =
        testing::drive(verify_message(*fields + message, *options.signed_at), zone);
    ASSERT_EQ(results.signatures.size(), keys.size());
    for (const SignatureResult& result : results.signatures) {
      EXPECT_EQ(result.status, Status::pass) << to_text(result.reason);
      EXPECT_EQ(postern::base64_encode(result.signature.body_hash),
                std::string_view(test.at("expect").at("bh").as_string()));
    }
  };
  EXPECT_GE(testing::for_each_suite_case("dkim", "postern-mailauth-dkim-sign/1", play), 8u);
}

/// The result as tests/suites/conduit writes it: pass, valid but not acceptable, or the failure.
std::string conduit_word(const SignatureResult& result) {
  if (result.status != Status::pass || result.acceptable) {
    return std::string(to_text(result.status));
  }
  return result.testing ? "pass-testing" : "pass-unacceptable";
}

TEST(DkimSuite, messages_of_the_gateway_suite) {
  const std::string folder = POSTERN_SOURCE_DIR "/tests/suites/conduit/";
  const testing::SuiteZone zone(
      boost::json::parse(read_file(folder + "dns/zone.json")).as_object());
  const auto index = boost::json::parse(read_file(folder + "messages/INDEX.json"));
  for (const auto& [name, expected] : index.as_object()) {
    SCOPED_TRACE(std::string(name));
    const std::string message = read_file(folder + "messages/" + std::string(name));
    const Results results = testing::drive(verify_message(message, 1'705'320'000), zone);
    ASSERT_EQ(results.signatures.size(), expected.as_array().size());
    for (std::size_t i = 0; i < results.signatures.size(); ++i) {
      const auto& pair = expected.as_array()[i].as_array();
      EXPECT_EQ(conduit_word(results.signatures[i]), std::string_view(pair[1].as_string()))
          << to_text(results.signatures[i].reason);
      EXPECT_EQ(results.signatures[i].signature.domain,
                postern::lower(std::string(pair[0].as_string())));
    }
  }
}

}  // namespace
}  // namespace mailauth::dkim
