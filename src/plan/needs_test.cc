#include "plan/needs.h"

#include <gtest/gtest.h>

#include "plan/edition_test.h"

namespace postern::plan {
namespace {

std::map<std::string, RuleNeed> needs_in(
    const std::string& lists, const std::set<std::string>& origins,
    std::chrono::milliseconds time = std::chrono::seconds(20)) {
  const Edition now = edition_of("new.toml", lists);
  const auto edited = [&](const ListEdit& edit) -> std::optional<Edition> {
    const auto text = with_parameters(now.text, edit);
    return text ? std::optional(edition_of_text("new.toml", *text)) : std::nullopt;
  };
  return needs_of(now, origins, edited, time);
}

constexpr std::string_view needed_lists =
    "mydestination = \"ours.example\"\nmynetworks = \"198.51.100.0/24\"\n"
    "smtpd_client_restrictions = \"check_client_access cidr:{ {192.0.2.0/24 REJECT} }, "
    "check_client_access cidr:{ {192.0.2.7 REJECT} }, warn_if_reject reject_rbl_client "
    "bl.example.net, permit\"\n"
    "smtpd_relay_restrictions = \"permit_mynetworks, reject_unauth_destination\"\n"
    "smtpd_recipient_restrictions = \"reject_multi_recipient_bounce, reject_unauth_destination, "
    "reject_unauth_destination\"\n";

TEST(NeedsTest, TellsIdleSpareAndNeededRulesApart) {
  const auto needs = needs_in(
      std::string(needed_lists),
      {"smtpd_client_restrictions:1", "smtpd_client_restrictions:2", "smtpd_client_restrictions:3",
       "smtpd_client_restrictions:4", "smtpd_relay_restrictions:2",
       "smtpd_recipient_restrictions:1", "smtpd_recipient_restrictions:2",
       "smtpd_recipient_restrictions:3", "smtpd_data_restrictions:1"});
  const auto need = [&](const std::string& origin) { return needs.at(origin).need; };
  EXPECT_EQ(need("smtpd_client_restrictions:1"), Need::needed);
  EXPECT_EQ(need("smtpd_client_restrictions:2"), Need::idle) << "the first row has the client";
  EXPECT_EQ(need("smtpd_client_restrictions:3"), Need::idle) << "it only warns";
  EXPECT_EQ(need("smtpd_client_restrictions:4"), Need::spare) << "the end of a list permits";
  EXPECT_EQ(need("smtpd_relay_restrictions:2"), Need::spare) << "the next list refuses it, too";
  EXPECT_EQ(need("smtpd_recipient_restrictions:1"), Need::unknown);
  EXPECT_EQ(needs.at("smtpd_recipient_restrictions:1").why,
            "it looks at other recipients of the message");
  EXPECT_EQ(need("smtpd_recipient_restrictions:2"), Need::spare);
  EXPECT_EQ(need("smtpd_recipient_restrictions:3"), Need::idle);
  EXPECT_FALSE(needs.contains("smtpd_data_restrictions:1")) << "there is none";
  const auto& witness = needs.at("smtpd_client_restrictions:1").witness;
  ASSERT_TRUE(witness);
  EXPECT_FALSE(witness->before.taken);
  EXPECT_TRUE(witness->after.taken);
  EXPECT_TRUE(witness->spoken.client.starts_with("192.0.2.")) << witness->spoken.client;
}

TEST(NeedsTest, WithoutTimeNothingIsProved) {
  const auto needs = needs_in(std::string(needed_lists), {"smtpd_client_restrictions:1"},
                              std::chrono::milliseconds(0));
  EXPECT_EQ(needs.at("smtpd_client_restrictions:1").need, Need::unknown);
  EXPECT_EQ(needs.at("smtpd_client_restrictions:1").why, "there was no time for it");
}

}  // namespace
}  // namespace postern::plan
