#include "dialect/vsl/parser.h"

#include <gtest/gtest.h>

#include "base/growth_test.h"
#include "dialect/vsl/tree_text_test.h"

namespace postern::dialect::vsl {
namespace {

using tests::repeated;

std::string parse_mistake(const std::string& source) {
  const auto file = parse("x.vsl", source);
  if (file) return "parsed";
  const Mistake& wrong = file.error();
  return wrong.to_string() + (wrong.hint.empty() ? "" : " (" + wrong.hint + ")");
}

struct ParserCase {
  std::string source;
  std::string wanted;
};

void expect_trees(const std::vector<ParserCase>& cases) {
  for (const ParserCase& one : cases) EXPECT_EQ(parsed(one.source), one.wanted) << one.source;
}
void expect_mistakes(const std::vector<ParserCase>& cases) {
  for (const ParserCase& one : cases)
    EXPECT_EQ(parse_mistake(one.source), one.wanted) << one.source;
}

TEST(VslParser, ReadsValues) {
  expect_trees({
      {"1; -2; 1.5; true; ();", "1 (- 2) 1.5 true ()"},
      {"-9223372036854775808; 0xFFFFFFFFFFFFFFFF", "-9223372036854775808 -1"},
      {"\"a\"; 'b'; `c`; ``", "\"a\" \"b\" \"c\" \"\""},
      {"`a${b}c${ let d = 1; d }`", "(` \"a\" {b} \"c\" {(let d 1) d})"},
      {"`${`${a}`}`", "(` {(` {a})})"},
      {"a::b::c; f(); m::g(1, 2,)", "a::b::c (f) (m::g 1 2)"},
      {"a.b.c(1)?.d[2][3]", "([] ([] (?.d (.c() (.b a) 1)) 2) 3)"},
      {"x.rule(1).in", "(.in (.rule() x 1))"},
      {"[]; [1, [2],]", "[] [1 [2]]"},
      {"#{}; #{a: 1, \"b c\": 2, rule: 3,}", "#{} #{a 1 b c 2 rule 3}"},
      {"|a, b| a + b; || 1; || || 2;", "(|a b| (+ a b)) (|| 1) (|| (|| 2))"},
  });
}

TEST(VslParser, KnowsWhatBindsTighter) {
  expect_trees({
      {"a + b * c - d", "(- (+ a (* b c)) d)"},
      {"a ** b ** c * d", "(* (** a (** b c)) d)"},
      {"a || b && c == d in e < f ?? g .. h + i * j ** k << l",
       "(|| a (&& b (== c (in d (< e (?? f (.. g (+ h (* i (** j (<< k l)))))))))))"},
      {"a << b + c", "(+ (<< a b) c)"},
      {"a == b && c != d || e", "(|| (&& (== a b) (!= c d)) e)"},
      {"a is b not c", "(!= (== a b) c)"},
      {"!a.b + -c[0]", "(+ (! (.b a)) (- ([] c 0)))"},
      {"!!a; - -1", "(! (! a)) (- (- 1))"},
      {"a | b ^ c & d", "(^ (| a b) (& c d))"},
      {"(a + b) * c", "(* (+ a b) c)"},
      {"a - b - c", "(- (- a b) c)"},
  });
}

TEST(VslParser, ReadsStatements) {
  expect_trees({
      {"let a; let b = 1; const c = 2;", "(let a -) (let b 1) (const c 2)"},
      {"export let a = 1; export const b = 2; export c; export d as e",
       "(export (let a 1)) (export (const b 2)) (export c c) (export d e)"},
      {"import \"a\"; import \"b\" as b; import c + 1 as d",
       "(import - \"a\") (import b \"b\") (import d (+ c 1))"},
      {"a = 1; a.b += 2; a[0] **= 3", "(= a 1) (+= (.b a) 2) (**= ([] a 0) 3)"},
      {"while a { b } loop { break } do { c } while d do { e } until f",
       "(while a {b}) (loop {(break -)}) (do {c} d) (do-until {e} f)"},
      {"for a in b { continue } for (c, i) in d { break 1 }",
       "(for a b {(continue)}) (for c i d {(break 1)})"},
      {"return; return 1; throw; throw \"x\"", "(return -) (return 1) (throw -) (throw \"x\")"},
      {"try { a } catch { b } try { a } catch (e) { e }", "(try - {a} {b}) (try e {a} {e})"},
      {"{ a; { b } c }", "{a {b} c}"},
      {";;a;;", "a"},
  });
}

TEST(VslParser, ReadsBranches) {
  expect_trees({
      {"if a { b }", "(if a {b} -)"},
      {"if a { b } else { c }", "(if a {b} {c})"},
      {"if a { 1 } else if b { 2 } else if c { 3 } else { 4 }",
       "(if a {1} (if b {2} (if c {3} {4})))"},
      {"let x = if a { 1 } else { 2 };", "(let x (if a {1} {2}))"},
      {"switch a { 1 => b, 2 | 3 => { c } \"x\" if d => e, _ => f }",
       "(switch a [1: b] [2 3: {c}] [\"x\" if d: e] [_: f])"},
      {"switch a { }", "(switch a)"},
      {"switch a { 1..3 => b, _ if c => d, }", "(switch a [(.. 1 3): b] [_ if c: d])"},
  });
}

TEST(VslParser, ReadsFunctions) {
  expect_trees({
      {"fn f() { 1 } private fn g(a, b,) { a }", "(fn f {1}) (private fn g a b {a})"},
      {"fn f() { this.x } f()", "(f) (fn f {(.x this)})"},
  });
}

TEST(VslParser, ReadsWhatTheDialectAdds) {
  expect_trees({
      {"#{ mail: [ rule \"a\" || next(), action \"b\" || { f(); } ] }",
       "#{mail [(rule \"a\" (|| (next))) (action \"b\" (|| {(f)}))]}"},
      {"rule \"a\" #{ evaluate: || next(), description: \"d\" };",
       "(rule \"a\" #{evaluate (|| (next)) description \"d\"})"},
      {"#{ postq: [ delegate m::av \"a\" || next() ] }",
       "#{postq [(delegate \"a\" (|| (next)) m::av)]}"},
      {"object a ip4 = \"192.0.2.1\"; object b addr = \"x@example.com\";",
       "(object a ip4 \"192.0.2.1\") (object b address \"x@example.com\")"},
      {"object f file:val = \"x\"; object c code = #{ code: 250 };",
       "(object f file:string \"x\") (object c code #{code 250})"},
      {"f(object a rg4 = x, [object b str = y])", "(f (object a rg4 x) [(object b string y)])"},
      {"service s db:csv = #{}; service t cmd = #{};",
       "(service s db:csv #{}) (service t cmd #{})"},
  });
}

TEST(VslParser, TakesSeveralStageMapsAndBareOnes) {
  expect_trees({
      {"mail: [ a ] rcpt: [ b ], preq: [],", "#{mail [a] rcpt [b] preq []}"},
      {"#{ mail: [] } #{ mail: [] } const a = 1; helo: [] #{}",
       "#{mail []} #{mail []} (const a 1) #{helo []} #{}"},
  });
}

TEST(VslParser, BlamesTheTokenThatAnEditorWouldMark) {
  const auto file = parse("x.vsl",
                          "#{ mail: [ rule \"n\" || a.b(1)[2] + x::y ] }\n"
                          "object o file:ip4 = \"f\"; let v = 1; import \"m\" as n; v = 2");
  ASSERT_TRUE(file);
  const Node& directive = *file->body[0]->nodes[0]->nodes[0];
  EXPECT_EQ(directive.at, (Position{1, 12}));
  EXPECT_EQ(directive.text_at, (Position{1, 17}));
  const Node& sum = *directive.nodes[0]->nodes[0];
  EXPECT_EQ(sum.at, (Position{1, 34})) << "the operator";
  EXPECT_EQ(sum.nodes[0]->at, (Position{1, 30})) << "the bracket";
  EXPECT_EQ(sum.nodes[0]->nodes[0]->at, (Position{1, 26})) << "the method's name";
  EXPECT_EQ(sum.nodes[1]->at, (Position{1, 36})) << "the path's begin";
  EXPECT_EQ(file->body[0]->names[0].at, (Position{1, 4}));
  const Node& object = *file->body[1];
  EXPECT_EQ(object.text_at, (Position{2, 8}));
  EXPECT_EQ(object.word_at, (Position{2, 10}));
  EXPECT_EQ(file->body[2]->text_at, (Position{2, 30}));
  EXPECT_EQ(file->body[3]->text_at, (Position{2, 51}));
  EXPECT_EQ(file->body[4]->at, (Position{2, 56})) << "the `=`";
}

TEST(VslParser, SaysWhatIsMissing) {
  expect_mistakes({
      {"let = 1", "x.vsl:1:5: the name of a variable is expected, not `=`"},
      {"const a;", "x.vsl:1:8: `=` and the value of the constant is expected, not `;`"},
      {"f(1 2)", "x.vsl:1:5: `,` or `)` in the arguments is expected, not `2`"},
      {"[1; 2]", "x.vsl:1:3: `,` or `]` in the array is expected, not `;`"},
      {"#{a: 1 b: 2}", "x.vsl:1:8: `,` or `}` in the map is expected, not `b`"},
      {"#{a: 1, a: 2}", "x.vsl:1:9: `a` occurs twice in the map"},
      {"#{1: 2}", "x.vsl:1:3: the name of a property or `}` is expected, not `1`"},
      {"(1", "x.vsl:1:3: `)` is expected, not the end of the file"},
      {"if a b", "x.vsl:1:6: `{` is expected, not `b`"},
      {"if a #{}",
       "x.vsl:1:6: `{` is expected, not `#{` (a block begins with `{`, a map with "
       "`#{`)"},
      {"{ a b }", "x.vsl:1:5: `;` at the end of the statement is expected, not `b`"},
      {"a.1", "x.vsl:1:3: the name of a property or a method is expected, not `1`"},
      {"1 + ", "x.vsl:1:5: a value is expected, not the end of the file"},
      {"x = = 1", "x.vsl:1:5: a value is expected, not `=` (equality is `==` or `is`)"},
      {"x += + ;", "x.vsl:1:8: a value is expected, not `;` (write `x += 1`)"},
      {"do { } f()", "x.vsl:1:8: `while` or `until` after the block of `do` is expected, not `f`"},
      {"switch a { 1 = b }", "x.vsl:1:14: `=>` after the pattern is expected, not `=`"},
      {"switch a { 1 => b 2 => c }", "x.vsl:1:19: `,` or `}` after the case is expected, not `2`"},
      {"rule name || 1",
       "x.vsl:1:6: the name of the rule in double quotes is expected, not "
       "`name` (as in `rule \"name\" || { ... }`)"},
      {"delegate x || 1",
       "x.vsl:1:12: the name of the delegate in double quotes is expected, not "
       "`||` (as in `delegate service \"name\" || { ... }`)"},
      {"f() = 1", "x.vsl:1:5: what is before `=` cannot be assigned to"},
      {"`a ${ 1 + } b`", "x.vsl:1:11: a value is expected, not `}`"},
  });
}

TEST(VslParser, SaysWhatDoesNotExistHere) {
  expect_mistakes({
      {"eval(\"1\")", "x.vsl:1:1: `eval` is disabled: a script runs only what was loaded"},
      {"let a = global::b;",
       "x.vsl:1:9: there is no module `global` (functions see the names of "
       "their file; leave out `global::`)"},
      {"if a { fn f() {} }",
       "x.vsl:1:8: functions are defined only at the top level of a file (move it out of the "
       "braces; `|a, b| ...` is a function as a value)"},
      {"private let a = 1", "x.vsl:1:1: `private` is allowed only before `fn`"},
      {"export fn f() {}",
       "x.vsl:1:8: `export` is allowed only before variables (functions, "
       "objects and services of a file are exported by themselves)"},
      {"if not a {}",
       "x.vsl:1:4: `not` is a reserved word and not a value (`not` belongs between two values; the "
       "opposite of a value is `!x`)"},
      {"let x = fn() {}",
       "x.vsl:1:9: `fn` is a reserved word and not a value (a function as a value "
       "is written `|a, b| ...`)"},
      {"import \"service\" as service;",
       "x.vsl:1:21: `service` is a reserved word and cannot be "
       "the name of the module (use another name)"},
      {"break;", "x.vsl:1:1: `break` is outside of any loop"},
      {"loop { let f = || continue; }", "x.vsl:1:19: `continue` is outside of any loop"},
      {"9223372036854775808", "x.vsl:1:1: `9223372036854775808` does not fit into 64 bits"},
      {"object a ipv4 = 1", "x.vsl:1:10: there is no object type `ipv4` (did you mean `ip4`?)"},
      {"object a network = 1",
       "x.vsl:1:10: there is no object type `network` (types are ip4, ip6, "
       "rg4, rg6, address, fqdn, identifier, string, regex, file, group "
       "and code)"},
      {"object a ip4:ip6 = 1",
       "x.vsl:1:14: an object of type `ip4` has no second type (only "
       "`file` has one: `file:ip6`)"},
      {"object a file:group = 1",
       "x.vsl:1:15: the lines of a file cannot be of type `group` (types are "
       "ip4, ip6, rg4, rg6, address, fqdn, identifier, string and regex)"},
      {"object a file = 1",
       "x.vsl:1:15: `:` and the type of the file's lines is expected, not "
       "`=` (as in `file:fqdn`)"},
      {"service a db:ldap = 1",
       "x.vsl:1:14: there is no service type `db:ldap` (databases are "
       "db:csv, db:mysql and db:sqlite)"},
      {"service a smpt = 1", "x.vsl:1:11: there is no service type `smpt` (did you mean `smtp`?)"},
      {"service a db = 1",
       "x.vsl:1:14: `:` and the type of the database is expected, not `=` (as "
       "in `db:csv`)"},
  });
}

TEST(VslParser, GuessesWhatWasMeant) {
  expect_mistakes({
      {"retrun deny()",
       "x.vsl:1:8: `;` at the end of the statement is expected, not `deny` (did "
       "you mean `return`?)"},
      {"match x { }",
       "x.vsl:1:7: `;` at the end of the statement is expected, not `x` (write "
       "`switch` for `match`)"},
      {"f({ code: 550 })",
       "x.vsl:1:9: `;` at the end of the statement is expected, not `:` (a map "
       "is written `#{ name: value }`)"},
      {"mail: next()",
       "x.vsl:1:5: `;` at the end of the statement is expected, not `:` (a stage "
       "holds an array of rules: `mail: [ rule \"name\" || next() ]`)"},
  });
}

TEST(VslParser, AllowsAHundredAndTwentyEightLevels) {
  EXPECT_EQ(parse_mistake(repeated("(", 128) + "1" + repeated(")", 128)), "parsed");
  EXPECT_EQ(parse_mistake(repeated("(", 129) + "1" + repeated(")", 129)),
            "x.vsl:1:129: this nests deeper than 128 levels (move inner parts into functions)");
  EXPECT_EQ(parse_mistake(repeated("if a { ", 128) + repeated("}", 128)), "parsed");
  EXPECT_EQ(parse_mistake(repeated("a + b + ", 200) + "c"), "parsed");
  EXPECT_EQ(parse_mistake(repeated("if a {} else ", 400) + "{}"), "parsed");
}

TEST(VslParser, MeetsHostileNestingWithoutTheStack) {
  for (const std::string_view one : {"(",
                                     "[",
                                     "{",
                                     "#{a:",
                                     "!",
                                     "- ",
                                     "f(",
                                     "a[",
                                     "|| ",
                                     "|a|",
                                     "if ",
                                     "if a {",
                                     "switch ",
                                     "switch a { b => ",
                                     "`${",
                                     "rule \"a\" ",
                                     "object a ip4 = ",
                                     "service a cmd = ",
                                     "delegate ",
                                     "a ** ",
                                     "a + ",
                                     "a || ",
                                     "a.b",
                                     "if a {} else ",
                                     "while a {",
                                     "try {",
                                     "let a = [",
                                     "a = [",
                                     "return (",
                                     "throw (",
                                     "for a in b {",
                                     "do {",
                                     "export let a = (",
                                     "import (",
                                     "a.b(",
                                     "x?.y",
                                     "a[0]",
                                     "1;",
                                     "x,"}) {
    const std::string wrong = parse_mistake(repeated(one, 5000));
    EXPECT_NE(wrong, "") << one;
    (void)parse_mistake(repeated(one, 5000) + "1");
    (void)parse_mistake("#{ mail: [ " + repeated(one, 5000));
  }
  EXPECT_EQ(parse_mistake(repeated("a + ", 600) + "a"),
            "x.vsl:1:2047: this statement has too many operators or branches in one another (move "
            "parts of it into variables or functions)");
  EXPECT_EQ(parse_mistake("a" + repeated(".b", 5000)).substr(0, 13), "x.vsl:1:1025:");
}

}  // namespace
}  // namespace postern::dialect::vsl
