// A parsed template; shared by its parser and its renderer.
#pragma once

#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace postern::deliver {

struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
};

enum class TemplateFunction { none, json, eq, fallback, index };

struct TemplateCommand;
/// Commands joined by "|": each value is the last argument of the next one.
using TemplatePipeline = std::vector<TemplateCommand>;

struct TemplateOperand {
  enum class Kind { field, root_field, literal, pipeline };
  Kind kind = Kind::field;
  std::vector<std::string> path;  ///< of a field; empty is "." or "$"
  boost::json::value literal;
  TemplatePipeline pipeline;  ///< in parentheses, and `path` is taken of its value
  Place place;
};

/// A function and its arguments, or one operand alone.
struct TemplateCommand {
  TemplateFunction function = TemplateFunction::none;
  std::vector<TemplateOperand> operands;
  Place place;
};

struct TemplateNode {
  enum class Kind { text, output, conditional, range, with };
  Kind kind = Kind::text;
  std::string text;
  TemplatePipeline pipeline;
  std::vector<TemplateNode> body;
  std::vector<TemplateNode> otherwise;
  Place place;
};

struct TemplateTree {
  std::vector<TemplateNode> nodes;
};

}  // namespace postern::deliver
