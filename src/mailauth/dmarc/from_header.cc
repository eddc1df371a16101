#include "mailauth/dmarc/from_header.h"

#include <algorithm>

#include "base/text.h"
#include "mailauth/header.h"
#include "mailauth/names.h"

namespace mailauth::dmarc {
namespace {

/// RFC 5322 §2.1.1.
constexpr std::size_t max_line = 998;

/// RFC 5322 §3.2.3 atext, with UTF-8 as RFC 6532 §3.2 adds it.
bool is_atext(char c) {
  return postern::is_alnum(c) || static_cast<unsigned char>(c) >= 0x80 ||
         (c != 0 && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

/// Parses one From field. Each read_ function leaves the position after what it read and returns
/// false when the text does not match RFC 5322 §3.4 and §4.4.
class AddressListReader {
 public:
  explicit AddressListReader(std::string_view text) : text_(text) {}

  bool run() {
    bool in_group = false;
    for (;;) {
      if (!skip_blanks()) return false;
      if (at_end()) return !in_group;
      const char c = text_[at_];
      if (c == ',') {
        obsolete = true;  // obs-addr-list: an empty element
        ++at_;
        continue;
      }
      if (c == ';' && in_group) {
        in_group = false;
        ++at_;
      } else if (!read_address(in_group)) {
        return false;
      } else if (in_group && group_opened_) {
        group_opened_ = false;
        continue;
      }
      if (!read_separator(in_group)) return false;
    }
  }

  std::vector<std::string> domains;
  std::size_t addresses = 0;
  bool obsolete = false;
  bool too_many = false;

 private:
  bool at_end() const { return at_ >= text_.size(); }
  bool is_at(char c) const { return !at_end() && text_[at_] == c; }

  /// Reads a comma or the end. In a group it also accepts a semicolon, which run() consumes.
  bool read_separator(bool in_group) {
    if (!skip_blanks()) return false;
    if (at_end()) return !in_group;
    if (in_group && is_at(';')) return true;
    if (!is_at(',')) return false;
    ++at_;
    // A comma at the end is followed by an empty element.
    if (!skip_blanks()) return false;
    if (at_end()) obsolete = true;
    return true;
  }

  /// Skips [CFWS] (RFC 5322 §3.2.2); `blank_` notes whether there was any.
  bool skip_blanks() {
    const std::size_t start = at_;
    while (!at_end()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t') {
        ++at_;
      } else if (c == '\r' || c == '\n') {
        if (!skip_fold()) return false;
      } else if (c == '(') {
        if (!skip_comment()) return false;
      } else {
        break;
      }
    }
    blank_ = at_ > start;
    return true;
  }

  /// Skips a line end that is followed by white space.
  bool skip_fold() {
    if (is_at('\r')) ++at_;
    if (!is_at('\n')) return false;
    ++at_;
    if (!is_at(' ') && !is_at('\t')) return false;
    ++at_;
    return true;
  }

  bool skip_comment() {
    std::size_t depth = 0;
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '\0') return false;
      if (c == '\r' || c == '\n') {
        if (!skip_fold()) return false;
        continue;
      }
      ++at_;
      if (c == '\\') {
        if (!skip_escaped()) return false;
      } else if (c == '(') {
        ++depth;
      } else if (c == ')' && --depth == 0) {
        return true;
      }
    }
    return false;
  }

  /// Skips the character after a backslash.
  bool skip_escaped() {
    if (at_end() || is_at('\0') || is_at('\r') || is_at('\n')) return false;
    ++at_;
    return true;
  }

  bool skip_quoted() {
    ++at_;
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '\0') return false;
      if (c == '\r' || c == '\n') {
        if (!skip_fold()) return false;
        continue;
      }
      ++at_;
      if (c == '"') return true;
      if (c == '\\' && !skip_escaped()) return false;
    }
    return false;
  }

  void skip_atom() {
    while (!at_end() && is_atext(text_[at_])) ++at_;
  }

  /// The words before "@", "<" or ":": a local part, a display name or a group name.
  struct Words {
    std::size_t words = 0;
    bool alternate = true;  ///< they match word *("." word)
    bool blanks = false;    ///< there are blanks between them, or before the "@"
    bool quoted = false;
  };
  bool read_words(Words& words) {
    bool want_word = true;
    for (;;) {
      if (!skip_blanks()) return false;
      const bool blank = blank_ && words.words > 0;
      if (at_end()) break;
      const char c = text_[at_];
      if (c == '.') {
        if (want_word) words.alternate = false;
        want_word = true;
        ++at_;
      } else if (c == '"' || is_atext(c)) {
        if (!want_word) words.alternate = false;
        want_word = false;
        ++words.words;
        words.quoted |= c == '"';
        if (c != '"') {
          skip_atom();
        } else if (!skip_quoted()) {
          return false;
        }
      } else {
        // Blanks before the "@" are obsolete like those between the words.
        words.blanks |= blank && c == '@';
        break;
      }
      words.blanks |= blank;
    }
    if (want_word) words.alternate = false;
    return true;
  }

  bool read_address(bool& in_group) {
    Words words;
    if (!read_words(words) || at_end()) return false;
    switch (text_[at_]) {
      case '@':
        return read_addr_spec(words);
      case '<':
        return read_angle();
      case ':':
        if (in_group || words.words == 0) return false;
        in_group = group_opened_ = true;
        ++at_;
        return true;
      default:
        return false;
    }
  }

  /// Reads from the "@" after a local part.
  bool read_addr_spec(const Words& local) {
    if (!local.alternate) return false;
    // obs-local-part (RFC 5322 §4.4): blanks inside, or quoted strings among the words.
    if (local.blanks || (local.quoted && local.words > 1)) obsolete = true;
    ++at_;
    std::string domain;
    bool literal = false;
    if (!read_domain(domain, literal)) return false;
    return add(domain, literal);
  }

  bool read_angle() {
    ++at_;
    if (!skip_blanks()) return false;
    if ((is_at('@') || is_at(',')) && !skip_route()) return false;
    Words local;
    if (!read_words(local) || !is_at('@') || !read_addr_spec(local)) return false;
    if (!skip_blanks() || !is_at('>')) return false;
    ++at_;
    return true;
  }

  /// RFC 5322 §4.4 obs-route = obs-domain-list ":".
  bool skip_route() {
    obsolete = true;
    for (;;) {
      if (!skip_blanks()) return false;
      if (is_at(',')) {
        ++at_;
      } else if (is_at('@')) {
        ++at_;
        std::string domain;
        bool literal = false;
        if (!read_domain(domain, literal)) return false;
      } else {
        break;
      }
    }
    if (!is_at(':')) return false;
    ++at_;
    return true;
  }

  bool read_domain(std::string& domain, bool& literal) {
    if (!skip_blanks()) return false;
    if (is_at('[')) {
      literal = true;
      return skip_literal();
    }
    for (;;) {
      const std::size_t start = at_;
      skip_atom();
      domain += text_.substr(start, at_ - start);
      if (at_ == start) {
        obsolete = true;
        return !domain.empty();  // a dot at the end names the same domain
      }
      const std::size_t end = at_;
      if (!skip_blanks()) return false;
      const bool before = blank_;
      if (!is_at('.')) {
        at_ = end;
        return true;
      }
      ++at_;
      domain += '.';
      if (!skip_blanks()) return false;
      if (before || blank_) obsolete = true;  // obs-domain (RFC 5322 §4.4)
    }
  }

  bool skip_literal() {
    while (!at_end() && !is_at(']')) {
      const char c = text_[at_];
      if (c == '\0' || c == '\r' || c == '\n' || c == '\\') return false;
      ++at_;
    }
    if (at_end()) return false;
    ++at_;
    return true;
  }

  bool add(const std::string& text, bool literal) {
    if (++addresses > max_authors) {
      too_many = true;
      return false;
    }
    if (literal) return true;
    std::optional<std::string> domain = normalize_domain(text);
    if (!domain) return false;
    if (std::find(domains.begin(), domains.end(), *domain) == domains.end()) {
      domains.push_back(std::move(*domain));
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool blank_ = false;         ///< whether the last skip_blanks() skipped anything
  bool group_opened_ = false;  ///< the last read_address() read a group name
};

/// The body without the line end of the field.
std::string_view without_line_end(std::string_view body) {
  if (!body.ends_with('\n')) return body;
  body.remove_suffix(1);
  if (body.ends_with('\r')) body.remove_suffix(1);
  return body;
}

AuthorFault read_field(std::string_view body, Author& author) {
  body = without_line_end(body);
  const auto folds =
      std::count_if(body.begin(), body.end(), [](char c) { return c == '\r' || c == '\n'; });
  if (body.size() - static_cast<std::size_t>(folds) > max_line) author.obsolete = true;
  AddressListReader reader(body);
  if (!reader.run()) return reader.too_many ? AuthorFault::too_many : AuthorFault::syntax;
  author.addresses += reader.addresses;
  author.obsolete |= reader.obsolete;
  for (std::string& domain : reader.domains) {
    if (std::find(author.domains.begin(), author.domains.end(), domain) == author.domains.end()) {
      author.domains.push_back(std::move(domain));
    }
  }
  return reader.domains.empty() ? AuthorFault::no_domain : AuthorFault::none;
}

}  // namespace

std::string_view to_string(AuthorFault fault) {
  static constexpr std::string_view sentences[] = {
      "",
      "there is no From field",
      "there are several From fields",
      "the From field is no address list",
      "the From field has no address with a domain",
      "the From field has more than 100 addresses",
  };
  return sentences[static_cast<std::size_t>(fault)];
}

Author author_of(const std::vector<std::string_view>& bodies) {
  Author author;
  if (bodies.empty()) author.fault = AuthorFault::no_field;
  // A second field already makes the author invalid; more than ten fields are not read.
  for (std::size_t i = 0; i < std::min<std::size_t>(bodies.size(), 10); ++i) {
    const AuthorFault fault = read_field(bodies[i], author);
    if (author.fault == AuthorFault::none) author.fault = fault;
  }
  if (bodies.size() > 1) author.fault = AuthorFault::several_fields;
  author.valid = author.fault == AuthorFault::none;
  return author;
}

Author author_of(const HeaderView& header) {
  std::vector<std::string_view> bodies;
  bool blank = false;
  for (const FieldView& field : header.fields()) {
    if (!field.is("from")) continue;
    bodies.push_back(field.body);
    blank |= field.space_before_colon;
  }
  Author author = author_of(bodies);
  author.obsolete |= blank || header.ambiguous();
  return author;
}

}  // namespace mailauth::dmarc
