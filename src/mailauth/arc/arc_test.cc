#include <gtest/gtest.h>

#include "base/text.h"
#include "mailauth/ar/write.h"
#include "mailauth/arc/seal.h"
#include "mailauth/arc/validate.h"
#include "mailauth/testing/zone.h"

namespace mailauth::arc {
namespace {

using testing::SuiteZone;

constexpr std::string_view message =
    "DKIM-Signature: v=1; d=author.example; b=abcd\r\n"
    "From: author@author.example\r\n"
    "To: list@list.example\r\n"
    "Subject: hello\r\n"
    "Date: Fri, 20 Nov 2026 09:00:00 +0000\r\n"
    "\r\n"
    "Hello,\r\nthis is a test.\r\n";

/// A key, and a zone that publishes it at s._domainkey.<domain> for every domain.
struct Host {
  dkim::SigningKey key = dkim::SigningKey::generate_ed25519().value();

  SuiteZone zone() const {
    boost::json::object zone;
    zone["*.example"] = {{"TXT", boost::json::array{key.public_record()}}};
    return SuiteZone(zone);
  }
  Verdict validate(std::string_view text, Options options = {}) const {
    return testing::drive(arc::validate(text, options), zone());
  }
  /// The message with one more set.
  std::string seal(const std::string& text, const std::string& domain,
                   const std::vector<std::string>& fields = {}) const {
    Validator validator;
    validator.feed(text);
    validator.finish();
    const Verdict verdict = testing::drive(validator.evaluate(), zone());
    dkim::BodyHasher body(dkim::Canonicalization::relaxed);
    body.feed(std::string_view(text).substr(text.find("\r\n\r\n") + 4));
    body.finish();
    const auto added =
        arc::seal(key, {.domain = domain, .selector = "s", .time = 1000, .fields = fields},
                  validator.header(), body, verdict, domain + "; spf=pass smtp.mailfrom=a.example");
    EXPECT_TRUE(added) << (added ? "" : added.error().message);
    if (!added || !*added) return text;
    return (*added)->text() + text;
  }
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Arc, a_chain_of_seals_holds) {
  const Host host;
  std::string text(message);
  EXPECT_EQ(host.validate(text).status, Status::none);
  for (std::uint32_t i = 1; i <= 3; ++i) {
    text = host.seal(text, "relay" + std::to_string(i) + ".example");
    const Verdict verdict = host.validate(text);
    EXPECT_EQ(verdict.status, Status::pass) << to_text(verdict.trouble.reason);
    EXPECT_EQ(verdict.instance, i);
    EXPECT_EQ(verdict.oldest_pass, 0u);
    EXPECT_EQ(verdict.sealers.back(), "relay" + std::to_string(i) + ".example");
    EXPECT_EQ(verdict.sealers.size(), i);
  }
}

TEST(Arc, a_header_with_lines_that_are_no_fields_does_not_pass) {
  const Host host;
  const std::string text = host.seal(std::string(message), "relay.example");
  EXPECT_EQ(host.validate(text).status, Status::pass);
  const Verdict verdict = host.validate("From someone Mon Jan 15\r\n" + text);
  EXPECT_EQ(verdict.status, Status::fail);
  EXPECT_EQ(verdict.trouble.reason, Reason::header_ambiguous);
  EXPECT_EQ(host.validate("From someone Mon Jan 15\r\n" + std::string(message)).status,
            Status::none);
}

TEST(Arc, every_size_of_chunk_gives_the_same) {
  const Host host;
  const std::string text = host.seal(std::string(message), "relay.example");
  for (const std::size_t size : {1, 2, 3, 7, 64, 1000}) {
    Validator validator;
    for (std::size_t at = 0; at < text.size(); at += size) {
      validator.feed(std::string_view(text).substr(at, size));
    }
    validator.finish();
    EXPECT_EQ(testing::drive(validator.evaluate(), host.zone()).status, Status::pass) << size;
  }
}

TEST(Arc, what_a_relay_changed_shows_in_oldest_pass) {
  const Host host;
  const std::string first = host.seal(std::string(message), "one.example");
  const std::string second = host.seal(first + "-- \r\nthe list\r\n", "two.example");
  // The chain was broken when the second host sealed it: the new seal says so and ends the chain.
  Verdict verdict = host.validate(second);
  EXPECT_EQ(verdict.status, Status::fail);
  EXPECT_EQ(verdict.trouble.reason, Reason::failed_before);
  EXPECT_TRUE(verdict.ended);
  EXPECT_EQ(host.seal(second, "three.example"), second);
}

TEST(Arc, changes_break_the_chain_and_say_where) {
  const Host host;
  const std::string text = host.seal(host.seal(std::string(message), "one.example"), "two.example");
  const auto trouble = [&](std::string_view from, std::string_view to) {
    const Verdict verdict = host.validate(replaced(text, from, to));
    EXPECT_EQ(verdict.status, Status::fail);
    return verdict.trouble;
  };
  EXPECT_EQ(trouble("this is", "this was").detail, dkim::Reason::body_hash_mismatch);
  EXPECT_EQ(trouble("hello", "goodbye").detail, dkim::Reason::value_mismatch);
  EXPECT_EQ(trouble("\r\nSubject:", "\r\nSubject: a\r\nSubject:").reason,
            Reason::message_signature_failed);
  EXPECT_EQ(trouble("i=1; one.example; spf=pass", "i=1; one.example; spf=fail").reason,
            Reason::seal_failed);
  EXPECT_EQ(trouble("cv=none", "cv=pass").reason, Reason::status_wrong);
  EXPECT_EQ(trouble("cv=none", "cv=fine").reason, Reason::seal_malformed);
  EXPECT_EQ(trouble("cv=none;", "cv=none; h=from;").reason, Reason::seal_has_fields);
  EXPECT_EQ(trouble("i=1; one.example", "i=3; one.example").reason, Reason::set_incomplete);
  EXPECT_EQ(trouble("i=1; one.example", "i=2; one.example").reason, Reason::field_repeated);
  for (const char* instance :
       {"i=0; ", "i=51; ", "i=-1; ", "i=x; ", "i=; ", "i=99999999999999; "}) {
    EXPECT_EQ(trouble("i=1; one.example", std::string(instance) + "one.example").reason,
              Reason::instance_malformed);
  }
}

/// The message with a set whose message signature has these additional tags; built step by step.
std::string sealed_with(const Host& host, const std::string& tags,
                        std::optional<std::uint64_t> length = {},
                        const std::string& forms = "c=relaxed/relaxed; ") {
  const std::string text(message);
  const HeaderView header = HeaderView::parse(text.substr(0, text.find("\r\n\r\n") + 2));
  dkim::BodyHasher body(dkim::Canonicalization::relaxed, length);
  body.feed(std::string_view(text).substr(text.find("\r\n\r\n") + 4));
  body.finish();
  const std::string hash(body.digest().begin(), body.digest().end());
  const auto relaxed = dkim::Canonicalization::relaxed;
  const auto append = [&](const std::string& field, std::string& out) {
    const HeaderView view = HeaderView::parse(field);
    dkim::append_field(relaxed, view.fields().front(), out);
  };
  const std::string results = "ARC-Authentication-Results: i=1; one.example; none\r\n";
  const std::string names = "d=one.example; s=s; a=ed25519-sha256; i=1; ";
  std::string covered = "from:author@author.example\r\n";
  const std::string signature =
      dkim::complete_signature(host.key, relaxed, covered,
                               "ARC-Message-Signature: " + names + forms + "h=from; " + tags +
                                   " bh=" + postern::base64_encode(hash) + "; b=");
  covered.clear();
  append(results, covered);
  append(signature, covered);
  const std::string seal =
      dkim::complete_signature(host.key, relaxed, covered, "ARC-Seal: " + names + "cv=none; b=");
  return seal + signature + results + text;
}

TEST(Arc, expiry_is_judged_when_the_time_is_known) {
  const Host host;
  const std::string text = sealed_with(host, "x=2000;");
  EXPECT_EQ(host.validate(text).status, Status::pass);
  EXPECT_EQ(host.validate(text, {.now = 2300}).status, Status::pass);
  EXPECT_EQ(host.validate(text, {.now = 2301}).trouble.detail, dkim::Reason::expired);
}

TEST(Arc, a_signature_from_the_future_is_none) {
  const Host host;
  const std::string text = host.seal(std::string(message), "one.example");  // t=1000
  EXPECT_EQ(host.validate(text, {.now = 700}).status, Status::pass);
  EXPECT_EQ(host.validate(text, {.now = 699}).trouble.detail, dkim::Reason::from_future);
}

TEST(Arc, length_leaves_octets_unsigned_and_says_how_many) {
  const Host host;
  const std::string text = sealed_with(host, "l=8;", 8);
  const Verdict verdict = host.validate(text + "more\r\n");
  EXPECT_EQ(verdict.status, Status::pass);
  EXPECT_EQ(verdict.unsigned_octets, 17u + 6u);
  EXPECT_EQ(host.validate(sealed_with(host, "l=1000;", 1000)).trouble.detail,
            dkim::Reason::length_beyond_body);
}

// Without c=, the signature may be of the simple or of the relaxed form: what counts is the body in
// the form that verified.
TEST(Arc, unsigned_octets_are_of_the_form_that_verified) {
  const Host host;
  const Verdict verdict = host.validate(sealed_with(host, "l=8;", 8, "") + "more \t \r\n");
  EXPECT_EQ(verdict.status, Status::pass);
  EXPECT_EQ(verdict.unsigned_octets, 17u + 6u);
}

TEST(Arc, a_version_is_ignored) {
  const Host host;
  EXPECT_EQ(host.validate(sealed_with(host, "v=7;")).status, Status::pass);
}

TEST(Arc, a_key_that_cannot_be_fetched_is_no_verdict) {
  const Host host;
  const std::string text = host.seal(std::string(message), "one.example");
  boost::json::object zone;
  zone["*.example"] = {{"TXT", "TIMEOUT"}};
  const Verdict verdict = testing::drive(validate(text), SuiteZone(zone));
  EXPECT_EQ(verdict.status, Status::temperror);
  EXPECT_EQ(verdict.trouble.reason, Reason::key_unavailable);
}

TEST(Arc, keys_are_asked_for_once_and_not_without_end) {
  const Host host;
  std::string text(message);
  for (int i = 0; i < 4; ++i) text = host.seal(text, i % 2 ? "one.example" : "two.example");
  std::vector<Question> asked;
  EXPECT_EQ(testing::drive(validate(text), host.zone(), &asked).status, Status::pass);
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_EQ(host.validate(text, {.max_keys = 1}).trouble.reason, Reason::too_many_keys);
}

TEST(Arc, fifty_sets_pass_and_nobody_adds_to_them) {
  const Host host;
  std::string text = "From: a@b.example\r\n\r\nx\r\n";
  for (int i = 0; i < 50; ++i) text = host.seal(text, "one.example", {"From"});
  EXPECT_EQ(host.validate(text).status, Status::pass);
  EXPECT_EQ(host.seal(text, "one.example", {"From"}), text);
}

TEST(Arc, hostile_headers_end_soon) {
  const Host host;
  std::string many;
  for (int i = 1; i <= 900; ++i) {
    many += "ARC-Seal: i=" + std::to_string(i % 50 + 1) + "; a=rsa-sha256; cv=pass; b=AAAA\r\n";
  }
  EXPECT_EQ(host.validate(many + std::string(message)).trouble.reason, Reason::field_repeated);
  std::string tags = "ARC-Seal: i=1";
  for (int i = 0; i < 10'000; ++i) tags += "; x" + std::to_string(i) + "=1";
  EXPECT_EQ(host.validate(tags + "\r\n" + std::string(message)).trouble.reason,
            Reason::instance_malformed);
  const std::string big = "X-Long: " + std::string(2 << 20, 'x') + "\r\n" + std::string(message);
  EXPECT_EQ(host.validate(big).trouble.reason, Reason::header_too_long);
  for (const char* junk : {"", "\r\n", "ARC-Seal", "ARC-Seal:\r\n", "ARC-Seal: \r\n\r\n",
                           "ARC-Authentication-Results: i=1;\r\n\r\n"}) {
    const Verdict verdict = host.validate(junk);
    EXPECT_NE(verdict.status, Status::pass);
  }
}

TEST(ArcSeal, refuses_what_cannot_be_sealed) {
  const Host host;
  const std::string text(message);
  const HeaderView header =
      HeaderView::parse(std::string_view(text).substr(0, text.find("\r\n\r\n") + 2));
  dkim::BodyHasher body(dkim::Canonicalization::relaxed);
  body.finish();
  const auto try_seal = [&](SealOptions options, Status status, std::string_view results) {
    return seal(host.key, options, header, body, Verdict{.status = status}, results);
  };
  const SealOptions good{.domain = "relay.example", .selector = "s"};
  EXPECT_TRUE(try_seal(good, Status::none, "a.example; none"));
  EXPECT_EQ(try_seal(good, Status::temperror, "a.example; none").error().fault,
            postern::Fault::temporary);
  EXPECT_FALSE(try_seal(good, Status::none, "a.example; none\r\nX: y"));
  EXPECT_FALSE(try_seal(good, Status::none, "nothing"));
  EXPECT_FALSE(try_seal({.domain = "relay example", .selector = "s"}, Status::none, "a; none"));
  EXPECT_FALSE(try_seal({.domain = "relay.example", .selector = ""}, Status::none, "a; none"));
  for (const char* field : {"ARC-Seal", "Authentication-Results", "", "a:b", "a b", "a;b=c"}) {
    SealOptions options = good;
    options.fields = {"From", field};
    EXPECT_FALSE(try_seal(options, Status::none, "a.example; none")) << field;
  }
  dkim::BodyHasher simple(dkim::Canonicalization::simple);
  simple.finish();
  EXPECT_FALSE(seal(host.key, good, header, simple, {}, "a.example; none"));
}

TEST(ArcSeal, covers_dkim_signatures_and_keeps_lines_short) {
  const Host host;
  const std::string text = host.seal(std::string(message), "relay.example");
  EXPECT_NE(text.find("dkim-signature"), std::string::npos);
  for (const std::string_view line : postern::split(text, '\n')) EXPECT_LE(line.size(), 999u);
  const std::string changed = replaced(text, "b=abcd", "b=abce");
  EXPECT_EQ(host.validate(changed).status, Status::fail);
}

TEST(ArcResults, gather_our_own_fields_only) {
  const auto gather = [](std::string_view header) {
    return gathered_results(HeaderView::parse(header), ar::OwnIds({"mx.example", "old.example"}),
                            "mx.example");
  };
  EXPECT_EQ(gather("Subject: x\r\n"), "mx.example; none");
  EXPECT_EQ(gather("Authentication-Results: other.example; spf=pass\r\n"
                   "Authentication-Results: mx.example; none\r\n"
                   "Authentication-Results: mx.example 2; spf=pass\r\n"
                   "Authentication-Results: mx.example; spf=\r\n"),
            "mx.example; none");
  EXPECT_EQ(gather("Authentication-Results: mx.example; spf=pass (fine);\r\n"
                   "authentication-results: OLD.example;dkim=fail header.d=a.example\r\n"),
            "mx.example;\r\n\tspf=pass (fine);\r\n\tdkim=fail header.d=a.example");
  // A comment after the last semicolon: the fields cannot be joined as text.
  EXPECT_EQ(gather("Authentication-Results: mx.example; spf=pass; (c)\r\n"
                   "Authentication-Results: mx.example; dkim=pass\r\n"),
            "mx.example;\r\n\tspf=pass;\r\n\tdkim=pass");
}

}  // namespace
}  // namespace mailauth::arc
