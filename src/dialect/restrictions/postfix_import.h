// A Postfix configuration becomes a Postern one: a main.cf in, the text of a postern.toml and a
// report about every parameter out. Nothing of the file is dropped without being named.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/restrictions/diagnostic.h"

namespace postern::dialect::restrictions {

/// What became of a parameter.
enum class Fate : std::uint8_t {
  carried,        ///< means the same in the postern.toml
  changed,        ///< carried; the note says what is different
  not_supported,  ///< something is lost; the note says what, and what to do
  meaningless,    ///< about a part of Postfix that Postern does not have or need
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

struct PostfixImport {
  std::string toml;                           ///< empty when the file has mistakes
  std::vector<ImportedParameter> parameters;  ///< each name of the file once, in its order
  std::vector<std::string> notes;             ///< about what the file does not say
  Diagnostics diagnostics;                    ///< of the text; an error prevents the import

  bool ok() const;
  std::size_t count(Fate fate) const;
};

struct ImportOptions {
  std::string file_name = "main.cf";  ///< for comments
  /// The text of another file that main.cf names, for "myorigin = /etc/mailname".
  std::function<Result<std::string>(const std::string& path)> read;
};

PostfixImport import_postfix(std::string_view main_cf, const ImportOptions& options = {});

}  // namespace postern::dialect::restrictions
