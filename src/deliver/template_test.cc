#include "deliver/template.h"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace postern::deliver {
namespace {

namespace json = boost::json;

std::string rendered(std::string_view text, const json::value& data) {
  const Result<Template> parsed = Template::parse(text);
  if (!parsed) return "parse: " + parsed.error().message;
  MemoryCharge charge;
  const Result<std::string> out = render(*parsed, data, charge);
  return out ? *out : "render: " + out.error().message;
}

json::value sample() {
  return json::parse(R"({"Subject": "Disk \"full\"", "From": "a@example.com", "Size": 12, "Zero": 0,
      "To": ["x@example.net", "y@example.net"], "Empty": [], "Yes": true, "Nothing": null,
      "Headers": {"X-Tag": ["one", "two"]}, "Auth": {"SPF": {"Result": "pass"}}})");
}

TEST(Template, renders_values_and_blocks) {
  const struct {
    std::string_view text;
    std::string_view out;
  } cases[] = {
      {"", ""},
      {"plain } { text", "plain } { text"},
      {"{{.Subject}}", "Disk \"full\""},
      {"{{json .Subject}}", "\"Disk \\\"full\\\"\""},
      {"{{ .Subject | json }}", "\"Disk \\\"full\\\"\""},
      {"{{.Auth.SPF.Result}}", "pass"},
      {"{{.Missing}}|{{.Missing.Deeper}}|{{json .Missing}}", "||null"},
      {"{{.Size}} {{.Yes}} {{.To}}", "12 true [\"x@example.net\",\"y@example.net\"]"},
      {"{{if .Subject}}yes{{else}}no{{end}}", "yes"},
      {"{{if .Zero}}yes{{else}}no{{end}}", "no"},
      {"{{if .Empty}}a{{else if .Nothing}}b{{else if .Yes}}c{{else}}d{{end}}", "c"},
      {"{{range .To}}<{{.}}>{{end}}", "<x@example.net><y@example.net>"},
      {"{{range .Empty}}x{{else}}none{{end}}", "none"},
      {"{{range .To}}{{$.Size}},{{end}}", "12,12,"},
      {"{{range .Headers}}{{index . 0}}{{end}}", "one"},
      {"{{with .Auth.SPF}}{{.Result}}{{end}}", "pass"},
      {"{{with .Nothing}}x{{else}}{{.From}}{{end}}", "a@example.com"},
      {"{{if eq .From \"b@example.com\" \"a@example.com\"}}known{{end}}", "known"},
      {"{{if eq .Size 12}}twelve{{end}}", "twelve"},
      {"{{eq .Yes true}} {{eq .Nothing nil}} {{eq .Size \"12\"}}", "true true false"},
      {"{{default \"none\" .Missing}} {{.From | default \"none\"}}", "none a@example.com"},
      {"{{index .Headers \"X-Tag\" 1}}", "two"},
      {"{{index .Headers \"X-Other\" 1}}{{index .To 9}}", ""},
      {"{{json (default \"none\" .Missing)}}", "\"none\""},
      {"{{(index .Headers \"X-Tag\")}}", "[\"one\",\"two\"]"},
      {"{{(.Auth).SPF.Result}}", "pass"},
      {"a  {{- /* gone */ -}}  b", "ab"},
      {"a\n{{- if .Yes -}}\n b \n{{- end -}}\nc", "abc"},
      {"{{`{{}}`}} {{\"\\\"}}\"}}", "{{}} \"}}"},
      {"{{/* } }} \" */}}x", "x"},
      {"{{-1}} {{- -1}}", "-1-1"},
  };
  for (const auto& c : cases) EXPECT_EQ(rendered(c.text, sample()), c.out) << c.text;
}

TEST(Template, says_where_the_error_is) {
  const struct {
    std::string_view text;
    std::string_view error;
  } cases[] = {
      {"a\nb {{.Subject", "2:5: an action does not end: \"}}\" is missing"},
      {"{{if .A}}x", "1:3: \"if\" has no {{end}}"},
      {"x{{end}}", "1:4: nothing is open here"},
      {"{{else}}", "1:3: nothing is open here"},
      {"é{{bogus .A}}", "1:4: unknown function \"bogus\"; there are json, eq, default and index"},
      {"{{.A .B}}", "1:3: a value is not a function: it takes no arguments"},
      {"{{json}}", "1:3: json takes one argument"},
      {"{{json .A .B}}", "1:3: json takes one argument"},
      {"{{eq .A}}", "1:3: eq takes two arguments or more"},
      {"{{default .A}}", "1:3: default takes two arguments: the fallback, then the value"},
      {"{{index .A}}", "1:3: index takes a value and at least one key"},
      {"{{}}", "1:3: a value is missing"},
      {"{{if}}{{end}}", "1:5: a value is missing"},
      {"{{.A | .B}}", "1:8: a function is needed after \"|\""},
      {"{{(.A}}", "1:3: \"(\" without \")\""},
      {"{{.A)}}", "1:5: \")\" without \"(\""},
      {"{{.A..B}}", "1:6: a name is missing after \".\""},
      {"{{$x}}", "1:3: variables are not supported; \"$\" is the payload"},
      {"{{\"open}}", "1:3: an action does not end: \"}}\" is missing"},
      {"{{\"\\q\"}}", "1:4: unknown escape in a string"},
      {"{{1.5}}", "1:3: a whole number is needed here"},
      {"{{.A ; .B}}", "1:6: unexpected \";\""},
      {"{{if .A}}{{else}}{{else}}{{end}}", "1:20: a second \"else\""},
      {"{{if .A}}{{end x}}", "1:15: unexpected text after \"end\""},
      {"{{template \"x\"}}", "1:3: \"template\" is not supported"},
      {"{{/* x", "1:3: a comment does not end"},
      {"\xff", "1:1: a template is UTF-8 text"},
  };
  for (const auto& c : cases) {
    const Result<Template> parsed = Template::parse(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error().message, c.error) << c.text;
    EXPECT_EQ(parsed.error().fault, Fault::malformed) << c.text;
  }
}

TEST(Template, render_errors_name_the_place) {
  EXPECT_EQ(rendered("\n {{.Subject.Length}}", sample()), "render: 2:4: .Length of text");
  EXPECT_EQ(rendered("{{range .Subject}}{{end}}", sample()), "render: 1:3: range over text");
  EXPECT_EQ(rendered("{{eq .To .To}}", sample()),
            "render: 1:3: eq compares text, numbers and booleans only");
  EXPECT_EQ(rendered("{{index .To \"a\"}}", sample()), "render: 1:3: index of a list by text");
}

TEST(Template, limits_the_template) {
  EXPECT_TRUE(Template::parse(std::string(max_template_size, 'x')));
  const Result<Template> longer = Template::parse(std::string(max_template_size + 1, 'x'));
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().fault, Fault::limit);

  std::string nested;
  for (int i = 0; i < 60; ++i) nested += "{{if .A}}";
  EXPECT_EQ(Template::parse(nested).error().message, "1:453: blocks are nested too deeply");
  const std::string parentheses = "{{" + std::string(60, '(') + ".A" + std::string(60, ')') + "}}";
  EXPECT_FALSE(Template::parse(parentheses));
}

TEST(Template, limits_the_iterations) {
  json::array hundred(100, json::value(1));
  const json::value data = {{"List", hundred}};
  EXPECT_EQ(
      rendered("{{range .List}}{{range $.List}}{{end}}{{end}}", {{"List", json::array(99, 1)}}),
      "");
  EXPECT_EQ(rendered("{{range .List}}{{range $.List}}{{end}}{{end}}", data),
            "render: 1:18: more than 10000 passes through range");
}

TEST(Template, limits_output_and_work) {
  const json::value data = {{"Text", std::string(1024 * 1024, 'x')}, {"List", json::array(11, 1)}};
  EXPECT_EQ(rendered("{{range .List}}{{$.Text}}{{end}}", data),
            "render: 1:18: the output is longer than 10485760 octets");
  const json::value many = {{"Text", std::string(1024 * 1024, 'x')},
                            {"List", json::array(9000, 1)}};
  EXPECT_EQ(rendered("{{range .List}}{{if json $.Text}}{{end}}{{end}}", many),
            "render: 1:21: the template does too much work");
}

TEST(Template, copies_are_charged_for_while_they_are_kept) {
  MemoryBudget budget(1u << 20);
  MemoryCharge charge(budget, 100'000);
  const json::value data{{"Text", std::string(100'000, 'x')}};
  const auto run = [&](const std::string& text) {
    return render(Template::parse(text).value(), data, charge);
  };
  std::string nested = "done";
  for (int i = 0; i < 24; ++i) nested = "{{with json $.Text}}" + nested + "{{end}}";
  const Result<std::string> refused = run(nested);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::temporary);
  EXPECT_LT(charge.charged(), 110'000u) << "all is given back";
  std::string one_by_one;
  for (int i = 0; i < 24; ++i) one_by_one += "{{with json $.Text}}.{{end}}";
  EXPECT_EQ(run(one_by_one).value(), std::string(24, '.'));
  std::string long_one;
  for (int i = 0; i < 24; ++i) long_one += "{{.Text}}";
  EXPECT_FALSE(run(long_one)) << "the output is charged for, too";
}

}  // namespace
}  // namespace postern::deliver
