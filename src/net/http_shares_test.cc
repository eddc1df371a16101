#include "net/http_shares.h"

#include <deque>

#include <gtest/gtest.h>

#include "base/ip.h"

namespace postern::net {
namespace {

using Verdict = HttpShares::Verdict;
using Seat = HttpShares::Seat;

class HttpSharesTest : public ::testing::Test {
 protected:
  static HttpLimits limits() {
    HttpLimits limits;
    limits.connections = 6;
    limits.requests = 4;
    limits.requests_per_client = 2;
    limits.bodies = 30;
    limits.bodies_per_client = 20;
    limits.answers = 40;
    limits.reserved_paths = {"/healthz"};
    limits.reserve = 1;
    return limits;
  }
  Seat& come(const std::string& address) {
    Seat& seat = seats_.emplace_back();
    Seat* out = nullptr;
    came_ = shares_.enter(seat, address, out);
    pushed_out_ = out;
    return seat;
  }
  /// A request, and octets of a large body.
  Verdict ask(Seat& seat, const std::string& client, std::uint64_t body = 0,
              std::string_view path = "/x") {
    const Verdict begun =
        shares_.begin(seat, {.client = client, .has_body = body != 0, .path = path});
    if (begun != Verdict::admitted || body == 0) return begun;
    const Verdict taken = shares_.take_body(seat, client, body);
    if (taken != Verdict::admitted) shares_.end(seat);
    return taken;
  }

  std::deque<Seat> seats_;
  HttpShares shares_{limits()};
  bool came_ = false;
  Seat* pushed_out_ = nullptr;
};

TEST_F(HttpSharesTest, a_new_connection_pushes_out_the_oldest_of_who_has_most) {
  Seat& neighbour = come("n");
  Seat& first = come("a");
  for (int i = 0; i < 4; ++i) come("a");
  EXPECT_EQ(pushed_out_, nullptr);
  Seat& other = come("b");
  EXPECT_TRUE(came_);
  EXPECT_EQ(pushed_out_, &first);
  EXPECT_TRUE(first.lost());
  EXPECT_EQ(ask(first, "a"), Verdict::lost);
  for (int i = 0; i < 50; ++i) come("a");
  EXPECT_FALSE(neighbour.lost());
  EXPECT_FALSE(other.lost());
  EXPECT_EQ(shares_.connections(), 6u);
  shares_.leave(first);
  EXPECT_EQ(shares_.connections(), 6u) << "it had left";
}

TEST_F(HttpSharesTest, a_request_in_hand_keeps_its_connection) {
  std::vector<Seat*> busy;
  for (const char* client : {"a", "a", "b", "c"}) {
    busy.push_back(&come(client));
    EXPECT_EQ(ask(*busy.back(), client), Verdict::admitted);
  }
  for (int i = 0; i < 20; ++i) {
    come("d");
    EXPECT_TRUE(came_);
  }
  for (const Seat* seat : busy) EXPECT_FALSE(seat->lost());
  EXPECT_EQ(shares_.requests(), 4u);
}

TEST_F(HttpSharesTest, a_client_has_a_share_and_all_have_one) {
  EXPECT_EQ(ask(come("a"), "a"), Verdict::admitted);
  Seat& second = come("a");
  EXPECT_EQ(ask(second, "a"), Verdict::admitted);
  Seat& third = come("a");
  EXPECT_EQ(ask(third, "a"), Verdict::too_many);
  EXPECT_EQ(ask(come("b"), "b"), Verdict::admitted);
  EXPECT_EQ(ask(come("c"), "c"), Verdict::admitted);
  Seat& last = come("d");
  EXPECT_EQ(ask(last, "d"), Verdict::overloaded);
  shares_.end(second);
  EXPECT_EQ(ask(last, "d"), Verdict::admitted);
  shares_.leave(last);
  EXPECT_EQ(ask(third, "a"), Verdict::too_many) << "it would leave none";
  shares_.leave(seats_[3]);
  EXPECT_EQ(ask(third, "a"), Verdict::admitted);
}

TEST_F(HttpSharesTest, bodies_count_too) {
  EXPECT_EQ(ask(come("a"), "a", 13), Verdict::admitted);
  Seat& more = come("a");
  EXPECT_EQ(ask(more, "a", 8), Verdict::too_many) << "21 of one client";
  EXPECT_EQ(ask(more, "a", 7), Verdict::admitted);
  Seat& other = come("b");
  EXPECT_EQ(ask(other, "b", 11), Verdict::overloaded);
  shares_.end(more);
  EXPECT_EQ(ask(other, "b", 11), Verdict::admitted);
}

TEST_F(HttpSharesTest, a_body_needs_no_place_and_keeps_its_octets_meanwhile) {
  for (const char* client : {"a", "b", "c", "d"}) ask(come(client), client);
  Seat& seat = come("e");
  EXPECT_EQ(shares_.take_body(seat, "e", 20), Verdict::admitted);
  EXPECT_EQ(ask(seat, "e"), Verdict::overloaded);
  shares_.leave(seats_.front());
  EXPECT_EQ(ask(seat, "e"), Verdict::admitted);
  shares_.pause(seat);
  Seat& other = come("f");
  EXPECT_EQ(shares_.take_body(other, "f", 11), Verdict::overloaded);
  shares_.end(seat);
  EXPECT_EQ(shares_.take_body(other, "f", 11), Verdict::admitted);
}

std::string address(int network, int client) {
  return subscriber_key(*IpAddress::parse("2001:db8:" + std::to_string(network) + ":" +
                                          std::to_string(client) + "::1"));
}

TEST(HttpSharesOfNetworks, a_network_of_many_clients_is_one) {
  HttpLimits limits;
  HttpShares shares(limits);
  std::deque<Seat> seats;
  Seat* out = nullptr;
  const auto ask = [&](const std::string& client) {
    if (!shares.enter(seats.emplace_back(), client, out)) return Verdict::lost;
    return shares.begin(seats.back(), {.client = client, .path = "/x"});
  };
  int admitted = 0;
  for (int i = 0; i < 512; ++i) admitted += ask(address(1, i)) == Verdict::admitted ? 1 : 0;
  EXPECT_EQ(admitted, 256);
  for (int i = 0; i < 80; ++i) EXPECT_EQ(ask(address(2, 1)), Verdict::admitted) << i;
  EXPECT_EQ(ask(address(3, 1)), Verdict::admitted);
  EXPECT_EQ(ask(address(1, 600)), Verdict::too_many);
}

TEST(HttpSharesOfNetworks, the_network_with_most_connections_makes_room) {
  HttpLimits limits;
  limits.connections = 100;
  HttpShares shares(limits);
  std::deque<Seat> seats;
  Seat* out = nullptr;
  const auto come = [&](const std::string& client) -> Seat& {
    EXPECT_TRUE(shares.enter(seats.emplace_back(), client, out));
    return seats.back();
  };
  std::deque<Seat*> office;
  for (int i = 0; i < 5; ++i) office.push_back(&come(address(2, 1)));
  for (int i = 0; i < 512; ++i) come(address(1, i));
  for (const Seat* seat : office) EXPECT_FALSE(seat->lost()) << "though none of the others has two";
  come(address(3, 1));
  ASSERT_NE(out, nullptr);
  for (const Seat* seat : office) EXPECT_FALSE(seat->lost());
  EXPECT_EQ(shares.connections(), 100u);
}

TEST(HttpSharesOfNetworks, who_holds_most_with_requests_pushes_nobody_out) {
  HttpLimits limits;
  limits.connections = 5;
  limits.requests = 20;
  HttpShares shares(limits);
  std::deque<Seat> seats;
  Seat* out = nullptr;
  for (int i = 0; i < 4; ++i) {
    shares.enter(seats.emplace_back(), address(1, i), out);
    EXPECT_EQ(shares.begin(seats.back(), {.client = address(1, i), .path = "/x"}),
              Verdict::admitted);
  }
  Seat& other = seats.emplace_back();
  EXPECT_TRUE(shares.enter(other, address(2, 1), out));
  EXPECT_FALSE(shares.enter(seats.emplace_back(), address(1, 5), out));
  EXPECT_FALSE(other.lost());
}

TEST(HttpSharesOfMany, a_few_clients_leave_places_for_others) {
  HttpLimits limits;
  limits.requests = 512;
  limits.requests_per_client = 128;
  HttpShares shares(limits);
  std::deque<Seat> seats;
  const auto ask = [&](const std::string& client) {
    Seat* out = nullptr;
    shares.enter(seats.emplace_back(), client, out);
    return shares.begin(seats.back(), {.client = client, .path = "/x"});
  };
  for (const char* client : {"a", "b", "c", "d"})
    for (int i = 0; i < 128; ++i) ask(client);
  EXPECT_EQ(ask("newcomer"), Verdict::admitted);
  EXPECT_EQ(ask("d"), Verdict::too_many);
}

TEST_F(HttpSharesTest, answers_have_a_bound_and_each_client_a_share_of_it) {
  Seat& first = come("a");
  ask(first, "a");
  EXPECT_EQ(shares_.take_answer(first, 25), Verdict::admitted);
  Seat& second = come("a");
  ask(second, "a");
  EXPECT_EQ(shares_.take_answer(second, 5), Verdict::overloaded) << "others have 15 left";
  Seat& other = come("b");
  ask(other, "b");
  EXPECT_EQ(shares_.take_answer(other, 16), Verdict::overloaded);
  EXPECT_EQ(shares_.take_answer(other, 15), Verdict::admitted);
  shares_.end(first);
  EXPECT_EQ(shares_.take_answer(second, 5), Verdict::admitted);
}

TEST_F(HttpSharesTest, health_is_told_when_no_place_is_left) {
  for (const char* client : {"a", "a", "b", "c"}) ask(come(client), client);
  Seat& seat = come("a");
  EXPECT_EQ(ask(seat, "a", 1, "/healthz"), Verdict::too_many) << "a body could come slowly";
  EXPECT_EQ(ask(seat, "a", 0, "/healthz"), Verdict::admitted);
  Seat& next = come("c");
  EXPECT_EQ(ask(next, "c", 0, "/healthz"), Verdict::overloaded) << "the reserve is small";
  shares_.end(seat);
  EXPECT_EQ(ask(next, "c", 0, "/healthz"), Verdict::admitted);
}

TEST_F(HttpSharesTest, nothing_is_left_when_all_have_gone) {
  for (int round = 0; round < 3; ++round) {
    for (const char* client : {"a", "b", "c"}) ask(come(client), client, 5);
    for (Seat& seat : seats_) shares_.leave(seat);
    EXPECT_EQ(shares_.connections(), 0u);
    EXPECT_EQ(shares_.requests(), 0u);
  }
}

}  // namespace
}  // namespace postern::net
