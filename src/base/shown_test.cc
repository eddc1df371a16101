#include "base/shown.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/terminal.h"

namespace postern {
namespace {

struct Hostile {
  std::string_view octets;
  std::string_view text;  ///< as shown() has it
};
// ESC, CSI in UTF-8, bidi override, isolates, marks, BEL, CR, BS, DEL, NUL, U+2028, no UTF-8, a
// tag.
constexpr Hostile hostile[] = {
    {"\x1b[2J", "\\x1b[2J"},
    {"\xc2\x9b"
     "2J",
     "\\u009b2J"},
    {"\xe2\x80\xae", "\\u202e"},
    {"\xe2\x81\xa6", "\\u2066"},
    {"\xe2\x81\xa9", "\\u2069"},
    {"\xe2\x80\x8e", "\\u200e"},
    {"\xe2\x80\x8f", "\\u200f"},
    {"\xd8\x9c", "\\u061c"},
    {"\x07", "\\x07"},
    {"\r", "\\x0d"},
    {"\b", "\\x08"},
    {"\x7f", "\\u007f"},
    {std::string_view("\0", 1), "\\x00"},
    {"\xe2\x80\xa8", "\\u2028"},
    {"\xe2\x80\x8b", "\\u200b"},
    {"\xef\xbb\xbf", "\\ufeff"},
    {"\xf3\xa0\x81\x81", "\\udb40\\udc41"},
    {"\xff", "\\xff"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"\xc0\xaf", "\\xc0\\xaf"},
};

TEST(Shown, writes_out_what_would_paint_over_the_terminal) {
  for (const auto& [octets, text] : hostile) {
    EXPECT_EQ(shown("a" + std::string(octets) + "b"), "a" + std::string(text) + "b");
  }
  EXPECT_EQ(shown("gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80"),
            "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(shown("two\nlines\t"), "two\\x0alines\\x09");
  EXPECT_EQ(shown("cut \xe2\x80"), "cut \\xe2\\x80");
}

TEST(Shown, json_keeps_its_value) {
  EXPECT_EQ(shown_json("{\"a\":\"x\xe2\x80\xae\xc2\x9b\x7f\\u001b\"}\n"),
            "{\"a\":\"x\\u202e\\u009b\\u007f\\u001b\"}\n");
  EXPECT_EQ(shown_json("\"\xf3\xa0\x81\x81\""), "\"\\udb40\\udc41\"");
  EXPECT_EQ(shown_json("\"gr\xc3\xbc\xc3\x9f\""), "\"gr\xc3\xbc\xc3\x9f\"");
}

TEST(TerminalBuffer, lets_nothing_foreign_through) {
  std::ostringstream out;
  {
    const TerminalBuffer buffer(out, true);
    for (const auto& [octets, text] : hostile) out << octets << '.';
    out << "\nplain\ttext gr\xc3\xbc\xc3\x9f\n" << std::flush;
    write_octets(out, "\x1b[31m");
  }
  for (const char* raw : {"\x1b", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6", "\x07", "\r", "\b",
                          "\x7f", "\xff", "\xe2\x80\xa8"}) {
    EXPECT_THAT(out.str(), testing::Not(testing::HasSubstr(raw)));
  }
  EXPECT_THAT(out.str(), testing::HasSubstr("\nplain\ttext gr\xc3\xbc\xc3\x9f\n"));
}

TEST(WithoutPasswords, hides_what_settings_hold) {
  const std::pair<const char*, const char*> rows[] = {
      {"mysql:{ {user = u} {password = hu sh} {dbname = d} }",
       "mysql:{ {user = u} {password = *****} {dbname = d} }"},
      {"{Bind_PW=x}", "{Bind_PW=*}"},
      {"postgresql://u:hush@db.example.net/x", "postgresql://u:****@db.example.net/x"},
      {"a mysql://u:h@sh@db b", "a mysql://u:****@db b"},
      {"redis://:hu/sh@db/0", "redis://:*****@db/0"},
      {"http://[2001:db8::1]:80/a@b", "http://[2001:db8::1]:80/a@b"},
      {"http://db:80/a@b http://db:81", "http://db:80/a@b http://db:81"},
      {"postgresql://db/x?password=hush&user=u", "postgresql://db/x?password=****&user=u"},
      {"relay_password=hush, x=y", "relay_password=****, x=y"},
      {"password = \"gr\xc3\xbc\xc3\x9f\"", "password = \"****\""},
      {"\"client_secret\": 'hush'", "\"client_secret\": '****'"},
      {"password => `hush`", "password => `****`"},
      {"password = 'never closed", "password = '************"},
      {"password=a password=b", "password=* password=*"},
      {"secret = secret = x", "secret = ****** = *"},
  };
  for (const auto& [text, hidden] : rows) EXPECT_EQ(without_passwords(text), hidden);
}

TEST(WithoutPasswords, leaves_what_is_none) {
  for (const char* text :
       {"", "password", "password =", "cannot read the password: no such file", "://",
        "a://b:", "password = \"credential:db\"", "secret = env:DB", "password_file = /etc/x",
        "if password == given then", "{password = file:/run/secrets/db}", "http://db:25",
        "smtp:[mx.example.net]:25", "user = u@example.com"}) {
    EXPECT_EQ(without_passwords(text), text);
  }
}

TEST(TerminalBuffer, paints_by_marks_that_nobody_outside_knows) {
  std::ostringstream out;
  {
    const TerminalBuffer buffer(out, true);
    out << ink(Ink::red) << "no" << ink(Ink::plain) << "\x1b[31m" << ink(Ink::rewrite);
  }
  EXPECT_EQ(out.str(), "\x1b[31mno\x1b[0m\\x1b[31m\r\x1b[K");
  EXPECT_EQ(inked(ink(Ink::bold)), "\x1b[1m");
}

TEST(TerminalBuffer, characters_and_marks_may_come_in_pieces) {
  std::ostringstream out;
  {
    const TerminalBuffer buffer(out, false);
    for (const char c : std::string("gr\xc3\xbc\xe2\x80\xae") + std::string(ink(Ink::red)) + "\xc3")
      out << c;
  }
  EXPECT_EQ(out.str(), "gr\xc3\xbc\\u202e\x1b[31m\xef\xbf\xbd");
}

TEST(TerminalBuffer, octets_of_a_message_stay_as_they_are_in_a_file) {
  std::ostringstream out;
  {
    const TerminalBuffer buffer(out, false);
    out << "a";
    EXPECT_TRUE(write_octets(out, std::string_view("\x1b\0\xff", 3)));
  }
  EXPECT_EQ(out.str(), std::string("a\x1b\0\xff", 4));
}

}  // namespace
}  // namespace postern
