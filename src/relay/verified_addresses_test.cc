#include "relay/verified_addresses.h"
#include "relay/schedule.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

using namespace std::chrono_literals;
using Kind = Verified::Kind;
using Time = VerifiedAddresses::Time;

class VerifiedAddressesTest : public ::testing::Test {
 protected:
  VerifiedAddressesTest() {
    known_.use({.positive_refresh = 100s,
                .positive_expire = 1000s,
                .negative_refresh = 10s,
                .negative_expire = 50s});
  }
  /// "ask", "ask again", "limited", or what is known.
  std::string look(const std::string& address, const std::string& client = "c",
                   bool is_foreign = false) {
    const auto found = known_.look_up(address, client, "x.example", is_foreign, now_);
    if (found.limited) return "limited";
    if (found.verified == nullptr) return found.ask ? "ask" : "open";
    return std::string(to_string(found.verified->kind)) + (found.ask ? ", ask again" : "");
  }
  void settle(const std::string& address, Kind kind) { known_.settle(address, {kind, "so"}, now_); }

  VerifiedAddresses known_{{.results = 3, .open = 4, .client_rate = 5, .domain_rate = 7}};
  Time now_{std::chrono::hours(500'000)};
};

TEST_F(VerifiedAddressesTest, asks_once_until_there_is_a_result) {
  EXPECT_EQ(look("a"), "ask");
  EXPECT_EQ(look("a"), "open");
  settle("a", Kind::undeliverable);
  EXPECT_EQ(look("a"), "undeliverable");
  EXPECT_EQ(known_.open(), 0u);
}

TEST_F(VerifiedAddressesTest, results_are_renewed_and_expire) {
  look("a");
  settle("a", Kind::deliverable);
  now_ += 99s;
  EXPECT_EQ(look("a"), "deliverable");
  now_ += 1s;
  EXPECT_EQ(look("a"), "deliverable, ask again");
  EXPECT_EQ(look("a"), "deliverable") << "one question at a time";
  now_ += 900s;
  EXPECT_EQ(look("a"), "open") << "expired";
  settle("a", Kind::deferred);
  now_ += 10s;
  EXPECT_EQ(look("a"), "deferred, ask again");
  now_ += 40s;
  EXPECT_EQ(look("a"), "open");
}

TEST_F(VerifiedAddressesTest, a_renewal_that_fails_does_not_end_a_good_result) {
  look("a");
  settle("a", Kind::deliverable);
  now_ += 100s;
  EXPECT_EQ(look("a"), "deliverable, ask again");
  settle("a", Kind::undeliverable);
  EXPECT_EQ(look("a"), "deliverable") << "and it is not asked for at once";
  now_ += 900s;
  EXPECT_EQ(look("a"), "ask");
}

TEST_F(VerifiedAddressesTest, one_client_has_few_open_questions) {
  known_ = VerifiedAddresses({.client_open = 3});
  for (const char* address : {"a", "b", "c"}) EXPECT_EQ(look(address), "ask");
  EXPECT_EQ(look("d"), "limited");
  EXPECT_EQ(look("d", "other"), "ask");
  settle("a", Kind::deferred);
  EXPECT_EQ(look("e"), "ask");
}

TEST_F(VerifiedAddressesTest, hosts_of_others_leave_room_for_those_of_routes) {
  known_ = VerifiedAddresses({.open = 3, .foreign_open = 2});
  EXPECT_EQ(look("a", "c", true), "ask");
  EXPECT_EQ(look("b", "d", true), "ask");
  EXPECT_EQ(look("c", "e", true), "limited");
  EXPECT_EQ(look("c", "e"), "ask");
  EXPECT_EQ(look("d", "e"), "limited") << "three are open";
  settle("c", Kind::deferred);
  EXPECT_EQ(look("d", "e", true), "limited") << "the place is not theirs";
  settle("a", Kind::deferred);
  EXPECT_EQ(look("d", "e", true), "ask");
}

TEST_F(VerifiedAddressesTest, failures_may_be_forgotten) {
  known_.use({.keep_negative = false});
  look("a");
  settle("a", Kind::undeliverable);
  EXPECT_EQ(look("a"), "ask");
}

TEST_F(VerifiedAddressesTest, the_results_not_used_for_longest_go_first) {
  for (const char* one : {"a", "b", "c"}) {
    look(one);
    settle(one, Kind::deliverable);
  }
  EXPECT_EQ(look("a"), "deliverable");
  look("d", "other");
  settle("d", Kind::deliverable);
  EXPECT_EQ(known_.size(), 3u);
  EXPECT_EQ(look("a"), "deliverable");
  EXPECT_EQ(look("b", "other"), "ask");
}

TEST_F(VerifiedAddressesTest, clients_domains_and_all_together_are_limited) {
  for (const char* one : {"a", "b", "c", "d"}) EXPECT_EQ(look(one), "ask");
  EXPECT_EQ(look("e", "other"), "limited") << "four are open";
  for (const char* one : {"a", "b", "c", "d"}) settle(one, Kind::deferred);
  EXPECT_EQ(look("e"), "ask");
  EXPECT_EQ(look("f"), "limited") << "five of one client";
  EXPECT_EQ(look("f", "other"), "ask");
  EXPECT_EQ(look("g", "other"), "ask");
  EXPECT_EQ(look("h", "third"), "limited") << "seven about one domain";
  now_ += 60s;
  EXPECT_EQ(look("h"), "ask");
}

TEST_F(VerifiedAddressesTest, stored_results_are_taken_unless_they_are_old) {
  known_.restore("a", {{Kind::deliverable, "so"}, now_ - 999s}, now_);
  known_.restore("b", {{Kind::undeliverable, "so"}, now_ - 50s}, now_);
  EXPECT_EQ(known_.size(), 1u);
  EXPECT_EQ(look("a"), "deliverable, ask again");
}

}  // namespace
}  // namespace postern::relay
