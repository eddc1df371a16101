#include "gateway/admission.h"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

using Refusal = Admission::Refusal;
const IpAddress stranger = *IpAddress::parse("203.0.113.9");
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr milliseconds none{0};

/// Begins to wait for a command outside a transaction.
void idle(Admission::Answer& session) {
  session.ticket.set_idle(true);
  session.ticket.waits()->begin();
}

/// The session's thread works for this time.
void pass(Admission::Answer& session, milliseconds time) {
  constexpr milliseconds tick{250};
  for (milliseconds done{0}; done < time; done += tick) (void)session.ticket.waits()->pass(tick);
}

/// Waits for the client for this time. False: the session has lost its place.
bool waits(Admission::Answer& session, milliseconds time, bool idly = false) {
  session.ticket.set_idle(idly);
  session.ticket.waits()->begin();
  pass(session, time);
  return session.ticket.waits()->end();
}

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
      {.sessions = 4, .sessions_per_address = 0, .new_sessions_per_minute = 0, .idle = none});
  const auto from = [&](const char* address) {
    return admission.admit(*IpAddress::parse(address));
  };
  auto first = from("198.51.100.1");
  auto second = from("198.51.100.2");
  auto third = from("198.51.100.3");
  auto other = from("192.0.2.1");
  EXPECT_EQ(from("203.0.113.9").refusal, Refusal::too_many_sessions) << "nobody waits";
  idle(other);
  third.ticket.waits()->begin();
  idle(second);
  idle(first);

  auto newcomer = from("203.0.113.9");
  EXPECT_FALSE(newcomer.refusal);
  EXPECT_EQ(admission.open_sessions(), 4u);
  EXPECT_TRUE(second.ticket.lost()) << "the longest waiting one that is idle";
  EXPECT_FALSE(second.ticket.waits()->end());
  EXPECT_FALSE(third.ticket.lost());
  EXPECT_FALSE(other.ticket.lost());
  ASSERT_TRUE(first.ticket.waits()->end());

  pass(third, seconds(10));
  auto next = from("203.0.113.10");
  EXPECT_FALSE(next.refusal);
  EXPECT_TRUE(third.ticket.lost()) << "its network has most, and it has waited long enough";
  EXPECT_FALSE(other.ticket.lost());
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
      {.sessions = 3, .sessions_per_address = 0, .new_sessions_per_minute = 0, .idle = none});
  const auto from = [&](const char* address) {
    return admission.admit(*IpAddress::parse(address));
  };
  auto many = from("2001:db8:0:1::1");
  auto more = from("2001:db8:0:1::2");
  auto one = from("2001:db8:0:2::1");
  for (auto* each : {&many, &more, &one}) idle(*each);
  auto newcomer = from("2001:db8:0:3::1");
  EXPECT_FALSE(newcomer.refusal);
  EXPECT_TRUE(many.ticket.lost());
  EXPECT_EQ(from("2001:db8:0:3::1").refusal, Refusal::too_many_sessions) << "it has as many";
}

TEST(Admission, a_newcomer_from_elsewhere_takes_the_place_of_the_neighbour_that_has_most) {
  Admission admission(
      {.sessions = 4, .sessions_per_address = 0, .new_sessions_per_minute = 0, .idle = none});
  auto quiet = admission.admit(*IpAddress::parse("192.0.2.1"));
  idle(quiet);
  std::vector<Admission::Answer> greedy;
  for (int i = 0; i < 3; ++i) {
    greedy.push_back(admission.admit(*IpAddress::parse("192.0.2.2")));
    idle(greedy.back());
  }
  auto newcomer = admission.admit(stranger);
  EXPECT_FALSE(newcomer.refusal);
  EXPECT_FALSE(quiet.ticket.lost()) << "it waits longest, but has one place";
  EXPECT_TRUE(greedy.front().ticket.lost());
}

/// An Admission with one place, which is occupied.
struct OnePlace {
  Admission admission{{.sessions = 1, .sessions_per_address = 0, .new_sessions_per_minute = 0}};
  Admission::Answer holder = admission.admit(*IpAddress::parse("192.0.2.1"));
  /// Whether a new client gets the place while its holder waits.
  bool can_be_taken() {
    holder.ticket.waits()->begin();
    const bool taken = !admission.admit(stranger).refusal;
    EXPECT_EQ(holder.ticket.waits()->end(), !taken);
    return taken;
  }
};

TEST(Admission, who_is_idle_for_two_seconds_can_lose_its_place) {
  OnePlace one;
  idle(one.holder);
  pass(one.holder, milliseconds(1750));
  EXPECT_TRUE(one.admission.admit(stranger).refusal);
  pass(one.holder, milliseconds(250));
  EXPECT_FALSE(one.admission.admit(stranger).refusal);
  EXPECT_FALSE(one.holder.ticket.waits()->pass(milliseconds(250)));
}

TEST(Admission, what_comes_does_not_begin_the_patience_anew) {
  OnePlace noop;
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(noop.can_be_taken());
    EXPECT_TRUE(waits(noop.holder, milliseconds(1500), true)) << "NOOP, or an octet of a line";
  }
  EXPECT_FALSE(noop.can_be_taken());
  EXPECT_TRUE(waits(noop.holder, milliseconds(1500), true));
  EXPECT_TRUE(noop.can_be_taken());

  OnePlace drip;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(waits(drip.holder, seconds(4)));
  EXPECT_TRUE(drip.can_be_taken()) << "inside a transaction, too";
}

TEST(Admission, messages_earn_allowance) {
  OnePlace fast;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(waits(fast.holder, seconds(1)));
    fast.holder.ticket.received(10'000);
  }
  EXPECT_FALSE(fast.can_be_taken());

  OnePlace often;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(waits(often.holder, seconds(1)));
    often.holder.ticket.accepted();
  }
  EXPECT_FALSE(often.can_be_taken());

  OnePlace slow;
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(waits(slow.holder, seconds(1)));
    slow.holder.ticket.received(8'000);
  }
  EXPECT_FALSE(slow.can_be_taken());
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(waits(slow.holder, seconds(1)));
    slow.holder.ticket.received(8'000);
  }
  EXPECT_TRUE(slow.can_be_taken());

  OnePlace hoarder;
  hoarder.holder.ticket.received(100'000'000);
  EXPECT_TRUE(waits(hoarder.holder, seconds(10)));
  EXPECT_TRUE(hoarder.can_be_taken()) << "no more than ten seconds are kept";

  OnePlace returned;  // it was idle for long, and now sends a message
  EXPECT_TRUE(waits(returned.holder, seconds(290), true));
  returned.holder.ticket.received(610'000);
  EXPECT_FALSE(returned.can_be_taken()) << "of what was overdrawn a minute is remembered";
}

TEST(Admission, who_has_overdrawn_most_goes_first) {
  Admission admission({.sessions = 3, .sessions_per_address = 0, .new_sessions_per_minute = 0});
  auto slow = admission.admit(*IpAddress::parse("192.0.2.1"));
  auto drip = admission.admit(*IpAddress::parse("198.51.100.1"));
  auto quiet = admission.admit(*IpAddress::parse("2001:db8::1"));
  EXPECT_TRUE(waits(slow, seconds(12)));
  slow.ticket.waits()->begin();
  EXPECT_TRUE(waits(drip, seconds(30)));
  drip.ticket.waits()->begin();
  idle(quiet);
  pass(quiet, seconds(3));
  auto next = admission.admit(stranger);
  EXPECT_TRUE(drip.ticket.lost()) << "although it began to wait later";
  auto second = admission.admit(*IpAddress::parse("100.64.0.1"));
  EXPECT_TRUE(slow.ticket.lost());
  auto third = admission.admit(*IpAddress::parse("100.64.1.1"));
  EXPECT_TRUE(quiet.ticket.lost());
}

TEST(Admission, a_place_that_was_taken_counts_for_a_minute) {
  Admission admission({.sessions = 2, .sessions_per_address = 0, .new_sessions_per_minute = 0});
  const Admission::Clock::time_point now = Admission::Clock::now();
  auto first = admission.admit(*IpAddress::parse("192.0.2.1"), now);
  auto second = admission.admit(*IpAddress::parse("198.51.100.1"), now);
  for (auto* each : {&first, &second}) {
    each->ticket.waits()->begin();
    pass(*each, seconds(10));
  }
  auto churner = admission.admit(stranger, now);
  EXPECT_FALSE(churner.refusal);
  EXPECT_TRUE(first.ticket.lost());
  churner.ticket = {};
  auto friend_of_churner = admission.admit(*IpAddress::parse("100.64.0.1"), now);
  EXPECT_FALSE(friend_of_churner.refusal) << "there is a place";
  EXPECT_EQ(admission.admit(stranger, now).refusal, Refusal::too_many_sessions);
  EXPECT_EQ(admission.admit(*IpAddress::parse("203.0.113.77"), now).refusal,
            Refusal::too_many_sessions)
      << "nor its neighbour";
  EXPECT_FALSE(second.ticket.lost());
  EXPECT_FALSE(admission.admit(stranger, now + seconds(65)).refusal);
  EXPECT_TRUE(second.ticket.lost());
}

TEST(Admission, who_has_overdrawn_by_a_minute_has_no_such_protection) {
  Admission admission({.sessions = 1, .sessions_per_address = 0, .new_sessions_per_minute = 0});
  const Admission::Clock::time_point now = Admission::Clock::now();
  auto holder = admission.admit(*IpAddress::parse("192.0.2.1"), now);
  holder.ticket.waits()->begin();
  pass(holder, seconds(10));
  auto sender = admission.admit(stranger, now);
  EXPECT_FALSE(sender.refusal);
  sender.ticket = {};
  auto again = admission.admit(*IpAddress::parse("198.51.100.1"), now);
  again.ticket.waits()->begin();
  pass(again, seconds(10));
  EXPECT_TRUE(admission.admit(stranger, now).refusal);
  EXPECT_TRUE(again.ticket.waits()->end());
  EXPECT_TRUE(waits(again, seconds(70)));
  again.ticket.waits()->begin();
  EXPECT_FALSE(admission.admit(stranger, now + seconds(1)).refusal);
}

TEST(Admission, a_session_can_become_another_clients) {
  Admission admission({.sessions = 4,
                       .sessions_per_address = 2,
                       .new_sessions_per_minute = 3,
                       .exempt = CidrSet({*Cidr::parse("192.0.2.0/24")})});
  const IpAddress proxy = *IpAddress::parse("192.0.2.1");
  std::vector<Admission::Answer> sessions;
  for (int i = 0; i < 4; ++i) sessions.push_back(admission.admit(proxy));
  EXPECT_FALSE(sessions[0].ticket.move(stranger));
  EXPECT_FALSE(sessions[0].ticket.move(stranger)) << "the same again is no new session";
  EXPECT_FALSE(sessions[1].ticket.move(stranger));
  EXPECT_EQ(sessions[2].ticket.move(stranger), Refusal::too_many_from_address);
  EXPECT_EQ(sessions[2].ticket.move(stranger), Refusal::too_many_new);
  EXPECT_FALSE(sessions[2].ticket.move(IpAddress::unknown()));
  EXPECT_FALSE(sessions[1].ticket.move(proxy));
  EXPECT_EQ(admission.open_sessions(), 4u);

  idle(sessions[0]);
  pass(sessions[0], seconds(2));
  auto newcomer = admission.admit(*IpAddress::parse("198.51.100.1"));
  EXPECT_FALSE(newcomer.refusal);
  EXPECT_TRUE(sessions[0].ticket.lost());
  EXPECT_FALSE(sessions[1].ticket.lost()) << "it is the proxy's again";
  EXPECT_FALSE(sessions[0].ticket.move(stranger)) << "it is to end anyway";
}

TEST(Admission, behind_a_proxy_a_place_is_kept_by_who_could_have_taken_it) {
  Admission admission({.sessions = 3,
                       .sessions_per_address = 0,
                       .new_sessions_per_minute = 0,
                       .exempt = CidrSet({*Cidr::parse("192.0.2.0/24")})});
  const IpAddress proxy = *IpAddress::parse("192.0.2.1");
  auto first = admission.admit(*IpAddress::parse("198.51.100.1"));
  auto other = admission.admit(*IpAddress::parse("100.64.0.1"));
  auto third = admission.admit(stranger);
  idle(first);
  pass(first, seconds(2));
  auto through = admission.admit(proxy);
  EXPECT_TRUE(first.ticket.lost());
  EXPECT_EQ(through.ticket.move(*IpAddress::parse("203.0.113.80")), Refusal::too_many_sessions);
  EXPECT_FALSE(through.ticket.move(*IpAddress::parse("198.51.100.9")));
}

TEST(Admission, so_many_may_be_leaving) {
  constexpr std::uint64_t places = 40;
  constexpr std::uint64_t most = Admission::most_leaving(places);
  Admission admission(
      {.sessions = places, .sessions_per_address = 0, .new_sessions_per_minute = 0, .idle = none});
  std::vector<Admission::Answer> sessions;
  const auto one_more = [&](std::uint32_t number) {
    sessions.push_back(admission.admit(IpAddress::v4(0x0a000001 + (number << 8))));
    if (sessions.back().refusal) return false;
    idle(sessions.back());
    return true;
  };
  std::uint32_t number = 0;
  while (number < places + most) EXPECT_TRUE(one_more(number++));
  EXPECT_FALSE(one_more(number++)) << "those who lost their places have not ended";
  sessions.erase(sessions.begin());
  EXPECT_TRUE(one_more(number++));
  EXPECT_EQ(admission.open_sessions(), places);
}

TEST(Admission, sessions_of_exempt_networks_keep_their_places) {
  Admission admission(
      {.sessions = 1, .exempt = CidrSet({*Cidr::parse("203.0.113.0/24")}), .idle = none});
  auto own = admission.admit(stranger);
  idle(own);
  pass(own, seconds(60));
  EXPECT_EQ(admission.admit(*IpAddress::parse("192.0.2.1")).refusal, Refusal::too_many_sessions);
  EXPECT_TRUE(own.ticket.waits()->end());
}

TEST(Admission, a_newcomer_that_is_refused_takes_nobodys_place) {
  Admission admission({.sessions = 3, .new_sessions_per_minute = 3, .idle = none});
  std::vector<Admission::Answer> greedy;
  for (int i = 0; i < 3; ++i) {
    greedy.push_back(admission.admit(*IpAddress::parse("198.51.100.1")));
    idle(greedy.back());
  }
  for (int i = 0; i < 3; ++i) {
    auto newcomer = admission.admit(stranger);
    EXPECT_FALSE(newcomer.refusal);
  }
  auto other = admission.admit(*IpAddress::parse("192.0.2.1"));
  EXPECT_FALSE(other.refusal) << "there is a place";
  EXPECT_EQ(admission.admit(stranger).refusal, Refusal::too_many_new);
  EXPECT_TRUE(greedy[1].ticket.waits()->end());
}

}  // namespace
}  // namespace postern::gateway
