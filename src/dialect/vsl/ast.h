// The syntax tree of `.vsl`. One node type whose children's meaning is that of its kind: compiler
// and lint both walk it, and neither needs more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/source.h"

namespace postern::dialect::vsl {

enum class Kind : std::uint8_t {
  // Expressions. `text`, `path` and `nodes` are what the comment names; [x] is null
  // where there is none, its place is there.
  integer,      ///< number: `integer`
  real,         ///< `real`
  string,       ///< text: the value, UTF-8
  boolean,      ///< `flag`
  unit,         ///< `()`
  interpolate,  ///< back-tick string; nodes: `string` literals and `block`s in their order
  variable,     ///< path::text
  call,         ///< path::text(nodes...)
  index,        ///< nodes: value, key
  property,     ///< nodes: value; text: name; flag: `?.`
  method,       ///< nodes: value, arguments...; text: name; flag: `?.`
  array,        ///< nodes: elements
  map,          ///< keys: names; nodes: values
  closure,      ///< names: parameters; nodes: one statement
  unary,        ///< text: "!", "-", "+"; nodes: operand
  binary,       ///< text: operator, `is` and `not` spelt "==" and "!="; nodes: left, right
  block,        ///< nodes: statements. Its value is that of the last one
  if_else,      ///< nodes: condition, block, [block or if_else]
  switch_case,  ///< nodes: value; then `arms`
  directive,    ///< text: its name; word: "rule", "action", "delegate"; nodes: body, [service]
  object,       ///< text: name; word: type; content: of a file; nodes: value
  service,      ///< text: name; word: kind; content: database type; nodes: options
  // Statements. A statement that is an expression is just that expression.
  let,           ///< text: name; flag: const; nodes: [value]
  export_let,    ///< nodes: a `let`
  export_name,   ///< text: name; word: alias
  import,        ///< text: alias, may be empty; nodes: path; file: when the path is a literal
  assign,        ///< text: "=", "+=", ...; nodes: target (variable, index, property), value
  while_loop,    ///< nodes: condition, block
  loop,          ///< nodes: block
  do_loop,       ///< nodes: block, condition; flag: `until`
  for_loop,      ///< names: one or two variables; nodes: what, block
  return_value,  ///< nodes: [value]
  break_loop,    ///< nodes: [value]
  continue_loop,
  throw_value,  ///< nodes: [value]
  try_catch,    ///< text: variable, may be empty; nodes: block, block
};

struct Node;
using NodePtr = std::unique_ptr<Node>;

/// One arm of a switch: `patterns` empty for `_`.
struct Arm {
  std::vector<NodePtr> patterns;
  NodePtr guard;  ///< null: none
  NodePtr body;
};

struct Name {
  std::string text;
  Position at;
};

struct Node {
  Kind kind;
  Position at;  ///< the token to blame: of binary and assign the operator, of method and property
                ///< the name, of index the bracket, else where it begins
  std::string text;
  Position text_at;  ///< of the name in directive, object, service, let, import
  std::string word;
  Position word_at;
  std::string content;
  bool flag = false;
  std::int64_t integer = 0;
  double real = 0;
  std::vector<std::string> path;  ///< in front of `::`
  std::vector<Name> names;        ///< parameters, loop variables, keys of a map
  std::vector<NodePtr> nodes;
  std::vector<Arm> arms;
  std::optional<std::size_t> file;  ///< of import: index in Sources::files
  /// Of the tree that begins here. The parser keeps it within max_height, so that walking and
  /// destroying a tree may recurse.
  std::uint16_t height = 1;
};
inline constexpr std::uint16_t max_height = 512;

struct Function {
  std::string name;
  std::vector<Name> parameters;
  NodePtr body;  ///< a block
  bool is_private = false;
  Position at;
};

/// One file. A top-level statement that is a `map` is a stage map, and so are bare stage entries,
/// which the parser makes one of.
struct File {
  std::string name;  ///< relative to the policy directory
  std::string text;
  std::vector<Function> functions;
  std::vector<NodePtr> body;
};

/// A policy's files, each once; the first is the entry file. Imports form no cycle.
struct Sources {
  std::vector<File> files;
};

}  // namespace postern::dialect::vsl
