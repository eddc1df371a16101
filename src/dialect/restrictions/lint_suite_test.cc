// Runs lint.json of tests/suites/restrictions: fifty configurations with the expected findings.
#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "dialect/restrictions/lint_report.h"

namespace postern::dialect::restrictions {
namespace {

namespace json = boost::json;

json::value read_suite(const std::string& path) {
  return json::parse(tests::read_file(POSTERN_SOURCE_DIR "/" + path));
}

/// "hash:@t" names a table of the case; the path of its file replaces it.
struct ConfiguredCase {
  std::map<std::string, std::string, std::less<>> settings;
  std::map<std::string, std::string> files;
};

ConfiguredCase case_of(const json::object& base, const json::object& test) {
  ConfiguredCase made;
  for (const auto& from : {&base, &test.at("config").as_object()}) {
    for (const auto& [name, value] : *from) {
      std::string text(value.as_string());
      const std::size_t at = text.find("@policy");
      if (at != std::string::npos) text.replace(at, 7, "inet:127.0.0.1:10023");
      made.settings[std::string(name)] = std::move(text);
    }
  }
  if (const auto* tables = test.if_contains("tables")) {
    for (const auto& [name, table] : tables->as_object()) {
      made.files["@" + std::string(name)] = std::string(table.at("text").as_string());
    }
  }
  return made;
}

TableSources sources_of(const ConfiguredCase& test) {
  const auto read = [&test](const std::string& path) -> Result<std::string> {
    const auto found = test.files.find(path);
    if (found == test.files.end()) return fail(Fault::not_found, path + " is not there");
    return found->second;
  };
  return {.read = read, .bad_rows = BadRows::skip};
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
  const json::value cases = read_suite("tests/suites/restrictions/cases.json");
  const json::value expected = read_suite("tests/suites/restrictions/lint.json");
  std::size_t played = 0;
  for (const json::value& value : expected.at("cases").as_array()) {
    const json::object& test = value.as_object();
    SCOPED_TRACE(std::string(test.at("id").as_string()) + " " + json::serialize(test.at("config")));
    const ConfiguredCase made = case_of(cases.at("base").as_object(), test);
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

/// Judges a configuration as in its first case.
void judge_real(const json::object& base, const json::object& test, const json::object& expect) {
  const ConfiguredCase made = case_of(base, test);
  const Parameters parameters(made.settings, "mx.postern.test");
  const Compiled compiled = compile(parameters, sources_of(made), Errors::defer);
  const LintReport report = lint(*compiled.draft, compiled.diagnostics);
  for (const auto& [list, is] : expect.at("lists").as_object()) {
    const bool complete = report.complete.find(std::string_view(list))->second;
    if (is == "complete") EXPECT_TRUE(complete) << list << "\n" << to_text(report);
    if (is == "empty") EXPECT_FALSE(complete) << list;
  }
  EXPECT_EQ(json::value(report.starts), expect.at("starts"));
  if (expect.at("open_relay").as_bool()) {
    EXPECT_EQ(to_string(report.open_relay), "yes") << to_text(report);
  } else if (report.starts) {
    EXPECT_NE(to_string(report.open_relay), "yes") << to_text(report);
  }
  for (const json::value& keyword : expect.at("unknown_keywords").as_array()) {
    const bool named =
        std::any_of(report.errors.begin(), report.errors.end(), [&](const Finding& one) {
          return one.message.find(std::string_view(keyword.as_string())) != std::string::npos;
        });
    EXPECT_TRUE(named) << keyword;
  }
}

/// Published configurations: many licences or none apply to them, so they are not part of this
/// repository. POSTERN_REAL_CONFIGURATIONS names a file with them; without it these tests do not
/// run.
const json::value& real_configurations() {
  static const json::value suite = [] {
    const char* file = std::getenv("POSTERN_REAL_CONFIGURATIONS");
    return file == nullptr ? json::value() : json::parse(tests::read_file(file));
  }();
  return suite;
}

std::vector<std::string> real_ids() {
  std::vector<std::string> ids;
  if (real_configurations().is_null()) return ids;
  for (const json::value& one : real_configurations().at("configurations").as_array()) {
    ids.emplace_back(one.at("id").as_string());
  }
  return ids;
}

class RealConfiguration : public ::testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RealConfiguration);
INSTANTIATE_TEST_SUITE_P(Open, RealConfiguration, ::testing::ValuesIn(real_ids()),
                         [](const auto& one) { return "n" + std::to_string(one.index); });

TEST_P(RealConfiguration, LintAgrees) {
  SCOPED_TRACE(GetParam());
  const json::value& suite = real_configurations();
  const auto with_id = [&](std::string_view list, std::string_view key) -> const json::object& {
    for (const json::value& one : suite.at(list).as_array()) {
      if (one.at(key).as_string() == GetParam()) return one.as_object();
    }
    throw std::runtime_error("no " + GetParam() + " in " + std::string(list));
  };
  judge_real(suite.at("base").as_object(), with_id("cases", "origin_id"),
             with_id("configurations", "id").at("lint").as_object());
}

}  // namespace
}  // namespace postern::dialect::restrictions
