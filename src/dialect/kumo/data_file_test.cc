#include "dialect/kumo/data_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(JsonWithComments, comments_are_blanks) {
  const struct {
    std::string_view text, plain;
  } cases[] = {
      {"1", "1"},
      {"# hash\n{\n// line\n\"a\": /* block\n two lines */ 1 # end\n}", "{\"a\":1}"},
      {R"({"u": "http://not-a-comment", "v": "# neither /* this */", "w": "\"// nor this"})",
       R"({"u":"http://not-a-comment","v":"# neither /* this */","w":"\"// nor this"})"},
      {"[1,/**/2]// no line end", "[1,2]"},
      {"[1,2]/* ** / */", "[1,2]"},
      {"\xef\xbb\xbf{}", "{}"},
      {R"({"a": 1, "a": 2})", R"({"a":2})"},
      {" [null, true, -1.5e2] ", "[null,true,-1.5E2]"},
      {"{}\r\n// behind\r\n", "{}"},
  };
  for (const auto& c : cases) {
    const auto value = parse_json_with_comments(c.text);
    ASSERT_TRUE(value) << c.text << ": " << value.error().message;
    EXPECT_EQ(json::serialize(*value), c.plain) << c.text;
  }
}

TEST(JsonWithComments, errors_have_their_line) {
  const struct {
    std::string_view text;
    std::uint32_t line;
  } cases[] = {
      {"", 1},         {"// nothing\n", 2}, {"{\n  // comment\n  \"a\": 1,\n}", 4},
      {"[1,\n2,]", 2}, {"{}\n/* a\n b", 2}, {"{}\n\n{}", 3},
      {"[1] x", 1},    {"{'a': 1}", 1},     {"{\"a\": \"\nb\"}", 1},
      {"[1\n/ 2]", 2}, {"[\"\xff\"]", 1},   {"[\"never closed]", 1},
      {"\"\\", 1},
  };
  for (const auto& c : cases) {
    const auto value = parse_json_with_comments(c.text);
    ASSERT_FALSE(value) << c.text;
    EXPECT_EQ(value.error().line, c.line) << c.text << ": " << value.error().message;
    EXPECT_FALSE(value.error().message.empty());
  }
  EXPECT_FALSE(parse_json_with_comments(std::string(100'000, '[')));
}

constexpr std::string_view queue_toml = R"(a = 1
[tenant.'my/ten~ant']
# comment
require_authz = [
  "scott"]
inline = { x = 1, y = "z" }
[queue."example.com".t]
when = 2026-01-02
flag = true
rate = 1.5
)";

TEST(DataFile, toml_has_values_and_lines) {
  const auto file = parse_data("/etc/queue.toml", queue_toml);
  ASSERT_TRUE(file) << file.error().message;
  const std::map<std::string, std::uint32_t, std::less<>> lines = {
      {"/a", 1},
      {"/tenant", 2},
      {"/tenant/my~1ten~0ant", 2},
      {"/tenant/my~1ten~0ant/require_authz", 4},
      {"/tenant/my~1ten~0ant/inline", 6},
      {"/tenant/my~1ten~0ant/inline/x", 6},
      {"/tenant/my~1ten~0ant/inline/y", 6},
      {"/queue", 7},
      {"/queue/example.com", 7},
      {"/queue/example.com/t", 7},
      {"/queue/example.com/t/when", 8},
      {"/queue/example.com/t/flag", 9},
      {"/queue/example.com/t/rate", 10},
  };
  EXPECT_EQ(file->lines, lines);
  EXPECT_EQ(file->value, json::parse(R"({"a": 1,
      "tenant": {"my/ten~ant": {"require_authz": ["scott"], "inline": {"x": 1, "y": "z"}}},
      "queue": {"example.com": {"t": {"when": "2026-01-02", "flag": true, "rate": 1.5}}}})"));
}

TEST(DataFile, json_has_the_same) {
  const auto file = parse_data("queue.json", R"(# hash
{
  "a": { "b\u0063": [ {"d": 1},
                      {"e": "k: \"v\""} ] },
  /* two
     lines */ "f": ":", "g":
  "h"
})");
  ASSERT_TRUE(file) << file.error().message;
  const std::map<std::string, std::uint32_t, std::less<>> lines = {
      {"/a", 3}, {"/a/bc", 3}, {"/a/bc/0/d", 3}, {"/a/bc/1/e", 4}, {"/f", 6}, {"/g", 6}};
  EXPECT_EQ(file->lines, lines);
}

TEST(DataFile, mistakes_are_called_by_file_and_line) {
  const struct {
    std::string_view name, text, message;
  } cases[] = {
      {"queue.toml", "tenant_header = 'X-Tenant'\n[tenant.'a'\nb = 1\n", "queue.toml:2: "},
      {"a/queue.toml", "a = 1\na = 2\n", "a/queue.toml:2: "},
      {"queue.json", "{\n  // comment\n  \"a\": 1,\n}\n", "queue.json:4: this is not JSON"},
      {"queue.json", "{\n\"a\": 1,\n\"b\": {\"a\": 2},\n\"\\u0061\": 3}",
       "queue.json:4: the key `a` is there twice"},
      {"anything", "a = 1", "anything:1: this is not JSON"},
      {"x.json", "", "x.json:1: this is not JSON: there is no value"},
  };
  for (const auto& c : cases) {
    const auto file = parse_data(std::string(c.name), c.text);
    ASSERT_FALSE(file) << c.text;
    EXPECT_EQ(file.error().fault, Fault::malformed);
    EXPECT_THAT(file.error().message, StartsWith(std::string(c.message))) << c.text;
  }
}

TEST(MergedData, later_files_win_key_by_key_and_lists_are_replaced) {
  MergedData merged;
  ASSERT_TRUE(merged.add(*parse_data("a.toml", "x = 1\n[t.one]\nwho = ['a', 'b']\nkeep = 1\n")));
  ASSERT_TRUE(merged.add(*parse_data("b.json", R"({"t": {
      "one": {"who": ["c"]},
      "two": {}}, "x": {"y": 2}})")));
  ASSERT_TRUE(
      merged.add({.name = "policy.lua:3", .value = json::parse(R"({"t":{"two":{"z":1}}})")}));
  EXPECT_EQ(json::value(merged.value()), json::parse(R"({"x": {"y": 2}, "t": {
      "one": {"who": ["c"], "keep": 1}, "two": {"z": 1}}})"));
  EXPECT_EQ(merged.place("/t/one/who"), "b.json:2");
  EXPECT_EQ(merged.place("/t/one/who/0"), "b.json:2");
  EXPECT_EQ(merged.place("/t/one/keep"), "a.toml:4");
  EXPECT_EQ(merged.place("/t/two/z"), "policy.lua:3");
  EXPECT_EQ(merged.place("/x/y"), "b.json:3");
  EXPECT_EQ(merged.place("/nothing"), "policy.lua:3");
}

TEST(MergedData, a_file_is_a_table) {
  MergedData merged;
  EXPECT_TRUE(merged.add({.name = "policy.lua:1", .value = json::object()}));
  for (const json::value& value : {json::value(json::array()), json::value(json::array{1})}) {
    const auto refused = merged.add({.name = "a.json", .value = value});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("a.json: a table of settings is expected"));
  }
}

}  // namespace
}  // namespace postern::dialect::kumo
