// Plays lint.json of tests/suites/restrictions: fifty configurations and what a linter has to say.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "dialect/restrictions/lint_report.h"

namespace postern::dialect::restrictions {
namespace {

namespace json = boost::json;

json::value read_suite(const std::string& file) {
  std::ifstream in(POSTERN_SOURCE_DIR "/tests/suites/restrictions/" + file);
  std::ostringstream text;
  text << in.rdbuf();
  return json::parse(text.str());
}

/// "hash:@t" names a table of the case; it is put where the path would be.
struct Case {
  std::map<std::string, std::string, std::less<>> settings;
  std::map<std::string, std::string> files;
};

Case case_of(const json::object& base, const json::object& test) {
  Case made;
  for (const auto& from : {&base, &test.at("config").as_object()}) {
    for (const auto& [name, value] : *from) {
      made.settings[std::string(name)] = std::string(value.as_string());
    }
  }
  if (const auto* tables = test.if_contains("tables")) {
    for (const auto& [name, table] : tables->as_object()) {
      made.files["@" + std::string(name)] = std::string(table.at("text").as_string());
    }
  }
  return made;
}

TableSources sources_of(const Case& test) {
  return {.read = [&test](const std::string& path) -> Result<std::string> {
    const auto found = test.files.find(path);
    if (found == test.files.end()) return fail(Fault::not_found, path + " is not there");
    return found->second;
  }};
}

using Places = std::set<std::pair<std::string, std::int64_t>>;

Places places(const json::value& rows) {
  Places all;
  for (const json::value& row : rows.as_array()) {
    const auto& pair = row.as_array();
    all.emplace(std::string(pair[0].as_string()),
                pair[1].is_null() ? -1 : pair[1].to_number<std::int64_t>());
  }
  return all;
}

TEST(LintSuite, SaysWhatIsExpected) {
  const json::value cases = read_suite("cases.json");
  const json::value expected = read_suite("lint.json");
  std::size_t played = 0;
  for (const json::value& value : expected.at("cases").as_array()) {
    const json::object& test = value.as_object();
    SCOPED_TRACE(std::string(test.at("id").as_string()) + " " + json::serialize(test.at("config")));
    const Case made = case_of(cases.at("base").as_object(), test);
    const Parameters parameters(made.settings, "mx.postern.test");
    const Compiled compiled = compile(parameters, sources_of(made), Errors::defer);
    const LintReport report = lint(*compiled.draft, compiled.diagnostics);
    const json::object said = to_json(report);
    const json::object& expect = test.at("expect").as_object();
    for (const auto& [list, is] : expect.at("complete").as_object()) {
      EXPECT_EQ(said.at("complete").at(list), is) << list;
    }
    EXPECT_EQ(said.at("starts"), expect.at("starts"));
    EXPECT_EQ(said.at("open_relay"), expect.at("open_relay")) << to_text(report);
    EXPECT_EQ(places(said.at("unreachable")), places(expect.at("unreachable"))) << to_text(report);
    EXPECT_EQ(places(said.at("errors")), places(expect.at("errors"))) << to_text(report);
    EXPECT_EQ(report.open_relay == OpenRelay::yes, test.at("expect").at("open_relay") == "yes");
    if (report.open_relay == OpenRelay::yes) EXPECT_FALSE(report.witness.empty());
    ++played;
  }
  EXPECT_EQ(played, 50u);
}

}  // namespace
}  // namespace postern::dialect::restrictions
