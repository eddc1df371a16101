#include "mailauth/header.h"

#include <gtest/gtest.h>

namespace mailauth {
namespace {

TEST(Header, splits_fields_and_keeps_their_octets) {
  const std::string text = "From: a@example.org\r\nSubject : one\r\n\ttwo\r\n three\r\nX:\r\nTo:b";
  const HeaderView header = HeaderView::parse(text);
  ASSERT_EQ(header.fields().size(), 4u);
  EXPECT_EQ(header.fields()[0].body, " a@example.org");
  EXPECT_FALSE(header.fields()[0].space_before_colon);
  EXPECT_EQ(header.fields()[1].name, "Subject");
  EXPECT_EQ(header.fields()[1].raw, "Subject : one\r\n\ttwo\r\n three");
  EXPECT_TRUE(header.fields()[1].space_before_colon);
  EXPECT_EQ(header.fields()[2].body, "");
  EXPECT_EQ(header.fields()[3].body, "b");
  EXPECT_EQ(header.not_fields(), 0u);
}

TEST(Header, counts_lines_that_are_no_fields) {
  const HeaderView header = HeaderView::parse(
      " fold\r\nFrom x\r\n y: z\r\nFrom a: b\r\nTo: c\r\n: d\r\nT\xc3\xb6: e\r\n");
  ASSERT_EQ(header.fields().size(), 1u);
  EXPECT_TRUE(header.fields()[0].is("TO"));
  EXPECT_EQ(header.not_fields(), 5u);
}

TEST(Header, bare_cr_and_lf_end_nothing) {
  const HeaderView header = HeaderView::parse("A: 1\nB: 2\rC: 3\r\nD: 4\r\n");
  ASSERT_EQ(header.fields().size(), 2u);
  EXPECT_EQ(header.fields()[0].body, " 1\nB: 2\rC: 3");
}

TEST(Header, finds_from_the_bottom_up) {
  const HeaderView header = HeaderView::parse("R: 1\r\nS: x\r\nr: 2\r\nR: 3\r\n");
  std::size_t at = header.find_above("r", header.fields().size());
  EXPECT_EQ(at, 3u);
  at = header.find_above("r", at);
  EXPECT_EQ(at, 2u);
  at = header.find_above("r", at);
  EXPECT_EQ(at, 0u);
  EXPECT_EQ(header.find_above("r", at), HeaderView::npos);
  EXPECT_EQ(header.count("R"), 3u);
  EXPECT_EQ(header.count("from"), 0u);
}

TEST(Header, fields_beyond_the_limit_are_left_out) {
  const HeaderView header =
      HeaderView::parse("A: 1\r\nB: 2\r\nC: 3\r\n", {.octets = 100, .fields = 2});
  EXPECT_EQ(header.fields().size(), 2u);
  EXPECT_TRUE(header.truncated());
}

TEST(HeaderCollector, ends_at_the_empty_line_however_the_chunks_fall) {
  const std::string message = "A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n";
  for (std::size_t size = 1; size <= message.size(); ++size) {
    HeaderCollector collector;
    std::string body;
    for (std::size_t at = 0; at < message.size(); at += size) {
      const std::string chunk = message.substr(at, size);
      body += chunk.substr(collector.feed(chunk));
    }
    EXPECT_TRUE(collector.complete());
    EXPECT_EQ(collector.text(), "A: 1\r\nB: 2\r\n") << size;
    EXPECT_EQ(body, "body\r\n\r\n") << size;
  }
}

TEST(HeaderCollector, a_message_may_begin_with_its_body) {
  HeaderCollector collector;
  EXPECT_EQ(collector.feed("\r"), 1u);
  EXPECT_FALSE(collector.complete());
  EXPECT_EQ(collector.feed("\nbody"), 1u);
  EXPECT_TRUE(collector.complete());
  EXPECT_EQ(collector.text(), "");
}

TEST(HeaderCollector, a_header_longer_than_the_limit_is_cut) {
  const HeaderLimits limits{.octets = 6, .fields = 10};
  HeaderCollector fits(limits);
  EXPECT_EQ(fits.feed("A: 1\r\n\r\nx"), 8u);
  EXPECT_FALSE(fits.too_long());
  HeaderCollector cut(limits);
  EXPECT_EQ(cut.feed("A: 12\r\n\r\nx"), 8u);
  EXPECT_TRUE(cut.complete() && cut.too_long());
}

TEST(HeaderCollector, of_a_header_beyond_its_limits_nothing_is_kept) {
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "A: 1\r\n";
  HeaderCollector fields;
  fields.feed(many + "\r\n");
  EXPECT_TRUE(fields.complete() && fields.too_long());
  HeaderCollector octets;
  octets.feed(std::string(2 << 20, 'x'));
  EXPECT_TRUE(octets.complete() && octets.too_long());
  for (const HeaderCollector* one : {&fields, &octets}) {
    EXPECT_TRUE(one->text().empty());
    EXPECT_TRUE(one->view().fields().empty());
    EXPECT_LT(one->memory(), 100u);
  }
}

TEST(HeaderView, lines_that_are_no_fields_make_it_ambiguous) {
  const auto ambiguous = [](std::string_view text) { return HeaderView::parse(text).ambiguous(); };
  EXPECT_FALSE(ambiguous("A: 1\r\n fold\r\nB : 2\r\n"));
  EXPECT_TRUE(ambiguous("From someone Mon Jan 15\r\nA: 1\r\n"));
  EXPECT_TRUE(ambiguous(" fold\r\nA: 1\r\n"));
  EXPECT_TRUE(ambiguous("A: 1\r\nno field\r\n"));
}

TEST(HeaderCollector, without_an_empty_line_everything_is_header) {
  HeaderCollector collector;
  collector.feed("A: 1\r\nB: 2");
  EXPECT_FALSE(collector.complete());
  collector.finish();
  EXPECT_TRUE(collector.complete());
  EXPECT_EQ(collector.text(), "A: 1\r\nB: 2");
}

}  // namespace
}  // namespace mailauth
