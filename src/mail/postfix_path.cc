#include "mail/postfix_path.h"

#include <optional>
#include <string>

#include "base/text.h"

namespace postern::mail {
namespace {

constexpr std::string_view substitute = "localhost";  // for a domain that is not written

/// Octets with a meaning outside quotes (RFC 5322 §3.2.3 specials), without the dot and the @.
bool is_special(char c) {
  return !is_printable_ascii(c) ||
         std::string_view(" ()<>[]:;,\\\"").find(c) != std::string_view::npos;
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && is_special(c)) return false;
  }
  return true;
}

/// Walks over a text and knows which octets are inside quotes (RFC 5322 §3.2.4).
class Unquoted {
 public:
  explicit Unquoted(std::string_view text) : text_(text) {}
  /// The position of the next octet outside quotes; npos at the end.
  std::size_t next() {
    while (at_ < text_.size()) {
      const std::size_t here = at_++;
      if (text_[here] == '\\') {
        ++at_;
      } else if (text_[here] == '"') {
        inside_ = !inside_;
      } else if (!inside_) {
        return here;
      }
    }
    return std::string_view::npos;
  }
  bool ends_inside() const { return inside_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool inside_ = false;
};

/// What is between the brackets of a path, or a path without them.
struct Extent {
  std::string_view inner;
  std::size_t length = 0;  ///< octets of `text`, brackets included
};

Result<Extent> bracketed(std::string_view text) {
  std::size_t depth = 0;
  Unquoted walk(text);
  for (std::size_t at = walk.next(); at != std::string_view::npos; at = walk.next()) {
    if (text[at] == '<') ++depth;
    if (text[at] != '>' || --depth > 0) continue;
    return Extent{text.substr(1, at - 1), at + 1};
  }
  return malformed("path is not closed");
}

Result<Extent> without_brackets(std::string_view text) {
  Unquoted walk(text);
  std::size_t at = walk.next();
  while (at != std::string_view::npos && text[at] != ' ') at = walk.next();
  if (walk.ends_inside()) return malformed("quoted local part is not closed");
  Extent extent{text.substr(0, at), std::min(at, text.size())};
  if (extent.inner.ends_with('>')) extent.inner.remove_suffix(1);
  if (extent.inner.empty()) return malformed("empty path");
  return extent;
}

/// The address inside `Eve <eve@D>`; `inner` ends with the bracket.
Result<std::string_view> behind_display_name(std::string_view inner) {
  Unquoted walk(inner);
  std::size_t open = walk.next();
  bool words = inner.starts_with('"');
  for (; open != std::string_view::npos && inner[open] != '<'; open = walk.next()) {
    const char c = inner[open];
    if (c != ' ' && (c == '@' || is_special(c)))
      return malformed("display name holds an octet that needs quotes");
    words |= c != ' ';
  }
  if (open == std::string_view::npos || !words) return malformed("brackets within brackets");
  inner.remove_suffix(1);
  inner.remove_prefix(open + 1);
  if (inner.empty()) return malformed("empty path");
  return inner;
}

/// The local part by the grammar of RFC 5321 §4.1.2; what the grammar does not have and this
/// function does not know stays, for the grammar to refuse.
Result<std::string> local_part_of(std::string_view written, std::string_view domain,
                                  Envelopes envelopes) {
  if (written.empty() || written == "\"\"") {
    if (envelopes == Envelopes::strict) return malformed("local part is empty");
    return std::string("\"\"");
  }
  // Postfix's allow_min_user = no: programs take such a name for an option.
  if (written.starts_with('-') || written.starts_with("\"-") || written.starts_with("\"\\-")) {
    return malformed("local part begins with a hyphen");
  }
  if (!is_plain(written)) return std::string(written);
  const std::size_t at = written.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view other = written.substr(at + 1);
    if (at == 0 || !Domain::parse(other) || iequals(other, domain)) {
      return malformed("more than one @");
    }
  }
  const bool irregular = at != std::string_view::npos || written.starts_with('.') ||
                         written.ends_with('.') || written.find("..") != std::string_view::npos;
  return irregular ? "\"" + std::string(written) + "\"" : std::string(written);
}

/// The position of the last @ outside quotes; npos: there is none.
std::size_t last_at(std::string_view text) {
  std::size_t found = std::string_view::npos;
  Unquoted walk(text);
  for (std::size_t at = walk.next(); at != std::string_view::npos; at = walk.next()) {
    if (text[at] == '@') found = at;
  }
  return found;
}

}  // namespace

Result<Path> parse_postfix_path(std::string_view text, Utf8 utf8, Envelopes envelopes) {
  const bool strict = envelopes == Envelopes::strict;
  const bool in_brackets = text.starts_with('<');
  if (strict && !in_brackets) return malformed("path does not begin with <");
  const Result<Extent> extent = in_brackets ? bracketed(text) : without_brackets(text);
  if (!extent) return tl::unexpected(extent.error());
  std::string_view address = extent->inner;
  if (address.empty()) return Path{.length = extent->length};  // RFC 5321 §4.5.5
  if (in_brackets && address.ends_with('>')) {
    if (strict) return malformed("brackets within brackets");
    const Result<std::string_view> inner = behind_display_name(address);
    if (!inner) return tl::unexpected(inner.error());
    address = *inner;
  }

  std::string grammar = "<";  // the path by the grammar, which then has the last word
  const std::size_t colon = address.starts_with('@') ? address.find(':') : std::string_view::npos;
  if (colon != std::string_view::npos) {  // RFC 5321 §F.2
    grammar += address.substr(0, colon + 1);
    address.remove_prefix(colon + 1);
  }
  const std::size_t at = last_at(address);
  const bool bare = at == std::string_view::npos;
  if (bare && (address.empty() || address == "\"\"")) return malformed("empty path");
  std::string_view domain = bare ? substitute : address.substr(at + 1);
  if (domain.empty()) return malformed("domain is empty");
  if (domain.size() > 1 && domain.ends_with('.')) domain.remove_suffix(1);
  if (domain.find_first_not_of("0123456789.") == std::string_view::npos) {
    return malformed("an address stands in brackets");
  }
  const Result<std::string> local = local_part_of(address.substr(0, at), domain, envelopes);
  if (!local) return tl::unexpected(local.error());
  grammar += *local + "@" + std::string(domain) + ">";
  Result<Path> path = parse_path(grammar, utf8);
  if (!path) return path;
  if (path->length != grammar.size()) return malformed("text behind the mailbox");
  path->length = extent->length;
  if (bare) path->mailbox->domain.clear();
  return path;
}

}  // namespace postern::mail
