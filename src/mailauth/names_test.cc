#include "mailauth/names.h"

#include <gtest/gtest.h>

namespace mailauth {
namespace {

struct NormalForm {
  std::string_view text;
  std::optional<std::string> normal;
};

TEST(Names, have_one_normal_form) {
  const NormalForm cases[] = {
      {"Example.COM", "example.com"},
      {"example.com.", "example.com"},
      {"_dmarc.example.com", "_dmarc.example.com"},
      {"b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example"},
      {"B\xc3\x9c"
       "CHER.example",
       "xn--bcher-kva.example"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"com", "com"},
      {"", std::nullopt},
      {".", std::nullopt},
      {"example..com", std::nullopt},
      {".example.com", std::nullopt},
      {"example.com..", std::nullopt},
      {"-a.example", std::nullopt},
      {"a-.example", std::nullopt},
      {"legit'a.example", std::nullopt},
      {"legit(a.example", std::nullopt},
      {"a b.example", std::nullopt},
      {"[192.0.2.1]", std::nullopt},
      {std::string_view("a\0b.example", 11), std::nullopt},
      {"\xff.example", std::nullopt},
  };
  for (const NormalForm& c : cases) EXPECT_EQ(normalize_domain(c.text), c.normal) << c.text;
}

TEST(Names, have_bounds) {
  const std::string label63(63, 'a');
  EXPECT_TRUE(normalize_domain(label63 + ".example"));
  EXPECT_FALSE(normalize_domain(label63 + "a.example"));
  std::string name = label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b');
  EXPECT_EQ(name.size(), 253u);
  EXPECT_TRUE(normalize_domain(name));
  EXPECT_TRUE(normalize_domain(name + "."));
  EXPECT_FALSE(normalize_domain(name + "b"));
  EXPECT_FALSE(normalize_domain(std::string(1'000'000, 'a')));
  EXPECT_FALSE(normalize_domain(std::string(1'000'000, '\xc3')));
}

TEST(Names, lie_below_by_whole_labels) {
  EXPECT_TRUE(is_subdomain("a.example.com", "example.com"));
  EXPECT_TRUE(is_subdomain("EXAMPLE.com", "example.COM"));
  EXPECT_FALSE(is_subdomain("badexample.com", "example.com"));
  EXPECT_FALSE(is_subdomain("example.com", "a.example.com"));
  EXPECT_FALSE(is_subdomain("example.com", ""));
}

TEST(Names, are_cut_by_labels) {
  EXPECT_EQ(parent_domain("a.b.example"), "b.example");
  EXPECT_EQ(parent_domain("example"), "");
  EXPECT_EQ(label_count("a.b.example"), 3u);
  EXPECT_EQ(label_count(""), 0u);
  EXPECT_EQ(last_labels("a.b.example", 2), "b.example");
  EXPECT_EQ(last_labels("a.b.example", 1), "example");
  EXPECT_EQ(last_labels("a.b.example", 3), "a.b.example");
  EXPECT_EQ(last_labels("a.b.example", 9), "a.b.example");
}

TEST(SuffixList, finds_the_organizational_domain) {
  const SuffixList list = SuffixList::from_rules(
      "com\nuk\nco.uk\n*.kawasaki.jp\n!city.kawasaki.jp\njp\nxn--p1ai\ngithub.io\nio\n");
  const std::pair<const char*, const char*> cases[] = {
      {"a.b.example.com", "example.com"},
      {"example.com", "example.com"},
      {"com", "com"},
      {"mail.shop.co.uk", "shop.co.uk"},
      {"co.uk", "co.uk"},
      {"a.b.c.kawasaki.jp", "b.c.kawasaki.jp"},
      {"m.city.kawasaki.jp", "city.kawasaki.jp"},
      {"a.xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"},
      {"a.user.github.io", "user.github.io"},
      {"a.b.unlisted", "b.unlisted"},
  };
  for (const auto& [name, expected] : cases) {
    EXPECT_EQ(list.organizational_domain(name), expected) << name;
  }
  EXPECT_TRUE(list.is_public_suffix("co.uk"));
  EXPECT_TRUE(list.is_public_suffix("unlisted"));
  EXPECT_FALSE(list.is_public_suffix("shop.co.uk"));
}

TEST(SuffixList, of_the_system_knows_the_usual_suffixes) {
  EXPECT_TRUE(SuffixList::system().is_public_suffix("co.uk"));
  EXPECT_EQ(SuffixList::system().organizational_domain("a.b.example.com"), "example.com");
}

TEST(SuffixList, without_rules_takes_the_last_label_as_suffix) {
  const SuffixList list = SuffixList::from_rules("");
  EXPECT_EQ(list.organizational_domain("a.b.example"), "b.example");
}

}  // namespace
}  // namespace mailauth
