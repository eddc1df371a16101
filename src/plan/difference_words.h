// Cubes of dialogues in words (docs/plan.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/compile.h"
#include "plan/cubes.h"

namespace postern::plan {

/// Dialogues in which two versions differ: one condition on each part.
struct Difference {
  /// What a part of the dialogue, or the answer to a question, must be.
  struct Part {
    std::string name;                 ///< "sender", "answer of inet:127.0.0.1:10023 to RCPT"
    bool negated = false;             ///< anything but these values
    std::vector<std::string> values;  ///< in words
    bool is_answer = false;           ///< of others, to a question
  };
  std::vector<Part> conditions;  ///< all of them hold; what is not here may be anything
};

/// Words for dialogues of a cube.
struct CubeWords {
  std::optional<Difference> said;  ///< nullopt: there are no words for it
  bool whole = true;               ///< nothing of the cube is left out
};
/// Says nothing that is not in the cube. `among`: of some parts, the values that are spoken of; of
/// others nothing is said. `helo_required`: both versions refuse all without HELO, so nothing is
/// said of that.
CubeWords words_of(const Vocabulary& vocabulary, const Cube& cube, const Cube& among,
                   bool helo_required);

}  // namespace postern::plan
