#include "mail/header_fields.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

TEST(HeaderFields, a_header_is_split_and_joined_again) {
  const std::string message =
      "Received: a\r\n\tb\r\nSubject : x: y\r\nno colon\r\nTo:\r\n\r\nbody\r\n\r\nmore\r\n";
  std::size_t body = 0;
  const auto fields = fields_of(message, body);
  ASSERT_EQ(fields.size(), 4u);
  EXPECT_EQ(fields[0].name, "Received");
  EXPECT_EQ(fields[0].raw_value(), " a\r\n\tb");
  EXPECT_EQ(fields[0].value(), "a\tb");
  EXPECT_EQ(fields[1].name, "Subject");
  EXPECT_EQ(fields[1].value(), "x: y");
  EXPECT_EQ(fields[2].name, "no colon");
  EXPECT_EQ(fields[3].raw_value(), "");
  EXPECT_EQ(message.substr(body), "body\r\n\r\nmore\r\n");
  EXPECT_EQ(body_of(message), body);
  EXPECT_EQ(joined(fields) + message.substr(body), message);
}

TEST(HeaderFields, a_message_may_lack_header_or_body) {
  for (const std::string_view message :
       {"", "\r\n", "\r\nbody", "A: b\r\n", "A: b", " folded\r\n"}) {
    std::size_t body = 99;
    fields_of(message, body);
    EXPECT_EQ(body_of(message), body) << message;
  }
}

TEST(HeaderFields, what_is_no_field_is_refused) {
  struct Case {
    std::string_view name;
    std::string_view value;
    std::string_view wanted;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"X-A", "b", "X-A: b\r\n"},
      {"X-A", "", "X-A: \r\n"},
      {"X-A", "b\r\n c", "X-A: b\r\n c\r\n"},
      {"X-A", "b\n\tc", "X-A: b\r\n\tc\r\n"},
      {"X-A", "b\r\nBcc: c", "a line break in the value of a header field"},
      {"X-A", "b\nBcc: c", "a line break in the value of a header field"},
      {"X-A", "b\rc", "a line break in the value of a header field"},
      {"X-A", "b\r c", "a line break in the value of a header field"},
      {"X-A", "b\n\r c", "a line break in the value of a header field"},
      {"X-A", "b\r\n", "a line break in the value of a header field"},
      {"X-A", "b\r\n \r\n c", "a line break in the value of a header field"},
      {"X-A", "b\r\n \r\nc", "a line break in the value of a header field"},
      {"X-A", "b\r\n ", "a line break in the value of a header field"},
      {"X-A", "b\0c"sv, "a NUL in the value of a header field"},
      {"", "b", "not a name of a header field: "},
      {"X A", "b", "not a name of a header field: X A"},
      {"X:A", "b", "not a name of a header field: X:A"},
      {"X\r\nA", "b", "not a name of a header field: X\\x0d\\x0aA"},
      {"Ü", "b", "not a name of a header field: \\xc3\\x9c"},
  };
  for (const Case& one : cases) {
    const auto field = header_field(one.name, one.value);
    EXPECT_EQ(field ? field->text : field.error().message, one.wanted);
  }
}

TEST(HeaderFields, no_line_has_more_than_998_octets) {
  const auto many = [](std::size_t count) { return std::string(count, 'a'); };
  const std::string too_long = "a line of a header field has more than 998 octets";
  struct Case {
    std::string value, wanted;
  };
  const Case cases[] = {
      {many(993), "X-A: " + many(993) + "\r\n"},
      {many(994), "X-A:\r\n " + many(994) + "\r\n"},
      {many(997), "X-A:\r\n " + many(997) + "\r\n"},
      {many(998), too_long},
      {many(600) + " " + many(600), "X-A: " + many(600) + "\r\n " + many(600) + "\r\n"},
      {many(600) + "\t" + many(600), "X-A: " + many(600) + "\r\n\t" + many(600) + "\r\n"},
      {many(500) + " " + many(400) + " " + many(900) + " b",
       "X-A: " + many(500) + " " + many(400) + "\r\n " + many(900) + " b\r\n"},
      {many(600) + " " + many(998), too_long},
      {many(993) + std::string(10, ' '), too_long},
      {"b\r\n " + many(600) + " " + many(600),
       "X-A: b\r\n " + many(600) + "\r\n " + many(600) + "\r\n"},
      {"b\r\n " + std::string(998, ' ') + "c", too_long},
  };
  for (const Case& one : cases) {
    const auto field = header_field("X-A", one.value);
    EXPECT_EQ(field ? field->text : field.error().message, one.wanted);
  }
}

TEST(HeaderFields, addresses_are_edited_in_place) {
  const Mailbox x{"x", "example.com"};
  const Mailbox y{"y", "example.org"};
  struct Case {
    std::string_view raw;
    std::string_view without;  ///< "-": x is not found
    std::string_view replaced;
  };
  const Case cases[] = {
      {" x@example.com", "", " y@example.org"},
      {" X@Example.COM", "", " y@example.org"},
      {" a@b.example", "-", "-"},
      {" a@b.example, x@example.com", " a@b.example", " a@b.example, y@example.org"},
      {" x@example.com, a@b.example", " a@b.example", " y@example.org, a@b.example"},
      {" a@b.example,\r\n \"X, Y\" <x@example.com>,\r\n c@d.example",
       " a@b.example,\r\n c@d.example",
       " a@b.example,\r\n \"X, Y\" <y@example.org>,\r\n c@d.example"},
      {" x@example.com, x@example.com", "", " y@example.org, y@example.org"},
      {" team: x@example.com, a@b.example;", " team: a@b.example;",
       " team: y@example.org, a@b.example;"},
      {" team: a@b.example, x@example.com;", " team: a@b.example;",
       " team: a@b.example, y@example.org;"},
      {" \"<x@example.com>\" <a@b.example>", "-", "-"},
      {" (<x@example.com>,) a@b.example", "-", "-"},
      {" \"x@example.com", "-", "-"},
      {" <x@example.com", "-", "-"},
      {" xx@example.com", "-", "-"},
      {"", "-", "-"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(without_address(one.raw, x).value_or("-"), one.without) << one.raw;
    EXPECT_EQ(with_address_replaced(one.raw, x, y).value_or("-"), one.replaced) << one.raw;
  }
}

TEST(HeaderFields, a_list_of_one_address_a_hundred_thousand_times_is_edited_once) {
  std::string raw;
  for (int i = 0; i < 100'000; ++i) raw += "x@example.com,";
  EXPECT_EQ(without_address(raw, {"x", "example.com"}), "");
}

}  // namespace
}  // namespace postern::mail
