#include "gateway/work_places.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

IpAddress address(const std::string& text) { return *IpAddress::parse(text); }

/// How many places the client gets; they are in `held`.
std::size_t take_all(WorkPlaces& places, const std::string& client,
                     std::vector<WorkPlaces::Place>& held) {
  std::size_t got = 0;
  for (auto place = places.take(address(client)); place; place = places.take(address(client))) {
    held.push_back(std::move(*place));
    ++got;
  }
  return got;
}

TEST(WorkPlaces, without_a_limit_everything_has_a_place) {
  WorkPlaces places;
  std::vector<WorkPlaces::Place> held;
  for (int i = 0; i < 1000; ++i) held.push_back(*places.take(address("192.0.2.1")));
  EXPECT_TRUE(places.has_room(address("192.0.2.1")));
  EXPECT_FALSE(places.low());
}

TEST(WorkPlaces, a_network_leaves_enough_to_others) {
  WorkPlaces places(100);
  std::vector<WorkPlaces::Place> held;
  EXPECT_EQ(take_all(places, "192.0.2.1", held), 34u) << "a third";
  std::size_t network = 34;
  for (int i = 2; i < 60; ++i) network += take_all(places, "192.0.2." + std::to_string(i), held);
  EXPECT_LE(network, 51u) << "half, with any number of clients";
  EXPECT_FALSE(places.has_room(address("192.0.2.200")));
  EXPECT_TRUE(places.has_room(address("198.51.100.1")));
  EXPECT_GT(take_all(places, "198.51.100.1", held), 10u);
}

TEST(WorkPlaces, the_last_fifth_is_for_what_has_begun) {
  WorkPlaces places(100);
  std::vector<WorkPlaces::Place> held;
  for (int i = 0; i < 20 && !places.low(); ++i)
    take_all(places, "198.51." + std::to_string(i) + ".1", held);
  EXPECT_TRUE(places.low());
  EXPECT_GE(held.size(), 80u);
  EXPECT_FALSE(places.has_room(address("198.51.0.2"))) << "its network has its share";
  EXPECT_TRUE(places.take(address("192.0.2.1")));
  held.clear();
  EXPECT_FALSE(places.low());
}

// Whoever uses much is told to come later; a network that uses nothing is not.
TEST(WorkPlaces, a_few_networks_that_use_much_do_not_keep_others_out) {
  WorkPlaces places(900);
  std::vector<WorkPlaces::Place> held;
  for (int network = 0; network < 5; ++network) {
    for (int client = 1; client <= 8; ++client) {
      take_all(places, "198.51." + std::to_string(network) + "." + std::to_string(client), held);
    }
  }
  ASSERT_TRUE(places.low());
  EXPECT_FALSE(places.has_room(address("198.51.0.9")));
  EXPECT_TRUE(places.has_room(address("192.0.2.1")));
}

// Commands of those who use much do not keep others from their greeting.
TEST(WorkPlaces, the_last_tenth_is_for_networks_that_use_next_to_nothing) {
  WorkPlaces places(95);
  std::vector<WorkPlaces::Place> held;
  for (int network = 0; network < 200; ++network) {
    for (int client = 1; client <= 30; ++client) {
      if (auto place = places.take(
              address("198.51." + std::to_string(network % 8) + "." + std::to_string(client)))) {
        held.push_back(std::move(*place));
      }
    }
  }
  for (int i = 1; i <= 12; ++i) {
    EXPECT_TRUE(places.take(address("203.0." + std::to_string(i) + ".1"))) << "given back at once";
  }
}

// What is logged and shown is not what a single command changes.
TEST(WorkPlaces, low_ends_when_two_fifths_are_free) {
  WorkPlaces places(10);
  std::vector<WorkPlaces::Place> held;
  for (int i = 0; i < 8; ++i)
    held.push_back(*places.take(address("198." + std::to_string(i) + ".0.1")));
  EXPECT_TRUE(places.low());
  held.pop_back();
  EXPECT_TRUE(places.low());
  held.pop_back();
  EXPECT_FALSE(places.low());
}

TEST(WorkPlaces, a_place_is_given_back_once) {
  WorkPlaces places(1);
  auto first = places.take(address("192.0.2.1"));
  ASSERT_TRUE(first);
  EXPECT_FALSE(places.take(address("198.51.100.1")));
  WorkPlaces::Place moved = std::move(*first);
  first.reset();
  EXPECT_FALSE(places.take(address("198.51.100.1")));
  {
    WorkPlaces other(1);
    moved = *other.take(address("192.0.2.1"));  // in place of the other one
    EXPECT_TRUE(places.take(address("198.51.100.1")));
    EXPECT_FALSE(other.take(address("198.51.100.1")));
    moved = *places.take(address("192.0.2.1"));
    EXPECT_TRUE(other.take(address("198.51.100.1")));
  }
  EXPECT_FALSE(places.take(address("198.51.100.1")));
}

}  // namespace
}  // namespace postern::gateway
