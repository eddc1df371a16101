#include "mailauth/spf/check_host.h"

#include "mailauth/suite_zone_test.h"

namespace mailauth::spf {
namespace {

using testing::zone_of;

struct Asked {
  Result result;
  std::vector<Question> questions;
};

Asked ask(const Request& request, const testing::SuiteZone& zone, const Options& options = {}) {
  Asked asked;
  asked.result = testing::drive(check_host(request, options), zone, &asked.questions);
  EXPECT_EQ(asked.result.queries, static_cast<int>(asked.questions.size()));
  return asked;
}

Request from(std::string_view client, std::string mail_from = "joe@example.com") {
  return {.client = postern::IpAddress::parse(client).value(),
          .helo = "mail.example.net",
          .mail_from = std::move(mail_from)};
}

TEST(CheckHost, says_which_term_of_whose_record_decided) {
  const auto zone = zone_of(R"({"example.com": {"TXT": ["v=spf1 redirect=_spf.example.org"]},
      "_spf.example.org": {"TXT": ["v=spf1 include:b.example.org ~all"]},
      "b.example.org": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]}})");
  const Result pass = ask(from("192.0.2.1"), zone).result;
  EXPECT_EQ(pass.status, Status::pass);
  EXPECT_EQ(pass.mechanism, "include:b.example.org");
  EXPECT_EQ(pass.domain, "example.com");
  EXPECT_EQ(pass.record_domain, "_spf.example.org");
  EXPECT_EQ(pass.sender, "joe@example.com");
  EXPECT_EQ(pass.lookup_terms, 2);
  const Result softfail = ask(from("198.51.100.1"), zone).result;
  EXPECT_EQ(softfail.status, Status::softfail);
  EXPECT_EQ(softfail.mechanism, "~all");
}

TEST(CheckHost, judges_the_identity_it_is_asked_for) {
  const auto zone = zone_of(R"({"example.com": {"TXT": ["v=spf1 -all"]},
      "mail.example.net": {"TXT": ["v=spf1 exists:%{l}.%{o} -all"]},
      "postmaster.mail.example.net": {"A": ["127.0.0.2"]}})");
  Request request = from("192.0.2.1");
  EXPECT_EQ(ask(request, zone).result.status, Status::fail);
  request.identity = Identity::helo;
  const Result helo = ask(request, zone).result;
  EXPECT_EQ(helo.status, Status::pass);
  EXPECT_EQ(helo.identity, Identity::helo);
  EXPECT_EQ(helo.sender, "postmaster@mail.example.net");
  const Result null_sender = ask(from("192.0.2.1", ""), zone).result;
  EXPECT_EQ(null_sender.status, Status::pass);
  EXPECT_EQ(null_sender.identity, Identity::mail_from);
  EXPECT_EQ(null_sender.domain, "mail.example.net");
}

TEST(CheckHost, asks_nothing_about_what_is_no_domain) {
  const testing::SuiteZone zone;
  for (const char* sender : {"joe", "joe@", "joe@localhost", "joe@[192.0.2.1]", "joe@a..example",
                             "joe@legit.example(.evil.example", "joe@a b.example"}) {
    const Asked asked = ask(from("192.0.2.1", sender), zone);
    EXPECT_EQ(asked.result.status, Status::none) << sender;
    EXPECT_TRUE(asked.questions.empty()) << sender;
    EXPECT_FALSE(asked.result.reason.empty()) << sender;
  }
  EXPECT_EQ(
      ask(from("192.0.2.1", std::string(1'000'000, 'a') + "@example.com"), zone).result.status,
      Status::none);
  EXPECT_EQ(ask(from("192.0.2.1", "a@" + std::string(1'000'000, 'a')), zone).result.status,
            Status::none);
}

TEST(CheckHost, takes_the_domain_behind_the_last_at_sign) {
  const auto zone = zone_of(R"({"example.com": {"TXT": ["v=spf1 -all"]},
      "example.org": {"TXT": ["v=spf1 +all"]}})");
  EXPECT_EQ(ask(from("192.0.2.1", "\"a@example.org\"@example.com"), zone).result.status,
            Status::fail);
}

TEST(CheckHost, counts_a_term_as_void_once) {
  // RFC 7208 §4.6.4 counts terms; three hosts without AAAA records are one void term.
  const auto zone = zone_of(R"({"example.com": {"TXT": ["v=spf1 mx ip6:2001:db8::/32 -all"],
      "MX": [[1, "a.example.com"], [2, "b.example.com"], [3, "c.example.com"]]},
      "a.example.com": {"A": ["192.0.2.1"]}, "b.example.com": {"A": ["192.0.2.2"]},
      "c.example.com": {"A": ["192.0.2.3"]}})");
  const Result result = ask(from("2001:db8::1"), zone).result;
  EXPECT_EQ(result.status, Status::pass);
  EXPECT_EQ(result.void_terms, 1);
}

TEST(CheckHost, ends_with_the_budget_of_its_caller) {
  const auto zone = zone_of(R"({"example.com": {"TXT": ["v=spf1 a:a.example.com mx -all"],
      "MX": [[1, "a.example.com"]]}, "a.example.com": {"A": ["192.0.2.1"]}})");
  for (int queries = 0; queries < 4; ++queries) {
    const Asked asked = ask(from("198.51.100.1"), zone, {.queries = queries});
    EXPECT_EQ(asked.result.status, Status::temperror);
    EXPECT_EQ(asked.questions.size(), static_cast<std::size_t>(queries));
  }
  EXPECT_EQ(ask(from("198.51.100.1"), zone, {.queries = 4}).result.status, Status::fail);
}

TEST(CheckHost, never_asks_more_than_64_questions) {
  std::string zone = R"({"example.com": {"TXT": ["v=spf1 mx mx mx mx mx mx mx mx mx mx -all"],
      "MX": [)";
  std::string hosts;
  for (int i = 0; i < 10; ++i) {
    const std::string host = "m" + std::to_string(i) + ".example.com";
    zone += (i > 0 ? "," : "") + ("[1, \"" + host + "\"]");
    hosts += ", \"" + host + "\": {\"A\": [\"203.0.113.1\"]}";
  }
  const Asked asked = ask(from("192.0.2.1"), zone_of(zone + "]}" + hosts + "}"));
  EXPECT_EQ(asked.result.status, Status::permerror);
  EXPECT_EQ(asked.questions.size(), 64u);
}

TEST(CheckHost, the_ptr_query_of_a_macro_is_within_the_limit_of_ten) {
  const std::string eight =
      " include:i.example.com include:i.example.com include:i.example.com"
      " include:i.example.com include:i.example.com include:i.example.com"
      " include:i.example.com include:i.example.com";
  const auto record = [&](const std::string& terms) {
    return zone_of(
        R"({"example.com": {"TXT": ["v=spf1)" + terms +
        R"( exists:%{p}.example.com ?all"]}, "i.example.com": {"TXT": ["v=spf1 -all"]}})");
  };
  EXPECT_EQ(ask(from("192.0.2.1"), record(eight)).result.status, Status::neutral);
  EXPECT_EQ(ask(from("192.0.2.1"), record(eight + " include:i.example.com")).result.status,
            Status::permerror);
}

TEST(CheckHost, an_explanation_never_changes_the_result) {
  const auto zone = zone_of(R"({"example.com": {"TXT": ["v=spf1 -all exp=e.example.com"]},
      "e.example.com": {"TXT": ["%{i} is not one of ours, %{p}"]},
      "1.2.0.192.in-addr.arpa": {"PTR": ["mail.example.net"]},
      "mail.example.net": {"A": ["192.0.2.1"]}})");
  const Asked asked = ask(from("192.0.2.1"), zone);
  EXPECT_EQ(asked.result.explanation, "192.0.2.1 is not one of ours, mail.example.net");
  EXPECT_EQ(ask(from("192.0.2.9"), zone).result.explanation,
            "192.0.2.9 is not one of ours, unknown");
  const Asked silent = ask(from("192.0.2.1"), zone, {.want_explanation = false});
  EXPECT_EQ(silent.result.status, Status::fail);
  EXPECT_EQ(silent.questions.size(), 1u);
  const Asked poor = ask(from("192.0.2.1"), zone, {.queries = 1});
  EXPECT_EQ(poor.result.status, Status::fail);
  EXPECT_EQ(poor.result.explanation, "");
}

TEST(CheckHost, a_local_part_that_is_not_ascii_matches_nothing) {
  const auto zone = zone_of(R"({"example.com": {"TXT":
      ["v=spf1 a:%{l}.x.example include:%{l1r}.x.example exists:%{s} ~all"]},
      "r.example.com": {"TXT": ["v=spf1 redirect=%{l}.x.example"]}})");
  const Asked asked = ask(from("192.0.2.1", "\xc3\xb1@example.com"), zone);
  EXPECT_EQ(asked.result.status, Status::softfail);
  EXPECT_EQ(asked.questions.size(), 1u);
  EXPECT_EQ(ask(from("192.0.2.1", "\xc3\xb1@r.example.com"), zone).result.status,
            Status::permerror);
}

TEST(CheckHost, bears_answers_of_any_size) {
  const Request request = from("192.0.2.1");
  for (const bool at_end : {false, true}) {
    auto check = check_host(request);
    ASSERT_NE(check.next(), nullptr);
    Answer answer{.status = Answer::Status::found, .records = {}};
    for (int i = 0; i < 500; ++i) answer.records.push_back("text " + std::string(1000, 'x'));
    if (at_end) answer.records.push_back("v=spf1 mx -all");
    check.feed(std::move(answer));
    if (!at_end) {
      EXPECT_EQ(check.next(), nullptr);
      EXPECT_EQ(check.result().status, Status::none);
      continue;
    }
    ASSERT_EQ(check.next()->type, RecordType::mx);
    check.feed({.status = Answer::Status::found,
                .records = std::vector<std::string>(500, "10 mail.example.com")});
    EXPECT_EQ(check.next(), nullptr);
    EXPECT_EQ(check.result().status, Status::permerror);
  }
}

TEST(CheckHost, bears_answers_that_make_no_sense) {
  for (const char* junk : {"", " ", "x", "10", "10 ", "999.1.1.1", "\xff\xfe", "a b c d"}) {
    auto check = check_host(from("192.0.2.1"));
    ASSERT_NE(check.next(), nullptr);
    check.feed({.status = Answer::Status::found,
                .records = {"v=spf1 mx a ptr exists:%{p}.x.example ?all"}});
    while (check.next() != nullptr) {
      check.feed({.status = Answer::Status::found, .records = {junk, junk}});
    }
    EXPECT_NE(check.result().status, Status::none) << junk;
  }
}

}  // namespace
}  // namespace mailauth::spf
