#include "smtp/client_reply.h"

#include <gtest/gtest.h>

namespace postern::smtp {
namespace {

using ReplyStatus = ReplyReader::Status;

struct Case {
  const char* name;
  std::string wire;
  ReplyStatus status;
  std::uint16_t code = 0;
  std::string enhanced = {};
  std::string text = {};
};

class Replies : public testing::TestWithParam<Case> {};

TEST_P(Replies, AreReadWholeAndInPieces) {
  const Case& test = GetParam();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, test.wire.size()}) {
    ReplyReader reader;
    ReplyStatus status = ReplyStatus::need_input;
    for (std::size_t at = 0; at < test.wire.size() && status == ReplyStatus::need_input;
         at += piece) {
      const std::string part = test.wire.substr(at, piece);
      std::string_view input = part;
      status = reader.take(input);
    }
    ASSERT_EQ(status, test.status);
    if (status != ReplyStatus::reply) continue;
    EXPECT_EQ(reader.reply().code, test.code);
    EXPECT_EQ(reader.reply().enhanced().to_string(), test.enhanced);
    EXPECT_EQ(reader.reply().text(), test.text);
  }
}

std::string lines(std::size_t count) {
  std::string out;
  for (std::size_t i = 1; i < count; ++i) out += "250-x\r\n";
  return out + "250 x\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Wire, Replies,
    testing::Values(
        Case{"plain", "250 2.1.5 ok\r\n", ReplyStatus::reply, 250, "2.1.5", "2.1.5 ok"},
        Case{"bare_lf", "250 ok\n", ReplyStatus::reply, 250, "2.0.0", "ok"},
        Case{"no_text", "354\r\n", ReplyStatus::reply, 354, "3.0.0", ""},
        Case{"many_lines", "250-5.1.1 a\r\n250 b\r\n", ReplyStatus::reply, 250, "2.0.0",
             "5.1.1 a b"},
        Case{"class_differs", "550 4.7.1 no\r\n", ReplyStatus::reply, 550, "5.0.0", "4.7.1 no"},
        Case{"enhanced_alone", "550 5.1.1\r\n", ReplyStatus::reply, 550, "5.1.1", "5.1.1"},
        Case{"enhanced_glued", "550 5.1.1x no\r\n", ReplyStatus::reply, 550, "5.0.0", "5.1.1x no"},
        Case{"enhanced_long", "550 5.1234.1 no\r\n", ReplyStatus::reply, 550, "5.0.0",
             "5.1234.1 no"},
        Case{"control_octets", "550 a\x1b[1mb\xff\r\n", ReplyStatus::reply, 550, "5.0.0",
             "a\\x1b[1mb\\xff"},
        Case{"a_hundred_lines", lines(100), ReplyStatus::reply, 250, "2.0.0",
             [] {
               std::string out = "x";
               for (int i = 1; i < 100; ++i) out += " x";
               return out;
             }()},
        Case{"half", "250 ok", ReplyStatus::need_input},
        Case{"unfinished", "250-ok\r\n", ReplyStatus::need_input},
        Case{"more_lines", lines(101), ReplyStatus::broken},
        Case{"longest", "250 " + std::string(2042, ' ') + "\r\n", ReplyStatus::reply, 250, "2.0.0",
             std::string(1021, ' ') + "..."},
        Case{"too_long", "250 " + std::string(2043, 'x') + "\r\n", ReplyStatus::broken},
        Case{"endless", std::string(2049, '2'), ReplyStatus::broken},
        Case{"codes_differ", "250-a\r\n251 b\r\n", ReplyStatus::broken},
        Case{"code_1xx", "150 a\r\n", ReplyStatus::broken},
        Case{"code_6xx", "650 a\r\n", ReplyStatus::broken},
        Case{"two_digits", "25 a\r\n", ReplyStatus::broken},
        Case{"glued", "2500 a\r\n", ReplyStatus::broken},
        Case{"http", "HTTP/1.1 400 Bad Request\r\n", ReplyStatus::broken},
        Case{"empty_line", "\r\n", ReplyStatus::broken}),
    [](const auto& info) { return info.param.name; });

TEST(ReplyReader, GivesOneReplyAtATime) {
  ReplyReader reader;
  std::string_view input = "250 a\r\n550 b\r\n";
  ASSERT_EQ(reader.take(input), ReplyStatus::reply);
  EXPECT_EQ(reader.reply().code, 250);
  EXPECT_EQ(input, "550 b\r\n");
  ASSERT_EQ(reader.take(input), ReplyStatus::reply);
  EXPECT_EQ(reader.reply().code, 550);
  EXPECT_EQ(reader.take(input), ReplyStatus::need_input);
}

}  // namespace
}  // namespace postern::smtp
