#include "smtp/reply.h"

#include <gtest/gtest.h>

namespace postern::smtp {
namespace {

TEST(Reply, is_one_line_with_its_enhanced_code) {
  const Reply reply{550, {5, 7, 1}, "source address not allowed"};
  EXPECT_EQ(reply.to_wire(), "550 5.7.1 source address not allowed\r\n");
  EXPECT_EQ(reply.to_string(), "550 5.7.1 source address not allowed");
  EXPECT_TRUE(reply.permanent());
  EXPECT_FALSE(reply.temporary());
  EXPECT_FALSE(reply.positive());
  EXPECT_FALSE(reply.closes());
  EXPECT_TRUE((Reply{421, {4, 3, 2}, "bye"}.closes()));
  EXPECT_TRUE((Reply{451, {4, 3, 0}, "later"}.temporary()));
}

TEST(Reply, a_secret_is_for_the_client_alone) {
  Reply reply{550, {5, 7, 1}, "no tiger here"};
  EXPECT_EQ(reply.shown(), "no tiger here");
  reply.masked = "no <redacted> here";
  EXPECT_EQ(reply.to_wire(), "550 5.7.1 no tiger here\r\n");
  EXPECT_EQ(reply.to_string(), "550 5.7.1 no <redacted> here");
  EXPECT_EQ(reply.shown(), "no <redacted> here");
}

TEST(Reply, has_as_many_lines_as_its_text) {
  EXPECT_EQ((Reply{250, {}, "mx.example.org\nSIZE 1\nPIPELINING"}.to_wire()),
            "250-mx.example.org\r\n250-SIZE 1\r\n250 PIPELINING\r\n");
  EXPECT_EQ((Reply{550, {5, 0, 0}, "a\n\nb"}.to_wire()),
            "550-5.0.0 a\r\n550-5.0.0 \r\n550 5.0.0 b\r\n");
  EXPECT_EQ((Reply{250, {}, ""}.to_wire()), "250 \r\n");
  EXPECT_EQ((Reply{250, {}, "a\nb"}.to_string()), "250 a b");
}

TEST(Reply, cannot_be_split_by_its_text) {
  EXPECT_EQ((Reply{550, {5, 7, 1}, "a\r\n250 ok\x07\xc3\xa9\tb"}.to_wire()),
            "550-5.7.1 a?\r\n550 5.7.1 250 ok???\tb\r\n");
  EXPECT_EQ((Reply{550, {5, 7, 1}, "a\r\n\x07"}.to_string()), "550 5.7.1 a  ?");
}

// RFC 4954 §4.
TEST(Reply, a_challenge_is_one_line_whatever_its_length) {
  const Reply reply{.code = 334, .enhanced = {}, .text = std::string(6000, 'A')};
  EXPECT_EQ(reply.to_wire(), "334 " + std::string(6000, 'A') + "\r\n");
}

TEST(Reply, has_lines_of_512_octets_at_most) {
  // RFC 5321 §4.5.3.1.5
  std::string words;
  for (int i = 0; i < 300; ++i) words += "word ";
  for (const std::string& text : {words, std::string(3000, 'x'), std::string(3000, ' '),
                                  "x" + std::string(600, ' ') + "y", std::string(502, 'z')}) {
    std::string wire = Reply{554, {5, 7, 1}, text}.to_wire();
    std::string read;
    while (!wire.empty()) {
      const std::size_t end = wire.find("\r\n");
      ASSERT_NE(end, std::string::npos);
      EXPECT_LE(end + 2, 512u);
      EXPECT_EQ(wire[3], end + 2 == wire.size() ? ' ' : '-');
      read += wire.substr(10, end - 10);
      wire.erase(0, end + 2);
    }
    std::string expected = text;
    std::erase(read, ' ');
    std::erase(expected, ' ');
    EXPECT_EQ(read, expected);
  }
}

TEST(TakeEnhanced, takes_a_code_of_a_known_class_and_its_blanks) {
  struct {
    std::string_view text, code, rest;
  } const cases[] = {
      {"5.7.1 no", "5.7.1", "no"},
      {"4.123.999\t later ", "4.123.999", "later"},
      {"2.0.0", "2.0.0", ""},
      {"3.7.1 no", "", "3.7.1 no"},
      {"5.7.1000 no", "", "5.7.1000 no"},
      {"5.7 no", "", "5.7 no"},
      {"5.7.1.1 no", "", "5.7.1.1 no"},
      {"5.-7.1 no", "", "5.-7.1 no"},
      {"5.7.1no", "", "5.7.1no"},
      {" 5.7.1 no", "", " 5.7.1 no"},
      {"", "", ""},
  };
  for (const auto& one : cases) {
    std::string_view rest = one.text;
    const auto code = take_enhanced(rest);
    EXPECT_EQ(code ? code->to_string() : "", one.code) << one.text;
    EXPECT_EQ(rest, one.rest) << one.text;
  }
}

TEST(Echo, is_short_and_harmless) {
  EXPECT_EQ(echo("RET=<a&b>\r\n\x1b"), "RET=?a?b????");
  EXPECT_EQ(echo(std::string(500, 'a')), std::string(100, 'a'));
}

TEST(ReplyFor, never_blames_the_client_for_our_trouble) {
  for (const Fault fault : {Fault::temporary, Fault::permanent, Fault::conflict, Fault::bug}) {
    EXPECT_EQ(reply_for(fault).code, 451);
  }
  EXPECT_EQ(reply_for(Fault::disk_full).to_string().substr(0, 9), "452 4.3.1");
  EXPECT_EQ(reply_for(Fault::malformed).code, 501);
  EXPECT_EQ(reply_for(Fault::limit).code, 552);
  EXPECT_EQ(reply_for(Fault::denied).code, 550);
  EXPECT_EQ(reply_for(Fault::not_found).enhanced, (EnhancedCode{5, 1, 1}));
}

}  // namespace
}  // namespace postern::smtp
