#include <gtest/gtest.h>

#include "base/text.h"
#include "mailauth/ar/parse.h"
#include "mailauth/ar/strip.h"
#include "mailauth/ar/write.h"

namespace mailauth::ar {
namespace {

bool is_valid(std::string_view body) { return parse(body).has_value(); }

TEST(ArParse, refuses_what_the_grammar_has_not) {
  for (const char* body : {
           "a.example; spf=pass; none",                     // none must be the only result
           "a.example; none; none",                         //
           "a.example;",                                    // neither results nor none
           "a.example; ; spf=pass",                         // an empty result
           "a.example; spf=pass smtp.mailfrom=b reason=x",  // the reason comes first
           "a.example; spf=pass reason=x reason=y",         // once
           "a.example; spf=pass smtp.mailfrom",             //
           "a.example; dkim=pass header.d= header.s=x",     //
           "a.example; spf=pass smtp.=b",                   //
           "a.example; spf=pass \"smtp\".mailfrom=b",       //
           "a.example; spf=pass\"x\"",                      //
           "a.example; dkim/=pass",                         //
           "a.example; dkim/4294967296=pass",               //
           "a.example 99999999999999999999; none",          //
           "a.example one; none",                           //
           "a.example; spf=pass smtp.mailfrom=b\r\nX: y",   // a line end that is not a fold
           "a.example; spf=pass reason=\"b\r\nX: y\"",      //
           "a.example; spf=pass (b\nX: y)",                 //
           "a.example; spf=pass (b\\\nX: y)",               //
           "a.example; spf=pass\rsmtp.mailfrom=b",          // a bare CR
           "a.example; spf=pass smtp.mailfrom=b\x01",       // control characters
           "a.example; spf=pass smtp.mailfrom=\"b\x7f\"",   //
           "a.example; spf=pass smtp.mailfrom=\xff",        // not UTF-8
           "a.example; spf=pass )",                         //
           "\"\"; none",                                    // an empty authserv-id
           "a.example; spf=pass smtp.mailfrom=\"b\\",       //
       }) {
    EXPECT_FALSE(is_valid(body)) << body;
  }
  EXPECT_FALSE(parse(std::string_view("a.example; no\0ne", 16)));
}

TEST(ArParse, reads_folds_and_quotes_inside_of_values) {
  const auto got = parse(
      "a.example;\r\n\tspf=fail reason=\"two\r\n words\"\r\n smtp.mailfrom=\"a b\"@c.example\r\n");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->results[0].reason, "two words");
  EXPECT_EQ(got->results[0].properties[0].value, "\"a b\"@c.example");
}

TEST(ArParse, keywords_in_any_case_and_values_as_they_are) {
  const auto got = parse("A.Example; SPF=Pass SMTP.MailFrom=B.Example");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->authserv_id, "A.Example");
  EXPECT_EQ(got->results[0].method, "spf");
  EXPECT_EQ(got->results[0].result, "pass");
  EXPECT_EQ(got->results[0].properties[0],
            (Property{.ptype = "smtp", .property = "mailfrom", .value = "B.Example"}));
}

TEST(ArParse, the_arc_form_has_its_instance_first) {
  const auto got = parse_arc(" i=12; a.example; spf=pass smtp.mailfrom=b.example");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->instance, 12u);
  EXPECT_EQ(got->results.authserv_id, "a.example");
  EXPECT_EQ(got->results.results.size(), 1u);
  EXPECT_TRUE(parse_arc("(c) i (c) = (c) 1 (c) ; a.example; none"));
  for (const char* body :
       {"a.example; none", "a.example; i=1; none", "i=1 a.example; none", "i=x; a.example; none",
        "I=1; a.example; none", "i=; a.example; none", "i=1;", ""}) {
    EXPECT_FALSE(parse_arc(body)) << body;
  }
}

TEST(ArParse, a_megabyte_of_anything_ends_soon) {
  const std::size_t size = 1 << 20;
  EXPECT_FALSE(is_valid("a.example " + std::string(size, '(')));
  EXPECT_FALSE(is_valid("a.example; " + std::string(size, ';')));
  EXPECT_FALSE(is_valid(std::string(size, '"')));
  EXPECT_TRUE(is_valid("a.example " + std::string(size, '(') + std::string(size, ')') + "; none"));
  std::string many = "a.example";
  for (int i = 0; i < 10'000; ++i) many += "; dkim=pass header.d=b.example";
  const auto got = parse(many);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->results.size(), 10'000u);
}

TEST(ArStrip, what_a_generous_reader_takes_for_ours) {
  const OwnIds own({"mx.example.org"});
  for (const char* body : {
           "mx.(x)example.org; spf=pass",
           "mx. example.org; spf=pass",
           "mx.example.org:25; spf=pass",
           "<mx.example.org>; spf=pass",
           "mx.example.org (open; spf=pass",
           "\"mx.example.org; spf",
           "mx.example.org\x01; spf=pass",
           "mx.example.org",
           "mx.example.org 1 2; none",
           "MX.EXAMPLE.ORG./1; spf=pass",
           "spf=pass smtp.mailfrom=b.example",
           "; spf=pass",
           "",
           "()",
           "\xff; spf=pass (",
       }) {
    EXPECT_TRUE(must_remove(body, own)) << body;
  }
}

TEST(ArStrip, what_is_somebody_elses_stays) {
  const OwnIds own({"mx.example.org", "our relay"});
  for (const char* body : {
           "mx.example.net; spf=pass smtp.mailfrom=mx.example.org",
           "amx.example.org; none",
           "mx.example.org.evil.example; none",
           "other.example spf=pass",
           "relay; none",
           "other.example; x=y (mx.example.org; spf=pass)",
       }) {
    EXPECT_FALSE(must_remove(body, own)) << body;
  }
  // Code points that trim() of other languages removes: U+00A0, U+0085, U+2003, U+3000, U+180E.
  for (const char* blank : {"\u00a0", "\u0085", "\u2003", "\u3000", "\u180e"}) {
    EXPECT_TRUE(must_remove("mx.example.org" + std::string(blank) + "; dkim=pass", own)) << blank;
    EXPECT_TRUE(must_remove(blank + std::string("mx.example.org; dkim=pass"), own)) << blank;
  }
  EXPECT_FALSE(must_remove("m\u00fcller.example; dkim=pass", own)) << "a domain name all the same";
  EXPECT_TRUE(must_remove("\"our relay\"; none", own));
  EXPECT_TRUE(must_remove("\"Our\\ Relay\" 1; none", own));
}

struct Header {
  std::string_view received;
  std::string_view kept;
};

TEST(ArStrip, takes_whole_fields_out_of_a_header) {
  const OwnIds own({"mx.example.org"});
  const Header cases[] = {
      {"", ""},
      {"Subject: x\r\n", "Subject: x\r\n"},
      {"Authentication-Results: mx.example.org; none\r\nSubject: x\r\n", "Subject: x\r\n"},
      {"Subject: x\r\nAUTHENTICATION-results : MX.example.org. 1; none\r\n", "Subject: x\r\n"},
      // Also without the last line end.
      {"Subject: x\r\nAuthentication-Results: mx.example.org; none", "Subject: x\r\n"},
      {"A: 1\r\nAuthentication-Results:\r\n\tmx.example.org;\r\n spf=pass\r\n smtp.helo=b\r\nB: "
       "2\r\n",
       "A: 1\r\nB: 2\r\n"},
      {"Authentication-Results: mx.example.org; none\r\n"
       "Authentication-Results: mx.example.org; none\r\n"
       "A: 1\r\n folded\r\n"
       "Authentication-Results: mx.example.net; none\r\n"
       "Authentication-Results: mx.example.org; spf=pass\r\n",
       "A: 1\r\n folded\r\nAuthentication-Results: mx.example.net; none\r\n"},
      // Malformed; a lenient reader sees our id in it, or no id.
      {"Authentication-Results: mx.(x)example.org; spf=pass\r\nA: 1\r\n", "A: 1\r\n"},
      {"Authentication-Results: spf=pass\r\nA: 1\r\n", "A: 1\r\n"},
      {"Authentication-Results:\r\nA: 1\r\n", "A: 1\r\n"},
      // Malformed, with the id of another host.
      {"Authentication-Results: other.example spf=pass\r\n",
       "Authentication-Results: other.example spf=pass\r\n"},
      // Other fields, and no fields at all.
      {"X-Authentication-Results: mx.example.org; none\r\n",
       "X-Authentication-Results: mx.example.org; none\r\n"},
      {"ARC-Authentication-Results: i=1; mx.example.org; none\r\n",
       "ARC-Authentication-Results: i=1; mx.example.org; none\r\n"},
      {" leading\r\nno field\r\nAuthentication-Results: mx.example.org; none\r\nA: 1\r\n",
       " leading\r\nno field\r\nA: 1\r\n"},
  };
  for (const Header& c : cases) {
    EXPECT_EQ(strip_own(c.received, own), c.kept) << c.received;
    EXPECT_EQ(strip_own(c.kept, own), c.kept) << c.kept;
  }
}

TEST(ArStrip, sees_the_last_of_very_many_fields) {
  const OwnIds own({"mx.example.org"});
  std::string header;
  for (int i = 0; i < 20'000; ++i) header += "X: 1\r\n";
  EXPECT_EQ(strip_own(header + "Authentication-Results: mx.example.org; none\r\n", own), header);
}

AuthenticationResults one_value(std::string value) {
  return {.authserv_id = "mx.example.org",
          .results = {{.method = "spf",
                       .result = "pass",
                       .properties = {{.ptype = "smtp", .property = "helo", .value = value}}}}};
}

TEST(ArWrite, is_read_easily) {
  AuthenticationResults results = one_value("a@b.example");
  results.results[0].reason = "as it is";
  results.results.push_back(
      {.method = "iprev", .result = "pass", .properties = {{"policy", "iprev", "2001:db8::1"}}});
  EXPECT_EQ(write_field(results),
            "Authentication-Results: mx.example.org;\r\n"
            "\tspf=pass reason=\"as it is\" smtp.helo=a@b.example;\r\n"
            "\tiprev=pass policy.iprev=\"2001:db8::1\"\r\n");
  EXPECT_EQ(write({.authserv_id = "mx.example.org"}), "mx.example.org; none");
}

TEST(ArWrite, values_stay_values) {
  for (const char* value : {
           "",
           " ",
           "\"",
           "\\",
           "a\\",
           "\"; dmarc=pass",
           "a; dmarc=pass",
           "(",
           ")",
           "a (b) c",
           "@",
           "a@",
           "@a",
           "a@b@c",
           "a@b;c",
           "\r\n\r\nbody",
           "\r\nX: y",
           "\n",
           "\r",
           "a\rb",
           "\x01\x7f",
           "\xff\xfe",
           "\xc3",
           "b\xc3\xbc"
           "cher.example",
           "\xf0\x9f\x93\xa8",
           "\t\t",
           "=",
           "..",
       }) {
    const std::string text = write(one_value(value));
    const auto got = parse(text);
    ASSERT_TRUE(got) << text;
    ASSERT_EQ(got->results.size(), 1u) << text;
    ASSERT_EQ(got->results[0].properties.size(), 1u) << text;
    for (const std::string_view line : postern::split(text, '\n')) {
      if (line.data() != text.data()) EXPECT_TRUE(line.starts_with('\t') || line.starts_with(' '));
      EXPECT_FALSE(postern::trim(line).empty());
    }
    // What was parsed is written unchanged.
    EXPECT_EQ(write(*got), text);
  }
}

TEST(ArWrite, hostile_words_become_words) {
  AuthenticationResults results = one_value("x");
  results.authserv_id = "mx\r\nX: y";
  results.results[0].method = "spf=pass; dmarc";
  results.results[0].result = "";
  results.results[0].properties[0].ptype = "smtp\r\n";
  EXPECT_EQ(write(results), "\"mx X: y\";\r\n\tspf-pass--dmarc=unknown smtp--.helo=x");
}

TEST(ArWrite, no_line_is_longer_than_998_octets) {
  for (const std::string& value :
       {std::string(5000, 'a'), std::string(5000, ' '), std::string(5000, '"'),
        std::string(5000, '\\'), "a@" + std::string(5000, 'b'), std::string(5000, '\xff'),
        std::string(700, 'a') + " " + std::string(700, 'b')}) {
    AuthenticationResults results = one_value(value);
    results.authserv_id = value;
    results.results[0].method = std::string(2000, 'm');
    results.results[0].result = std::string(2000, 'r');
    results.results[0].reason = value;
    results.results[0].properties[0].ptype = std::string(2000, 'p');
    const std::string text = write_field(results);
    for (const std::string_view line : postern::split(text, '\n')) EXPECT_LE(line.size(), 999u);
    const auto got = parse(text.substr(24));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->results.size(), 1u);
  }
}

}  // namespace
}  // namespace mailauth::ar
