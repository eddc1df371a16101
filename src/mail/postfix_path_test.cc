#include "mail/postfix_path.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

struct Read {
  std::string text;
  std::string mailbox;  ///< "" is the null path
  bool strict_too = true;
  std::string rest = {};  ///< behind the path
};
std::ostream& operator<<(std::ostream& out, const Read& one) { return out << one.text; }
class PostfixPath : public testing::TestWithParam<Read> {};

TEST_P(PostfixPath, is_read_as_one_mailbox) {
  const Read& one = GetParam();
  const auto path = parse_postfix_path(one.text, Utf8::refused);
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(path->mailbox ? path->mailbox->text() : "", one.mailbox);
  EXPECT_EQ(one.text.substr(path->length), one.rest);
  EXPECT_FALSE(path->postmaster);
  EXPECT_EQ(parse_postfix_path(one.text, Utf8::refused, Envelopes::strict).has_value(),
            one.strict_too);
  if (!path->mailbox) return;
  Mailbox whole = *path->mailbox;
  if (whole.domain.empty()) whole.domain = "example.net";
  EXPECT_EQ(*parse_mailbox(whole.text(), Utf8::refused), whole);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, PostfixPath,
    testing::Values(
        Read{"<>", ""}, Read{"<> SIZE=1", "", true, " SIZE=1"},
        Read{"<a@b.example>", "a@b.example"},
        Read{"<a@B.Example.> SIZE=1", "a@b.example", true, " SIZE=1"}, Read{"<user>", "user"},
        Read{"<PostMaster>", "PostMaster"}, Read{"<\"a b\">", "\"a b\""},
        Read{"<eve..x@d.example>", "\"eve..x\"@d.example"},
        Read{"<.eve@d.example>", "\".eve\"@d.example"}, Read{"<eve.>", "\"eve.\""},
        Read{"<..>", "\"..\""}, Read{"<@d.example>", "\"\"@d.example", false},
        Read{"<\"\"@d.example>", "\"\"@d.example", false},
        Read{"<@a.example:eve@d.example>", "eve@d.example"},
        Read{"<@a.example,@b.example:.eve@d.example.>", "\".eve\"@d.example"},
        Read{"<@a.example:eve>", "eve"}, Read{"<eve%x@d.example>", "eve%x@d.example"},
        Read{"<d.example!eve>", "d.example!eve"},
        Read{"<eve@other.example@d.example>", "\"eve@other.example\"@d.example"},
        Read{"<\"a@b>\\\"\\\\\"@d.example>", "\"a@b>\\\"\\\\\"@d.example"},
        Read{"<eve@[192.0.2.5]>", "eve@[192.0.2.5]"}, Read{"<eve@[IPv6:::1]>", "eve@[IPv6:::1]"},
        Read{"<Eve <eve@d.example>>", "eve@d.example", false},
        Read{"<Eve X. <eve@d.example>> SIZE=1", "eve@d.example", false, " SIZE=1"},
        Read{"<\"Eve, <x@y>\" <.eve@d.example>>", "\".eve\"@d.example", false},
        Read{"eve@d.example", "eve@d.example", false},
        Read{"eve@d.example>", "eve@d.example", false},
        Read{"eve@d.example> SIZE=1", "eve@d.example", false, " SIZE=1"},
        Read{"\"eve x\"@d.example NOTIFY=NEVER", "\"eve x\"@d.example", false, " NOTIFY=NEVER"},
        Read{"eve", "eve", false}, Read{"<eve@d.example>x>", "eve@d.example", true, "x>"}));

TEST(PostfixPath, has_no_second_meaning) {
  for (const std::string text : {"",
                                 " ",
                                 ">",
                                 "<",
                                 "<a@b",
                                 "< >",
                                 "< a@b>",
                                 "<a@b >",
                                 "<eve @d.example>",
                                 "<eve\\ x@d.example>",
                                 "<eve:x@d.example>",
                                 "<eve,x@d.example>",
                                 "<eve;x@d.example>",
                                 "<<eve@d.example>>",
                                 "< <eve@d.example>>",
                                 "<Eve <>>",
                                 "<Eve <a@b> <c@d>>",
                                 "<a@b <c@d>>",
                                 "<Eve <Eve <a@b>>>",
                                 "<eve(comment)@d.example>",
                                 "<eve@d.example (comment)>",
                                 "<eve@[192.0.2.5>",
                                 "<eve@192.0.2.5>",
                                 "<eve@[::1]>",
                                 "<eve@d.example..>",
                                 "<eve@.d.example>",
                                 "<eve@x..d.example>",
                                 "<eve@-x.d.example>",
                                 "<eve@>",
                                 "<postmaster@>",
                                 "<@>",
                                 "<eve@.>",
                                 "<-eve@d.example>",
                                 "<\"-eve\"@d.example>",
                                 "<\"\\-eve\"@d.example>",
                                 "<\"eve\"x@d.example>",
                                 "<\"\"x@d.example>",
                                 "<eve@@d.example>",
                                 "<@x@d.example>",
                                 "<eve@d.example@D.Example>",
                                 "<a@b:eve@d.example>",
                                 "<@a:>",
                                 "<\"\">",
                                 "<Eve <@a:>>",
                                 "<@a>x@b>",
                                 "<@:eve@d.example>",
                                 "<e\tve@d.example>",
                                 "<e\x01@d.example>",
                                 "<\"eve@d.example>",
                                 "\"eve x",
                                 "eve@d.example>x",
                                 "eve@d.example>>",
                                 "eve<x@d.example>",
                                 "<eve@d.example"}) {
    const auto path = parse_postfix_path(text, Utf8::refused);
    const bool ended = path && path->length < text.size() && text[path->length] != ' ';
    EXPECT_TRUE(!path || ended) << text << " is " << path->mailbox->text();
  }
}

TEST(PostfixPath, keeps_the_rules_of_octets_and_lengths) {
  const auto fault = [](const std::string& text, Utf8 utf8) {
    const auto path = parse_postfix_path(text, utf8);
    return path ? std::optional<Fault>() : path.error().fault;
  };
  EXPECT_EQ(fault("<d\xc3\xb6rte..x@b>", Utf8::allowed), std::nullopt);
  EXPECT_EQ(fault("<d\xc3\xb6rte..x@b>", Utf8::refused), Fault::denied);
  EXPECT_EQ(fault("<d\xc3rte..x@b>", Utf8::allowed), Fault::malformed);
  EXPECT_EQ(fault("<D\xc3\xb6rte <d@b>>", Utf8::allowed), Fault::malformed);
  // The quotes count: what is sent on is a path of RFC 5321 §4.5.3.1.3.
  EXPECT_EQ(fault("<." + std::string(249, 'a') + "@b>", Utf8::refused), std::nullopt);
  EXPECT_EQ(fault("<." + std::string(250, 'a') + "@b>", Utf8::refused), Fault::limit);
}

}  // namespace
}  // namespace postern::mail
