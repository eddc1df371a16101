#include "plan/diagram.h"

#include <algorithm>
#include <map>

namespace postern::plan {

namespace {

constexpr std::size_t poll_every = 1000;  // nodes

}  // namespace

std::size_t Diagrams::Hash::operator()(const Node& node) const {
  std::size_t hash = node.variable * 0x9e3779b97f4a7c15u + node.children.size();
  for (const Ref child : node.children) hash = (hash ^ child) * 0x100000001b3u + (hash >> 29);
  return hash;
}

Variable Diagrams::add(std::size_t values) {
  values_.push_back(values);
  return static_cast<Variable>(values_.size() - 1);
}

Ref Diagrams::leaf(Leaf value) { return intern({.variable = value, .children = {}}); }

Ref Diagrams::intern(Node node) {
  if (!node.children.empty() &&
      std::ranges::all_of(node.children, [&](Ref one) { return one == node.children.front(); })) {
    return node.children.front();
  }
  if (const auto found = known_.find(node); found != known_.end()) return found->second;
  if (nodes_.size() >= most_nodes_) throw OverBudget("budget_nodes");
  if (poll_ && nodes_.size() % poll_every == 0) poll_();
  const auto ref = static_cast<Ref>(nodes_.size());
  nodes_.push_back(node);
  known_.emplace(std::move(node), ref);
  return ref;
}

Ref Diagrams::choose(Variable variable, const std::vector<Ref>& children) {
  std::map<std::vector<Ref>, Ref> known;
  const std::function<Ref(const std::vector<Ref>&)> build = [&](const std::vector<Ref>& of) -> Ref {
    std::uint64_t top = variable;
    for (const Ref child : of) top = std::min(top, level(child));
    if (top == variable) {
      Node node{.variable = variable, .children = {}};
      for (std::size_t value = 0; value < of.size(); ++value) {
        node.children.push_back(below(of[value], variable, value));
      }
      return intern(std::move(node));
    }
    if (const auto found = known.find(of); found != known.end()) return found->second;
    Node node{.variable = static_cast<Variable>(top), .children = {}};
    for (std::size_t value = 0; value < values_[top]; ++value) {
      std::vector<Ref> where;
      where.reserve(of.size());
      for (const Ref child : of) where.push_back(below(child, node.variable, value));
      node.children.push_back(build(where));
    }
    const Ref made = intern(std::move(node));
    known.emplace(of, made);
    return made;
  };
  return build(children);
}

Ref without(Diagrams& diagrams, Ref diagram, const Assignment& values) {
  Ref cube = diagrams.leaf(1);
  for (std::size_t variable = values.size(); variable-- > 0;) {
    if (values[variable] == any_value) continue;
    std::vector<Ref> children(diagrams.values(static_cast<Variable>(variable)), diagrams.leaf(0));
    children[values[variable]] = cube;
    cube = diagrams.choose(static_cast<Variable>(variable), children);
  }
  return diagrams.apply(diagram, cube, [](Leaf is, Leaf out) -> Leaf { return out == 1 ? 0 : is; });
}

}  // namespace postern::plan
