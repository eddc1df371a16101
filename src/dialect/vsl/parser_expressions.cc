#include <algorithm>
#include <set>

#include "dialect/vsl/parser_core.h"

namespace postern::dialect::vsl {

namespace {

struct Binary {
  std::string_view text;
  int precedence;
};
/// Left-associative, except `**`.
constexpr Binary binaries[] = {
    {"||", 30},  {"|", 30},   {"^", 30},    {"&&", 60},  {"&", 60},   {"==", 90}, {"!=", 90},
    {"is", 90},  {"not", 90}, {"in", 110},  {"<", 130},  {"<=", 130}, {">", 130}, {">=", 130},
    {"??", 135}, {"..", 140}, {"..=", 140}, {"+", 150},  {"-", 150},  {"*", 180}, {"/", 180},
    {"%", 180},  {"**", 190}, {"<<", 210},  {">>", 210},
};
/// Above the precedence of `|`, which separates the patterns of a switch.
constexpr int of_pattern = 31;

/// The precedence of a binary operator; 0: the token is none.
int precedence_of(const Token& token) {
  if (token.kind != TokenKind::symbol && token.kind != TokenKind::keyword) return 0;
  const auto* const found = std::ranges::find(binaries, token.text, &Binary::text);
  return found == std::ranges::end(binaries) ? 0 : found->precedence;
}

std::string canonical(const std::string& symbol) {
  return symbol == "is" ? "==" : symbol == "not" ? "!=" : symbol;
}

}  // namespace

/// Parses by operator precedence with its own stacks, so that a long chain needs no deep recursion.
/// An operator below `least` ends the expression.
NodePtr Parser::expression(int least) {
  std::vector<NodePtr> values;
  std::vector<const Token*> operators;
  const auto reduce = [&] {
    NodePtr right = std::move(values.back());
    values.pop_back();
    NodePtr made = make(Kind::binary, operators.back()->at);
    made->text = canonical(operators.back()->text);
    operators.pop_back();
    add(*made, std::move(values.back()));
    add(*made, std::move(right));
    values.back() = std::move(made);
  };
  values.push_back(unary());
  for (;;) {
    const int precedence = precedence_of(token());
    if (precedence == 0 || precedence < least) break;
    while (!operators.empty()) {
      const int before = precedence_of(*operators.back());
      if (before < precedence || (before == precedence && at("**"))) break;
      reduce();
    }
    operators.push_back(&token());
    ++next_;
    values.push_back(unary());
  }
  while (!operators.empty()) reduce();
  return std::move(values.front());
}

NodePtr Parser::unary() {
  const std::size_t first = next_;
  while (at("!") || at("-") || at("+")) ++next_;
  std::size_t operators = next_ - first;
  const Nest nest(*this, static_cast<int>(std::min<std::size_t>(operators, 1000)));
  NodePtr value;
  constexpr std::uint64_t least = std::uint64_t{1} << 63;
  const Token& here = token();
  if (operators > 0 && here.kind == TokenKind::integer && here.decimal && here.magnitude == least &&
      tokens_[next_ - 1].text == "-") {
    // The smallest integer is read with its sign, because its magnitude alone is not an integer.
    --operators;
    value = make(Kind::integer, tokens_[next_ - 1].at);
    value->integer = static_cast<std::int64_t>(least);
    ++next_;
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  for (; operators > 0; --operators) {
    const Token& sign = tokens_[first + operators - 1];
    value = make(Kind::unary, sign.at, std::move(value));
    value->text = sign.text;
  }
  return value;
}

NodePtr Parser::postfix(NodePtr value) {
  for (;;) {
    if (at("[")) {
      const Nest nest(*this);
      const Position bracket = expect("[");
      NodePtr key = expression();
      expect("]");
      value = make(Kind::index, bracket, std::move(value), std::move(key));
    } else if (at(".") || at("?.")) {
      value = member(std::move(value));
    } else {
      return value;
    }
  }
}

NodePtr Parser::member(NodePtr value) {
  const bool optional = at("?.");
  ++next_;
  const Token& called = token();
  if (called.kind != TokenKind::identifier && called.kind != TokenKind::keyword) {
    unexpected("the name of a property or a method");
  }
  ++next_;
  NodePtr made = make(at("(") ? Kind::method : Kind::property, called.at, std::move(value));
  made->text = called.text;
  made->flag = optional;
  if (at("(")) arguments(*made);
  return made;
}

void Parser::arguments(Node& into) {
  const Nest nest(*this);
  expect("(");
  list(")", "arguments", [&] { add(into, expression()); });
}

NodePtr Parser::primary() {
  const Token& here = token();
  switch (here.kind) {
    case TokenKind::integer:
    case TokenKind::real:
      return number();
    case TokenKind::string: {
      NodePtr made = make(Kind::string, here.at);
      made->text = here.text;
      ++next_;
      return made;
    }
    case TokenKind::backtick:
      return backtick();
    case TokenKind::identifier:
      return path();
    case TokenKind::keyword:
      return keyword_value();
    default:
      break;
  }
  if (at("(")) return parenthesized();
  if (at("[")) return array();
  if (at("#{")) return map();
  if (at("{")) return block();
  if (at("||") || at("|")) return closure();
  std::string hint;
  if (at("=") && next_ > 0) hint = "equality is `==` or `is`";
  if (at(";") && next_ > 0 && tokens_[next_ - 1].text == "+") hint = "write `x += 1`";
  unexpected("a value", std::move(hint));
}

NodePtr Parser::number() {
  const Token& here = token();
  const bool whole = here.kind == TokenKind::integer;
  if (whole && here.decimal && here.magnitude > std::uint64_t{INT64_MAX}) {
    fail("`" + here.text + "` does not fit into 64 bits");
  }
  NodePtr made = make(whole ? Kind::integer : Kind::real, here.at);
  made->integer = static_cast<std::int64_t>(here.magnitude);
  made->real = here.real;
  ++next_;
  return made;
}

NodePtr Parser::keyword_value() {
  if (at("true") || at("false")) {
    NodePtr made = make(Kind::boolean, token().at);
    made->flag = at("true");
    ++next_;
    return made;
  }
  if (at("if")) return if_else();
  if (at("switch")) return switch_case();
  if (at("rule") || at("action") || at("delegate")) return directive();
  if (at("object")) return object();
  if (at("service")) return service();
  std::string hint;
  if (at("not")) hint = "`not` belongs between two values; the opposite of a value is `!x`";
  if (at("fn")) hint = "a function as a value is written `|a, b| ...`";
  fail("`" + token().text + "` is a reserved word and not a value", std::move(hint));
}

NodePtr Parser::backtick() {
  NodePtr made = make(Kind::interpolate, token().at);
  ++next_;
  while (token().kind != TokenKind::backtick_end) {
    const Token& here = token();
    const Nest nest(*this);
    ++next_;
    if (here.kind == TokenKind::piece) {
      NodePtr piece = make(Kind::string, here.at);
      piece->text = here.text;
      add(*made, std::move(piece));
      continue;
    }
    NodePtr spliced = make(Kind::block, here.at);
    statements(*spliced);
    if (token().kind != TokenKind::splice_end) unexpected("`}`");
    ++next_;
    add(*made, std::move(spliced));
  }
  ++next_;
  const bool plain =
      made->nodes.empty() || (made->nodes.size() == 1 && made->nodes.front()->kind == Kind::string);
  if (!plain) return made;
  NodePtr text = make(Kind::string, made->at);
  if (!made->nodes.empty()) text->text = std::move(made->nodes.front()->text);
  return text;
}

NodePtr Parser::path() {
  NodePtr made = make(Kind::variable, token().at);
  made->text = token().text;
  ++next_;
  while (take("::")) {
    made->path.push_back(std::move(made->text));
    made->text = variable_name("a name of the module").text;
  }
  if (!made->path.empty() && made->path.front() == "global") {
    fail_at(made->at, "there is no module `global`",
            "functions see the names of their file; leave out `global::`");
  }
  if (!at("(")) return made;
  if (made->path.empty() && made->text == "eval") {
    fail_at(made->at, "`eval` is disabled: a script runs only what was loaded");
  }
  made->kind = Kind::call;
  arguments(*made);
  return made;
}

NodePtr Parser::parenthesized() {
  const Nest nest(*this);
  const Position begin = expect("(");
  if (take(")")) return make(Kind::unit, begin);
  NodePtr value = expression();
  expect(")");
  return value;
}

NodePtr Parser::array() {
  const Nest nest(*this);
  NodePtr made = make(Kind::array, expect("["));
  list("]", "array", [&] { add(*made, expression()); });
  return made;
}

NodePtr Parser::map() {
  const Nest nest(*this);
  NodePtr made = make(Kind::map, expect("#{"));
  std::set<std::string_view> known;
  list("}", "map", [&] {
    const Token& key = token();
    const TokenKind kind = key.kind;
    if (kind != TokenKind::identifier && kind != TokenKind::keyword && kind != TokenKind::string) {
      unexpected("the name of a property or `}`");
    }
    if (!known.insert(key.text).second) {
      fail("`" + key.text + "` occurs twice in the map");
    }
    made->names.push_back({key.text, key.at});
    ++next_;
    expect(":");
    add(*made, expression());
  });
  return made;
}

NodePtr Parser::closure() {
  const Nest nest(*this);
  NodePtr made = make(Kind::closure, token().at);
  if (!take("||")) {
    expect("|");
    list("|", "parameters", [&] { made->names.push_back(name("the name of a parameter")); });
  }
  const int around = std::exchange(loops_, 0);
  add(*made, statement().node);
  loops_ = around;
  return made;
}

/// A chain of `else if` becomes a tree of that depth, but is parsed without recursion.
NodePtr Parser::if_else() {
  std::vector<NodePtr> chain;
  NodePtr last;
  for (;;) {
    chain.push_back(make(Kind::if_else, expect("if")));
    {
      const Nest nest(*this);
      add(*chain.back(), expression());
    }
    add(*chain.back(), block());
    if (!take("else")) break;
    if (at("if")) continue;
    last = block();
    break;
  }
  for (; !chain.empty(); chain.pop_back()) {
    add(*chain.back(), std::move(last));
    last = std::move(chain.back());
  }
  return last;
}

NodePtr Parser::switch_case() {
  const Nest nest(*this);
  NodePtr made = make(Kind::switch_case, expect("switch"));
  add(*made, expression());
  expect("{");
  while (!at("}")) {
    const bool default_arm = token().kind == TokenKind::identifier && token().text == "_";
    Arm arm;
    if (default_arm) {
      ++next_;
    } else {
      do {
        arm.patterns.push_back(expression(of_pattern));
      } while (take("|"));
    }
    if (take("if")) arm.guard = expression();
    if (!at("=>")) unexpected("`=>` after the pattern");
    ++next_;
    Statement body = statement();
    arm.body = std::move(body.node);
    for (const NodePtr& pattern : arm.patterns) raise(*made, pattern.get());
    raise(*made, arm.guard.get());
    raise(*made, arm.body.get());
    made->arms.push_back(std::move(arm));
    if (!take(",") && !at("}") && !body.closed) unexpected("`,` or `}` after the case");
  }
  expect("}");
  return made;
}

}  // namespace postern::dialect::vsl
