#include "mailauth/tag_list.h"

#include <gtest/gtest.h>

namespace mailauth {
namespace {

TagTrouble trouble(std::string_view text) {
  const auto list = TagListView::parse(text);
  EXPECT_FALSE(list.has_value()) << text;
  return list ? TagTrouble::syntax : list.error();
}

TEST(TagList, reads_names_and_values_without_the_space_around_them) {
  const auto list = TagListView::parse(" v=1 ;\r\n\ta =  rsa-sha256; b=a b\r\n\tc ; p=; ");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->tags().size(), 4u);
  EXPECT_EQ(list->find("v"), "1");
  EXPECT_EQ(list->find("a"), "rsa-sha256");
  EXPECT_EQ(list->find("b"), "a b\r\n\tc");
  EXPECT_EQ(list->find("p"), "");
  EXPECT_EQ(list->find("q"), std::nullopt);
  EXPECT_EQ(list->value_or("q", "dns/txt"), "dns/txt");
}

TEST(TagList, names_are_case_sensitive) {
  const auto list = TagListView::parse("D=a; d=b");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->find("D"), "a");
  EXPECT_EQ(list->find("d"), "b");
}

TEST(TagList, a_value_may_hold_equals_signs_and_utf8) {
  const auto list = TagListView::parse(
      "p=ab==; d=b\xc3\xbc"
      "cher.example");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->find("p"), "ab==");
  EXPECT_EQ(list->find("d"),
            "b\xc3\xbc"
            "cher.example");
}

TEST(TagList, refuses_what_the_grammar_has_not) {
  for (const std::string_view text :
       {"", ";", "v", "v=1; a", "v=1;; a=2", "=1", "1v=1", "v v=1", "v=1\x01", "v-a=1", "; v=1"}) {
    EXPECT_EQ(trouble(text), TagTrouble::syntax) << text;
  }
  EXPECT_EQ(trouble(std::string_view("s=a\0b", 5)), TagTrouble::syntax);
  EXPECT_EQ(trouble("v=1; v=1"), TagTrouble::duplicate);
}

TEST(TagList, ten_thousand_tags_are_too_many) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "t" + std::to_string(i) + "=x;";
  EXPECT_EQ(trouble(text), TagTrouble::too_many);
}

TEST(TagList, white_space_can_be_taken_out) {
  EXPECT_EQ(without_white_space(" a\tb\r\n c "), "abc");
}

}  // namespace
}  // namespace mailauth
