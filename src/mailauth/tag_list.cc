#include "mailauth/tag_list.h"

#include <algorithm>

#include "base/text.h"

namespace mailauth {
namespace {

/// RFC 6376 §3.2: tag-name = ALPHA *ALNUMPUNC.
bool is_tag_name(std::string_view name) {
  if (name.empty() || !postern::is_alpha(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return postern::is_alnum(c) || c == '_'; });
}

/// RFC 6376 §3.2: VALCHAR and white space. RFC 8616 §5 adds octets above ASCII.
bool is_tag_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) > 0x20 && c != 0x7f) || postern::is_space(c);
  });
}

}  // namespace

tl::expected<TagListView, TagTrouble> TagListView::parse(std::string_view text) {
  TagListView list;
  text = postern::trim(text);
  if (!text.empty() && text.back() == ';') text.remove_suffix(1);
  for (;;) {
    const std::size_t semicolon = text.find(';');
    const std::string_view piece = text.substr(0, semicolon);
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) return tl::unexpected(TagTrouble::syntax);
    const TagView tag{.name = postern::trim(piece.substr(0, equals)),
                      .value = postern::trim(piece.substr(equals + 1))};
    if (!is_tag_name(tag.name) || !is_tag_value(tag.value)) {
      return tl::unexpected(TagTrouble::syntax);
    }
    if (list.find(tag.name)) return tl::unexpected(TagTrouble::duplicate);
    if (list.tags_.size() == max_tags) return tl::unexpected(TagTrouble::too_many);
    list.tags_.push_back(tag);
    if (semicolon == std::string_view::npos) return list;
    text.remove_prefix(semicolon + 1);
  }
}

std::optional<std::string_view> TagListView::find(std::string_view name) const {
  for (const TagView& tag : tags_) {
    if (tag.name == name) return tag.value;
  }
  return std::nullopt;
}

std::string_view TagListView::value_or(std::string_view name, std::string_view otherwise) const {
  return find(name).value_or(otherwise);
}

std::string without_white_space(std::string_view text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  for (const char c : text) {
    out[size] = c;
    size += postern::is_space(c) ? 0 : 1;
  }
  out.resize(size);
  return out;
}

}  // namespace mailauth
