#include "mail/address.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

const std::string a64(64, 'a');
const std::string a65(65, 'a');
const std::string a252(252, 'a');

struct Good {
  std::string text;
  std::string local_part;
  std::string domain;
};
class GoodMailbox : public testing::TestWithParam<Good> {};

TEST_P(GoodMailbox, is_taken_apart) {
  const auto mailbox = parse_mailbox(GetParam().text, Utf8::refused);
  ASSERT_TRUE(mailbox) << mailbox.error().message;
  EXPECT_EQ(mailbox->local_part, GetParam().local_part);
  EXPECT_EQ(mailbox->domain, GetParam().domain);
  // The text form parses to the same value.
  EXPECT_EQ(*parse_mailbox(mailbox->text(), Utf8::refused), *mailbox);
}

INSTANTIATE_TEST_SUITE_P(
    Rfc5321, GoodMailbox,
    testing::Values(Good{"a@b", "a", "b"}, Good{"Alice.B@Example.COM", "Alice.B", "example.com"},
                    Good{"!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~", "example.com"},
                    Good{R"("a b"@example.com)", R"("a b")", "example.com"},
                    Good{R"("a@b>\"\\"@example.com)", R"("a@b>\"\\")", "example.com"},
                    Good{R"(""@example.com)", R"("")", "example.com"},
                    Good{"a@1.2.3.4", "a", "1.2.3.4"}, Good{"a@x_y.example", "a", "x_y.example"},
                    Good{"a@xn--bcher-kva.example", "a", "xn--bcher-kva.example"},
                    Good{a252 + "@b", a252, "b"},
                    Good{"a@" + std::string(63, 'b') + ".example", "a",
                         std::string(63, 'b') + ".example"},
                    Good{"a@[192.0.2.1]", "a", "[192.0.2.1]"},
                    Good{"a@[IPv6:2001:DB8:0:0::1]", "a", "[IPv6:2001:db8::1]"},
                    Good{"a@[ipv6:::ffff:192.0.2.1]", "a", "[192.0.2.1]"}));

struct Bad {
  std::string text;
  Fault fault;
};
std::ostream& operator<<(std::ostream& out, const Bad& bad) { return out << bad.text; }
class BadMailbox : public testing::TestWithParam<Bad> {};

TEST_P(BadMailbox, is_refused_with_its_fault) {
  const auto mailbox = parse_mailbox(GetParam().text, Utf8::refused);
  ASSERT_FALSE(mailbox) << mailbox->text();
  EXPECT_EQ(mailbox.error().fault, GetParam().fault);
}

using namespace std::string_literals;
INSTANTIATE_TEST_SUITE_P(
    Rfc5321, BadMailbox,
    testing::Values(
        Bad{"", Fault::malformed}, Bad{"a", Fault::malformed}, Bad{"@b", Fault::malformed},
        Bad{"a@", Fault::malformed}, Bad{".a@b", Fault::malformed}, Bad{"a.@b", Fault::malformed},
        Bad{"a..b@c", Fault::malformed}, Bad{"a b@c", Fault::malformed},
        Bad{"a@b c", Fault::malformed}, Bad{"a@b@c", Fault::malformed},
        Bad{"a@b>", Fault::malformed}, Bad{"a(c)@b", Fault::malformed},
        Bad{"a,b@c", Fault::malformed}, Bad{"\"a@b", Fault::malformed},
        Bad{"\"a\\", Fault::malformed}, Bad{"\"a\\\x01\"@b", Fault::malformed},
        Bad{"\"a\rb\"@c", Fault::malformed}, Bad{"\"a\"b@c", Fault::malformed},
        Bad{"a\0b@c"s, Fault::malformed}, Bad{"a@b\0c"s, Fault::malformed},
        Bad{"a@.b", Fault::malformed}, Bad{"a@b.", Fault::malformed},
        Bad{"a@b..c", Fault::malformed}, Bad{"a@-b.c", Fault::malformed},
        Bad{"a@b-.c", Fault::malformed}, Bad{"a@b.c-", Fault::malformed},
        Bad{"a@b/c", Fault::malformed}, Bad{"a@[192.0.2.1", Fault::malformed},
        Bad{"a@[192.0.2]", Fault::malformed}, Bad{"a@[]", Fault::malformed},
        Bad{"a@[", Fault::malformed}, Bad{"a@[IPv6:192.0.2.1]", Fault::malformed},
        Bad{"a@[2001:db8::1]", Fault::malformed}, Bad{"a@[IPv6:fe80::1%eth0]", Fault::malformed},
        Bad{"a@[tag:content]", Fault::malformed}, Bad{"a@[192.0.2.1]x", Fault::malformed},
        Bad{a252 + "a@b", Fault::limit}, Bad{"a@" + a64 + ".b", Fault::limit},
        Bad{"a@" + a65 + a65 + a65 + a65, Fault::limit}, Bad{"us\xc3\xa9r@b", Fault::denied},
        Bad{"a@b\xc3\xbc.c", Fault::denied}, Bad{"us\xc0\xafr@b", Fault::malformed}));

TEST(Mailbox, takes_utf8_where_it_was_asked_for) {
  const auto mailbox = parse_mailbox(
      "us\xc3\xa9r@B\xc3\xbc"
      "cher.example",
      Utf8::allowed);
  ASSERT_TRUE(mailbox);
  EXPECT_EQ(mailbox->local_part, "us\xc3\xa9r");
  EXPECT_EQ(mailbox->domain, "xn--bcher-kva.example");
  EXPECT_TRUE(parse_mailbox("\"\xc3\xa9 \"@b", Utf8::allowed));
  EXPECT_FALSE(parse_mailbox("us\xed\xa0\x80r@b", Utf8::allowed));
}

// RFC 5321 §4.1.2: a local part in quotes is the same mailbox as one without, if it needs none.
TEST(Mailbox, equivalent_local_parts_are_one) {
  const auto local = [](std::string_view text, Utf8 utf8 = Utf8::refused) {
    return parse_mailbox(std::string(text) + "@d", utf8)->local_part;
  };
  EXPECT_EQ(local(R"("ann")"), "ann");
  EXPECT_EQ(local(R"("\a\n\n.b")"), "ann.b");
  EXPECT_EQ(local(R"("Ann")"), "Ann");
  EXPECT_EQ(local(R"("a\ b")"), R"("a b")");
  EXPECT_EQ(local(R"("a\"b\\\c")"), R"("a\"b\\c")");
  for (const char* needed : {R"("")", R"(".a")", R"("a.")", R"("a..b")", R"("a@b")", R"("\"")",
                             R"("\"a\"")", R"("a b")"}) {
    EXPECT_EQ(local(needed), needed);
  }
  EXPECT_EQ(local("\"\xc3\xa4\"", Utf8::allowed), "\xc3\xa4");
}

TEST(Mailbox, unquotes_its_local_part) {
  EXPECT_EQ(parse_mailbox(R"("a\ b\"c"@d)", Utf8::refused)->unquoted_local_part(), "a b\"c");
  EXPECT_EQ(parse_mailbox("a.b@d", Utf8::refused)->unquoted_local_part(), "a.b");
  EXPECT_TRUE(parse_mailbox("a@[192.0.2.1]", Utf8::refused)->is_literal());
  EXPECT_FALSE(parse_mailbox("a@b", Utf8::refused)->is_literal());
}

TEST(Domain, has_one_spelling) {
  EXPECT_EQ(Domain::parse("EXAMPLE.com.")->text(), "example.com");
  EXPECT_EQ(*Domain::parse("b\xc3\xbc"
                           "cher.example"),
            *Domain::parse("XN--BCHER-KVA.example"));
  // IDNA2008 without the transitional mapping keeps the sharp s (RFC 5894 §7.2).
  EXPECT_EQ(Domain::parse("stra\xc3\x9f"
                          "e.example")
                ->text(),
            "xn--strae-oqa.example");
  // Decomposed: U+0075 U+0308.
  EXPECT_EQ(Domain::parse("bu\xcc\x88"
                          "cher.example")
                ->text(),
            "xn--bcher-kva.example");
}

TEST(Domain, refuses_what_is_none) {
  for (const std::string text :
       {"", ".", "..", "a..", ".a", "[192.0.2.1]", "a b", "a@b", "a\nb", "*.a", "a\xc3",
        "\xe2\x80\xae.example", "\xef\xbc\xa0.example", "-\xc3\xbc.example"}) {
    EXPECT_FALSE(Domain::parse(text)) << text;
  }
  EXPECT_EQ(Domain::parse(std::string(64, 'a')).error().fault, Fault::limit);
  std::string long_name;
  for (int i = 0; i < 127; ++i) long_name += "a.";
  EXPECT_TRUE(Domain::parse(long_name + "b"));
  EXPECT_EQ(Domain::parse(long_name + "bb").error().fault, Fault::limit);
  std::string high;
  for (int i = 0; i < 1000; ++i) high += "\xc3\xbc";
  EXPECT_EQ(Domain::parse(high).error().fault, Fault::limit);
  EXPECT_FALSE(Domain::parse(high.substr(0, 400)));
}

TEST(Path, is_read_to_its_bracket) {
  const auto path = parse_path("<a@b.example> SIZE=1", Utf8::refused);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->mailbox->text(), "a@b.example");
  EXPECT_EQ(path->length, 13u);
  EXPECT_FALSE(path->postmaster);
}

TEST(Path, may_be_null_or_postmaster) {
  const auto null = parse_path("<>", Utf8::refused);
  ASSERT_TRUE(null);
  EXPECT_FALSE(null->mailbox);
  EXPECT_FALSE(null->postmaster);
  EXPECT_EQ(null->length, 2u);
  const auto postmaster = parse_path("<pOstmaster> x", Utf8::refused);
  ASSERT_TRUE(postmaster);
  EXPECT_TRUE(postmaster->postmaster);
  EXPECT_EQ(postmaster->length, 12u);
}

TEST(Path, drops_a_source_route) {
  const auto path = parse_path("<@one.example,@two.example:\"a:b>\"@c.example>", Utf8::refused);
  ASSERT_TRUE(path);
  EXPECT_EQ(path->mailbox->text(), "\"a:b>\"@c.example");
  EXPECT_EQ(path->length, 44u);
}

TEST(Path, refuses_what_is_none) {
  for (const char* text :
       {"", "<", "a@b", "<a@b", "< a@b>", "<a@b >", "<a>", "<@a>", "<@a:>", "<@:a@b>", "<@a,b:c@d>",
        "<@a,:c@d>", "<@a:postmaster>", "<<a@b>>", "<@a:@b:c@d>"}) {
    const auto path = parse_path(text, Utf8::refused);
    ASSERT_FALSE(path) << text;
    EXPECT_EQ(path.error().fault, Fault::malformed) << text;
  }
  std::string domain = "a";
  while (domain.size() < 250) domain += ".aaaa";
  EXPECT_EQ(parse_path("<a@" + domain + ">", Utf8::refused).value().length, domain.size() + 4);
  EXPECT_EQ(parse_path("<aaaa@" + domain + ">", Utf8::refused).error().fault, Fault::limit);
  EXPECT_EQ(parse_path("<\xc3\xa9@b>", Utf8::refused).error().fault, Fault::denied);
}

}  // namespace
}  // namespace postern::mail
