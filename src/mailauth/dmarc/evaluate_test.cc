#include "mailauth/dmarc/evaluate.h"

#include "mailauth/suite_zone_test.h"

namespace mailauth::dmarc {
namespace {

using Outcome = Identifier::Outcome;
using testing::zone_of;

struct Asked {
  Result result;
  std::vector<std::string> names;
};

Asked ask(const Request& request, const testing::SuiteZone& zone, const Options& options) {
  std::vector<Question> questions;
  Asked asked;
  asked.result = testing::drive(evaluate(request, options), zone, &questions);
  for (const Question& question : questions) asked.names.push_back(question.name);
  return asked;
}

Identifier passed(std::string domain) { return {Outcome::pass, std::move(domain)}; }

constexpr Options walk{.mode = Mode::tree_walk};

TEST(DmarcTreeWalk, asks_for_eight_names_at_most) {
  // The example of RFC 9989 §4.10.
  const Request request{.from_domain = "a.b.c.d.e.f.g.h.i.j.mail.example.com"};
  const Asked asked = ask(request, {}, walk);
  EXPECT_EQ(asked.result.status, Status::none);
  EXPECT_EQ(asked.names, (std::vector<std::string>{
                             "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
                             "_dmarc.g.h.i.j.mail.example.com", "_dmarc.h.i.j.mail.example.com",
                             "_dmarc.i.j.mail.example.com", "_dmarc.j.mail.example.com",
                             "_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com"}));
}

TEST(DmarcTreeWalk, ends_at_a_record_that_speaks_of_suffixes) {
  const auto zone = zone_of(R"({"_dmarc.b.example.com": {"TXT": ["v=DMARC1; p=reject; psd=n"]}})");
  const Asked no = ask({.from_domain = "a.b.example.com"}, zone, walk);
  EXPECT_EQ(no.names, (std::vector<std::string>{"_dmarc.a.b.example.com", "_dmarc.b.example.com"}));
  EXPECT_EQ(no.result.org_domain, "b.example.com");
  const auto suffix = zone_of(R"({"_dmarc.example": {"TXT": ["v=DMARC1; p=reject; psd=y"]}})");
  const Asked yes = ask({.from_domain = "a.b.c.d.e.f.g.h.bank.example"}, suffix, walk);
  EXPECT_EQ(yes.result.org_domain, "bank.example");
  EXPECT_EQ(yes.result.record_domain, "example");
  // The public suffix itself is the author domain, so the record is its own.
  const Asked own = ask({.from_domain = "example"}, suffix, walk);
  EXPECT_EQ(own.result.org_domain, "example");
}

TEST(DmarcTreeWalk, asks_for_no_name_twice) {
  const auto zone = zone_of(R"({"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}})");
  const Request request{.from_domain = "a.example.com",
                        .spf = passed("b.example.com"),
                        .dkim = {passed("other.example"), passed("c.d.example.com")}};
  const Asked asked = ask(request, zone, walk);
  EXPECT_EQ(asked.result.status, Status::pass);
  EXPECT_TRUE(asked.result.dkim_aligned);
  EXPECT_TRUE(asked.result.spf_aligned);
  EXPECT_EQ(asked.names,
            (std::vector<std::string>{"_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com",
                                      "_dmarc.c.d.example.com", "_dmarc.d.example.com",
                                      "_dmarc.b.example.com"}));
}

TEST(DmarcTreeWalk, ignores_several_records_at_a_name_and_goes_on) {
  const auto zone = zone_of(R"({"_dmarc.a.example.com": {"TXT":
      ["v=DMARC1; p=none", "v=DMARC1; p=none"]},
      "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject", "something else"]}})");
  const Asked asked = ask({.from_domain = "a.example.com"}, zone, walk);
  EXPECT_EQ(asked.result.status, Status::fail);
  EXPECT_EQ(asked.result.record_domain, "example.com");
}

TEST(DmarcDiscovery, several_records_at_the_authors_domain_end_it) {  // RFC 7489 §6.6.3 step 5
  const auto zone = zone_of(R"({"_dmarc.a.example.com": {"TXT":
      ["v=DMARC1; p=none", "v=DMARC1; p=none"]},
      "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}})");
  const Asked asked = ask({.from_domain = "a.example.com"}, zone, {});
  EXPECT_EQ(asked.result.status, Status::none);
  EXPECT_EQ(asked.names, (std::vector<std::string>{"_dmarc.a.example.com"}));
  EXPECT_EQ(ask({.from_domain = "b.example.com"}, zone, {}).result.status, Status::fail);
}

TEST(DmarcTreeWalk, silence_above_matters_only_where_it_decides) {
  const auto zone = zone_of(R"({"_dmarc.a.example.com": {"TXT": ["v=DMARC1; p=reject"]},
      "_dmarc.example.com": {"TXT": "SERVFAIL"}, "_dmarc.com": {"TXT": "SERVFAIL"}})");
  Request request{.from_domain = "a.example.com", .dkim = {passed("a.example.com")}};
  EXPECT_EQ(ask(request, zone, walk).result.status, Status::pass);
  request.dkim = {passed("x.a.example.com")};
  EXPECT_EQ(ask(request, zone, walk).result.status, Status::pass);
  request.dkim = {passed("example.com")};
  EXPECT_EQ(ask(request, zone, walk).result.status, Status::temperror);
  request.dkim = {passed("example.org")};
  EXPECT_EQ(ask(request, zone, walk).result.status, Status::fail);
  request = {.from_domain = "b.example.com"};
  EXPECT_EQ(ask(request, zone, walk).result.status, Status::temperror);
}

TEST(DmarcTreeWalk, np_is_for_names_that_dns_does_not_know) {
  const auto zone = zone_of(R"({"_dmarc.example.com": {"TXT":
      ["v=DMARC1; p=none; sp=quarantine; np=reject"]}, "is.example.com": {"A": ["192.0.2.1"]},
      "fails.example.com": {"A": "SERVFAIL"}})");
  const std::pair<const char*, Policy> cases[] = {{"example.com", Policy::none},
                                                  {"is.example.com", Policy::quarantine},
                                                  {"fails.example.com", Policy::quarantine},
                                                  {"no.example.com", Policy::reject}};
  for (const auto& [domain, policy] : cases) {
    EXPECT_EQ(ask({.from_domain = domain}, zone, walk).result.policy, policy) << domain;
  }
  EXPECT_EQ(ask({.from_domain = "no.example.com"}, zone, {}).result.policy, Policy::quarantine)
      << "RFC 7489 has no np";
}

TEST(DmarcTreeWalk, looks_at_the_policy_tag_that_applies) {
  const auto zone = zone_of(R"({"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject; sp=huh"]}})");
  EXPECT_EQ(ask({.from_domain = "example.com"}, zone, walk).result.policy, Policy::reject);
  EXPECT_EQ(ask({.from_domain = "a.example.com"}, zone, walk).result.status, Status::none);
  EXPECT_EQ(ask({.from_domain = "example.com"}, zone, {}).result.status, Status::none)
      << "RFC 7489 §6.6.3 step 6 refuses the whole record";
}

TEST(Dmarc, ends_with_the_budget_of_its_caller) {
  const auto zone = zone_of(R"({"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}})");
  Options options = walk;
  options.queries = 2;
  Request request{.from_domain = "a.b.example.com"};
  EXPECT_EQ(ask(request, zone, options).result.status, Status::temperror);
  request = {.from_domain = "example.com"};
  for (int i = 0; i < 100; ++i) {
    const std::string label = "x" + std::to_string(i);
    request.dkim.push_back({Outcome::temperror, label + ".a.b.c.d.e.f.example.com"});
  }
  const Asked asked = ask(request, zone, walk);
  EXPECT_LE(asked.names.size(), static_cast<std::size_t>(max_queries));
  for (int i = 0; i < 100; ++i) request.dkim.push_back(passed("x.y" + std::to_string(i) + ".com"));
  EXPECT_LE(ask(request, zone, walk).names.size(), static_cast<std::size_t>(max_queries));
}

TEST(Dmarc, what_may_pass_later_is_not_refused_now) {
  const auto zone = zone_of(R"({"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}})");
  Request request{.from_domain = "example.com", .dkim = {{Outcome::temperror, "example.com"}}};
  EXPECT_EQ(ask(request, zone, {}).result.status, Status::temperror);
  EXPECT_EQ(ask(request, zone, {}).result.disposition, Policy::none);
  request.dkim = {{Outcome::temperror, "example.org"}};
  EXPECT_EQ(ask(request, zone, {}).result.status, Status::fail);
}

TEST(Dmarc, without_a_draw_the_policy_always_applies) {
  const auto zone = zone_of(R"({"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject; pct=0"]}})");
  EXPECT_EQ(ask({.from_domain = "example.com"}, zone, {}).result.disposition, Policy::reject);
  EXPECT_EQ(ask({.from_domain = "example.com"}, zone, {.draw = 0}).result.disposition,
            Policy::quarantine);
}

TEST(Dmarc, needs_an_author_domain) {
  for (const char* domain : {"", "a..example", "[192.0.2.1]"}) {
    const Asked asked = ask({.from_domain = domain}, {}, {});
    EXPECT_EQ(asked.result.status, Status::permerror);
    EXPECT_TRUE(asked.names.empty());
  }
}

TEST(DmarcAuthor, is_one_or_the_strictest_of_several) {
  const auto zone = zone_of(R"({"_dmarc.one.example": {"TXT": ["v=DMARC1; p=none"]},
      "_dmarc.two.example": {"TXT": ["v=DMARC1; p=reject"]}})");
  const auto judge = [&](const char* field, const Options& options) {
    return testing::drive(
        evaluate_author(author_of({field}), {.dkim = {passed("one.example")}}, options), zone);
  };
  const Options strictest{.author = AuthorRule::strictest};
  EXPECT_EQ(judge("a@one.example", {}).status, Status::pass);
  EXPECT_EQ(judge("<@x.example:a@one.example>", {}).status, Status::permerror);
  EXPECT_EQ(judge("<@x.example:a@one.example>", strictest).status, Status::pass);
  EXPECT_EQ(judge("a@one.example, b@two.example", {}).status, Status::permerror);
  const Result several = judge("a@one.example, b@two.example", strictest);
  EXPECT_EQ(several.status, Status::fail);
  EXPECT_EQ(several.disposition, Policy::reject);
  EXPECT_EQ(several.from_domain, "two.example");
  EXPECT_EQ(
      judge("a@a.example, a@b.example, a@c.example, a@d.example, a@e.example", strictest).status,
      Status::permerror);
  EXPECT_EQ(judge("nobody", strictest).reason, "the From field is no address list");
}

}  // namespace
}  // namespace mailauth::dmarc
