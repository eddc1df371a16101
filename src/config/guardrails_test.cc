#include "config/guardrails.h"

#include <gtest/gtest.h>

#include "config/config.h"

namespace postern::app {
namespace {

ConfigResult load_text(const std::string& text) {
  LoadOptions options;
  options.read_files = false;
  options.machine_name = "mx.example.com";
  return parse_config(text, "postern.toml", options);
}

/// "C012 3:1 message" of the only diagnostic.
std::string only(const ConfigResult& result) {
  const auto& list = result.diagnostics.list();
  if (list.size() != 1) return std::to_string(list.size()) + " diagnostics";
  const Diagnostic& one = list.front();
  return one.code + " " + std::to_string(one.line) + ":" + std::to_string(one.column) + " " +
         one.message;
}

TEST(GuardrailsTest, ReadsSentencesAndSets) {
  const ConfigResult result = load_text(R"([guardrails]
zones = { rule = "never discard", enforce = "warn", public = true }
inside_only = "never accept where client not in @inside"
networks.inside = "10.0.0.0/8, 192.0.2.0/24"
)");
  EXPECT_EQ(result.diagnostics.list().size(), 0u) << result.diagnostics.render();
  ASSERT_NE(result.config.guardrails, nullptr);
  const auto& all = result.config.guardrails->sentences;
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "inside_only");
  EXPECT_FALSE(all[0].warns);
  EXPECT_EQ(all[0].place.line, 3u);
  EXPECT_EQ(all[0].sentence.condition.parts[0].term.networks.size(), 2u);
  EXPECT_EQ(all[1].name, "zones");
  EXPECT_TRUE(all[1].warns);
  EXPECT_TRUE(all[1].is_public);
}

TEST(GuardrailsTest, IsAbsentWithoutSentences) {
  EXPECT_EQ(load_text("").config.guardrails, nullptr);
  EXPECT_EQ(load_text("[guardrails]\n").config.guardrails, nullptr);
}

TEST(GuardrailsTest, SaysWhereAMistakeStands) {
  const struct {
    std::string text;
    std::string said;  ///< at its beginning
  } cases[] = {
      {"[guardrails]\na = \"never except\"\n",
       "G001 2:12 the guardrail `a`, column 7: `except` is no verb"},
      {"[guardrails]\na = { rule = \"never accept where client in @x\" }\n",
       "G001 2:44 the guardrail `a`, column 30: there is no set"},
      {"[guardrails]\na = { enforce = \"warn\" }\n", "G001 2:1 the guardrail `a` has no rule"},
      {"[guardrails]\na = { rule = \"never hold\", enforce = \"maybe\" }\n", "C017 2:38 `enforce`"},
      {"[guardrails]\na = { rule = \"never hold\", enforced = true }\n", "C012 2:28 unknown key"},
      {"[guardrails]\na = 3\n", "C013 2:5 the guardrail `a` must be a sentence"},
      {"[guardrails]\n\"a b\" = \"never hold\"\n", "C020 2:1 `a b` is not a name"},
      {"[guardrails]\nnetworks = \"10.0.0.0/8\"\n", "C013 2:1 `networks`"},
      {"[guardrails]\nnetworks.in = \"10.0.0.0/8, 10.1.2.3/8\"\n", "G001 2:28 the set `in`"},
      {"[guardrails]\nnetworks.in = \"\"\n", "G101 2:15 the set `in` has no networks"},
      {"guardrails = 1\n", "C013 1:1 `guardrails` must be a section"},
      {"[guardrail]\n", "C011 1:2 unknown section `guardrail`"},
  };
  for (const auto& one : cases) {
    const std::string said = only(load_text(one.text));
    EXPECT_TRUE(said.starts_with(one.said)) << one.text << said;
  }
}

}  // namespace
}  // namespace postern::app
