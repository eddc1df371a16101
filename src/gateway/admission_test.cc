#include "gateway/admission.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

using Refusal = Admission::Refusal;
const IpAddress stranger = *IpAddress::parse("203.0.113.9");

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

}  // namespace
}  // namespace postern::gateway
