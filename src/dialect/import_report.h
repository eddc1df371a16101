// The result of importing another mail server's configuration: the text of a postern.toml, and a
// report about every parameter. Nothing is dropped silently.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect {

/// What became of a parameter.
enum class Fate : std::uint8_t {
  carried,        ///< has the same meaning in the postern.toml
  changed,        ///< converted; the note has the difference
  not_supported,  ///< something is lost; the note says what, and what to do
  meaningless,    ///< about a part that Postern does not have or need
};
/// All values, in order.
inline constexpr std::array fates{Fate::carried, Fate::changed, Fate::not_supported,
                                  Fate::meaningless};
std::string_view fate_word(Fate fate);  ///< "carried with a change"
std::string_view fate_key(Fate fate);   ///< "carried_with_change", for JSON

/// A parameter of the file.
struct ImportedParameter {
  std::string name;  ///< as in the file
  std::size_t line =
      0;  ///< of the last setting, which counts; 0: of another file, which `note` names
  std::vector<std::size_t> overridden;  ///< lines of earlier settings, which do not count
  Fate fate = Fate::carried;            ///< what became of it
  std::string note;                     ///< one sentence; may be empty for `carried`
};

/// The result of an import.
struct ImportReport {
  std::string toml;                           ///< empty if the file has errors
  std::vector<ImportedParameter> parameters;  ///< each name of the file once, in order
  std::vector<std::string> notes;             ///< about settings that the file leaves out

  /// Number of parameters with this fate.
  std::size_t count(Fate fate) const;
};

}  // namespace postern::dialect
