// The parsers used by the payload: charsets, encoded words, parameters, addresses, dates, transfer
// encodings.

#include <gtest/gtest.h>

#include "base/growth_test.h"
#include "deliver/mime_address.h"
#include "deliver/mime_charset.h"
#include "deliver/mime_date.h"
#include "deliver/mime_filename.h"
#include "deliver/mime_transfer.h"
#include "deliver/mime_words.h"

namespace postern::deliver {
namespace {

std::string text_of(std::string_view label, std::string_view octets) {
  Charsets charsets;
  DecodeNotes notes;
  return charsets.decode(label, octets, notes);
}

TEST(MimeCharset, reads_labels_as_the_supersets_mail_uses) {
  const struct {
    std::string_view label, octets, text;
  } cases[] = {
      {"utf-8", "\xC3\xA9", "é"},
      {"UTF8", "\xC3\xA9", "é"},
      {"iso-8859-1", "\xE9\x80", "é€"},
      {"ISO_8859-1", "\xE9", "é"},
      {"windows-1252", "\x93x\x94", "“x”"},
      {"us-ascii", "\xC3\xA9", "é"},
      {"us-ascii", "\xE9", "é"},
      {"", "\xE9", "é"},
      {"\"iso-8859-2\"", "\xB1", "ą"},
      {"gb2312", "\x81\x30\x84\x36", "¥"},
      {"euc-kr", "\x8C\x63", "똠"},
      {"ks_c_5601-1987", "\xC7\xD1", "한"},
      {"shift_jis", "\x87\x40", "①"},
      {"windows-874", "\xA1\x80", "ก€"},
      {"tis-620", "\xA1", "ก"},
      {"iso-8859-11", "\xA1", "ก"},
      {"iso-2022-jp", "\x1b$BF|\x1b(B", "日"},
      {"koi8-r", "\xC1", "а"},
      {"utf-16le", std::string_view("a\0b\0", 4), "ab"},
      {"utf-7", "+AOk-", "é"},
  };
  for (const auto& c : cases) EXPECT_EQ(text_of(c.label, c.octets), c.text) << c.label;
}

TEST(MimeCharset, notes_what_it_could_not_decode) {
  Charsets charsets;
  DecodeNotes notes;
  EXPECT_EQ(charsets.decode("x-klingon", "\xE9", notes), "é");
  EXPECT_TRUE(notes.unknown_charset);
  notes = {};
  EXPECT_EQ(charsets.decode("utf-8", "a\xC3(\xE2\x82", notes), "a\uFFFD(\uFFFD");
  EXPECT_TRUE(notes.undecodable);
  notes = {};
  EXPECT_EQ(charsets.decode("windows-1252", "\x81", notes), "\uFFFD");
  EXPECT_TRUE(notes.undecodable);
  notes = {};
  EXPECT_EQ(charsets.decode_unlabelled("\xD0\x9F\xD1\x80\xD0", notes), "Пр\uFFFD");
  EXPECT_FALSE(notes.guessed);
  EXPECT_EQ(charsets.decode_unlabelled("Gr\xFC\xDF"
                                       "e",
                                       notes),
            "Grüße");
  EXPECT_TRUE(notes.guessed);
  // Names that iconv knows but mail must not use.
  notes = {};
  charsets.decode("WCHAR_T", "abcd", notes);
  EXPECT_TRUE(notes.unknown_charset);
}

TEST(MimeCharset, decodes_alike_however_the_stream_is_cut) {
  const struct {
    std::string_view label, octets;
  } cases[] = {{"utf-8", "é€😀\xE2\x82x"},
               {"shift_jis", "\x93\xFA\x96\x7B\x8C\xEA"},
               {"gb18030", "\x81\x30\x84\x36\xD6\xD0"},
               {"iso-2022-jp", "\x1b$BF|K\\\x1b(B abc"},
               {"utf-16be", std::string_view("\xD8\x3D\xDE\x00", 4)}};
  for (const auto& c : cases) {
    const std::string whole = text_of(c.label, c.octets);
    for (std::size_t cut = 0; cut <= c.octets.size(); ++cut) {
      Charsets charsets;
      bool known = true;
      Converter& converter = charsets.converter(c.label, known);
      std::string out;
      converter.feed(c.octets.substr(0, cut), out);
      converter.feed(c.octets.substr(cut), out);
      converter.finish(out);
      EXPECT_EQ(out, whole) << c.label << " cut at " << cut;
    }
  }
}

std::string words(std::string_view raw) {
  Charsets charsets;
  WordNotes notes;
  return decode_words(unfold(raw, charsets, notes), charsets, notes);
}

TEST(MimeWords, decodes_encoded_words) {
  const struct {
    std::string_view raw, text;
  } cases[] = {
      {" plain text ", "plain text"},
      {"folded\r\n text", "folded text"},
      {"=?utf-8?Q?caf=C3=A9?=", "café"},
      {"=?UTF-8*en?b?Y2Fmw6k=?=", "café"},
      {"=?iso-8859-1?q?a_b?= =?iso-8859-1?q?_c?=", "a b c"},
      {"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"},
      {"=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"},
      {"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"},
      {"x=?utf-8?q?y?=z", "xyz"},
      {"\"=?utf-8?q?y?=\"", "\"y\""},
      {"=?utf-8?q?with blank?=", "with blank"},
      {"=?utf-8?B?YWI=?= =?utf-8?B?Y2Rl?=", "abcde"},
      {"=?utf-8?B?ww==?= =?utf-8?B?qQ==?=", "é"},
      {"=?utf-8?q?=41?=", "A"},
      {"=?utf-8?q?never closed", "=?utf-8?q?never closed"},
      {"=?utf-8?q?never =?utf-8?q?closed?=", "never =?utf-8?q?closed"},
      {"=?utf-8?x?abc?=", "=?utf-8?x?abc?="},
      {"=??q?abc?=", "abc"},
      {"=?utf-8?q?a=0D=0Ab=00c?=", "a  b?c"},
      {"=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=", "=?utf-8?q?x?="},
      {"raw \xC3\xA9", "raw é"},
      {"raw \xE9", "raw é"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(words(c.raw), c.text) << c.raw;
  }
}

TEST(MimeWords, leaves_words_beyond_the_limit_as_they_are) {
  std::string raw;
  for (std::size_t i = 0; i < max_encoded_words + 1; ++i) raw += "=?utf-8?q?x?= ";
  Charsets charsets;
  WordNotes notes;
  const std::string out = decode_words(raw, charsets, notes);
  EXPECT_TRUE(notes.too_many_words);
  EXPECT_EQ(out, std::string(max_encoded_words, 'x') + " =?utf-8?q?x?= ");
}

TEST(MimeFilename, cleans_file_names) {
  const struct {
    std::string_view name;
    std::optional<std::string> clean;
  } cases[] = {
      {"a.txt", "a.txt"},
      {"../../etc/passwd", "passwd"},
      {"C:\\Users\\x\\a.doc", "a.doc"},
      {"a\r\nb\tc.txt", "abc.txt"},
      {"  two  blanks .txt ", "two blanks .txt"},
      {"exe\u202Egpj.txt", "exegpj.txt"},
      {"a\u2066b\u061Cc\u200Ed", "abcd"},
      {"..", std::nullopt},
      {"dir/", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(clean_filename(c.name), c.clean) << c.name;
  std::string longer = "é";
  for (int i = 0; i < 9; ++i) longer += longer;
  const std::optional<std::string> cut = clean_filename(longer + ".tar");
  ASSERT_TRUE(cut);
  EXPECT_LE(cut->size(), max_filename);
  EXPECT_EQ(cut->substr(cut->size() - 6), "é.tar");
}

std::string addresses(std::string_view field) {
  Charsets charsets;
  AddressNotes notes;
  std::vector<Address> list;
  read_addresses(unfold_octets(field), charsets, list, notes);
  std::string out;
  for (const Address& entry : list) out += "[" + entry.name + "|" + entry.address + "]";
  return out;
}

TEST(MimeAddress, reads_what_people_write) {
  const struct {
    std::string_view field, list;
  } cases[] = {
      {"a@example.com", "[|a@example.com]"},
      {"A B <a@example.com>, c@example.com", "[A B|a@example.com][|c@example.com]"},
      {"\"Last, First\" <a@example.com>", "[Last, First|a@example.com]"},
      {"\"a \\\"b\\\"\" <a@example.com>", "[a \"b\"|a@example.com]"},
      {"a@example.com (Comment (nested) here)", "[Comment (nested) here|a@example.com]"},
      {"Pete(A nice \\) chap) <pete(his)@silly.test(host)>", "[Pete|pete@silly.test]"},
      {"a . b @ example . com", "[|a.b@example.com]"},
      {"<@x.example,@y.example:a@example.com>", "[|a@example.com]"},
      {"Group: a@example.com, B <b@example.com>; c@example.com",
       "[|a@example.com][B|b@example.com][|c@example.com]"},
      {"undisclosed-recipients:;", ""},
      {"\"quoted local\"@example.com", "[|\"quoted local\"@example.com]"},
      {"=?utf-8?q?J=C3=B6rg?= <j@example.com>", "[Jörg|j@example.com]"},
      {"\"=?utf-8?q?J=C3=B6rg?=\" <j@example.com>", "[Jörg|j@example.com]"},
      {"a@b <c@example.com>", "[a@b|c@example.com]"},
      {"John Doe john@example.com", "[John Doe|john@example.com]"},
      {"A <a@example.com> B <b@example.com>", "[A|a@example.com][B|b@example.com]"},
      {"a@example.com; b@example.com", "[|a@example.com][|b@example.com]"},
      {"root", "[|root]"},
      {"Just A Name", "[Just A Name|]"},
      {"\"never closed <a@example.com>", "[never closed|a@example.com]"},
      {"A <a@example.com", "[A|a@example.com]"},
      {"J\xF6rg <j@example.com>", "[Jörg|j@example.com]"},
      {"\xB4"
       "a@example.com",
       "[|\uFFFD"
       "a@example.com]"},
      {"(only a comment", ""},
      {",,,", ""},
      {"", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(addresses(c.field), c.list) << c.field;
}

TEST(MimeAddress, names_with_commas) {
  EXPECT_EQ(addresses("Doe, John <j@x.example>, b, c@x.example"),
            "[Doe, John|j@x.example][|b][|c@x.example]");
  EXPECT_EQ(addresses("\"Doe, John\" <j@x.example>, (a, b) c@x.example"),
            "[Doe, John|j@x.example][|c@x.example]");
  EXPECT_EQ(addresses("<@a.example,@b.example:c@x.example>"), "[|c@x.example]");
}

// `To: b,b,b,...` of 60 KB once blocked an event loop for ten seconds.
TEST(MimeAddress, takes_linear_time_whatever_the_field) {
  for (const std::string_view prefix : {"", "<", "x <", "(", "x (", "\"", "[", "\\", "g: "}) {
    for (const std::string_view pattern :
         {"b,", "b=;", "b;", "g:b,", "<b,", "(b,", "\"b,", "[b,", "\\,", "b,<c@d>,", "b b,", "b@c,",
          "=?utf-8?q?b?=,", ":", ";"}) {
      std::string field(prefix);
      while (field.size() < 32 * 1024) field += pattern;
      EXPECT_LT(tests::cpu_seconds([&] { (void)addresses(field); }), 4) << prefix << pattern;
    }
  }
}

TEST(MimeAddress, notes_the_groups) {
  const struct {
    std::string_view field, groups;
  } cases[] = {
      {"a@example.com", ""},
      {"undisclosed-recipients:;", "[undisclosed-recipients|0-0]"},
      {"a@x.example, G: b@x.example, B <c@x.example>;, H:;, d@x.example", "[G|1-3][H|3-3]"},
      {"=?utf-8?q?J=C3=B6rgs?=: a@x.example", "[Jörgs|0-1]"},
  };
  for (const auto& c : cases) {
    Charsets charsets;
    AddressNotes notes;
    std::vector<Address> list;
    read_addresses(c.field, charsets, list, notes);
    std::string out;
    for (const AddressGroup& group : notes.groups) {
      out += "[" + group.name + "|" + std::to_string(group.begin) + "-" +
             std::to_string(group.end) + "]";
    }
    EXPECT_EQ(out, c.groups) << c.field;
  }
}

TEST(MimeAddress, stops_at_its_limit) {
  std::string field;
  for (std::size_t i = 0; i <= max_addresses; ++i) field += "a@b.c,";
  Charsets charsets;
  AddressNotes notes;
  std::vector<Address> list;
  read_addresses(field, charsets, list, notes);
  EXPECT_TRUE(notes.too_many);
  EXPECT_EQ(list.size(), max_addresses);
  field.clear();
  for (std::size_t i = 0; i <= max_addresses; ++i) field += "a:;,";
  notes = {};
  read_addresses(field, charsets, list, notes);
  EXPECT_TRUE(notes.too_many);
  EXPECT_EQ(notes.groups.size(), max_addresses);
}

TEST(MimeDate, reads_dates_and_their_obsolete_forms) {
  const struct {
    std::string_view field;
    std::optional<std::string> instant;
  } cases[] = {
      {"Mon, 15 Jan 2024 10:00:00 +0000", "2024-01-15T10:00:00Z"},
      {"15 Jan 2024 10:00 -0330", "2024-01-15T13:30:00Z"},
      {"Mon, 15 Jan 2024 23:30:00 -0100 (CET)", "2024-01-16T00:30:00Z"},
      {"Fri, 21 Nov 97 09(comment): 55:06 -0600", "1997-11-21T15:55:06Z"},
      {"Thu, 13 Feb 1969 23:32:54 -0330", "1969-02-14T03:02:54Z"},
      {"Wed, 11 Feb 98 11:51 CST", "1998-02-11T17:51:00Z"},
      {"Tue, 19 Sep 1995 13:30:00 (EDT) -0400", "1995-09-19T17:30:00Z"},
      {"Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z"},
      {"Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z"},
      {"Nov 6, 1994 08:49:37 +0100", "1994-11-06T07:49:37Z"},
      {"Mon, 15 Jan 2024 10:00:00+0200", "2024-01-15T08:00:00Z"},
      {"Mon, 15 Jan 2024 10.00.00 Z", "2024-01-15T10:00:00Z"},
      {"Mon, 15 Jan 2024 10:00:00 JST", "2024-01-15T10:00:00Z"},
      {"Wrong, 15 Jan 2024 10:00:00 +0000", "2024-01-15T10:00:00Z"},
      {"Sat, 29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00Z"},
      {"Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00Z"},
      {"Sun, 01 Jan 2017 08:59:60 +0900 (JST)", "2017-01-01T00:00:00Z"},
      {"Sat Dec 31 23:59:60 2016", "2017-01-01T00:00:00Z"},
      {"Sat, 31 Dec 2016 23:59:61 +0000", std::nullopt},
      {"Sat, 31 Dec 2016 23:60:00 +0000", std::nullopt},
      {"Fri, 31 Dec 9999 23:59:60 +0000", std::nullopt},
      {"Wed, 29 Feb 2023 00:00:00 +0000", std::nullopt},
      {"Mon, 32 Jan 2024 10:00:00 +0000", std::nullopt},
      {"Mon, 15 Jan 2024 25:00:00 +0000", std::nullopt},
      {"Mon, 15 Jan 2024 10:00:00 +9900", "2024-01-15T10:00:00Z"},
      {"yesterday, about noon", std::nullopt},
      {"2024-01-15", std::nullopt},
      {"Thu,", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(date_to_rfc3339(c.field), c.instant) << c.field;
}

std::string transferred(Transfer transfer, std::string_view body) {
  std::string out;
  decode_transfer(transfer, body, [&](std::string_view octets) {
    out += octets;
    return true;
  });
  return out;
}

TEST(MimeTransfer, decodes_and_forgives) {
  const struct {
    Transfer transfer;
    std::string_view body, octets;
  } cases[] = {
      {Transfer::identity, "a\r\nb", "a\r\nb"},
      {Transfer::base64, "YWJj\r\nZA==\r\n", "abcd"},
      {Transfer::base64, "YW Jj!ZA", "abcd"},
      {Transfer::base64, "YWJjZ", "abc"},
      {Transfer::base64, "ZA==ZA==", "d"},
      {Transfer::base64, "====", ""},
      {Transfer::quoted_printable, "a=3Db=\r\nc=20\r\n", "a=bc \r\n"},
      {Transfer::quoted_printable, "soft= \t\r\nbreak", "softbreak"},
      {Transfer::quoted_printable, "=zz =4 ==41", "=zz =4 ==41"},
      {Transfer::uuencode, "begin 644 x\r\n#86)C\r\n`\r\nend\r\n", "abc"},
      {Transfer::uuencode, "no begin\r\n#86)C\r\n", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(transferred(c.transfer, c.body), c.octets) << c.body;
}

TEST(MimeTransfer, decodes_alike_however_the_stream_is_cut) {
  const struct {
    Transfer transfer;
    std::string_view body;
  } cases[] = {{Transfer::base64, "YWJj\r\nZGVm\r\nZw=="},
               {Transfer::quoted_printable, "a=3D=\r\n=C3=A9 =zz= \r\nx=4"},
               {Transfer::uuencode, "begin 644 x\r\n#86)C\r\nend\r\n"}};
  for (const auto& c : cases) {
    const std::string whole = transferred(c.transfer, c.body);
    for (std::size_t cut = 0; cut <= c.body.size(); ++cut) {
      TransferDecoder decoder(c.transfer);
      std::string out;
      decoder.feed(c.body.substr(0, cut), out);
      decoder.feed(c.body.substr(cut), out);
      decoder.finish(out);
      EXPECT_EQ(out, whole) << c.body << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace postern::deliver
