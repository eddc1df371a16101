// The tokens of an Authentication-Results field. Private to ar/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailauth::ar {

/// Whether `c` belongs to a token (RFC 2045 §5.1): printable ASCII without space and tspecials.
bool is_token_char(char c);
/// Whether `c` belongs to a Keyword (RFC 5321 §4.1.2), or is an underscore, which some senders use.
bool is_keyword_char(char c);

/// Reads tokens from a text, which must outlive the scanner. A function that fails (nullopt, false)
/// leaves the position at the fault.
class Scanner {
 public:
  /// Starts at the beginning of `text`.
  explicit Scanner(std::string_view text) : text_(text) {}

  /// Skips CFWS (RFC 5322 §3.2.2): blanks, folds, nested comments. False: a comment is not closed,
  /// or a line end is not a fold.
  bool skip_cfws();
  /// Whether all text was read.
  bool at_end() const { return position_ == text_.size(); }
  /// The next octet; NUL at the end.
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  /// Skips `c`. False when the next octet is another one.
  bool take(char c);
  /// Octets read so far.
  std::size_t position() const { return position_; }

  /// A Keyword, in lower case.
  std::optional<std::string> keyword();
  /// A decimal number of at most 32 bits.
  std::optional<std::uint32_t> number();
  /// An instance with its semicolon, `i=1;` (RFC 8617 §4.2.1). The "i" must be in lower case.
  std::optional<std::uint32_t> instance();
  /// A quoted-string (RFC 5322 §3.2.4), without its quotes and backslashes.
  std::optional<std::string> quoted_string();
  /// A value (RFC 8601 §2.2): a token, in which UTF-8 is allowed (RFC 6532 §3.1), or a
  /// quoted-string.
  std::optional<std::string> value();
  /// A pvalue (RFC 8601 §2.2): a quoted-string, a mailbox (with the quotes of its local part), or a
  /// run without blanks, quotes, parentheses, semicolons and backslashes.
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
