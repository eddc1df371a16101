// Decision diagrams with many values a variable and many results: functions from the classes of a
// dialogue to what a policy does with it (docs/plan.md, "How it is proved").
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "plan/ref_table.h"

namespace postern::plan {

/// A diagram of an arena. Equal functions are equal numbers.
using Ref = std::uint32_t;
/// A variable, by its number.
using Variable = std::uint32_t;
/// A result at the end of a diagram.
using Leaf = std::uint32_t;

/// Thrown when an arena has reached its limit, or its time is over.
struct OverBudget : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Makes diagrams that are reduced and shared: no node whose children are all the same, no two
/// nodes that are equal (Bryant 1986, with more than two children). Not thread-safe.
class Diagrams {
 public:
  /// Called every thousand nodes; throws OverBudget to stop.
  using Poll = std::function<void()>;
  /// At most `most_nodes` nodes.
  explicit Diagrams(std::size_t most_nodes = 1'000'000, Poll poll = {})
      : most_nodes_(most_nodes), poll_(std::move(poll)) {}
  Diagrams(const Diagrams&) = delete;
  Diagrams& operator=(const Diagrams&) = delete;

  /// A new variable below all others, with the values 0 to `values` - 1.
  Variable add(std::size_t values) { return add(values, static_cast<Variable>(values_.size())); }
  /// A new variable below `above` and those that were added below it, above the one that was added
  /// after `above`. What one part of the dialogue decides alone is then decided once, and not for
  /// each value of the parts below.
  Variable add(std::size_t values, Variable above);
  /// Number of values of a variable.
  std::size_t values(Variable variable) const { return values_[variable]; }
  /// Throws OverBudget if the time is over; for work between nodes.
  void poll() const {
    if (poll_) poll_();
  }
  /// Number of variables.
  std::size_t variables() const { return values_.size(); }

  /// The constant function.
  Ref leaf(Leaf value);
  /// The function that is children[k] where the variable has the value k. The children may ask any
  /// variable.
  Ref choose(Variable variable, const std::vector<Ref>& children);
  /// Combines the results of two functions, one dialogue at a time. `combine` is a pure function.
  template <class Combine>
  Ref apply(Ref a, Ref b, const Combine& combine) {
    return apply(a, b, combine, [](Leaf) { return std::optional<Leaf>(); });
  }
  /// The same. `settled`: what comes of a result of `a`, whatever that of `b` is; nullopt: that of
  /// `b` matters. `combine` is asked of the others.
  template <class Combine, class Settled>
  Ref apply(Ref a, Ref b, const Combine& combine, const Settled& settled) {
    RefTable known;
    return apply_among(a, b, combine, settled, known);
  }
  /// The function with other results. `change` is a pure function.
  template <class Change>
  Ref map(Ref a, const Change& change) {
    const Ref none = leaf(0);
    return apply(a, none, [&](Leaf value, Leaf) { return change(value); });
  }

  /// For apply(): a result that settles it.
  template <Leaf value>
  static std::optional<Leaf> is(Leaf result) {
    return result == value ? std::optional(value) : std::nullopt;
  }
  /// 1 where both are; of functions with the results 0 and 1.
  Ref both(Ref a, Ref b) {
    return apply(a, b, [](Leaf one, Leaf other) -> Leaf { return one & other; }, is<0>);
  }
  /// 1 where one of them is; of functions with the results 0 and 1.
  Ref either(Ref a, Ref b) {
    return apply(a, b, [](Leaf one, Leaf other) -> Leaf { return one | other; }, is<1>);
  }

  /// Whether it is a constant function.
  bool is_leaf(Ref ref) const { return nodes_[ref].children.empty(); }
  /// The result of a constant function.
  Leaf leaf_of(Ref ref) const { return nodes_[ref].variable; }
  /// The variable at the root of a function that is not constant.
  Variable variable_of(Ref ref) const { return nodes_[ref].variable; }
  /// The functions below the root, by the variable's value.
  const std::vector<Ref>& children_of(Ref ref) const { return nodes_[ref].children; }
  /// The place of a variable in the order: a smaller one is nearer to the root.
  std::uint64_t level_of(Variable variable) const { return levels_[variable]; }
  /// That of the variable at the root.
  std::uint64_t level(Ref ref) const {
    return is_leaf(ref) ? lowest : level_of(nodes_[ref].variable);
  }
  /// Number of nodes of the arena.
  std::size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    std::uint32_t variable = 0;  ///< of a leaf its value
    std::vector<Ref> children;   ///< none: a leaf
    bool is_like(const Node& other) const {
      return variable == other.variable && children == other.children;
    }
  };
  static std::size_t hash_of(const Node& node);

  Ref intern(Node node);
  /// A leaf is below all variables.
  static constexpr std::uint64_t lowest = static_cast<std::uint64_t>(-1);
  /// The function where `variable` has this value, if it is at the root.
  Ref below(Ref ref, Variable variable, std::size_t value) const {
    return !is_leaf(ref) && nodes_[ref].variable == variable ? nodes_[ref].children[value] : ref;
  }

  template <class Combine, class Settled>
  Ref apply_among(Ref a, Ref b, const Combine& combine, const Settled& settled, RefTable& known) {
    if (is_leaf(a)) {
      if (const std::optional<Leaf> result = settled(leaf_of(a))) return leaf(*result);
      if (is_leaf(b)) return leaf(combine(leaf_of(a), leaf_of(b)));
    }
    const std::uint64_t key = (std::uint64_t{a} << 32) | b;
    if (const Ref* found = known.find(key, [](Ref) { return true; })) return *found;
    const Variable top = nodes_[level(a) < level(b) ? a : b].variable;
    Node node{.variable = top, .children = {}};
    node.children.reserve(values_[top]);
    for (std::size_t value = 0; value < values_[top]; ++value) {
      node.children.push_back(
          apply_among(below(a, top, value), below(b, top, value), combine, settled, known));
    }
    const Ref made = intern(std::move(node));
    known.add(key, made);
    return made;
  }

  const std::size_t most_nodes_;
  const Poll poll_;
  std::vector<Node> nodes_;
  std::vector<Ref> leaves_;  ///< by value, of small ones
  std::vector<std::size_t> values_;
  std::vector<std::uint64_t> levels_;  ///< of variables
  RefTable known_;                     ///< by hash_of()
};

/// A value for each variable; `any_value` where nothing is said.
using Assignment = std::vector<std::size_t>;
/// No value.
inline constexpr std::size_t any_value = static_cast<std::size_t>(-1);
/// The diagram, with 0 where the variables have these values.
Ref without(Diagrams& diagrams, Ref diagram, const Assignment& values);

}  // namespace postern::plan
