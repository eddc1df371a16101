#include "dialect/kumo/cidr_map.h"

#include "dialect/kumo/address_text.h"
#include "dialect/kumo/cidr_map_bind.h"
#include "dialect/kumo/domain_map_bind.h"
#include "dialect/kumo/lib_test.h"

namespace postern::dialect::kumo {
namespace {

TEST(CidrMap, the_smallest_network_that_contains_an_address) {
  CidrMap<std::string> map;
  for (const char* network :
       {"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "2001:db8::/64"}) {
    map[*Cidr::parse(network)] = network;
  }
  const struct {
    const char* asked;
    const char* entry;
  } cases[] = {
      {"192.0.2.1", "0.0.0.0/0"},         {"10.255.0.1", "10.0.0.0/8"},
      {"10.1.2.4", "10.1.0.0/16"},        {"10.1.2.3", "10.1.2.3"},
      {"::ffff:10.1.2.3", "10.1.2.3"},    {"2001:db8::1", "2001:db8::/64"},
      {"2001:db8:1::1", "2001:db8::/32"}, {"2001:db9::1", ""},
      {"10.1.0.0/17", "10.1.0.0/16"},     {"10.0.0.0/8", "10.0.0.0/8"},
      {"8.0.0.0/5", "0.0.0.0/0"},
  };
  for (const auto& c : cases) {
    const std::string* found = map.find(*Cidr::parse(c.asked));
    EXPECT_EQ(found ? *found : "", c.entry) << c.asked;
  }
}

TEST(CidrMap, addresses_as_policies_have_them) {
  const struct {
    const char* text;
    const char* address;
  } cases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"192.0.2.1:25", "192.0.2.1"},
      {"2001:db8::1", "2001:db8::1"},
      {"[2001:db8::1]:25", "2001:db8::1"},
      {"[192.0.2.1]", "192.0.2.1"},
      {"[IPv6:2001:db8::1]", "2001:db8::1"},
      {"192.0.2.1:", ""},
      {"192.0.2.1:x", ""},
      {"[2001:db8::1", ""},
      {"[2001:db8::1]x", ""},
      {"", ""},
      {"[]", ""},
      {":25", ""},
      {"name.example:25", ""},
  };
  for (const auto& c : cases) {
    const auto address = address_in(c.text);
    EXPECT_EQ(address ? address->to_string() : "", c.address) << c.text;
  }
}

constexpr const char* make =
    "local m = kumo.cidr.make_map {['10.0.0.0/8'] = {1, 2}, ['192.0.2.1'] = 'one'} ";

TEST(CidrMap, of_scripts) {
  testing::Library library({cidr_map_functions(), domain_map_functions()});
  library.expect({
      {make + std::string("m['10.1.0.0/16'] = false result(m['10.1.2.3'], m['[10.9.0.1]:25'][2], "
                          "m['192.0.2.1:587'], m['192.0.2.2'], m['not.set'])"),
       R"(false 2 "one" null null)"},
      {"result(kumo.cidr.make_map()['192.0.2.1'])", "null"},
      {"kumo.cidr.make_map {1}", "error: policy.lua:1: a table by network is expected"},
      {make + std::string("m['10.0.0.1'] = print"),
       "error: policy.lua:1: a function value cannot be kept or handed on as data"},
  });
  for (const char* wrong : {"10.0.0.1/8", "name.example", "10.0.0.0/33", ""}) {
    EXPECT_THAT(library.answer("kumo.cidr.make_map {['" + std::string(wrong) + "'] = 1}"),
                ::testing::StartsWith("error: policy.lua:1: "))
        << wrong;
  }
}

TEST(SharedMaps, are_one_until_one_of_them_changes) {
  for (const script::SharedClass& one : {cidr_map_class(), domain_map_class()}) {
    const bool cidr = one.name == "CidrMap";
    const std::string key = cidr ? "192.0.2.0/24" : "*.example.com";
    const json::value entries = json::object{{key, json::array{1, "x"}}};
    const std::shared_ptr<void> first = one.again(entries);
    const std::shared_ptr<void> second = one.copy(first);
    EXPECT_NE(first, second);
    EXPECT_EQ(one.data(second), entries) << one.name;
  }
}

}  // namespace
}  // namespace postern::dialect::kumo
