#include "mailauth/ar/scanner.h"

#include "base/text.h"

namespace mailauth::ar {

namespace {

bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

/// Characters that unquoted values contain in practice.
bool is_bare_char(char c) {
  return is_beyond_ascii(c) ||
         (c > ' ' && c < 0x7f && c != '"' && c != '(' && c != ')' && c != ';' && c != '\\');
}

}  // namespace

bool is_token_char(char c) {
  constexpr std::string_view tspecials = "()<>@,;:\\\"/[]?=";
  return c > ' ' && c < 0x7f && tspecials.find(c) == std::string_view::npos;
}

bool is_keyword_char(char c) { return postern::is_alnum(c) || c == '-' || c == '_'; }

bool Scanner::take(char c) {
  if (at_end() || text_[position_] != c) return false;
  ++position_;
  return true;
}

/// RFC 5322 §3.2.2: a line end counts only before a blank or at the end of the field.
bool Scanner::skip_fold() {
  std::size_t end = position_;
  if (text_[end] == '\r') ++end;
  if (end == text_.size() || text_[end] != '\n') return false;
  ++end;
  if (end < text_.size() && text_[end] != ' ' && text_[end] != '\t') return false;
  position_ = end;
  return true;
}

bool Scanner::skip_comment() {
  std::size_t depth = 0;
  while (!at_end()) {
    const char c = text_[position_];
    if (c == '\r' || c == '\n') {
      if (!skip_fold()) return false;
      continue;
    }
    ++position_;
    if (c == '(') ++depth;
    if (c == ')' && --depth == 0) return true;
    if (c == '\\' && !at_end() && peek() != '\r' && peek() != '\n') ++position_;
  }
  return false;
}

bool Scanner::skip_cfws() {
  while (!at_end()) {
    const char c = peek();
    if (c == ' ' || c == '\t') {
      ++position_;
    } else if (c == '\r' || c == '\n') {
      if (!skip_fold()) return false;
    } else if (c == '(') {
      if (!skip_comment()) return false;
    } else {
      break;
    }
  }
  return true;
}

template <class Wanted>
std::string_view Scanner::run(Wanted wanted) {
  const std::size_t begin = position_;
  while (!at_end() && wanted(text_[position_])) ++position_;
  return text_.substr(begin, position_ - begin);
}

std::optional<std::string> Scanner::keyword() {
  const std::string_view word = run(is_keyword_char);
  if (word.empty()) return std::nullopt;
  return postern::lower(word);
}

std::optional<std::uint32_t> Scanner::number() {
  const auto value = postern::parse_number(run(postern::is_digit));
  if (!value || *value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<std::uint32_t> Scanner::instance() {
  if (!skip_cfws() || !take('i') || !skip_cfws() || !take('=') || !skip_cfws()) return std::nullopt;
  const auto value = number();
  if (!value || !skip_cfws() || !take(';')) return std::nullopt;
  return value;
}

std::optional<std::string> Scanner::quoted_string() {
  if (!take('"')) return std::nullopt;
  std::string out;
  while (!at_end()) {
    const char c = peek();
    if (c == '\r' || c == '\n') {
      if (!skip_fold()) return std::nullopt;
      continue;
    }
    ++position_;
    if (c == '"') return out;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at_end() || peek() == '\r' || peek() == '\n') return std::nullopt;
    out += text_[position_++];
  }
  return std::nullopt;
}

std::optional<std::string> Scanner::value() {
  if (peek() == '"') return quoted_string();
  const std::string_view token = run([](char c) { return is_token_char(c) || is_beyond_ascii(c); });
  if (token.empty()) return std::nullopt;
  return std::string(token);
}

std::optional<std::string> Scanner::property_value() {
  if (peek() != '"') {
    const std::string_view bare = run(is_bare_char);
    if (bare.empty()) return std::nullopt;
    return std::string(bare);
  }
  const std::size_t begin = position_;
  auto quoted = quoted_string();
  if (!quoted || peek() != '@') return quoted;
  // A quoted local part: the quotes belong to the address.
  run(is_bare_char);
  return std::string(text_.substr(begin, position_ - begin));
}

}  // namespace mailauth::ar
