#pragma once

#include <string_view>

namespace postern::dialect::kumo {

/// Names and signs of a Lua text (Lua manual §3.1); texts are one sign, comments none. `..` and
/// `==` are one sign each. The text need not be Lua, and outlives it.
class LuaWords {
 public:
  explicit LuaWords(std::string_view text) : text_(text) {}

  struct Word {
    std::string_view text;  ///< empty at the end
    int line = 1;
    int column = 1;  ///< octets from the line's start, from 1
  };

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

}  // namespace postern::dialect::kumo
