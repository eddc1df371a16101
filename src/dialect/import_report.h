// What a configuration of another mail server became: the text of a postern.toml, and a word on
// every parameter. Nothing is dropped without being named.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect {

/// What became of a parameter.
enum class Fate : std::uint8_t {
  carried,        ///< means the same in the postern.toml
  changed,        ///< carried; the note says what is different
  not_supported,  ///< something is lost; the note says what, and what to do
  meaningless,    ///< about a part of the other server that Postern does not have or need
};
inline constexpr std::array fates{Fate::carried, Fate::changed, Fate::not_supported,
                                  Fate::meaningless};
std::string_view fate_word(Fate fate);  ///< "carried with a change"
std::string_view fate_key(Fate fate);   ///< "carried_with_change", for JSON

struct ImportedParameter {
  std::string name;
  std::size_t line = 0;                 ///< of the setting that counts, the last one
  std::vector<std::size_t> overridden;  ///< lines of earlier settings, which do not count
  Fate fate = Fate::carried;
  std::string note;  ///< one sentence; may be empty for what is carried
};

struct ImportReport {
  std::string toml;                           ///< empty when the file has mistakes
  std::vector<ImportedParameter> parameters;  ///< each name of the file once, in its order
  std::vector<std::string> notes;             ///< about what the file does not say

  std::size_t count(Fate fate) const;
};

}  // namespace postern::dialect
