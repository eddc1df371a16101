#include "dialect/kumo/lua_words.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace postern::dialect::kumo {

LuaWords::Word LuaWords::next() {
  skip_blanks();
  const std::size_t begin = at_;
  Word word{.text = {}, .line = line_, .column = static_cast<int>(begin - line_begin_) + 1};
  if (at_ == text_.size()) return word;
  if (is_word_char(text_[at_])) {
    while (at_ < text_.size() && is_word_char(text_[at_])) ++at_;
  } else if (text_[at_] == '"' || text_[at_] == '\'') {
    skip_quoted();
  } else if (!skip_long()) {
    // `..` is one symbol, so that the name after it is not read as a member; `==` is one, because
    // it is not an assignment.
    const char sign = text_[at_++];
    while ((sign == '.' || sign == '=') && at_ < text_.size() && text_[at_] == sign) ++at_;
  }
  word.text = text_.substr(begin, at_ - begin);
  return word;
}

void LuaWords::skip_blanks() {
  while (at_ < text_.size()) {
    if (text_.substr(at_).starts_with("--")) {
      at_ += 2;
      if (!skip_long()) at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (is_space(text_[at_])) {
      skip_to(at_ + 1);
    } else {
      return;
    }
  }
}

void LuaWords::skip_to(std::size_t end) {
  while (at_ < end) {
    if (text_[at_++] != '\n') continue;
    ++line_;
    line_begin_ = at_;
  }
}

/// Skips `[[...]]` or `[=[...]=]`. Returns false if none begins here.
bool LuaWords::skip_long() {
  if (at_ == text_.size() || text_[at_] != '[') return false;
  const std::size_t second = text_.find_first_not_of('=', at_ + 1);
  if (second == std::string_view::npos || text_[second] != '[') return false;
  const std::string closing = "]" + std::string(second - at_ - 1, '=') + "]";
  const std::size_t end = text_.find(closing, second);
  skip_to(end == std::string_view::npos ? text_.size() : end + closing.size());
  return true;
}

void LuaWords::skip_quoted() {
  const char quote = text_[at_++];
  while (at_ < text_.size() && text_[at_] != quote) {
    const std::size_t step = text_[at_] == '\\' ? 2 : 1;
    skip_to(std::min(at_ + step, text_.size()));
  }
  at_ += at_ < text_.size();
}

bool is_quoted(std::string_view word) {
  return word.size() > 1 && (word.front() == '"' || word.front() == '\'' ||
                             (word.front() == '[' && word.back() == ']'));
}

std::optional<std::string_view> plain_literal(std::string_view word) {
  const bool quoted = word.size() > 1 && (word.front() == '"' || word.front() == '\'');
  if (!quoted || word.find('\\') != std::string_view::npos) return std::nullopt;
  return word.substr(1, word.size() - 2);
}

bool begins_arguments(std::string_view word) {
  return word == "(" || word == "{" || is_quoted(word);
}

bool is_name_or_keyword(std::string_view word) {
  return !word.empty() && (is_alpha(word.front()) || word.front() == '_');
}

}  // namespace postern::dialect::kumo
