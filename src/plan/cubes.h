// Where a diagram is 1, as a few conditions on each variable (docs/plan.md).
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "plan/diagram.h"

namespace postern::plan {

/// A set of assignments: for each variable the values that it may have, by value. A variable that
/// is not here may have any.
using Cube = std::map<Variable, std::vector<bool>>;

/// Cubes that lie wholly where a diagram is 1.
struct Cover {
  std::vector<Cube> cubes;
  bool all = false;  ///< whether the diagram is 1 nowhere else
};

/// Covers `wanted` by `most` cubes at most. Both diagrams have the results 0 and 1; `wanted` is 1
/// only where `possible` is, and where that is 0 it does not matter what a cube has. Each cube is
/// made from a path that `next` finds to a 1 of what is left, and is as large as no value can be
/// added to. `next` may take out what is not wanted after all; nullopt: it gives up. Throws
/// OverBudget, and gives up itself when it has needed too many steps.
Cover cover(Diagrams& diagrams, Ref wanted, Ref possible, std::size_t most,
            const std::function<std::optional<Assignment>(Ref& left)>& next);

/// For each of the variables the values that assignments with 1 in the diagram have. It is 1
/// somewhere.
Cube values_in(const Diagrams& diagrams, Ref diagram, const std::set<Variable>& variables);

/// Makes a cube say more about the assignments in it that are 1 in `left`, and takes these out of
/// that: values that none of them has are left out of the cube, and variables come in of which they
/// have few, and fewer than `usual` has. False: there are no such assignments. Throws OverBudget.
bool narrow(Diagrams& diagrams, Ref& left, const Cube& usual, Cube& cube);

}  // namespace postern::plan
