// The tokens of an Authentication-Results field, one after the other. Only for this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailauth::ar {

/// RFC 2045 §5.1 "token": printable ASCII without space and tspecials.
bool is_token_char(char c);
/// RFC 5321 §4.1.2 "Keyword", and the underscore that is seen in the wild.
bool is_keyword_char(char c);

/// Reads from a text that must outlive it. A function that finds nothing (nullopt, false) leaves
/// the position where the text was found wanting.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// RFC 5322 §3.2.2 CFWS: blanks, folds, nested comments. False: an open comment or a line end
  /// that is no fold.
  bool skip_cfws();
  bool at_end() const { return position_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  bool take(char c);
  std::size_t position() const { return position_; }

  /// Lower-cased.
  std::optional<std::string> keyword();
  std::optional<std::uint32_t> number();
  /// RFC 8617 §4.2.1 "instance": `i=1;`, the semicolon included. The name is lower case.
  std::optional<std::uint32_t> instance();
  /// RFC 5322 §3.2.4, without its quotes and backslashes.
  std::optional<std::string> quoted_string();
  /// RFC 8601 §2.2 "value": a token (or UTF-8, RFC 6532 §3.1), or a quoted-string.
  std::optional<std::string> value();
  /// "pvalue": a value or a mailbox, whose quotes remain; or any run without blank, quote,
  /// parenthesis and semicolon.
  std::optional<std::string> property_value();

 private:
  bool skip_fold();
  bool skip_comment();
  template <class Wanted>
  std::string_view run(Wanted wanted);

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace mailauth::ar
