#include "dialect/kumo/domain_map.h"

#include <gtest/gtest.h>

namespace postern::dialect::kumo {
namespace {

DomainMap<std::string> map_of(std::initializer_list<std::string_view> patterns) {
  DomainMap<std::string> map;
  for (const std::string_view pattern : patterns) map[pattern] = pattern;
  return map;
}

TEST(DomainMap, an_entry_or_the_wildcard_of_the_closest_ancestor) {
  const DomainMap<std::string> map =
      map_of({"*.example.com", "Example.com", "omg.wtf.woot.example.com", "*.b.example.com",
              "*.example.net", "single"});
  const struct {
    std::string_view name, entry;
  } cases[] = {
      {"foo.com", ""},
      {"example.com", "Example.com"},
      {"EXAMPLE.COM", "Example.com"},
      {"lemon.example.com", "*.example.com"},
      {"lemon.cake.example.com", "*.example.com"},
      {"notexample.com", ""},
      // Names above an entry exist without a value, and end the reach of the wildcard above them.
      {"woot.example.com", ""},
      {"wtf.woot.example.com", ""},
      {"other.woot.example.com", ""},
      {"omg.wtf.woot.example.com", "omg.wtf.woot.example.com"},
      {"below.omg.wtf.woot.example.com", ""},
      {"b.example.com", ""},
      {"a.b.example.com", "*.b.example.com"},
      {"a.a.b.example.com", "*.b.example.com"},
      {"example.net", ""},
      {"a.example.net", "*.example.net"},
      {"single", "single"},
      {"a.single", ""},
      {"com", ""},
      {"", ""},
      {".", ""},
      {"..example.com", "*.example.com"},
  };
  for (const auto& c : cases) {
    const std::string* found = map.find(c.name);
    EXPECT_EQ(found ? *found : "", c.entry) << c.name;
  }
}

TEST(DomainMap, a_lone_star_stands_for_names_of_which_nothing_is_known) {
  const DomainMap<std::string> map = map_of({"*", "example.com"});
  EXPECT_EQ(*map.find("example.net"), "*");
  EXPECT_EQ(*map.find("*"), "*");
  EXPECT_EQ(map.find("example.org") ? *map.find("example.org") : "", "*");
  EXPECT_EQ(map.find("other.com"), nullptr) << "com exists, and has no wildcard";
  EXPECT_TRUE(DomainMap<int>().find("example.com") == nullptr);
}

}  // namespace
}  // namespace postern::dialect::kumo
