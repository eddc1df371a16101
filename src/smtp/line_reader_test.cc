#include "smtp/line_reader.h"

#include <gtest/gtest.h>

namespace postern::smtp {
namespace {

using LineStatus = LineReader::Status;

struct Read {
  LineStatus status;
  std::string text;
  bool operator==(const Read&) const = default;
};

std::vector<Read> all_lines(const std::string& input, std::size_t step, bool sasl = false) {
  LineReader reader;
  std::vector<Read> all;
  for (std::size_t at = 0; at < input.size(); at += step) {
    const std::string piece = input.substr(at, step);
    std::string_view view = piece;
    for (;;) {
      const auto line = reader.take(view, Limits{}, sasl);
      if (line.status == LineStatus::need_input) break;
      all.push_back({line.status, std::string(line.text)});
      if (line.status != LineStatus::line && line.status != LineStatus::too_long) return all;
    }
  }
  return all;
}

TEST(LineReader, gives_lines_whatever_the_pieces) {
  const std::string input = "EHLO a\r\n\r\nMAIL FROM:<a@b>\r\nrest";
  for (std::size_t step = 1; step <= input.size(); ++step) {
    EXPECT_EQ(all_lines(input, step), (std::vector<Read>{{LineStatus::line, "EHLO a"},
                                                         {LineStatus::line, ""},
                                                         {LineStatus::line, "MAIL FROM:<a@b>"}}));
  }
}

TEST(LineReader, has_a_longer_limit_for_auth) {
  // RFC 4954 §4: the limit applies to the response, initial or not.
  const std::string response = std::string(12288, 'A') + "\r\n";
  const std::string line = "AUTH PLAIN " + response;
  const std::string longer = "auth PLAIN A" + response;
  const std::string no_word = "AUTH " + std::string(12300, 'A') + "\r\n";
  const std::string other = std::string(2047, 'A') + "\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{100}, std::size_t{20000}}) {
    EXPECT_EQ(all_lines(line, step)[0].status, LineStatus::line);
    EXPECT_EQ(all_lines(longer, step)[0].status, LineStatus::auth_too_long);
    EXPECT_EQ(all_lines(no_word, step)[0].status, LineStatus::auth_too_long);
    EXPECT_EQ(all_lines(response, step, true)[0].status, LineStatus::line);
    EXPECT_EQ(all_lines("A" + response, step, true)[0].status, LineStatus::too_long);
    EXPECT_EQ(all_lines(other, step)[0].status, LineStatus::too_long);
    EXPECT_EQ(all_lines(other, step, true)[0].status, LineStatus::line);
  }
}

TEST(LineReader, tells_what_is_no_line) {
  using namespace std::string_literals;
  for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, std::size_t{100000}}) {
    EXPECT_EQ(all_lines("NOOP\n", step)[0].status, LineStatus::bare_lf);
    EXPECT_EQ(all_lines("\n", step)[0].status, LineStatus::bare_lf);
    EXPECT_EQ(all_lines("NO\rOP\r\n", step)[0].status, LineStatus::bare_cr);
    EXPECT_EQ(all_lines("NOOP\r\r\n", step)[0].status, LineStatus::bare_cr);
    EXPECT_EQ(all_lines("NOOP\r\nNO\0OP\r\n"s, step)[1].status, LineStatus::nul);
    EXPECT_EQ(all_lines("\x16\x03\x01", step)[0].status, LineStatus::foreign);
    EXPECT_EQ(all_lines("NOOP\r\nNO\x01P\r\n", step)[1].status, LineStatus::line);
    EXPECT_EQ(all_lines(std::string(70000, 'A'), step)[0].status, LineStatus::endless);
    EXPECT_EQ(all_lines(std::string(65536, 'A') + "\r\n", step)[0].status, LineStatus::endless);
    EXPECT_EQ(all_lines(std::string(65535, 'A') + "\r\n", step)[0].status, LineStatus::too_long);
    EXPECT_EQ(all_lines(std::string(5000, 'A') + "\n", step)[0].status, LineStatus::bare_lf);
  }
}

TEST(LineReader, gives_a_line_again_when_asked) {
  LineReader reader;
  std::string_view input = "ONE\r\nTWO\r\n";
  reader.take(input, Limits{}, false);
  reader.again();
  EXPECT_EQ(reader.take(input, Limits{}, false).text, "ONE");
  EXPECT_EQ(reader.take(input, Limits{}, false).text, "TWO");
}

}  // namespace
}  // namespace postern::smtp
