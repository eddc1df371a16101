#include "mailauth/header.h"

#include <algorithm>

#include "base/text.h"

namespace mailauth {
namespace {

std::uint32_t name_hash(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(postern::to_lower(c))) * 16777619u;
  }
  return hash;
}

/// RFC 5322 §2.2: printable ASCII without the colon.
bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return c > 0x20 && c < 0x7f && c != ':'; });
}

bool is_wsp(char c) { return c == ' ' || c == '\t'; }

/// Where the field at the start of `text` ends: after the first CRLF without a fold after it.
std::size_t field_end(std::string_view text) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t end = text.find("\r\n", at);
    if (end == std::string_view::npos) return text.size();
    at = end + 2;
    if (at == text.size() || !is_wsp(text[at])) return at;
  }
}

}  // namespace

bool FieldView::is(std::string_view other_name) const { return postern::iequals(name, other_name); }

HeaderView HeaderView::parse(std::string_view text, const HeaderLimits& limits) {
  HeaderView header;
  while (!text.empty()) {
    const std::size_t end = field_end(text);
    std::string_view raw = text.substr(0, end);
    text.remove_prefix(end);
    if (raw.ends_with("\r\n")) raw.remove_suffix(2);
    if (header.fields_.size() == limits.fields) {
      header.truncated_ = true;
      return header;
    }
    header.add(raw);
  }
  return header;
}

void HeaderView::add(std::string_view raw) {
  const std::size_t colon = raw.find(':');
  std::string_view name = colon == std::string_view::npos ? "" : raw.substr(0, colon);
  // RFC 5322 §4.5: the obsolete syntax allows white space before the colon.
  while (!name.empty() && is_wsp(name.back())) name.remove_suffix(1);
  if (!is_field_name(name)) {
    ++not_fields_;
    return;
  }
  fields_.push_back({.name = name,
                     .body = raw.substr(colon + 1),
                     .raw = raw,
                     .space_before_colon = name.size() != colon});
  hashes_.push_back(name_hash(name));
}

std::size_t HeaderView::count(std::string_view name) const {
  std::size_t found = 0;
  for (std::size_t at = fields_.size(); (at = find_above(name, at)) != npos;) ++found;
  return found;
}

std::size_t HeaderView::find_above(std::string_view name, std::size_t below) const {
  const std::uint32_t hash = name_hash(name);
  for (std::size_t at = below; at-- > 0;) {
    if (hashes_[at] == hash && fields_[at].is(name)) return at;
  }
  return npos;
}

std::size_t HeaderCollector::feed(std::string_view chunk) {
  if (complete_) return 0;
  const std::size_t had = text_.size();
  const std::size_t room = limits_.octets + 2 - std::min(limits_.octets, had);
  text_.append(chunk.substr(0, room));
  if (text_.starts_with("\r\n")) {
    text_.clear();
    complete(false);
    return 2 - had;
  }
  // The CRLF of the empty line may have begun in an earlier chunk.
  const std::size_t end = text_.find("\r\n\r\n", had < 3 ? 0 : had - 3);
  if (end != std::string::npos) {
    text_.resize(end + 2);
    complete(false);
    return end + 4 - had;
  }
  if (text_.size() >= limits_.octets + 2) complete(true);
  return std::min(chunk.size(), room);
}

void HeaderCollector::complete(bool too_long) {
  complete_ = true;
  if (!too_long) view_ = HeaderView::parse(text_, limits_);
  too_long_ = too_long || view_.truncated();
  if (!too_long_) return;
  std::string().swap(text_);  // an assignment would keep the capacity
  view_ = HeaderView();
}

void HeaderCollector::finish() {
  if (!complete_) complete(false);
}

}  // namespace mailauth
