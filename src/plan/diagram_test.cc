#include "plan/diagram.h"

#include <gtest/gtest.h>

namespace postern::plan {
namespace {

TEST(DiagramTest, EqualFunctionsAreEqualNumbers) {
  Diagrams diagrams;
  const Variable a = diagrams.add(2);
  const Variable b = diagrams.add(3);
  const Ref no = diagrams.leaf(0);
  const Ref yes = diagrams.leaf(1);
  const Ref on_a = diagrams.choose(a, {no, yes});
  const Ref on_b = diagrams.choose(b, {no, yes, yes});
  const auto both = [](Leaf one, Leaf other) -> Leaf { return one & other; };
  EXPECT_EQ(diagrams.apply(on_a, on_b, both), diagrams.apply(on_b, on_a, both));
  EXPECT_EQ(diagrams.choose(a, {yes, yes}), yes);
  // The order in which variables are chosen does not matter.
  EXPECT_EQ(diagrams.choose(b, {no, on_a, on_a}), diagrams.choose(a, {no, on_b}));
}

TEST(DiagramTest, ResultsMayBeAnyNumber) {
  Diagrams diagrams;
  const Variable a = diagrams.add(3);
  const Ref digits = diagrams.choose(a, {diagrams.leaf(3), diagrams.leaf(1), diagrams.leaf(2)});
  const Ref sum = diagrams.apply(digits, digits, [](Leaf x, Leaf y) -> Leaf { return x + y; });
  EXPECT_EQ(diagrams.leaf_of(diagrams.children_of(sum)[0]), 6u);
  EXPECT_EQ(diagrams.leaf_of(diagrams.children_of(sum)[2]), 4u);
  EXPECT_EQ(diagrams.map(digits, [](Leaf) -> Leaf { return 7; }), diagrams.leaf(7));
}

TEST(DiagramTest, VariablesThatComeLaterAreBelow) {
  Diagrams diagrams;
  const Variable a = diagrams.add(2);
  const Ref before = diagrams.choose(a, {diagrams.leaf(0), diagrams.leaf(1)});
  const Variable b = diagrams.add(2);
  const Ref after = diagrams.choose(b, {before, diagrams.leaf(1)});
  EXPECT_EQ(diagrams.variable_of(after), a);
  EXPECT_EQ(diagrams.variable_of(diagrams.children_of(after)[0]), b);
}

TEST(DiagramTest, ABudgetOfNodesStopsIt) {
  Diagrams diagrams(10);
  const Variable a = diagrams.add(20);
  std::vector<Ref> children;
  EXPECT_THROW(
      {
        for (Leaf value = 0; value < 20; ++value) children.push_back(diagrams.leaf(value));
        diagrams.choose(a, children);
      },
      OverBudget);
}

TEST(DiagramTest, APollStopsIt) {
  int polls = 0;
  Diagrams diagrams(1'000'000, [&] {
    if (++polls == 3) throw OverBudget("budget_time");
  });
  EXPECT_THROW(
      {
        for (Leaf value = 0; value < 10'000; ++value) diagrams.leaf(value);
      },
      OverBudget);
  EXPECT_EQ(polls, 3);
}

}  // namespace
}  // namespace postern::plan
