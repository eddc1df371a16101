#include "mail/header_section.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

TEST(HeaderSection, gives_one_field_after_the_other) {
  struct {
    std::string_view message;
    std::vector<std::string> fields;
    std::string_view rest;
  } const cases[] = {
      {"", {}, ""},
      {"\r\n", {}, ""},
      {"\r\nbody: x\r\n", {}, "body: x\r\n"},
      {"\r\n folded body\r\n", {}, " folded body\r\n"},
      {"A: b", {"A: b"}, ""},
      {"A: b\r\n", {"A: b\r\n"}, ""},
      {"A: b\r\n c\r\n\td\r\nE:f\r\n\r\nbody", {"A: b\r\n c\r\n\td\r\n", "E:f\r\n"}, "body"},
      {" folded\r\n more\r\nA: b\r\n\r\n", {" folded\r\n more\r\n", "A: b\r\n"}, ""},
      {"no colon\r\nA: b\r\n\r\n", {"no colon\r\n", "A: b\r\n"}, ""},
      {"A: b\n c\r\n\r\n", {"A: b\n c\r\n"}, ""},
  };
  for (const auto& one : cases) {
    std::string_view rest = one.message;
    std::vector<std::string> fields;
    while (const auto field = take_field(rest)) fields.emplace_back(*field);
    EXPECT_EQ(fields, one.fields) << one.message;
    EXPECT_EQ(rest, one.rest) << one.message;
  }
}

TEST(HeaderSection, a_field_has_name_and_value) {
  EXPECT_EQ(name_of("Subject : x: y\r\n"), "Subject");
  EXPECT_EQ(name_of("no colon\r\n a: b\r\n"), "no colon");
  EXPECT_EQ(raw_value_of("A: b\r\n\tc\r\n"), " b\r\n\tc");
  EXPECT_EQ(value_of("A: b\r\n\tc \r\n"), "b\tc");
  EXPECT_EQ(value_of("A:"), "");
}

}  // namespace
}  // namespace postern::mail
