#include "dialect/vsl/parser_core.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/vsl/parser.h"

namespace postern::dialect::vsl {

Parser::Nest::Nest(Parser& parser, int levels) : parser_(parser), levels_(levels) {
  if (parser.depth_ + levels > max_nesting) {
    parser.fail("this nests deeper than " + std::to_string(max_nesting) + " levels",
                "move inner parts into functions");
  }
  parser.depth_ += levels;
}

const Token& Parser::token(std::size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

bool Parser::at(std::string_view symbol_or_keyword, std::size_t ahead) const {
  const Token& here = token(ahead);
  return (here.kind == TokenKind::symbol || here.kind == TokenKind::keyword) &&
         here.text == symbol_or_keyword;
}

bool Parser::take(std::string_view symbol_or_keyword) {
  const bool there = at(symbol_or_keyword);
  if (there) ++next_;
  return there;
}

Position Parser::expect(std::string_view symbol_or_keyword) {
  const Position here = token().at;
  if (!take(symbol_or_keyword)) unexpected("`" + std::string(symbol_or_keyword) + "`");
  return here;
}

Name Parser::name(std::string_view what) {
  const Token& here = token();
  if (here.kind == TokenKind::keyword) {
    fail("`" + here.text + "` is a reserved word and cannot be " + std::string(what),
         "use another name");
  }
  if (here.kind != TokenKind::identifier) unexpected(what);
  ++next_;
  return {here.text, here.at};
}

Name Parser::variable_name(std::string_view what) {
  if (!at("service")) return name(what);
  const Token& here = token();
  ++next_;
  return {here.text, here.at};
}

void Parser::raise(Node& parent, const Node* child) {
  if (child == nullptr || child->height < parent.height) return;
  if (child->height >= max_height) {
    fail_at(parent.at, "this statement has too many operators or branches in one another",
            "move parts of it into variables or functions");
  }
  parent.height = static_cast<std::uint16_t>(child->height + 1);
}

void Parser::add(Node& parent, NodePtr child) {
  raise(parent, child.get());
  parent.nodes.push_back(std::move(child));
}

void Parser::fail(std::string message, std::string hint) const {
  fail_at(token().at, std::move(message), std::move(hint));
}

void Parser::fail_at(Position at, std::string message, std::string hint) {
  throw Failure{at, std::move(message), std::move(hint)};
}

std::string Parser::found() const {
  const Token& here = token();
  switch (here.kind) {
    case TokenKind::end:
      return "the end of the file";
    case TokenKind::string:
      return "the string \"" + printable(here.text, 40) + "\"";
    case TokenKind::backtick:
      return "a back-tick string";
    default:
      return "`" + here.text + "`";
  }
}

void Parser::unexpected(std::string_view wanted, std::string hint) const {
  fail(std::string(wanted) + " is expected, not " + found(), std::move(hint));
}

}  // namespace postern::dialect::vsl
