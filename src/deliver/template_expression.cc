#include "deliver/template_expression.h"

#include <fmt/core.h>

namespace postern::deliver {
namespace {

using Kind = TemplateToken::Kind;

bool begins_operand(const TemplateToken& token) {
  switch (token.kind) {
    case Kind::field:
    case Kind::root:
    case Kind::text:
    case Kind::number:
    case Kind::open:
      return true;
    case Kind::word:
      return token.text == "true" || token.text == "false" || token.text == "nil";
    default:
      return false;
  }
}

/// The names in ".A.B"; "." has none.
std::vector<std::string> path_of(std::string_view dotted) {
  std::vector<std::string> path;
  if (dotted.size() > 1) {
    for (const std::string_view name : split(dotted.substr(1), '.')) path.emplace_back(name);
  }
  return path;
}

}  // namespace

void advance(std::string_view text, std::size_t from, std::size_t to, Place& place) {
  for (std::size_t i = from; i < to && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
}

Place Places::at(std::size_t offset) {
  if (offset < known_at_) {
    known_at_ = 0;
    known_ = Place{};
  }
  advance(text_, known_at_, offset, known_);
  known_at_ = offset;
  return known_;
}

TemplatePipeline ExpressionParser::parse(std::size_t begin, std::size_t end) {
  TemplateLexer lexer(text_, begin, end, errors_);
  TemplateToken token = lexer.next();
  TemplatePipeline result = pipeline(lexer, token, 0);
  if (token.kind != Kind::end) errors_.add(token.at, "\")\" without \"(\"");
  return result;
}

TemplatePipeline ExpressionParser::pipeline(TemplateLexer& lexer, TemplateToken& token, int depth) {
  TemplatePipeline commands;
  commands.push_back(command(lexer, token, depth, false));
  while (token.kind == Kind::pipe && !errors_.any()) {
    token = lexer.next();
    commands.push_back(command(lexer, token, depth, true));
  }
  return commands;
}

TemplateCommand ExpressionParser::command(TemplateLexer& lexer, TemplateToken& token, int depth,
                                          bool piped) {
  TemplateCommand result;
  result.place = places_.at(token.at);
  const std::size_t start = token.at;
  if (token.kind == Kind::word && !begins_operand(token)) {
    result.function = function(token);
    token = lexer.next();
  } else if (piped) {
    errors_.add(token.at, "a function is needed after \"|\"");
  } else if (!begins_operand(token)) {
    errors_.add(token.at, "a value is missing");
  }
  while (begins_operand(token) && !errors_.any()) {
    result.operands.push_back(operand(lexer, token, depth));
  }
  if (token.kind == Kind::word) {
    errors_.add(token.at,
                fmt::format("\"{}\" is not allowed here; a call as an argument needs parentheses",
                            printable(token.text, 40)));
  }
  check_count(result, start, piped);
  return result;
}

TemplateFunction ExpressionParser::function(const TemplateToken& token) {
  if (token.text == "json") return TemplateFunction::json;
  if (token.text == "eq") return TemplateFunction::eq;
  if (token.text == "default") return TemplateFunction::fallback;
  if (token.text == "index") return TemplateFunction::index;
  errors_.add(token.at,
              fmt::format("unknown function \"{}\"; there are json, eq, default and index",
                          printable(token.text, 40)));
  return TemplateFunction::none;
}

void ExpressionParser::check_count(const TemplateCommand& command, std::size_t at, bool piped) {
  const std::size_t count = command.operands.size() + (piped ? 1 : 0);
  switch (command.function) {
    case TemplateFunction::none:
      if (count != 1) errors_.add(at, "a value is not a function: it takes no arguments");
      break;
    case TemplateFunction::json:
      if (count != 1) errors_.add(at, "json takes one argument");
      break;
    case TemplateFunction::eq:
      if (count < 2) errors_.add(at, "eq takes two arguments or more");
      break;
    case TemplateFunction::fallback:
      if (count != 2) errors_.add(at, "default takes two arguments: the fallback, then the value");
      break;
    case TemplateFunction::index:
      if (count < 2) errors_.add(at, "index takes a value and at least one key");
      break;
  }
}

TemplateOperand ExpressionParser::operand(TemplateLexer& lexer, TemplateToken& token, int depth) {
  TemplateOperand result;
  result.place = places_.at(token.at);
  switch (token.kind) {
    case Kind::field:
    case Kind::root:
      result.kind = token.kind == Kind::root ? TemplateOperand::Kind::root_field
                                             : TemplateOperand::Kind::field;
      result.path = path_of(token.text);
      break;
    case Kind::text:
      result.kind = TemplateOperand::Kind::literal;
      result.literal = token.text;
      break;
    case Kind::number:
      number(token, result);
      break;
    case Kind::open:
      return parenthesised(lexer, token, depth);
    default:
      result.kind = TemplateOperand::Kind::literal;
      if (token.text != "nil") result.literal = token.text == "true";
  }
  token = lexer.next();
  return result;
}

void ExpressionParser::number(const TemplateToken& token, TemplateOperand& result) {
  result.kind = TemplateOperand::Kind::literal;
  const std::string_view text = token.text;
  const bool negative = !text.empty() && text.front() == '-';
  const std::optional<std::uint64_t> value = parse_number(negative ? text.substr(1) : text);
  if (!value || *value > static_cast<std::uint64_t>(INT64_MAX)) {
    return errors_.add(token.at, "a whole number is needed here");
  }
  const auto whole = static_cast<std::int64_t>(*value);
  result.literal = negative ? -whole : whole;
}

TemplateOperand ExpressionParser::parenthesised(TemplateLexer& lexer, TemplateToken& token,
                                                int depth) {
  const std::size_t at = token.at;
  TemplateOperand result;
  result.place = places_.at(at);
  result.kind = TemplateOperand::Kind::pipeline;
  if (depth >= max_template_nesting) {
    errors_.add(at, "parentheses are nested too deeply");
    return result;
  }
  token = lexer.next();
  result.pipeline = pipeline(lexer, token, depth + 1);
  if (token.kind != Kind::close) errors_.add(at, "\"(\" without \")\"");
  token = lexer.next();
  if (token.kind == Kind::field && token.glued && token.text.size() > 1) {
    result.path = path_of(token.text);
    token = lexer.next();
  }
  return result;
}

}  // namespace postern::deliver
