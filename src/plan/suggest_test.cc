// Edits that judge one dialogue otherwise.
#include "plan/suggest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/edition_test.h"

namespace postern::plan {
namespace {

/// Names do not exist, but for one list.
class Zone final : public dns::Resolver {
 public:
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    if (question.type == dns::Type::a && question.name.ends_with(".bl.example")) {
      co_return dns::Answer{.status = dns::Status::found, .records = {"127.0.0.2"}};
    }
    co_return dns::Answer{.status = dns::Status::nx_domain, .records = {}};
  }
};

Complaint complaint(bool should_be_taken, const std::string& recipient) {
  Complaint made{.name = "it", .dialogue = {}, .should_be_taken = should_be_taken};
  made.dialogue.client = *IpAddress::parse("192.0.2.7");
  made.dialogue.helo = "mx.friend.example";
  made.dialogue.sender = mail::parse_mailbox("a@friend.example", mail::Utf8::allowed).value();
  made.dialogue.recipients = {mail::parse_mailbox(recipient, mail::Utf8::allowed).value()};
  made.dialogue.message = std::string(plain_message);
  return made;
}

Suggestions suggested(const std::string& text, const Complaint& what) {
  const Edition now = edition_of_text("postern.toml", text);
  Zone zone;
  const SuggestTools tools{.edited = [&](const ListEdit& edit) -> std::optional<Edition> {
                             return edition_of_text("postern.toml",
                                                    *with_parameters(now.text, edit));
                           },
                           .play =
                               [&](const Edition& edition) {
                                 const policy::Engine engine = engine_of(edition.config);
                                 return app::play({.config = edition.config,
                                                   .engine = engine,
                                                   .directory = *edition.directory,
                                                   .resolver = zone},
                                                  what.dialogue);
                               }};
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.guards.time = std::chrono::minutes(1);
  return suggest(now, what, tools, options);
}

std::vector<std::string> edit_words(const std::vector<Suggestion>& all) {
  std::vector<std::string> words;
  for (const Suggestion& one : all) words.push_back(one.edit.words);
  return words;
}

constexpr std::string_view suggest_lists = R"([restrictions]
mydestination = "local.example"
local_recipient_maps = ""
mynetworks = "10.1.0.0/16"
smtpd_client_restrictions = "reject_rbl_client bl.example"
smtpd_sender_restrictions = "check_sender_access inline:{ {friend.example = 550 5.7.1 no} }"
smtpd_relay_restrictions = "permit_mynetworks, reject_unauth_destination"
)";

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// Two lists refuse it: an edit has a row in front of each.
TEST(PlanSuggestTest, WhatShouldBeTaken) {
  const Suggestions found =
      suggested(std::string(suggest_lists), complaint(true, "b@local.example"));
  EXPECT_TRUE(found.is_wrong);
  ASSERT_FALSE(found.found.empty());
  const Suggestion& first = found.found.front();
  EXPECT_EQ(first.edit.words, "permit the client 192.0.2.7 in front of what refuses");
  EXPECT_EQ(first.edit.parameters.at("smtpd_client_restrictions"),
            "check_client_access cidr:{ {192.0.2.7 OK} }, reject_rbl_client bl.example");
  EXPECT_THAT(first.edit.parameters.at("smtpd_sender_restrictions"),
              HasSubstr("check_client_access cidr:{ {192.0.2.7 OK} }, check_sender_access"));
  for (const Suggestion& one : found.found) {
    EXPECT_EQ(one.report.comparison.answer(), Answer::accepts_more) << one.edit.words;
  }
  // Taking one of the two rules out is not enough.
  EXPECT_THAT(edit_words(found.found), Not(Contains(HasSubstr("take out"))));
}

// What lets strangers through to the world, or breaks a sentence, is proved and not suggested.
TEST(PlanSuggestTest, WhatBreaksAGuardrailIsNotSuggested) {
  const std::string text = std::string(suggest_lists) +
                           "[guardrails]\na = 'never accept where from in friend.example and rcpt "
                           "in partner.example and auth = none'\n";
  const Suggestions found = suggested(text, complaint(true, "b@partner.example"));
  EXPECT_TRUE(found.found.empty());
  ASSERT_FALSE(found.refused.empty());
  for (const Suggestion& one : found.refused) EXPECT_FALSE(one.refused.empty());
  EXPECT_THAT(found.refused.front().refused, HasSubstr("`a`"));
  EXPECT_THAT(found.refused.front().example, HasSubstr("friend.example> and RCPT TO:<"));
}

TEST(PlanSuggestTest, WhatShouldBeRefused) {
  const std::string text = R"([restrictions]
mydestination = "local.example"
local_recipient_maps = ""
smtpd_client_restrictions = "warn_if_reject reject_rbl_client bl.example"
)";
  const Suggestions found = suggested(text, complaint(false, "b@local.example"));
  EXPECT_THAT(edit_words(found.found), Contains("refuse the sender a@friend.example"));
  EXPECT_THAT(edit_words(found.found),
              Contains("let reject_rbl_client bl.example refuse, which only warns"));
  for (const Suggestion& one : found.found) {
    EXPECT_EQ(one.report.comparison.answer(), Answer::refuses_more) << one.edit.words;
  }
}

// All mail to one's own user is much: that comes last, though it changes one group only.
TEST(PlanSuggestTest, TheRecipientComesLast) {
  const std::string open =
      "[restrictions]\nmydestination = \"local.example\"\n"
      "local_recipient_maps = \"\"\nmynetworks = \"10.1.0.0/16\"\n";
  for (const bool taken : {true, false}) {
    const Suggestions found = suggested(
        taken ? open + "smtpd_client_restrictions = \"reject_rbl_client bl.example\"\n" : open,
        complaint(taken, "b@local.example"));
    const std::vector<std::string> words = edit_words(found.found);
    ASSERT_GT(words.size(), 2u) << taken;
    EXPECT_EQ(words.front(), taken ? "permit the client 192.0.2.7 in front of what refuses"
                                   : "refuse the client 192.0.2.7");
    EXPECT_THAT(words[1], HasSubstr("the sender a@friend.example"));
    EXPECT_THAT(words.back(), HasSubstr("the recipient b@local.example"));
  }
}

// A file may name its lists in short, and arguments in braces are written as they were.
TEST(PlanSuggestTest, AnEditIsWrittenAsTheFileWrites) {
  const std::string text = R"([restrictions]
mydestination = "local.example"
local_recipient_maps = ""
relay = "reject_rbl_client bl.example, check_policy_service { inet:127.0.0.1:9, timeout=3s, { default_action = DUNNO } }, reject_unauth_destination"
)";
  const Suggestions found = suggested(text, complaint(true, "b@local.example"));
  ASSERT_FALSE(found.found.empty());
  const std::string& list = found.found.front().edit.parameters.at("smtpd_relay_restrictions");
  EXPECT_EQ(list,
            "check_client_access cidr:{ {192.0.2.7 OK} }, reject_rbl_client bl.example, "
            "check_policy_service {inet:127.0.0.1:9, timeout=3s, { default_action = DUNNO }}, "
            "reject_unauth_destination");
  const std::string edited = with_parameters(text, found.found.front().edit).value();
  EXPECT_THAT(edited, HasSubstr("relay = "));
  EXPECT_THAT(edited, Not(HasSubstr("smtpd_relay_restrictions")));
}

TEST(PlanSuggestTest, WhatIsRightNeedsNoEdit) {
  const Suggestions found =
      suggested(std::string(suggest_lists), complaint(false, "b@local.example"));
  EXPECT_FALSE(found.is_wrong);
  EXPECT_TRUE(found.found.empty());
}

}  // namespace
}  // namespace postern::plan
