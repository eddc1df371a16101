// From syntax trees to one Lua text.
//
// Every name of a script is a slot or a text in quotes, never a word of Lua. All control flow is
// `goto` and every function stands at the top of the text, so that nothing nests: Lua's limits on
// locals, registers and nesting do not reach scripts. A line holds one operation, so that the line
// of an error says which one failed.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dialect/vsl/ast.h"
#include "dialect/vsl/library.h"

namespace postern::dialect::vsl {

struct Place {
  std::uint32_t file = 0;  ///< index in Sources::files
  Position at;             ///< line 0: the line is the compiler's own
};

/// A rule, an action or a delegation of a stage.
struct Directive {
  enum class Kind : std::uint8_t { rule, action, delegate };
  policy::Stage stage = policy::Stage::connect;
  Kind kind = Kind::rule;
  std::string name;
  std::string file;  ///< relative to the policy directory
  Position at;
  /// "main.vsl:3:5".
  std::string place() const { return place_text(file, at); }
};
std::string_view to_string(Directive::Kind kind);

struct Compiled {
  std::string text;
  std::vector<Place> lines;  ///< of the text's lines, the first at 0
  /// By stage, and in a stage as they stand in the entry file; its function is called by the index.
  std::vector<Directive> directives;
};

/// What a host function takes; see signature_of().
using FindFunction = std::function<Signature(std::string_view name)>;

/// Names that nothing defines are errors when they are reached. Stages are as check_stages() wants
/// them. What keeps it from compiling: a function of more than 100 parameters.
tl::expected<Compiled, Mistake> compile(const Sources& sources, const FindFunction& find);

/// "preq" is Stage::message; accepts old spellings ("deliver").
std::optional<policy::Stage> stage_named(std::string_view word);
/// "preq"; empty: scripts have no such stage.
std::string_view word_of(policy::Stage stage);

}  // namespace postern::dialect::vsl
