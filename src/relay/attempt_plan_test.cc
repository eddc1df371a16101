#include "relay/attempt_plan.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

/// A host with this many addresses of each family; `n` is part of the addresses.
Target host(int n, int v6, int v4) {
  Target target{.host = "mx" + std::to_string(n) + ".example"};
  for (int i = 1; i <= v6; ++i) {
    target.v6.push_back(
        *IpAddress::from_text("2001:db8:" + std::to_string(n) + "::" + std::to_string(i)));
  }
  for (int i = 1; i <= v4; ++i) {
    target.v4.push_back(
        *IpAddress::from_text("198.51." + std::to_string(n) + "." + std::to_string(i)));
  }
  return target;
}

std::size_t keep_order(std::size_t bound) { return bound - 1; }

std::string plan_text(const std::vector<PlannedHost>& plan) {
  std::string out;
  for (const PlannedHost& each : plan) {
    out += out.empty() ? "" : " | ";
    for (const IpAddress& address : each.addresses)
      out += (&address == &each.addresses.front() ? "" : " ") + address.to_string();
  }
  return out;
}

TEST(PlanAttempt, alternates_families_from_the_preferred_one) {
  const std::vector<std::vector<Target>> groups{{host(1, 2, 2)}};
  EXPECT_EQ(plan_text(plan_attempt(groups, {}, Family::v6, keep_order)),
            "2001:db8:1::1 198.51.1.1 2001:db8:1::2 198.51.1.2");
  EXPECT_EQ(plan_text(plan_attempt(groups, {}, Family::v4, keep_order)),
            "198.51.1.1 2001:db8:1::1 198.51.1.2 2001:db8:1::2");
}

TEST(PlanAttempt, keeps_its_limits) {
  const std::vector<std::vector<Target>> groups{
      {host(1, 0, 6)}, {host(2, 0, 3)}, {host(3, 0, 9)}, {host(4, 0, 1)}};
  const auto plan = plan_attempt(groups, {}, Family::v6, keep_order);
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_EQ(plan[0].addresses.size(), 4u);
  EXPECT_EQ(plan[1].addresses.size(), 3u);
  EXPECT_EQ(plan[2].addresses.size(), 3u);
  EXPECT_EQ(plan_attempt(groups, {.max_hosts = 2}, Family::v6, keep_order).size(), 2u);
}

TEST(PlanAttempt, keeps_an_address_of_a_family_that_limits_would_cut_off) {
  // Cut by the number of hosts: the sixth has the only IPv4 address.
  std::vector<std::vector<Target>> groups;
  for (int n = 1; n <= 5; ++n) groups.push_back({host(n, 1, 0)});
  groups.push_back({host(6, 0, 2)});
  EXPECT_EQ(plan_text(plan_attempt(groups, {}, Family::v6, keep_order)),
            "2001:db8:1::1 | 2001:db8:2::1 | 2001:db8:3::1 | 2001:db8:4::1 | 198.51.6.1");
  // Cut by the number of addresses in all.
  EXPECT_EQ(plan_text(plan_attempt({{host(1, 2, 0)}, {host(2, 2, 0)}, {host(3, 0, 1)}},
                                   {.max_addresses = 3}, Family::v6, keep_order)),
            "2001:db8:1::1 2001:db8:1::2 | 198.51.3.1");
  // Cut by the number of addresses of one host.
  EXPECT_EQ(plan_text(plan_attempt({{host(1, 1, 1)}, {host(2, 1, 1)}},
                                   {.max_addresses_per_host = 1}, Family::v6, keep_order)),
            "2001:db8:1::1 198.51.1.1");
}

TEST(PlanAttempt, nothing_comes_of_nothing) {
  EXPECT_TRUE(plan_attempt({}, {}, Family::v6, keep_order).empty());
}

}  // namespace
}  // namespace postern::relay
