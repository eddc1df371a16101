#include "dialect/restrictions/key_fold.h"

#include <gtest/gtest.h>

#include "dialect/restrictions/table_test_support.h"

namespace postern::dialect::restrictions {
namespace {

TEST(KeyFold, letters_of_all_scripts) {
  EXPECT_EQ(fold_key("ALICE@Example.ORG"), "alice@example.org");
  EXPECT_EQ(fold_key("ÁLICE@Example.org"), "álice@example.org");
  EXPECT_EQ(fold_key("ПОЧТА@ПРИМЕР"), "почта@пример");
  EXPECT_EQ(fold_key("Straße"), "strasse");
  EXPECT_EQ(fold_key("STRAẞE"), "strasse");
  EXPECT_EQ(fold_key("ΣΊΣΥΦΟΣ"), fold_key("σίσυφος"));
  // Without a locale: the dotted I of Turkish is an i with a dot above.
  EXPECT_EQ(fold_key("İ"), "i̇");
  // Not normalized: a letter with a combining accent is not the letter that has it.
  EXPECT_NE(fold_key("A\u0301"), fold_key("Á"));
  EXPECT_EQ(fold_key(fold_key("ẞİΣÁ")), fold_key("ẞİΣÁ"));
  EXPECT_EQ(fold_key(""), "");
}

TEST(KeyFold, octets_that_are_not_text) {
  EXPECT_EQ(fold_key("CAF\xC9@X"), "caf\xC9@x");
  EXPECT_EQ(fold_key(std::string_view("Á\0B", 4)), std::string_view("Á\0b", 4));
}

TEST(KeyFold, is_folded_finds_each_capital_at_each_place) {
  EXPECT_TRUE(is_folded(""));
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int octet = 0; octet < 256; ++octet) {
        std::string key(size, 'x');
        key[at] = static_cast<char>(octet);
        const bool folds = octet >= 0x80 || (octet >= 'A' && octet <= 'Z');
        ASSERT_EQ(is_folded(key), !folds) << size << " " << at << " " << octet;
        if (!folds) ASSERT_EQ(fold_key(key), key);
      }
    }
  }
}

TEST(KeyFold, lengths_that_folding_changes) {
  // A table knows the lengths of its keys; folding changes those of other scripts only.
  const std::string longest(70, 'y');
  const Texts texts = {{"/t", "kelvin OK k\nstrasse OK ss\n" + longest + " OK long\n"}};
  check({"hash:/t", "\u212Aelvin", "OK k"}, texts);  // KELVIN SIGN, three octets
  check({"hash:/t", "Straße", "OK ss"}, texts);
  check({"hash:/t", "STRAẞE", "OK ss"}, texts);
  check({"hash:/t", std::string(70, 'Y').c_str(), "OK long"}, texts);
  check({"hash:/t", std::string(69, 'y').c_str(), nullptr}, texts);
  check({"hash:/t", "elvin", nullptr}, texts);
  check({"hash:/t", "", nullptr}, texts);
}

TEST(KeyFold, tables_find_keys_of_either_case) {
  const std::string longer(400, 'x');
  const Texts texts = {{"/t", "álice@example.org OK low\nÉVE@example.org OK up\nstraße@x OK ss\n" +
                                  longer + "É OK long\n"}};
  for (const char* spec : {"hash:/t", "texthash:/t"}) {
    check({spec, "ÁLICE@example.org", "OK low"}, texts);
    check({spec, "álice@EXAMPLE.org", "OK low"}, texts);
    check({spec, "éve@example.org", "OK up"}, texts);
    check({spec, "STRASSE@x", "OK ss"}, texts);
    check({spec, "alice@example.org", nullptr}, texts);
    check({spec, (longer + "é").c_str(), "OK long"}, texts);
  }
  check({"inline:{ {É = 1} }", "é", "1"}, texts);
  // Patterns get the key unchanged, and fold ASCII letters only.
  const Texts patterns = {{"/p", "/^álice@/ OK low\n"}};
  for (const char* spec : {"regexp:/p", "pcre:/p"}) {
    check({spec, "álice@x", "OK low"}, patterns);
    check({spec, "ÁLICE@x", nullptr}, patterns);
  }
}

TEST(KeyFold, domains_of_keys_have_a_labels) {
  EXPECT_EQ(with_a_labels("M\xc3\xbcnchen.Example"), "xn--mnchen-3ya.example");
  EXPECT_EQ(with_a_labels(".m\xc3\xbcnchen.example"), ".xn--mnchen-3ya.example");
  EXPECT_EQ(with_a_labels("\xc3\xa1@m\xc3\xbcnchen.example"), "\xc3\xa1@xn--mnchen-3ya.example");
  EXPECT_EQ(with_a_labels("\xc3\xa1@example.net"), std::nullopt) << "its domain is ASCII";
  EXPECT_EQ(with_a_labels("m\xc3\xbc nchen"), std::nullopt);
  EXPECT_EQ(with_a_labels("\xff.example"), std::nullopt);
}

}  // namespace
}  // namespace postern::dialect::restrictions
