#include "policy/results_field.h"

#include <gtest/gtest.h>

#include "mailauth/ar/write.h"
#include "policy/testing.h"

namespace postern::policy {
namespace {

namespace arc = mailauth::arc;
namespace dkim = mailauth::dkim;
namespace dmarc = mailauth::dmarc;
namespace spf = mailauth::spf;

std::string field_of(const Evidence& evidence) {
  return mailauth::ar::write_field(results_of(evidence, "mx.example.org"));
}

dkim::SignatureResult passed_signature(std::string domain) {
  dkim::SignatureResult one{.status = dkim::Status::pass, .acceptable = true};
  one.signature.domain = std::move(domain);
  one.signature.selector = "s1";
  one.signature.identity = "@" + one.signature.domain;
  one.signature.value = std::string(256, '\x01');
  return one;
}

Evidence with_author(std::string domain) {
  Evidence evidence = testing::from_client("203.0.113.10");
  evidence.author = dmarc::Author{.domains = {std::move(domain)}, .valid = true, .addresses = 1};
  return evidence;
}

TEST(ResultsField, says_none_when_nothing_is_known) {
  EXPECT_EQ(field_of(testing::from_client("203.0.113.10")),
            "Authentication-Results: mx.example.org; none\r\n");
}

TEST(ResultsField, has_every_method) {
  Evidence evidence = with_author("example.com");
  evidence.spf = spf::Result{.status = spf::Status::pass, .domain = "example.com"};
  evidence.dkim.emplace();
  evidence.dkim->signatures = {passed_signature("example.com"), passed_signature("example.net")};
  dkim::SignatureResult& other = evidence.dkim->signatures[1];
  other.signature.identity = "news@sub.example.net";
  other.signature.algorithm = dkim::Algorithm::ed25519_sha256;
  other.status = dkim::Status::fail;
  other.reason = dkim::Reason::body_hash_mismatch;
  evidence.dmarc = dmarc::Result{.status = dmarc::Status::pass,
                                 .policy = dmarc::Policy::reject,
                                 .disposition = dmarc::Policy::quarantine,
                                 .from_domain = "example.com",
                                 .record = dmarc::Record{}};
  evidence.arc = arc::Verdict{.status = arc::Status::pass, .instance = 3, .oldest_pass = 2};
  evidence.session.auth = Authentication{"sender1", "PLAIN", {}};
  const mailauth::ar::AuthenticationResults want{
      .authserv_id = "mx.example.org",
      .results = {
          {.method = "spf", .result = "pass", .properties = {{"smtp", "mailfrom", "example.com"}}},
          {.method = "dkim",
           .result = "pass",
           .properties = {{"header", "d", "example.com"},
                          {"header", "s", "s1"},
                          {"header", "a", "rsa-sha256"},
                          {"header", "b", "AQEBAQEB"}}},
          {.method = "dkim",
           .result = "fail",
           .reason = std::string(dkim::to_text(dkim::Reason::body_hash_mismatch)),
           .properties = {{"header", "d", "example.net"},
                          {"header", "i", "news@sub.example.net"},
                          {"header", "s", "s1"},
                          {"header", "a", "ed25519-sha256"},
                          {"header", "b", "AQEBAQEB"}}},
          {.method = "dmarc",
           .result = "pass",
           .properties = {{"header", "from", "example.com"}, {"policy", "dmarc", "quarantine"}}},
          {.method = "arc",
           .result = "pass",
           .properties = {{"smtp", "remote-ip", "203.0.113.10"}, {"header", "oldest-pass", "2"}}},
          {.method = "auth", .result = "pass", .properties = {{"smtp", "auth", "sender1"}}},
      }};
  const auto read = mailauth::ar::parse(field_of(evidence).substr(24));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, want) << field_of(evidence);
}

TEST(ResultsField, names_helo_when_the_reverse_path_is_null) {
  Evidence evidence = testing::from_client("203.0.113.10");
  evidence.reverse_path.reset();
  evidence.spf = spf::Result{.status = spf::Status::fail, .domain = "mx.example.com"};
  EXPECT_EQ(field_of(evidence),
            "Authentication-Results: mx.example.org;\r\n\tspf=fail smtp.helo=mx.example.com\r\n");
}

TEST(ResultsField, tells_of_what_is_not_there) {
  Evidence evidence = testing::from_client("203.0.113.10");
  evidence.dkim.emplace();
  evidence.dmarc = dmarc::Result{.status = dmarc::Status::permerror, .reason = "no author"};
  evidence.arc.emplace();
  EXPECT_EQ(field_of(evidence),
            "Authentication-Results: mx.example.org;\r\n\tdkim=none;\r\n"
            "\tdmarc=permerror reason=\"no author\";\r\n\tarc=none\r\n");
  evidence.dkim->header_too_long = true;
  EXPECT_NE(field_of(evidence).find("dkim=permerror reason="), std::string::npos);
}

TEST(ResultsField, of_a_broken_chain_names_the_set) {
  Evidence evidence = testing::from_client("203.0.113.10");
  evidence.arc = arc::Verdict{.status = arc::Status::fail,
                              .trouble = {.reason = arc::Reason::seal_failed,
                                          .instance = 2,
                                          .detail = dkim::Reason::value_mismatch},
                              .instance = 3};
  const std::string trouble = trouble_of(*evidence.arc);
  EXPECT_EQ(trouble, std::string(arc::to_text(arc::Reason::seal_failed)) +
                         ", i=2: " + std::string(dkim::to_text(dkim::Reason::value_mismatch)));
  const mailauth::ar::AuthenticationResults results = results_of(evidence, "mx.example.org");
  ASSERT_EQ(results.results.size(), 1u);
  EXPECT_EQ(results.results[0].result, "fail");
  EXPECT_EQ(results.results[0].reason, trouble);
  EXPECT_EQ(results.results[0].properties,
            (std::vector<mailauth::ar::Property>{{"smtp", "remote-ip", "203.0.113.10"}}));
}

TEST(ResultsField, hostile_names_stay_values) {
  Evidence evidence = testing::from_client("203.0.113.10");
  evidence.reverse_path.reset();
  evidence.spf = spf::Result{.status = spf::Status::none, .domain = "x; dmarc=pass\r\nX: y"};
  evidence.session.auth = Authentication{"a\"b; spf=pass", "PLAIN", {}};
  evidence.dkim.emplace();
  evidence.dkim->signatures = {passed_signature("example.com")};
  evidence.dkim->signatures[0].signature.identity = "\"a; dkim=pass\"@example.com";
  const auto read = mailauth::ar::parse(field_of(evidence).substr(24));
  ASSERT_TRUE(read) << field_of(evidence);
  ASSERT_EQ(read->results.size(), 3u);
  EXPECT_EQ(read->results[0].properties.size(), 1u);
  EXPECT_EQ(read->results[1].properties.size(), 5u);
  EXPECT_EQ(read->results[2].properties[0].value, "a\"b; spf=pass");
}

TEST(ResultsField, has_twenty_signatures_at_most) {
  Evidence evidence = testing::from_client("203.0.113.10");
  evidence.dkim.emplace();
  evidence.dkim->signatures.assign(500, passed_signature("example.com"));
  EXPECT_EQ(results_of(evidence, "mx.example.org").results.size(), max_told_in_field);
}

TEST(ToldSignatures, are_those_that_verified_first_in_the_headers_order) {
  dkim::Results results;
  for (const char* name : {"a", "B", "c", "D", "e"}) {
    results.signatures.push_back(passed_signature(name));
    if (name[0] >= 'a') results.signatures.back().status = dkim::Status::fail;
  }
  const std::pair<std::size_t, std::string> cases[] = {
      {0, ""}, {1, "B"}, {2, "BD"}, {3, "aBD"}, {4, "aBcD"}, {5, "aBcDe"}, {9, "aBcDe"}};
  for (const auto& [most, want] : cases) {
    std::string names;
    for (const auto* one : told_signatures(results, most)) names += one->signature.domain;
    EXPECT_EQ(names, want) << most;
  }
}

TEST(Alignment, follows_the_record) {
  using Mode = dmarc::Alignment;
  struct Case {
    const char* author;
    const char* domain;
    std::optional<Mode> mode;  ///< nullopt: no record
    bool want;
  };
  const Case cases[] = {
      {"example.com", "example.com", std::nullopt, true},
      {"example.com", "EXAMPLE.com", Mode::strict, true},
      {"example.com", "mail.example.com", std::nullopt, true},
      {"example.com", "mail.example.com", Mode::relaxed, true},
      {"example.com", "mail.example.com", Mode::strict, false},
      {"news.example.com", "mail.example.com", Mode::relaxed, true},
      {"example.com", "evilexample.com", Mode::relaxed, false},
      {"a.co.uk", "b.co.uk", Mode::relaxed, false},
      {"example.com", "", Mode::relaxed, false},
      {"example.com", "[192.0.2.1]", Mode::relaxed, false},
  };
  for (const Case& c : cases) {
    Evidence evidence = with_author(c.author);
    evidence.spf = spf::Result{.status = spf::Status::pass, .domain = c.domain};
    if (c.mode) {
      evidence.dmarc = dmarc::Result{.from_domain = c.author, .record = dmarc::Record{}};
      evidence.dmarc->record->aspf = *c.mode;
    }
    EXPECT_EQ(spf_aligned(evidence), c.want) << c.author << " " << c.domain;
    evidence.spf->status = spf::Status::softfail;
    EXPECT_FALSE(spf_aligned(evidence));
    // Each mode applies to its own method.
    if (c.mode) {
      evidence.dmarc->record->aspf = Mode::relaxed;
      evidence.dmarc->record->adkim = *c.mode;
    }
    dkim::SignatureResult one = passed_signature(c.domain);
    EXPECT_EQ(aligned(evidence, one), c.want) << c.author << " " << c.domain;
    one.acceptable = false;
    EXPECT_FALSE(aligned(evidence, one));
  }
}

TEST(Alignment, needs_one_author) {
  Evidence evidence = with_author("example.com");
  const dkim::SignatureResult one = passed_signature("example.com");
  EXPECT_TRUE(aligned(evidence, one));
  evidence.author->addresses = 2;
  EXPECT_FALSE(aligned(evidence, one));
  evidence.author.reset();
  EXPECT_FALSE(aligned(evidence, one));
}

}  // namespace
}  // namespace postern::policy
