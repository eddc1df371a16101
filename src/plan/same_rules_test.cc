#include "plan/same_rules.h"

#include <gtest/gtest.h>

#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/policy_words.h"
#include "plan/compile.h"
#include "plan/random_lists_test.h"
#include "plan/settings_answers.h"

namespace postern::plan {
namespace {

namespace restrictions = dialect::restrictions;

restrictions::Loaded loaded(const Settings& settings,
                            const std::map<std::string, std::string>& files = {}) {
  restrictions::TableSources sources;
  sources.read = [&](const std::string& path) -> Result<std::string> {
    const auto file = files.find(path);
    if (file == files.end()) return fail(Fault::not_found, "no such file");
    return file->second;
  };
  return restrictions::load(restrictions::Parameters(settings, "mx.postern.test"), sources,
                            restrictions::Errors::defer);
}

// One list is drawn anew, and sometimes a parameter is another one.
TEST(SameRulesTest, DiagramsOfBothAreThoseOfEach) {
  constexpr unsigned pairs = 40;  // each takes a second when sanitized
  unsigned compared = 0;
  unsigned alike = 0;
  for (unsigned seed = 1; seed <= pairs; ++seed) {
    const Settings before = Draw(seed).settings();
    Settings after = before;
    const std::string list =
        seed % 2 == 0 ? "smtpd_recipient_restrictions" : "smtpd_sender_restrictions";
    after[list] = Draw(1000 + seed).settings()[list];
    if (!before.at(list).empty() && seed % 3 == 0) after[list] += ", " + before.at(list);
    const bool is_another = seed % 5 == 0;
    if (is_another) after["relay_domains"] = "relay.test, other.test";
    const std::array versions{loaded(before), loaded(after)};
    const SameRules same(versions[0].definition, versions[1].definition);
    EXPECT_EQ(static_cast<bool>(same), !is_another) << "seed " << seed;
    restrictions::PolicyWords words;
    words.answers = answers_by_settings(versions[0].definition, versions[1].definition);
    std::string delimiters;
    for (const auto& one : versions) {
      words.add(*one.compiled.policy);
      delimiters += one.compiled.policy->recipient_delimiter;
    }
    if (!words.not_listed.empty()) continue;
    Diagrams diagrams(3'000'000);
    Vocabulary vocabulary(diagrams, words, delimiters);
    const std::array policies{versions[0].compiled.policy.get(), versions[1].compiled.policy.get()};
    try {
      const std::array<Ref, 2> alone{compile(*policies[0], vocabulary),
                                     compile(*policies[1], vocabulary)};
      EXPECT_EQ(compile_both(policies, {}, same, vocabulary), alone)
          << "seed " << seed << "\n"
          << shown(before) << list << " = " << after[list];
      if (same) {
        ++alike;
        EXPECT_EQ(destinations(*policies[0], vocabulary), destinations(*policies[1], vocabulary));
      }
    } catch (const NotCompiled&) {
      continue;
    } catch (const OverBudget&) {
      continue;
    }
    ++compared;
  }
  EXPECT_GT(compared, pairs / 2);
  EXPECT_GT(alike, pairs / 3);
}

const restrictions::Rule& first_rule(const restrictions::Loaded& version) {
  return version.compiled.policy->list(restrictions::ListKind::client).front();
}

TEST(SameRulesTest, TablesAreWhatTheyContain) {
  const auto with_table = [](const std::string& path, const std::string& text) {
    return loaded({{"compatibility_level", "3.6"},
                   {"mydestination", "hash:" + path},
                   {"smtpd_client_restrictions", "check_client_access hash:" + path}},
                  {{path, text}});
  };
  const restrictions::Loaded here = with_table("/old/access", "example.org REJECT\n");
  const restrictions::Loaded there = with_table("/new/access", "example.org REJECT\n");
  const restrictions::Loaded other = with_table("/new/access", "example.org OK\n");
  const SameRules moved(here.definition, there.definition);
  EXPECT_TRUE(moved);
  EXPECT_EQ(moved.name_of(0, first_rule(here)), moved.name_of(1, first_rule(there)));
  const SameRules changed(there.definition, other.definition);
  EXPECT_FALSE(changed) << "mydestination";
  EXPECT_NE(changed.name_of(0, first_rule(there)), changed.name_of(1, first_rule(other)));
}

TEST(SameRulesTest, WhatIsWrittenAlikeMayBeAnotherRule) {
  const auto with = [](const std::string& rules, const std::string& more = "") {
    return loaded({{"compatibility_level", "3.6"},
                   {"smtpd_client_restrictions", rules},
                   {"maps_rbl_reject_code", more.empty() ? "554" : more}},
                  {{"/a", "example.org REJECT\n"},
                   {"/a/b", "example.org OK\n"},
                   {"/c", "example.org REJECT\n"}});
  };
  const auto are_same = [&](const std::string& one, const std::string& other) {
    const restrictions::Loaded before = with(one);
    const restrictions::Loaded after = with(other);
    const SameRules same(before.definition, after.definition);
    EXPECT_TRUE(same) << one;
    return same.name_of(0, first_rule(before)) == same.name_of(1, first_rule(after));
  };
  EXPECT_TRUE(are_same("check_client_access hash:/a", "check_client_access hash:/c"));
  EXPECT_FALSE(are_same("check_client_access hash:/a", "check_client_access hash:/a/b"));
  EXPECT_FALSE(are_same("check_client_access hash:/a", "check_client_access texthash:/c"));
  EXPECT_FALSE(are_same("check_client_access hash:/a", "check_client_access { hash:/a }"));
  EXPECT_FALSE(are_same("check_client_access hash:/a", "check_client_access hash:/none"));
  EXPECT_FALSE(are_same("reject_rbl_client bl.example.net", "reject_rbl_client bl.example.org"));
  const restrictions::Loaded before = with("reject_rbl_client bl.example.net");
  EXPECT_FALSE(
      SameRules(before.definition, with("reject_rbl_client bl.example.net", "521").definition));
}

}  // namespace
}  // namespace postern::plan
