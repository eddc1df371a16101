// Which keywords another program's answers are tried with, by the parameters that differ.
#include "plan/settings_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/policy_words.h"
#include "plan/edition_test.h"
#include "plan/loaded_test.h"
#include "plan/same_rules.h"

namespace postern::plan {
namespace {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;

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
  const Words unlisted{"reject_unlisted_recipient", "reject_unlisted_sender",
                       "reject_unverified_recipient", "reject_unverified_sender"};
  EXPECT_EQ(answers(by_macro, by_macro), Words());
  EXPECT_EQ(answers(by_macro, other), unlisted);
  const Settings domains{{"mydestination", "/etc/domains"}, {"local_recipient_maps", ""}};
  EXPECT_EQ(
      answers(domains, domains, {{"/etc/domains", "one.test\n"}}, {{"/etc/domains", "two.test\n"}}),
      Words({"permit_auth_destination", "reject_unknown_sender_domain",
             "reject_unknown_recipient_domain", "reject_sender_login_mismatch",
             "reject_authenticated_sender_login_mismatch",
             "reject_unauthenticated_sender_login_mismatch", "reject_known_sender_login_mismatch",
             "reject_unlisted_recipient", "reject_unlisted_sender", "reject_unverified_recipient",
             "reject_unverified_sender", "reject_non_fqdn_sender", "reject_non_fqdn_recipient"}));
  const std::string large(100'000, '#');
  const Settings table{{"mydestination", "one.test"}, {"local_recipient_maps", "hash:/rows"}};
  EXPECT_EQ(
      answers(table, table, {{"/rows", large + "\nanna x\n"}}, {{"/rows", large + "\notto x\n"}}),
      unlisted);
}

/// A server with domains of each kind, mailboxes and owners.
Settings mail_server() {
  return {
      {"compatibility_level", "3.6"},
      {"myhostname", "mx.postern.test"},
      {"mydomain", "postern.test"},
      {"mydestination", "local.test, postern.test"},
      {"relay_domains", "relay.test"},
      {"virtual_alias_domains", "valias.test"},
      {"virtual_mailbox_domains", "vbox.test"},
      {"local_recipient_maps", "inline:{ {u = x} {b@local.test = x} }"},
      {"relay_recipient_maps", "inline:{ {b@relay.test = x} }"},
      {"virtual_alias_maps", "inline:{ {b@valias.test = u@local.test} }"},
      {"virtual_mailbox_maps", "inline:{ {b@vbox.test = x} }"},
      {"smtpd_sender_login_maps", "inline:{ {b@local.test = alice} {u@relay.test = bob} }"},
      {"mynetworks", "10.1.0.0/16"},
      {"inet_interfaces", "192.0.2.25"},
      {"recipient_delimiter", "+"},
      {"relay_clientcerts", "inline:{ {AA:BB = a} }"},
      {"smtpd_sasl_auth_enable", "yes"},
      {"smtpd_reject_unlisted_recipient", "no"},
      {"smtpd_relay_restrictions", ""},
  };
}

/// Other values than those of server(), by parameter: an edit of one must not be missed.
const std::map<std::string, std::vector<std::string>>& other_values() {
  static const std::string table = "inline:{ {c@local.test = x} {c@relay.test = x} }";
  static const std::map<std::string, std::vector<std::string>> all{
      {"address_verify_map", {"inline:{ {u@local.test = x} }"}},
      {"alias_database", {table}},
      {"alias_maps", {table}},
      {"append_dot_mydomain", {"yes"}},
      {"compatibility_level", {"0", "2"}},
      {"default_rbl_reply", {"$rbl_code 5.7.1 no"}},
      {"double_bounce_sender", {"nobody"}},
      {"fast_flush_domains", {"relay.test, local.test"}},
      {"inet_interfaces", {"192.0.2.26", "all"}},
      {"inet_protocols", {"ipv4", "ipv6"}},
      {"local_recipient_maps", {"", table}},
      {"maps_rbl_domains", {"bl.test"}},
      {"mydestination", {"local.test", "other.test", "$mydomain"}},
      {"mydomain", {"other.test"}},
      {"myhostname", {"mail.other.test"}},
      {"mynetworks", {"10.2.0.0/16", ""}},
      {"myorigin", {"local.test", "other.test"}},
      {"parent_domain_matches_subdomains", {"", "relay_domains", "smtpd_access_maps"}},
      {"permit_mx_backup_networks", {"192.0.2.0/24"}},
      {"proxy_interfaces", {"192.0.2.27"}},
      {"queue_directory", {"/var/spool/other"}},
      {"rbl_reply_maps", {"inline:{ {bl.test = 450 4.7.1 later} }"}},
      {"recipient_delimiter", {"", "-"}},
      {"relay_clientcerts", {"", "inline:{ {AA:CC = a} }"}},
      {"relay_domains", {"", "other.test", ".relay.test"}},
      {"relay_recipient_maps", {"", table}},
      {"smtpd_null_access_lookup_key", {"nobody"}},
      {"smtpd_policy_service_default_action", {"DUNNO"}},
      {"smtpd_policy_service_policy_context", {"other"}},
      {"smtpd_reject_filter_maps", {"pcre:{ {/^5(.*)/ 4$1} }"}},
      {"smtpd_reject_footer", {"ask us"}},
      {"smtpd_reject_footer_maps", {"pcre:{ {/^5/ ask us} }"}},
      {"smtpd_sender_login_maps", {"", "inline:{ {b@local.test = bob} }"}},
      {"unverified_recipient_defer_code", {"250", "451"}},
      {"unverified_recipient_reject_code", {"250", "550"}},
      {"unverified_recipient_reject_reason", {"no"}},
      {"unverified_sender_defer_code", {"250", "451"}},
      {"unverified_sender_reject_code", {"250", "550"}},
      {"unverified_sender_reject_reason", {"no"}},
      {"virtual_alias_domains", {"", "other.test"}},
      {"virtual_alias_maps", {"", table}},
      {"virtual_mailbox_domains", {"", "other.test"}},
      {"virtual_mailbox_maps", {"", table}},
      {"virtual_maps", {table}},
  };
  return all;
}

/// Those of a parameter; those of flags, codes, times and numbers follow from the default.
std::vector<std::string> other_values_of(const std::string& name) {
  const auto listed = other_values().find(name);
  if (listed != other_values().end()) return listed->second;
  const std::string was = restrictions::Parameters(mail_server()).text(name);
  if (was == "yes" || was == "no") return {was == "yes" ? "no" : "yes"};
  if (was == "defer_if_permit") return {"defer"};
  if (name.ends_with("_code")) return {was.starts_with('4') ? "550" : "450"};
  if (name.ends_with("_count")) return {"1", "2"};
  if (name.starts_with("address_verify_")) return {was == "1h" ? "2h" : "1h"};
  return {};
}

/// The keywords that a list of their own tells about: those that are questions themselves in a
/// diagram are left out, as they hang on all settings there (not_followed() has them).
std::vector<const restrictions::Keyword*> keywords_that_are_listed() {
  std::vector<const restrictions::Keyword*> found;
  for (const restrictions::Keyword& keyword : restrictions::keywords()) {
    if (keyword.takes != restrictions::Keyword::Takes::nothing) continue;
    Settings settings = mail_server();
    settings["smtpd_recipient_restrictions"] = std::string(keyword.name);
    const restrictions::Loaded lists = loaded(settings);
    restrictions::PolicyWords words;
    words.add(*lists.compiled.policy);
    if (words.opaque.empty()) found.push_back(&keyword);
  }
  return found;
}

/// An edit of server().
class Edit {
 public:
  explicit Edit(const Settings& edit) {
    for (const auto& [name, value] : edit) after_[name] = value;
    const restrictions::Loaded before = loaded(before_);
    const restrictions::Loaded after = loaded(after_);
    EXPECT_TRUE(before.compiled.policy && after.compiled.policy) << shown(edit);
    tried_ = keywords_of(answers_by_settings(before.definition, after.definition));
    proves_nothing_ = std::ranges::any_of(not_followed(before, after),
                                          [](const NotFollowed& one) { return !one.only_foreign; });
  }

  /// Whether the plan of such an edit is not proved if another program may answer with rules.
  bool proves_nothing() const { return proves_nothing_; }
  /// Whether answers with the keyword are tried.
  bool tries(std::string_view keyword) const {
    static const std::map<std::string_view, std::string_view> shown_by{
        {"reject_unauth_destination", "permit_auth_destination"},
        {"defer_unauth_destination", "permit_auth_destination"},
        {"check_relay_domains", "permit_auth_destination"}};
    const auto by = shown_by.find(keyword);
    return tried_.contains(std::string(by == shown_by.end() ? keyword : by->second));
  }
  /// Whether this recipient list does otherwise in the two.
  bool differs(const std::string& rules) const {
    EditOptions options;
    options.compare.time = std::chrono::minutes(10);
    const Comparison found =
        judge_edit(edition(before_, rules), edition(after_, rules), options).comparison;
    return found.answer() != Answer::same || found.replies != Known::no;
  }

 private:
  static Edition edition(Settings settings, const std::string& rules) {
    settings["smtpd_recipient_restrictions"] = rules;
    std::string text;
    for (const auto& [name, value] : settings) text += fmt::format("{} = \"{}\"\n", name, value);
    return edition_of("postern.toml", text);
  }

  Settings before_ = mail_server();
  Settings after_ = mail_server();
  std::set<std::string> tried_;
  bool proves_nothing_ = false;
};

/// One for each other value of a parameter; those of parameters that only say how replies, or when
/// addresses are probed again, are one.
std::vector<Settings> edits() {
  std::vector<Settings> found(1);
  for (const std::string_view parameter : restrictions::restriction_parameters()) {
    const std::string name(parameter);
    if (is_list(name) || name == "smtpd_restriction_classes") continue;
    const std::vector<std::string> values = other_values_of(name);
    EXPECT_FALSE(values.empty()) << "no other value is known for " << name;
    const bool is_of_words = name.ends_with("_code") || name.ends_with("_reason") ||
                             (name.starts_with("address_verify_") && name != "address_verify_map" &&
                              name != "address_verify_sender");
    for (const std::string& value : values) {
      if (is_of_words && value != "250") {
        found.front()[name] = value;
      } else {
        found.push_back({{name, value}});
      }
    }
  }
  return found;
}

// If another program may answer with a keyword, what that does with a dialogue may change with a
// parameter. Each keyword stands in a list here, by itself, and is compared under both values of
// each parameter: where it does not do the same, it is among the answers that are tried.
TEST(SettingsAnswersTest, EachParameterThatAKeywordHangsOnIsKnown) {
  const auto keywords = keywords_that_are_listed();
  EXPECT_GT(keywords.size(), 30u);
  unsigned compared = 0;
  for (const Settings& settings : edits()) {
    const Edit edit(settings);
    // Of some, whatever the list says: HELO may be left out, or an address is the server's own.
    if (edit.proves_nothing() || edit.differs("permit") || edit.differs("reject")) continue;
    std::vector<std::string> rules;
    std::string all;  // a list that has them all, each for a name of its own
    for (const restrictions::Keyword* keyword : keywords) {
      if (edit.tries(keyword->name)) continue;
      const bool permits = keyword->kind == restrictions::Keyword::Class::permit;
      rules.push_back(fmt::format("{}, {}", keyword->name, permits ? "reject" : "permit"));
      ++compared;
      if (keyword->subject == restrictions::Subject::helo) {
        EXPECT_FALSE(edit.differs(rules.back())) << rules.back() << "\n" << shown(settings);
      } else {
        all += fmt::format("{{h{}.test = {}}} ", rules.size(), rules.back());
      }
    }
    // What a table finds may hang on the edit, too.
    if (!edit.differs("check_helo_access inline:{ " + all + "}")) continue;
    for (const std::string& one : rules) {
      EXPECT_FALSE(edit.differs(one)) << one << "\n" << shown(settings);
    }
  }
  EXPECT_GT(compared, 1000u);
}

// With which code a keyword of another program's answer refuses is looked at, or not called the
// same.
TEST(SettingsAnswersTest, CodesOfAnswersAreCompared) {
  unsigned compared = 0;
  for (const restrictions::Keyword& keyword : restrictions::keywords()) {
    const std::string parameter(keyword.code_parameter);
    if (parameter.empty() || keyword.kind != restrictions::Keyword::Class::reject) continue;
    // A dialogue of a plan has one recipient.
    if (keyword.name == "reject_multi_recipient_bounce") continue;
    const std::string rules = "check_policy_service inet:127.0.0.1:9";
    EXPECT_FALSE(Edit({}).differs(rules));
    for (const std::string& value : other_values_of(parameter)) {
      EXPECT_TRUE(Edit({{parameter, value}}).differs(rules)) << keyword.name << " " << value;
      ++compared;
    }
  }
  EXPECT_GT(compared, 20u);
}

/// What rules ask about a dialogue, as one text.
std::string words_asked(const restrictions::PolicyWords& words) {
  return fmt::format(
      "login {} tls {} name {} listed {} sender {} recipient {} early {} owners {} "
      "keys [{}] logins [{}] zones {}",
      words.asks_login, words.asks_tls, words.asks_client_name, words.asks_listed_sender,
      words.asks_sender_form, words.asks_recipient_form, words.asks_early, words.asks_owners,
      fmt::join(words.owned_keys, " "), fmt::join(words.logins, " "), words.zones.size());
}

// A rule that another program's answer names tells the same dialogues apart as in a list: whatever
// it asks has its classes.
TEST(SettingsAnswersTest, AnAnswerAsksWhatItsRuleAsksInAList) {
  unsigned compared = 0;
  for (const char* program :
       {"check_policy_service inet:127.0.0.1:9", "check_sender_access tcp:127.0.0.1:9"}) {
    for (const restrictions::Keyword* keyword : keywords_that_are_listed()) {
      const std::string name(keyword->name);
      const auto words = [&](const std::string& rules, std::vector<std::string> answers) {
        Settings settings = mail_server();
        settings["smtpd_recipient_restrictions"] = rules;
        const restrictions::Loaded lists = loaded(settings);
        restrictions::PolicyWords found;
        found.answers = std::move(answers);
        found.add(*lists.compiled.policy);
        return words_asked(found);
      };
      EXPECT_EQ(words(program, {name, name + ", permit"}),
                words(fmt::format("{}, {}", program, name), {}))
          << name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 60u);
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
