// Syntax trees as S-expressions, for tests.
#pragma once

#include <string>

#include "dialect/vsl/ast.h"
#include "dialect/vsl/parser.h"

namespace postern::dialect::vsl {

inline std::string shown(const Node* node);

inline std::string joined(const std::vector<NodePtr>& nodes) {
  std::string text;
  for (const NodePtr& one : nodes) text += (text.empty() ? "" : " ") + shown(one.get());
  return text;
}

inline std::string names_text(const std::vector<Name>& names) {
  std::string text;
  for (const Name& one : names) text += (text.empty() ? "" : " ") + one.text;
  return text;
}

inline std::string path_text(const Node& node) {
  std::string text;
  for (const std::string& one : node.path) text += one + "::";
  return text + node.text;
}

inline std::string arms_text(const Node& node) {
  std::string text;
  for (const Arm& arm : node.arms) {
    text += " [" + (arm.patterns.empty() ? "_" : joined(arm.patterns));
    if (arm.guard) text += " if " + shown(arm.guard.get());
    text += ": " + shown(arm.body.get()) + "]";
  }
  return text;
}

inline std::string map_text(const Node& node) {
  std::string text;
  for (std::size_t i = 0; i < node.nodes.size(); ++i) {
    text += (i == 0 ? "" : " ") + node.names[i].text + " " + shown(node.nodes[i].get());
  }
  return "#{" + text + "}";
}

/// "(HEAD nodes...)".
inline std::string form(const std::string& head, const Node& node) {
  const std::string inner = joined(node.nodes);
  return "(" + head + (inner.empty() ? "" : " " + inner) + ")";
}

inline std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

inline std::string statement_text(const Node& node) {
  switch (node.kind) {
    case Kind::let:
      return form((node.flag ? "const " : "let ") + node.text, node);
    case Kind::export_let:
      return form("export", node);
    case Kind::export_name:
      return "(export " + node.text + " " + node.word + ")";
    case Kind::import:
      return form("import " + or_dash(node.text), node);
    case Kind::assign:
      return form(node.text, node);
    case Kind::while_loop:
      return form("while", node);
    case Kind::loop:
      return form("loop", node);
    case Kind::do_loop:
      return form(node.flag ? "do-until" : "do", node);
    case Kind::for_loop:
      return form("for " + names_text(node.names), node);
    case Kind::return_value:
      return form("return", node);
    case Kind::break_loop:
      return form("break", node);
    case Kind::continue_loop:
      return "(continue)";
    case Kind::throw_value:
      return form("throw", node);
    case Kind::try_catch:
      return form("try " + or_dash(node.text), node);
    default:
      return "?";
  }
}

inline std::string shown(const Node* node) {
  if (node == nullptr) return "-";
  const std::string quoted = "\"" + node->text + "\"";
  const std::string typed = node->word + (node->content.empty() ? "" : ":" + node->content);
  switch (node->kind) {
    case Kind::integer:
      return std::to_string(node->integer);
    case Kind::real: {
      std::string text = std::to_string(node->real);
      text.erase(text.find_last_not_of('0') + 1);
      return text;
    }
    case Kind::string:
      return quoted;
    case Kind::boolean:
      return node->flag ? "true" : "false";
    case Kind::unit:
      return "()";
    case Kind::interpolate:
      return form("`", *node);
    case Kind::variable:
      return path_text(*node);
    case Kind::call:
      return form(path_text(*node), *node);
    case Kind::index:
      return form("[]", *node);
    case Kind::property:
      return form((node->flag ? "?." : ".") + node->text, *node);
    case Kind::method:
      return form((node->flag ? "?." : ".") + node->text + "()", *node);
    case Kind::array:
      return "[" + joined(node->nodes) + "]";
    case Kind::map:
      return map_text(*node);
    case Kind::closure:
      return form("|" + names_text(node->names) + "|", *node);
    case Kind::unary:
    case Kind::binary:
      return form(node->text, *node);
    case Kind::block:
      return "{" + joined(node->nodes) + "}";
    case Kind::if_else:
      return form("if", *node);
    case Kind::switch_case:
      return "(switch " + joined(node->nodes) + arms_text(*node) + ")";
    case Kind::directive: {
      const std::string service = node->nodes[1] ? " " + shown(node->nodes[1].get()) : "";
      return "(" + node->word + " " + quoted + " " + shown(node->nodes[0].get()) + service + ")";
    }
    case Kind::object:
      return form("object " + node->text + " " + typed, *node);
    case Kind::service:
      return form("service " + node->text + " " + typed, *node);
    default:
      return statement_text(*node);
  }
}

/// Statements, then functions, with blanks between; the mistake of what does not parse.
inline std::string parsed(const std::string& source) {
  const auto file = parse("x.vsl", source);
  if (!file) return file.error().to_string();
  std::string text = joined(file->body);
  for (const Function& one : file->functions) {
    if (!text.empty()) text += ' ';
    text += std::string("(") + (one.is_private ? "private " : "") + "fn " + one.name;
    for (const Name& parameter : one.parameters) text += " " + parameter.text;
    text += " " + shown(one.body.get()) + ")";
  }
  return text;
}

}  // namespace postern::dialect::vsl
