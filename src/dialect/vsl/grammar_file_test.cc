// share/editors/vsl.tmLanguage.json, by which editors colour scripts, has the words of the lexer.
#include <gtest/gtest.h>

#include <set>

#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "dialect/regex.h"
#include "dialect/vsl/compiler.h"
#include "dialect/vsl/lexer.h"

namespace postern::dialect::vsl {
namespace {

boost::json::object grammar() {
  const auto path = POSTERN_SOURCE_DIR "/share/editors/vsl.tmLanguage.json";
  return boost::json::parse(tests::read_file(path)).as_object();
}

RegexOptions options() {
  return {.caseless = false, .multiline = true, .dot_all = false, .unicode = true};
}

/// The alternatives of `\b(a|b)\b`, or of the one group of another pattern.
std::vector<std::string> words_of(std::string_view pattern) {
  const std::size_t begin = pattern.find('(', pattern.starts_with("(?") ? 2 : 0);
  const std::string_view group = pattern.substr(begin + 1, pattern.find(')', begin) - begin - 1);
  std::vector<std::string> words;
  for (const std::string_view word : split(group, '|')) words.emplace_back(word);
  return words;
}

std::string match_of(const boost::json::object& rule) {
  return std::string(rule.at("match").as_string());
}

const boost::json::object& rule(const boost::json::object& all, std::string_view name) {
  return all.at("repository").at(name).as_object();
}

/// Calls `visit` with every pattern of the file.
void for_each_pattern(const boost::json::value& value, const auto& visit) {
  if (value.is_array()) {
    for (const boost::json::value& one : value.get_array()) for_each_pattern(one, visit);
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      const bool is_pattern = key == "match" || key == "begin" || key == "end";
      if (is_pattern) visit(std::string_view(member.as_string()));
      for_each_pattern(member, visit);
    }
  }
}

void for_each_include(const boost::json::value& value, const auto& visit) {
  if (value.is_array()) {
    for (const boost::json::value& one : value.get_array()) for_each_include(one, visit);
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      if (key == "include") visit(std::string_view(member.as_string()));
      for_each_include(member, visit);
    }
  }
}

TEST(VslGrammarFile, HasTheLexersKeywords) {
  const boost::json::object all = grammar();
  EXPECT_EQ(all.at("scopeName").as_string(), "source.vsl");
  std::set<std::string> words;
  for (const boost::json::value& one : rule(all, "keywords").at("patterns").as_array()) {
    for (std::string& word : words_of(match_of(one.as_object()))) {
      EXPECT_TRUE(words.insert(word).second) << word << " is there twice";
    }
  }
  EXPECT_EQ(words, std::set<std::string>(keywords().begin(), keywords().end()));
}

TEST(VslGrammarFile, HasTheStages) {
  std::set<policy::Stage> stages;
  const std::string pattern = match_of(rule(grammar(), "stages"));
  for (const std::string& word : words_of(pattern.substr(pattern.find(")(") + 1))) {
    ASSERT_TRUE(stage_named(word)) << word;
    stages.insert(*stage_named(word));
  }
  EXPECT_EQ(stages.size(), policy::stage_count - 1) << "all but `data`, which scripts do not know";
}

TEST(VslGrammarFile, HasPatternsThatCompileAndRulesThatAreThere) {
  const boost::json::object all = grammar();
  int patterns = 0;
  for_each_pattern(all, [&](std::string_view pattern) {
    const auto compiled = Regex::compile(pattern, options());
    EXPECT_TRUE(compiled) << pattern << ": " << compiled.error().message;
    ++patterns;
  });
  EXPECT_GT(patterns, 20);
  for_each_include(all, [&](std::string_view name) {
    ASSERT_TRUE(name.starts_with('#')) << name;
    EXPECT_TRUE(all.at("repository").as_object().contains(name.substr(1))) << name;
  });
}

TEST(VslGrammarFile, FindsWhatADeclarationIsMadeOf) {
  const boost::json::object all = grammar();
  const struct {
    std::string_view rule;
    std::string_view text;
    std::vector<std::string_view> groups;
  } cases[] = {
      {"directives", "rule \"a b\" || next()", {"rule", "", "\"a b\""}},
      {"directives", "delegate m::av \"a\" ||", {"delegate", "m::av", "\"a\""}},
      {"objects", "object été file:fqdn = \"x\"", {"object", "été", "file", ":", "fqdn"}},
      {"services", "service av cmd = #{}", {"service", "av", "cmd"}},
      {"functions", "private fn f(a)", {"fn", "f"}},
  };
  for (const auto& one : cases) {
    const auto pattern = Regex::compile(match_of(rule(all, one.rule)), options());
    ASSERT_TRUE(pattern) << one.rule;
    ASSERT_EQ(
        pattern->search(one.text, 0, std::chrono::steady_clock::now() + std::chrono::hours(1)),
        Regex::Outcome::yes)
        << one.text;
    for (unsigned i = 0; i < one.groups.size(); ++i) {
      EXPECT_EQ(Regex::group(one.text, i + 1), one.groups[i]) << one.text;
    }
  }
}

}  // namespace
}  // namespace postern::dialect::vsl
