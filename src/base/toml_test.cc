#include "base/toml.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(Toml, reads_a_table) {
  const auto table = parse_toml("a = 1\n[b.'c.d']\ne = \"f\"\n");
  ASSERT_TRUE(table);
  EXPECT_EQ((*table)["b"]["c.d"]["e"].value_or(std::string()), "f");
  EXPECT_EQ((*table)["a"].node()->source().begin.line, 1u);
}

// A library that asserts or has undefined behaviour on these must not end a server.
TEST(Toml, every_broken_text_is_an_error_with_its_line) {
  const struct {
    std::string_view text;
    std::uint32_t line;
  } cases[] = {
      {"a = 1\n[b\nc = 2\n", 2},    {"a = 1\n[{", 2},    {"a = 1\n\nb = \n", 3},
      {"a = 1\n\xc3\xbc = 2\n", 2}, {"a = 1\na = 2", 2}, {"\n\na = \"\xff\"", 3},
  };
  for (const auto& c : cases) {
    const auto table = parse_toml(c.text);
    ASSERT_FALSE(table) << c.text;
    EXPECT_EQ(table.error().source.begin.line, c.line) << c.text;
    EXPECT_FALSE(table.error().why.empty()) << c.text;
  }
}

}  // namespace
}  // namespace postern
