// Tag lists, "tag=value; ..." (RFC 6376 §3.2): DKIM and ARC fields, key records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace mailauth {

/// Tags that are read, more than any list in use has; a list with more is malformed.
inline constexpr std::size_t max_tags = 64;

/// Why a tag list is malformed.
enum class TagTrouble : std::uint8_t {
  syntax,     ///< no "=", an invalid name, an empty tag in the middle, a control octet
  duplicate,  ///< a repeated name, which makes the whole list invalid (RFC 6376 §3.2)
  too_many,   ///< more than max_tags
};

/// One tag, as views into the parsed text.
struct TagView {
  std::string_view name;   ///< as written
  std::string_view value;  ///< trimmed; inner white space and folds remain
};

/// A parsed tag list. Views into the text, which must outlive it.
class TagListView {
 public:
  /// Parses a tag list. White space around names and values and one ";" at the end are allowed
  /// (RFC 6376 §3.2), and octets above 127 in values (RFC 8616 §5).
  static tl::expected<TagListView, TagTrouble> parse(std::string_view text);

  /// The value of a tag; nullopt when it is absent. Names are case-sensitive (RFC 6376 §3.2).
  std::optional<std::string_view> find(std::string_view name) const;
  /// The value of a tag, or `otherwise` when it is absent.
  std::string_view value_or(std::string_view name, std::string_view otherwise) const;
  /// All tags, in their order.
  const std::vector<TagView>& tags() const { return tags_; }

 private:
  std::vector<TagView> tags_;
};

/// `text` without spaces, tabs, CR and LF.
std::string without_white_space(std::string_view text);

}  // namespace mailauth
