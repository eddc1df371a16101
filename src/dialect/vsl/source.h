// Where something stands in a script, and what is wrong there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::dialect::vsl {

/// Lines and columns count from 1; a column is a code point.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const Position&) const = default;
};

/// "main.vsl:3:5".
inline std::string place_text(std::string_view file, Position at) {
  return std::string(file) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

/// What keeps a policy from loading, or, as a warning, what is probably not meant.
struct Mistake {
  std::string file;  ///< relative to the policy directory: "lib/objects.vsl"
  Position at;
  std::string message;  ///< one sentence, without the place
  std::string hint;     ///< what to do; may be empty

  /// "main.vsl:3:5".
  std::string place() const { return place_text(file, at); }
  /// "main.vsl:3:5: message".
  std::string to_string() const { return place() + ": " + message; }
  bool operator==(const Mistake&) const = default;
};

}  // namespace postern::dialect::vsl
