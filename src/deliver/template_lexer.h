// The words of a template action.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"

namespace postern::deliver {

/// The first syntax error; later ones are its consequences and are not kept.
class SyntaxErrors {
 public:
  void add(std::size_t at, std::string message) {
    if (!first_) first_ = Entry{at, std::move(message)};
  }
  bool any() const { return first_.has_value(); }
  std::size_t at() const { return first_->at; }
  const std::string& message() const { return first_->message; }

 private:
  struct Entry {
    std::size_t at;
    std::string message;
  };
  std::optional<Entry> first_;
};

struct TemplateToken {
  enum class Kind { end, word, field, root, text, number, pipe, open, close };
  Kind kind = Kind::end;
  std::string text;    ///< a word, the path of a field with its dots, the contents of a string
  bool glued = false;  ///< no blank in front: `(...).Field`
  std::size_t at = 0;
};

inline bool is_template_word(char c) { return is_alnum(c) || c == '_'; }

/// The tokens of one action, which stands at [at, end) of `text`. After an error only Kind::end.
class TemplateLexer {
 public:
  TemplateLexer(std::string_view text, std::size_t at, std::size_t end, SyntaxErrors& errors)
      : text_(text), at_(at), end_(end), errors_(errors) {}

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
