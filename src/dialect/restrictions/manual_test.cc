#include "dialect/restrictions/manual.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "dialect/capabilities.h"

namespace postern::dialect::restrictions {
namespace {

void expect_current(const std::string& page, const std::string& text) {
  const std::string path = std::string(POSTERN_SOURCE_DIR) + "/docs/" + page;
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) std::ofstream(path) << text;
  EXPECT_TRUE(tests::read_file(path) == text)
      << path << ": run POSTERN_WRITE_DOCS=1 dialect_restrictions_test";
}

TEST(RestrictionsManual, the_pages_are_current) {
  expect_current("restriction-keywords.md", keyword_manual());
  expect_current("capabilities.md", capability_manual());
}

TEST(RestrictionsManual, the_page_that_a_sentence_names_is_there) {
  static const std::regex page(R"(docs/[a-z-]+\.md)");
  for (const Capability& one : capabilities) {
    const std::string text(one.sentence);
    std::smatch found;
    if (!std::regex_search(text, found, page)) continue;
    EXPECT_TRUE(std::filesystem::exists(std::string(POSTERN_SOURCE_DIR) + "/" + found.str()))
        << text;
  }
}

TEST(RestrictionsManual, words_that_defer_are_answered_with_4xx) {
  const std::string manual = keyword_manual();
  for (const std::string row : {"| `defer` | whatever its list is about | always refuses for now | "
                                "450 4.3.2 (`defer_code`) |\n",
                                "for now | 454 4.7.1 (`relay_domains_reject_code` less 100) |\n",
                                "is not ours | 554 5.7.1 (`relay_domains_reject_code`) |\n"}) {
    EXPECT_THAT(manual, testing::HasSubstr(row));
  }
  for (const std::string_view line : split(manual, '\n')) {
    if (!line.starts_with("| `defer")) continue;
    EXPECT_TRUE(line.find("| 45") != line.npos && line.find(" 4.") != line.npos) << line;
  }
}

TEST(RestrictionsManual, every_part_has_one_sentence) {
  for (const Capability& one : capabilities) {
    EXPECT_EQ(sentence_of(one.part), one.sentence);
    EXPECT_FALSE(one.sentence.ends_with('.')) << one.sentence;
  }
}

}  // namespace
}  // namespace postern::dialect::restrictions
