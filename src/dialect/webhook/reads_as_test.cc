#include "dialect/webhook/reads_as.h"

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "dialect/webhook/compile.h"
#include "policy/catalogue.h"
#include "policy/evidence.h"

namespace postern::dialect::webhook {
namespace {

const std::string hash = "$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e";

PolicyFields fields(const std::string& members) {
  const auto body = boost::json::parse(R"({"name":"p")" + members + "}").as_object();
  const Parsed<PolicyWrite> parsed = parse_policy(body, nullptr);
  EXPECT_TRUE(parsed) << members;
  return parsed ? parsed->fields : PolicyFields{};
}

struct Case {
  const char* members;
  std::vector<std::string> lines;  ///< control, text, reply, stage
};

TEST(ReadsAs, words) {
  const std::string users =
      R"(,"require_smtp_auth":true,"smtp_credentials":"s1:)" + hash + ",s2:" + hash + "\"";
  const std::vector<Case> cases = {
      {"", {"none|Every message is accepted.|-|-"}},
      {R"(,"allowed_source_ips":"203.0.113.0/24")",
       {"source_ip|it comes from 203.0.113.0/24|550 5.7.1|rcpt"}},
      {R"(,"allowed_source_ips":"203.0.113.0/24,192.0.2.1,2001:db8::/32")",
       {"source_ip|it comes from 203.0.113.0/24, 192.0.2.1 or 2001:db8::/32|550 5.7.1|rcpt"}},
      {R"(,"allowed_source_ips":"192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4,192.0.2.5,192.0.2.6")",
       {"source_ip|it comes from 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5 or one of 1 "
        "more|550 5.7.1|rcpt"}},
      {users.c_str(), {"smtp_auth|the client signed in as s1 or s2, over TLS|530 5.7.0|rcpt"}},
      {R"(,"checks":"helo_literal_is_client","require_dkim":true)",
       {"helo_literal_is_client|an address literal in HELO is the client's address|550 5.7.1|rcpt",
        "dkim|at least one DKIM signature is valid|550 5.7.20|data"}},
      {R"(,"require_spf":true)",
       {"spf|SPF passes for the sender's domain; softfail, neutral and no record are refused "
        "too|550 5.7.23|data"}},
      {R"(,"require_spf":true,"allowed_spf_domains":"a.example,*.b.example","require_dkim":true)",
       {"spf|SPF passes, for a.example or a subdomain of b.example; another domain is refused with "
        "550 5.7.1|550 5.7.23|data",
        "dkim|at least one DKIM signature is valid|550 5.7.20|data"}},
      {R"(,"require_dkim":true,"allowed_dkim_domains":"a.example","mode":"shadow")",
       {"dkim|a valid DKIM signature is by a.example|-|data"}},
  };
  for (const Case& one : cases) {
    std::vector<std::string> lines;
    for (const Reading& reading : reads_as(fields(one.members))) {
      lines.push_back(reading.control + "|" + reading.text + "|" + reading.otherwise.value_or("-") +
                      "|" + reading.stage.value_or("-"));
    }
    EXPECT_EQ(lines, one.lines) << one.members;
  }
}

TEST(ReadsAs, order_is_that_of_the_plan) {
  const PolicyFields all = fields(
      R"(,"require_dkim":true,"require_spf":true,"allowed_source_ips":"192.0.2.1","require_smtp_auth":true,"smtp_credentials":"u:)" +
      hash + "\"");
  std::string order;
  for (const Reading& reading : reads_as(all)) order += reading.control + " ";
  EXPECT_EQ(order, "source_ip smtp_auth spf dkim ");
}

/// The text quotes the first reply in the catalogue, which is the one that the check gives.
TEST(ReadsAs, the_reply_is_the_one_the_check_gives) {
  const auto policy = compile("pol", "acc", 1, 1, fields(R"(,"allowed_source_ips":"192.0.2.1")"));
  policy::Evidence evidence;
  evidence.session.client_ip = *IpAddress::parse("198.51.100.1");
  const policy::Rule& rule = policy->plan.at(policy::Stage::rcpt).front();
  const policy::Verdict verdict = rule.check->judge(evidence, rule.argument);
  EXPECT_EQ(std::to_string(verdict.reply.code) + " " + verdict.reply.enhanced.to_string(),
            *reads_as(fields(R"(,"allowed_source_ips":"192.0.2.1")"))[0].otherwise);
}

TEST(ReadsAs, advises) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "name "},
      {R"(,"mode":"shadow")", "name "},
      {R"(,"checks":"helo_literal_is_client")", ""},
      {R"(,"require_spf":true,"allowed_spf_domains":"a.example")", ""},
      {R"(,"require_spf":true)", "require_spf "},
      {R"(,"require_dkim":true,"mode":"shadow")", "mode require_dkim "},
      {R"(,"require_dkim":true,"require_spf":true)", "require_spf require_dkim "},
      {R"(,"allowed_source_ips":"0.0.0.0/0,::/0")", "allowed_source_ips allowed_source_ips "},
      {R"(,"allowed_source_ips":"192.0.2.1","smtp_credentials":"u:)" + hash + "\"",
       "smtp_credentials "},
  };
  for (const auto& [members, expected] : cases) {
    std::string of;
    for (const Advice& advice : advise(fields(members))) of += advice.field + " ";
    EXPECT_EQ(of, expected) << members;
  }
}

}  // namespace
}  // namespace postern::dialect::webhook
