#include "mailauth/dmarc/from_header.h"
#include "mailauth/header.h"

#include <gtest/gtest.h>

namespace mailauth::dmarc {
namespace {

using namespace std::string_view_literals;
using Domains = std::vector<std::string>;

struct Field {
  std::string_view body;
  Domains domains;
  bool valid = true;
  bool strict = true;
};

TEST(FromHeader, has_the_domain_everybody_reads) {
  const Field fields[] = {
      {"ann@example.com", {"example.com"}},
      {" Ann <ann@example.com>\r\n", {"example.com"}},
      {"Ann Q. Public <ann@example.com>", {"example.com"}},
      {"<ann@example.com>", {"example.com"}},
      {"=?utf-8?q?a=40good.example?= <a@evil.example>", {"evil.example"}},
      {"(a@good.example) a@evil.example", {"evil.example"}},
      {"a@evil.example (x (y \\) a@good.example))", {"evil.example"}},
      {"\"a\\\"<b@good.example>\" <a@evil.example>", {"evil.example"}},
      {"Ann (\r\n folded) <ann@(c)example.com(d)>", {"example.com"}},
      {"\"@good.example\"@evil.example", {"evil.example"}},
      {"a+b=c@_dmarc.example.com", {"_dmarc.example.com"}},
      {"Ann <ann@EXAMPLE.com>", {"example.com"}},
      // Several addresses, or the obsolete syntax of RFC 5322 §4.4.
      {"a@one.example, b@two.example", {"one.example", "two.example"}, true, false},
      {"a@one.example,", {"one.example"}, true, false},
      {",a@one.example", {"one.example"}, true, false},
      {"Team: a@one.example;", {"one.example"}, true, true},
      {"Team: a@one.example;, x@two.example", {"one.example", "two.example"}, true, false},
      {"<@relay.example:a@evil.example>", {"evil.example"}, true, false},
      {"a . b@example.com", {"example.com"}, true, false},
      {"a @example.com", {"example.com"}, true, false},
      {"a@example . com", {"example.com"}, true, false},
      {"a.\"b\"@example.com", {"example.com"}, true, false},
      {"a@example.com.", {"example.com"}, true, false},
      {"a@[192.0.2.1], b@example.com", {"example.com"}, true, false},
  };
  for (const Field& field : fields) {
    const Author author = author_of({field.body});
    EXPECT_EQ(author.domains, field.domains) << field.body;
    EXPECT_EQ(author.valid, field.valid) << field.body;
    EXPECT_EQ(author.is_strict(), field.strict) << field.body;
  }
}

TEST(FromHeader, that_two_readers_may_read_differently_has_none) {
  for (const std::string_view body : {"a@good.example <a@evil.example>"sv,
                                      "<a@evil.example> b@good.example"sv,
                                      "<a@evil.example><b@good.example>"sv,
                                      "\"Ann <ann@example.com>"sv,
                                      "Ann <ann@example.com"sv,
                                      "Ann ann@example.com>"sv,
                                      "(Ann ann@example.com"sv,
                                      "ann)@example.com"sv,
                                      "ann@example.com\0.good.example"sv,
                                      "\"a\0b\"@example.com"sv,
                                      "(\0) ann@example.com"sv,
                                      "ann@example.com b"sv,
                                      "a b@example.com"sv,
                                      "a..b@example.com"sv,
                                      ".a@example.com"sv,
                                      "a.@example.com"sv,
                                      "a@b@example.com"sv,
                                      "@example.com"sv,
                                      "<@example.com>"sv,
                                      "a@example..com"sv,
                                      "a@.example.com"sv,
                                      "a@exa!mple.com"sv,
                                      "a@-example.com"sv,
                                      "Doe, Ann <ann@example.com>"sv,
                                      "Team: a@one.example"sv,
                                      "A: B: a@one.example;;"sv,
                                      "a@one.example;"sv,
                                      ": a@one.example;"sv,
                                      "ann@example.com\r\nBcc: x@y.example"sv,
                                      "ann@example.com\rx"sv,
                                      "ann@example.com\r"sv,
                                      "ann@\nexample.com"sv,
                                      "ann@[192.0.2.1"sv,
                                      "a\\@b@example.com"sv,
                                      "[Ann] <ann@example.com>"sv,
                                      "a@exa\xffmple.com"sv,
                                      "<a@example.com,>"sv}) {
    const Author author = author_of({body});
    EXPECT_FALSE(author.valid) << body;
    EXPECT_TRUE(author.domains.empty()) << body;
    EXPECT_EQ(author.fault, AuthorFault::syntax) << body;
  }
}

TEST(FromHeader, in_a_header_with_lines_that_are_no_fields_is_not_strict) {
  const auto strict = [](std::string_view text) {
    return author_of(HeaderView::parse(text)).is_strict();
  };
  EXPECT_TRUE(strict("From: a@example.org\r\n"));
  EXPECT_FALSE(strict("From a@example.org Mon Jan 15\r\nFrom: a@example.org\r\n"));
  EXPECT_FALSE(strict(" Subject: x\r\nFrom: a@example.org\r\n"));
}

TEST(FromHeader, stands_once) {
  EXPECT_EQ(author_of(std::vector<std::string_view>{}).fault, AuthorFault::no_field);
  const Author two = author_of({"a@one.example", "b@two.example"});
  EXPECT_EQ(two.fault, AuthorFault::several_fields);
  EXPECT_FALSE(two.valid);
  EXPECT_EQ(two.domains, (Domains{"one.example", "two.example"}));
  const HeaderView header =
      HeaderView::parse("Subject: x\r\nfrom: a@one.example\r\nTo: b@two.example\r\n");
  EXPECT_TRUE(author_of(header).is_strict());
  const HeaderView blank = HeaderView::parse("From : a@one.example\r\n");
  EXPECT_TRUE(author_of(blank).valid);
  EXPECT_FALSE(author_of(blank).is_strict());
}

TEST(FromHeader, has_bounds) {
  EXPECT_FALSE(author_of({std::string(999, ' ') + "a@example.com"}).is_strict());
  std::string many;
  for (std::size_t i = 0; i < max_authors; ++i) many += "a@x" + std::to_string(i) + ".example,";
  EXPECT_EQ(author_of({many}).domains.size(), max_authors);
  EXPECT_EQ(author_of({many + "a@y.example"}).fault, AuthorFault::too_many);
  for (const char c : {'(', '"', ',', '<', '.', ' ', 'a', '@', ':', ';', '\\', '\xc3'}) {
    EXPECT_FALSE(author_of({std::string(1'000'000, c)}).valid) << c;
  }
  const std::string nested = std::string(500'000, '(') + std::string(500'000, ')');
  EXPECT_TRUE(author_of({nested + "a@example.com"}).valid);
}

}  // namespace
}  // namespace mailauth::dmarc
