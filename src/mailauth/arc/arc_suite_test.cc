// Plays the files of tests/suites/mailauth/arc.
#include <set>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "mailauth/arc/seal.h"
#include "mailauth/arc/validate.h"
#include "mailauth/suite_zone_test.h"
#include "mailauth/tag_list.h"

namespace mailauth::arc {
namespace {

namespace json = boost::json;
using testing::SuiteZone;

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

std::string message_of(const json::object& test) {
  if (const json::value* text = test.if_contains("message")) return text_of(*text);
  return postern::base64_decode(text_of(test.at("message_b64"))).value();
}

SuiteZone zone_of(const json::object& file, const json::object& test) {
  if (const json::value* dns = test.if_contains("dns")) return SuiteZone(dns->as_object());
  return SuiteZone(file.at("zones").at(text_of(test.at("scenario"))).as_object());
}

TEST(ArcSuite, validate) {
  const auto count = testing::for_each_suite_case(
      "arc", "postern-mailauth-arc-validate/1",
      [](const json::object& file, const json::object& test) {
        Options options;
        if (const json::value* now = test.if_contains("now")) {
          options.now = now->to_number<std::int64_t>();
        }
        const std::string message = message_of(test);
        const Verdict verdict = testing::drive(validate(message, options), zone_of(file, test));
        const std::string status(to_text(verdict.status));
        bool accepted = false;
        for (const json::value& result : test.at("results").as_array()) {
          accepted |= text_of(result) == status;
        }
        EXPECT_TRUE(accepted) << status << ": " << to_text(verdict.trouble.reason) << ", "
                              << dkim::to_text(verdict.trouble.detail) << ", instance "
                              << verdict.trouble.instance;
        if (const json::value* oldest = test.if_contains("oldest_pass")) {
          EXPECT_EQ(verdict.oldest_pass, oldest->to_number<std::uint32_t>());
        }
      });
  EXPECT_GE(count, 134u);
}

/// Compares as the suite specifies: drops white space, splits at semicolons, compares sets.
std::multiset<std::string> tags_of(std::string_view text) {
  const std::string packed = without_white_space(text);
  std::multiset<std::string> tags;
  for (const std::string_view tag : postern::split(packed, ';')) {
    if (!tag.empty()) tags.emplace(tag);
  }
  return tags;
}

std::string body_of(const std::string& field) { return field.substr(field.find(':') + 1); }

TEST(ArcSuite, sign) {
  const auto count = testing::for_each_suite_case(
      "arc", "postern-mailauth-arc-sign/1", [](const json::object& file, const json::object& test) {
        const std::string message = message_of(test);
        const SuiteZone zone = zone_of(file, test);
        Validator validator;
        validator.feed(message);
        validator.finish();
        const Verdict verdict = testing::drive(validator.evaluate(), zone);
        dkim::BodyHasher body(dkim::Canonicalization::relaxed);
        body.feed(std::string_view(message).substr(message.find("\r\n\r\n") + 4));
        body.finish();

        SealOptions options{.domain = text_of(test.at("domain")),
                            .selector = text_of(test.at("selector")),
                            .time = test.at("timestamp").to_number<std::int64_t>()};
        for (const json::value& name : test.at("headers").as_array()) {
          options.fields.push_back(text_of(name));
        }
        const auto key =
            dkim::SigningKey::from_pem(postern::Secret(text_of(test.at("private_key"))));
        ASSERT_TRUE(key) << key.error().message;
        const std::string id = text_of(test.at("authserv_id"));
        const auto added = seal(*key, options, validator.header(), body, verdict,
                                gathered_results(validator.header(), ar::OwnIds({id}), id));
        ASSERT_TRUE(added) << added.error().message;
        const SealFields got = added->value_or(SealFields{});
        const json::value& expect = test.at("expect");
        EXPECT_EQ(tags_of(body_of(got.authentication_results)),
                  tags_of(text_of(expect.at("arc_authentication_results"))));
        EXPECT_EQ(tags_of(body_of(got.message_signature)),
                  tags_of(text_of(expect.at("arc_message_signature"))));
        EXPECT_EQ(tags_of(body_of(got.seal)), tags_of(text_of(expect.at("arc_seal"))));
        if (!*added) return;
        // A sealed message validates unless the chain was broken before.
        const std::string sealed = got.text() + message;
        const Verdict after = testing::drive(validate(sealed), zone);
        EXPECT_EQ(after.status, verdict.status == Status::fail ? Status::fail : Status::pass)
            << to_text(after.trouble.reason) << dkim::to_text(after.trouble.detail);
      });
  EXPECT_GE(count, 14u);
}

}  // namespace
}  // namespace mailauth::arc
