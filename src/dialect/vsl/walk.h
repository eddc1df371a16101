// Visits the nodes of a tree. Recursion is bounded by max_height.
#pragma once

#include "dialect/vsl/ast.h"

namespace postern::dialect::vsl {

/// Calls `visit` with each child that is not null, in the order of the text, except that the body
/// of a `delegate` comes before its service.
template <class N, class Visit>
void for_each_child(N& node, const Visit& visit) {
  for (auto& child : node.nodes) {
    if (child) visit(*child);
  }
  for (auto& arm : node.arms) {
    for (auto& pattern : arm.patterns) visit(*pattern);
    if (arm.guard) visit(*arm.guard);
    visit(*arm.body);
  }
}

/// Visits the node and all nodes below it. N: Node or const Node.
template <class N, class Visit>
void for_each_node(N& node, const Visit& visit) {
  visit(node);
  for_each_child(node, [&](auto& child) { for_each_node(child, visit); });
}

/// Visits every node of a file.
template <class F, class Visit>
void for_each_node_of(F& file, const Visit& visit) {
  for (auto& function : file.functions) for_each_node(*function.body, visit);
  for (auto& statement : file.body) for_each_node(*statement, visit);
}

}  // namespace postern::dialect::vsl
