#include "base/strangers.h"

#include <gtest/gtest.h>

#include <string>

namespace postern {
namespace {

std::vector<Cidr> networks(std::initializer_list<const char*> texts) {
  std::vector<Cidr> out;
  for (const char* text : texts) out.push_back(*Cidr::parse(text));
  return out;
}

/// Networks of that prefix; of each `step`, only the first.
std::vector<Cidr> cut(int prefix, std::uint32_t step = 1) {
  std::vector<Cidr> out;
  for (std::uint64_t i = 0; i < std::uint64_t{1} << prefix; i += step) {
    out.emplace_back(IpAddress::v4(static_cast<std::uint32_t>(i << (32 - prefix))), prefix);
  }
  return out;
}

TEST(Strangers, networks_are_taken_together_however_they_are_cut) {
  EXPECT_TRUE(stranger_in(networks({"0.0.0.0/0"})));
  EXPECT_TRUE(stranger_in(networks({"0.0.0.0/1", "128.0.0.0/1"})));
  EXPECT_TRUE(stranger_in(networks({"128.0.0.0/1"})));
  EXPECT_TRUE(stranger_in(cut(4)));
  EXPECT_TRUE(stranger_in(cut(12)));
  EXPECT_TRUE(stranger_in(cut(8, 2)));
  EXPECT_TRUE(stranger_in(cut(16, 2)));
  EXPECT_TRUE(stranger_in(networks({"::/0"})));
  EXPECT_TRUE(stranger_in(networks({"::/1", "8000::/1"})));
  EXPECT_TRUE(stranger_in(networks({"2000::/4", "3000::/4"})));
  EXPECT_TRUE(stranger_in(networks({"::ffff:0:0/96"})));
  EXPECT_TRUE(stranger_in(networks({"::ffff:0.0.0.0/97", "::ffff:128.0.0.0/97"})));
  EXPECT_TRUE(stranger_in(networks({"203.0.0.0/8", "202.0.0.0/8"})));
  EXPECT_TRUE(stranger_in(networks({"2a00::/12"})));
}

TEST(Strangers, large_and_ones_own_is_not_open) {
  EXPECT_FALSE(stranger_in(networks({})));
  EXPECT_FALSE(
      stranger_in(networks({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                            "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"})));
  EXPECT_FALSE(stranger_in(networks({"203.0.0.0/12", "198.51.100.0/24", "10.0.0.0/8"})));
  EXPECT_FALSE(stranger_in(networks({"17.0.0.0/8", "9.0.0.0/8"})));
  EXPECT_FALSE(stranger_in(networks({"2001:db8::/32", "2a02:100::/32"})));
  EXPECT_FALSE(stranger_in(networks({"8000::/1"})));
}

TEST(Strangers, the_one_named_is_inside) {
  EXPECT_EQ(stranger_in(networks({"0.0.0.0/0"}))->to_string(), "192.0.2.10");
  EXPECT_EQ(stranger_in(networks({"::/0"}))->to_string(), "2001:db8:77::a");
  const std::vector<Cidr> odd = networks({"64.0.0.0/6"});
  EXPECT_TRUE(odd[0].contains(*stranger_in(odd)));
}

TEST(Strangers, the_first_entry_decides) {
  const auto claim = [](const char* text, bool in) {
    return AddressClaim{range_of(*Cidr::parse(text)), in};
  };
  const std::vector<AddressClaim> kept_out{claim("128.0.0.0/1", false), claim("0.0.0.0/1", false),
                                           claim("0.0.0.0/0", true)};
  EXPECT_FALSE(stranger_in(kept_out));
  const std::vector<AddressClaim> too_late{claim("0.0.0.0/0", true), claim("0.0.0.0/0", false)};
  EXPECT_TRUE(stranger_in(too_late));
  const std::vector<AddressClaim> half{claim("0.0.0.0/1", false), claim("0.0.0.0/0", true)};
  EXPECT_GE(static_cast<unsigned char>(stranger_in(half)->octets()[0]), 128);
}

TEST(Strangers, a_set_that_can_only_be_asked) {
  EXPECT_TRUE(stranger_where([](const IpAddress&) { return true; }));
  EXPECT_TRUE(stranger_where([](const IpAddress& one) { return one.is_v4(); })->is_v4());
  EXPECT_FALSE(stranger_where([](const IpAddress& one) { return !one.is_v4(); })->is_v4());
  EXPECT_FALSE(stranger_where([](const IpAddress&) { return false; }));
  for (const char* text : {"10.0.0.0/8", "203.0.0.0/12", "192.0.2.0/24", "2001:db8:77::/48"}) {
    const Cidr network = *Cidr::parse(text);
    EXPECT_FALSE(stranger_where([&](const IpAddress& one) { return network.contains(one); }))
        << text;
  }
}

TEST(Strangers, an_unknown_address_is_in_no_network) {
  const IpAddress unknown = IpAddress::unknown();
  EXPECT_FALSE(Cidr::parse("::/0")->contains(unknown));
  EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(unknown));
  EXPECT_FALSE(CidrSet(networks({"::/0", "0.0.0.0/0", "::/128"})).contains(unknown));
  EXPECT_FALSE(unknown.is_loopback());
  EXPECT_NE(unknown, IpAddress());
  EXPECT_NE(unknown, *IpAddress::parse("::"));
  EXPECT_EQ(unknown.to_string(), "unknown");
  EXPECT_EQ(*IpAddress::parse_client("unknown"), unknown);
  EXPECT_FALSE(IpAddress::parse("unknown"));
}

}  // namespace
}  // namespace postern
