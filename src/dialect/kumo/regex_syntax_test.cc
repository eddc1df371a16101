#include "dialect/kumo/regex_syntax.h"

#include <gmock/gmock.h>

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;

TEST(RegexSyntax, is_written_as_pcre_has_it) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"a.b*", "a.b*"},
      {R"(^\h+$)", "^[0-9A-Fa-f]+$"},
      {R"([\hx]\H)", "[0-9A-Fa-fx][^0-9A-Fa-f]"},
      {R"(\\h)", R"(\\h)"},
      {R"(\u{41}\u0042\U00000043)", R"(\x{41}\x{0042}\x{00000043})"},
      {R"([\u{e9}])", R"([\x{e9}])"},
      {R"(\<a\>[\<])", R"(\b(?=\w)a\b(?<=\w)[\<])"},
      {"[]a][^]b][[:alpha:]-]", "[]a][^]b][[:alpha:]-]"},
      {R"([\]]&&--)", R"([\]]&&--)"},
      {R"(\[\w\d\p{L}\b(?<n>x)\k<n>)", R"(\[\w\d\p{L}\b(?<n>x)\k<n>)"},
      {"a\\", "a\\"},
      {R"([\w&&[^\d]]+)", R"((?:(?=[^\d])[\w])+)"},
      {"[a-z--b]", "(?:(?![b])[a-z])"},
      {"[a-z&&b-y--[c]]", "(?:(?![c])(?:(?=[b-y])[a-z]))"},
      {"[[a]b]", "(?:[b]|[a])"},
      {"[^[a]b]", "(?:(?!(?:[b]|[a]))(?s:.))"},
      {"[[a]]", "[a]"},
      {"[^[^a]]", "(?:(?![^a])(?s:.))"},
      {"[^^a]", R"([^\^a])"},
      {"[a^&&^b]", R"((?:(?=[\^b])[a^]))"},
  };
  for (const auto& [given, written] : cases) EXPECT_EQ(as_pcre(given), written) << given;
}

TEST(RegexSyntax, what_would_mean_something_else_is_an_error) {
  const std::pair<const char*, const char*> cases[] = {
      {"[a~~b]", "~~ between sets"},
      {R"([\H])", R"(\H in a set)"},
      {R"(\Gx)", R"(\G)"},
      {R"(\Qx)", R"(\Q)"},
      {"(?R)", "(?R)"},
      {"[a-", "[ without ]"},
      {"[a&&]", "empty set"},
      {"[[:alpha]", "[: without :]"},
      {R"(\u12)", R"(\u without)"},
      {R"(\u{})", R"(\u without)"},
      {R"(\u{41)", "a { without }"},
      {R"(\uzzzz)", R"(\u without)"},
  };
  for (const auto& [given, error] : cases) {
    try {
      ADD_FAILURE() << given << " is " << as_pcre(given);
    } catch (const std::runtime_error& found) {
      EXPECT_THAT(found.what(), HasSubstr(error)) << given;
    }
  }
}

}  // namespace
}  // namespace postern::dialect::kumo
