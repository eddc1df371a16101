#include "base/toml.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "base/growth_test.h"

namespace postern {
namespace {

using tests::repeated;

TEST(Toml, reads_a_table) {
  const auto table = parse_toml("a = 1\n[b.'c.d']\ne = \"f\"\n");
  ASSERT_TRUE(table);
  EXPECT_EQ((*table)["b"]["c.d"]["e"].value_or(std::string()), "f");
  EXPECT_EQ((*table)["a"].node()->source().begin.line, 1u);
}

// Inputs on which the library asserts or has undefined behaviour must not end a server.
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

// Each dot nests a table, and destruction is recursive.
TEST(Toml, a_key_of_too_many_parts_is_an_error) {
  const std::string dots = repeated("a.", 20'000);
  const std::string behind[] = {
      R"("x\"" = 1)",  R"(x = '\')",     R"(x = """a""""")",         R"(x = '''a''''')",
      R"(x = """""")", R"(x = '')",      R"(x = """\"""""")",        R"(x = 1 # """ ' ")",
      R"(x = "#")",    "x = '''\n\"'''", "x = \"\"\"\n' \\\\\"\"\"",
  };
  for (const std::string& first : behind) {
    ASSERT_TRUE(parse_toml(first + "\na.b = 1")) << first;
    for (const std::string& key :
         {dots + "b = 1", "[" + dots + "b]", "[[" + dots + "b]]", "c = {" + dots + "b = 1}",
          repeated("\"a\" . ", 20'000) + "b = 1", repeated("'a'.", 20'000) + "b = 1"}) {
      const auto table = parse_toml(first + "\n" + key);
      ASSERT_FALSE(table) << first;
      const auto line = static_cast<std::uint32_t>(std::ranges::count(first, '\n') + 2);
      EXPECT_EQ(table.error().source.begin.line, line) << first;
      EXPECT_EQ(table.error().why, "a key has at most 32 parts") << first;
    }
  }
}

TEST(Toml, keys_have_room_for_what_people_write) {
  const std::string dots = repeated("a.", 100);
  EXPECT_TRUE(parse_toml(repeated("a.", 31) + "b = 1"));
  EXPECT_FALSE(parse_toml(repeated("a.", 32) + "b = 1"));
  EXPECT_TRUE(parse_toml("a = '" + dots + "' # " + dots + "\n[b]\nc = [" + repeated("1.5, ", 1000) +
                         "]\nd = \"\"\"\n" + dots + "\"\"\""));
}

// The deepest possible text: recursive traversal must not exhaust the stack.
TEST(Toml, the_deepest_table_is_destroyed) {
  const std::string parts = repeated("a.", 31) + "a";
  EXPECT_TRUE(parse_toml("[" + parts + "]\n" + repeated(parts + " = {", 60) + parts + " = 1" +
                         repeated("}", 60)));
}

}  // namespace
}  // namespace postern
