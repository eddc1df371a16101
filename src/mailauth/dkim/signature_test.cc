#include "mailauth/dkim/signature.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mailauth::dkim {
namespace {

const std::string hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

/// A well-formed field in which `tag` replaces the tag of that name or is added. A name without "="
/// removes the tag.
std::string field_with(std::string_view tag) {
  const std::string name(tag.substr(0, tag.find('=')));
  std::string out;
  for (const std::string& given :
       {std::string("v=1"), std::string("a=rsa-sha256"), std::string("d=example.org"),
        std::string("s=sel"), std::string("h=From:To"), "bh=" + hash, std::string("b=QUJD")}) {
    if (given.substr(0, given.find('=')) != name) out += given + "; ";
  }
  return tag.find('=') == std::string_view::npos ? out : out + std::string(tag);
}

Reason signature_reason(std::string_view tag) { return parse_signature(field_with(tag)).reason; }

TEST(Signature, reads_every_tag) {
  const auto parsed = parse_signature(
      " v=1; a=ed25519-sha256; c=relaxed/simple; d=Example.ORG; i=j=20doe@news.example.org;\r\n"
      "\ts=Mar.2026; q=dns/txt; l=17; t=100; x=200; h=from : To:\r\n subject; z=From:x|To:y;\r\n"
      "\tbh=" +
      hash + "; b= QU\r\n\tJD ;");
  ASSERT_EQ(parsed.reason, Reason::ok);
  const Signature& signature = parsed.signature;
  EXPECT_EQ(signature.algorithm, Algorithm::ed25519_sha256);
  EXPECT_EQ(signature.forms, (Forms{Canonicalization::relaxed, Canonicalization::simple}));
  EXPECT_EQ(signature.domain, "example.org");
  EXPECT_EQ(signature.identity, "j=20doe@news.example.org");
  EXPECT_EQ(signature.identity_domain, "news.example.org");
  EXPECT_EQ(signature.key_name(), "mar.2026._domainkey.example.org");
  EXPECT_EQ(signature.fields, (std::vector<std::string>{"from", "To", "subject"}));
  EXPECT_EQ(signature.length, 17u);
  EXPECT_EQ(signature.signed_at, 100);
  EXPECT_EQ(signature.expires_at, 200);
  EXPECT_EQ(signature.body_hash.size(), 32u);
  EXPECT_EQ(signature.value, "ABC");
}

TEST(Signature, defaults) {
  const auto parsed = parse_signature(field_with("n=x"));
  ASSERT_EQ(parsed.reason, Reason::ok);
  EXPECT_EQ(parsed.signature.forms, Forms{});
  EXPECT_EQ(parsed.signature.identity, "@example.org");
  EXPECT_FALSE(parsed.signature.length || parsed.signature.signed_at);
}

TEST(Signature, every_required_tag_is_required) {
  for (const char* tag : {"v", "a", "d", "s", "h", "bh", "b"}) {
    EXPECT_EQ(signature_reason(tag), Reason::tag_missing) << tag;
  }
}

TEST(Signature, each_trouble_has_its_reason) {
  const std::vector<std::pair<std::string, Reason>> cases = {
      {"v=2", Reason::version_unsupported},
      {"a=rsa-sha512", Reason::algorithm_unknown},
      {"a=RSA-SHA256", Reason::algorithm_unknown},
      {"a=rsa-sha1", Reason::ok},
      {"c=nofws", Reason::form_unknown},
      {"d=", Reason::domain_malformed},
      {"d=legit.test'a.attack.test", Reason::domain_malformed},
      {"d=legit.test(a.attack.test", Reason::domain_malformed},
      {"d=example.org.", Reason::domain_malformed},
      {"d=[192.0.2.1]", Reason::domain_malformed},
      {"d=exa mple.org", Reason::domain_malformed},
      {"s=", Reason::selector_malformed},
      {"s=a..b", Reason::selector_malformed},
      {"s=a_b.c", Reason::ok},
      {"s=" + std::string(64, 'a'), Reason::selector_malformed},
      {"i=nobody", Reason::identity_malformed},
      {"i=a@", Reason::identity_malformed},
      {"i=a@@example.org", Reason::ok},
      {"i=a@org", Reason::identity_outside_domain},
      {"i=a@notexample.org", Reason::identity_outside_domain},
      {"i=@sub.Example.org", Reason::ok},
      {"q=http/x", Reason::query_unknown},
      {"q=http/x : dns/txt", Reason::ok},
      {"h=", Reason::fields_malformed},
      {"h=from:", Reason::fields_malformed},
      {"h=from::to", Reason::fields_malformed},
      {"h=from:a b", Reason::fields_malformed},
      {"h=to:subject", Reason::from_not_signed},
      {"bh=", Reason::body_hash_malformed},
      {"bh=*", Reason::body_hash_malformed},
      {"bh=AAAA", Reason::ok},
      {"b=", Reason::value_malformed},
      {"b=QUJ", Reason::value_malformed},
      {"l=-1", Reason::length_malformed},
      {"l=1x", Reason::length_malformed},
      {"l=", Reason::length_malformed},
      {"l=" + std::string(77, '1'), Reason::length_malformed},
      {"l=" + std::string(76, '9'), Reason::ok},
      {"t=now", Reason::time_malformed},
      {"x=-5", Reason::time_malformed},
      {"t=5; x=5", Reason::expires_before_signed},
      {"t=5; x=6", Reason::ok},
      {"n=1; n=1", Reason::tag_repeated},
      {"n", Reason::ok},
      {"n=\x01", Reason::tags_malformed},
  };
  for (const auto& [tag, reason] : cases) {
    EXPECT_EQ(to_text(signature_reason(tag)), to_text(reason)) << tag;
  }
  EXPECT_EQ(parse_signature("nonsense").reason, Reason::tags_malformed);
  EXPECT_EQ(signature_reason(std::string_view("s=sel\0.x", 8)), Reason::tags_malformed);
}

TEST(Signature, a_broken_one_still_names_its_domain) {
  const auto parsed = parse_signature(field_with("a=rsa-md5"));
  EXPECT_EQ(parsed.reason, Reason::algorithm_unknown);
  EXPECT_EQ(parsed.signature.domain, "example.org");
  EXPECT_EQ(parsed.signature.selector, "sel");
}

TEST(Signature, base64_is_read_strictly_but_for_white_space) {
  EXPECT_EQ(decode_base64(" Q U\r\n\tJ D"), "ABC");
  EXPECT_EQ(decode_base64("QUI="), "AB");
  EXPECT_EQ(decode_base64("QQ=="), "A");
  EXPECT_EQ(decode_base64("+/+/"), "\xfb\xff\xbf");
  for (const char* text : {"", " ", "Q", "QU", "QUI", "Q===", "====", "Q=I=", "QUI=QUI=", "QU-D",
                           "QUI-", "QU_D", "QUJD\x80", "Q\x0bJD", "*UJD"}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t size = 1; size <= all.size(); ++size) {
    EXPECT_EQ(decode_base64(postern::base64_encode(all.substr(0, size))), all.substr(0, size));
  }
}

TEST(Signature, the_list_of_fields_has_an_end) {
  std::string fields = "h=From";
  for (int i = 0; i < 10'000; ++i) fields += ":From";
  EXPECT_EQ(signature_reason(fields), Reason::fields_malformed);
}

TEST(Signature, a_name_for_the_key_that_dns_cannot_hold) {
  const std::string label(60, 'a');
  const std::string domain = label + "." + label + "." + label + ".example";
  EXPECT_EQ(signature_reason("d=" + domain), Reason::ok);
  EXPECT_EQ(parse_signature(field_with("d=" + domain + "; n=1")).reason, Reason::ok);
  const std::string longer = "d=" + label + "." + domain;
  EXPECT_EQ(signature_reason(longer), Reason::selector_malformed);
}

TEST(Signature, of_arc_needs_no_version_and_may_leave_from_unsigned) {
  const std::string field =
      "i=1; a=rsa-sha256; d=example.org; s=sel; h=to; bh=" + hash + "; b=QUJD";
  EXPECT_EQ(parse_signature(field, SignatureKind::arc_message).reason, Reason::ok);
  EXPECT_EQ(parse_signature(field).reason, Reason::tag_missing);
}

}  // namespace
}  // namespace mailauth::dkim
