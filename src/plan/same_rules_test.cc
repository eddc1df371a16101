#include "plan/same_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/policy_words.h"
#include "plan/compile.h"
#include "plan/random_lists_test.h"
#include "plan/settings_answers.h"

namespace postern::plan {
namespace {

namespace json = boost::json;
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

/// Compares the diagrams of both with those that each has alone, and says whether their rules are
/// alike; nullopt: the lists cannot be compiled.
std::optional<bool> compared(const restrictions::Loaded& before,
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
    const auto are_alike = compared(loaded(before), loaded(after));
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
    EXPECT_EQ(compared(loaded(before, one.before), loaded(after, one.after)), one.alike)
        << one.what;
  }
}

/// The keywords of answers: "reject_unlisted_sender" of "reject_unlisted_sender, permit".
std::set<std::string> keywords_of(const std::vector<std::string>& answers) {
  std::set<std::string> keywords;
  for (const std::string& one : answers) keywords.insert(one.substr(0, one.find(',')));
  return keywords;
}

// What a policy server's answer does hangs on parameters, by whatever way they have their values.
TEST(SettingsAnswersTest, ValuesMayBeMadeOfOthersAndStandInFiles) {
  using Files = std::map<std::string, std::string>;
  const auto answers = [](const Settings& before, const Settings& after,
                          const Files& old_files = {}, const Files& new_files = {}) {
    return keywords_of(answers_by_settings(loaded(before, old_files).definition,
                                           loaded(after, new_files).definition));
  };
  using Words = std::set<std::string>;
  const Settings by_macro{{"local_recipient_maps", "$lrm"}, {"lrm", "inline:{ {anna = x} }"}};
  Settings other = by_macro;
  other["lrm"] = "inline:{ {otto = x} }";
  const Words unlisted{"reject_unlisted_recipient", "reject_unlisted_sender"};
  EXPECT_EQ(answers(by_macro, by_macro), Words());
  EXPECT_EQ(answers(by_macro, other), unlisted);
  const Settings domains{{"mydestination", "/etc/domains"}, {"local_recipient_maps", ""}};
  EXPECT_EQ(
      answers(domains, domains, {{"/etc/domains", "one.test\n"}}, {{"/etc/domains", "two.test\n"}}),
      Words({"permit_auth_destination", "reject_unknown_sender_domain",
             "reject_unknown_recipient_domain", "reject_sender_login_mismatch",
             "reject_authenticated_sender_login_mismatch",
             "reject_unauthenticated_sender_login_mismatch", "reject_known_sender_login_mismatch",
             "reject_unlisted_recipient", "reject_unlisted_sender"}));
  const std::string large(100'000, '#');
  const Settings table{{"mydestination", "one.test"}, {"local_recipient_maps", "hash:/rows"}};
  EXPECT_EQ(
      answers(table, table, {{"/rows", large + "\nanna x\n"}}, {{"/rows", large + "\notto x\n"}}),
      unlisted);
}

// A keyword that another program may answer with, and none of whose parameters is looked at here,
// would make two versions the same that are not.
TEST(SettingsAnswersTest, EachKeywordHangsOnParametersOrOnNone) {
  static const std::set<std::string> of_none{
      "permit", "reject", "defer", "defer_if_permit", "defer_if_reject", "reject_unauth_pipelining",
      "reject_plaintext_session", "reject_multi_recipient_bounce", "permit_tls_all_clientcerts",
      "permit_naked_ip_address", "reject_unless_helo_literal_is_client",
      // Reply codes of refusals and names in DNS, which are the same in both.
      "reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname",
      "reject_invalid_helo_hostname", "reject_non_fqdn_helo_hostname",
      // Those of not_followed().
      "reject_non_fqdn_sender", "reject_non_fqdn_recipient", "permit_mx_backup",
      "permit_tls_clientcerts"};
  static const std::map<std::string, std::string> shown_by{
      {"reject_unauth_destination", "permit_auth_destination"},
      {"defer_unauth_destination", "permit_auth_destination"},
      {"check_relay_domains", "permit_auth_destination"}};
  const auto parameters = [](bool first) {
    std::map<std::string, std::string> all;
    for (const restrictions::Keyword& keyword : restrictions::keywords()) {
      const std::string code(keyword.code_parameter);
      if (!code.empty()) all[code] = first ? "450" : "550";
    }
    all["smtpd_sasl_auth_enable"] = first ? "yes" : "no";
    for (const char* name : {"mydestination", "mynetworks", "inet_interfaces", "maps_rbl_domains",
                             "smtpd_sender_login_maps", "local_recipient_maps"}) {
      all[name] = first ? "a.example" : "b.example";
    }
    for (const char* name :
         {"unknown_address_tempfail_action", "unknown_helo_hostname_tempfail_action"}) {
      all[name] = first ? "defer" : "defer_if_permit";
    }
    return json::serialize(json::object{
        {"hostname", "mx.example.com"}, {"parameters", json::value_from(all)}, {"files", {}}});
  };
  const auto found = keywords_of(answers_by_settings(parameters(true), parameters(false)));
  for (const restrictions::Keyword& keyword : restrictions::keywords()) {
    if (keyword.takes != restrictions::Keyword::Takes::nothing) continue;
    const std::string own(keyword.name);
    const auto shown = shown_by.find(own);
    const std::string name = shown == shown_by.end() ? own : shown->second;
    EXPECT_NE(found.contains(name), of_none.contains(name)) << keyword.name;
  }
}

TEST(SettingsAnswersTest, WhatIsNotFollowedIsSaid) {
  const auto said = [](const Settings& edit) {
    Settings before{{"append_dot_mydomain", "no"}};
    Settings after = before;
    for (const auto& [name, value] : edit) after[name] = value;
    return not_followed(loaded(before), loaded(after));
  };
  EXPECT_TRUE(said({{"recipient_delimiter", "+"}}).empty());
  for (const char* name : {"swap_bangpath", "allow_percent_hack", "smtpd_peername_lookup"}) {
    const auto found = said({{name, "no"}});
    ASSERT_EQ(found.size(), 1u) << name;
    EXPECT_FALSE(found.front().only_foreign) << name;
  }
  for (const char* name : {"permit_mx_backup_networks", "inet_interfaces"}) {
    const auto found = said({{name, "192.0.2.25"}});
    ASSERT_EQ(found.size(), 1u) << name;
    EXPECT_TRUE(found.front().only_foreign) << name;
  }
  EXPECT_EQ(said({{"relay_clientcerts", "inline:{ {AA:BB = a} }"}}).size(), 1u);
}

TEST(SettingsAnswersTest, DefaultsThatTheirTextsDoNotShow) {
  const auto answers = [](const Settings& before, const Settings& after) {
    return answers_by_settings(loaded(before).definition, loaded(after).definition);
  };
  using testing::Contains;
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(answers({}, {{"smtpd_sasl_auth_enable", "no"}}),
              Contains("permit_sasl_authenticated, reject"));
  EXPECT_THAT(answers({}, {{"smtpd_sasl_auth_enable", "yes"}}), IsEmpty());
  EXPECT_THAT(answers({}, {{"unverified_recipient_reject_code", "250"}}),
              ElementsAre("reject_unverified_recipient", "reject_unverified_recipient, permit"));
  // A class may permit and refuse, and name another.
  const Settings classes{
      {"smtpd_restriction_classes", "a, b"}, {"a", "b"}, {"b", "permit_mynetworks"}};
  Settings edited = classes;
  edited["b"] = "permit";
  EXPECT_THAT(answers(classes, edited),
              ElementsAre("a, reject", "a, permit", "b, reject", "b, permit"));
}

}  // namespace
}  // namespace postern::plan
