
#include "base/temporary_folder_test.h"
#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;

struct LibSerde : ::testing::Test {
  tests::TemporaryFolder folder;
  testing::Library library{{serde_functions()}, {.directory = folder.path(), .roots = {}}};
};

TEST_F(LibSerde, reads) {
  library.expect({
      {"local j = kumo.serde.json_parse '{\"a\": [1, 2, null], /* c */ \"b\": {\"c\": null}} # x' "
       "result(#j.a, j.b.c, j.a[2])",
       "2 null 2"},
      {"local t = kumo.toml_parse 'x = 1\\n[t.\"a.b\"]\\ny = \"z\"\\nd = 2000-01-02' "
       "result(t.x, t.t['a.b'].y, t.t['a.b'].d)",
       R"(1 "z" "2000-01-02")"},
      {"result(kumo.json_parse '1.5', kumo.json_parse '\"\\\\u00e9\"', kumo.json_parse 'null')",
       "1.5E0 \"é\" null"},
  });
  EXPECT_THAT(library.answer("kumo.json_parse '{\\n\\n\"a\":}'"),
              HasSubstr("error: policy.lua:1: line 3: "));
  EXPECT_THAT(library.answer("kumo.toml_parse 'a =\\n'"),
              HasSubstr("error: policy.lua:1: line 1: this is not TOML: "));
}

TEST_F(LibSerde, a_key_of_many_parts_ends_nothing) {
  for (const char* text : {"('a.'):rep(20000) .. 'b = 1'", "'[' .. ('a.'):rep(20000) .. 'b]'",
                           "'x = {' .. ('a.'):rep(20000) .. 'b = 1}'"}) {
    EXPECT_EQ(library.answer("kumo.toml_parse(" + std::string(text) + ")"),
              "error: policy.lua:1: line 1: this is not TOML: a key has at most 32 parts");
  }
}

// A table may hold one value many times at no cost, but the text made from it has each of them.
TEST_F(LibSerde, what_is_read_and_made_is_the_calls_memory) {
  const std::string large =
      "local s = ('x'):rep(8 << 20) local t = {} for i = 1, 60 do t[i] = s end ";
  for (const std::string& text : {
           large + "kumo.json_encode(t)",
           large + "kumo.toml_encode {t = t}",
           large + "kumo.json_encode_pretty {a = t}",
           std::string(
               "local k = {[('k'):rep(2 << 20)] = 1} local t = {} for i = 1, 30 do t[i] = k end "
               "kumo.json_encode(t)"),
           std::string("kumo.json_parse('[' .. ('{},'):rep(3000000) .. '0]')"),
           std::string("kumo.json_parse('[' .. ('0,'):rep(4000000) .. '0]')"),
           std::string("kumo.toml_parse('x = [' .. ('{},'):rep(1000000) .. '0]')"),
           std::string("kumo.toml_parse('# ' .. ('x'):rep(8 << 20))"),
           std::string("kumo.toml_parse(('[[a.b.c.d]]\\n'):rep(300000))"),
       }) {
    EXPECT_EQ(library.answer("pcall(function() " + text + " end) result('went on')"),
              "error: policy.lua:1: stopped: it has used up its memory")
        << text;
  }
  library.expect({
      {"result(#kumo.json_parse('\"' .. ('[{,x'):rep(1 << 20) .. '\"'))", "4194304"},
      {"result(#kumo.json_parse('[' .. ('0.5,'):rep(100000) .. '0]'))", "100001"},
      {"result(#kumo.toml_parse('x = [' .. (\"'example.com',\"):rep(20000) .. ']').x)", "20000"},
      {"for i = 1, 100 do kumo.json_encode(('x'):rep(1 << 20)) end result('kept nothing')",
       R"("kept nothing")"},
  });
  EXPECT_THAT(library.answer("kumo.json_encode(('\\1'):rep(8 << 20))"),
              HasSubstr("longer than 16 MiB"));
}

TEST_F(LibSerde, reads_files_that_may_be_read) {
  folder.write("a.json", "// head\n{\"a\": 1}");
  folder.write("a.toml", "a = 2");
  folder.write("bad.json", "{\n\"a\": 1,\n}");
  folder.write("bad.toml", "a = 1\nb = \n");
  library.expect({
      {"result(kumo.json_load 'a.json'.a, kumo.serde.toml_load 'a.toml'.a)", "1 2"},
      {"kumo.json_load '/etc/passwd'",
       "error: policy.lua:1: /etc/passwd is outside the folders that scripts may read (lua.read)"},
  });
  EXPECT_THAT(library.answer("kumo.json_load 'none.json'"), HasSubstr("cannot read none.json"));
  EXPECT_THAT(library.answer("kumo.json_load 'bad.json'"),
              HasSubstr("error: policy.lua:1: bad.json:3: "));
  EXPECT_THAT(library.answer("kumo.toml_load 'bad.toml'"),
              HasSubstr("error: policy.lua:1: bad.toml:2: "));
}

TEST_F(LibSerde, writes) {
  library.expect({
      {"result(kumo.json_encode {'p', 'q'}, kumo.serde.json_encode {b = 1.5, a = {}}, "
       "kumo.json_encode(nil), kumo.json_encode 'é\"')",
       "\"[\\\"p\\\",\\\"q\\\"]\" \"{\\\"a\\\":{},\\\"b\\\":1.5}\" \"null\" \"\\\"é\\\\\\\"\\\"\""},
      {"result(kumo.json_encode_pretty {b = {1}, a = 'x'})",
       R"("{\n  \"a\": \"x\",\n  \"b\": [\n    1\n  ]\n}")"},
      {"result(kumo.toml_encode {b = 1, a = {c = {true, 'x'}, ['d e'] = 1.0}})",
       R"("b = 1\n\n[a]\nc = [ true, 'x' ]\n'd e' = 1.0\n")"},
      {"local t = {x = {y = {{z = 1}, {z = 'a\\nb'}}}, f = 0.5} local back = "
       "kumo.toml_parse(kumo.serde.toml_encode_pretty(t)) result(kumo.json_encode(back) == "
       "kumo.json_encode(t))",
       "true"},
      {"kumo.toml_encode {1, 2}", "error: policy.lua:1: TOML is a table with names"},
      {"kumo.toml_encode {a = {1, nil, 3}}", "error: policy.lua:1: TOML has no nil in a list"},
      {"kumo.json_encode '\\xff'",
       "error: policy.lua:1: a string is not UTF-8: encode it first, for instance as base64"},
      {"kumo.json_encode(print)",
       "error: policy.lua:1: a function value cannot be kept or handed on as data"},
  });
}

}  // namespace
}  // namespace postern::dialect::kumo
