// tag=value lists, RFC 6376 §3.2: DKIM and ARC fields, key records, DMARC records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace mailauth {

/// More tags than any list in use has; beyond it a list is not read.
inline constexpr std::size_t max_tags = 64;

enum class TagTrouble : std::uint8_t {
  syntax,     ///< no "=", a bad name, an empty tag in the middle, a control octet
  duplicate,  ///< a name twice: the whole list is invalid
  too_many,   ///< more than max_tags
};

struct TagView {
  std::string_view name;
  std::string_view value;  ///< without white space at its ends; inner white space is there
};

/// Views into the text it was parsed from.
class TagListView {
 public:
  /// White space around names and values and one ";" at the end are allowed (RFC 6376 §3.2), octets
  /// above 127 in values too (RFC 8616 §4).
  static tl::expected<TagListView, TagTrouble> parse(std::string_view text);

  /// Names are case-sensitive (RFC 6376 §3.2).
  std::optional<std::string_view> find(std::string_view name) const;
  std::string_view value_or(std::string_view name, std::string_view otherwise) const;
  const std::vector<TagView>& tags() const { return tags_; }

 private:
  std::vector<TagView> tags_;
};

/// `text` without spaces, tabs, CR and LF.
std::string without_white_space(std::string_view text);

}  // namespace mailauth
