#include "dialect/vsl/lint.h"

#include <gtest/gtest.h>

#include <regex>

#include "base/growth_test.h"
#include "dialect/vsl/constants.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/loader.h"
#include "dialect/vsl/suite_files_test.h"
#include "mailauth/dkim/sign.h"

namespace postern::dialect::vsl {
namespace {

using tests::repeated;

std::vector<Mistake> load_warnings(
    const std::shared_ptr<const std::map<std::string, std::string>>& files) {
  const auto sources = load_sources("main.vsl", read_given(files));
  return sources ? lint(*sources, signature_of, function_names()) : sources.error();
}

std::string shown_with_hints(const std::vector<Mistake>& all) {
  std::string text;
  for (const Mistake& one : all) {
    text += one.to_string() + (one.hint.empty() ? "" : " (" + one.hint + ")") + "\n";
  }
  return text;
}

std::string linted(std::map<std::string, std::string> files) {
  return shown_with_hints(
      load_warnings(std::make_shared<std::map<std::string, std::string>>(std::move(files))));
}

struct LintCase {
  std::string source;
  int column;
  std::string wanted;  ///< empty: no warning
};

/// Each source replaces the `$` in `around`; columns count from there.
void expect(std::string_view around, const std::vector<LintCase>& cases) {
  for (const LintCase& one : cases) {
    std::string text(around);
    const std::size_t before = text.find('$');
    text.replace(before, 1, one.source);
    std::string wanted;
    if (!one.wanted.empty()) {
      wanted = "main.vsl:1:" + std::to_string(before + one.column) + ": " + one.wanted + "\n";
    }
    EXPECT_EQ(linted({{"main.vsl", text}}), wanted) << text;
  }
}

TEST(VslLint, KnowsWhatIsDefined) {
  expect(
      "$ #{}",
      {
          {"let a = 1; a;", 0, ""},
          {"fn f(x) { let y = x; { let z = y; } y } f(1);", 0, ""},
          {"fn f() { later } const later = 1;", 0, ""},
          {"let f = |x| { for (a, i) in x { a + i } }; f.call([]);", 0, ""},
          {"try { 1 } catch (e) { e }", 0, ""},
          {"fn f() { this.x } ", 0, ""},
          {"object g group = [ object inner ip4 = \"192.0.2.1\" ]; inner;", 0, ""},
          {"code554_7_1; non_routable_net; toml::server; toml::app;", 0, ""},
          {"len(\"x\"); print(1); sys::hostname(); type_of(1);", 0, ""},
          {"b;", 1, "no variable `b` is defined"},
          {"const hosts = 1; host;", 18,
           "no variable `host` is defined (did you mean "
           "`hosts`?)"},
          {"{ let inner = 1; } inner;", 20, "no variable `inner` is defined"},
          {"null;", 1, "no variable `null` is defined (nothing is `()`)"},
          {"fn f() { 1 } f;", 14, "no variable `f` is defined (a function is called with `f()`)"},
          {"this;", 1, "no variable `this` is defined"},
          {"export b;", 1, "no variable `b` is defined"},
          {"denny();", 1, "no function `denny` is defined (did you mean `deny`?)"},
          {"let f = || 1; f();", 15,
           "no function `f` is defined (a function in a variable is "
           "called with `f.call()`)"},
          {"fn f(a) { a } fn f(a, b) { a } f();", 32, "`f()` takes 1 or 2 arguments, not 0"},
          {"fn f(a) { a } fn f(b) { b }", 15,
           "the function `f` with 1 parameters is defined twice"},
          {"\"x\".start_with(\"y\");", 5,
           "no value has a method `start_with` (did you mean `starts_with`?)"},
          {"toml::apps;", 1, "`toml` has no `apps` (it has `toml::server` and `toml::app`)"},
          {"`a ${b}`;", 6, "no variable `b` is defined"},
      });
}

TEST(VslLint, KnowsWhatModulesExport) {
  const std::string module =
      "object o ip4 = \"192.0.2.1\"; export let e = 1; let hidden = 2; let h2 = 1; export h2 as "
      "h3; "
      "fn f(a) { a } private fn p() { 1 }";
  const struct {
    std::string source;
    std::string wanted;
  } cases[] = {
      {"m::o; m::e; m::h3; m::f(1);", ""},
      {"m::hidden;",
       "main.vsl:1:18: the module `m` exports no `hidden` (write `export` before it in m.vsl)\n"},
      {"m::x;", "main.vsl:1:18: the module `m` exports no `x` (did you mean `e`?)\n"},
      {"m::f();", "main.vsl:1:18: `m::f()` takes 1 argument, not 0\n"},
      {"m::g();", "main.vsl:1:18: the module `m` has no function `g` (did you mean `f`?)\n"},
      {"m::p();",
       "main.vsl:1:18: `m::p()` is private to m.vsl (write `fn` without `private` there)\n"},
      {"n::o;", "main.vsl:1:18: no module `n` is imported (did you mean `m`?)\n"},
      {"state::deny();", ""},
      {"status::deny();",
       "main.vsl:1:18: vSMTP has the function `deny`, but not in a module `status` (write `deny`, "
       "or "
       "`state::deny` as version 2 has it)\n"},
      {"delivery::mbox_all();",
       "main.vsl:1:18: vSMTP has the function `mbox_all`, but not in a module `delivery` (write "
       "`mbox_all`, or `transport::mbox_all` as version 2 has it)\n"},
      {"sys::code554_7_1;", ""},
      {"other::o;",
       "main.vsl:1:18: no module `other` is imported (at the top of the file, write `import "
       "\"other\" as other;`)\n"},
      {"fn f() { import \"m\" as inner; inner::o }", ""},
      {"fn f(x) { import x as inner; inner::anything }", ""},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(
        linted({{"main.vsl", "import \"m\" as m; " + one.source + " #{}"}, {"m.vsl", module}}),
        one.wanted)
        << one.source;
  }
  EXPECT_EQ(linted({{"main.vsl", "import \"m\" as m; #{}"}, {"m.vsl", "fn f() { b }"}}),
            "m.vsl:1:10: no variable `b` is defined\n");
}

TEST(VslLint, LooksAtArguments) {
  expect(
      "object a address = \"x@example.com\"; object c code = \"550 5.7.1 no\"; object r rg4 = "
      "\"192.0.2.0/24\"; const n = 3; let v = 3; fn f() { $ } #{}",
      {
          {"log(\"info\", 1); deny(c); deny(\"550 5.7.1 no\"); check_mail_relay(r)", 0, ""},
          {"deny(v); log(x(), 1)", 14, "no function `x` is defined (did you mean `f`?)"},
          {"next(1)", 1, "`next()` takes 0 arguments, not 1"},
          {"deny(1, 2)", 1,
           "`deny()` takes 0 or 1 arguments, not 2 (its parameters: code?: "
           "code|string)"},
          {"lookup()", 1, "`lookup()` takes 1 argument, not 0 (its parameters: host: text)"},
          {"lookup(3)", 8, "`lookup()` takes text here, not i64"},
          {"lookup(n)", 8, "`lookup()` takes text here, not i64"},
          {"lookup(a); in_domain(a)", 0, ""},
          {"log(\"warning\", 1)", 5,
           "\"warning\" is not a log level (one of \"trace\", "
           "\"debug\", \"info\", \"warn\", \"error\")"},
          {"log(\"err\", 1)", 5, "\"err\" is not a log level (did you mean `error`?)"},
          {"deny(\"no\")", 6,
           "`no` is no reply code such as `550 5.7.1 text`: no code from "
           "200 to 599 in front"},
          {"deny(\"250 ok\")", 6, "`deny()` takes a code from 400 to 599, not 250"},
          {"accept(\"550 no\")", 8, "`accept()` takes a code from 200 to 299, not 550"},
          {"info(\"450 5.7.1 x\")", 6, "the enhanced code 5.7.1 contradicts the code 450"},
          {"deny(r)", 6,
           "`deny()` takes a reply code, not rg4 (as in `object name code = \"550 5.7.1 text\"`)"},
          {"check_mail_relay(a)", 18,
           "`check_mail_relay()` takes hosts, not address (hosts are "
           "ip4, ip6, rg4, rg6, fqdn, or a group or file of them)"},
          {"check_rcpt_relay(42)", 18,
           "`check_rcpt_relay()` takes object|string|array here, "
           "not i64"},
          {"check_spf(\"both\", \"soft\"); check_spf(r)", 0, ""},
          {"check_spf(\"al\")", 11,
           "\"al\" is not a header that check_spf() adds (one of "
           "\"spf\", \"auth\", \"both\", \"none\")"},
          {"check_spf(\"spf\", \"strickt\")", 18,
           "\"strickt\" is not a policy of check_spf() (did you mean `strict`?)"},
          {"sign_dkim(\"s\", [\"From\", \"To\"], \"relaxed/simple\")", 0, ""},
          {"sign_dkim(\"s\", [\"from\"], \"relax\")", 26,
           "`relax` is no canonicalization such as simple/relaxed"},
          {"sign_dkim(\"s\", [\"To\"])", 16,
           "a signature has to cover the field From (add \"From\" to the list)"},
          {"quarantine(\"spam/today\")", 0, ""},
          {"quarantine(\"../x\")", 12,
           "`../x` is no name of a queue: letters, digits and .-_ with / between them"},
      });
}

TEST(VslLint, SeesThatAScriptsFunctionStandsInFrontOfTheHosts) {
  EXPECT_EQ(linted({{"main.vsl", "fn deny(a, b) { a } fn f() { deny(1, 2) } #{}"}}), "");
}

TEST(VslLint, SeesCodesThatContradictThemselves) {
  expect("object c code = $; #{}",
         {
             {"\"550 5.7.1 no\"", 0, ""},
             {"\"450 5.7.1 no\"", 1,
              "the enhanced code 5.7.1 contradicts the code 450 (its first "
              "digit is that of the code (RFC 3463))"},
             {"#{ code: 550, enhanced: \"5.7.1\", text: \"\" }", 0, ""},
             {"#{ code: 550, enhanced: \"\", text: \"\" }", 0, ""},
             {"#{ base: 450, enhanced: \"5.7.1\", text: \"\" }", 25,
              "the enhanced code 5.7.1 contradicts the code 450 (its first digit is that of "
              "the code (RFC 3463))"},
         });
}

TEST(VslLint, KnowsWhichStageHasWhat) {
  expect("fn early() { helper() } fn helper() { mail_from(); next() } #{ $ }",
         {
             {"mail: [ rule \"x\" || { mail_from(); early() } ]", 0, ""},
             {"helo: [ rule \"x\" || { rcpt(); next() } ]", 23,
              "`rcpt()` is not available at `helo` (it is from `rcpt` on)"},
             {"helo: [ rule \"x\" || early() ]", 21,
              "`early()` calls `mail_from()`, which is not available at `helo` (it is from "
              "`mail` on)"},
             {"deliver: [ rule \"x\" || { auth(); next() } ]", 26,
              "`auth()` is not available at `delivery` (it is at `authenticate`)"},
             {"preq: [ rule \"x\" || check_rcpt_relay(net_10) ]", 21,
              "`check_rcpt_relay()` is not available at `preq` (it is at `rcpt`)"},
             {"helo: [ rule \"x\" || { try { rcpt() } catch { }; next() } ]", 0, ""},
             {"mail: [ rule \"x\" #{ evaluate: || { verify_dkim(); next() } } ]", 36,
              "`verify_dkim()` is not available at `mail` (it is from `preq` on)"},
         });
}

TEST(VslLint, SeesStatusesThatAreLostOrMissing) {
  expect("fn refuse() { if true { return deny(); } () } #{ mail: [ $ ] }",
         {
             {"action \"x\" || { log(\"info\", 1) }", 0, ""},
             {"action \"x\" || next()", 0, ""},
             {"action \"x\" || deny()", 8,
              "the action \"x\" ends with `deny()`, whose status is ignored: an action does not "
              "decide (write `rule` if it shall decide)"},
             {"action \"x\" || { if is_secured() { accept() } }", 8,
              "the action \"x\" ends with `accept()`, whose status is ignored: an action does not "
              "decide (write `rule` if it shall decide)"},
             {"action \"x\" || refuse()", 8,
              "the action \"x\" ends with `refuse()`, whose status is ignored: an action does not "
              "decide (write `rule` if it shall decide)"},
             {"rule \"x\" || if is_secured() { accept() } else { next() }", 0, ""},
             {"rule \"x\" || { let s = next(); s }", 0, ""},
             {"rule \"x\" || { if is_secured() { accept() } }", 6,
              "the rule \"x\" has no status when the condition in line 1 is false; the client "
              "then gets 451 (end it with `next()`, or write `action` if it shall not decide)"},
             {"rule \"x\" || log(\"info\", 1)", 6,
              "the rule \"x\" can end without a status; the client then gets 451 (end it "
              "with `next()`, or write `action` if it shall not decide)"},
             {"rule \"x\" || {}", 6,
              "the rule \"x\" can end without a status; the client then gets 451 (end it "
              "with `next()`, or write `action` if it shall not decide)"},
             {"rule \"x\" || { if is_secured() { return; } next() }", 6,
              "the rule \"x\" can end without a status; the client then gets 451 (end it "
              "with `next()`, or write `action` if it shall not decide)"},
         });
}

TEST(VslLint, SeesWhatNeverRuns) {
  expect("fn no() { if is_secured() { deny() } else { info(\"450 x\") } } #{ $ }",
         {
             {"rcpt: [ rule \"x\" || if is_secured() { deny() } else { next() }, rule \"y\" || "
              "next() ]",
              0, ""},
             {"rcpt: [ action \"a\" || 1, rule \"x\" || accept(), rule \"y\" || next() ]", 53,
              "the rule \"y\" never runs (the rule \"x\" in line 1 always ends the stage)"},
             {"rcpt: [ rule \"x\" || no(), action \"y\" || 1 ]", 34,
              "the action \"y\" never runs (the rule \"x\" in line 1 always ends the stage)"},
             {"rcpt: [ rule \"x\" || { if is_secured() { return next(); } deny() }, rule \"y\" || "
              "next() ]",
              0, ""},
             {"rcpt: [ rule \"x\" || switch helo() { \"a\" => deny(), _ => accept() }, rule \"y\" "
              "|| next() ]",
              74, "the rule \"y\" never runs (the rule \"x\" in line 1 always ends the stage)"},
             {"rcpt: [ rule \"x\" || switch helo() { \"a\" => deny() }, rule \"y\" || next() ]", 0,
              ""},
         });
}

TEST(VslLint, SeesStagesThatNoSessionReaches) {
  expect(
      "#{ $ }",
      {
          {"connect: [ rule \"x\" || faccept() ], mail: [ rule \"y\" || next() ]", 50,
           "no rule of the stage `mail` ever runs (the rule \"x\" in line 1 always denies the "
           "client or skips what follows)"},
          {"connect: [ rule \"x\" || deny() ], authenticate: [ rule \"y\" || accept() ]", 0, ""},
          {"connect: [ rule \"x\" || accept() ], mail: [ rule \"y\" || next() ]", 0, ""},
          {"connect: [ rule \"a\" || if is_secured() { accept() } else { next() }, rule \"x\" || "
           "deny() ], mail: [ rule \"y\" || next() ]",
           0, ""},
          {"mail: [ rule \"x\" || deny() ], rcpt: [ rule \"y\" || next() ]", 0, ""},
      });
  EXPECT_EQ(linted({{"main.vsl", "const a = 1;"}}),
            "main.vsl:1:1: the policy has no stages: no rule is ever asked (as in `#{ mail: [ rule "
            "\"name\" || next() ] }`)\n");
}

TEST(VslLint, IsQuickWhereFunctionsCallFunctions) {
  std::string text = "fn f0() { next() }";
  for (int i = 1; i < 2000; ++i) {
    const std::string call = "f" + std::to_string(i - 1) + "();";
    text += "fn f" + std::to_string(i) + "() { " + repeated(call, 5) + " }";
  }
  EXPECT_EQ(linted({{"main.vsl", text + "#{ mail: [ rule \"x\" || f1999() ] }"}}), "");
  EXPECT_EQ(linted({{"main.vsl", "fn f() { f() } #{ mail: [ rule \"x\" || f() ] }"}}), "");
}

TEST(VslLint, StopsWhereNobodyReadsOn) {
  const auto all = load_warnings(
      std::make_shared<std::map<std::string, std::string>>(std::map<std::string, std::string>{
          {"main.vsl", repeated("undefined; f(); ", 20000) + "#{}"}}));
  EXPECT_EQ(all.size(), max_warnings);
}

TEST(VslLint, WarnsOfWhatTheSuiteWantsAndOfNoNameThatIsThere) {
  int wanted = 0;
  for (const SuiteCase& one : suite_cases()) {
    SCOPED_TRACE(one.id);
    if (one.files->empty() || one.members.contains("load")) continue;
    const std::vector<Mistake> all = load_warnings(one.files);
    const auto* expected = one.members.if_contains("warnings");
    if (expected == nullptr) {
      for (const Mistake& warning : all) {
        EXPECT_EQ(warning.message.find(" is defined"), std::string::npos) << warning.to_string();
      }
      continue;
    }
    for (const boost::json::value& member : expected->as_array()) {
      const boost::json::object& warning = member.as_object();
      const std::regex text(std::string(warning.at("text").as_string()));
      EXPECT_TRUE(std::ranges::any_of(all, [&](const Mistake& found) {
        return found.file == std::string_view(warning.at("file").as_string()) &&
               found.at.line == warning.at("line").as_int64() &&
               std::regex_search(found.message, text);
      })) << shown_with_hints(all);
      ++wanted;
    }
  }
  EXPECT_GE(wanted, 4);
}

TEST(Lint, finds_the_open_relay_that_is_written_out) {
  const auto open = [](const std::string& hosts) {
    const auto files = std::make_shared<std::map<std::string, std::string>>();
    (*files)["main.vsl"] =
        "object low rg4 = \"0.0.0.0/1\";\nobject high rg4 = \"128.0.0.0/1\";\n"
        "object ours rg4 = \"10.0.0.0/8\";\nobject all group = [low, high];\n"
        "object mine group = [ours];\n#{ rcpt: [ rule \"relay\" || check_rcpt_relay(" +
        hosts + ") ] }\n";
    const auto sources = load_sources("main.vsl", read_given(files));
    if (!sources) return shown_with_hints(sources.error());
    std::vector<Mistake> found;
    lint(*sources, signature_of, function_names(), &found);
    return shown_with_hints(found);
  };
  for (const char* hosts : {"all", "[low, high]", "[\"0.0.0.0/1\", \"128.0.0.0/1\"]", "high"}) {
    EXPECT_NE(open(hosts).find("an open relay"), std::string::npos) << hosts << open(hosts);
  }
  for (const char* hosts : {"mine", "ours", "[\"203.0.0.0/12\"]"}) EXPECT_EQ(open(hosts), "");
}

TEST(VslLint, tells_calls_of_unknown_functions_from_other_warnings) {
  const auto files = std::make_shared<std::map<std::string, std::string>>();
  (*files)["m.vsl"] = "private fn p() { 1 }";
  (*files)["main.vsl"] =
      "import \"m\" as m;\n"
      "fn f(x) {\n"
      "  absent(x);\n"
      "  absent::f(x);\n"
      "  x.absent();\n"
      "  m::p();\n"
      "  absent_too\n"
      "}\n"
      "fn h(x) { try { absent(x) } catch { } }\n"
      "fn g(x) { x.db_query(1); x.f(); x.to_debug(); f(1); sys::code554_7_1 }\n"
      "#{ mail: [ rule \"r\" || f(g(1)) ] }\n";
  const auto sources = load_sources("main.vsl", read_given(files));
  ASSERT_TRUE(sources.has_value());
  std::vector<Mistake> unknown;
  const std::vector<Mistake> others =
      lint(*sources, signature_of, function_names(), nullptr, nullptr, &unknown);
  EXPECT_EQ(shown_with_hints(others),
            "main.vsl:7:3: no variable `absent_too` is defined\n"
            "main.vsl:9:17: no function `absent` is defined\n");
  EXPECT_EQ(shown_with_hints(unknown),
            "main.vsl:3:3: no function `absent` is defined (docs/vsl-api.md has all functions)\n"
            "main.vsl:4:3: no module `absent` is imported (at the top of the file, write `import "
            "\"absent\" as absent;`)\n"
            "main.vsl:5:5: no value has a method `absent` (docs/vsl-api.md has all functions)\n"
            "main.vsl:6:3: `m::p()` is private to m.vsl (write `fn` without `private` there)\n");
}

TEST(VslLint, finds_constants_that_functions_refuse_and_methods_with_wrong_numbers) {
  const auto failing = [](const std::string& call) {
    const auto files = std::make_shared<std::map<std::string, std::string>>();
    (*files)["main.vsl"] =
        "const bad = \"\";\n#{ postq: [ action \"a\" || {\n  " + call + ";\n} ] }\n";
    const auto sources = load_sources("main.vsl", read_given(files));
    EXPECT_TRUE(sources.has_value()) << call;
    std::vector<Mistake> found;
    if (sources) lint(*sources, signature_of, function_names(), nullptr, nullptr, &found);
    return shown_with_hints(found);
  };
  for (const char* call : {R"(lookup(""))",
                           R"(lookup("a..b"))",
                           "lookup(bad)",
                           R"(rlookup("not an ip"))",
                           R"("not an ip".rlookup())",
                           R"(get_root_domain("-"))",
                           R"(forward_all(""))",
                           R"(forward("a@example.net", "smtp://user@mx.example"))",
                           R"(append_header("bad name", "v"))",
                           R"(prepend_header("X-A", "a\nb"))",
                           R"(rename_header("X-A", "b:"))",
                           R"(check_rcpt_relay(["999.1.1.1/99"]))",
                           R"(check_mail_relay([ "10.0.0.0/8", ["-"] ]))",
                           R"(quarantine("a/../b"))",
                           R"(sign_dkim("s", ["From"], "loose"))",
                           R"("abc".contains())",
                           R"("abc".sub_string())",
                           R"(contains("abc"))",
                           "[1].push()",
                           R"("a".len(1))"}) {
    EXPECT_NE(failing(call), "") << call;
  }
  for (const char* call :
       {R"(lookup("mx.example.net"))", R"(rlookup("2001:db8::1"))", R"("192.0.2.1".rlookup())",
        R"(forward_all("smtp://mx.example:25/"))", R"(forward_all("[2001:db8::1]:25"))",
        R"(append_header("X-A", "v"))", R"(check_mail_relay(["192.0.2.1", "relay.example.net"]))",
        R"(let at = ""; lookup(at))", R"("abc".sub_string(1))", R"("abc".sub_string(1, 2))",
        R"(contains("abc", "b"))", R"("a@example.net".get_domain())", "[1].push(2)",
        R"(#{ a: 1 }.keys())", R"(sign_dkim("s", ["From"], "relaxed"))"}) {
    EXPECT_EQ(failing(call), "") << call;
  }
  for (const Demanded& one : demanded()) {
    EXPECT_NE(signature_of(one.function).function, nullptr) << one.function;
  }
}

TEST(VslLint, finds_files_that_have_no_folder) {
  const auto files = std::make_shared<std::map<std::string, std::string>>();
  (*files)["main.vsl"] =
      "#{ preq: [ action \"a\" || {\n"
      "  write(\"in\");\n"
      "  fs::write(\"in\");\n"
      "  \"in\".dump();\n"
      "  try { dump(\"in\") } catch { }\n"
      "} ] }\n";
  const auto sources = load_sources("main.vsl", read_given(files));
  ASSERT_TRUE(sources.has_value());
  std::vector<Mistake> failing;
  const auto warnings = [&](const Site& site) {
    const LintSettings settings{.site = site};
    return shown_with_hints(
        lint(*sources, signature_of, function_names(), nullptr, nullptr, &failing, &settings));
  };
  EXPECT_EQ(warnings({.app_directory = "/var/spool/app"}), "");
  EXPECT_EQ(shown_with_hints(failing), "");
  EXPECT_EQ(warnings({}),
            "main.vsl:5:9: `dump()` has no folder to write into (set `app_dir` below [vsl])\n");
  EXPECT_EQ(shown_with_hints(failing),
            "main.vsl:2:3: `write()` has no folder to write into (set `app_dir` below [vsl])\n"
            "main.vsl:3:3: `write()` has no folder to write into (set `app_dir` below [vsl])\n"
            "main.vsl:4:8: `dump()` has no folder to write into (set `app_dir` below [vsl])\n");
}

TEST(VslLint, keeps_functions_of_the_policy_that_are_named_as_those_of_files) {
  const auto files = std::make_shared<std::map<std::string, std::string>>();
  (*files)["main.vsl"] =
      "fn dump(x) { log(\"info\", x) }\n"
      "#{ preq: [ action \"a\" || { dump(\"in\"); \"in\".dump() } ] }\n";
  const auto sources = load_sources("main.vsl", read_given(files));
  ASSERT_TRUE(sources.has_value());
  const Site site;
  const LintSettings settings{.site = site};
  EXPECT_EQ(shown_with_hints(lint(*sources, signature_of, function_names(), nullptr, nullptr,
                                  nullptr, &settings)),
            "");
}

/// The calls that fail whenever they are reached, in a policy with the services `scan`, `table`,
/// `grey` and `av`.
std::string failing_of(const std::string& stages, const Site* site, bool has_accounts = true) {
  const auto files = std::make_shared<std::map<std::string, std::string>>();
  (*files)["main.vsl"] =
      "import \"services\" as services;\n"
      "service scan cmd = #{ command: \"scan\" };\n" +
      stages;
  (*files)["services.vsl"] =
      "service scan cmd = #{ command: \"/opt/none/scan\" };\n"
      "service table db:csv = #{ connector: \"t.csv\", access: \"O_RDONLY\" };\n"
      "service sink db:csv = #{ connector: \"t.csv\", access: \"O_WRONLY\" };\n"
      "service grey db:sqlite = #{ path: \"grey.db\" };\n"
      "service av smtp = #{ delegator: #{ address: \"127.0.0.1:1\" }, receiver: \"127.0.0.1:2\" "
      "};\n";
  const auto sources = load_sources("main.vsl", read_given(files));
  EXPECT_TRUE(sources.has_value()) << stages;
  std::vector<Mistake> found;
  std::vector<Mistake> warnings;
  if (sources && site == nullptr) {
    warnings = lint(*sources, signature_of, function_names(), nullptr, nullptr, &found);
  } else if (sources) {
    const LintSettings settings{.site = *site, .has_accounts = has_accounts};
    warnings = lint(*sources, signature_of, function_names(), nullptr, nullptr, &found, &settings);
  }
  std::string text;
  for (const Mistake& one : found) text += one.message + " (" + one.hint + ")\n";
  for (const Mistake& one : warnings) {
    const bool lacks = one.message.find("to sign with") != std::string::npos ||
                       one.message.find("refuses every login") != std::string::npos ||
                       one.message.find("there is no program") != std::string::npos;
    if (lacks) text += "warning: " + one.message + " (" + one.hint + ")\n";
  }
  return text;
}

TEST(VslLint, finds_calls_that_need_what_the_configuration_lacks) {
  const std::string keys =
      " (set `dkim_key` below [vsl], or in a [[vsl.virtual]] for its domain; `postern dkim keygen` "
      "makes a key)\n";
  const std::string commands =
      " (write the path of the program into `allow_commands` below [vsl])\n";
  const std::string programs = " (install it, or correct `allow_commands` below [vsl])\n";
  Site bare;
  bare.domain = "doe.example";
  const struct {
    std::string stages;
    std::string wanted;
  } cases[] = {
      {"authenticate: [ rule \"a\" || authenticate() ]",
       "warning: `authenticate()` refuses every login: there are no accounts (write an "
       "[[auth.source]] into "
       "postern.toml (docs/auth.md))\n"},
      {"preq: [ action \"a\" || sign_dkim(\"s\") ]",
       "warning: `sign_dkim()` has no key to sign with" + keys},
      {"preq: [ action \"a\" || dkim_sign(\"s\") ]",
       "warning: `dkim_sign()` has no key to sign with" + keys},
      {"mail: [ action \"a\" || { scan.run(); } ]",
       "command 'scan' is not allowed: `vsl.allow_commands` does not have it" + commands},
      {"mail: [ action \"a\" || { run(scan); } ]",
       "command 'scan' is not allowed: `vsl.allow_commands` does not have it" + commands},
      {"mail: [ action \"a\" || { services::scan.cmd_run([\"x\"]); } ]",
       "command '/opt/none/scan' is not allowed: `vsl.allow_commands` does not have it" + commands},
      {"fn f() { scan.run() } mail: [ action \"a\" || { f(); } ]",
       "command 'scan' is not allowed: `vsl.allow_commands` does not have it" + commands},
      {"mail: [ action \"a\" || { try { scan.run(); } catch { } } ]", ""},
      {"mail: [ action \"a\" || { let scan = \"x\"; scan.len(); } ]", ""},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(failing_of(one.stages, &bare, false), one.wanted) << one.stages;
    EXPECT_EQ(failing_of(one.stages, nullptr), "") << one.stages;
  }
  Site full = bare;
  full.allowed_commands = {"/usr/bin/env", "/opt/none/scan"};
  full.virtual_domains["alias.example"] = std::make_shared<const mailauth::dkim::SigningKey>(
      mailauth::dkim::SigningKey::generate_ed25519().value());
  EXPECT_EQ(failing_of(cases[0].stages, &full), "");
  EXPECT_EQ(failing_of(cases[1].stages, &full), "") << "the sender may be of alias.example";
  const std::string sdid = "preq: [ action \"a\" || sign_dkim(#{ selector: \"s\", sdid: \"";
  EXPECT_EQ(failing_of(sdid + "Alias.Example\" }) ]", &full), "");
  EXPECT_EQ(failing_of(sdid + "doe.example\" }) ]", &full),
            "warning: `sign_dkim()` has no key of 'doe.example' to sign with" + keys);
  EXPECT_EQ(failing_of(cases[3].stages, &full),
            "warning: there is no program /opt/none/scan that can be run" + programs);
  full.allowed_commands = {"/usr/bin/env", "no-such-program"};
  EXPECT_EQ(failing_of("service s cmd = #{ command: \"env\" }; mail: [ action \"a\" || { s.run(); "
                       "} ]",
                       &full),
            "");
  EXPECT_EQ(failing_of("service s cmd = #{ command: \"no-such-program\" }; mail: [ action \"a\" "
                       "|| { s.run(); } ]",
                       &full),
            "command 'no-such-program' is in none of /usr/local/bin:/usr/bin:/bin" + commands);
  full.signs = false;
  full.virtual_domains.clear();
  EXPECT_EQ(failing_of(cases[1].stages, &full), "") << "a replay has no keys";
}

TEST(VslLint, finds_functions_that_a_service_lacks) {
  const std::string hint = " (docs/vsl-services.md has the functions of services)\n";
  const struct {
    std::string call;
    std::string wanted;
  } cases[] = {
      {"scan.rm(\"x\")", "a cmd service has no function 'rm'" + hint},
      {"scan.run(1, 2)", "function 'run' does not take 2 parameter(s)" + hint},
      {"services::table.get(\"x\")", ""},
      {"services::table.set([1])",
       "the database is read-only (write `access: \"O_RDWR\"` in the service's options)\n"},
      {"services::sink.set([1])", ""},
      {"services::sink.db_query(1)",
       "the database is write-only (write `access: \"O_RDWR\"` in the service's options)\n"},
      {"services::grey.query(\"select 1\", [])", ""},
      {"services::grey.get(\"x\")", "a db:sqlite service has no function 'get'" + hint},
      {"services::av.run()", "a smtp service has no function 'run'" + hint},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(failing_of("mail: [ action \"a\" || { " + one.call + "; } ]", nullptr), one.wanted)
        << one.call;
  }
}

}  // namespace
}  // namespace postern::dialect::vsl
