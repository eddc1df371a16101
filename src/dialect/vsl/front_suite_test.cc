// The scripts of tests/suites/vsl: a script with a mistake that the syntax tree shows is refused at
// the place that the suite names; all others load.
#include <gtest/gtest.h>

#include "dialect/vsl/loader.h"
#include "dialect/vsl/suite_files_test.h"

namespace postern::dialect::vsl {
namespace {

/// Their mistakes are found only when objects get their values.
constexpr std::string_view of_values[] = {
    "load-file-list-line",  // a bad line of a list file
    "load-object-value",    // "192.0.2.256"
};

std::vector<Mistake> suite_mistakes(const SuiteCase& one) {
  const auto sources = load_sources("main.vsl", read_given(one.files));
  return sources ? check_stages(*sources) : sources.error();
}

std::string lines_of(const std::vector<Mistake>& mistakes) {
  std::string text;
  for (const Mistake& one : mistakes) text += one.to_string() + "\n";
  return text;
}

/// `wanted`: {"file", "line", "col"}, where `col` may be a range.
void expect_place(const Mistake& mistake, const boost::json::object& wanted) {
  EXPECT_EQ(mistake.file, std::string_view(wanted.at("file").as_string()));
  EXPECT_EQ(mistake.at.line, wanted.at("line").to_number<std::uint32_t>());
  const boost::json::value& column = wanted.at("col");
  const bool is_range = column.is_array();
  const auto first = (is_range ? column.as_array()[0] : column).to_number<std::uint32_t>();
  const auto last = (is_range ? column.as_array()[1] : column).to_number<std::uint32_t>();
  EXPECT_GE(mistake.at.column, first);
  EXPECT_LE(mistake.at.column, last);
}

TEST(VslFrontSuite, RefusesWhatTheSuiteRefusesAtItsPlace) {
  int refused = 0;
  for (const SuiteCase& one : suite_cases()) {
    SCOPED_TRACE(one.id);
    if (one.files->empty()) continue;  // no policy is configured
    const std::vector<Mistake> mistakes = suite_mistakes(one);
    const bool is_later = std::ranges::find(of_values, one.id) != std::ranges::end(of_values);
    if (!one.members.contains("load") || is_later) {
      EXPECT_EQ(lines_of(mistakes), "");
      continue;
    }
    ASSERT_FALSE(mistakes.empty());
    EXPECT_EQ(mistakes.size(), 1u) << lines_of(mistakes);
    expect_place(mistakes.front(), one.members.at("load").at("error").as_object());
    ++refused;
  }
  EXPECT_GE(refused, 13);
}

}  // namespace
}  // namespace postern::dialect::vsl
