#include "dialect/vsl/parser.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "dialect/vsl/parser_core.h"

namespace postern::dialect::vsl {

namespace {

/// A word of other languages, and the word of this one.
struct Foreign {
  std::string_view word;
  std::string_view ours;
};
constexpr Foreign foreign_words[] = {
    {"var", "let"},        {"function", "fn"},    {"func", "fn"},      {"def", "fn"},
    {"match", "switch"},   {"case", "switch"},    {"elif", "else if"}, {"elsif", "else if"},
    {"elseif", "else if"}, {"foreach", "for"},    {"raise", "throw"},  {"except", "catch"},
    {"static", "const"},   {"require", "import"}, {"use", "import"},   {"repeat", "do"},
};

std::string hint_of_word(std::string_view word) {
  const auto* const found = std::ranges::find(foreign_words, word, &Foreign::word);
  if (found != std::ranges::end(foreign_words)) {
    return "write `" + std::string(found->ours) + "` for `" + std::string(word) + "`";
  }
  if (word.size() < 4) return "";  // a short word is similar to some keyword
  const auto near = nearest(word, {keywords().begin(), keywords().end()});
  return near ? "did you mean `" + std::string(*near) + "`?" : "";
}

}  // namespace

tl::expected<File, Mistake> parse(std::string name, std::string text,
                                  std::vector<Mistake>* further) {
  auto tokens = tokens_of(name, text);
  if (!tokens) return tl::unexpected(std::move(tokens.error()));
  File file{.name = std::move(name), .text = std::move(text), .functions = {}, .body = {}};
  Parser parser(std::move(*tokens));
  try {
    parser.program(file);
  } catch (Parser::Failure& failure) {
    if (further != nullptr) {
      for (Parser::Failure& one : parser.further()) {
        further->push_back({file.name, one.at, std::move(one.message), std::move(one.hint)});
      }
    }
    return tl::unexpected(Mistake{std::move(file.name), failure.at, std::move(failure.message),
                                  std::move(failure.hint)});
  }
  return file;
}

void Parser::program(File& file) {
  while (token().kind != TokenKind::end) {
    if (take(";")) continue;
    if (at("fn") || (at("private") && at("fn", 1))) {
      file.functions.push_back(function());
    } else if (token().kind == TokenKind::identifier && at(":", 1) && at("[", 2)) {
      file.body.push_back(bare_stages());
    } else {
      Statement one = statement();
      terminator(one, true);
      file.body.push_back(std::move(one.node));
    }
  }
}

std::vector<Parser::Failure> Parser::further() {
  constexpr std::size_t most = 100;
  std::vector<Failure> found;
  while (found.size() < most && token().kind != TokenKind::end) {
    const std::size_t began = next_;
    const bool names_it = token(1).kind == TokenKind::string;
    depth_ = 0;
    loops_ = 0;
    try {
      if (at("fn")) {
        function();
      } else if (names_it && (at("rule") || at("action"))) {
        directive();
      } else if (names_it && at("||", 2) && token().kind == TokenKind::identifier) {
        ++next_;
        if (const std::string hint = hint_before(); !hint.empty()) {
          found.push_back(
              {tokens_[began].at, "a rule cannot begin with `" + tokens_[began].text + "`", hint});
        }
      }
    } catch (Failure& failure) {
      found.push_back(std::move(failure));
    }
    if (next_ == began) ++next_;
  }
  return found;
}

std::string Parser::hint_before() const {
  const bool is_word = next_ > 0 && tokens_[next_ - 1].kind == TokenKind::identifier;
  return is_word ? hint_of_word(tokens_[next_ - 1].text) : "";
}

Function Parser::function() {
  Function made;
  made.is_private = take("private");
  made.at = expect("fn");
  made.name = name("the name of a function").text;
  expect("(");
  list(")", "parameters", [&] { made.parameters.push_back(name("the name of a parameter")); });
  made.body = block();
  return made;
}

/// `mail: [ ... ] rcpt: [ ... ]` without the brackets of a map, as printed examples have it.
NodePtr Parser::bare_stages() {
  NodePtr made = make(Kind::map, token().at);
  while (token().kind == TokenKind::identifier && at(":", 1)) {
    made->names.push_back({token().text, token().at});
    next_ += 2;
    add(*made, expression());
    take(",");
  }
  return made;
}

void Parser::terminator(const Statement& statement, bool at_top) {
  if (take(";") || statement.closed || at("}")) return;
  const TokenKind kind = token().kind;
  if (kind == TokenKind::end || kind == TokenKind::splice_end) return;
  // Several stage maps may follow one another in a file.
  if (at_top && statement.node->kind == Kind::map) return;
  std::string hint;
  if (at(":")) {
    hint = at_top ? "a stage holds an array of rules: `mail: [ rule \"name\" || next() ]`"
                  : "a map is written `#{ name: value }`";
  } else if (statement.node->kind == Kind::variable) {
    hint = hint_before();
  } else if (at("=")) {
    hint = "equality is `==` or `is`";
  }
  unexpected("`;` at the end of the statement", std::move(hint));
}

NodePtr Parser::block() {
  if (!at("{")) {
    const bool is_map = at("#{");
    unexpected("`{`", is_map ? "a block begins with `{`, a map with `#{`" : "");
  }
  const Nest nest(*this);
  NodePtr made = make(Kind::block, expect("{"));
  statements(*made);
  expect("}");
  return made;
}

void Parser::statements(Node& into) {
  while (!at("}") && token().kind != TokenKind::splice_end && token().kind != TokenKind::end) {
    if (take(";")) continue;
    Statement one = statement();
    terminator(one, false);
    add(into, std::move(one.node));
  }
}

Parser::Statement Parser::statement() {
  if (at("if")) return {if_else(), true};
  if (at("switch")) return {switch_case(), true};
  if (at("{")) return {block(), true};
  if (NodePtr made = keyword_statement()) {
    const Kind kind = made->kind;
    const bool closed = kind == Kind::while_loop || kind == Kind::loop || kind == Kind::do_loop ||
                        kind == Kind::for_loop || kind == Kind::try_catch;
    return {std::move(made), closed};
  }
  NodePtr value = expression();
  static constexpr std::string_view operators[] = {
      "=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>="};
  const bool assigns =
      std::ranges::any_of(operators, [&](std::string_view one) { return at(one); });
  return {assigns ? assignment(std::move(value)) : std::move(value)};
}

NodePtr Parser::keyword_statement() {
  if (token().kind != TokenKind::keyword) return nullptr;
  if (at("let") || at("const")) return let();
  if (at("export")) return exported();
  if (at("import")) return import();
  if (at("while")) return while_loop();
  if (at("loop")) return loop();
  if (at("do")) return do_loop();
  if (at("for")) return for_loop();
  if (at("return")) return leave(Kind::return_value);
  if (at("break")) return leave(Kind::break_loop);
  if (at("continue")) return leave(Kind::continue_loop);
  if (at("throw")) return leave(Kind::throw_value);
  if (at("try")) return try_catch();
  if (at("private") && !at("fn", 1)) fail("`private` is allowed only before `fn`");
  if (at("fn") || at("private")) {
    fail("functions are defined only at the top level of a file",
         "move it out of the braces; `|a, b| ...` is a function as a value");
  }
  return nullptr;
}

NodePtr Parser::let() {
  NodePtr made = make(Kind::let, token().at);
  made->flag = token().text == "const";
  ++next_;
  Name variable = variable_name("the name of a variable");
  made->text = std::move(variable.text);
  made->text_at = variable.at;
  if (made->flag && !at("=")) unexpected("`=` and the value of the constant");
  add(*made, take("=") ? expression() : nullptr);
  return made;
}

NodePtr Parser::exported() {
  const Position begin = expect("export");
  if (at("let") || at("const")) return make(Kind::export_let, begin, let());
  if (at("fn") || at("private") || at("object") || at("service")) {
    fail("`export` is allowed only before variables",
         "functions, objects and services of a file are exported by themselves");
  }
  NodePtr made = make(Kind::export_name, begin);
  Name variable = name("the name of a variable");
  made->text = std::move(variable.text);
  made->text_at = variable.at;
  const Name alias =
      take("as") ? name("the name that importers see") : Name{made->text, variable.at};
  made->word = alias.text;
  made->word_at = alias.at;
  return made;
}

NodePtr Parser::import() {
  NodePtr made = make(Kind::import, expect("import"));
  add(*made, expression());
  if (!take("as")) return made;
  Name alias = name("the name of the module");
  made->text = std::move(alias.text);
  made->text_at = alias.at;
  return made;
}

NodePtr Parser::loop_body() {
  ++loops_;
  NodePtr body = block();
  --loops_;
  return body;
}

NodePtr Parser::while_loop() {
  NodePtr made = make(Kind::while_loop, expect("while"));
  add(*made, expression());
  add(*made, loop_body());
  return made;
}

NodePtr Parser::loop() {
  const Position begin = expect("loop");
  return make(Kind::loop, begin, loop_body());
}

NodePtr Parser::do_loop() {
  NodePtr made = make(Kind::do_loop, expect("do"));
  add(*made, loop_body());
  made->flag = take("until");
  if (!made->flag && !take("while")) {
    unexpected("`while` or `until` after the block of `do`");
  }
  add(*made, expression());
  return made;
}

NodePtr Parser::for_loop() {
  NodePtr made = make(Kind::for_loop, expect("for"));
  const bool two = take("(");
  made->names.push_back(name("the name of a variable"));
  if (two) {
    expect(",");
    made->names.push_back(name("the name of a variable"));
    expect(")");
  }
  expect("in");
  add(*made, expression());
  add(*made, loop_body());
  return made;
}

/// `return`, `break`, `continue` and `throw`.
NodePtr Parser::leave(Kind kind) {
  const bool of_loop = kind == Kind::break_loop || kind == Kind::continue_loop;
  if (of_loop && loops_ == 0) fail("`" + token().text + "` is outside of any loop");
  NodePtr made = make(kind, token().at);
  ++next_;
  if (kind != Kind::continue_loop) add(*made, at_end_of_value() ? nullptr : expression());
  return made;
}

bool Parser::at_end_of_value() const {
  const TokenKind kind = token().kind;
  return kind == TokenKind::end || kind == TokenKind::splice_end || at(";") || at("}") || at(",") ||
         at("]") || at(")");
}

NodePtr Parser::try_catch() {
  NodePtr made = make(Kind::try_catch, expect("try"));
  add(*made, block());
  expect("catch");
  if (take("(")) {
    Name variable = name("the name of a variable");
    made->text = std::move(variable.text);
    made->text_at = variable.at;
    expect(")");
  }
  add(*made, block());
  return made;
}

NodePtr Parser::assignment(NodePtr target) {
  const Kind kind = target->kind;
  if (kind != Kind::variable && kind != Kind::index && kind != Kind::property) {
    fail("what is before `" + token().text + "` cannot be assigned to");
  }
  NodePtr made = make(Kind::assign, token().at);
  made->text = token().text;
  ++next_;
  add(*made, std::move(target));
  add(*made, expression());
  return made;
}

}  // namespace postern::dialect::vsl
