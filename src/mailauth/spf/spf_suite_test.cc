// Plays the files of tests/suites/mailauth/spf.
#include <algorithm>
#include <cctype>

#include "mailauth/spf/check_host.h"
#include "mailauth/spf/record.h"
#include "mailauth/suite_zone_test.h"

namespace mailauth::spf {
namespace {

namespace json = boost::json;
using testing::accepts;
using testing::text_of;

void play(const json::object& file, const json::object& test) {
  testing::SuiteZone zone;
  if (file.contains("zone")) zone.add(file.at("zone").as_object());
  if (test.contains("zone")) zone.add(test.at("zone").as_object());
  RecordCache cache;
  const Request request{.client = postern::IpAddress::parse(text_of(test, "ip")).value(),
                        .helo = text_of(test, "helo"),
                        .mail_from = text_of(test, "mailfrom")};
  for (RecordCache* records : {static_cast<RecordCache*>(nullptr), &cache, &cache}) {
    const Result result =
        testing::drive(check_host(request, {.receiver = "mx.example.org", .cache = records}), zone);
    EXPECT_TRUE(accepts(test.at("results").as_array(), to_string(result.status)))
        << to_string(result.status) << ": " << result.reason;
    EXPECT_LE(result.queries, max_queries);
    const json::value& explanation = test.at("explanation");
    if (!explanation.is_string() || result.status != Status::fail) continue;
    const std::string wanted(explanation.as_string());
    EXPECT_EQ(result.explanation, wanted == "DEFAULT" ? "" : wanted);
  }
}

TEST(SpfSuite, all_cases) {
  EXPECT_GE(testing::for_each_suite_case("spf", "postern-mailauth-spf/1", play), 227u);
}

}  // namespace
}  // namespace mailauth::spf
