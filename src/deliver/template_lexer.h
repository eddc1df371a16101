// The lexer of a template action.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"

namespace postern::deliver {

/// Keeps the first syntax error; later ones are usually its consequences.
class SyntaxErrors {
 public:
  /// `at`: offset in the template.
  void add(std::size_t at, std::string message) {
    if (!first_) first_ = Entry{at, std::move(message)};
  }
  /// Whether there was an error.
  bool any() const { return first_.has_value(); }
  /// Offset of the error; only if any().
  std::size_t at() const { return first_->at; }
  /// For people; only if any().
  const std::string& message() const { return first_->message; }

 private:
  struct Entry {
    std::size_t at;
    std::string message;
  };
  std::optional<Entry> first_;
};

/// A token.
struct TemplateToken {
  /// `text`: a string; `root`: "$".
  enum class Kind { end, word, field, root, text, number, pipe, open, close };
  Kind kind = Kind::end;  ///< what it is
  std::string text;       ///< a word, a field's path with its dots, or a string's contents
  bool glued = false;     ///< no blank before it: `(...).Field`
  std::size_t at = 0;     ///< offset in the template
};

/// Letters, digits and "_".
inline bool is_template_word(char c) { return is_alnum(c) || c == '_'; }

/// Splits the action in [at, end) of `text` into tokens. After an error returns only Kind::end.
class TemplateLexer {
 public:
  /// `text` and `errors` must outlive this.
  TemplateLexer(std::string_view text, std::size_t at, std::size_t end, SyntaxErrors& errors)
      : text_(text), at_(at), end_(end), errors_(errors) {}

  /// The next token; Kind::end at the end.
  TemplateToken next();

 private:
  void path(TemplateToken& token);
  void string(TemplateToken& token);
  std::string digits();
  std::string word();

  std::string_view text_;
  std::size_t at_;
  std::size_t end_;
  SyntaxErrors& errors_;
};

}  // namespace postern::deliver
