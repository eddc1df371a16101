// Places in scripts, and mistakes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::dialect::vsl {

/// A place in a file. A column is a code point.
struct Position {
  std::uint32_t line = 0;    ///< from 1
  std::uint32_t column = 0;  ///< from 1
  auto operator<=>(const Position&) const = default;
};

/// A place as text, "main.vsl:3:5".
inline std::string place_text(std::string_view file, Position at) {
  return std::string(file) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

/// A mistake that prevents the load, or a warning about a probable mistake.
struct Mistake {
  std::string file;     ///< relative to the policy directory: "lib/objects.vsl"
  Position at;          ///< from 1
  std::string message;  ///< one sentence, without the place
  std::string hint;     ///< what to do; may be empty

  /// Its place, "main.vsl:3:5".
  std::string place() const { return place_text(file, at); }
  /// "main.vsl:3:5: message".
  std::string to_string() const { return place() + ": " + message; }
  bool operator==(const Mistake&) const = default;
};

}  // namespace postern::dialect::vsl
