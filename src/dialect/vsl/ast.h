// The syntax tree of `.vsl`. There is one node type; the meaning of its members depends on its
// kind.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/source.h"

namespace postern::dialect::vsl {

/// The kind of a node, with the members that it uses.
enum class Kind : std::uint8_t {
  // Expressions. The comment names the members in use. A node in [brackets] may be null, but keeps
  // its index.
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
  binary,       ///< text: operator, `is` and `not` as "==" and "!="; nodes: left, right
  block,        ///< nodes: statements; its value is that of the last one
  if_else,      ///< nodes: condition, block, [block or if_else]
  switch_case,  ///< nodes: value; then `arms`
  directive,    ///< text: its name; word: "rule", "action", "delegate"; nodes: body, [service]
  object,       ///< text: name, empty: only a value; word: type; content: of a file; nodes: value
  service,      ///< text: name; word: kind; content: database type; nodes: options
  // Statements. An expression used as a statement has no extra node.
  let,            ///< text: name; flag: const; nodes: [value]
  export_let,     ///< nodes: a `let`
  export_name,    ///< text: name; word: alias
  import,         ///< text: alias, may be empty; nodes: path; file: when the path is a literal
  assign,         ///< text: "=", "+=", ...; nodes: target (variable, index, property), value
  while_loop,     ///< nodes: condition, block
  loop,           ///< nodes: block
  do_loop,        ///< nodes: block, condition; flag: `until`
  for_loop,       ///< names: one or two variables; nodes: what, block
  return_value,   ///< nodes: [value]
  break_loop,     ///< nodes: [value]
  continue_loop,  ///< no members
  throw_value,    ///< nodes: [value]
  try_catch,      ///< text: variable, may be empty; nodes: block, block
};

struct Node;
/// A child; null only where Kind says so.
using NodePtr = std::unique_ptr<Node>;

/// One `pattern => body` of a switch.
struct Arm {
  std::vector<NodePtr> patterns;  ///< alternatives; empty: `_`
  NodePtr guard;                  ///< null: there is none
  NodePtr body;                   ///< an expression
};

/// An identifier and its place.
struct Name {
  std::string text;  ///< UTF-8
  Position at;       ///< of its first character
};

/// A node of the tree.
struct Node {
  Kind kind;    ///< determines which members are in use
  Position at;  ///< for errors: the operator of binary and assign, the name of method and property,
                ///< the bracket of index, else the first token
  std::string text;                 ///< see Kind
  Position text_at;                 ///< the name in directive, object, service, let, import
  std::string word;                 ///< see Kind
  Position word_at;                 ///< the place of `word`
  std::string content;              ///< see Kind
  bool flag = false;                ///< see Kind
  std::int64_t integer = 0;         ///< the value of an integer
  double real = 0;                  ///< the value of a real
  std::vector<std::string> path;    ///< the names before `::`
  std::vector<Name> names;          ///< parameters, loop variables, keys of a map
  std::vector<NodePtr> nodes;       ///< the children, see Kind
  std::vector<Arm> arms;            ///< of a switch
  std::optional<std::size_t> file;  ///< of an import: its index in Sources::files
  /// The height of the subtree. The parser keeps it within max_height, so that walking and
  /// destroying a tree may recurse.
  std::uint16_t height = 1;
};
/// The largest Node::height.
inline constexpr std::uint16_t max_height = 512;

/// A function declared with `fn`.
struct Function {
  std::string name;              ///< overloads differ in the number of parameters
  std::vector<Name> parameters;  ///< in order
  NodePtr body;                  ///< a block
  bool is_private = false;       ///< `private fn`: importers do not see it
  Position at;                   ///< of its name
};

/// One file. A `map` at the top level holds the rules of the stages (docs/vsl.md, "A policy"). If
/// the stages are written without `#{ }`, the parser makes that node.
struct File {
  std::string name;                 ///< relative to the policy directory
  std::string text;                 ///< the source, UTF-8
  std::vector<Function> functions;  ///< in the order of the text
  std::vector<NodePtr> body;        ///< the top-level statements
};

/// The files of a policy, each once. Imports form no cycle.
struct Sources {
  std::vector<File> files;  ///< the first one is the entry file
};

}  // namespace postern::dialect::vsl
