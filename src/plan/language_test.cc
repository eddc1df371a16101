#include "plan/language.h"

#include <random>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "plan/amount_test.h"

namespace postern::plan {
namespace {

using dialect::Regex;
using dialect::RegexOptions;
using Status = TextFound::Status;

constexpr RegexOptions as_written{.caseless = false};

Language language(std::string_view pattern, const RegexOptions& options = as_written) {
  auto made = Language::of(pattern, options);
  EXPECT_TRUE(made) << pattern;
  return made.value_or(*Language::of("", as_written));
}

TEST(Language, has_the_texts_in_which_the_pattern_is_found) {
  EXPECT_TRUE(language("b+").has("abbc"));
  EXPECT_FALSE(language("^b+$").has("abbc"));
  EXPECT_TRUE(language("(^|\\.)example\\.com$").has("a.example.com"));
  EXPECT_FALSE(language("(^|\\.)example\\.com$").has("anexample.com"));
  EXPECT_TRUE(language("^$").has(""));
  EXPECT_FALSE(language("^$").has("a"));
  EXPECT_TRUE(language("^a{2,3}$").has("aaa"));
  EXPECT_FALSE(language("^a{2,3}$").has("aaaa"));
  EXPECT_TRUE(language("^A$", {.caseless = true}).has("a"));
  EXPECT_TRUE(language("a", {.anchored = true}).has("ab"));
  EXPECT_FALSE(language("b", {.anchored = true}).has("ab"));
}

TEST(Language, is_none_of_what_is_not_regular) {
  for (const char* pattern :
       {"(a)\\1", "a(?=b)", "a(?!b)", "(?<=a)b", "\\bword", "a++", "(?>a)b", "(?R)?", "\\p{L}",
        "a{,3}", "(*ACCEPT)", "(?x) a", "[[:<:]]a", "(((a{1000}){1000}){1000})"}) {
    EXPECT_FALSE(Language::of(pattern, as_written)) << pattern;
  }
  EXPECT_FALSE(Language::of("a", {.extended = true}));
}

TEST(Language, TellsWhetherThereIsAText) {
  const auto text = [](const std::vector<std::string>& in, const std::vector<std::string>& out) {
    std::vector<Language> languages;
    languages.reserve(in.size() + out.size());
    std::vector<const Language*> with;
    std::vector<const Language*> without;
    for (const auto& [patterns, list] : {std::pair(&in, &with), std::pair(&out, &without)}) {
      for (const std::string& pattern : *patterns) {
        languages.push_back(language(pattern));
        list->push_back(&languages.back());
      }
    }
    const TextFound found = text_of(with, without);
    return found.status == Status::found  ? "\"" + found.text + "\""
           : found.status == Status::none ? "none"
                                          : "unknown";
  };
  EXPECT_EQ(text({"@spam\\.example$", "^newsletter[0-9]*@"}, {}), "\"newsletter@spam.example\"");
  EXPECT_EQ(text({"@spam\\.example$", "\\.com$"}, {}), "none");
  EXPECT_EQ(text({"^10\\."}, {"^1"}), "none");
  EXPECT_EQ(text({"^a*$"}, {"^a?$"}), "\"aa\"");
  EXPECT_EQ(text({}, {"."}), "\"\"");
  EXPECT_EQ(text({}, {""}), "none");
  EXPECT_EQ(text({"^.*a.{20}$"}, {"b"}), "unknown");
}

/// A pattern of what patterns have, and perhaps of what they have not.
std::string drawn_pattern(std::mt19937& random, int depth) {
  const auto below = [&](unsigned most) {
    return std::uniform_int_distribution<unsigned>(0, most - 1)(random);
  };
  std::string made;
  for (unsigned part = 1 + below(3); part-- > 0;) {
    switch (below(depth > 0 ? 14 : 10)) {
      case 0:
        made += below(2) == 0 ? "^" : "$";
        continue;
      case 1:
        made += ".";
        break;
      case 2:
        made += below(2) == 0 ? "[ab]" : "[^a.]";
        break;
      case 3:
        made += below(2) == 0 ? "[[:alpha:]_]" : "[]a-c-]";
        break;
      case 4:
        made += below(2) == 0 ? "\\." : "\\d";
        break;
      case 5:
        made += below(2) == 0 ? "\\W" : "[\\w-]";
        break;
      case 10:
        made += "(" + drawn_pattern(random, depth - 1) + ")";
        break;
      case 11:
        made +=
            "(?:" + drawn_pattern(random, depth - 1) + "|" + drawn_pattern(random, depth - 1) + ")";
        break;
      case 12:
        made += "(?i:" + drawn_pattern(random, depth - 1) + ")";
        break;
      case 13:
        made +=
            "(" + drawn_pattern(random, depth - 1) + "|" + drawn_pattern(random, depth - 1) + ")";
        break;
      default:
        made += std::string_view("abA@.1")[below(6)];
    }
    constexpr std::string_view quantifiers[] = {"*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"};
    if (below(3) == 0) made += quantifiers[below(std::size(quantifiers))];
  }
  return made;
}

TEST(Language, SaysWhatPcreSays) {
  const unsigned seed = amount("POSTERN_PLAN_SEED", std::random_device{}());
  std::mt19937 random(seed);
  int compared = 0;
  int found_texts = 0;
  std::vector<Language> before;
  std::vector<Regex> expressions;
  for (int i = 0; i < 3000; ++i) {
    const std::string pattern = drawn_pattern(random, 3);
    const RegexOptions options{.caseless = random() % 2 == 0, .anchored = random() % 8 == 0};
    SCOPED_TRACE(fmt::format("seed {}: {} caseless {}", seed, pattern, options.caseless));
    auto regex = Regex::compile(pattern, options);
    auto made = Language::of(pattern, options);
    if (!regex || !made) continue;
    for (int n = 0; n < 40; ++n) {
      std::string text;
      for (unsigned length = random() % 7; length-- > 0;) {
        text += std::string_view("aabABc.@1-_]\xe4")[random() % 13];
      }
      const Regex::Outcome said = regex->match(text);
      if (said == Regex::Outcome::failed) continue;
      ASSERT_EQ(made->has(text), said == Regex::Outcome::yes)
          << "\"" << text << '"' << text.size() << " anchored " << options.anchored;
      ++compared;
    }
    // A text that is in this one and not in the one before.
    if (!before.empty()) {
      const TextFound one = text_of({&*made}, {&before.back()});
      if (one.status == Status::found) {
        ++found_texts;
        EXPECT_NE(regex->match(one.text), Regex::Outcome::no) << one.text;
        EXPECT_NE(expressions.back().match(one.text), Regex::Outcome::yes) << one.text;
      }
    }
    before.push_back(std::move(*made));
    expressions.push_back(std::move(*regex));
  }
  EXPECT_GT(compared, 50'000);
  EXPECT_GT(found_texts, 300);
}

}  // namespace
}  // namespace postern::plan
