#include "dialect/vsl/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "dialect/vsl/script_test.h"

namespace postern::dialect::vsl {

namespace {

using testing::expect_all;
using ::testing::StartsWith;
using testing::value_of;

TEST(VslCompiler, literals) {
  expect_all(
      {{"1", "1"},
       {"-9223372036854775808", "-9223372036854775808"},
       {"0xff", "255"},
       {"1.5", "1.5"},
       {"2.0", "2.0"},
       {"1e300 * 1e300", "inf"},
       {"\"a\\tb\\\"\\\\\"", R"("a\tb\"\\")"},
       {"'x'", "\"x\""},
       {"true", "true"},
       {"()", "()"},
       {"", "()"},
       {"[1, [2], \"x\", ()]", "[1, [2], \"x\", ()]"},
       {"#{ b: 1, \"a b\": #{} }", "#{\"a b\": #{}, \"b\": 1}"},
       {"let n = 3; `n=${n} ${ let d = n * 2; d }${if n > 2 { \"!\" }} ${()}`", "\"n=3 6! \""},
       {"``", "\"\""}});
}

TEST(VslCompiler, arithmetic) {
  expect_all(
      {{"7 / 2", "3"},
       {"-7 / 2", "-3"},
       {"-7 % 3", "-1"},
       {"7 % -3", "1"},
       {"7.0 / 2", "3.5"},
       {"2 ** 10", "1024"},
       {"2 ** 3 ** 2", "512"},
       {"2.0 ** -1", "0.5"},
       {"(-2) ** 63", "-9223372036854775808"},
       {"1 << 62", "4611686018427387904"},
       {"-8 >> 1", "-4"},
       {"6 & 3 | 8", "10"},
       {"6 ^ 3", "5"},
       {"true ^ true", "false"},
       {"1 + 2 * 3 - 4", "3"},
       {"- 3 + +4", "1"},
       {"!false", "true"},
       {"\"a\" + 1", "\"a1\""},
       {"1 + \"a\"", "\"1a\""},
       {"\"a\" + () + true", "\"atrue\""},
       {"[1] + [2] + 3", "[1, 2, 3]"},
       {"1 < 2 && 2.5 >= 2 && \"a\" < \"b\" && \"b\" > \"a\" && 2 <= 2", "true"},
       {"let x = 5; x += 2; x -= 1; x *= 4; x /= 3; x %= 5; x **= 2; x <<= 3; x >>= 1; x", "36"}});
}

TEST(VslCompiler, arithmetic_that_fails) {
  expect_all({{"9223372036854775807 + 1", "error: main.vsl:2:21: integer overflow"},
              {"-9223372036854775808 - 1", "error: main.vsl:2:22: integer overflow"},
              {"-9223372036854775807 * 2", "error: main.vsl:2:22: integer overflow"},
              {"let x = -9223372036854775808; -x", "error: main.vsl:2:31: integer overflow"},
              {"-9223372036854775808 / -1", "error: main.vsl:2:22: integer overflow"},
              {"-9223372036854775808 % -1", "0"},
              {"10 ** 19", "error: main.vsl:2:4: integer overflow"},
              {"2 ** -1", "error: main.vsl:2:3: an integer cannot be raised to a negative power"},
              {"1 << 63", "error: main.vsl:2:3: integer overflow"},
              {"1 << 64", "error: main.vsl:2:3: a shift is by 0 to 63 bits"},
              {"1 / 0", "error: main.vsl:2:3: division by zero"},
              {"1 % 0", "error: main.vsl:2:3: division by zero"},
              {"1 / 0.0", "error: main.vsl:2:3: division by zero"},
              {"1 +\n true", "error: main.vsl:2:3: `+` cannot be applied to i64 and bool"},
              {"1 < \"a\"", "error: main.vsl:2:3: `<` cannot be applied to i64 and string"},
              {"!1", "error: main.vsl:2:1: `!` needs a boolean, this is i64"},
              {"-\"a\"", "error: main.vsl:2:1: `-` cannot be applied to string"},
              {"1 && true", "error: main.vsl:2:1: the condition is not a boolean"},
              {"true && 1", "error: main.vsl:2:9: the condition is not a boolean"},
              {"if 1 { 2 }", "error: main.vsl:2:4: the condition is not a boolean"},
              {"while () { }", "error: main.vsl:2:7: the condition is not a boolean"}});
}

TEST(VslCompiler, equality) {
  expect_all({{"1 == 1.0", "true"},
              {"1 is 1 && 1 not 2", "true"},
              {"1 == true", "false"},
              {"\"1\" == 1", "false"},
              {"() == ()", "true"},
              {"() == false", "false"},
              {"[1, [2, \"x\"]] == [1, [2, \"x\"]]", "true"},
              {"[1] == [1, 2]", "false"},
              {"#{a: 1, b: [2]} == #{b: [2], a: 1}", "true"},
              {"#{a: 1} == #{a: 1, b: 2}", "false"},
              {"#{a: 1, b: 2} == #{a: 1}", "false"},
              {"(1..3) == (1..=2)", "true"},
              {"next() == next()", "true"},
              {"next() == deny()", "false"},
              {"deny(\"550 a\") == deny(\"550 b\")", "false"},
              {"next() == 1", "false"},
              {"let f = || 1; f == f", "true"},
              {"(object a ip4 = \"192.0.2.1\") == \"192.0.2.1\"", "true"},
              {"\"A@B.example\" == object a address = \"a@b.example\"", "true"},
              {"1 == [1]", "false"}});
  EXPECT_THAT(value_of("let range = object a rg4 = \"192.0.2.0/24\"; range == \"192.0.2.1\""),
              StartsWith("error: main.vsl:2:50: "));
}

TEST(VslCompiler, what_is_in_what) {
  expect_all({{"2 in [1, 2]", "true"},
              {"3 in [1, 2]", "false"},
              {"\"b\" in \"abc\"", "true"},
              {"\"a\" in #{a: ()}", "true"},
              {"\"b\" in #{a: 1}", "false"},
              {"3 in 1..3", "false"},
              {"3 in 1..=3", "true"},
              {"\"192.0.2.9\" in object a rg4 = \"192.0.2.0/24\"", "true"},
              {"\"192.0.2.9\" in [ip4(\"127.0.0.1\"), rg4(\"192.0.2.0/24\")]", "true"},
              {"\"198.51.100.9\" in [ip4(\"127.0.0.1\"), rg4(\"192.0.2.0/24\")]", "false"},
              {"ip4(\"192.0.2.9\") in [rg4(\"192.0.2.0/24\")]", "true"},
              {"rg4(\"192.0.2.0/24\") in [rg4(\"192.0.2.0/24\")]", "true"},
              {"1 in 2", "error: main.vsl:2:3: `in` cannot look inside of i64"},
              {"1 in \"1\"", "error: main.vsl:2:3: `in` with a string needs a string in front"}});
}

TEST(VslCompiler, blocks_and_conditions_are_values) {
  expect_all({{"if true { 1 } else { 2 }", "1"},
              {"if false { 1 }", "()"},
              {"if false { 1 } else if true { 2 } else { 3 }", "2"},
              {"if false { 1 } else if false { 2 } else { 3 };", "3"},
              {"let x = if 1 < 2 { \"a\" } else { \"b\" }; x", "\"a\""},
              {"let x = { let y = 2; y + 1 }; x", "3"},
              {"{ { { 5; } } }", "5"},
              {"let x = 1;", "()"},
              {"let x = 1; x = 2;", "()"},
              {"1 + { 2 } * 3", "7"},
              {"let x = 1; let y = x + { x = 5; x } + x; y", "11"},
              {"let a = [0, 0]; let i = 0; a[{ i = 1; 0 }] = i; [a, i]", "[[0, 0], 1]"},
              {"() ?? 3", "3"},
              {"4 ?? 3", "4"},
              {"false && 1", "false"},
              {"true || 1", "true"}});
}

TEST(VslCompiler, scopes) {
  expect_all(
      {{"let x = 1; { let x = 2; } x", "1"},
       {"let x = 1; { x = 2; } x", "2"},
       {"let x = 1; let x = x + 1; x", "2"},
       {"let x; x", "()"},
       {"{ let y = 1; } y", "error: main.vsl:2:16: variable 'y' is not defined"},
       {"x = 1", "error: main.vsl:2:1: variable 'x' is not defined"},
       {"const X = 1; X = 2;", "error: main.vsl:2:16: 'X' is a constant and cannot be assigned to"},
       {"object a ip4 = \"192.0.2.1\"; a = 1",
        "error: main.vsl:2:31: 'a' is a constant and cannot be assigned to"},
       {"let end = 1; let nil = 2; let _ENV = 3; let local = 4; end + nil + _ENV + local", "10"},
       {"let s0 = 1; let V = 2; let H = 3; let D = 4; [s0, V, H, D]", "[1, 2, 3, 4]"},
       {"net_10", "10.0.0.0/8"},
       {"let net_10 = 1; net_10", "1"},
       {"true && { object a ip4 = \"192.0.2.1\"; true }; a",
        "error: main.vsl:2:47: variable 'a' is not defined"},
       {"false && (object a ip4 = \"192.0.2.1\") == 1; a",
        "error: main.vsl:2:45: variable 'a' is not defined"},
       {"[object a ip4 = \"192.0.2.1\", a]", "[192.0.2.1, 192.0.2.1]"}});
}

TEST(VslCompiler, loops) {
  expect_all(
      {{"let n = 0; while n < 5 { n += 1; if n == 3 { break; } } n", "3"},
       {"let n = 0; let s = 0; while n < 5 { n += 1; if n == 3 { continue; } s += n; } s", "12"},
       {"let n = 0; loop { n += 1; if n > 3 { break n * 10 } }", "40"},
       {"let n = 0; do { n += 1 } while n < 4; n", "4"},
       {"let n = 0; do { n += 1 } until n >= 4; n", "4"},
       {"let n = 0; do { n += 1; continue; } until n >= 4; n", "4"},
       {"let s = 0; for i in 1..=5 { if i == 3 { continue; } s += i; } s", "12"},
       {"let s = 0; for i in 5..1 { s += 1; } s", "0"},
       {"let s = []; for (x, i) in [\"a\", \"b\"] { s.push(i); s.push(x); } s",
        "[0, \"a\", 1, \"b\"]"},
       {"let s = []; for c in \"aé\xE2\x82\xAC\" { s.push(c); } s", "[\"a\", \"é\", \"€\"]"},
       {"for x in [1, 2, 3] { if x == 2 { break x * 7 } }", "14"},
       {"for x in [1] { 5 }", "()"},
       {"while false { }", "()"},
       {"let a = [1, 2]; for x in a { a.push(x); } a", "[1, 2, 1, 2]"},
       {"let fs = []; for i in 0..3 { fs.push(|| i); } fs.map(|f| f.call())", "[0, 1, 2]"},
       {"let fs = []; let i = 0; while i < 3 { let j = i; fs.push(|| { j += 1; j }); i += 1; }"
        " [fs[0].call(), fs[0].call(), fs[2].call()]",
        "[1, 2, 3]"},
       {"let s = 0; for i in 0..3 { for j in 0..3 { if j == 1 { continue; } if i == 2 { break; }"
        " s += 10 * i + j; } } s",
        "24"},
       {"for x in group { x }", "error: main.vsl:2:10: variable 'group' is not defined"},
       {"for x in 5 { }",
        "error: main.vsl:2:10: `for` needs an array, a range, a string or a list of objects, "
        "this is i64"},
       {"let s = []; object g group = [\"x\", object a ip4 = \"192.0.2.1\"]; for x in g { "
        "s.push(x); } s",
        "[\"x\", 192.0.2.1]"},
       {"for i in 9223372036854775806..=9223372036854775807 { }", "()"}});
}

TEST(VslCompiler, switches) {
  const std::string functions =
      "fn kind(x) { switch x { \"a\" | \"b\" => 1, \"c\" => { 2 } \"d\" if false => 9, 1 + 1 => 4, "
      "_ => 3 } }\n"
      "fn none(x) { switch x { 1 => \"one\" } }";
  expect_all(
      {{"[kind(\"a\"), kind(\"b\"), kind(\"c\"), kind(\"d\"), kind(2), kind(())]",
        "[1, 1, 2, 3, 4, 3]"},
       {"[none(1), none(2)]", "[\"one\", ()]"},
       {"let x = 5; switch x { 1 => 2, n if x > 3 => 7, _ => 8 }",
        "error: main.vsl:2:31: variable 'n' is not defined"},
       {"switch 3 { _ if false => 1, 3 if true => 2, _ => 4 }", "2"},
       {"let n = 0; for i in 0..5 { switch i { 1 => continue, 3 => break, _ => { n += i; } } } n",
        "2"},
       {"switch 1 { 1 if 2 => 1 }", "error: main.vsl:2:17: the condition is not a boolean"}},
      functions);
}

TEST(VslCompiler, functions) {
  const std::string functions = R"(
fn fact(n) { if n < 2 { 1 } else { n * fact(n - 1) } }
fn two() { return 2; 3 }
fn two(x) { x * 2 }
fn outer() { inner() }
fn inner() { x }
fn bcc(bcc) { bcc + 1 }
fn add_to(x) { this + x }
fn grow() { this.push(1); this.len }
fn first(a, b) { a }
fn end() { 7 }
fn lost() { this.x }
fn around() { [1, 2].map(|x| x + this) }
fn nested(x) { let f = |y| x + y; f.call(10) }
let file_level = 5;
fn reads() { file_level }
fn writes() { file_level = 6 }
fn len(x) { "mine" }
)";
  expect_all(
      {{"fact(20)", "2432902008176640000"},
       {"fact(21)", "error: main.vsl:5:38: integer overflow"},
       {"[two(), two(4)]", "[2, 8]"},
       {"let x = 1; outer()", "error: main.vsl:9:14: variable 'x' is not defined"},
       {"let bcc = 4; bcc(bcc)", "5"},
       {"5.add_to(6)", "11"},
       {"let a = []; [a.grow(), a.grow(), a]", "[1, 2, [1, 1]]"},
       {"1.first(2)", "1"},
       {"end()", "7"},
       {"nested(1)", "11"},
       {"5.around()", "[6, 7]"},
       {"lost()", "error: main.vsl:15:18: () has no property `x`"},
       {"[reads(), file_level]", "[5, 5]"},
       {"writes()",
        "error: main.vsl:20:26: 'file_level' belongs to the loaded policy and cannot be changed"},
       {"two(1, 2)", "error: main.vsl:2:1: function 'two' with 2 parameter(s) is not defined"},
       {"missing(two(), 2)",
        "error: main.vsl:2:1: function 'missing' with 2 parameter(s) is not defined"},
       {"1.missing()", "error: main.vsl:2:3: i64 has no method 'missing' with 0 parameter(s)"},
       {"[len(\"abc\"), \"abc\".len(), \"abc\".len, 5.len()]", "[\"mine\", 3, 3, \"mine\"]"},
       {"let f = |a, b| a - b; f.call(5, 3)", "2"},
       {"let f = || { return 1; 2 }; f.call()", "1"},
       {"let f = |a| a; f.call()", "error: main.vsl:2:9: the function takes 1 parameter(s), not 0"},
       {"let x = 5; x.call()", "error: main.vsl:2:14: i64 is no function"},
       {"let n = 1; let f = || n; n = 2; f.call()", "2"},
       {"let n = 1; let f = || { n += 1; }; f.call(); f.call(); n", "3"},
       {"let f = || { let g = || { let h = || 9; h.call() }; g.call() }; f.call()", "9"},
       {"let a = 1; let f = || { let b = 2; || { a += b; b += 1; a } }; let g = f.call(); "
        "[g.call(), g.call(), a]",
        "[3, 6, 6]"},
       {"type_of2(1)",
        "error: main.vsl:2:1: function 'type_of2' with 1 parameter(s) is not defined"},
       {"sys::deny(\"550 x\").type_of()", "\"status\""},
       {"nothing()", "()"},
       {"waited(3) + 1", "4"},
       {"data(\"{\\\"a\\\":[1,{\\\"b\\\":null}]}\").a[0]", "1"},
       {"text(object a ip4 = \"192.0.2.1\")", "\"192.0.2.1\""},
       {"text(1)", "error: main.vsl:2:1: argument 1: a string or an object expected, got i64"}},
      functions);
}

TEST(VslCompiler, errors_are_caught) {
  const std::string functions =
      "fn boom(x) { throw x; }\nfn early() { try { return 1; } catch { } 2 }\n"
      "fn deep() { try { try { return 5; } catch { return 6; } } catch { return 7; } }";
  expect_all(
      {{"try { throw \"x\"; } catch (e) { e }", "\"x\""},
       {"try { throw #{ a: [1] }; } catch (e) { e.a[0] }", "1"},
       {"try { throw; } catch (e) { e }", "()"},
       {"try { 1 / 0 } catch (e) { e }", "\"division by zero\""},
       {"try { boom(3) } catch (e) { e + 1 }", "4"},
       {"try { 5 } catch { 6 }", "5"},
       {"try { x } catch { 6 }", "6"},
       {"early()", "1"},
       {"deep()", "5"},
       {"try { throw 1 } catch (e) { throw e + 1 }", "error: main.vsl:2:29: 2"},
       {"try { throw 1 } catch (e) { try { throw 2 } catch (f) { [e, f] } }", "[1, 2]"},
       {"let n = 0; for i in 0..5 { try { if i == 1 { continue; } if i == 3 { break; } n += i; }"
        " catch { } } n",
        "2"},
       {"loop { try { try { break 7 } catch { } } catch { } }", "7"},
       {"let n = 0; loop { try { n += 1; throw n } catch (e) { if e > 2 { break e } } }", "3"},
       {"let x = 1; try { x = 2; throw 0 } catch { } x", "2"},
       {"throw \"kaputt\"", "error: main.vsl:2:1: kaputt"},
       {"throw [1, \"a\"]", "error: main.vsl:2:1: [1, \"a\"]"},
       {"boom(\"far\")", "error: main.vsl:4:14: far"},
       {"throw || 1", "error: main.vsl:2:1: a function is no value to hand on"},
       {"try { deny(5) } catch (e) { \"\" in e }", "true"}},
      functions);
}

}  // namespace

}  // namespace postern::dialect::vsl
