#include "smtp/data_reader.h"

#include <random>

#include <gtest/gtest.h>

#include "base/text.h"

namespace postern::smtp {
namespace {

using namespace std::string_literals;

struct Outcome {
  bool ended = false;
  bool broken = false;
  std::string message;  ///< if complete and not broken
  std::string rest;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << (o.ended ? "ended " : "open ") << (o.broken ? "broken" : printable(o.message))
             << " rest " << printable(o.rest);
}

/// A direct transcription of RFC 5321 §4.1.1.4 and §4.5.2, without optimization.
Outcome reference(const std::string& input, BareNewline bare_newline) {
  Outcome outcome;
  const std::string framed = "\r\n" + input;
  const std::size_t end = framed.find("\r\n.\r\n");
  if (end == std::string::npos) return outcome;
  outcome.ended = true;
  outcome.rest = framed.substr(end + 5);
  const std::string text = framed.substr(2, end);  // with the CRLF of its last line
  bool line_start = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && line_start) {
      line_start = false;
      continue;
    }
    line_start = false;
    if (text.compare(i, 2, "\r\n") == 0) {
      outcome.message += "\r\n";
      ++i;
      line_start = true;
    } else if (text[i] == '\n' && bare_newline == BareNewline::normalize) {
      outcome.message += "\r\n";
    } else if (text[i] == '\r' || text[i] == '\n' || text[i] == '\0') {
      outcome.broken = true;
    } else {
      outcome.message += text[i];
    }
  }
  if (outcome.broken) outcome.message.clear();
  return outcome;
}

Outcome read_message(const std::string& input, BareNewline bare_newline, std::size_t step) {
  Limits limits;
  DataReader reader(DataReader::Framing::dots, bare_newline, limits);
  Outcome outcome;
  for (std::size_t at = 0; at < input.size(); at += step) {
    // A separate copy: the sanitizer finds a view kept too long.
    const std::string piece = input.substr(at, step);
    std::string_view view = piece;
    while (!view.empty()) {
      const auto got = reader.read(view);
      if (got.status == DataReader::Status::piece) {
        EXPECT_FALSE(got.piece.empty());
        outcome.message += got.piece;
      }
      if (got.status == DataReader::Status::end) {
        outcome.ended = true;
        outcome.broken = reader.broken().has_value();
        outcome.rest = input.substr(at + piece.size() - view.size());
        EXPECT_EQ(reader.octets_read(), input.size() - outcome.rest.size());
        if (outcome.broken) {
          outcome.message.clear();
        } else {
          EXPECT_EQ(reader.size(), outcome.message.size());
        }
        return outcome;
      }
    }
  }
  outcome.message.clear();
  return outcome;
}

TEST(DataReader, agrees_with_the_rfc_on_every_short_input) {
  constexpr std::string_view alphabet("\r\n.\0a", 5);
  constexpr std::size_t longest = 7;
  std::string body;
  for (std::size_t length = 0; length <= longest; ++length) {
    std::size_t count = 1;
    for (std::size_t i = 0; i < length; ++i) count *= alphabet.size();
    for (std::size_t n = 0; n < count; ++n) {
      body.clear();
      for (std::size_t i = 0, rest = n; i < length; ++i, rest /= alphabet.size()) {
        body += alphabet[rest % alphabet.size()];
      }
      const std::string input = body + "\r\n.\r\nNOOP\r\n";
      for (const BareNewline mode : {BareNewline::reject, BareNewline::normalize}) {
        const Outcome expected = reference(input, mode);
        ASSERT_EQ(read_message(input, mode, input.size()), expected) << printable(input);
        ASSERT_EQ(read_message(input, mode, 1), expected) << printable(input);
      }
    }
  }
}

TEST(DataReader, agrees_with_the_rfc_across_blocks_and_pieces) {
  std::mt19937 random(20261120);
  const std::vector<std::string> parts{
      "\r\n", ".",  "..",  "\r\n.",     "text", std::string(61, 'x'), std::string(127, 'y'),
      "\n",   "\r", "\0"s, "\r\n..\r\n"};
  for (int round = 0; round < 4000; ++round) {
    // Most inputs are clean, so that the fast path is tested too.
    const std::size_t kinds = round % 4 == 0 ? parts.size() : 7;
    std::string input;
    for (std::size_t n = random() % 24; n > 0; --n) input += parts[random() % kinds];
    input += "\r\n.\r\nQUIT\r\n";
    for (const BareNewline mode : {BareNewline::reject, BareNewline::normalize}) {
      const Outcome expected = reference(input, mode);
      for (const std::size_t step :
           {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{63}, std::size_t{64},
            std::size_t{65}, input.size()}) {
        ASSERT_EQ(read_message(input, mode, step), expected) << step << " " << printable(input);
      }
    }
  }
}

struct Variant {
  const char* name;
  std::string end;
  bool is_data;  ///< clean data rather than a broken message
};
std::ostream& operator<<(std::ostream& out, const Variant& variant) { return out << variant.name; }
class EndOfDataVariant : public testing::TestWithParam<Variant> {};

/// SMTP smuggling: sequences that some server accepts as the end of data.
TEST_P(EndOfDataVariant, never_ends_data) {
  const std::string smuggled =
      "MAIL FROM:<ceo@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nx";
  const std::string input = "Subject: outer\r\n\r\nouter" + GetParam().end + smuggled + "\r\n.\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, input.size()}) {
    const Outcome outcome = read_message(input, BareNewline::reject, step);
    EXPECT_TRUE(outcome.ended);
    EXPECT_EQ(outcome.broken, !GetParam().is_data);
    EXPECT_EQ(outcome.rest, "");
    if (GetParam().is_data) {
      EXPECT_NE(outcome.message.find(smuggled), std::string::npos);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Smuggling, EndOfDataVariant,
    testing::Values(Variant{"LF . LF", "\n.\n", false}, Variant{"LF . CRLF", "\n.\r\n", false},
                    Variant{"CR . CR", "\r.\r", false}, Variant{"CR . CRLF", "\r.\r\n", false},
                    Variant{"CRLF . CR", "\r\n.\r", false}, Variant{"CRLF . LF", "\r\n.\n", false},
                    Variant{"CRCRLF . CRCRLF", "\r\r\n.\r\r\n", false},
                    Variant{"CRLF NUL . CRLF", "\r\n\0.\r\n"s, false},
                    Variant{"CRLF . NUL CRLF", "\r\n.\0\r\n"s, false},
                    Variant{"CRLF . CR NUL LF", "\r\n.\r\0\n"s, false},
                    Variant{"LFCR . LFCR", "\n\r.\n\r", false},
                    Variant{"CRLF . SP CRLF", "\r\n. \r\n", true},
                    Variant{"CRLF .. CRLF", "\r\n..\r\n", true},
                    Variant{"CRLF U+3002 CRLF", "\r\n\xe3\x80\x82\r\n", true},
                    Variant{"U+2028 . U+2028", "\xe2\x80\xa8.\xe2\x80\xa8", true},
                    Variant{"U+0085 . U+0085", "\xc2\x85.\xc2\x85", true},
                    Variant{"VT . VT", "\v.\v", true}, Variant{"FF . FF", "\f.\f", true},
                    Variant{"=0D=0A.=0D=0A", "=0D=0A.=0D=0A", true},
                    Variant{"high bit", "\x8d\x8a.\x8d\x8a", true}));

TEST(DataReader, hands_clean_data_out_in_one_piece) {
  std::string input;
  for (int i = 0; i < 1000; ++i)
    input += "a line of seventy-odd octets as they are in mail, more or less, ok\r\n";
  DataReader reader(DataReader::Framing::dots, BareNewline::reject, Limits{});
  std::string_view view = input;
  const auto got = reader.read(view);
  EXPECT_EQ(got.status, DataReader::Status::piece);
  EXPECT_EQ(got.piece.data(), input.data());
  EXPECT_EQ(got.piece.size(), input.size());
  EXPECT_TRUE(view.empty());
}

TEST(DataReader, measures_lines_over_pieces) {
  Limits limits;
  limits.text_line = 100;
  for (const std::size_t length : {97, 98, 99, 100, 200}) {
    const std::string line(length, 'x');
    std::string input = "short\r\n";
    input.append(line).append("\r\n").append(line).append("\r\nshort\r\n.\r\n");
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{10}, std::size_t{64}, input.size()}) {
      DataReader reader(DataReader::Framing::dots, BareNewline::reject, limits);
      for (std::size_t at = 0; at < input.size(); at += step) {
        std::string_view view = std::string_view(input).substr(at, step);
        while (!view.empty()) reader.read(view);
      }
      EXPECT_EQ(reader.line_too_long(), length + 2 > limits.text_line) << length << " by " << step;
      EXPECT_FALSE(reader.broken());
    }
  }
}

}  // namespace
}  // namespace postern::smtp
