#include "gateway/admission.h"

#include <array>
#include <chrono>

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

using Refusal = Admission::Refusal;
const IpAddress stranger = *IpAddress::parse("203.0.113.9");
constexpr std::array<std::chrono::milliseconds, 3> none{};

TEST(Admission, counts_sessions_an_address_while_their_tickets_live) {
  Admission admission({.sessions = 10, .sessions_per_address = 2, .new_sessions_per_minute = 0});
  auto first = admission.admit(stranger);
  {
    auto second = admission.admit(stranger);
    EXPECT_FALSE(second.refusal);
    EXPECT_EQ(admission.admit(stranger).refusal, Refusal::too_many_from_address);
    EXPECT_FALSE(admission.admit(*IpAddress::parse("203.0.113.10")).refusal);
  }
  EXPECT_FALSE(admission.admit(stranger).refusal);
  EXPECT_EQ(admission.open_sessions(), 1u);
}

TEST(Admission, an_ipv6_client_is_its_64_bit_network) {
  Admission admission({.sessions_per_address = 1});
  auto first = admission.admit(*IpAddress::parse("2001:db8::1"));
  EXPECT_EQ(admission.admit(*IpAddress::parse("2001:db8::2")).refusal,
            Refusal::too_many_from_address);
  EXPECT_FALSE(admission.admit(*IpAddress::parse("2001:db8:0:1::1")).refusal);
}

TEST(Admission, limits_new_sessions_a_minute) {
  Admission admission({.new_sessions_per_minute = 3});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(admission.admit(stranger).refusal);
  EXPECT_EQ(admission.admit(stranger).refusal, Refusal::too_many_new);
}

TEST(Admission, exempt_networks_have_only_the_total) {
  Admission admission({.sessions = 3,
                       .sessions_per_address = 1,
                       .new_sessions_per_minute = 1,
                       .exempt = CidrSet({*Cidr::parse("203.0.113.0/24")})});
  auto a = admission.admit(stranger);
  auto b = admission.admit(stranger);
  auto c = admission.admit(stranger);
  EXPECT_FALSE(c.refusal);
  EXPECT_EQ(admission.admit(stranger).refusal, Refusal::too_many_sessions);
}

TEST(Admission, a_newcomer_takes_a_place_of_the_network_that_has_most) {
  Admission admission(
      {.sessions = 4, .sessions_per_address = 0, .new_sessions_per_minute = 0, .patience = none});
  const auto from = [&](const char* address) {
    return admission.admit(*IpAddress::parse(address));
  };
  auto first = from("198.51.100.1");
  auto second = from("198.51.100.2");
  auto third = from("198.51.100.3");
  auto other = from("192.0.2.1");
  EXPECT_EQ(from("203.0.113.9").refusal, Refusal::too_many_sessions) << "nobody waits";
  other.ticket.wait(Admission::idle);
  third.ticket.wait(Admission::in_transaction);
  second.ticket.wait(Admission::idle);
  first.ticket.wait(Admission::idle);

  auto newcomer = from("203.0.113.9");
  EXPECT_FALSE(newcomer.refusal);
  EXPECT_EQ(admission.open_sessions(), 4u);
  EXPECT_TRUE(*second.ticket.lost()) << "the longest waiting one outside a transaction";
  EXPECT_FALSE(second.ticket.resume());
  EXPECT_FALSE(*third.ticket.lost());
  EXPECT_FALSE(*other.ticket.lost());
  ASSERT_TRUE(first.ticket.resume());

  auto next = from("203.0.113.10");
  EXPECT_FALSE(next.refusal);
  EXPECT_TRUE(*third.ticket.lost()) << "inside a transaction where nobody else waits";
  EXPECT_FALSE(*other.ticket.lost());
  EXPECT_EQ(from("198.51.100.9").refusal, Refusal::too_many_sessions) << "its network has as many";
  second.ticket = {};
  third.ticket = {};
  EXPECT_EQ(admission.open_sessions(), 4u) << "lost ones are counted no more";
  other.ticket = {};
  EXPECT_EQ(admission.open_sessions(), 3u);
  EXPECT_FALSE(from("192.0.2.2").refusal);
}

TEST(Admission, within_one_network_addresses_are_compared) {
  Admission admission(
      {.sessions = 3, .sessions_per_address = 0, .new_sessions_per_minute = 0, .patience = none});
  const auto from = [&](const char* address) {
    return admission.admit(*IpAddress::parse(address));
  };
  auto many = from("2001:db8:0:1::1");
  auto more = from("2001:db8:0:1::2");
  auto one = from("2001:db8:0:2::1");
  for (auto* each : {&many, &more, &one}) each->ticket.wait(Admission::idle);
  auto newcomer = from("2001:db8:0:3::1");
  EXPECT_FALSE(newcomer.refusal);
  EXPECT_TRUE(*many.ticket.lost());
  EXPECT_EQ(from("2001:db8:0:3::1").refusal, Refusal::too_many_sessions) << "it has as many";
}

TEST(Admission, a_newcomer_from_elsewhere_takes_the_place_of_the_neighbour_that_has_most) {
  Admission admission(
      {.sessions = 4, .sessions_per_address = 0, .new_sessions_per_minute = 0, .patience = none});
  auto quiet = admission.admit(*IpAddress::parse("192.0.2.1"));
  quiet.ticket.wait(Admission::idle);
  std::vector<Admission::Answer> greedy;
  for (int i = 0; i < 3; ++i) {
    greedy.push_back(admission.admit(*IpAddress::parse("192.0.2.2")));
    greedy.back().ticket.wait(Admission::idle);
  }
  auto newcomer = admission.admit(stranger);
  EXPECT_FALSE(newcomer.refusal);
  EXPECT_FALSE(quiet.ticket.lost()->load()) << "it waits longest, but has one place";
  EXPECT_TRUE(greedy.front().ticket.lost()->load());
}

TEST(Admission, who_has_not_waited_long_keeps_its_place) {
  using std::chrono::seconds;
  Admission admission({.sessions = 3, .sessions_per_address = 0, .new_sessions_per_minute = 0});
  const Admission::Clock::time_point start = Admission::Clock::now();
  auto idle = admission.admit(*IpAddress::parse("192.0.2.1"));
  auto sending = admission.admit(*IpAddress::parse("198.51.100.1"));
  auto receiving = admission.admit(*IpAddress::parse("198.51.100.1"));
  idle.ticket.wait(Admission::idle, false, start);
  sending.ticket.wait(Admission::in_transaction, false, start);
  receiving.ticket.wait(Admission::receiving, false, start);
  EXPECT_EQ(admission.admit(stranger, start + seconds(1)).refusal, Refusal::too_many_sessions);
  auto first = admission.admit(stranger, start + seconds(60));
  EXPECT_FALSE(first.refusal);
  EXPECT_TRUE(*idle.ticket.lost()) << "it has least to lose, whatever its network has";
  auto second = admission.admit(*IpAddress::parse("192.0.2.9"), start + seconds(60));
  EXPECT_TRUE(*sending.ticket.lost());
  auto third = admission.admit(*IpAddress::parse("2001:db8::1"), start + seconds(60));
  EXPECT_FALSE(third.refusal);
  EXPECT_TRUE(*receiving.ticket.lost()) << "its message does not come";
}

TEST(Admission, a_message_that_drips_may_lose_its_place_at_once) {
  Admission admission({.sessions = 1, .sessions_per_address = 0, .new_sessions_per_minute = 0});
  const Admission::Clock::time_point now = Admission::Clock::now();
  auto drip = admission.admit(*IpAddress::parse("192.0.2.1"), now);
  drip.ticket.wait(Admission::receiving, false, now);
  EXPECT_EQ(admission.admit(stranger, now).refusal, Refusal::too_many_sessions);
  EXPECT_TRUE(drip.ticket.resume());
  drip.ticket.wait(Admission::receiving, true, now);
  EXPECT_FALSE(admission.admit(stranger, now).refusal);
  EXPECT_FALSE(drip.ticket.resume());
}

TEST(Admission, sessions_of_exempt_networks_keep_their_places) {
  Admission admission(
      {.sessions = 1, .exempt = CidrSet({*Cidr::parse("203.0.113.0/24")}), .patience = none});
  auto own = admission.admit(stranger);
  own.ticket.wait(Admission::idle);
  EXPECT_EQ(admission.admit(*IpAddress::parse("192.0.2.1")).refusal, Refusal::too_many_sessions);
  EXPECT_TRUE(own.ticket.resume());
}

TEST(Admission, a_newcomer_that_is_refused_takes_nobodys_place) {
  Admission admission({.sessions = 2, .new_sessions_per_minute = 1, .patience = none});
  auto first = admission.admit(*IpAddress::parse("198.51.100.1"));
  auto second = admission.admit(*IpAddress::parse("198.51.100.2"));
  first.ticket.wait(Admission::idle);
  second.ticket.wait(Admission::idle);
  auto newcomer = admission.admit(stranger);
  EXPECT_FALSE(newcomer.refusal);
  newcomer.ticket = {};
  auto again = admission.admit(*IpAddress::parse("192.0.2.1"));
  EXPECT_FALSE(again.refusal) << "there is a place";
  EXPECT_EQ(admission.admit(stranger).refusal, Refusal::too_many_new);
  EXPECT_TRUE(second.ticket.resume());
}

}  // namespace
}  // namespace postern::gateway
