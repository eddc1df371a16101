// File names of parts, safe to show.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::deliver {

/// Longest file name handed on, in octets.
inline constexpr std::size_t max_filename = 255;

/// A file name that is safe to show and to use as a suggestion, from a decoded one: directory
/// parts, control and bidirectional characters removed, at most max_filename octets. Nullopt when
/// nothing is left.
std::optional<std::string> clean_filename(std::string_view name);

}  // namespace postern::deliver
