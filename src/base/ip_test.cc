#include "base/ip.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "base/rounds_test.h"

namespace postern {
namespace {

TEST(IpAddress, is_written_with_its_port) {
  EXPECT_EQ(with_port(*IpAddress::parse("192.0.2.1"), 25), "192.0.2.1:25");
  EXPECT_EQ(with_port(*IpAddress::parse("2001:db8::1"), 587), "[2001:db8::1]:587");
}

TEST(Cidr, proposes_the_network_when_host_bits_are_set) {
  const auto cidr = Cidr::parse("203.0.113.5/24");
  ASSERT_FALSE(cidr);
  EXPECT_NE(cidr.error().message.find("203.0.113.0/24"), std::string::npos);
}

TEST(Cidr, takes_mapped_networks_as_ipv4) {
  EXPECT_EQ(Cidr::parse("::ffff:192.0.2.0/120")->to_string(), "192.0.2.0/24");
  EXPECT_EQ(Cidr::parse("::ffff:192.0.2.7")->to_string(), "192.0.2.7/32");
  EXPECT_FALSE(Cidr::parse("::ffff:192.0.2.0/64"));
}

TEST(Cidr, refuses_what_is_not_exactly_a_network) {
  for (const char* text :
       {"", "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "010.0.0.0/8",
        "10.0.0/8", "fe80::1%eth0", "example.com", "10.0.0.0/8 ", "2001:db8::/129", "1.2.3.4/3a"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

TEST(IpAddress, takes_the_texts_of_addresses_and_no_others) {
  for (const char* text :
       {"0.0.0.0", "255.255.255.255", "192.0.2.10", "::", "::1", "1::", "2001:db8::1:2",
        "2001:DB8:0:0:8:800:200C:417A", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::192.0.2.1",
        "1:2:3:4:5:6:192.0.2.1", "64:ff9b::192.0.2.33", "::ffff:192.0.2.7"}) {
    EXPECT_TRUE(IpAddress::parse(text)) << text;
  }
  for (const char* text : {"",
                           ".",
                           ":",
                           ":::",
                           "1",
                           "1.2.3",
                           "1.2.3.4.",
                           ".1.2.3.4",
                           "1..2.3",
                           "1.2.3.04",
                           "00.0.0.0",
                           "1.2.3.256",
                           "1.2.3.1000",
                           "1.2.3.4 ",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8:",
                           ":1:2:3:4:5:6:7:8",
                           "1:2:3:4:5:6:7:8::",
                           "1::2::3",
                           "12345::",
                           "g::",
                           "::1%lo",
                           "1:2:3:4:5:6:7:192.0.2.1",
                           "::192.0.2.1:1",
                           "::192.0.2",
                           "::.1.2.3",
                           "::1\n",
                           "1:2:3:4:5:6:7:",
                           "::192.0.02.1",
                           "::12345.0.2.1",
                           "::a.0.2.1"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
    EXPECT_FALSE(IpAddress::from_text(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0", 4)));
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.7")->to_string(), "192.0.2.7");
}

TEST(IpAddress, agrees_with_the_system_on_random_texts) {
  std::uint32_t seed = 11;
  const auto next = [&seed](std::uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return static_cast<std::uint32_t>((std::uint64_t{seed} * below) >> 32);
  };
  constexpr std::string_view pieces[] = {":",  ":",  ":",   "::",  ".", "0", "1",   "ab",
                                         "ff", "00", "256", "255", "7", "c", "beef"};
  std::size_t addresses = 0;
  const std::size_t texts = tests::rounds(40'000, 400'000);
  for (std::size_t i = 0; i < texts; ++i) {
    std::string text;
    const std::uint32_t shape = next(4);
    for (std::uint32_t n = next(12) + 4; n > 0; --n) {
      if (shape == 0) {
        text += pieces[next(std::size(pieces))];
      } else {  // mostly well-formed: groups between colons or dots
        text += pieces[5 + next(10)];
        text += shape == 1 || (shape == 2 && n > 4) ? ":" : ".";
        if (next(9) == 0) text += ':';
      }
    }
    if (shape != 0 && next(8) != 0) text.pop_back();
    std::array<std::uint8_t, 16> octets{};
    std::optional<IpAddress> expected;
    if (inet_pton(AF_INET6, text.c_str(), octets.data()) == 1) {
      expected = IpAddress::v6(octets);
    } else if (inet_pton(AF_INET, text.c_str(), octets.data()) == 1) {
      std::uint32_t number = 0;
      for (int k = 0; k < 4; ++k) number = number << 8 | octets[k];
      expected = IpAddress::v4(number);
    }
    ASSERT_EQ(IpAddress::from_text(text), expected) << text;
    if (!expected) continue;
    ++addresses;
    char shown[INET6_ADDRSTRLEN];
    ASSERT_EQ(expected->to_string(), inet_ntop(expected->is_v4() ? AF_INET : AF_INET6,
                                               expected->octets().data(), shown, sizeof shown));
  }
  EXPECT_GT(addresses, 1000u);
}

TEST(SplitPort, host_and_port_as_they_stand) {
  const struct {
    const char* text;
    const char* host;
    std::optional<std::string_view> port;
    bool bracketed = false;
  } cases[] = {
      {"192.0.2.1", "192.0.2.1", std::nullopt},
      {"192.0.2.1:25", "192.0.2.1", "25"},
      {"mx.example.org:", "mx.example.org", ""},
      {":25", "", "25"},
      {"2001:db8::1", "2001:db8::1", std::nullopt},
      {"[2001:db8::1]", "2001:db8::1", std::nullopt, true},
      {"[2001:db8::1]:25", "2001:db8::1", "25", true},
      {"[192.0.2.1]:2:5", "192.0.2.1", "2:5", true},
      {"", "", std::nullopt},
  };
  for (const auto& c : cases) {
    const auto split = split_port(c.text);
    ASSERT_TRUE(split) << c.text;
    EXPECT_EQ(split->host, c.host) << c.text;
    EXPECT_EQ(split->port, c.port) << c.text;
    EXPECT_EQ(split->bracketed, c.bracketed) << c.text;
  }
  for (const char* text : {"[", "[192.0.2.1", "[192.0.2.1]25", "[192.0.2.1] :25"}) {
    EXPECT_FALSE(split_port(text)) << text;
  }
}

TEST(AddressAndPort, v6_stands_in_brackets) {
  const auto again = [](std::string_view text) {
    const auto parsed = parse_address_and_port(text);
    return parsed ? with_port(parsed->address, parsed->port) : "";
  };
  EXPECT_EQ(again("192.0.2.1:25"), "192.0.2.1:25");
  EXPECT_EQ(again("[2001:DB8::1]:0"), "[2001:db8::1]:0");
  EXPECT_EQ(again("[::ffff:192.0.2.1]:25"), "192.0.2.1:25");
  for (const char* text : {"", "192.0.2.1", "2001:db8::1", "2001:db8::1:25", "[2001:db8::1]",
                           "192.0.2.1:", "192.0.2.1:65536", "mx.example.org:25", ":25", "[]:25"}) {
    EXPECT_EQ(again(text), "") << text;
  }
}

TEST(ParsePort, decimal_up_to_65535) {
  EXPECT_EQ(parse_port("25"), 25);
  EXPECT_EQ(parse_port("0"), 0);
  EXPECT_EQ(parse_port("65535"), 65535);
  for (const char* text : {"", "65536", "-1", "+25", " 25", "25 ", "smtp", "0x19"}) {
    EXPECT_FALSE(parse_port(text)) << text;
  }
}

TEST(Cidr, contains_what_has_its_first_bits) {
  for (const char* text : {"198.51.100.7", "2001:db8:85a3::8a2e:370:7334"}) {
    const IpAddress address = *IpAddress::parse(text);
    for (int prefix = 0; prefix <= address.bits(); ++prefix) {
      const Cidr network(address, prefix);
      ASSERT_TRUE(network.contains(address)) << network.to_string();
      for (int bit = 0; bit < address.bits(); ++bit) {
        std::array<std::uint8_t, 16> octets{};
        std::memcpy(octets.data(), address.octets().data(), address.octets().size());
        octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] ^ 0x80 >> bit % 8);
        const IpAddress other =
            address.is_v4() ? IpAddress::v4(static_cast<std::uint32_t>(
                                  octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]))
                            : IpAddress::v6(octets);
        ASSERT_EQ(network.contains(other), bit >= prefix) << network.to_string() << " " << bit;
      }
    }
  }
}

TEST(Cidr, networks_in_networks) {
  const auto network = [](const char* text) { return *Cidr::parse(text); };
  EXPECT_TRUE(network("10.0.0.0/8").contains(network("10.0.0.0/8")));
  EXPECT_TRUE(network("10.0.0.0/8").contains(network("10.1.0.0/16")));
  EXPECT_FALSE(network("10.1.0.0/16").contains(network("10.0.0.0/8")));
  EXPECT_FALSE(network("10.0.0.0/8").contains(network("11.0.0.0/16")));
  EXPECT_FALSE(network("0.0.0.0/0").contains(network("2001:db8::/32")));
  EXPECT_TRUE(network("192.0.2.1").is_host());
  EXPECT_TRUE(network("2001:db8::1").is_host());
  EXPECT_FALSE(network("2001:db8::/32").is_host());
}

TEST(CidrSet, families_never_match_each_other) {
  const CidrSet all_v4({*Cidr::parse("0.0.0.0/0")});
  EXPECT_TRUE(all_v4.contains(*IpAddress::parse("198.51.100.1")));
  EXPECT_TRUE(all_v4.contains(*IpAddress::parse("::ffff:198.51.100.1")));
  EXPECT_FALSE(all_v4.contains(*IpAddress::parse("2001:db8::1")));
}

TEST(CidrSet, agrees_with_a_scan_over_all_networks) {
  std::vector<Cidr> networks;
  std::uint32_t seed = 7;
  const auto next = [&seed] { return seed = seed * 1664525u + 1013904223u; };
  for (int i = 0; i < 300; ++i) {
    networks.emplace_back(IpAddress::v4(next()), static_cast<int>(6 + next() % 27));
  }
  const CidrSet set(networks);
  const std::size_t rounds = tests::rounds(4'000, 20'000);
  for (std::size_t i = 0; i < rounds; ++i) {
    const IpAddress address = IpAddress::v4(next());
    const bool scanned = std::any_of(networks.begin(), networks.end(),
                                     [&](const Cidr& cidr) { return cidr.contains(address); });
    ASSERT_EQ(set.contains(address), scanned) << address.to_string();
  }
}

}  // namespace
}  // namespace postern
