#include "deliver/verdicts.h"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "policy/testing.h"

namespace postern::deliver {
namespace {

namespace json = boost::json;
namespace dkim = mailauth::dkim;
namespace dmarc = mailauth::dmarc;
namespace spf = mailauth::spf;
using policy::Evidence;

/// From alerts@example.com, authenticated in every way.
Evidence authenticated_evidence() {
  Evidence evidence = policy::testing::from_client("203.0.113.10");
  evidence.message.emplace();
  evidence.spf = spf::Result{.status = spf::Status::pass,
                             .domain = "bounce.example.com",
                             .mechanism = "ip4:203.0.113.0/24"};
  evidence.author = dmarc::Author{.domains = {"example.com"}, .valid = true, .addresses = 1};
  evidence.dmarc = dmarc::Result{.status = dmarc::Status::pass,
                                 .policy = dmarc::Policy::reject,
                                 .from_domain = "example.com",
                                 .record_domain = "example.com",
                                 .record = dmarc::Record{},
                                 .spf_aligned = true,
                                 .dkim_aligned = true};
  evidence.dkim.emplace();
  evidence.arc = mailauth::arc::Verdict{.status = mailauth::arc::Status::pass,
                                        .instance = 2,
                                        .oldest_pass = 1,
                                        .sealers = {"list.example.org", "example.net"}};
  return evidence;
}

dkim::SignatureResult signature(std::string domain, dkim::Reason reason = dkim::Reason::ok) {
  dkim::SignatureResult result{.status = dkim::status_of(reason), .reason = reason};
  result.signature.domain = std::move(domain);
  result.signature.selector = "s1";
  result.signature.identity = "@" + result.signature.domain;
  result.signature.fields = {"From", "to", "Subject"};
  if (reason == dkim::Reason::ok) result.status = dkim::Status::pass;
  result.acceptable = result.status == dkim::Status::pass;
  result.key_bits = result.acceptable ? 2048 : 0;
  return result;
}

Evidence signed_by(dkim::SignatureResult one) {
  Evidence with = authenticated_evidence();
  with.dkim->signatures = {std::move(one)};
  return with;
}

/// The object of the only signature.
json::object told(const Evidence& evidence) {
  const json::value auth = auth_results(evidence);
  EXPECT_EQ(auth.at("dkim").as_array().size(), 1u);
  return auth.at("dkim").at(0).as_object();
}

TEST(AuthResults, have_the_members_of_the_contract) {
  const json::value auth = auth_results(signed_by(signature("example.com")));
  const json::value want = json::parse(R"({
    "spf": {"result": "pass", "identity": "mailfrom", "domain": "bounce.example.com",
            "mechanism": "ip4:203.0.113.0/24", "aligned": true, "reason": null},
    "dkim": [{"result": "pass", "domain": "example.com", "selector": "s1",
              "identity": "@example.com", "algorithm": "rsa-sha256", "key_bits": 2048,
              "signed_headers": ["from", "to", "subject"], "body_length_limited": false,
              "testing": false, "allowed": true, "aligned": true, "reason": null}],
    "dmarc": {"result": "pass", "policy": "reject", "domain": "example.com",
              "record_domain": "example.com", "spf_aligned": true, "dkim_aligned": true},
    "arc": {"result": "pass", "instance": 2, "sealers": ["list.example.org", "example.net"],
            "oldest_pass": 1, "reason": null}})");
  EXPECT_EQ(auth, want) << auth;
}

TEST(UnsignedFields, are_those_that_no_aligned_signature_covers) {
  using Names = std::vector<std::string_view>;
  const auto of = [](const Evidence& with) {
    return unsigned_fields(with, [](std::string_view name) -> std::size_t {
      return name == "From" || name == "Reply-To" ? 1 : name == "Subject" ? 2 : 0;
    });
  };
  Evidence with = authenticated_evidence();
  EXPECT_EQ(of(with), Names{});
  dkim::SignatureResult own = signature("example.com");  // from, to, subject
  with.dkim->signatures = {own};
  EXPECT_EQ(of(with), (Names{"Subject", "Reply-To"})) << "one Subject of two is signed";
  dkim::SignatureResult other = signature("list.example.net");
  other.signature.fields = {"from", "subject", "subject", "reply-to"};
  with.dkim->signatures.push_back(other);
  EXPECT_EQ(of(with), (Names{"Subject", "Reply-To"})) << "somebody else's signature covers them";
  dkim::SignatureResult second = signature("mail.example.com");
  second.signature.fields = {"from", "subject", "Subject", "subject"};
  with.dkim->signatures.push_back(second);
  EXPECT_EQ(of(with), Names{"Reply-To"});
  for (dkim::SignatureResult& one : with.dkim->signatures) one.acceptable = false;
  EXPECT_EQ(of(with), Names{}) << "nothing is vouched for";
}

TEST(AuthResults, say_what_was_not_evaluated) {
  Evidence nothing;
  nothing.session.helo = "mx.example.com";
  const json::value want = json::parse(R"({
    "spf": {"result": "skipped", "identity": "helo", "domain": "mx.example.com",
            "mechanism": null, "aligned": false, "reason": "not evaluated"},
    "dkim": [],
    "dmarc": {"result": "none", "policy": null, "domain": null, "record_domain": null,
              "spf_aligned": false, "dkim_aligned": false},
    "arc": {"result": "none", "instance": 0, "sealers": [], "oldest_pass": 0, "reason": null}})");
  EXPECT_EQ(auth_results(nothing), want) << auth_results(nothing);
}

TEST(AuthResults, name_the_author_without_a_dmarc_verdict) {
  Evidence with = authenticated_evidence();
  with.dmarc.reset();
  EXPECT_EQ(auth_results(with).at("dmarc").at("domain"), "example.com");
  with.author->addresses = 2;
  EXPECT_TRUE(auth_results(with).at("dmarc").at("domain").is_null());
}

TEST(AuthResults, of_a_null_reverse_path_are_those_of_helo) {
  Evidence with = authenticated_evidence();
  with.reverse_path.reset();
  EXPECT_EQ(auth_results(with).at("spf").at("identity"), "helo");
}

struct Acceptance {
  const char* what;
  void (*change)(dkim::SignatureResult&);
  const char* result;
  const char* reason;
};

TEST(AuthResults, say_why_a_signature_that_verifies_does_not_count) {
  const Acceptance cases[] = {
      {"test key", [](dkim::SignatureResult& one) { one.testing = true; }, "pass",
       "the key is for tests only"},
      {"tail", [](dkim::SignatureResult& one) { one.unsigned_octets = 7; }, "policy",
       "body octets are left unsigned"},
      {"added", [](dkim::SignatureResult& one) { one.uncovered_field = true; }, "policy",
       "a field was added that is not signed"},
      {"future", [](dkim::SignatureResult& one) { one.from_future = true; }, "policy",
       "signed in the future"},
      {"two From", [](dkim::SignatureResult&) {}, "policy", "not exactly one From field"},
  };
  for (const Acceptance& c : cases) {
    dkim::SignatureResult one = signature("example.com");
    one.acceptable = false;
    c.change(one);
    const json::object got = told(signed_by(one));
    EXPECT_EQ(got.at("result"), c.result) << c.what;
    EXPECT_EQ(got.at("reason"), c.reason) << c.what;
    EXPECT_EQ(got.at("allowed"), false) << c.what;
    EXPECT_EQ(got.at("aligned"), false) << c.what;
  }
}

TEST(AuthResults, tell_of_broken_signatures_what_is_known) {
  dkim::SignatureResult one = signature("", dkim::Reason::tags_malformed);
  one.signature = {};
  const json::object got = told(signed_by(one));
  EXPECT_EQ(got.at("result"), "permerror");
  EXPECT_EQ(got.at("domain"), "");
  EXPECT_EQ(got.at("algorithm"), "");
  EXPECT_TRUE(got.at("identity").is_null());
  EXPECT_TRUE(got.at("key_bits").is_null());
  EXPECT_EQ(got.at("reason"), json::value(dkim::to_text(dkim::Reason::tags_malformed)));

  const json::object altered =
      told(signed_by(signature("example.com", dkim::Reason::body_hash_mismatch)));
  EXPECT_EQ(altered.at("result"), "fail");
  EXPECT_EQ(altered.at("algorithm"), "rsa-sha256");
  EXPECT_EQ(altered.at("aligned"), false);
}

TEST(AuthResults, of_limited_bodies_and_hostile_names_are_json) {
  dkim::SignatureResult one = signature("example.com");
  one.signature.length = 10;
  one.signature.identity = "\xff\x01@example.com";
  const Evidence with = signed_by(one);
  EXPECT_EQ(told(with).at("body_length_limited"), true);
  EXPECT_TRUE(is_utf8(json::serialize(auth_results(with))));
}

TEST(AuthResults, allow_the_domains_that_the_policy_lists) {
  struct Case {
    std::vector<std::string> listed;
    const char* domain;
    bool allowed;
  };
  const Case cases[] = {{{}, "example.com", true},
                        {{"example.com"}, "example.com", true},
                        {{"example.com"}, "mail.example.com", false},
                        {{".example.com"}, "mail.example.com", true},
                        {{"example.org"}, "example.com", false}};
  for (const Case& c : cases) {
    auto policy = std::make_shared<policy::WebhookPolicy>();
    policy->dkim_domains = policy::DomainSet(c.listed);
    Evidence with = signed_by(signature(c.domain));
    with.recipients = {
        policy::testing::recipient_of(policy::testing::a_webhook("a"), std::move(policy))};
    EXPECT_EQ(told(with).at("allowed"), c.allowed) << c.domain;
  }
}

TEST(AuthResults, tell_of_at_most_a_hundred_signatures) {
  Evidence with = authenticated_evidence();
  for (int i = 0; i < 300; ++i) {
    with.dkim->signatures.push_back(signature("junk.example", dkim::Reason::body_hash_mismatch));
  }
  with.dkim->signatures.push_back(signature("example.com"));
  const json::value auth = auth_results(with);
  ASSERT_EQ(auth.at("dkim").as_array().size(), max_told_signatures);
  EXPECT_EQ(auth.at("dkim").at(99).at("domain"), "example.com");
  EXPECT_EQ(auth.at("dkim").at(98).at("domain"), "junk.example");
}

TEST(LogVerdicts, are_words) {
  Evidence with = signed_by(signature("example.com"));
  dkim::SignatureResult tail = signature("example.net");
  tail.acceptable = false;
  with.dkim->signatures.push_back(tail);
  dkim::SignatureResult malformed = signature("", dkim::Reason::tags_malformed);
  malformed.signature = {};
  with.dkim->signatures.push_back(malformed);
  store::LogRecord record;
  log_verdicts(with, record);
  EXPECT_EQ(record.spf_result, "pass");
  EXPECT_EQ(record.dkim_results, (std::vector<std::string>{"pass example.com/s1",
                                                           "policy example.net/s1", "permerror"}));
  EXPECT_EQ(record.dmarc_result, "pass");
}

TEST(LogVerdicts, of_nothing_known) {
  store::LogRecord record;
  log_verdicts(Evidence(), record);
  EXPECT_EQ(record.spf_result, "skipped");
  EXPECT_TRUE(record.dkim_results.empty());
  EXPECT_FALSE(record.dmarc_result);
}

TEST(LogVerdicts, are_ten_signatures_at_most_and_those_that_verify) {
  Evidence with = authenticated_evidence();
  for (int i = 0; i < 20; ++i) {
    with.dkim->signatures.push_back(signature("junk.example", dkim::Reason::value_mismatch));
  }
  with.dkim->signatures.push_back(signature("example.com"));
  store::LogRecord record;
  log_verdicts(with, record);
  ASSERT_EQ(record.dkim_results.size(), max_logged_signatures);
  EXPECT_EQ(record.dkim_results.front(), "fail junk.example/s1");
  EXPECT_EQ(record.dkim_results.back(), "pass example.com/s1");
}

}  // namespace
}  // namespace postern::deliver
