#include "deliver/template_lexer.h"

#include <fmt/core.h>

namespace postern::deliver {

using Kind = TemplateToken::Kind;

TemplateToken TemplateLexer::next() {
  const std::size_t before = at_;
  while (at_ < end_ && is_space(text_[at_])) ++at_;
  TemplateToken token;
  token.at = at_;
  token.glued = at_ == before;
  if (at_ >= end_ || errors_.any()) return token;
  const char c = text_[at_];
  if (c == '|' || c == '(' || c == ')') {
    ++at_;
    token.kind = c == '|' ? Kind::pipe : c == '(' ? Kind::open : Kind::close;
  } else if (c == '.' || c == '$') {
    path(token);
  } else if (c == '"' || c == '`') {
    string(token);
  } else if (is_digit(c) || c == '-' || c == '+') {
    token.kind = Kind::number;
    token.text = digits();
  } else if (is_template_word(c)) {
    token.kind = Kind::word;
    token.text = word();
  } else {
    errors_.add(at_, fmt::format("unexpected \"{}\"", printable(text_.substr(at_, 1))));
  }
  if (errors_.any()) token.kind = Kind::end;
  return token;
}

std::string TemplateLexer::word() {
  const std::size_t start = at_;
  while (at_ < end_ && is_template_word(text_[at_])) ++at_;
  return std::string(text_.substr(start, at_ - start));
}

std::string TemplateLexer::digits() {
  const std::size_t start = at_;
  const auto belongs = [](char c) {
    return is_template_word(c) || c == '.' || c == '-' || c == '+';
  };
  while (at_ < end_ && belongs(text_[at_])) ++at_;
  return std::string(text_.substr(start, at_ - start));
}

void TemplateLexer::path(TemplateToken& token) {
  token.kind = text_[at_] == '$' ? Kind::root : Kind::field;
  if (text_[at_] == '$') {
    ++at_;
    if (at_ < end_ && is_template_word(text_[at_])) {
      return errors_.add(token.at, "variables are not supported; \"$\" is the payload");
    }
  }
  while (at_ < end_ && text_[at_] == '.') {
    token.text += text_[at_++];
    const std::string name = word();
    token.text += name;
    if (name.empty() && (token.text.size() > 1 || token.kind == Kind::root)) {
      return errors_.add(at_, "a name is missing after \".\"");
    }
  }
}

void TemplateLexer::string(TemplateToken& token) {
  token.kind = Kind::text;
  const char quote = text_[at_++];
  while (at_ < end_ && text_[at_] != quote) {
    char c = text_[at_++];
    if (quote == '"' && c == '\n')
      return errors_.add(token.at, "a string does not end on its line");
    if (quote == '"' && c == '\\' && at_ < end_) {
      c = text_[at_++];
      if (c == 'n') {
        c = '\n';
      } else if (c == 't') {
        c = '\t';
      } else if (c == 'r') {
        c = '\r';
      } else if (c != '"' && c != '\\' && c != '\'') {
        return errors_.add(at_ - 2, "unknown escape in a string");
      }
    }
    token.text += c;
  }
  if (at_ >= end_) return errors_.add(token.at, "a string does not end");
  ++at_;
}

}  // namespace postern::deliver
