#include "config/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "gateway/admission.h"
#include "gateway/work_places.h"

namespace postern::app {
namespace {

using gateway::Admission;
using gateway::WorkPlaces;

Config with_sessions(std::uint64_t sessions) {
  Config config;
  config.limits.sessions = sessions;
  return config;
}

TEST(Descriptors, where_they_suffice_each_session_has_a_place) {
  const Config config = with_sessions(1000);
  EXPECT_EQ(divide_descriptors(config, 20'000).work, WorkPlaces::unlimited);
  EXPECT_EQ(divide_descriptors(config, RLIM_INFINITY).work, WorkPlaces::unlimited);
  EXPECT_GE(divide_descriptors(config, RLIM_INFINITY).deliveries, delivery_slots(config.queue));
}

TEST(Descriptors, what_is_wanted_gives_places_and_slots_to_all) {
  for (const std::uint64_t sessions : {1u, 100u, 1000u, 10'000u, 1'000'000u}) {
    const Config config = with_sessions(sessions);
    const std::uint64_t wanted = wanted_descriptors(config);
    EXPECT_GE(wanted, least_descriptors(config, sessions));
    const DescriptorShares shares = divide_descriptors(config, wanted);
    EXPECT_EQ(shares.work, WorkPlaces::unlimited) << sessions;
    EXPECT_GE(shares.deliveries, delivery_slots(config.queue)) << sessions;
  }
}

// Whatever the limit is: sockets, work at three descriptors each and deliveries fit into it.
TEST(Descriptors, they_are_never_promised_twice) {
  for (const std::uint64_t sessions : {1u, 50u, 1000u, 10'000u}) {
    const Config config = with_sessions(sessions);
    const std::uint64_t least = least_descriptors(config, sessions);
    std::uint64_t before = 0;
    for (std::uint64_t files = least; files < wanted_descriptors(config) + 1000; files += 97) {
      const DescriptorShares shares = divide_descriptors(config, files);
      const std::uint64_t work =
          std::min(shares.work, sessions + Admission::most_leaving(sessions));
      const std::uint64_t others = std::min<std::uint64_t>(sessions, 512)  // look-ups in DNS
                                   + config.api.connections + config.api.requests + 100;
      EXPECT_LE(Admission::most_connections(sessions) + others + 3 * work + 3 * shares.deliveries,
                files);
      EXPECT_GE(work, before) << "more files, more work";
      EXPECT_GE(work, std::min<std::uint64_t>(sessions, 64));
      EXPECT_GE(shares.deliveries, files / 8 / 3);
      before = work;
    }
  }
}

TEST(Descriptors, asking_for_more_changes_no_limit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(attainable_descriptors(1), before.rlim_max);
  if (before.rlim_max != RLIM_INFINITY) {
    EXPECT_GE(attainable_descriptors(before.rlim_max + 1), before.rlim_max);
  }
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_cur);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
}

}  // namespace
}  // namespace postern::app
