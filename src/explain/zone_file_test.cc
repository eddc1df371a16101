#include "explain/zone_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <boost/json.hpp>

namespace postern::app {
namespace {

using ::testing::HasSubstr;

boost::json::value good(std::string_view text) {
  const Result<std::string> out = zone_to_json(text);
  EXPECT_TRUE(out) << out.error().message;
  return boost::json::parse(out.value_or("{}")).at("zone");
}

std::string refused(std::string_view text) {
  const Result<std::string> out = zone_to_json(text);
  return out ? "accepted: " + *out : out.error().message;
}

TEST(ZoneFile, names_are_completed_by_the_origin) {
  const auto zone = good(
      "$ORIGIN example.org.\n"
      "@ 3600 IN A 192.0.2.1\n"
      "  IN AAAA 2001:db8::1\n"
      "www IN 1h CNAME @\n"
      "mail MX 10 mx.example.net.\n"
      "mail MX 20 mx\n"
      "@ NS ns\n"
      "$ORIGIN sub\n"
      "a A 192.0.2.2\n");
  EXPECT_EQ(zone.at("example.org").at("A").at(0), "192.0.2.1");
  EXPECT_EQ(zone.at("example.org").at("AAAA").at(0), "2001:db8::1");
  EXPECT_EQ(zone.at("www.example.org").at("CNAME").at(0), "example.org");
  EXPECT_EQ(zone.at("mail.example.org").at("MX").at(0).at(1), "mx.example.net");
  EXPECT_EQ(zone.at("mail.example.org").at("MX").at(1).at(1), "mx.example.org");
  EXPECT_EQ(zone.at("example.org").at("NS").at(0), "ns.example.org");
  EXPECT_TRUE(zone.as_object().contains("a.sub.example.org"));
}

TEST(ZoneFile, without_an_origin_names_are_complete) {
  EXPECT_TRUE(good("example.org IN TXT x\n").as_object().contains("example.org"));
  EXPECT_TRUE(good("example.org. TXT x").as_object().contains("example.org"));
}

TEST(ZoneFile, texts_have_strings_escapes_and_parentheses) {
  const auto zone = good(
      "; a comment; with a \" in it\r\n"
      "a. TXT ( \"one; two\" ; and a comment\r\n"
      "  \"say \\\"x\\\" \\065\" three )\r\n"
      "a. TXT \"\"\r\n"
      "b. TXT \"\\255\"\n");
  const auto& strings = zone.at("a").at("TXT").at(0).as_array();
  ASSERT_EQ(strings.size(), 3u);
  EXPECT_EQ(strings[0], "one; two");
  EXPECT_EQ(strings[1], "say \"x\" A");
  EXPECT_EQ(strings[2], "three");
  EXPECT_EQ(zone.at("a").at("TXT").at(1).at(0), "");
  EXPECT_EQ(zone.at("b").at("TXT").at(0).at(0).at("base64"), "/w==");
}

TEST(ZoneFile, tlsa_is_one_text) {
  const auto zone = good("_25._tcp.mx. TLSA 3 1 1 ABcd\n_25._tcp.mx. TLSA ( 03 1 1 ab\n cd )\n");
  EXPECT_EQ(zone.at("_25._tcp.mx").at("TLSA"), (boost::json::array{"3 1 1 ABcd", "3 1 1 abcd"}));
  for (const char* wrong : {"", "3", "3 1 1", "3 1 1 abc", "3 1 1 xy", "3 1 256 ab", "x 1 1 ab"}) {
    EXPECT_THAT(refused(fmt::format("a. TLSA {}\n", wrong)),
                HasSubstr("line 1: this is not a record: TLSA"))
        << wrong;
  }
}

TEST(ZoneFile, caa_is_one_text) {
  const auto zone = good(
      "a. CAA 0 ISSUE \"ca.example; account=1\"\na. CAA 128 iodef mailto:a@example.org\na. CAA 0 "
      "issue \";\"\n");
  EXPECT_EQ(zone.at("a").at("CAA"),
            (boost::json::array{"0 issue ca.example; account=1", "128 iodef mailto:a@example.org",
                                "0 issue ;"}));
  for (const char* wrong :
       {"", "0", "0 issue", "256 issue x", "x issue x", "0 is-sue x", "0 a b c"}) {
    EXPECT_THAT(refused(fmt::format("a. CAA {}\n", wrong)),
                HasSubstr("line 1: this is not a record: CAA"))
        << wrong;
  }
}

TEST(ZoneFile, what_no_check_asks_for_is_skipped) {
  EXPECT_EQ(good("a. IN SOA ns. x. ( 1\n 2 3 4 5 )\na. TYPE65280 \\# 0\n").as_object(),
            boost::json::object());
  EXPECT_EQ(good("").as_object(), boost::json::object());
}

TEST(ZoneFile, mistakes_have_a_line) {
  EXPECT_EQ(refused("a. A 192.0.2.1\nb. TXT \"open\nc. A 192.0.2.1\n"),
            "line 2: a quotation mark is missing");
  EXPECT_EQ(refused("\na. TXT ( x\n"), "line 2: a parenthesis is not closed");
  EXPECT_EQ(refused("a. TXT x )\n"), "line 1: a parenthesis was not opened");
  EXPECT_EQ(refused("  TXT x\n"), "line 1: a record needs a name");
  EXPECT_EQ(refused("a. IN 300\n"), "line 1: a record needs a type");
  EXPECT_THAT(refused("a. A 192.0.2\n"), HasSubstr("line 1: "));
  EXPECT_EQ(refused("a. MX mail.example.org.\n"),
            "line 1: this is not a record: MX mail.example.org.");
  EXPECT_EQ(refused("a. TXT \"one\"\n  \"two words\"\n"),
            "line 2: this is not a record: TWO WORDS ");
  EXPECT_EQ(refused("a. A 192.0.2.1\nb. AAAAA ::1\n"), "line 2: there is no record type AAAAA");
  EXPECT_EQ(refused("$INCLUDE other\n"), "line 1: `$INCLUDE` is not supported");
  EXPECT_THAT(refused("a. TXT \\"), HasSubstr("accepted"));
  EXPECT_EQ(refused("a. TXT \"\\"), "line 1: a quotation mark is missing");
}

}  // namespace
}  // namespace postern::app
