// Compiles syntax trees to one Lua text.
//
// Every name of a script becomes a slot or a quoted string, never a name in Lua. All control flow
// is `goto`, and all functions are at the top of the text, so that nothing nests: Lua's limits on
// locals, registers and nesting do not apply to scripts. A line holds one operation, so that the
// line of an error identifies it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dialect/vsl/ast.h"
#include "dialect/vsl/library.h"

namespace postern::dialect::vsl {

/// A place in a source file.
struct Place {
  std::uint32_t file = 0;  ///< index in Sources::files
  Position at;             ///< line 0: generated code without a source
};

/// A rule, an action or a delegation of a stage.
struct Directive {
  /// The word that declares it.
  enum class Kind : std::uint8_t { rule, action, delegate };
  policy::Stage stage = policy::Stage::connect;  ///< when it runs
  Kind kind = Kind::rule;                        ///< see Kind
  std::string name;                              ///< unique over all stages
  std::string file;                              ///< relative to the policy directory
  Position at;                                   ///< of its name
  /// Its place, "main.vsl:3:5".
  std::string place() const { return place_text(file, at); }
};
/// "rule", "action" or "delegate".
std::string_view to_string(Directive::Kind kind);

/// The result of compile().
struct Compiled {
  std::string text;          ///< the Lua text
  std::vector<Place> lines;  ///< the source of each line of `text`; index 0 is the first line
  /// By stage, then in the order of the entry file. The index identifies the directive's function.
  std::vector<Directive> directives;
};

/// Finds a host function by name; see signature_of().
using FindFunction = std::function<Signature(std::string_view name)>;

/// Compiles the files. The stages must have passed check_stages(). An undefined name is an error at
/// run time only. The error is a function with more than most_parameters parameters.
tl::expected<Compiled, Mistake> compile(const Sources& sources, const FindFunction& find);

/// The stage that a word names: "preq" is Stage::message. Accepts old spellings ("deliver").
/// nullopt: unknown.
std::optional<policy::Stage> stage_named(std::string_view word);
/// The word for a stage, "preq"; empty: scripts have no such stage.
std::string_view word_of(policy::Stage stage);

}  // namespace postern::dialect::vsl
