#include "dialect/vsl/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "dialect/vsl/script_test.h"

namespace postern::dialect::vsl {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Player;
using ::testing::StartsWith;
using testing::value_of;

std::string played(const std::string& text, std::size_t directive = 0) {
  Player player;
  const std::string wrong = player.load({{"main.vsl", text}});
  return wrong.empty() ? player.run(directive) : "load: " + wrong;
}

TEST(VslScript, directives_stand_by_stage) {
  Player player;
  ASSERT_EQ(player.load({{"main.vsl", R"(
rcpt: [ rule "c" || next() ]
#{ deliver: [ action "e" || 1 ], mail: [ rule "a" || next(), rule "b" #{ evaluate: || deny() } ] }
#{ connect: [], preq: [ action "d" || { } ], mail: [ rule "b2" || next() ] }
)"}}),
            "");
  std::vector<std::string> all;
  for (const Directive& one : player.script->directives()) {
    all.push_back(
        fmt::format("{} {} {} {}", word_of(one.stage), to_string(one.kind), one.name, one.place()));
  }
  EXPECT_THAT(all, ElementsAre("mail rule a main.vsl:3:42", "mail rule b main.vsl:3:62",
                               "mail rule b2 main.vsl:4:54", "rcpt rule c main.vsl:2:9",
                               "preq action d main.vsl:4:25", "delivery action e main.vsl:3:15"));
  EXPECT_EQ(player.run(1), "deny");
  EXPECT_EQ(player.run(2), "next");
  EXPECT_EQ(player.run(4), "");
}

TEST(VslScript, what_a_directive_comes_to) {
  EXPECT_EQ(played("#{ mail: [ rule \"x\" || if true { deny(\"550 no\") } else { next() } ] }"),
            "deny");
  EXPECT_EQ(played("#{ mail: [ rule \"x\" || 5 ] }"),
            "error: main.vsl:1:12: rule 'x' did not return a status");
  EXPECT_EQ(played("#{ mail: [ action \"x\" || deny() ] }"), "");
  EXPECT_EQ(played("#{ mail: [ action \"x\" || 1 / 0 ] }"),
            "error: main.vsl:1:28: division by zero");
  EXPECT_EQ(played("let f = || next(); #{ mail: [ rule \"x\" f ] }"), "next");
  EXPECT_EQ(played("fn boom() {\n  throw \"kaputt\";\n}\n#{ helo: [ rule \"r\" || boom() ] }"),
            "error: main.vsl:2:3: kaputt");
}

TEST(VslScript, mistakes_of_loading_have_their_place) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"let x = 1;\nlet y = x / 0;\n#{}", "load: main.vsl:2:11: division by zero"},
      {"undefined_thing;", "load: main.vsl:1:1: variable 'undefined_thing' is not defined"},
      {"throw 5;", "load: main.vsl:1:1: 5"},
      {"object a ip4 = \"192.0.2.256\";", "load: main.vsl:1:16: "},
      {"#{ mail: [ rule \"x\" 5 ] }", "load: main.vsl:1:21: "},
      {"#{ mail: [ rule \"x\" #{ } ] }", "load: main.vsl:1:21: "},
      {"#{ mail: [ rule \"x\" #{ evaluate: 1 } ] }", "load: main.vsl:1:34: "},
      {"let f = 5; #{ mail: [ rule \"x\" f ] }",
       "load: main.vsl:1:32: rule \"x\" needs a function without parameters or a map with "
       "`evaluate`"},
      {"let n = 5; #{ postq: [ delegate n \"x\" || next() ] }",
       "load: main.vsl:1:33: delegate \"x\" needs an smtp service"},
      {"loop { }", "load: main.vsl:1:1: stopped: it has used up its instructions"},
      {"try { loop { } } catch { }",
       "load: main.vsl:1:7: stopped: it has used up its instructions"},
  };
  for (const auto& [text, mistake] : cases) EXPECT_THAT(played(text), StartsWith(mistake)) << text;
}

TEST(VslScript, delegations_have_an_smtp_service) {
  const auto load = [](Player& player, const std::string& kind) {
    player.options.tables = {status_functions().functions, service_functions().functions};
    return player.load({{"main.vsl", "service s " + kind +
                                         ";\n#{ mail: [ rule \"a\" || next() ],"
                                         " postq: [ delegate s \"x\" || next() ] }"}});
  };
  Player player;
  ASSERT_EQ(load(player,
                 "smtp = #{ delegator: #{ address: \"192.0.2.1:25\" }, receiver: "
                 "\"127.0.0.1:10026\" }"),
            "");
  EXPECT_EQ(player.script->service_of(0), nullptr);
  ASSERT_NE(player.script->service_of(1), nullptr);
  EXPECT_EQ(player.script->service_of(1)->options().address, "192.0.2.1:25");
  EXPECT_EQ(player.run(1), "next");
  EXPECT_EQ(load(player, "cmd = #{ command: \"true\" }"),
            "main.vsl:2:52: delegate \"x\" needs an smtp service");
}

TEST(VslScript, list_files_are_read_beside_the_script) {
  Player player;
  const std::string main =
      "import \"lib/lists\" as lists; #{ mail: [ rule \"x\" || { show(lists::hosts); next() } ] }";
  EXPECT_EQ(player.load({{"main.vsl", main},
                         {"lib/lists.vsl", "object hosts file:ip4 = \"hosts.txt\";"},
                         {"lib/hosts.txt", "\xEF\xBB\xBF# ours\r\n192.0.2.1\r\n\r\n 192.0.2.2\n"}}),
            "");
  EXPECT_EQ(player.run(), "[192.0.2.1, 192.0.2.2]");
  EXPECT_THAT(Player().load({{"main.vsl", main},
                             {"lib/lists.vsl",
                              "try { object hosts file:ip4 = \"hosts.txt\" }"
                              " catch (e) { throw e }"},
                             {"lib/hosts.txt", "192.0.2.1\n# x\n\nnot-an-ip\n"}}),
              HasSubstr("lib/hosts.txt:4:1: "));
  EXPECT_THAT(Player().load({{"main.vsl", main},
                             {"lib/lists.vsl", "object hosts file:ip4 = \"hosts.txt\";"},
                             {"lib/hosts.txt", "192.0.2.1\n# x\n\nnot-an-ip\n"}}),
              StartsWith("lib/hosts.txt:4:1: "));
  EXPECT_THAT(Player().load({{"main.vsl", "object l file:fqdn = #{ value: \"gone.txt\" };"}}),
              StartsWith("main.vsl:1:22: gone.txt is not in the record"));
}

TEST(VslScript, imports) {
  Player player;
  ASSERT_EQ(player.load({{"main.vsl", R"(
import "lib" as lib;
import "lib" as again;
let first = lib::log;
fn f() { import "late" as late; late::value }
#{ mail: [
  rule "values" || { show([lib::home, lib::shown, lib::renamed, again::log, first]); next() },
  rule "functions" || { show([lib::twice(4), lib::twice(2, 3), f()]); next() },
  rule "hidden variable" || { lib::hidden; next() },
  rule "hidden function" || { lib::secret(1); next() },
  rule "unknown" || { nobody::x; next() },
  rule "unknown function" || { nobody::x(1); next() },
  rule "computed" || { let n = "li"; import n + "b" as l; show(l::shown); next() },
  rule "computed, missing" || { import "no" + "thing" as l; next() },
  rule "computed, broken" || { import "brok" + "en" as l; next() },
  rule "mutable" || { lib::list.push(1); next() },
] })"},
                         {"lib.vsl", R"(
export let log = [1];
log.push(2);
object home fqdn = "example.org";
export const shown = 5;
let hidden = 6;
export hidden as renamed;
export let list = [];
fn twice(x) { secret(x) }
fn twice(x, y) { secret(x) * y }
private fn secret(v) { v * 2 }
#{ mail: [ rule "ignored" || next() ] }
)"},
                         {"late.vsl", "export let value = \"late\";"},
                         {"broken.vsl", "1 / 0;"}}),
            "");
  EXPECT_EQ(player.script->directives().size(), 10);
  EXPECT_EQ(player.run(0), "[example.org, 5, 6, [1, 2], [1, 2]]");
  EXPECT_EQ(player.run(1), "[8, 12, \"late\"]");
  EXPECT_EQ(player.run(2), "error: main.vsl:9:31: 'hidden' is not exported by module 'lib'");
  EXPECT_EQ(player.run(3),
            "error: main.vsl:10:31: function 'lib::secret' with 1 parameter(s) is not defined");
  EXPECT_EQ(player.run(4), "error: main.vsl:11:23: module 'nobody' is not imported");
  EXPECT_EQ(player.run(5), "error: main.vsl:12:32: module 'nobody' is not imported");
  EXPECT_EQ(player.run(6), "5");
  EXPECT_THAT(player.run(7), StartsWith("error: main.vsl:14:"));
  EXPECT_THAT(player.run(8), HasSubstr("division by zero"));
  EXPECT_EQ(player.run(9),
            "error: main.vsl:16:33: this array belongs to the loaded policy and cannot be changed");
}

TEST(VslScript, nothing_outlasts_a_call) {
  for (const char* body :
       {"list.push(1)", "list[0] = 2", "map.x = 1", "list.pop()", "list.sort()", "list.truncate(0)",
        "number += 1", "counter.call()", "map.inner.push(1)"}) {
    Player player;
    ASSERT_EQ(player.load({{"main.vsl", std::string(R"(
let list = [1]; let map = #{ inner: [] }; let number = 1;
let counter = { let n = 0; || { n += 1; n } };
number += 1; list.push(2); map.y = 3; counter.call();
#{ mail: [ rule "x" || { )") + body + "; next() } ] }"}}),
              "");
    EXPECT_THAT(player.run(), HasSubstr("belongs to the loaded policy and cannot be changed"))
        << body;
  }
}

TEST(VslScript, nothing_that_a_function_kept_while_loading_outlasts_a_call) {
  for (const char* made : {
           "fn made() { let n = 0; || { n += 1; n } }",
           "fn made() { counted(0) } fn counted(n) { || { n += 1; n } }",
           "fn made() { || { let n = 0; || { n += 1; n } }.call() }",
           "fn made() { let n = 0; || { try { n += 1; } catch (e) { throw e } n } }",
           "fn made() { let n = 0; let inner = || { n += 1; n }; || inner.call() }",
           "fn made() { let f = (); for n in [0] { f = || { n += 1; n }; } f }",
           "fn made() { let f = (); try { throw 0 } catch (n) { f = || { n += 1; n }; } f }",
           "fn made() { let f = || (); if true { let n = 0; f = || { n += 1; n }; } f }",
       }) {
    Player player;
    const std::string text = std::string(made) + R"(
let counter = made();
counter.call();
#{ mail: [ rule "kept" || { counter.call(); next() },
  rule "of the call" || { let own = made(); own.call(); show(own.call()); next() } ] })";
    const std::string trouble = player.load({{"main.vsl", text}});
    ASSERT_EQ(trouble, "") << made;
    EXPECT_THAT(player.run(0), HasSubstr("'n' belongs to the loaded policy and cannot be changed"))
        << made;
    EXPECT_EQ(player.run(1), "2") << made;
  }
}

TEST(VslScript, places_for_logs) {
  Player player;
  ASSERT_EQ(player.load({{"main.vsl", "#{ mail: [ rule \"x\" ||\n  next() ] }"}}), "");
  EXPECT_EQ(player.script->place_of("elsewhere"), "elsewhere");
  bool found = false;
  for (int line = 1; line < 20; ++line) {
    found = found || player.script->place_of(fmt::format("policy:{}", line)) == "main.vsl:2:3";
  }
  EXPECT_TRUE(found);
}

// Budgets.

TEST(VslScriptLimits, no_catch_sees_them) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"loop { }", "instructions"},
      {"while true { }", "instructions"},
      {"for i in 0..9223372036854775807 { }", "instructions"},
      {"f(0)", "too many calls"},
      {"let g = #{}; g.f = |x| g.f.call(x); g.f.call(1)", "too many calls"},
      {"let s = \"xxxxxxxx\"; while true { s = s + s; }", "string"},
      {"let s = \"x\"; loop { s = `${s}${s}`; }", "string"},
      {"let s = \"x\"; loop { s = s.replace(\"x\", \"xx\"); }", "string"},
      {"let a = []; loop { a.push(1); }", "array"},
      {"let a = [1]; loop { a += a; }", "array"},
      {"let m = #{}; let i = 0; loop { m[i] = 1; i += 1; }", "map"},
      {"let s = \",\"; loop { s += s; if s.len() > 20000 { s.split(\",\"); } }", "array"},
      {"let a = [1]; for i in 0..12 { a += a; } let b = a; for i in 0..9 { b = b.map(|x| a); }"
       " loop { b == b; }",
       "instructions"},
      {"let a = []; a.push(a); loop { try { a == a } catch { } }", "instructions"},
      {"[1, 2, 3].sort(|a, b| { loop { } })", "instructions"},
      {"[1].map(|a| { loop { } })", "instructions"},
      {"h(0)", "too many calls"},
      {"let s = []; loop { let t = [\"x\"]; for i in 0..12 { t += t; } s.push(t); }", "memory"},
  };
  for (const auto& [text, sentence] : cases) {
    for (const bool caught : {false, true}) {
      std::string body(text);
      if (caught) body = "try { try { " + body + " } catch { 1 } } catch { 2 }";
      Player player;
      player.options.limits.call.computing = player.options.limits.call.longest_slice =
          std::chrono::seconds(250);
      player.options.limits.call.memory = 16u << 20;
      player.options.limits.call.instructions = 5'000'000;
      ASSERT_EQ(player.load({{"main.vsl",
                              "fn f(x) { f(x + 1) } fn h(x) { try { h(x + 1) } catch { } }\n"
                              "#{ mail: [ rule \"t\" || { " +
                                  body + "; next() } ] }"}}),
                "");
      const std::string said = player.run();
      EXPECT_THAT(said, StartsWith("error: main.vsl:")) << body;
      EXPECT_THAT(said, HasSubstr("stopped: ")) << body;
      EXPECT_THAT(said, HasSubstr(sentence)) << body;
      EXPECT_NE(player.stopped, script::Stopped::no) << body;
      EXPECT_EQ(player.run(), said) << "the next call begins anew: " << body;
    }
  }
}

TEST(VslScriptLimits, depth_is_as_configured) {
  for (const int depth : {1, 2, 10, 64}) {
    Player player;
    player.options.limits.depth = depth;
    ASSERT_EQ(player.load({{"main.vsl",
                            fmt::format("fn f(x) {{ if x > 1 {{ f(x - 1) }} else {{ next() }} }}\n"
                                        "#{{ mail: [ rule \"in\" || f({}), rule \"out\" || f({}), "
                                        "rule \"none\" || next() ] }}",
                                        depth - 1, depth)}}),
              "");
    if (depth > 1) EXPECT_EQ(player.run(0), "next") << depth;
    EXPECT_THAT(player.run(1), HasSubstr("too many calls")) << depth;
    EXPECT_EQ(player.run(2), "next") << depth;
  }
}

TEST(VslScriptLimits, computing_is_bounded_in_time) {
  Player player;
  player.options.limits.call.instructions = 1'000'000'000'000;
  player.options.limits.call.computing = std::chrono::milliseconds(30);
  ASSERT_EQ(player.load({{"main.vsl",
                          "#{ mail: [ rule \"t\" || { try { loop { } } catch { } next() } ] }"}}),
            "");
  EXPECT_THAT(player.run(), HasSubstr("stopped: it took too long"));
}

// Sizes beyond the limits of Lua.

TEST(VslScriptSize, thousand_variables) {
  std::string text = "let sum = 0;\n";
  for (int i = 0; i < 1000; ++i) text += fmt::format("let v{} = {};\n", i, i);
  for (int i = 0; i < 1000; ++i) text += fmt::format("sum += v{};\n", i);
  EXPECT_EQ(value_of(text + "let f = || { v0 = 1; v999 + v500 + v0 }; [sum, f.call(), v0]"),
            "[499500, 1500, 1]");
}

TEST(VslScriptSize, thousand_rules) {
  std::string text = "#{ mail: [\n";
  for (int i = 0; i < 1000; ++i) {
    text += fmt::format(
        "rule \"r{0}\" || {{ let x = {0}; show(if x < 500 {{ x }} else {{ -x }}); next() }},\n", i);
  }
  Player player;
  ASSERT_EQ(player.load({{"main.vsl", text + "] }"}}), "");
  EXPECT_EQ(player.run(3), "3");
  EXPECT_EQ(player.run(999), "-999");
}

TEST(VslScriptSize, thousand_functions_and_file_level_names) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += fmt::format("fn f{0}() {{ n{0} }} const n{0} = {0};\n", i);
  EXPECT_EQ(value_of("f0() + f999()", text), "999");
}

TEST(VslScriptSize, large_arrays_maps_and_texts) {
  std::string array = "let a = [";
  for (int i = 0; i < 3000; ++i) array += fmt::format("{}, ", i);
  EXPECT_EQ(value_of(array + "]; [a.len(), a[2999]]"), "[3000, 2999]");
  std::string map = "let m = #{";
  for (int i = 0; i < 3000; ++i) map += fmt::format("k{0}: {0}, ", i);
  EXPECT_EQ(value_of(map + "}; [m.len(), m.k2999]"), "[3000, 2999]");
  EXPECT_EQ(value_of("\"" + std::string(100'000, 'x') + "\".len()"), "100000");
  std::string parts = "`";
  for (int i = 0; i < 500; ++i) parts += "${1}x";
  EXPECT_EQ(value_of(parts + "`.len()"), "1000");
  std::string cases = "switch 1999 {";
  for (int i = 0; i < 2000; ++i) cases += fmt::format("{0} => {0},", i);
  EXPECT_EQ(value_of(cases + "}"), "1999");
}

std::string nested(int depth, std::string_view before, std::string_view inside,
                   std::string_view after) {
  std::string text;
  for (int i = 0; i < depth; ++i) text += before;
  text += inside;
  for (int i = 0; i < depth; ++i) text += after;
  return text;
}

/// The compiled text and Lua can nest as deeply as the parser allows.
TEST(VslScriptSize, deepest_nesting) {
  const std::vector<std::array<const char*, 4>> cases{{"(1 + ", "1", ")", "120"},
                                                      {"[", "1", "]", ""},
                                                      {"{ ", "1", " }", "1"},
                                                      {"if true { ", "1", " } else { 2 }", "1"},
                                                      {"try { ", "1", " } catch { 2 }", "1"},
                                                      {"try { throw 1 } catch { ", "1", " }", "1"},
                                                      {"for i in 0..1 { ", "1", " }", "()"},
                                                      {"(|| ", "1", ").call()", ""},
                                                      {"`${", "1", "}`", "\"1\""},
                                                      {"#{ a: ", "1", " }.a", "1"},
                                                      {"loop { break if true { ", "1", " } }", ""},
                                                      {"switch 1 { _ => { ", "1", " } }", "1"},
                                                      {"waited(", "1", ")", "1"},
                                                      {"-", "1", "", ""},
                                                      {"[1].map(|x| ", "1", ")[0]", ""}};
  for (const auto& [before, inside, after, value] : cases) {
    int deepest = 0;
    std::string said;
    for (int depth = 128; depth > 0; --depth) {
      said = value_of("let outer = 0;\n" + nested(depth, before, inside, after));
      if (said.starts_with("load: ") && said.find("nest") != std::string::npos) continue;
      deepest = depth;
      break;
    }
    EXPECT_GT(deepest, 20) << before;
    EXPECT_THAT(said, ::testing::Not(HasSubstr("policy:"))) << before;
    EXPECT_THAT(said, ::testing::Not(StartsWith("load: "))) << before;
    if (std::string_view(value) != "" && std::string_view(value) != "120") {
      EXPECT_EQ(said, value) << before << deepest;
    }
  }
}

TEST(VslScriptSize, parameters_have_a_bound) {
  std::string names;
  std::string values;
  for (int i = 0; i < 100; ++i) {
    names += fmt::format("p{},", i);
    values += fmt::format("{},", i);
  }
  EXPECT_EQ(value_of("f(" + values + ")", "fn f(" + names + ") { p0 + p99 }"), "99");
  EXPECT_EQ(value_of("let f = |" + names + "| p0 + p99; f.call(" + values + ")"), "99");
  EXPECT_EQ(value_of("1", "fn f(" + names + "more) { p0 }"),
            "load: main.vsl:4:1: a function has more than 100 parameters");
  EXPECT_EQ(value_of("show(" + values + values + "1)"),
            "error: main.vsl:2:1: function 'show' with 201 parameter(s) is not defined");
}

}  // namespace

}  // namespace postern::dialect::vsl
