// Hostile messages: linear time, limits kept, and always a payload.
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "base/growth_test.h"
#include "base/rounds_test.h"
#include "deliver/payload.h"

namespace postern::deliver {
namespace {

std::string times(std::size_t count, std::string_view text) {
  std::string out;
  out.reserve(count * text.size());
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string header(std::string_view name, std::size_t fields, std::string_view value) {
  return times(fields, std::string(name) + ": " + std::string(value) + "\r\n") + "\r\nx\r\n";
}

std::string mixed(std::string_view boundary, std::string_view body) {
  return "Content-Type: multipart/mixed; boundary=\"" + std::string(boundary) + "\"\r\n\r\n" +
         std::string(body);
}

/// A thousand encoded words, each with another charset.
std::string many_charsets() {
  std::string out;
  for (int i = 0; i < 1000; ++i) out += "=?iso-8859-" + std::to_string(i) + "?q?=E9?= ";
  return out;
}

TEST(PayloadBombs, are_defused_in_linear_time) {
  const std::size_t quarters = tests::rounds(1, 4);
  const std::size_t mib = quarters * 256 * 1024;  // when it is whole
  const std::string boundary(70, 'A');
  const struct {
    const char* name;
    std::string message;
  } bombs[] = {
      {"delimiters short of one octet",
       mixed(boundary, times(8 * mib / 73, "--" + boundary.substr(1) + "\r\n"))},
      {"dashes", mixed(std::string(60, '-'), times(16 * mib / 78, std::string(76, '-') + "\r\n"))},
      {"many parts", mixed("q", times(mib, "--q\r\n\r\nx\r\n"))},
      {"many levels of one boundary",
       times(25000 * quarters, "Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n")},
      {"open angles", header("To", 10, times(90 * 1024, "<"))},
      {"commas in an open angle", header("To", 10, "<" + times(90 * 1024, ","))},
      {"open comments", header("To", 10, times(90 * 1024, "("))},
      {"open quotes", header("To", 10, times(45 * 1024, "\"\\"))},
      {"groups", header("To", 10, times(45 * 1024, "g:"))},
      {"many addresses", header("To", 10, times(15 * 1024, "a@b.c,"))},
      {"open encoded words", header("Subject", 10, times(9 * 1024, "=?utf-8?q?"))},
      {"encoded words", header("X-Words", 10, times(7 * 1024, "=?utf-8?q?x?= "))},
      {"encoded words of many charsets", header("X-Words", 30, many_charsets())},
      {"parameters", header("Content-Type", 1, "a/b" + times(15 * 1024, ";p*0=v"))},
      {"semicolons", header("Content-Type", 1, "a/b" + times(95 * 1024, ";"))},
      {"folds", header("X-Fold", 10, times(30 * 1024, "\r\n "))},
      {"base64 of nothing", "Content-Transfer-Encoding: base64\r\n\r\n" + times(16 * mib, "!")},
      {"base64 padding", "Content-Transfer-Encoding: base64\r\n\r\n" + times(16 * mib, "=")},
      {"soft line breaks",
       "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + times(5 * mib, "=\r\n")},
      {"soft line breaks with blanks",
       "Content-Transfer-Encoding: quoted-printable\r\n\r\n=" + times(16 * mib, " ")},
      {"one line of uuencode",
       "Content-Transfer-Encoding: uuencode\r\n\r\n" + times(16 * mib, "M")},
      {"unfinished characters",
       "Content-Type: text/plain; charset=gb18030\r\n\r\n" + times(8 * mib, "\x81")},
      {"NULs", "\r\n" + std::string(16 * mib, '\0')},
  };
  for (const auto& bomb : bombs) {
    const MessageIdentity identity{"msg_x", "wh_x", {}, false};
    Result<Payload> payload = fail(Fault::bug, "not built");
    const double seconds = tests::cpu_seconds(
        [&] { payload = build_payload(bomb.message, policy::Evidence{}, identity, {}); });
    ASSERT_TRUE(payload) << bomb.name;
    // The aim is 1.3 s for 25 MiB in an optimised build. A sanitized build beside another program gets
    // eight times that; what is not linear takes minutes.
    EXPECT_LT(seconds, 10.0 * static_cast<double>(quarters)) << bomb.name;
    EXPECT_GT(payload->body.size(), 0u);
  }
}

}  // namespace
}  // namespace postern::deliver
