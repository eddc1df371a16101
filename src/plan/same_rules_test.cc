#include "plan/same_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/policy_words.h"
#include "plan/compile.h"
#include "plan/loaded_test.h"
#include "plan/random_lists_test.h"
#include "plan/settings_answers.h"

namespace postern::plan {
namespace {

namespace restrictions = dialect::restrictions;

/// Compares the diagrams of both with those that each has alone, and says whether their rules are
/// alike; nullopt: the lists cannot be compiled.
std::optional<bool> compared_diagrams(const restrictions::Loaded& before,
                                      const restrictions::Loaded& after) {
  const SameRules same(before, after);
  restrictions::PolicyWords words;
  words.answers = answers_by_settings(before.definition, after.definition);
  const std::array policies{before.compiled.policy.get(), after.compiled.policy.get()};
  std::string delimiters;
  for (const restrictions::ListPolicy* policy : policies) {
    words.add(*policy);
    delimiters += policy->recipient_delimiter;
  }
  if (!words.not_listed.empty()) return std::nullopt;
  Diagrams diagrams(3'000'000);
  try {
    Vocabulary vocabulary(diagrams, words, delimiters);
    const std::array<Ref, 2> alone{compile(*policies[0], vocabulary),
                                   compile(*policies[1], vocabulary)};
    EXPECT_EQ(compile_both(policies, {}, same, vocabulary), alone);
    if (same.are_alike()) {
      EXPECT_EQ(destinations(*policies[0], vocabulary), destinations(*policies[1], vocabulary));
    }
  } catch (const NotCompiled&) {
    return std::nullopt;
  } catch (const OverBudget&) {
    return std::nullopt;
  }
  return same.are_alike();
}

// One list is drawn anew, and sometimes a parameter is another one.
TEST(SameRulesTest, DiagramsOfBothAreThoseOfEach) {
  constexpr unsigned pairs = 20;  // each takes a second when sanitized
  unsigned counted = 0;
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
    const auto are_alike = compared_diagrams(loaded(before), loaded(after));
    EXPECT_EQ(are_alike.value_or(!is_another), !is_another)
        << "seed " << seed << "\n"
        << shown(before) << list << " = " << after[list];
    if (!are_alike) continue;
    if (*are_alike) ++alike;
    ++counted;
  }
  EXPECT_GT(counted, pairs / 2);
  EXPECT_GT(alike, pairs / 3);
}

// What a rule does may hang on a file whose name stands nowhere, and on what only one version
// reads.
TEST(SameRulesTest, WhatOneVersionAloneHasMayMatter) {
  using Files = std::map<std::string, std::string>;
  const Settings plain{{"compatibility_level", "3.6"},
                       {"mydestination", "local.test"},
                       {"local_recipient_maps", ""},
                       {"smtpd_relay_restrictions", "reject_unauth_destination"},
                       {"smtpd_recipient_restrictions", "reject_unlisted_recipient"}};
  const Files rows{{"/etc/postfix/t", "local.test x\n"}, {"/etc/passwd", "u:x:1:1::/:/bin/sh\n"}};
  const Files other{{"/etc/postfix/t", "relay.test x\n"}, {"/etc/passwd", "v:x:1:1::/:/bin/sh\n"}};
  struct Case {
    std::string_view what;
    Settings more;
    Files before;
    Files after;
    bool alike = false;
    Settings edit = {{"smtpd_sender_restrictions", "reject_unknown_sender_domain"}};
  };
  const Case cases[] = {
      {"nothing but lists", {}, rows, rows, true},
      {"a table", {{"relay_domains", "hash:/etc/postfix/t"}}, rows, rows, true},
      {"rows of a table", {{"relay_domains", "hash:/etc/postfix/t"}}, rows, other},
      {"a folder by its parameter", {{"relay_domains", "hash:$config_directory/t"}}, rows, other},
      {"a table that is not there yet", {{"relay_domains", "hash:/etc/postfix/t"}}, {}, rows},
      {"a table that is empty",
       {{"relay_domains", "hash:/etc/postfix/t"}},
       {},
       {{"/etc/postfix/t", ""}}},
      {"accounts of the machine", {{"local_recipient_maps", "unix:passwd.byname"}}, rows, other},
      {"a file of domains", {{"mydestination", "/etc/postfix/t"}}, rows, other},
      {"a file of what is left out",
       {{"mydestination", "!/etc/postfix/t, local.test"}},
       rows,
       other},
      {"a file in a file",
       {{"mydestination", "/etc/postfix/f"}},
       {{"/etc/postfix/f", "/etc/postfix/t\n"}, {"/etc/postfix/t", "local.test\n"}},
       {{"/etc/postfix/f", "/etc/postfix/t\n"}, {"/etc/postfix/t", "relay.test\n"}}},
      {"a table of a rule",
       {{"smtpd_client_restrictions", "check_client_access hash:/etc/postfix/t"}},
       rows,
       other},
      {"a name that a file has, too",
       {{"relay_domains", "hash:one.test"}},
       {{"one.test", "relay.test x\n"}},
       {{"two.test", "relay.test x\n"}},
       false,
       {{"relay_domains", "hash:two.test"}}},
      {"rows or aliases",
       {{"alias_database", "hash:/a"},
        {"smtpd_recipient_restrictions", "check_recipient_access hash:/a"}},
       {{"/a", "u@local.test: REJECT\n"}, {"/b", "u@local.test: REJECT\n"}},
       {{"/a", "u@local.test: REJECT\n"}, {"/b", "u@local.test: REJECT\n"}},
       false,
       {{"smtpd_recipient_restrictions", "check_recipient_access hash:/b"}}},
      {"another parameter",
       {{"maps_rbl_reject_code", "521"}},
       rows,
       rows,
       false,
       {{"maps_rbl_reject_code", "554"}}},
      {"a class that is made of a list",
       {{"smtpd_restriction_classes", "k"}, {"k", "$smtpd_sender_restrictions"}},
       rows,
       rows},
      {"braces around a table",
       {{"smtpd_client_restrictions", "check_client_access hash:/etc/postfix/t"},
        {"smtpd_helo_restrictions", "check_helo_access hash:/etc/postfix/t"}},
       rows,
       rows,
       true,
       {{"smtpd_client_restrictions", "check_client_access { hash:/etc/postfix/t }"}}},
  };
  for (const Case& one : cases) {
    Settings before = plain;
    for (const auto& [name, value] : one.more) before[name] = value;
    Settings after = before;
    for (const auto& [name, value] : one.edit) after[name] = value;
    EXPECT_EQ(compared_diagrams(loaded(before, one.before), loaded(after, one.after)), one.alike)
        << one.what;
  }
}

}  // namespace
}  // namespace postern::plan
