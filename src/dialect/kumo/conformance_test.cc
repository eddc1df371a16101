#include "dialect/kumo/conformance.h"

#include <gtest/gtest.h>

#include "dialect/kumo/encoded_words.h"

namespace postern::dialect::kumo {
namespace {

constexpr std::string_view complete =
    "Date: Fri, 2 Jan 2026 03:04:05 +0000\r\nMessage-ID: <a@example.com>\r\nMIME-Version: 1.0\r\n";

Issues issues(const std::string& message) {
  std::size_t at = 0;
  const auto header = mail::fields_of(message, at);
  return issues_of(header, std::string_view(message).substr(at));
}

std::string repaired(const std::string& message, Issues what, std::string charset = {}) {
  std::size_t at = 0;
  auto header = mail::fields_of(message, at);
  const std::string_view body = std::string_view(message).substr(at);
  const auto changed = repair(header, body,
                              {.what = what,
                               .date = "Fri, 2 Jan 2026 03:04:05 +0000",
                               .message_id = "<new@example.com>",
                               .charset = std::move(charset)});
  return mail::joined(header) + (changed ? *changed : std::string(body));
}

TEST(Conformance, names) {
  EXPECT_EQ(parse_issues(""), Issues{0});
  EXPECT_EQ(parse_issues("LINE_TOO_LONG|MISSING_DATE_HEADER"), line_too_long | missing_date_header);
  EXPECT_EQ(text_of(line_too_long | missing_date_header), "LINE_TOO_LONG|MISSING_DATE_HEADER");
  const auto wrong = parse_issues("LINE_TO_LONG");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "`LINE_TO_LONG` is no conformance issue; did you mean `LINE_TOO_LONG`?");
}

TEST(Conformance, issues) {
  const std::string all(complete);
  const std::string long_line(79, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {all + "\r\nhi\r\n", ""},
      {"\r\nhi\r\n", "MISSING_DATE_HEADER|MISSING_MESSAGE_ID_HEADER|MISSING_MIME_VERSION"},
      {all + "Subject\r\n\r\nhi\r\n", "MISSING_COLON_VALUE"},
      {all + "Subject : a\r\n\r\nhi\r\n", "NAME_ENDS_WITH_SPACE"},
      {all + "\r\na\nb\r\n", "NON_CANONICAL_LINE_ENDINGS"},
      {all + "\r\na\rb\r\n", "NON_CANONICAL_LINE_ENDINGS"},
      {all + "\r\n" + long_line + "\r\n", "LINE_TOO_LONG"},
      {all + "\r\n" + long_line.substr(1) + "\r\n", ""},
      {all + "\r\n\xc3\xbc\r\n", "NEEDS_TRANSFER_ENCODING"},
      {all + "Subject: \xc3\xbc\r\n\r\n", "NEEDS_TRANSFER_ENCODING"},
      {"Date: soon\r\nMessage-ID: <<a@b>>\r\nMIME-Version: 1.1\r\n\r\n",
       "MISSING_DATE_HEADER|MISSING_MESSAGE_ID_HEADER|MISSING_MIME_VERSION"},
      {"Date: Fri, 2 Jan 2026 03:04:05 +0000\r\nMessage-ID: <a@b>\r\nMIME-Version: 1.0 (x)\r\n\r\n",
       ""},
  };
  for (const auto& [message, found] : cases) {
    EXPECT_EQ(text_of(issues(message)), found) << message;
  }
}

TEST(Conformance, missing_fields_are_added_and_the_rest_stays) {
  EXPECT_EQ(repaired("Subject: a\r\nDate: soon\r\n\r\nhi\r\n",
                     missing_date_header | missing_message_id_header | missing_mime_version),
            "Subject: a\r\nDate: Fri, 2 Jan 2026 03:04:05 +0000\r\nMessage-ID: "
            "<new@example.com>\r\nMIME-Version: 1.0\r\n\r\nhi\r\n");
  const std::string fine = std::string(complete) + "\r\nhi\r\n";
  EXPECT_EQ(repaired(fine, 255), fine);
}

TEST(Conformance, fields_are_repaired_where_they_are) {
  EXPECT_EQ(repaired("Subject : a\r\nX-Empty\r\nno field at all\r\nTo: b\r\n\r\n",
                     name_ends_with_space | missing_colon_value),
            "Subject: a\r\nX-Empty:\r\nTo: b\r\n\r\n");
  EXPECT_EQ(repaired("Subject: gr\xc3\xbcn\r\n\r\n", needs_transfer_encoding),
            "Subject: =?utf-8?B?Z3LDvG4=?=\r\n\r\n");
  EXPECT_EQ(repaired("From: \"J\xc3\xbcrgen, A\" <j@example.com>, b@example.com (\xc3\xa4)\r\n\r\n",
                     needs_transfer_encoding),
            "From: =?utf-8?B?SsO8cmdlbiwgQQ==?= <j@example.com>, b@example.com "
            "(\r\n =?utf-8?B?w6Q=?=)\r\n\r\n");
  EXPECT_EQ(repaired("Subject: \xa9\r\n\r\n", needs_transfer_encoding, "iso-8859-1"),
            "Subject: =?iso-8859-1?B?qQ==?=\r\n\r\n");
  EXPECT_EQ(repaired("Subject: \xa9\r\n\r\n", needs_transfer_encoding),
            "Subject: =?unknown-8bit?B?qQ==?=\r\n\r\n");
}

TEST(Conformance, text_becomes_quoted_printable) {
  EXPECT_EQ(repaired(std::string(complete) + "\r\n\xc3\xbc = 1 \r\n", needs_transfer_encoding),
            std::string(complete) +
                "Content-Type: text/plain; charset=\"utf-8\"\r\n"
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC =3D 1=20\r\n");
  EXPECT_EQ(repaired("Content-Type: text/html; charset=iso-8859-1\r\n\r\n\xfc\r\n",
                     needs_transfer_encoding),
            "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
            "quoted-printable\r\nMIME-Version: 1.0\r\n\r\n=FC\r\n")
      << "a transfer encoding has no meaning without MIME";
  const std::string coded =
      repaired(std::string(complete) + "\r\n" + std::string(100, 'x') + "\r\n", line_too_long);
  EXPECT_EQ(issues(coded), 0);
  EXPECT_NE(coded.find("xx=\r\nxx"), std::string::npos);
}

TEST(Conformance, parts_are_coded_one_by_one) {
  const std::string head = std::string(complete) +
                           "Content-Type: multipart/mixed; boundary=\"b\"\r\n"
                           "Content-Transfer-Encoding: 8bit\r\n\r\n";
  const std::string message =
      head +
      "preamble\r\n--b\r\n\r\nplain\r\n--b\r\n"
      "Content-Type: image/png\r\n\r\n\xff\xfe\r\n--b\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xbc\r\n--b--\r\n";
  const std::string coded = repaired(message, needs_transfer_encoding);
  EXPECT_NE(coded.find("preamble\r\n--b\r\n\r\nplain\r\n--b\r\nContent-Type: image/png\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n//4=\r\n\r\n--b\r\n"),
            std::string::npos)
      << coded;
  EXPECT_NE(coded.find("=C3=BC\r\n--b--\r\n"), std::string::npos) << coded;
  EXPECT_NE(coded.find("Content-Transfer-Encoding: 7bit\r\n"), std::string::npos) << coded;
  EXPECT_EQ(issues(coded), 0);
  const std::string is_signed =
      std::string(complete) +
      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n";
  EXPECT_EQ(repaired(is_signed, 255), is_signed);
}

TEST(Conformance, words_are_never_longer_than_a_line) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "\xc3\xbc";
  for (const std::size_t before : {9u, 60u, 200u}) {
    const std::string words = encoded_words(text, before);
    for (std::size_t at = 0; at < words.size();) {
      const std::size_t end = std::min(words.find("\r\n", at), words.size());
      EXPECT_LE(end - at, 76u);
      at = end + 2;
    }
  }
}

}  // namespace
}  // namespace postern::dialect::kumo
