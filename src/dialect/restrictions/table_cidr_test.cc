#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "dialect/restrictions/table_test_support.h"

namespace postern::dialect::restrictions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CidrTable, the_first_matching_row_counts) {
  const Texts texts{{"/t",
                     "192.0.2.1 OK\n"
                     "192.0.2.0/24 REJECT no\n"
                     "192.0.2.128/25 never\n"
                     "[198.51.100.7]   a\n"
                     "[2001:db8::]/32 b\n"
                     "[2001:db9::/32] c\n"
                     "! 203.0.113.0/24 other\n"}};
  const Case cases[] = {
      {"cidr:/t", "192.0.2.1", "OK"},
      {"cidr:/t", "192.0.2.0", "REJECT no"},
      {"cidr:/t", "192.0.2.255", "REJECT no"},
      {"cidr:/t", "198.51.100.7", "a"},
      {"cidr:/t", "2001:db8::5", "b"},
      {"cidr:/t", "2001:DB9:0::5", "c"},
      {"cidr:/t", "10.0.0.1", "other"},
      {"cidr:/t", "203.0.113.9", nullptr},
      {"cidr:/t", "2001:dba::", nullptr},
      {"cidr:/t", "[192.0.2.1]", nullptr},
      {"cidr:/t", "192.0.2.01", nullptr},
      {"cidr:/t", "192.0.2", nullptr},
      {"cidr:/t", "192.0.2.1.", nullptr},
      {"cidr:/t", "192.0.2.256", nullptr},
      {"cidr:/t", "client.example", nullptr},
      {"cidr:/t", "a::g", nullptr},
      {"cidr:/t", "", nullptr},
  };
  for (const Case& one : cases) check(one, texts);
  const auto table = texts.open("cidr:/t");
  EXPECT_THAT(table->hidden_rows(), ElementsAre(3));
  EXPECT_THAT(table->values().value(),
              ElementsAre("OK", "REJECT no", "never", "a", "b", "c", "other"));
  EXPECT_EQ(table->lookup_address(IpAddress::parse("192.0.2.1").value()).value, "OK");
  EXPECT_EQ(table->lookup_address(IpAddress::parse("2001:db8::").value()).value, "b");
  EXPECT_TRUE(table->is_network());
  EXPECT_TRUE(table->is_pattern());
  EXPECT_EQ(table->rows(), 7u);
}

TEST(CidrTable, names_its_rows) {
  const Texts texts{{"/t",
                     "192.0.2.1 OK\n"
                     "if 10.0.0.0/8\n"
                     "!10.1.0.0/16 a\n"
                     "endif\n"
                     "::ffff:198.51.100.0/120 none is in it\n"
                     "2001:db8::/32 b\n"}};
  const auto table = texts.open("cidr:/t");
  EXPECT_THAT(table->row_names(6).value(), ElementsAre("192.0.2.1/32", "!10.1.0.0/16",
                                                       "::ffff:198.51.100.0/120", "2001:db8::/32"));
  EXPECT_EQ(table->row_names(3), std::nullopt);
  const std::pair<const char*, const char*> named[] = {
      {"192.0.2.1", "192.0.2.1/32"},
      {"10.2.0.1", "!10.1.0.0/16"},
      {"10.1.0.1", ""},
      {"192.0.2.2", ""},
      {"198.51.100.7", ""},
      {"2001:db8::1", "2001:db8::/32"},
      {"mx.example.org", ""},
      {"2001:db9::1", ""},
  };
  for (const auto& [key, name] : named) {
    EXPECT_EQ(table->row_named(key), name) << key;
    EXPECT_EQ(table->lookup(key).status == Found::Status::absent, *name == '\0') << key;
  }
}

TEST(CidrTable, blocks_nest_and_are_negated) {
  const Texts texts{{"/t",
                     "if 10.0.0.0/8\n"
                     "10.1.0.0/16 one\n"
                     "if !10.2.0.0/16\n"
                     "0.0.0.0/0 within ten\n"
                     "endif\n"
                     "11.0.0.0/8 never\n"
                     "ENDIF\n"
                     "if !192.0.2.0/24\n"
                     "::/0 never six\n"
                     "12.0.0.0/6 twelve\n"
                     "endif\n"
                     "10.0.0.0/8 rest\n"}};
  const Case cases[] = {
      {"cidr:/t", "10.1.2.3", "one"},    {"cidr:/t", "10.3.0.0", "within ten"},
      {"cidr:/t", "10.2.0.0", "rest"},   {"cidr:/t", "11.1.1.1", nullptr},
      {"cidr:/t", "13.0.0.1", "twelve"}, {"cidr:/t", "2001:db8::1", nullptr},
      {"cidr:/t", "192.0.2.1", nullptr},
  };
  for (const Case& one : cases) check(one, texts);
  EXPECT_THAT(texts.open("cidr:/t")->hidden_rows(), ElementsAre(6, 9));
}

TEST(CidrTable, everything_is_total) {
  EXPECT_TRUE((Texts{{"/t", "192.0.2.0/24 a\n0.0.0.0/0 b\n::/0 c\n"}}.open("cidr:/t")->is_total()));
  EXPECT_TRUE((Texts{{"/t", "192.0.2.0/24 a\n!192.0.2.0/24 b\n::/1 c\n8000::/1 c\n"}}
                   .open("cidr:/t")
                   ->is_total()));
  EXPECT_FALSE((Texts{{"/t", "0.0.0.0/0 b\n"}}.open("cidr:/t")->is_total()));
  EXPECT_FALSE((Texts{{"/t", "0.0.0.0/1 b\n::/0 c\n"}}.open("cidr:/t")->is_total()));
}

TEST(CidrTable, the_last_addresses_belong_to_their_networks) {
  const Texts texts{{"/t", "255.255.255.255 a\nffff::/16 b\n0.0.0.0 z\n:: y\n"}};
  const Case cases[] = {
      {"cidr:/t", "255.255.255.255", "a"},
      {"cidr:/t", "255.255.255.254", nullptr},
      {"cidr:/t", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "b"},
      {"cidr:/t", "fffe::", nullptr},
      {"cidr:/t", "0.0.0.0", "z"},
      {"cidr:/t", "0.0.0.1", nullptr},
      {"cidr:/t", "::", "y"},
      {"cidr:/t", "::1", nullptr},
  };
  for (const Case& one : cases) check(one, texts);
}

// As measured: such clients appear as IPv4, and the network is an IPv6 one.
TEST(CidrTable, a_mapped_address_matches_no_client) {
  const Texts texts{{"/t",
                     "::ffff:192.0.2.10 a\n"
                     "[::ffff:192.0.2.0]/120 b\n"
                     "if ::ffff:192.0.2.0/120\n"
                     "0.0.0.0/0 c\n"
                     "endif\n"},
                    {"/n", "!::ffff:192.0.2.10 six\n"}};
  const Case cases[] = {
      {"cidr:/t", "192.0.2.10", nullptr},
      {"cidr:/t", "::ffff:192.0.2.10", nullptr},
      {"cidr:/n", "192.0.2.11", nullptr},
      {"cidr:/n", "2001:db8::1", "six"},
  };
  for (const Case& one : cases) check(one, texts);
  EXPECT_EQ(texts.open("cidr:/t")->warnings().size(), 3u);
  EXPECT_THAT(texts.open("cidr:/t")->warnings()[0], testing::HasSubstr("line 1"));
}

TEST(CidrTable, bad_rows_name_their_line) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"192.0.2.0/24 a\n192.0.2.1/24 x\n",
       "/t line 2: `192.0.2.1/24` has host bits set; did you "
       "mean `192.0.2.0/24`?"},
      {"192.0.2.0/33 x\n", "/t line 1: `192.0.2.0/33`: prefix length"},
      {"192.0.2.0/24\n", "/t line 1: a network without a result"},
      {"host.example x\n", "/t line 1: `host.example`"},
      {"192.0.2.010 x\n", "/t line 1"},
      {"192.0.2 x\n", "/t line 1"},
      {"\n\nendif\n", "/t line 3: `endif` without `if`"},
      {"# c\nif 192.0.2.0/24\n", "/t line 2: `if` without `endif`"},
      {"if 192.0.2.0/24 extra\n", "/t line 1: text after the network"},
      {"if 192.0.2.0/24\nendif x\nendif\n", "/t line 2: text after `endif`"},
      {"if\n", "/t line 1"},
      {"!\n", "/t line 1"},
      {" 192.0.2.1 x\n", "/t line 1: a line that begins with blank"},
  };
  for (const auto& one : cases) {
    const Texts texts{{"/t", one.text}};
    const auto refused = open_table("cidr:/t", texts.sources());
    ASSERT_FALSE(refused) << one.text;
    EXPECT_EQ(refused.error().fault, Fault::malformed);
    EXPECT_THAT(refused.error().message, HasSubstr(one.says));
    const auto skipped = open_table("cidr:/t", texts.sources(BadRows::skip));
    ASSERT_TRUE(skipped) << skipped.error().message;
    EXPECT_FALSE((*skipped)->warnings().empty());
  }
}

TEST(CidrTable, deep_blocks_are_refused) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += fmt::format("if !10.0.{}.0/24\n", i);
  EXPECT_FALSE(open_table("cidr:/t", Texts{{"/t", text}}.sources()));
}

/// The reference for the folded table: tries each row in order.
struct CidrRow {
  Cidr network;
  bool negated;
  bool matches(const IpAddress& address) const {
    return address.is_v4() == network.network().is_v4() && network.contains(address) != negated;
  }
};

/// Any address, or one with common first bits, as in tables of one region.
IpAddress somewhere(std::mt19937& random, bool six, bool near) {
  const auto octet = [&] { return static_cast<std::uint8_t>(random()); };
  if (!six) return IpAddress::v4(near ? 0x0a000000u | (random() & 0xffffff) : random());
  return IpAddress::v6(near ? std::array<std::uint8_t, 16>{0x20, 0x01, 0x0d, 0xb8, octet(), octet()}
                            : std::array<std::uint8_t, 16>{octet(), octet()});
}

TEST(CidrTable, folding_equals_trying_each_row) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const bool near = round % 2 == 1;
    std::string text;
    std::vector<CidrRow> rows;
    for (int i = 0; i < (near ? 300 : 100); ++i) {
      const bool six = random() % 3 == 0;
      const int prefix = static_cast<int>(random() % 13) + (near ? six ? 32 : 8 : 0);
      const IpAddress base = somewhere(random, six, near);
      rows.push_back({Cidr(base, prefix), random() % 10 == 0 && prefix > 9 && !near});
      text += fmt::format("{}{} r{}\n", rows.back().negated ? "!" : "",
                          rows.back().network.to_string(), i);
    }
    const auto table = Texts{{"/t", text}}.open("cidr:/t");
    for (int i = 0; i < 200; ++i) {
      const IpAddress address = somewhere(random, i % 2 == 0, near && i % 5 != 0);
      const auto winner = std::find_if(rows.begin(), rows.end(),
                                       [&](const CidrRow& row) { return row.matches(address); });
      const std::string expected =
          winner == rows.end() ? "" : fmt::format("r{}", winner - rows.begin());
      ASSERT_EQ(table->lookup(address.to_string()).value, expected) << text << address.to_string();
    }
  }
}

}  // namespace
}  // namespace postern::dialect::restrictions
