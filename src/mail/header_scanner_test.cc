#include "mail/header_scanner.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

struct Counts {
  std::uint64_t fields, received, from, odd, size;
  bool in_body;
  std::string message_id;
  bool operator==(const Counts&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Counts& c) {
  return out << "fields " << c.fields << " received " << c.received << " from " << c.from << " odd "
             << c.odd << " size " << c.size << " in_body " << c.in_body << " message_id "
             << c.message_id;
}

Counts scan(std::string_view message, std::size_t step) {
  HeaderScanner scanner;
  for (std::size_t i = 0; i < message.size(); i += step) scanner.feed(message.substr(i, step));
  const bool in_body = scanner.in_body();
  scanner.finish();
  return {scanner.fields(),      scanner.received_fields(),
          scanner.from_fields(), scanner.odd_lines(),
          scanner.size(),        in_body,
          scanner.message_id()};
}

/// The result does not depend on how the message is split.
Counts scan(std::string_view message) {
  const Counts whole = scan(message, message.size() + 1);
  for (std::size_t step = 1; step < message.size(); ++step) {
    EXPECT_EQ(scan(message, step), whole) << "pieces of " << step;
  }
  return whole;
}

TEST(HeaderScanner, counts_fields_and_stops_at_the_blank_line) {
  EXPECT_EQ(
      scan("Received: a\r\nRECEIVED : b\r\nreceived:c\r\n\td\r\nFrom: x\r\n\r\nReceived: body\r\n"),
      (Counts{3, 2, 1, 1, 54, true, ""}));
}

TEST(HeaderScanner, knows_a_header_without_body_and_a_body_without_header) {
  EXPECT_EQ(scan("From: x\r\n"), (Counts{1, 0, 1, 0, 9, false, ""}));
  EXPECT_EQ(scan("\r\nFrom: x\r\n"), (Counts{0, 0, 0, 0, 2, true, ""}));
  EXPECT_EQ(scan(""), (Counts{0, 0, 0, 0, 0, false, ""}));
  EXPECT_EQ(scan("From"), (Counts{0, 0, 0, 1, 4, false, ""}));
}

TEST(HeaderScanner, counts_lines_that_are_no_field) {
  EXPECT_EQ(scan(" begins with a blank\r\nFrom x@example.com Thu Jan 1\r\n: no "
                 "name\r\nFr\xc3\xb6m: y\r\n\r\n")
                .odd,
            4u);
  EXPECT_EQ(scan("plain text\r\n.\r\n\r\n").odd, 2u);
  EXPECT_EQ(scan("From : a\r\nFrom: b\r\n\r\n").from, 1u);
}

TEST(HeaderScanner, ends_the_header_at_an_empty_line_only) {
  EXPECT_EQ(scan("\rFrom: x\r\nFrom: y\r\n\r\n"), (Counts{1, 0, 1, 0, 21, true, ""}));
}

TEST(HeaderScanner, keeps_the_first_message_id_unfolded) {
  EXPECT_EQ(
      scan("Message-Id:\r\n <a@example.com> \r\nMessage-ID: <b@example.com>\r\n\r\n").message_id,
      "<a@example.com>");
  EXPECT_EQ(scan("Message-ID: <a@exa\r\n mple.com>\r\n").message_id, "<a@exa mple.com>");
  EXPECT_EQ(scan("Message-IDs: <a@example.com>\r\n\r\n").message_id, "");
  EXPECT_EQ(scan("\r\nMessage-ID: <a@example.com>\r\n").message_id, "");
}

TEST(HeaderScanner, drops_a_message_id_longer_than_a_line) {
  const std::string longest(998, 'm');
  EXPECT_EQ(scan("Message-ID: " + longest + "\r\n\r\n", 100).message_id, longest);
  EXPECT_EQ(scan("Message-ID: " + longest + "m\r\n\r\n", 100).message_id, "");
  EXPECT_EQ(scan("Message-ID: " + std::string(100'000, 'm') + "\r\n\r\n", 4096).message_id, "");
}

TEST(HeaderScanner, does_not_take_a_long_name_for_one_it_knows) {
  EXPECT_EQ(scan("Received-SPF: pass\r\nReceived" + std::string(300, 'x') + ": y\r\n\r\n", 7),
            (Counts{2, 0, 0, 0, 335, true, ""}));
}

}  // namespace
}  // namespace postern::mail
