#include "dialect/restrictions/parameters.h"

#include <gtest/gtest.h>

#include "dialect/restrictions/expansion.h"

namespace postern::dialect::restrictions {
namespace {

using Settings = std::map<std::string, std::string, std::less<>>;

std::string words_of(std::string_view value) {
  const auto words = split_words(value);
  if (!words) return "error: " + words.error().message;
  std::string out;
  for (const Word& word : *words) {
    out += (word.grouped ? "{" : "[") + word.text + (word.grouped ? "}" : "]") +
           std::to_string(word.offset);
  }
  return out;
}

TEST(SplitWords, CommasAndBlanksSeparate) {
  EXPECT_EQ(words_of(""), "");
  EXPECT_EQ(words_of(" , ,\t"), "");
  EXPECT_EQ(words_of("permit_mynetworks,reject"), "[permit_mynetworks]0[reject]18");
  EXPECT_EQ(words_of(" a ,\r\n b,,c "), "[a]1[b]7[c]10");
}

TEST(SplitWords, BracesGroup) {
  EXPECT_EQ(words_of("a { b, c } d"), "[a]0{b, c}4[d]11");
  EXPECT_EQ(words_of("inline:{ {k = v}, x=y } z"), "[inline:{ {k = v}, x=y }]0[z]24");
  EXPECT_EQ(words_of("{{a b} c}"), "{{a b} c}1");
  EXPECT_EQ(words_of("{a}{b}"), "[{a}{b}]0");
  EXPECT_EQ(words_of("{a}b"), "[{a}b]0");
  EXPECT_EQ(words_of("{}"), "{}1");
  EXPECT_EQ(words_of("?reject}"), "[?reject}]0") << "a closing brace too many is a character";
  EXPECT_EQ(words_of("a {b c"), "error: a { is not closed at \"{b c\"");
}

std::string parsed_lines(std::string_view text, std::size_t complaints = 0) {
  Diagnostics diagnostics;
  std::string out;
  for (const Setting& setting : parse_main_cf(text, diagnostics)) {
    out += std::to_string(setting.line) + ":" + setting.name + "=" + setting.value + ";";
  }
  EXPECT_EQ(diagnostics.size(), complaints) << text;
  return out;
}

TEST(ParseMainCf, LogicalLines) {
  EXPECT_EQ(parsed_lines(""), "");
  EXPECT_EQ(parsed_lines("# a\n\nx = 1\n  # b\ny=\n"), "3:x=1;5:y=;");
  EXPECT_EQ(parsed_lines("x = a,\n  b\n\n# c\n\tc\ny = d"), "1:x=a, b c;6:y=d;")
      << "comments and empty lines do not end a continued line";
  EXPECT_EQ(parsed_lines("x =\n a\n"), "1:x=a;");
  EXPECT_EQ(parsed_lines("x = 1\r\n 2\r\n"), "1:x=1 2;");
  EXPECT_EQ(parsed_lines("x = a = b # c\n"), "1:x=a = b # c;") << "no comments behind a value";
  EXPECT_EQ(parsed_lines("x = 1\nx = 2\n"), "1:x=1;2:x=2;") << "all are returned";
}

TEST(ParseMainCf, Mistakes) {
  EXPECT_EQ(parsed_lines("x = 1\nbare\n  more = 2\ny = 3\n", 1), "1:x=1;4:y=3;");
  EXPECT_EQ(parsed_lines("= 5\n", 1), "");
  EXPECT_EQ(parsed_lines("x y = 5\n", 1), "");
  EXPECT_EQ(parsed_lines("  x = 1\n", 1), "1:x=1;") << "a warning: it continues nothing";
  Diagnostics diagnostics;
  parse_main_cf("x = 1\nbare\n", diagnostics);
  ASSERT_EQ(diagnostics.size(), 1U);
  EXPECT_EQ(diagnostics[0].severity, Diagnostic::Severity::error);
  EXPECT_EQ(diagnostics[0].place, (Place{"", 6}));
  EXPECT_EQ(diagnostics[0].message, R"(line 2 is not "name = value": "bare")");
}

/// The value of an expression where a is A, e is empty, and three levels refer to each other.
std::string expanded(std::string expression) {
  const Parameters parameters(Settings{{"a", "A"},
                                       {"e", ""},
                                       {"l1", "$l2 1"},
                                       {"l2", "$l3 2"},
                                       {"l3", "3"},
                                       {"refers_to_empty", "$e"},
                                       {"x", "[" + std::move(expression) + "]"}});
  const auto value = parameters.value("x");
  return value ? *value : "error";
}

// What postconf -x of Postfix 3.7.11 printed for each.
TEST(Expand, AsMeasured) {
  const std::pair<const char*, const char*> cases[] = {
      {"${a?  x y }", "[  x y ]"},
      {"${a?{ x y }:{ z }}", "[ x y ]"},
      {"${e? {x} : { z }}", "[ z ]"},
      {"${e:{q}}", "[q]"},
      {"${e: q}", "[ q]"},
      {"${ a }", "[A]"},
      {"$(a)", "[A]"},
      {"$$a $${a}", "[$a ${a}]"},
      {"${{$a} == {A} ? {yes} : {no}}", "[yes]"},
      {"${{$a}=={B}?{yes}}", "[]"},
      {"${{10} > {9} ? {num} : {str}}", "[num]"},
      {"${{b} > {a} ? {gt} : {le}}", "[gt]"},
      {"${{3.10} >=level {3.6} ? {ge} : {lt}}", "[ge]"},
      {"${a?{$e}:{z}}", "[]"},
      {"${nope?{x}:{y}}", "[y]"},
      {"$nope", "[]"},
      {"${a?{${e:deep}}}", "[deep]"},
      {"$a.b $a-b $a", "[A.b A-b A]"},
      {"${a?x}y}", "[xy}]"},
      {"${a:b?c}", "[]"},
      {"${{ $a } == {A} ? {yes} : {no}}", "[no]"},
      {"${e?{x}}", "[]"},
      {"$a$a ${a}b", "[AA Ab]"},
      {"${a?x:y}", "[x:y]"},
      {"${{a}!={b}?{x}:{y}}", "[x]"},
      {"${{2} <level {10} ? {x} : {y}}", "[x]"},
      {"${{ 10}> {9 } ? {num} : {str}}", "[str]"},
      {"${a ? {x} : {y}}", "[x]"},
      {"$(a?{x}:{y})", "[x]"},
      {"${a? {x} : y}", "[x]"},
      {"${e? {x} : y }", "[ y ]"},
      {"${e?  {x} : {y} }", "[y]"},
      {"${{}=={}?{t}:{f}}", "[t]"},
      {"${{9}<{10}?{t}:{f}}", "[t]"},
      {"${{9x}<{10}?{t}:{f}}", "[f]"},
      {"${{3.6} < {3.10}?{t}:{f}}", "[f]"},
      {"${stress?{1}:{20}}", "[20]"},
      {"${a:x}", "[]"},
      {"${e:$a}", "[A]"},
      {"${a?$(a)}", "[A]"},
      {"${refers_to_empty?x}", "[x]"},
      {"$l1", "[3 2 1]"},
  };
  for (const auto& [expression, result] : cases) {
    EXPECT_EQ(expanded(expression), result) << expression;
  }
}

TEST(Expand, MistakesAsMeasured) {
  for (const char* expression :
       {"x$", "$ a", "${{a} ? {x} : {y}}", "$\xc3\xa9", "${a.b}", "${e?{x} junk}",
        "${{$a}{b}?{t}:{f}}", "${a", "${a?{b}", "$(a}", "${a)", "${e?{x}:{y}z}", "${e:{x}y}"}) {
    EXPECT_EQ(expanded(expression), "error") << expression;
  }
}

TEST(Expand, EndsAlways) {
  const Parameters loop(Settings{{"a", "$b"}, {"b", "x $a"}, {"self", "$self"}});
  EXPECT_EQ(loop.value("a").error().message, "a: the expansion never ends");
  EXPECT_EQ(loop.value("self").error().fault, Fault::malformed);
  EXPECT_EQ(loop.text("a"), "");
  Settings bomb{{"n30", "xxxxxxxxxxxxxxxx"}};
  for (int i = 0; i < 30; ++i) {
    const std::string next = "$n" + std::to_string(i + 1);
    bomb["n" + std::to_string(i)] = next + " " + next;
  }
  EXPECT_FALSE(Parameters(bomb).value("n0").has_value());
  const Parameters host(Settings{{"myhostname", "mx.$mydomain"}});
  EXPECT_EQ(host.text("myhostname"), "mx.localdomain");
  EXPECT_EQ(host.text("mydomain"), "localdomain");
}

TEST(References, OfAText) {
  EXPECT_EQ(references("$a, ${b?$c} $(d) $$e ${{$f} == {$a} ? {${ g:x}}}"),
            (std::vector<std::string>{"a", "b", "c", "d", "f", "g"}));
  EXPECT_TRUE(references("plain $").empty());
}

TEST(Parameters, DefaultsFollowTheLevel) {
  const auto at = [](const char* level, const char* name) {
    return Parameters(Settings{{"compatibility_level", level}}, "mx.example.org").text(name);
  };
  EXPECT_EQ(at("0", "smtpd_relay_restrictions"), "");
  EXPECT_EQ(at("1", "smtpd_relay_restrictions"),
            "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination");
  EXPECT_EQ(at("1", "relay_domains"), "mx.example.org, localhost.example.org, localhost");
  EXPECT_EQ(at("2", "relay_domains"), "");
  EXPECT_EQ(at("3.5", "smtpd_relay_before_recipient_restrictions"), "no");
  EXPECT_EQ(at("3.6", "smtpd_relay_before_recipient_restrictions"), "yes");
  EXPECT_EQ(at("3.10", "smtpd_relay_before_recipient_restrictions"), "yes");
  EXPECT_EQ(at("9999", "append_dot_mydomain"), "no");
  const Parameters unset(Settings{});
  EXPECT_EQ(unset.level(), "0");
  EXPECT_EQ(unset.text("smtpd_relay_restrictions"), "");
  const Parameters indirect(Settings{{"compatibility_level", "$wanted"}, {"wanted", "3.7"}});
  EXPECT_EQ(indirect.level(), "3.7");
}

TEST(Parameters, NamesOfTheHost) {
  const Parameters bare(Settings{}, "mx.example.org");
  EXPECT_EQ(bare.text("myhostname"), "mx.example.org");
  EXPECT_EQ(bare.text("mydomain"), "example.org");
  EXPECT_EQ(bare.text("myorigin"), "mx.example.org");
  EXPECT_EQ(bare.text("mydestination"), "mx.example.org, localhost.example.org, localhost");
  EXPECT_EQ(Parameters(Settings{}).text("mydomain"), "localdomain");
  const Parameters set(Settings{{"mydomain", "example.net"}, {"myhostname", "a.$mydomain"}});
  EXPECT_EQ(set.text("mydestination"), "a.example.net, localhost.example.net, localhost");
  EXPECT_EQ(set.text("mynetworks"), "127.0.0.0/8 [::1]/128");
}

TEST(Parameters, TypedValues) {
  const Parameters given(Settings{{"smtpd_helo_required", "YES"},
                                  {"soft_bounce", "on"},
                                  {"reject_code", "550"},
                                  {"defer_code", "45"},
                                  {"mynetworks", "192.0.2.0/24, $more"},
                                  {"more", "[2001:db8::]/32"},
                                  {"relay_domains", "{a"}});
  EXPECT_TRUE(given.flag("smtpd_helo_required").value());
  EXPECT_TRUE(given.flag("smtpd_delay_reject").value()) << "by default";
  EXPECT_EQ(given.flag("soft_bounce").error().message, "soft_bounce is yes or no, not \"on\"");
  EXPECT_EQ(given.number("reject_code", 400, 599).value(), 550U);
  EXPECT_EQ(given.number("defer_code", 400, 599).error().message,
            "defer_code is a number from 400 to 599, not \"45\"");
  EXPECT_EQ(given.number("access_map_reject_code", 400, 599).value(), 554U);
  const auto words = given.words("mynetworks");
  ASSERT_TRUE(words.has_value());
  ASSERT_EQ(words->size(), 2U);
  EXPECT_EQ((*words)[1].text, "[2001:db8::]/32");
  EXPECT_EQ(given.words("relay_domains").error().message,
            "relay_domains: a { is not closed at \"{a\"");
  EXPECT_TRUE(given.is_set("more"));
  EXPECT_FALSE(given.is_set("myorigin"));
  EXPECT_EQ(given.raw("unknown_address_tempfail_action"), "$reject_tempfail_action");
}

TEST(Parameters, WhatTheEngineReads) {
  EXPECT_TRUE(is_restriction_parameter("smtpd_recipient_restrictions"));
  EXPECT_TRUE(is_restriction_parameter("virtual_alias_maps"));
  EXPECT_FALSE(is_restriction_parameter("relayhost"));
  for (const std::string_view name : restriction_parameters()) {
    EXPECT_TRUE(default_value(name, "3.6").has_value()) << name;
    EXPECT_TRUE(is_restriction_parameter(name)) << name;
  }
}

TEST(Parameters, LevelsAreNumbers) {
  EXPECT_EQ(compare_levels("3.6", "3.10"), -1);
  EXPECT_EQ(compare_levels("3.10", "3.6"), 1);
  EXPECT_EQ(compare_levels("3", "3.0"), 0);
  EXPECT_EQ(compare_levels("nonsense", "0"), 0);
}

}  // namespace
}  // namespace postern::dialect::restrictions
