// File names of parts, made safe to show.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::deliver {

/// Longest result of clean_filename(), in octets.
inline constexpr std::size_t max_filename = 255;

/// Makes a decoded file name safe to show and to suggest: removes directories, control characters
/// and bidirectional controls, and cuts to max_filename octets. nullopt if nothing is left.
std::optional<std::string> clean_filename(std::string_view name);

}  // namespace postern::deliver
