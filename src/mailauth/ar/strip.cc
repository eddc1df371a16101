#include "mailauth/ar/strip.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "mailauth/ar/parse.h"
#include "mailauth/ar/scanner.h"
#include "mailauth/header.h"
#include "mailauth/names.h"

namespace mailauth::ar {

namespace {

/// An authserv-id need not be a domain name. Then only case and a final dot are ignored.
std::string comparable(std::string_view id) {
  if (auto domain = normalize_domain(id)) return *domain;
  if (id.ends_with('.')) id.remove_suffix(1);
  return postern::lower(id);
}

/// What a lenient reader may take for the authserv-id: the text before the first semicolon, without
/// comments (closed or not), quotes, backslashes, blanks and control characters.
std::string careless_head(std::string_view body) {
  std::string out;
  std::size_t depth = 0;
  for (const char c : body) {
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
    if (depth > 0) continue;
    if (c == ';') break;
    const bool noise = static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '"' || c == '\\' ||
                       c == '(' || c == ')';
    if (!noise) out += c;
  }
  return postern::lower(out);
}

}  // namespace

OwnIds::OwnIds(const std::vector<std::string>& ids) {
  for (const auto& id : ids) ids_.push_back(comparable(id));
}

bool OwnIds::contains(std::string_view authserv_id) const {
  return std::find(ids_.begin(), ids_.end(), comparable(authserv_id)) != ids_.end();
}

bool must_remove(std::string_view body, const OwnIds& own) {
  const auto head = parse_head(body);
  if (head) {
    const std::string& id = head->authserv_id;
    if (own.contains(id)) return true;
    // A lenient reader trims Unicode blanks and then sees our name. Remove ids beyond ASCII that
    // are not a domain name.
    const bool ascii = std::all_of(id.begin(), id.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    return !ascii && !normalize_domain(id);
  }
  // RFC 8601 §5 permits removing a field that cannot be parsed. A lenient reader may see our id in
  // "mx.example.org spf=pass", "mx.(x)example.org" and "mx.example.org:25".
  Scanner scan(body);
  const auto id = scan.skip_cfws() ? scan.value() : std::nullopt;
  if (!id || !postern::is_utf8(*id) || own.contains(*id)) return true;
  // "spf=pass smtp.mailfrom=a": results without an authserv-id.
  if (scan.skip_cfws() && scan.peek() == '=') return true;
  const std::string claimed = careless_head(body);
  return std::any_of(own.ids_.begin(), own.ids_.end(),
                     [&](const std::string& id) { return claimed.find(id) != std::string::npos; });
}

std::string strip_own(std::string_view header, const OwnIds& own) {
  // No limits: a field beyond a limit would stay without having been checked.
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  const HeaderView view = HeaderView::parse(header, {.octets = all, .fields = all});
  std::string kept;
  kept.reserve(header.size());
  std::size_t from = 0;
  for (const FieldView& field : view.fields()) {
    if (!field.is("Authentication-Results") || !must_remove(field.body, own)) continue;
    const auto start = static_cast<std::size_t>(field.raw.data() - header.data());
    kept += header.substr(from, start - from);
    from = start + field.raw.size();
    if (header.substr(from).starts_with("\r\n")) from += 2;
  }
  kept += header.substr(from);
  return kept;
}

}  // namespace mailauth::ar
