#include "dialect/kumo/name_lint.h"

#include <gtest/gtest.h>

#include "dialect/kumo/api.h"

namespace postern::dialect::kumo {
namespace {

using Findings = std::vector<std::string>;

struct Case {
  const char* name;
  const char* text;
  Findings findings;
};

struct NameLintTable : ::testing::TestWithParam<Case> {};

TEST_P(NameLintTable, names_what_is_not_there) {
  Findings findings;
  for (const MissingName& one : lint_names("policy.lua", GetParam().text, all_functions())) {
    findings.push_back(one.finding);
  }
  EXPECT_EQ(findings, GetParam().findings);
}

const Findings rejekt = {
    "policy.lua:2: kumo.rejekt is not available in Postern; did you mean `kumo.reject`?"};

INSTANTIATE_TEST_SUITE_P(
    Texts, NameLintTable,
    ::testing::Values(
        Case{"known", "kumo.on('init', function() kumo.string.split('a', ',') end)", {}},
        Case{"misspelt", "\nkumo.rejekt(550, 'no')", rejekt},
        Case{"in_a_function", "local f = function()\n  if x then kumo.rejekt() end\nend", rejekt},
        Case{"twice_a_line", "\nkumo.rejekt() kumo.rejekt()", rejekt},
        Case{"member_of_a_table",
             "kumo.string.splitt('a')",
             {"policy.lua:1: kumo.string.splitt is not available in Postern; did you mean "
              "`kumo.string.split`?"}},
        Case{"nothing_near",
             "kumo.wholly_other.make()",
             {"policy.lua:1: kumo.wholly_other is not available in Postern"}},
        Case{"table_as_a_value", "local s = kumo.string s.nothing()", {}},
        Case{"result_of_a_function", "kumo.digest.sha256('x').hexa", {}},
        Case{"spaces_and_comments",
             "kumo\n. -- the\n rejekt ()",
             {"policy.lua:3: kumo.rejekt is not available in Postern; did you mean "
              "`kumo.reject`?"}},
        Case{"in_comments", "-- kumo.x\n--[[ kumo.y\n kumo.z ]]\n--[==[ ]] kumo.w ]==]", {}},
        Case{"in_texts",
             R"lua(a = 'kumo.x' b = "\"kumo.y" c = [[kumo.z]] d = [=[ ]] kumo.w]=])lua",
             {}},
        Case{"lines_in_texts_count", "a = [[\n]] kumo.rejekt()", rejekt},
        Case{"concatenated",
             "x = y..kumo.rejekt",
             {"policy.lua:1: kumo.rejekt is not available in Postern; did you mean "
              "`kumo.reject`?"}},
        Case{"member_of_something_else", "my.kumo.nothing() my:kumo() t = {kumo_x = 1}", {}},
        Case{"assigned", "kumo.helper = 1\nreturn kumo.helper", {}},
        Case{"assigned_later", "f = function() kumo.helper() end\nfunction kumo.helper() end", {}},
        Case{"compared_is_not_assigned", "\nif kumo.rejekt == nil then end", rejekt},
        Case{"methods_of_messages",
             "local text = msg:get_data()\nlocal bad = message:arc_seal(signer)",
             {"policy.lua:2: msg:arc_seal is not available in Postern: Authentication-Results is "
              "written by `add_authentication_results`, signatures by `dkim_sign`"}},
        Case{"functions_of_that_name", "parse_mime() x.queue_name = 1 -- msg:shrink_data()", {}},
        Case{"required", "local kumo = require 'kumo'\nkumo.rejekt()", rejekt},
        Case{"another_kumo", "local kumo = { rejekt = print }\nkumo.rejekt()", {}},
        Case{"a_parameter", "function f(kumo)\n kumo.rejekt() end", {}},
        Case{"unfinished", "kumo.", {}}, Case{"unfinished_text", "kumo.on('abc", {}},
        Case{"unfinished_comment", "--[[ kumo.x", {}}, Case{"nothing", "", {}}),
    [](const auto& info) { return info.param.name; });

TEST(NameLint, a_misspelt_call_is_told_from_other_missing_names) {
  const std::pair<const char*, bool> cases[] = {
      {"kumo.rejekt(550, 'no')", true},
      {"kumo.rejekt 'no'", true},
      {"kumo.rejekt [[no]]", true},
      {"kumo.make_queue_confg { }", true},
      {"kumo.string.splitt('a')", true},
      {"local f = kumo.rejekt f() kumo.rejekt()", true},
      {"local f = kumo.rejekt", false},
      {"kumo.rejekt[1]()", false},
      {"kumo.amqp.build_client 'amqp://localhost'", false},
      {"kumo.get_memory_hard_limit()", false},
      {"kumo.invoke_get_egress_source 'pool-1'", false},
      {"kumo.yaml_load 'a.yaml'", false},
      {"msg:parse_mime()", false},
  };
  for (const auto& [text, misspelt] : cases) {
    const std::vector<MissingName> found = lint_names("policy.lua", text, all_functions());
    ASSERT_EQ(found.size(), 1u) << text;
    EXPECT_EQ(found[0].misspelt_call, misspelt) << text;
  }
  const auto lacking = lint_names("policy.lua", "kumo.yaml_load()", all_functions());
  ASSERT_EQ(lacking.size(), 1u);
  EXPECT_EQ(lacking[0].finding,
            "policy.lua:1: kumo.yaml_load is not available in Postern: use JSON or TOML");
}

TEST(NameLint, finds_the_handlers_of_key_sources) {
  EXPECT_EQ(key_source_events("load { event_name = 'get_key', event_args = { 'a' } }\n"
                              "-- event_name = 'no'\nx.event_name = \"other\" event_name = name"),
            (std::vector<std::string>{"get_key", "other"}));
  EXPECT_EQ(key_source_events("event_name event_name = '"), std::vector<std::string>());
}

}  // namespace
}  // namespace postern::dialect::kumo
