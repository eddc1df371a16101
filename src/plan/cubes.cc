#include "plan/cubes.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <ranges>
#include <set>
#include <unordered_map>

namespace postern::plan {

namespace {

/// The most diagrams that are looked at for one cover.
constexpr std::size_t most_steps = 20'000;

class Finder {
 public:
  /// `inside`: 1 where a cube may be.
  Finder(Diagrams& diagrams, Ref inside) : diagrams_(diagrams), inside_(inside) {}

  /// A cube around a path to which no value can be added; nullopt: it needs too many steps.
  std::optional<Cube> around(const Assignment& path) {
    Cube cube;
    for (std::size_t variable = 0; variable < path.size(); ++variable) {
      if (path[variable] == any_value) continue;
      std::vector<bool>& values = cube[static_cast<Variable>(variable)];
      values.assign(diagrams_.values(static_cast<Variable>(variable)), false);
      values[path[variable]] = true;
    }
    // Questions come after the parts of the dialogue, and are widened first: a condition on what
    // the client says tells more.
    for (auto& [variable, values] : std::views::reverse(cube)) {
      std::unordered_map<Ref, Ref> known;
      const Ref by_value = holds(inside_, variable, cube, known);
      if (steps_ > most_steps) return std::nullopt;
      for (std::size_t value = 0; value < values.size(); ++value) {
        const Ref here =
            diagrams_.is_leaf(by_value) ? by_value : diagrams_.children_of(by_value)[value];
        values[value] = here == diagrams_.leaf(1);
      }
    }
    std::erase_if(cube, [](const auto& one) {
      return std::ranges::find(one.second, false) == one.second.end();
    });
    return cube;
  }

 private:
  /// 1 for the values of `variable` for which `ref` is 1 whatever the other variables have that the
  /// cube lets them have.
  Ref holds(Ref ref, Variable variable, const Cube& cube, std::unordered_map<Ref, Ref>& known) {
    if (diagrams_.is_leaf(ref)) return ref;
    if (const auto found = known.find(ref); found != known.end()) return found->second;
    // What is not remembered would be looked at again and again.
    if (steps_ > most_steps) return diagrams_.leaf(1);
    const std::vector<Ref> children = diagrams_.children_of(ref);
    const Variable top = diagrams_.variable_of(ref);
    std::vector<Ref> below;
    if (top == variable) {
      for (const Ref child : children) below.push_back(holds(child, variable, cube, known));
      steps_ += std::set<Ref>(children.begin(), children.end()).size();
    } else {
      const auto among = cube.find(top);
      for (std::size_t value = 0; value < children.size(); ++value) {
        if (among != cube.end() && !among->second[value]) continue;
        below.push_back(holds(children[value], variable, cube, known));
      }
      std::ranges::sort(below);
      const auto twice = std::ranges::unique(below);
      below.erase(twice.begin(), twice.end());
      steps_ += below.size();
    }
    Ref made = diagrams_.leaf(1);
    if (steps_ > most_steps) return made;
    if (top == variable) {
      made = diagrams_.choose(variable, below);
    } else {
      for (const Ref one : below) made = diagrams_.both(made, one);
    }
    known.emplace(ref, made);
    return made;
  }

  Diagrams& diagrams_;
  const Ref inside_;
  std::size_t steps_ = 0;
};

/// 1 in the cube.
Ref diagram_of(Diagrams& diagrams, const Cube& cube) {
  Ref made = diagrams.leaf(1);
  for (const auto& [variable, values] : std::views::reverse(cube)) {
    std::vector<Ref> children;
    for (const bool has : values) children.push_back(has ? made : diagrams.leaf(0));
    made = diagrams.choose(variable, children);
  }
  return made;
}

/// `left`, but 0 in the cube.
Ref without_cube(Diagrams& diagrams, Ref left, Ref cube) {
  return diagrams.apply(left, cube, [](Leaf is, Leaf out) -> Leaf { return out == 1 ? 0 : is; });
}

}  // namespace

Cover cover(Diagrams& diagrams, Ref wanted, Ref possible, std::size_t most,
            const std::function<std::optional<Assignment>(Ref& left)>& next) {
  Cover found;
  Finder finder(diagrams, diagrams.apply(wanted, possible, [](Leaf is, Leaf can) -> Leaf {
    return is == 1 || can == 0 ? 1 : 0;
  }));
  Ref left = wanted;
  while (left != diagrams.leaf(0) && found.cubes.size() < most) {
    const std::optional<Assignment> path = next(left);
    if (!path) break;
    const std::optional<Cube> cube = finder.around(*path);
    if (!cube) break;
    left = without_cube(diagrams, left, diagram_of(diagrams, *cube));
    found.cubes.push_back(*cube);
  }
  found.all = left == diagrams.leaf(0);
  return found;
}

Cube values_in(const Diagrams& diagrams, Ref diagram, const std::set<Variable>& variables) {
  std::map<std::uint64_t, std::vector<bool>> seen;  // by the place in the order
  for (const Variable variable : variables) {
    seen[diagrams.level_of(variable)].assign(diagrams.values(variable), false);
  }
  // What stands between a node and its child may have any value.
  const auto skip = [&](auto one, std::uint64_t to) {
    for (; one != seen.end() && one->first < to; ++one)
      one->second.assign(one->second.size(), true);
  };
  skip(seen.begin(), diagrams.level(diagram));
  std::set<Ref> known{diagram};
  std::vector<Ref> open{diagram};
  while (!open.empty()) {
    const Ref here = open.back();
    open.pop_back();
    if (diagrams.is_leaf(here)) continue;
    const auto mine = seen.find(diagrams.level(here));
    const auto below = seen.upper_bound(diagrams.level(here));
    const std::vector<Ref>& children = diagrams.children_of(here);
    for (std::size_t value = 0; value < children.size(); ++value) {
      if (diagrams.is_leaf(children[value]) && diagrams.leaf_of(children[value]) == 0) continue;
      if (mine != seen.end()) mine->second[value] = true;
      if (known.insert(children[value]).second) open.push_back(children[value]);
    }
    for (const Ref child : std::set<Ref>(children.begin(), children.end())) {
      if (known.contains(child)) skip(below, diagrams.level(child));
    }
  }
  Cube found;
  for (const Variable variable : variables) {
    found[variable] = std::move(seen.at(diagrams.level_of(variable)));
  }
  return found;
}

bool narrow(Diagrams& diagrams, Ref& left, const Cube& usual, Cube& cube) {
  const Ref inside = diagram_of(diagrams, cube);
  const Ref here = diagrams.both(left, inside);
  if (here == diagrams.leaf(0)) return false;
  left = without_cube(diagrams, left, inside);
  std::set<Variable> variables;
  for (const auto& [variable, values] : usual) variables.insert(variable);
  for (const auto& [variable, values] : cube) variables.insert(variable);
  for (auto& [variable, has] : values_in(diagrams, here, variables)) {
    constexpr std::ptrdiff_t few = 4;
    const std::ptrdiff_t count = std::ranges::count(has, true);
    const bool is_told = count <= few && 2 * count < std::ssize(has) && usual.contains(variable) &&
                         has != usual.at(variable);
    if (is_told || cube.contains(variable)) cube[variable] = std::move(has);
  }
  return true;
}

}  // namespace postern::plan
