#include "plan/diagram.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

namespace postern::plan {

namespace {

constexpr std::size_t poll_every = 1000;  // nodes
constexpr Ref no_node = static_cast<Ref>(-1);

}  // namespace

std::size_t Diagrams::hash_of(const Node& node) {
  const std::string_view octets(reinterpret_cast<const char*>(node.children.data()),
                                node.children.size() * sizeof(Ref));
  return std::hash<std::string_view>()(octets) + node.variable * 0x9e3779b97f4a7c15u;
}

Variable Diagrams::add(std::size_t values, Variable above) {
  const auto made = static_cast<Variable>(values_.size());
  values_.push_back(values);
  const std::uint64_t group = above == made ? made : levels_[above] >> 32;
  levels_.push_back(group << 32 | made);
  return made;
}

Ref Diagrams::leaf(Leaf value) {
  constexpr Leaf small = 4096;
  if (value < leaves_.size() && leaves_[value] != no_node) return leaves_[value];
  const Ref made = intern({.variable = value, .children = {}});
  if (value >= small) return made;
  if (value >= leaves_.size()) leaves_.resize(value + 1, no_node);
  return leaves_[value] = made;
}

Ref Diagrams::intern(Node node) {
  if (!node.children.empty() &&
      std::ranges::all_of(node.children, [&](Ref one) { return one == node.children.front(); })) {
    return node.children.front();
  }
  const std::size_t hash = hash_of(node);
  const auto is_it = [&](Ref ref) { return node.is_like(nodes_[ref]); };
  if (const Ref* found = known_.find(hash, is_it)) return *found;
  if (nodes_.size() >= most_nodes_) throw OverBudget("budget_nodes");
  if (poll_ && nodes_.size() % poll_every == 0) poll_();
  const auto ref = static_cast<Ref>(nodes_.size());
  nodes_.push_back(std::move(node));
  known_.add(hash, ref);
  return ref;
}

Ref Diagrams::choose(Variable variable, const std::vector<Ref>& children) {
  // The work is for each function, not for each value that has it.
  std::vector<Ref> functions;
  std::vector<std::size_t> function_of;  // by value
  std::unordered_map<Ref, std::size_t> numbers;
  for (const Ref child : children) {
    const auto [number, is_new] = numbers.emplace(child, functions.size());
    if (is_new) functions.push_back(child);
    function_of.push_back(number->second);
  }
  std::map<std::vector<Ref>, Ref> known;
  const std::function<Ref(const std::vector<Ref>&)> build = [&](const std::vector<Ref>& of) -> Ref {
    if (const auto found = known.find(of); found != known.end()) return found->second;
    Variable top = variable;
    for (const Ref child : of) {
      if (level(child) < levels_[top]) top = nodes_[child].variable;
    }
    Node node{.variable = top, .children = {}};
    node.children.reserve(values_[top]);
    std::vector<Ref> where(of.size());
    for (std::size_t value = 0; value < values_[top]; ++value) {
      if (top == variable) {
        node.children.push_back(below(of[function_of[value]], variable, value));
        continue;
      }
      for (std::size_t at = 0; at < of.size(); ++at) where[at] = below(of[at], top, value);
      node.children.push_back(build(where));
    }
    const Ref made = intern(std::move(node));
    known.emplace(of, made);
    return made;
  };
  return build(functions);
}

Ref without(Diagrams& diagrams, Ref diagram, const Assignment& values) {
  Ref cube = diagrams.leaf(1);
  for (std::size_t variable = values.size(); variable-- > 0;) {
    if (values[variable] == any_value) continue;
    std::vector<Ref> children(diagrams.values(static_cast<Variable>(variable)), diagrams.leaf(0));
    children[values[variable]] = cube;
    cube = diagrams.choose(static_cast<Variable>(variable), children);
  }
  return diagrams.apply(
      diagram, cube, [](Leaf is, Leaf out) -> Leaf { return out == 1 ? 0 : is; }, Diagrams::is<0>);
}

}  // namespace postern::plan
