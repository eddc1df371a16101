// The tree of a parsed template, for parser and renderer.
#pragma once

#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace postern::deliver {

/// A position in the template; both count from 1.
struct Place {
  std::size_t line = 1;    ///< from 1
  std::size_t column = 1;  ///< octets, from 1
};

/// The functions of templates; `fallback` is "default".
enum class TemplateFunction { none, json, eq, fallback, index };

struct TemplateCommand;
/// Commands joined by "|": the value of each is the last argument of the next.
using TemplatePipeline = std::vector<TemplateCommand>;

/// An operand of a command.
struct TemplateOperand {
  /// `root_field` begins with "$".
  enum class Kind { field, root_field, literal, pipeline };
  Kind kind = Kind::field;        ///< which member is used
  std::vector<std::string> path;  ///< of a field; empty: "." or "$"
  boost::json::value literal;     ///< a string or a number
  TemplatePipeline pipeline;      ///< in parentheses; `path` is applied to its value
  Place place;                    ///< for error messages
};

/// A function with its arguments, or a single operand.
struct TemplateCommand {
  TemplateFunction function = TemplateFunction::none;  ///< none: a single operand
  std::vector<TemplateOperand> operands;               ///< the arguments
  Place place;                                         ///< for error messages
};

/// Text, or an action with its blocks.
struct TemplateNode {
  /// What a node does.
  enum class Kind { text, output, conditional, range, with };
  Kind kind = Kind::text;               ///< which members are used
  std::string text;                     ///< of Kind::text
  TemplatePipeline pipeline;            ///< output, condition, or what to range over
  std::vector<TemplateNode> body;       ///< of the block
  std::vector<TemplateNode> otherwise;  ///< of {{else}}
  Place place;                          ///< for error messages
};

/// The root.
struct TemplateTree {
  std::vector<TemplateNode> nodes;  ///< in order
};

}  // namespace postern::deliver
