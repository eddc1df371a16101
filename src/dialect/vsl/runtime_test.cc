// Properties, indices and methods of values, as scripts see them.
#include <gtest/gtest.h>

#include "dialect/vsl/script_test.h"

namespace postern::dialect::vsl {

namespace {

using testing::expect_all;

TEST(VslRuntime, indices_and_properties) {
  expect_all(
      {{"[1, 2, 3][-1]", "3"},
       {"[1, 2, 3][3]", "error: main.vsl:2:10: index 3 is out of bounds: there are 3 elements"},
       {"[1][-2]", "error: main.vsl:2:4: index -2 is out of bounds: there are 1 elements"},
       {"\"aé\"[1]", "\"é\""},
       {"\"ab\"[-2]", "\"a\""},
       {"\"ab\"[2]", "error: main.vsl:2:5: index 2 is out of bounds: there are 2 characters"},
       {"#{a: 1}[\"a\"]", "1"},
       {"#{a: 1}.b", "()"},
       {"#{\"1\": 2}[1]", "2"},
       {"5[0]", "error: main.vsl:2:2: i64 cannot be indexed by i64"},
       {"[1].x", "error: main.vsl:2:5: array has no property `x`"},
       {"()?.x.y.z", "()"},
       {"().x", "error: main.vsl:2:4: () has no property `x`"},
       {"let m = #{a: #{b: [1, 2]}}; m.a.b[1] = 5; m.c = 1; m[\"d\"] = 2; m.a.b[0] += 10; m",
        "#{\"a\": #{\"b\": [11, 5]}, \"c\": 1, \"d\": 2}"},
       {"let m = #{a: 1}; m.a += 2; m.a", "3"},
       {"let a = [1]; a[1] = 2",
        "error: main.vsl:2:19: index 1 is out of bounds: there are 1 elements"},
       {"let s = \"a\"; s[0] = \"b\"", "error: main.vsl:2:19: nothing can be set in string by i64"},
       {"object a address = \"me@doe.example\"; [a.local_part, a.domain]",
        "[\"me\", \"doe.example\"]"},
       {"let l = [object a address = \"me@doe.example\"]; [l.local_parts, l.domains[0] == "
        "\"DOE.example\"]",
        "[[me], true]"},
       {"[[1, 2].len, \"aé\".len, [].len]", "[2, 2, 0]"},
       {"toml::server.name", "\"server\""}});
}

TEST(VslRuntime, methods) {
  expect_all(
      {{"\"aéb\".len()", "3"},
       {"[\"\".is_empty(), [].is_empty(), #{}.is_empty(), \"a\".is_empty()]",
        "[true, true, true, false]"},
       {"\"abc\".contains(\"b\") && [1].contains(1) && #{a: 1}.contains(\"a\")", "true"},
       {"\"abc\".starts_with(\"ab\") && \"abc\".ends_with(\"bc\")", "true"},
       {"[\"aÉ\".to_lower(), \"aé\".to_upper()]", "[\"aé\", \"AÉ\"]"},
       {"\" a \".trim()", "\"a\""},
       {"[\"a,b,\".split(\",\"), \"\".split(\",\"), \"ab\".split(\"--\")]",
        "[[\"a\", \"b\", \"\"], [\"\"], [\"ab\"]]"},
       {"[\"aéb\".index_of(\"b\"), \"a\".index_of(\"x\")]", "[2, -1]"},
       {"[\"aéb\".sub_string(1), \"aéb\".sub_string(1, 1), \"abc\".sub_string(-2), "
        "\"abc\".sub_string(9), "
        "\"abc\".sub_string(1, -1)]",
        "[\"éb\", \"é\", \"bc\", \"\", \"\"]"},
       {"[\"12\".parse_int(), \" -7 \".parse_int(), \"+3\".parse_int()]", "[12, -7, 3]"},
       {"\"x1\".parse_int()", "error: main.vsl:2:6: 'x1' is not a number"},
       {"\"9223372036854775808\".parse_int()",
        "error: main.vsl:2:23: '9223372036854775808' is not a number"},
       {"\"aXbX\".replace(\"X\", \"--\")", "\"a--b--\""},
       {"let a = [1, 2]; [a.pop(), a.pop(), a.pop(), a]", "[2, 1, (), []]"},
       {"let a = [1, 2, 3]; a.truncate(2); a", "[1, 2]"},
       {"let a = [1, 2, 3]; a.truncate(-1); a", "[1, 2]"},
       {"[1, 2, 3].map(|x| x * 2)", "[2, 4, 6]"},
       {"[1, 2, 3, 4].filter(|x| x % 2 == 0)", "[2, 4]"},
       {"[\"a\", \"b\"].map(\"to_upper\")", "[\"A\", \"B\"]"},
       {"[1].filter(|x| x)", "error: main.vsl:2:5: the condition is not a boolean"},
       {"[1].map(5)", "error: main.vsl:2:5: i64 is no function"},
       {"[1].map(|x, y| x)", "error: main.vsl:2:9: the function takes 2 parameter(s), not 1"},
       {"[1].map(\"nope\")",
        "error: main.vsl:2:5: function 'nope' with 1 parameter(s) is not defined"},
       {"let a = [3, 1, 2]; a.sort(); a", "[1, 2, 3]"},
       {"let a = [9223372036854775807, 9223372036854775806, 1.5]; a.sort(); a",
        "[1.5, 9223372036854775806, 9223372036854775807]"},
       {"let a = [\"b\", \"a\"]; a.sort(); a", "[\"a\", \"b\"]"},
       {"let a = [1, 2, 3]; a.sort(|x, y| y - x); a", "[3, 2, 1]"},
       {"let a = [[1, 0], [0, 1], [1, 2], [0, 3]]; a.sort(|x, y| x[0] < y[0]); a",
        "[[0, 1], [0, 3], [1, 0], [1, 2]]"},
       {"[1, \"a\"].sort()", "error: main.vsl:2:10: `sort` needs numbers or strings, not both"},
       {"let m = #{b: 1, a: 2}; [m.keys(), m.values(), m.len()]", "[[\"a\", \"b\"], [2, 1], 2]"},
       {"[1.to_string(), \"a\".to_debug(), ().to_string(), [\"a\"].to_string()]",
        "[\"1\", \"\\\"a\\\"\", \"\", \"[\\\"a\\\"]\"]"},
       {"[1.type_of(), 1.5.type_of(), \"\".type_of(), ().type_of(), [].type_of(), #{}.type_of(), "
        "true.type_of(), (|| 1).type_of(), net_10.type_of(), next().type_of()]",
        "[\"i64\", \"f64\", \"string\", \"()\", \"array\", \"map\", \"bool\", \"Fn\", \"rg4\", "
        "\"status\"]"},
       {"[1, 2].map(|x| waited(x) + 1)", "[2, 3]"},
       {"let a = [2, 1]; a.sort(|x, y| waited(x) - waited(y)); a", "[1, 2]"},
       {"try { waited(1) } catch { 2 }", "1"},
       {"\"aéb\".push(1)", "error: main.vsl:2:7: string has no method 'push' with 1 parameter(s)"},
       {"(object a address = \"me@doe.example\").get_domain()", "\"doe.example\""},
       {"service s cmd = #{ command: \"x\" }; [s.run(), s.get([1])]",
        "[\"s cmd.run()\", \"s cmd.get([1])\"]"},
       {"service s db:csv = #{}; s.missing()",
        "error: main.vsl:2:27: the service has no `missing`"},
       {"service s cmd = 5", "error: main.vsl:2:17: the options of service 's' are a map"}});
}

}  // namespace

}  // namespace postern::dialect::vsl
