#include "dialect/kumo/domain_map.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/growth_test.h"

namespace postern::dialect::kumo {
namespace {

DomainMap<std::string> map_of(std::initializer_list<std::string_view> patterns) {
  DomainMap<std::string> map;
  for (const std::string_view pattern : patterns) **map.entry(pattern) = pattern;
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
      // Names above an entry exist without a value; a wildcard above them does not match there.
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

TEST(DomainMap, spellings_of_a_domain_are_one_entry) {
  const struct {
    std::string_view given, key;
  } keys[] = {
      {"*", "*"},
      {"Example.COM", "example.com"},
      {"example.com.", "example.com"},
      {"*.Example.com.", "*.example.com"},
      {"MÜNCHEN.example", "xn--mnchen-3ya.example"},
      {"mu\u0308nchen.example", "xn--mnchen-3ya.example"},  // not composed
      {"XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"},
      {"*.münchen.example", "*.xn--mnchen-3ya.example"},
      {"straße.example", "xn--strae-oqa.example"},
      {"a。example", "a.example"},  // an ideographic full stop is a dot
      {"_dmarc.example", "_dmarc.example"},
      {"[ipv6:2001:DB8:0::1]", "[ipv6:2001:db8::1]"},
      {"[192.0.2.1]", "[192.0.2.1]"},
  };
  for (const auto& c : keys) {
    const auto key = domain_key(c.given);
    ASSERT_TRUE(key) << c.given << ": " << key.error().message;
    EXPECT_EQ(*key, c.key) << c.given;
    const DomainMap<std::string> map = map_of({c.given});
    for (const std::string_view spelling : {c.given, c.key}) {
      const std::string* found = map.find(spelling);
      EXPECT_TRUE(found != nullptr && *found == c.given) << c.given << " by " << spelling;
    }
  }
  for (const std::string_view none :
       {"", ".", "..", "a..b", "*.", "**", "*.*.example", "a.*", "*a.example", "a b.example",
        "-a.example", "[192.0.2.1", "[2001:db8::1]", "a\xff.example", "\u2488com.\u0001"}) {
    DomainMap<int> map;
    const auto entry = map.entry(none);
    ASSERT_FALSE(entry) << none;
    EXPECT_TRUE(entry.error().message.starts_with("is no domain; write a name, ")) << none;
    EXPECT_TRUE(map.empty());
  }
}

// A header of the message may be the text. The time grew with its square: 900 KB took half a
// minute, within which no other connection was served.
TEST(DomainMap, a_text_too_long_for_a_domain_is_below_none) {
  const DomainMap<std::string> map = map_of({"*.example.com", "*"});
  std::string text;
  const auto find = [&](std::size_t labels) {
    text.clear();
    for (std::size_t i = 0; i < labels; ++i) text += "a.";
    EXPECT_EQ(*map.find(text + "example.com"), "*");
  };
  EXPECT_LT(tests::growth(50'000, find), 9);
  EXPECT_EQ(map_of({"*.example.com"}).find(text + "example.com"), nullptr);
}

TEST(DomainMap, an_exception_in_its_own_letters_holds_for_a_labels) {
  const DomainMap<std::string> map = map_of({"*.example", "münchen.example", "*.münchen.example"});
  EXPECT_EQ(*map.find("xn--mnchen-3ya.example"), "münchen.example");
  EXPECT_EQ(*map.find("a.xn--mnchen-3ya.example"), "*.münchen.example");
  EXPECT_EQ(*map.find("a.MÜNCHEN.example."), "*.münchen.example");
  EXPECT_EQ(*map.find("other.example."), "*.example");
  EXPECT_EQ(*map.find("no name.example"), "*.example");
}

}  // namespace
}  // namespace postern::dialect::kumo
