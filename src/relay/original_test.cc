#include "relay/original.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

Original scanned_by(std::string_view message, std::size_t piece = 1u << 20) {
  OriginalScan scanner;
  for (std::size_t at = 0; at < message.size(); at += piece)
    scanner.feed(message.substr(at, piece));
  return scanner.finish();
}

TEST(Original, header_ends_at_the_blank_line) {
  struct Row {
    std::string_view message;
    std::uint64_t header_size;
  };
  for (const Row& row : {Row{"A: b\r\n\r\nbody\r\n", 6}, Row{"A: b\r\n", 6}, Row{"A: b", 4},
                         Row{"\r\nbody", 0}, Row{"", 0}, Row{"A: b\r\n c\r\n\r\n\r\n", 10},
                         // Wrong line ends: text that any reader takes for body is not part of the
                         // header.
                         Row{"A: b\n\nbody", 5}, Row{"A: b\r\n\nbody", 6}, Row{"\nbody", 0},
                         Row{"A: b\r\r\n\r\nbody", 7}, Row{"A: b\r\n\r\r\nbody", 13}}) {
    EXPECT_EQ(scanned_by(row.message).header_size, row.header_size) << row.message;
    EXPECT_EQ(scanned_by(row.message).size, row.message.size());
  }
}

TEST(Original, is_seen_alike_in_any_pieces) {
  const std::string message =
      "A: b\r\nMessage-ID:\r\n <x@y>\r\nAuto-Submitted:\r\n\tauto-replied\r\n\r\n\xfc" +
      std::string(998, 'x') + "\r\n";
  const Original whole = scanned_by(message);
  EXPECT_EQ(whole.message_id, "<x@y>");
  EXPECT_TRUE(whole.automatic && whole.body.eight_bit && !whole.header.eight_bit);
  EXPECT_TRUE(whole.header.plain);
  EXPECT_FALSE(whole.body.plain) << "999 octets";
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 64u}) {
    const Original pieces = scanned_by(message, piece);
    EXPECT_EQ(pieces.message_id, whole.message_id);
    EXPECT_EQ(pieces.digest, whole.digest);
    EXPECT_EQ(pieces.header_size, whole.header_size);
    EXPECT_EQ(pieces.automatic, whole.automatic);
    EXPECT_EQ(pieces.body.plain, whole.body.plain);
  }
}

TEST(Original, automatic_mail_is_known_by_its_fields) {
  struct Row {
    const char* header;
    bool automatic;
  };
  for (const Row& row :
       {Row{"Auto-Submitted: auto-generated\r\n", true},
        Row{"auto-submitted:auto-replied; x=y\r\n", true}, Row{"Auto-Submitted: no\r\n", false},
        Row{"Auto-Submitted: NO (really)\r\n", false}, Row{"Auto-Submitted: no;x=y\r\n", false},
        Row{"Auto-Submitted:\r\n", false}, Row{"Auto-Submitted : auto-replied\r\n", true},
        Row{"X-Auto-Submitted: auto-replied\r\n", false}, Row{"Precedence: bulk\r\n", true},
        Row{"Precedence: LIST\r\n", true}, Row{"precedence: junk\r\n", true},
        Row{"Precedence: first-class\r\n", false}, Row{"List-Id: <l.example.org>\r\n", true},
        Row{"List-Id-X: y\r\n", false}, Row{"Subject: a\r\n Precedence: bulk\r\n", false},
        Row{"A: b\r\n\r\nPrecedence: bulk\r\n", false}, Row{"Precedence:\r\n bulk", true}}) {
    EXPECT_EQ(scanned_by(row.header).automatic, row.automatic) << row.header;
  }
}

TEST(Original, message_id_is_taken_when_it_is_one) {
  for (const char* good : {"<a@b>", "<20261120.1$x@mail.example.org>", "<a@[192.0.2.1]>"}) {
    EXPECT_EQ(scanned_by(std::string("Message-ID: ") + good + "\r\n").message_id, good);
  }
  for (const char* bad :
       {"junk without brackets", "<a>", "<@b>", "<a@>", "<a@b@c>", "<a b@c>", "<a@b", "<a@b> <c@d>",
        "<a@b>\r\n Bcc: x@y", "<\xc3\xb6@b>", "<a@b\x07>", "<>"}) {
    EXPECT_EQ(scanned_by(std::string("Message-ID: ") + bad + "\r\n").message_id, "") << bad;
  }
  EXPECT_EQ(scanned_by("Message-ID: <" + std::string(300, 'x') + "@y>\r\n").message_id, "");
}

TEST(Original, digest_depends_on_every_octet) {
  EXPECT_EQ(scanned_by("a").digest.size(), 32u);
  EXPECT_NE(scanned_by("A: b\r\n\r\nx").digest, scanned_by("A: b\r\n\r\ny").digest);
}

TEST(ReturnedWriter, writes_the_same_in_any_pieces) {
  std::string message;
  for (int i = 0; i < 1000; ++i) message += static_cast<char>(i % 251);
  for (const bool base64 : {false, true}) {
    for (const std::uint64_t size : {0u, 1u, 56u, 57u, 58u, 999u, 1000u}) {
      const std::string wanted = message.substr(0, size);
      for (const std::size_t piece : {1u, 10u, 57u, 100u, 2000u}) {
        ReturnedWriter writer({.size = size, .base64 = base64});
        std::string out;
        for (std::size_t at = 0; at < message.size(); at += piece) {
          writer.feed(std::string_view(message).substr(at, piece), out);
        }
        EXPECT_TRUE(writer.done());
        writer.finish(out);
        EXPECT_EQ(out, base64 ? base64_lines(wanted) : wanted) << size << " " << piece;
      }
    }
  }
}

}  // namespace
}  // namespace postern::relay
