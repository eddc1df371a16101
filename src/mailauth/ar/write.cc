#include "mailauth/ar/write.h"

#include <algorithm>

#include "base/text.h"
#include "mailauth/ar/scanner.h"

namespace mailauth::ar {

namespace {

constexpr std::string_view field_name = "Authentication-Results: ";
constexpr std::size_t wished_line = 78;  ///< RFC 5322 §2.1.1 SHOULD
// Together below the 998 octets of RFC 5322 §2.1.1 (MUST), because `keyword.keyword=` and a word
// share a line.
constexpr std::size_t longest_word = 800;
constexpr std::size_t longest_keyword = 60;

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

/// pvalue (RFC 8601 §2.2): `[ [ local-part ] "@" ] domain-name`, where each part is a token.
bool is_plain_mailbox(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return false;
  const std::string_view local = text.substr(0, at);
  return (local.empty() || is_token(local)) && is_token(text.substr(at + 1));
}

/// Octets of the UTF-8 character at the start of `text`; 0 when it is not valid.
std::size_t utf8_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return size <= text.size() && postern::is_utf8(text.substr(0, size)) ? size : 0;
}

/// Octets of the run of blanks and line ends at the start of `text`.
std::size_t blanks_size(std::string_view text) {
  return std::min(text.find_first_not_of(" \t\r\n"), text.size());
}

/// A run of blanks within one line stays, unless it is so long that it could fill a line.
std::string_view blanks_for(std::string_view run) {
  const bool plain = run.size() <= 16 && run.find_first_of("\r\n") == std::string_view::npos;
  return plain ? run : " ";
}

/// A quoted-string (RFC 5322 §3.2.4) with UTF-8 (RFC 6532 §3.2). A fold breaks a word that is too
/// long for a line.
std::string in_quotes(std::string_view value) {
  std::string out = "\"";
  std::size_t word = 0;
  while (!value.empty()) {
    if (const std::size_t run = blanks_size(value); run > 0) {
      out += blanks_for(value.substr(0, run));
      value.remove_prefix(run);
      word = 0;
      continue;
    }
    if (word >= longest_word) {
      out += ' ';
      word = 0;
    }
    const std::size_t size = utf8_size(value);
    const char c = value.front();
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    const std::size_t before = out.size();
    if (c == '"' || c == '\\') out += '\\';
    out += size == 0 || control ? "?" : value.substr(0, size);
    value.remove_prefix(std::max<std::size_t>(size, 1));
    word += out.size() - before;
  }
  return out += '"';
}

/// Makes a Keyword of method, result, ptype or property: other characters become hyphens.
std::string keyword(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, longest_keyword)) {
    out += is_keyword_char(c) ? postern::to_lower(c) : '-';
  }
  return out.empty() ? "unknown" : out;
}

/// Folds text into lines.
class Folder {
 public:
  explicit Folder(std::size_t column) : column_(column) {}

  /// Adds a piece that begins with a blank. A fold before the piece may replace that blank. A fold
  /// inside the piece, possibly within quotes, goes before a blank, so that unfolding restores the
  /// text.
  void add(std::string_view piece) {
    bool inside = false;
    while (!piece.empty()) {
      const std::size_t blanks = blanks_size(piece);
      const std::size_t size = std::min(piece.find_first_of(" \t", blanks), piece.size());
      put(piece.substr(0, size), blanks > 0 && size > blanks, inside);
      piece.remove_prefix(size);
      inside = true;
    }
  }
  void new_line() {
    out_ += "\r\n\t";
    column_ = 8;
    fresh_ = true;
  }
  std::string take() { return std::move(out_); }

 private:
  /// Adds blanks and a word. Never makes a line of blanks only.
  void put(std::string_view text, bool may_fold, bool inside) {
    if (may_fold && !fresh_ && column_ + text.size() > wished_line) {
      if (inside) {
        out_ += "\r\n";
        column_ = 0;
      } else {
        new_line();
      }
    }
    if (fresh_ && may_fold) text.remove_prefix(1);
    out_ += text;
    column_ += text.size();
    fresh_ = false;
  }

  std::string out_;
  std::size_t column_;
  bool fresh_ = false;  ///< the line contains only the tab of the fold
};

void write_result(Folder& out, const MethodResult& result) {
  out.new_line();
  std::string head = " " + keyword(result.method);
  if (result.version != 1) head += "/" + std::to_string(result.version);
  out.add(head + "=" + keyword(result.result));
  if (result.reason) {
    const bool plain = is_token(*result.reason) && result.reason->size() <= longest_word;
    out.add(" reason=" + (plain ? *result.reason : in_quotes(*result.reason)));
  }
  for (const Property& property : result.properties) {
    out.add(" " + keyword(property.ptype) + "." + keyword(property.property) + "=" +
            write_value(property.value));
  }
}

}  // namespace

std::string write_value(std::string_view value) {
  const bool plain = is_token(value) || is_plain_mailbox(value);
  return plain && value.size() <= longest_word ? std::string(value) : in_quotes(value);
}

std::string write(const AuthenticationResults& results) {
  Folder out(field_name.size());
  // A field without an authserv-id would be malformed.
  std::string_view id = results.authserv_id;
  if (id.empty()) id = "unknown";
  const bool plain = is_token(id) && id.size() <= longest_word;
  out.add(plain ? std::string(id) : in_quotes(id));
  if (results.version != 1) out.add(" " + std::to_string(results.version));
  if (results.results.empty()) out.add("; none");
  for (const MethodResult& result : results.results) {
    out.add(";");
    write_result(out, result);
  }
  return out.take();
}

std::string write_field(const AuthenticationResults& results) {
  return std::string(field_name) + write(results) + "\r\n";
}

}  // namespace mailauth::ar
