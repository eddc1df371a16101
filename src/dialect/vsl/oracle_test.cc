// Random programs have the same results with the compiler and its runtime as with an independent
// interpreter of the language.
#include <cstdlib>

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "dialect/vsl/oracle_generator_test.h"
#include "dialect/vsl/oracle_operations_test.h"
#include "dialect/vsl/parser.h"
#include "dialect/vsl/script_test.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::size_t together = 25;  ///< programs in one file, for speed

std::uint64_t seeds() {
  const char* given = std::getenv("POSTERN_VSL_SEEDS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20'000;
}

std::string expected(const File& file, const std::string& name, bool planted) {
  oracle::Evaluator evaluator(file);
  evaluator.planted = planted;
  try {
    const oracle::Datum value = evaluator.call(name, {}, {});
    if (!has_function(value)) return debug_of(copy_of(value));
    return std::string("error: main.vsl: ") + oracle::no_function;
  } catch (const oracle::Failure& failure) {
    return fmt::format("error: main.vsl:{}:{}: {}", failure.at.line, failure.at.column,
                       text_of(failure.value));
  }
}

struct Difference {
  std::uint64_t seed;
  std::string text;
  std::string expected;
  std::string said;
};

/// The first difference among `count` programs, starting at `first`. Counts the errors among them.
std::optional<Difference> first_difference(std::uint64_t first, std::size_t count, bool planted,
                                           std::size_t& errors) {
  std::vector<std::string> programs;
  std::string all;
  std::string rules;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "p" + std::to_string(i);
    programs.push_back(oracle::RandomProgram(first + i, name).text());
    all += programs.back();
    rules += fmt::format("rule \"{0}\" || {{ show({0}()); next() }},\n", name);
  }
  std::optional<testing::Player> player;
  std::string wrong;
  // On a busy machine a load may be stopped for its time, which is not a difference: try again.
  for (int tries = 0; tries < 10; ++tries) {
    player.emplace();
    player->options.limits.call.instructions = 100'000'000;
    player->options.limits.call.computing = std::chrono::seconds(120);
    wrong = player->load({{"main.vsl", all + "#{ mail: [ " + rules + "] }"}});
    if (wrong.find("it took too long") == std::string::npos) break;
  }
  if (!wrong.empty()) return Difference{first, all, "", wrong};
  const auto file = parse("main.vsl", all);
  const auto lines = static_cast<std::size_t>(std::ranges::count(all, '\n')) + 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::string said = player->run(i);
    // The place of the rule does not matter for the comparison.
    if (said.starts_with(fmt::format("error: main.vsl:{}:", lines + i))) {
      said = "error: main.vsl: " + said.substr(said.find(": ", 8) + 2);
    }
    if (said.starts_with("error: ")) ++errors;
    const std::string wanted = expected(*file, "p" + std::to_string(i), planted);
    if (said != wanted) return Difference{first + i, programs[i], wanted, said};
  }
  return std::nullopt;
}

TEST(VslOracle, random_programs_mean_what_they_say) {
  std::size_t errors = 0;
  const std::uint64_t all = seeds();
  for (std::uint64_t seed = 0; seed < all; seed += together) {
    const auto found = first_difference(seed, together, false, errors);
    ASSERT_FALSE(found) << "seed " << found->seed << "\n"
                        << found->text << "\nexpected: " << found->expected
                        << "\nsaid:     " << found->said;
  }
  EXPECT_GT(errors, all / 50) << "errors are part of it";
  EXPECT_LT(errors, all * 9 / 10) << "most programs come to their end";
}

TEST(VslOracle, notices_what_is_planted) {
  std::size_t errors = 0;
  for (std::uint64_t seed = 0; seed < 2'000; seed += together) {
    if (first_difference(seed, together, true, errors)) return;
  }
  FAIL() << "a wrong subtraction goes unnoticed";
}

}  // namespace

}  // namespace postern::dialect::vsl
