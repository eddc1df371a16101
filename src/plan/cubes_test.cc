// Cubes lie where the diagram is 1, cannot be made larger, and are said to be all only if they are.
#include "plan/cubes.h"

#include <random>

#include <gtest/gtest.h>

namespace postern::plan {
namespace {

constexpr std::size_t cube_variables = 4;
constexpr std::size_t cube_values = 3;
constexpr std::size_t all_points = 81;  // values^variables

using Table = std::vector<bool>;

std::size_t value_of(std::size_t at, Variable variable) {
  for (Variable i = 0; i < variable; ++i) at /= cube_values;
  return at % cube_values;
}

Ref diagram_of(Diagrams& diagrams, const Table& table) {
  Ref made = diagrams.leaf(0);
  for (std::size_t at = 0; at < all_points; ++at) {
    if (!table[at]) continue;
    Ref one = diagrams.leaf(1);
    for (Variable variable = cube_variables; variable-- > 0;) {
      std::vector<Ref> children(cube_values, diagrams.leaf(0));
      children[value_of(at, variable)] = one;
      one = diagrams.choose(variable, children);
    }
    made = diagrams.either(made, one);
  }
  return made;
}

bool cube_has(const Cube& cube, std::size_t at) {
  return std::ranges::all_of(cube,
                             [&](const auto& one) { return one.second[value_of(at, one.first)]; });
}

std::optional<Assignment> some_path(const Diagrams& diagrams, Ref at) {
  if (diagrams.is_leaf(at) && diagrams.leaf_of(at) == 0) return std::nullopt;
  Assignment path(cube_variables, any_value);
  while (!diagrams.is_leaf(at)) {
    const auto& children = diagrams.children_of(at);
    std::size_t value = 0;
    while (children[value] == Ref{0}) ++value;  // the first leaf made is 0
    path[diagrams.variable_of(at)] = value;
    at = children[value];
  }
  return path;
}

TEST(Cubes, LieWhereTheDiagramIsOne) {
  std::mt19937 random(7);
  std::size_t whole = 0;
  for (int round = 0; round < 300; ++round) {
    Diagrams diagrams;
    ASSERT_EQ(diagrams.leaf(0), Ref{0});
    for (std::size_t i = 0; i < cube_variables; ++i) diagrams.add(cube_values);
    // Some rounds are a few cubes, the others anything.
    Table wanted(all_points);
    Table possible(all_points, true);
    for (std::size_t at = 0; at < all_points; ++at) {
      wanted[at] = round % 2 == 0
                       ? random() % 3 == 0
                       : value_of(at, 1) == 0 || (value_of(at, 0) != 1 && value_of(at, 3) == 2);
      if (round % 3 == 0) possible[at] = random() % 5 != 0;
      wanted[at] = wanted[at] && possible[at];
    }
    const Ref diagram = diagram_of(diagrams, wanted);
    const std::size_t most = 1 + static_cast<std::size_t>(round % 4);
    const Cover found = cover(diagrams, diagram, diagram_of(diagrams, possible), most,
                              [&](Ref left) { return some_path(diagrams, left); });
    ASSERT_LE(found.cubes.size(), most);
    Table covered(all_points);
    for (const Cube& cube : found.cubes) {
      bool any = false;
      for (std::size_t at = 0; at < all_points; ++at) {
        if (!cube_has(cube, at)) continue;
        EXPECT_TRUE(wanted[at] || !possible[at]);
        any = any || wanted[at];
        covered[at] = true;
      }
      EXPECT_TRUE(any);
      for (const auto& [variable, some] : cube) {
        for (std::size_t value = 0; value < cube_values; ++value) {
          if (some[value]) continue;
          Cube larger = cube;
          larger[variable][value] = true;
          bool fits = true;
          for (std::size_t at = 0; at < all_points; ++at) {
            fits = fits && (!cube_has(larger, at) || wanted[at] || !possible[at]);
          }
          EXPECT_FALSE(fits) << "round " << round;
        }
      }
    }
    bool rest = false;
    for (std::size_t at = 0; at < all_points; ++at) rest = rest || (wanted[at] && !covered[at]);
    EXPECT_EQ(found.all, !rest) << "round " << round;
    whole += found.all && found.cubes.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(whole, 20u);
}

// Also where the variables are not in the order of their numbers.
TEST(Cubes, NarrowOnesHaveTheValuesThatOccur) {
  std::mt19937 random(11);
  std::size_t told = 0;
  std::size_t left_out = 0;
  for (int round = 0; round < 300; ++round) {
    Diagrams diagrams;
    ASSERT_EQ(diagrams.leaf(0), Ref{0});
    for (std::size_t i = 0; i + 1 < cube_variables; ++i) diagrams.add(cube_values);
    diagrams.add(cube_values, 0);  // the last one is the second in the order
    Table wanted(all_points);
    for (std::size_t at = 0; at < all_points; ++at) {
      wanted[at] = random() % 4 == 0 && (round % 2 == 0 || value_of(at, 3) == 1);
    }
    Cube cube;
    for (const Variable variable : {0u, 2u}) {
      cube[variable] = {random() % 2 == 0, random() % 3 != 0, true};
    }
    std::vector<Table> has_value(cube_variables, Table(cube_values));
    bool any = false;
    for (std::size_t at = 0; at < all_points; ++at) {
      if (!wanted[at] || !cube_has(cube, at)) continue;
      any = true;
      for (Variable one = 0; one < cube_variables; ++one) has_value[one][value_of(at, one)] = true;
    }
    if (!any) {
      Ref nothing = diagram_of(diagrams, wanted);
      EXPECT_FALSE(narrow(diagrams, nothing, {}, cube));
      continue;
    }
    Cube narrowed = cube;
    Ref left = diagram_of(diagrams, wanted);
    // Of the last one, this is what there always is.
    const Cube usual{{1, Table(cube_values, true)}, {3, {false, round % 4 != 3, round % 4 == 3}}};
    ASSERT_TRUE(narrow(diagrams, left, usual, narrowed));
    Table rest = wanted;
    for (std::size_t at = 0; at < all_points; ++at) rest[at] = rest[at] && !cube_has(cube, at);
    EXPECT_EQ(left, diagram_of(diagrams, rest));
    for (Variable one = 0; one < cube_variables; ++one) {
      const bool one_value = std::ranges::count(has_value[one], true) == 1;
      const bool is_told = one_value && usual.contains(one) && has_value[one] != usual.at(one);
      ASSERT_EQ(narrowed.contains(one), cube.contains(one) || is_told) << "round " << round;
      if (narrowed.contains(one)) EXPECT_EQ(narrowed[one], has_value[one]) << "round " << round;
    }
    told += narrowed.size() - cube.size();
    for (const Variable one : {0u, 2u}) left_out += narrowed[one] != cube[one] ? 1 : 0;
  }
  EXPECT_GT(told, 100u);
  EXPECT_GT(left_out, 20u);
}

TEST(Cubes, NothingIsCoveredByNone) {
  Diagrams diagrams;
  diagrams.add(cube_values);
  const auto never = [](Ref) -> std::optional<Assignment> { return std::nullopt; };
  const Cover nothing = cover(diagrams, diagrams.leaf(0), diagrams.leaf(1), 3, never);
  EXPECT_TRUE(nothing.all);
  EXPECT_TRUE(nothing.cubes.empty());
  const Cover left = cover(diagrams, diagrams.leaf(1), diagrams.leaf(1), 3, never);
  EXPECT_FALSE(left.all);
  EXPECT_TRUE(left.cubes.empty());
}

// A diagram has far more paths than parts: what needs too many steps ends.
TEST(Cubes, TooManyStepsEnd) {
  constexpr Variable deep = 60;
  constexpr std::size_t wide = 200;
  std::mt19937 random(7);
  Diagrams diagrams;
  for (Variable variable = 0; variable < deep; ++variable) diagrams.add(2);
  std::vector<Ref> below{diagrams.leaf(0), diagrams.leaf(1)};
  for (Variable variable = deep; variable-- > 0;) {
    std::vector<Ref> made;
    for (std::size_t one = 0; one < wide; ++one) {
      made.push_back(diagrams.choose(
          variable, {below[random() % below.size()], below[random() % below.size()]}));
    }
    below = std::move(made);
  }
  const Ref wanted = below.front();
  const auto next = [&](Ref left) {
    std::optional<Assignment> path(Assignment(deep, any_value));
    while (!diagrams.is_leaf(left)) {
      const auto& children = diagrams.children_of(left);
      const std::size_t value = children[0] == diagrams.leaf(0) ? 1 : 0;
      (*path)[diagrams.variable_of(left)] = value;
      left = children[value];
    }
    return path;
  };
  EXPECT_FALSE(cover(diagrams, wanted, diagrams.leaf(1), 3, next).all);
}

}  // namespace
}  // namespace postern::plan
