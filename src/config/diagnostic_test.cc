#include "config/diagnostic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/terminal.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Diagnostic sample() {
  Diagnostic diagnostic;
  diagnostic.code = "C012";
  diagnostic.file = "postern.toml";
  diagnostic.line = 14;
  diagnostic.column = 1;
  diagnostic.end_column = 27;
  diagnostic.source_line = "smtp_recipent_restrictions = [\"permit_mynetworks\"]";
  diagnostic.message = "unknown key `smtp_recipent_restrictions`";
  diagnostic.label = "did you mean `smtpd_recipient_restrictions`?";
  diagnostic.hint = "rename the key, or see `postern help C012`";
  return diagnostic;
}

TEST(Diagnostic, is_shown_with_place_carets_and_what_to_do) {
  EXPECT_EQ(render(sample()),
            "error[C012]: unknown key `smtp_recipent_restrictions`\n"
            "  --> postern.toml:14:1\n"
            "   |\n"
            "14 | smtp_recipent_restrictions = [\"permit_mynetworks\"]\n"
            "   | ^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean `smtpd_recipient_restrictions`?\n"
            "   = what to do: rename the key, or see `postern help C012`\n");
}

TEST(Diagnostic, carets_count_display_columns) {
  Diagnostic diagnostic = sample();
  diagnostic.label = "";
  // A tab, a combining accent and two wide characters before the place.
  diagnostic.source_line = "\te\xcc\x81 = \"\xe6\xbc\xa2\xe5\xad\x97\", x";
  diagnostic.column = 13;
  diagnostic.end_column = 14;
  EXPECT_THAT(render(diagnostic), HasSubstr("   |                 ^\n"));
  EXPECT_THAT(render(diagnostic),
              HasSubstr("14 |     e\xcc\x81 = \"\xe6\xbc\xa2\xe5\xad\x97\", x\n"));
  diagnostic.column = 8;
  diagnostic.end_column = 10;
  EXPECT_THAT(render(diagnostic), HasSubstr("   |          ^^^^\n"));
}

TEST(Diagnostic, width_of_text) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("\t"), 4u);
  EXPECT_EQ(display_width("\xc3\xbc"), 1u);
  EXPECT_EQ(display_width("\xe6\xbc\xa2"), 2u);
  EXPECT_EQ(display_width("e\xcc\x81"), 1u);
  EXPECT_EQ(display_width("\xff\xfe"), 2u);
  EXPECT_EQ(display_width(""), 0u);
}

TEST(Diagnostic, a_place_behind_the_line_has_one_caret_there) {
  Diagnostic diagnostic = sample();
  diagnostic.source_line = "ab";
  diagnostic.column = 3;
  diagnostic.end_column = 3;
  diagnostic.label = "";
  EXPECT_THAT(render(diagnostic), HasSubstr("   |   ^\n"));
}

// A list of 20,000 rules on one line, each with a warning, printed 24 MB.
TEST(Diagnostic, of_a_long_line_what_is_around_the_mark_is_shown) {
  Diagnostic diagnostic = sample();
  diagnostic.source_line = std::string(1000, 'a') + "WRONG" + std::string(1000, 'b');
  diagnostic.column = 1001;
  diagnostic.end_column = 1006;
  const std::string text = render(diagnostic);
  EXPECT_THAT(text,
              HasSubstr("| …" + std::string(200, 'a') + "WRONG" + std::string(200, 'b') + "…\n"));
  EXPECT_THAT(text, HasSubstr("| " + std::string(201, ' ') + "^^^^^"));
}

TEST(Diagnostic, a_password_of_a_file_is_not_shown) {
  Diagnostic one{.severity = Severity::error, .code = "R004"};
  one.file = "postern.toml";
  one.line = 1;
  one.column = 7;
  one.end_column = 50;
  one.source_line = "list = mysql:{ {user = u} {password = hush} }";
  one.message = "cannot open postgresql://u:hush@db.example.net/x";
  one.label = "password=hush";
  for (const std::string& text : {render(one, false), on_one_line(one), to_json(one)}) {
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("hush")));
    EXPECT_THAT(text, testing::HasSubstr("u:****@db"));
  }
}

TEST(Diagnostic, nothing_of_a_file_can_steer_the_terminal) {
  Diagnostic diagnostic = sample();
  diagnostic.source_line = "x = \"\x1b[2J\xe2\x80\xae\"";
  diagnostic.message = "bad \x1b[2J";
  EXPECT_THAT(render(diagnostic), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render(diagnostic), Not(HasSubstr("\xe2\x80\xae")));
}

TEST(Diagnostic, without_a_place_only_the_sentence_and_the_hint_remain) {
  Diagnostic diagnostic;
  diagnostic.code = "C034";
  diagnostic.message = "too many";
  diagnostic.label = "999 is the most here";
  diagnostic.hint = "less";
  EXPECT_EQ(render(diagnostic),
            "error[C034]: too many\n  = 999 is the most here\n  = what to do: less\n");
}

TEST(Diagnostic, colours_are_on_request_only) {
  EXPECT_THAT(inked(render(sample(), true)), HasSubstr("\x1b[1;31merror[C012]\x1b[0m: "));
  Diagnostic warning = sample();
  warning.severity = Severity::warning;
  EXPECT_THAT(inked(render(warning, true)), HasSubstr("\x1b[1;33mwarning[C012]"));
}

TEST(Diagnostic, json_has_the_documented_members) {
  const auto object = boost::json::parse(to_json(sample())).as_object();
  EXPECT_EQ(object.at("code"), "C012");
  EXPECT_EQ(object.at("severity"), "error");
  EXPECT_EQ(object.at("file"), "postern.toml");
  EXPECT_EQ(object.at("line").to_number<int>(), 14);
  EXPECT_EQ(object.at("col").to_number<int>(), 1);
  EXPECT_EQ(object.at("endCol").to_number<int>(), 27);
  EXPECT_EQ(
      object.at("message"),
      "unknown key `smtp_recipent_restrictions`: did you mean `smtpd_recipient_restrictions`?");
  EXPECT_EQ(object.at("hint"), "rename the key, or see `postern help C012`");
}

TEST(Diagnostics, forty_of_a_code_are_shown_and_the_rest_counted) {
  Diagnostics diagnostics;
  for (std::uint32_t i = 0; i < 45; ++i) {
    Diagnostic diagnostic = sample();
    diagnostic.line = 100 - i;
    diagnostics.add(diagnostic);
  }
  diagnostics.sort();
  EXPECT_EQ(diagnostics.errors(), 45u);
  EXPECT_EQ(diagnostics.left_out(), 5u);
  EXPECT_EQ(diagnostics.list().front().line, 56u);
  const std::string text = diagnostics.render();
  EXPECT_THAT(text, HasSubstr("postern.toml:95:1"));
  EXPECT_THAT(text, Not(HasSubstr("postern.toml:96:1")));
  EXPECT_THAT(text, testing::EndsWith("\nand 5 more\n"));
  EXPECT_THAT(diagnostics.json_lines(), testing::EndsWith("{\"left_out\":5}\n"));
  Diagnostic another = sample();
  another.code = "L004";
  another.message = "another thing";
  diagnostics.add(another);
  EXPECT_EQ(diagnostics.left_out(), 5u);
  EXPECT_THAT(diagnostics.render(), HasSubstr("another thing"));
}

TEST(Diagnostics, the_first_error_fits_on_one_line) {
  Diagnostics diagnostics;
  EXPECT_EQ(diagnostics.first_error(), "");
  Diagnostic warning = sample();
  warning.severity = Severity::warning;
  diagnostics.add(warning);
  diagnostics.add(sample());
  EXPECT_EQ(diagnostics.first_error(),
            "postern.toml:14:1: unknown key `smtp_recipent_restrictions`");
}

TEST(Diagnostics, those_without_a_place_come_last_and_equals_keep_their_order) {
  Diagnostics diagnostics;
  Diagnostic nowhere;
  nowhere.message = "nowhere";
  diagnostics.add(nowhere);
  for (const char* message : {"first", "second"}) {
    Diagnostic diagnostic = sample();
    diagnostic.message = message;
    diagnostics.add(diagnostic);
  }
  diagnostics.sort();
  EXPECT_EQ(diagnostics.list()[0].message, "first");
  EXPECT_EQ(diagnostics.list()[1].message, "second");
  EXPECT_EQ(diagnostics.list()[2].message, "nowhere");
}

TEST(Diagnostic, lines_of_a_text) {
  EXPECT_EQ(line_of("a\r\nb\nc", 1), "a");
  EXPECT_EQ(line_of("a\r\nb\nc", 2), "b");
  EXPECT_EQ(line_of("a\r\nb\nc", 3), "c");
  EXPECT_EQ(line_of("a\r\nb\nc", 4), "");
}

}  // namespace
}  // namespace postern::app
