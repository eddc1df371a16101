#include "plan/diagram.h"

#include <chrono>

#include <gtest/gtest.h>

#include "base/growth_test.h"

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

TEST(DiagramTest, AVariableMayBelongToAnother) {
  Diagrams diagrams;
  const Variable a = diagrams.add(2);
  const Variable b = diagrams.add(2);
  const Variable of_a = diagrams.add(2, a);
  const Variable more_of_a = diagrams.add(2, a);
  const Ref no = diagrams.leaf(0);
  const Ref yes = diagrams.leaf(1);
  const auto is = [&](Variable one) { return diagrams.choose(one, {no, yes}); };
  // However it is put together: a, of_a, more_of_a, b.
  const Ref all =
      diagrams.both(diagrams.both(is(b), is(more_of_a)), diagrams.both(is(of_a), is(a)));
  EXPECT_EQ(all, diagrams.choose(
                     b, {no, diagrams.choose(a, {no, diagrams.both(is(of_a), is(more_of_a))})}));
  std::vector<Variable> order;
  for (Ref at = all; !diagrams.is_leaf(at); at = diagrams.children_of(at)[1]) {
    order.push_back(diagrams.variable_of(at));
  }
  EXPECT_EQ(order, (std::vector<Variable>{a, of_a, more_of_a, b}));
  Assignment out(diagrams.variables(), any_value);
  out[b] = out[of_a] = 1;
  EXPECT_EQ(without(diagrams, all, out), no);
}

// Of a part with many values of which few functions come, the work is for the functions.
TEST(DiagramTest, ChoosingAmongFewFunctionsIsCheap) {
  const auto choose = [](std::size_t many) {
    Diagrams diagrams;
    const Variable a = diagrams.add(many);
    const Variable b = diagrams.add(many);
    std::vector<Ref> leaves;
    for (std::size_t i = 0; i < many; ++i) leaves.push_back(diagrams.leaf(i % 3));
    const Ref of_a = diagrams.choose(a, leaves);
    std::vector<Ref> children;
    for (std::size_t i = 0; i < many; ++i) children.push_back(i % 2 == 0 ? of_a : diagrams.leaf(7));
    const Ref made = diagrams.choose(b, children);
    EXPECT_EQ(diagrams.variable_of(made), a);
    EXPECT_EQ(diagrams.size(), 9u);
  };
  // Without that, 400 million steps, sixteen times as many as for a quarter of the values.
  EXPECT_LT(tests::growth(5'000, choose), 9);
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
