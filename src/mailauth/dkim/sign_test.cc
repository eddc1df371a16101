#include "mailauth/dkim/sign.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/text.h"
#include "mailauth/dkim/verify.h"

namespace mailauth::dkim {
namespace {

const std::string unsigned_message =
    "Received: by relay.example\r\nFrom: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
    "Subject: figures\r\nList-Id: <l.example.org>\r\n\r\nHello.\r\n";

const SigningKey& ed25519() {
  static const SigningKey key = *SigningKey::generate_ed25519();
  return key;
}
const SigningKey& rsa() {
  static const SigningKey key = *SigningKey::generate_rsa(1024);
  return key;
}

TEST(SigningKey, goes_through_pem_and_publishes_what_verifies) {
  for (const SigningKey* key : {&ed25519(), &rsa()}) {
    const auto read = SigningKey::from_pem(key->private_pem());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->algorithm(), key->algorithm());
    EXPECT_EQ(read->public_record(), key->public_record());
    const auto record = parse_key_record(key->public_record());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->bits, key->bits());
    EXPECT_EQ(key_trouble(*record, key->algorithm()), Reason::ok);
    const Digest digest = sha256("text");
    std::string value = read->sign(digest);
    EXPECT_TRUE(verify_digest(*record, digest, value));
    EXPECT_FALSE(verify_digest(*record, sha256("other"), value));
    value[0] = static_cast<char>(value[0] ^ 1);
    EXPECT_FALSE(verify_digest(*record, digest, value));
    EXPECT_FALSE(verify_digest(*record, digest, value.substr(1)));
  }
}

TEST(SigningKey, refuses_what_is_no_signing_key) {
  const std::string elliptic =
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";
  for (const std::string& pem : {std::string(), std::string("nonsense"), elliptic}) {
    EXPECT_FALSE(SigningKey::from_pem(postern::Secret(pem)));
  }
  EXPECT_FALSE(SigningKey::generate_rsa(512));
  EXPECT_FALSE(SigningKey::generate_rsa(8192));
}

TEST(Sign, two_keys_give_two_fields_that_verify) {
  SignOptions options{.domain =
                          "b\xc3\xbc"
                          "cher.example"};
  options.identity =
      "@b\xc3\xbc"
      "cher.example";
  options.expires_at = 2000;
  options.signed_at = 1000;
  const auto fields =
      sign_message({{&ed25519(), "ed"}, {&rsa(), "rsa"}}, options, unsigned_message);
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_NE(fields->find("d=xn--bcher-kva.example; s=ed;"), std::string::npos);
  EXPECT_NE(fields->find("t=1000; x=2000;\r\n"), std::string::npos);
  for (const std::string_view line : postern::split(*fields, '\n')) {
    EXPECT_LE(line.size(), 100u) << line;
  }
  auto check = verify_message(*fields + unsigned_message, 1500);
  while (const Question* question = check.next()) {
    const bool ed = question->name.starts_with("ed.");
    check.feed(
        {.status = Answer::Status::found, .records = {(ed ? ed25519() : rsa()).public_record()}});
  }
  const Results results = check.result();
  ASSERT_EQ(results.signatures.size(), 2u);
  for (const SignatureResult& result : results.signatures) {
    EXPECT_TRUE(result.acceptable) << to_text(result.reason);
    EXPECT_EQ(result.signature.expires_at, 2000);
  }
}

TEST(Sign, every_combination_of_forms_verifies) {
  for (const char* forms :
       {"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"}) {
    SignOptions options{.domain = "example.org", .selector = "s", .forms = *parse_forms(forms)};
    const auto field = sign_message({{&ed25519(), "s"}}, options, unsigned_message);
    ASSERT_TRUE(field);
    auto check = verify_message(*field + unsigned_message, 0);
    ASSERT_NE(check.next(), nullptr);
    check.feed({.status = Answer::Status::found, .records = {ed25519().public_record()}});
    ASSERT_EQ(check.next(), nullptr);
    EXPECT_TRUE(check.result().any_acceptable()) << forms;
  }
}

TEST(Sign, default_fields_are_signed_once_more_than_they_are_there) {
  const auto fields = default_fields(HeaderView::parse(unsigned_message));
  const auto times = [&](std::string_view name) {
    return std::count(fields.begin(), fields.end(), name);
  };
  EXPECT_EQ(times("From"), 2);
  EXPECT_EQ(times("Subject"), 2);
  EXPECT_EQ(times("Reply-To"), 1);
  EXPECT_EQ(times("List-Id"), 1);
  EXPECT_EQ(times("References"), 0);
  EXPECT_EQ(times("Received"), 0);
}

TEST(Sign, refuses_options_nobody_could_verify) {
  const SignOptions good{.domain = "example.org", .selector = "s"};
  const auto refused = [&](auto change, const std::string& text = unsigned_message) {
    SignOptions options = good;
    change(options);
    return !sign_message({{&ed25519(), options.selector}}, options, text);
  };
  EXPECT_FALSE(refused([](SignOptions&) {}));
  EXPECT_TRUE(refused([](SignOptions& o) { o.domain = "exa mple"; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.selector = "a..b"; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.fields = {"To"}; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.fields = {"From", "X\r\nY"}; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.identity = "a@example.net"; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.identity = "a;b@example.org"; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.identity = "a\r\nX: @example.org"; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.length = 1000; }));
  EXPECT_TRUE(refused([](SignOptions& o) { o.signed_at = o.expires_at = 5; }));
  EXPECT_TRUE(refused([](SignOptions&) {}, " fold\r\n" + unsigned_message));
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "X: y\r\n";
  EXPECT_TRUE(refused([](SignOptions&) {}, many + unsigned_message));
  EXPECT_TRUE(refused([](SignOptions&) {}, "To: x@example.org\r\n\r\n"));
}

TEST(Sign, base64_is_folded_to_the_line) {
  std::string out = "b=";
  append_folded_base64(std::string(256, 'x'), 2, out);
  for (const std::string_view line : postern::split(out, '\n')) EXPECT_LE(line.size(), 77u);
  EXPECT_EQ(decode_base64(std::string_view(out).substr(2)), std::string(256, 'x'));
  out.clear();
  append_folded_base64("abc", 200, out);
  EXPECT_EQ(out, "\r\n\tYWJj");
}

}  // namespace
}  // namespace mailauth::dkim
