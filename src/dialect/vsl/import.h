// Converts a vSMTP configuration: takes a vsmtp.toml, and makes the text of a postern.toml and a
// report about every key, unknown keys included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/import_report.h"

namespace postern::dialect::vsl {

/// A mistake that prevents the import. Lines and columns count from 1; a column is a code point.
struct ImportMistake {
  std::string code;              ///< for `postern help`, shared with our own configuration: "C012"
  std::uint32_t line = 0;        ///< of the mistake
  std::uint32_t column = 0;      ///< of its first character
  std::uint32_t end_column = 0;  ///< one past its last character
  std::string message;           ///< one sentence
  std::string label;             ///< the text after the carets
  std::string hint;              ///< what to do; may be empty
};

/// The result of import_vsmtp().
struct VsmtpImport : ImportReport {
  std::vector<ImportMistake> mistakes;  ///< in the order of their places

  bool ok() const { return mistakes.empty(); }  ///< whether there is a postern.toml
};

/// How to import.
struct ImportOptions {
  std::string file_name = "vsmtp.toml";  ///< named in the comments of the result
};

/// Converts the text of a vsmtp.toml. Paths in it are copied; no file is read.
VsmtpImport import_vsmtp(std::string_view vsmtp_toml, const ImportOptions& options = {});

}  // namespace postern::dialect::vsl
