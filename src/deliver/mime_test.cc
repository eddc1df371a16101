#include "deliver/mime.h"

#include <gtest/gtest.h>

#include "deliver/mime_charset.h"
#include "deliver/mime_date.h"

namespace postern::deliver {
namespace {

/// The leaves as `[type|name|body]`, CRLF shown as "/".
std::string shape(std::string_view message, const MimeLimits& limits = {}) {
  Charsets charsets;
  const MessageView view = scan_message(message, charsets, limits);
  std::string out;
  for (const PartView& part : view.parts) {
    out += "[" + part.type + "|" + part.filename.value_or("") + "|";
    for (const char c : part.body) {
      if (c != '\r') out += c == '\n' ? '/' : c;
    }
    out += "]";
  }
  if (view.ambiguous) out += " ambiguous";
  if (!view.parse_error.empty()) out += " stopped: " + view.parse_error;
  return out;
}

/// A multipart message with boundary "b" around `body`.
std::string multipart(std::string_view body, std::string_view type = "multipart/mixed") {
  return "Content-Type: " + std::string(type) + "; boundary=b\r\n\r\n" + std::string(body);
}

TEST(Mime, finds_the_parts) {
  const struct {
    std::string message, shape;
  } cases[] = {
      {"", "[text/plain||]"},
      {"Subject: x\r\n\r\nbody\r\n", "[text/plain||body/]"},
      {"Subject: x\r\n", "[text/plain||]"},
      {"\r\nbody\r\n", "[text/plain||body/]"},
      {"Content-Type: text/html\r\n\r\n<p>", "[text/html||<p>]"},
      {"Content-Type: nonsense\r\n\r\nx", "[text/plain||x]"},
      {"Content-Type:\r\n\r\nx", "[text/plain||x]"},
      {multipart("pre\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\nepi\r\n"),
       "[text/plain||one][text/plain||two]"},
      {multipart("--b\r\nContent-Type: a/b; name=n\r\n\r\nx\r\n\r\n--b--"), "[a/b|n|x/]"},
      {multipart("--b  \t\r\n\r\nx\r\n--b--  \r\n"), "[text/plain||x]"},
      {multipart("--b\r\n--b\r\n\r\nx\r\n--b--\r\n"), "[text/plain||x]"},
      {multipart("--b\r\n\r\nnever closed\r\n"), "[text/plain||never closed]"},
      {multipart("--b\r\nContent-Type: a/b\r\n--b\r\n\r\nx\r\n--b--\r\n"),
       "[a/b||][text/plain||x]"},
      {multipart("--b\r\n\r\n--bb\r\n--b-\r\n -- b\r\n--b--\r\n"), "[text/plain||--bb/--b-/ -- b]"},
      {multipart("--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: "
                 "multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n"),
       "[message/rfc822||Subject: in/Content-Type: multipart/mixed; boundary=c//--c//x/--c--]"},
      {multipart("--b\r\n\r\nx\r\n--b\r\nContent-Type: text/plain\r\n\r\ny\r\n--b--\r\n",
                 "multipart/digest"),
       "[message/rfc822||x][text/plain||y]"},
      // An inner multipart is closed by the delimiter of an outer one.
      {multipart("--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nin\r\n"
                 "--b\r\n\r\nout\r\n--c\r\n--b--\r\n"),
       "[text/plain||in][text/plain||out/--c]"},
  };
  for (const auto& c : cases) EXPECT_EQ(shape(c.message), c.shape) << c.message;
}

TEST(Mime, reads_a_multipart_that_never_begins_as_text) {
  EXPECT_EQ(shape(multipart("no delimiter\r\n")), "[text/plain||no delimiter/] ambiguous");
  EXPECT_EQ(shape("Content-Type: multipart/mixed\r\n\r\n--x\r\n"), "[text/plain||--x/] ambiguous");
  EXPECT_EQ(shape("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\nx"),
            "[text/plain||x] ambiguous");
  EXPECT_EQ(
      shape(multipart("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nin\r\n--b--\r\n")),
      "[text/plain||in] ambiguous");
}

TEST(Mime, skips_header_lines_that_are_no_fields) {
  const std::string odd =
      "From sender@example.com Mon Jan 15\r\nSubject: a\r\nno field\r\n continued\r\n"
      "X-Spaced : b\r\n\r\nbody";
  Charsets charsets;
  const MessageView view = scan_message(odd, charsets);
  ASSERT_EQ(view.fields.size(), 2u);
  EXPECT_EQ(view.fields[0].name, "Subject");
  EXPECT_EQ(view.fields[1].name, "X-Spaced");
  EXPECT_EQ(view.fields[1].value, " b\r\n");
  EXPECT_EQ(view.warnings,
            std::vector<std::string>{"header lines that are not fields were skipped"});
  EXPECT_TRUE(view.ambiguous) << "DKIM and DMARC do not go by such a header either";
  EXPECT_EQ(view.parts[0].body, "body");
}

TEST(Mime, begins_the_body_at_the_first_line_that_is_no_field) {
  // Only if no empty line tells where the body begins.
  EXPECT_EQ(shape("Subject: a\r\nHello\r\nthere\r\n"), "[text/plain||Hello/there/]");
  EXPECT_EQ(shape(multipart("--b\r\nContent-Type: text/html\r\nHello\r\n\r\nthere\r\n--b--\r\n")),
            "[text/html||Hello//there]");
  EXPECT_EQ(shape(multipart("--b\r\nstray\r\nContent-Type: text/html\r\n\r\nHello\r\n--b--\r\n")),
            "[text/html||Hello]");
}

TEST(Mime, flags_what_readers_read_differently) {
  EXPECT_EQ(shape("Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx"),
            "[text/plain||x] ambiguous");
  EXPECT_EQ(shape("Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\nx"),
            "[text/plain||x] ambiguous");
  EXPECT_EQ(shape("Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n\r\nx\r\n"
                  "--b--\r\n"),
            "[text/plain||x] ambiguous");
  EXPECT_EQ(shape("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nx"),
            "[message/rfc822||x] ambiguous");
}

TEST(Mime, a_field_over_its_limit_is_cut_and_costs_nothing_else) {
  const auto value_of = [](const std::string& message) {
    Charsets charsets;
    const MessageView view = scan_message(message, charsets, {.field_size = 12});
    EXPECT_EQ(view.parse_error, "") << message;
    EXPECT_EQ(view.fields.size(), 2u) << message;
    EXPECT_EQ(view.parts.size(), 1u) << message;
    if (view.ambiguous) {
      EXPECT_EQ(view.warnings,
                std::vector<std::string>{"a header field of more than 12 octets was cut"});
    }
    return std::string(view.find("A")->value) + (view.ambiguous ? " ambiguous" : "");
  };
  EXPECT_EQ(value_of("A: 123456\r\nB: 1\r\n\r\nx"), " 123456\r\n");
  EXPECT_EQ(value_of("A: 1234567890\r\nB: 1\r\n\r\nx"), " 123456789 ambiguous");
  EXPECT_EQ(value_of("A: 1234\r\n 5678\r\n 9\r\nB: 1\r\n\r\nx"), " 1234\r\n 56 ambiguous");
}

TEST(Mime, tells_text_from_attachments) {
  const struct {
    std::string_view header;
    bool body;
  } cases[] = {
      {"", true},
      {"Content-Type: text/html\r\n", true},
      {"Content-Disposition: inline\r\n", true},
      {"Content-Disposition: attachment\r\n", false},
      {"Content-Disposition: inline; filename=a.txt\r\n", false},
      {"Content-Type: text/plain; name=a.txt\r\n", false},
      {"Content-Disposition: something-new\r\n", false},
      {"Content-Type: text/calendar\r\n", false},
      {"Content-Type: message/rfc822\r\n", false},
  };
  for (const auto& c : cases) {
    Charsets charsets;
    const std::string message = std::string(c.header) + "\r\nx";
    EXPECT_EQ(scan_message(message, charsets).parts.at(0).is_body(), c.body) << c.header;
  }
}

TEST(Mime, a_date_is_right_or_absent) {  // RFC 5322 §3.3, §4.3
  const std::pair<const char*, const char*> cases[] = {
      {"Mon, 15 Jan 2024 10:20:30 +0200", "2024-01-15T08:20:30Z"},
      {"Mon, 15 Jan 2024 10 : 20 : 30 +0200", "2024-01-15T08:20:30Z"},
      {"Mon, 15 Jan 2024 10:20(minutes)(and (nested) so on):30 +0200", "2024-01-15T08:20:30Z"},
      {"Mon (\\) day), 15 Jan 2024 10:20 +0000 (12:00:00)", "2024-01-15T10:20:00Z"},
      {"Mon, 15 Jan 2024 10.20.30 +0000", "2024-01-15T10:20:30Z"},
      {"Mon, 15 Jan 2024 10:20:30+0200", "2024-01-15T08:20:30Z"},
      {"Mon, 15 Jan 2024 10:20:30 PM +0000", ""},
      {"Mon, 15 Jan 2024 10:2x:30 +0000", ""},
      {"Mon, 15 Jan 2024 25:20:30 +0000", ""},
      {"Mon, 15 Jan 2024 (10:20:30) +0000", ""},
      {"Mon, 15 Jan 2024 +0000", ""},
  };
  for (const auto& [field, wanted] : cases) {
    EXPECT_EQ(date_to_rfc3339(field).value_or(""), wanted) << field;
  }
}

TEST(Mime, reads_parameters) {
  const struct {
    std::string_view field, name;
  } cases[] = {
      {"filename=a.txt", "a.txt"},
      {"FILENAME = \"a.txt\" ; x=y", "a.txt"},
      {"filename=\"a \\\"quoted\\\" name\"", "a \"quoted\" name"},
      {"filename=\"C:\\temp\\x.txt\"", "x.txt"},
      {"filename=\"with;semicolon\"; x=1", "with;semicolon"},
      {"filename=with blanks.txt; x=1", "with blanks.txt"},
      {"no parameter; filename=a.txt", "a.txt"},
      {"x=\"y\" z; filename=a.txt", "a.txt"},
      {"filename=two words.txt charset=utf-8", "two words.txt"},
      {"x=\"y\" filename=a.txt", "a.txt"},
      {"filename=\"fol\r\n ded\"", "fol ded"},
      {"filename==?utf-8?q?x=41?=", "xA"},
      {"filename=\"=?utf-8?B?YWI=?= =?utf-8?B?Y2Rl?=\"", "abcde"},
      {"filename=\"=?iso-8859-1?Q?=80?=\"", "€"},
      {"filename*=utf-8''r%C3%A9sum%C3%A9.pdf", "résumé.pdf"},
      {"filename*0=ab; filename*1=cd", "abcd"},
      {"filename*1=cd; filename*0=ab", "abcd"},
      {"filename*0*=utf-8'en'%C3; filename*1*=%A9; filename*2=%20x", "é%20x"},
  };
  for (const auto& c : cases) {
    const std::string message =
        "Content-Disposition: attachment; " + std::string(c.field) + "\r\n\r\nx";
    EXPECT_EQ(shape(message), "[text/plain|" + std::string(c.name) + "|x]") << c.field;
  }
  std::string flood = "Content-Type: a/b";
  for (int i = 0; i < 99; ++i) flood += "; p" + std::to_string(i) + "=v";
  EXPECT_EQ(shape(flood + "; name=n\r\n\r\nx"), "[a/b|n|x]");
  EXPECT_EQ(shape(flood + "; p=v; name=n\r\n\r\nx"), "[a/b||x]");
}

TEST(Mime, stops_at_its_limits) {
  std::string deep;
  for (int i = 0; i < 60; ++i) {
    const std::string boundary = "b" + std::to_string(i);
    deep +=
        "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
  }
  EXPECT_EQ(shape(deep), " stopped: multiparts nested deeper than 50");

  std::string many = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 4; ++i) many += "--b\r\n\r\nx\r\n";
  EXPECT_EQ(shape(many, {.parts = 4}),
            "[text/plain||x][text/plain||x][text/plain||x][text/plain||x]");
  EXPECT_EQ(shape(many, {.parts = 3}),
            "[text/plain||x][text/plain||x][text/plain||x] stopped: more than 3 parts");

  EXPECT_EQ(shape("A: 1\r\nB: 2\r\nC: 3\r\n\r\nx", {.header_fields = 3}), "[text/plain||x]");
  EXPECT_EQ(shape("A: 1\r\nB: 2\r\nC: 3\r\n\r\nx", {.header_fields = 2}),
            " stopped: more than 2 header fields");
  EXPECT_EQ(shape("A: 1234\r\nB: 5678\r\n\r\nx", {.header_size = 12}),
            " stopped: a header of more than 12 octets");
  EXPECT_EQ(shape(multipart("--b\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\nx\r\n--b--"), {.header_fields = 2}),
            " stopped: more than 2 header fields");
}

}  // namespace
}  // namespace postern::deliver
