#include "dialect/vsl/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <re2/re2.h>

#include "base/text.h"
#include "dialect/vsl/code_points.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::string_view keyword_list[] = {
    "action",  "as",     "break", "catch", "const",  "continue", "delegate", "do",
    "else",    "export", "false", "fn",    "for",    "if",       "import",   "in",
    "is",      "let",    "loop",  "not",   "object", "private",  "return",   "rule",
    "service", "switch", "throw", "true",  "try",    "until",    "while"};

/// If one symbol begins with another, the longer one comes first.
constexpr std::string_view symbols[] = {
    "<<=", ">>=", "**=", "..=", "=>", "==", "!=", "<=", ">=", "&&", "||", "??",
    "?.",  "::",  "..",  "+=",  "-=", "*=", "/=", "%=", "**", "<<", ">>", "#{",
    "{",   "}",   "(",   ")",   "[",  "]",  ",",  ";",  ":",  ".",  "+",  "-",
    "*",   "/",   "%",   "<",   ">",  "=",  "!",  "|",  "&",  "^",  "?"};

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

const RE2& identifier_pattern() {
  static const RE2 pattern(R"([\p{L}_][\p{L}\p{N}_]*)");
  return pattern;
}

/// The text at the start of the input that matches; empty: there is none.
std::string_view matched(const RE2& pattern, std::string_view input) {
  re2::StringPiece found;
  const re2::StringPiece all(input.data(), input.size());
  if (!pattern.Match(all, 0, all.size(), RE2::ANCHOR_START, &found, 1)) return {};
  return {found.data(), found.size()};
}

/// Thrown and caught only in this file.
struct Failure {
  Position at;
  std::string message;
  std::string hint;
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    check_encoding();
    while (step()) continue;
    return std::move(tokens_);
  }

 private:
  void check_encoding();
  bool step();
  void skip_blanks();
  void skip_comment();
  void word_or_symbol();
  void word(std::string_view text);
  void number();
  void integer(std::string digits, int base, Token token);
  void quoted(char quote);
  std::string escape();
  void backtick();
  void piece();
  void splice_end();
  [[noreturn]] void unexpected();

  [[noreturn]] static void fail(Position at, std::string message, std::string hint = {}) {
    throw Failure{at, std::move(message), std::move(hint)};
  }
  std::string_view rest() const { return text_.substr(at_); }
  bool at(std::string_view text) const { return rest().starts_with(text); }
  /// NUL at the end of the text, which no rule of the grammar accepts.
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool done() const { return at_ >= text_.size(); }
  /// Skips `count` octets, which are whole characters.
  void advance(std::size_t count) {
    for (const std::size_t to = at_ + count; at_ < to; ++at_) {
      if (text_[at_] == '\n') {
        position_ = {position_.line + 1, 1};
      } else if ((static_cast<unsigned char>(text_[at_]) & 0xC0) != 0x80) {
        ++position_.column;
      }
    }
  }
  Token& add(TokenKind kind, std::string text, Position at) {
    return tokens_.emplace_back(
        Token{.kind = kind, .text = std::move(text), .at = at, .magnitude = 0, .decimal = false});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Position position_{1, 1};
  std::vector<Token> tokens_;
  /// Back-tick strings that are open, the innermost last.
  struct Open {
    Position at;
    std::optional<std::size_t> braces;  ///< open braces in its `${}`; nullopt: in its text
  };
  std::vector<Open> open_;
};

void Lexer::check_encoding() {
  if (text_.size() > max_script_octets) {
    fail({1, 1}, "the script is longer than 1 MiB");
  }
  if (is_utf8(text_)) return;
  while (!done()) {
    const std::size_t length = std::min(octets(peek()), text_.size() - at_);
    if (!is_utf8(text_.substr(at_, length))) break;
    advance(length);
  }
  fail(position_, "the script is not valid UTF-8 here", "save the file in the encoding UTF-8");
}

/// Reads the next token or piece of text. Returns false at the end of the file.
bool Lexer::step() {
  if (!open_.empty() && !open_.back().braces) {
    piece();
    return true;
  }
  skip_blanks();
  if (done()) {
    if (!open_.empty()) fail(position_, "the `${` of a back-tick string is never closed by `}`");
    add(TokenKind::end, "", position_);
    return false;
  }
  word_or_symbol();
  return true;
}

void Lexer::skip_blanks() {
  while (!done()) {
    if (is_space(peek())) {
      advance(1);
    } else if (at(byte_order_mark)) {
      advance(byte_order_mark.size());
    } else if (at("//")) {
      advance(std::min(rest().find('\n'), rest().size()));
    } else if (at("/*")) {
      skip_comment();
    } else {
      return;
    }
  }
}

void Lexer::skip_comment() {
  const Position begin = position_;
  std::size_t depth = 0;
  do {
    if (done()) fail(begin, "the comment is never closed by `*/`", "comments nest: count the `/*`");
    if (at("/*")) {
      ++depth;
      advance(2);
    } else if (at("*/")) {
      --depth;
      advance(2);
    } else {
      advance(1);
    }
  } while (depth > 0);
}

void Lexer::word_or_symbol() {
  if (is_digit(peek())) return number();
  if (peek() == '"' || peek() == '\'') return quoted(peek());
  if (peek() == '`') return backtick();
  const std::string_view name = matched(identifier_pattern(), rest());
  if (!name.empty()) return word(name);
  const auto* const symbol =
      std::ranges::find_if(symbols, [&](std::string_view one) { return at(one); });
  if (symbol == std::ranges::end(symbols)) unexpected();
  if (!open_.empty()) {
    std::size_t& braces = *open_.back().braces;
    if (*symbol == "}" && braces == 0) return splice_end();
    if (*symbol == "}") --braces;
    if (symbol->ends_with('{')) ++braces;
  }
  add(TokenKind::symbol, std::string(*symbol), position_);
  advance(symbol->size());
}

void Lexer::word(std::string_view text) {
  const TokenKind kind = is_keyword(text) ? TokenKind::keyword : TokenKind::identifier;
  add(kind, std::string(text), position_);
  advance(text.size());
}

void Lexer::unexpected() {
  const std::string_view character = rest().substr(0, octets(peek()));
  if (character == "#") {
    fail(position_, "`#` begins only a map, `#{ name: value }`",
         "comments begin with `//`; attributes do not exist here");
  }
  const bool is_quote = character == "\u201C" || character == "\u201D" || character == "\u2018" ||
                        character == "\u2019";
  const bool visible = character.size() > 1 || is_printable_ascii(character.front());
  const std::string shown = visible ? std::string(character) : "\\x" + hex_encode(character);
  fail(position_, "the character `" + shown + "` has no meaning here",
       is_quote ? "strings are between straight quotes: \"text\"" : "");
}

void Lexer::number() {
  static const RE2 pattern(
      "0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*(?:\\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?");
  const std::string_view found = matched(pattern, rest());
  Token token{.kind = TokenKind::integer,
              .text = std::string(found),
              .at = position_,
              .magnitude = 0,
              .decimal = true};
  advance(found.size());
  const std::string_view behind = matched(identifier_pattern(), rest());
  if (!behind.empty()) {
    fail(position_, "`" + token.text + std::string(behind) + "` is not a number",
         "numbers have no unit; a time is a string such as \"30s\"");
  }
  std::string digits;
  std::ranges::copy_if(found, std::back_inserter(digits), [](char c) { return c != '_'; });
  const char second = digits.size() > 1 ? digits[1] : '0';
  if (second == 'x' || second == 'o' || second == 'b') {
    token.decimal = false;
    const int base = second == 'x' ? 16 : second == 'o' ? 8 : 2;
    return integer(digits.substr(2), base, std::move(token));
  }
  if (digits.find_first_of(".eE") == std::string::npos) {
    return integer(std::move(digits), 10, std::move(token));
  }
  token.kind = TokenKind::real;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), token.real);
  if (error != std::errc()) fail(token.at, "`" + token.text + "` does not fit into 64 bits");
  tokens_.push_back(std::move(token));
}

void Lexer::integer(std::string digits, int base, Token token) {
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, token.magnitude, base);
  if (end != last || digits.empty()) fail(token.at, "`" + token.text + "` is not a number");
  constexpr std::uint64_t most = std::uint64_t{1} << 63;
  if (error != std::errc() || (token.decimal && token.magnitude > most)) {
    fail(token.at, "`" + token.text + "` does not fit into 64 bits");
  }
  tokens_.push_back(std::move(token));
}

void Lexer::quoted(char quote) {
  const Position begin = position_;
  advance(1);
  std::string value;
  std::size_t characters = 0;
  for (; peek() != quote || done(); ++characters) {
    if (done() || peek() == '\n') {
      fail(begin, "the string is not closed on its line",
           "a string over several lines is between back-ticks");
    }
    if (peek() == '\\') {
      value += escape();
    } else {
      const std::size_t length = octets(peek());
      value += rest().substr(0, length);
      advance(length);
    }
  }
  advance(1);
  if (quote == '\'' && characters != 1) {
    fail(begin, "single quotes hold exactly one character", "strings are in double quotes");
  }
  add(TokenKind::string, std::move(value), begin);
}

/// Reads an escape sequence and returns the text that it stands for.
std::string Lexer::escape() {
  const Position begin = position_;
  const char kind = peek(1);
  if (kind == '\n' || (kind == '\r' && peek(2) == '\n')) {
    advance(kind == '\n' ? 2 : 3);
    return "";
  }
  constexpr std::string_view simple = "nrt\\\"'`";
  constexpr std::string_view meant = "\n\r\t\\\"'`";
  const std::size_t index = simple.find(kind);
  if (kind != '\0' && index != std::string_view::npos) {
    advance(2);
    return std::string(1, meant[index]);
  }
  const std::size_t length = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (length == 0) {
    fail(begin, "this is not an escape sequence", "a backslash itself is written `\\\\`");
  }
  const std::string_view digits = rest().substr(2, length);
  std::uint32_t point = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), point, 16);
  const bool whole = digits.size() == length && end == digits.data() + digits.size();
  const std::optional<std::string> character = whole ? utf8(point) : std::nullopt;
  if (!character) {
    fail(begin, "the escape sequence needs " + std::to_string(length) +
                    " hexadecimal digits that are a character's number");
  }
  advance(2 + length);
  return *character;
}

void Lexer::backtick() {
  open_.push_back({position_, std::nullopt});
  add(TokenKind::backtick, "`", position_);
  advance(1);
  // A line break directly after the back-tick is not part of the text.
  if (at("\r\n")) {
    advance(2);
  } else if (at("\n")) {
    advance(1);
  }
}

/// Reads the text of a back-tick string up to `${` or the closing back-tick.
void Lexer::piece() {
  const Position begin = position_;
  std::string value;
  while (!done() && !at("${") && (peek() != '`' || peek(1) == '`')) {
    const std::size_t length = octets(peek());
    value += rest().substr(0, length);
    advance(peek() == '`' ? 2 : length);
  }
  if (done()) fail(open_.back().at, "the back-tick string is never closed");
  if (!value.empty()) add(TokenKind::piece, std::move(value), begin);
  if (peek() == '`') {
    add(TokenKind::backtick_end, "`", position_);
    advance(1);
    open_.pop_back();
    return;
  }
  add(TokenKind::splice, "${", position_);
  advance(2);
  open_.back().braces = 0;
}

void Lexer::splice_end() {
  add(TokenKind::splice_end, "}", position_);
  advance(1);
  open_.back().braces.reset();
}

}  // namespace

tl::expected<std::vector<Token>, Mistake> tokens_of(const std::string& name,
                                                    std::string_view text) {
  try {
    return Lexer(text).run();
  } catch (Failure& failure) {
    return tl::unexpected(
        Mistake{name, failure.at, std::move(failure.message), std::move(failure.hint)});
  }
}

std::span<const std::string_view> keywords() { return keyword_list; }

bool is_keyword(std::string_view word) { return std::ranges::binary_search(keyword_list, word); }

}  // namespace postern::dialect::vsl
