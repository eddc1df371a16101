// The recursive descent parser of parse(): one method per rule of the grammar.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/vsl/ast.h"
#include "dialect/vsl/lexer.h"

namespace postern::dialect::vsl {

/// A parser of one file; used once.
class Parser {
 public:
  /// A mistake; thrown and caught inside parse().
  struct Failure {
    Position at;          ///< of the token
    std::string message;  ///< one sentence
    std::string hint;     ///< what to do; may be empty
  };

  /// The last token must be `end`.
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  /// Parses the whole file. Throws Failure.
  void program(File& file);
  /// After a failure: the mistakes in the rules and functions that begin after it.
  std::vector<Failure> further();

 private:
  /// Counts the nesting while it exists; throws Failure beyond max_nesting.
  class Nest {
   public:
    explicit Nest(Parser& parser, int levels = 1);
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;
    ~Nest() { parser_.depth_ -= levels_; }

   private:
    Parser& parser_;
    int levels_;
  };
  /// A statement. An `if` statement needs no `;`; an `if` within an expression does.
  struct Statement {
    NodePtr node;
    bool closed = false;
  };

  // parser.cc: files and statements.
  Function function();
  NodePtr bare_stages();
  void terminator(const Statement& statement, bool at_top);
  NodePtr block();
  void statements(Node& into);
  Statement statement();
  NodePtr keyword_statement();  ///< null: no statement begins with this word alone
  NodePtr let();
  NodePtr exported();
  NodePtr import();
  NodePtr while_loop();
  NodePtr loop();
  NodePtr do_loop();
  NodePtr for_loop();
  NodePtr leave(Kind kind);
  NodePtr try_catch();
  NodePtr assignment(NodePtr target);

  // parser_expressions.cc.
  NodePtr expression(int least = 0);
  NodePtr unary();
  NodePtr postfix(NodePtr value);
  NodePtr member(NodePtr value);
  NodePtr primary();
  NodePtr number();
  NodePtr keyword_value();
  NodePtr backtick();
  NodePtr path();
  NodePtr parenthesized();
  NodePtr array();
  NodePtr map();
  NodePtr closure();
  NodePtr if_else();
  NodePtr switch_case();
  Arm arm();
  void arguments(Node& into);

  // parser_custom.cc: what `.vsl` adds to the language.
  NodePtr directive();
  NodePtr object();
  NodePtr service();

  // Shared by the rules.
  const Token& token(std::size_t ahead = 0) const;
  bool at(std::string_view symbol_or_keyword, std::size_t ahead = 0) const;
  bool at_end_of_value() const;
  bool take(std::string_view symbol_or_keyword);
  Position expect(std::string_view symbol_or_keyword);
  Name name(std::string_view what);
  /// The same for a variable, which may be called `service`, as in rules of vSMTP 2: another file
  /// refers to it by `module::service`.
  Name variable_name(std::string_view what);
  /// Elements separated by commas, with an optional comma after the last, and the closing bracket.
  template <class Element>
  void list(std::string_view end, std::string_view what, const Element& element) {
    while (!at(end)) {
      element();
      if (!take(",")) break;
    }
    if (take(end)) return;
    unexpected("`,` or `" + std::string(end) + "` in the " + std::string(what), hint_before());
  }
  template <class... Nodes>
  static NodePtr make(Kind kind, Position at, Nodes... nodes) {
    NodePtr made = std::make_unique<Node>();
    made->kind = kind;
    made->at = at;
    (add(*made, std::move(nodes)), ...);
    return made;
  }
  /// Makes a node a child and updates Node::height. The only way to do so.
  static void add(Node& parent, NodePtr child);
  static void raise(Node& parent, const Node* child);
  NodePtr loop_body();
  [[noreturn]] void fail(std::string message, std::string hint = {}) const;
  [[noreturn]] static void fail_at(Position at, std::string message, std::string hint = {});
  [[noreturn]] void unexpected(std::string_view wanted, std::string hint = {}) const;
  std::string found() const;
  /// What was meant where the last word is one of another language, or misspelt; else empty.
  std::string hint_before() const;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int depth_ = 0;
  int loops_ = 0;  ///< around what is being read, in its function or closure
};

}  // namespace postern::dialect::vsl
