// Plays rfc7489.json, rfc9989.json and from-header.json of tests/suites/mailauth/dmarc.
#include <algorithm>

#include "mailauth/dmarc/evaluate.h"
#include "mailauth/dmarc/from_header.h"
#include "mailauth/suite_zone_test.h"

namespace mailauth::dmarc {
namespace {

namespace json = boost::json;
using testing::text_of;

Identifier identifier(const json::object& said) {
  Identifier out{.domain = text_of(said, "domain")};
  const std::string result = text_of(said, "result");
  if (result == "pass") out.outcome = Identifier::Outcome::pass;
  if (result == "temperror") out.outcome = Identifier::Outcome::temperror;
  return out;
}

Request request_of(const json::object& test) {
  Request request{.from_domain = text_of(test, "from_domain")};
  const json::object& spf = test.at("spf").as_object();
  if (text_of(spf, "identity") == "mailfrom") request.spf = identifier(spf);
  for (const json::value& signature : test.at("dkim").as_array()) {
    request.dkim.push_back(identifier(signature.as_object()));
  }
  return request;
}

/// Expects `got` to equal the expected value or one of a list of them; anything if there is none.
void expect(const json::object& expected, std::string_view member, const json::value& got) {
  const json::value* wanted = expected.if_contains(member);
  if (wanted == nullptr) return;
  bool same = *wanted == got;
  if (wanted->is_array() && !got.is_array()) {
    const json::array& any = wanted->as_array();
    same = std::find(any.begin(), any.end(), got) != any.end();
  }
  EXPECT_TRUE(same) << member << ": want " << *wanted << ", got " << got;
}

void play(const json::object& file, const json::object& test) {
  std::string rules;
  for (const json::value& rule : file.at("public_suffix_rules").as_array()) {
    rules += rule.as_string();
    rules += '\n';
  }
  const SuffixList suffixes = SuffixList::from_rules(rules);
  const Options options{
      .mode = text_of(test, "mode") == "rfc9989" ? Mode::tree_walk : Mode::public_suffix,
      .draw = test.at("random").to_number<unsigned>(),
      .suffixes = &suffixes};
  const testing::SuiteZone zone(test.at("dns").as_object());
  std::vector<Question> asked;
  const Result result = testing::drive(evaluate(request_of(test), options), zone, &asked);
  const json::object& wanted = test.at("expect").as_object();
  expect(wanted, "results", json::value(std::string(to_string(result.status))));
  expect(wanted, "policy", json::value(std::string(to_string(result.policy))));
  expect(wanted, "disposition", json::value(std::string(to_string(result.disposition))));
  expect(wanted, "record_domain", json::value(result.record_domain));
  expect(wanted, "org_domain", json::value(result.org_domain));
  expect(wanted, "spf_aligned", json::value(result.spf_aligned));
  expect(wanted, "dkim_aligned", json::value(result.dkim_aligned));
  json::array queries;
  for (const Question& question : asked) {
    if (question.name.starts_with("_dmarc.")) queries.emplace_back(question.name);
  }
  expect(wanted, "queries", json::value(queries));
  EXPECT_EQ(result.queries, static_cast<int>(asked.size()));
}

TEST(DmarcSuite, all_cases) {
  EXPECT_GE(testing::for_each_suite_case("dmarc", "postern-mailauth-dmarc/1", play), 69u);
}

void play_from(const json::object&, const json::object& test) {
  std::vector<std::string> fields;
  for (const json::value& header : test.at("headers").as_array()) {
    fields.emplace_back(header.as_string());
  }
  const Author author = author_of({fields.begin(), fields.end()});
  json::array domains;
  for (const std::string& domain : author.domains) domains.emplace_back(domain);
  expect(test, "domains", json::value(domains));
  expect(test, "valid", json::value(author.valid));
}

TEST(FromHeaderSuite, all_cases) {
  EXPECT_GE(testing::for_each_suite_case("dmarc", "postern-mailauth-from/1", play_from), 29u);
}

}  // namespace
}  // namespace mailauth::dmarc
