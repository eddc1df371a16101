#pragma once

#include <optional>
#include <string_view>

namespace postern::dialect::kumo {

/// Splits Lua source into names and symbols (Lua manual §3.1). A string literal is one symbol, and
/// so are `..` and `==`; comments are skipped. The source need not be valid Lua. It must outlive
/// this object.
class LuaWords {
 public:
  explicit LuaWords(std::string_view text) : text_(text) {}  ///< `text`: the source

  /// A name or a symbol.
  struct Word {
    std::string_view text;  ///< empty at the end
    int line = 1;           ///< from 1
    int column = 1;         ///< in octets, from 1
  };

  /// The next name or symbol; empty at the end.
  Word next();

 private:
  void skip_blanks();
  void skip_to(std::size_t end);
  bool skip_long();
  void skip_quoted();

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  int line_ = 1;
};

/// Whether a word is a string literal, in quotes or in long brackets.
bool is_quoted(std::string_view word);
/// The content of a literal in quotes without escapes; nullopt: it is no such literal.
std::optional<std::string_view> plain_literal(std::string_view word);
/// Whether a word after a function's name calls it: `f(1)`, `f{}`, `f'x'`, `f[[x]]`.
bool begins_arguments(std::string_view word);
/// Whether a word is a name or a keyword, and no number, sign or literal.
bool is_name_or_keyword(std::string_view word);

}  // namespace postern::dialect::kumo
