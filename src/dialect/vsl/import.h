// A vSMTP configuration becomes a Postern one: a vsmtp.toml in, the text of a postern.toml and a
// report about every key out, those that vSMTP does not know among them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/import_report.h"

namespace postern::dialect::vsl {

/// What prevents the import. Lines and columns count from 1; a column is a code point.
struct ImportMistake {
  std::string code;  ///< of `postern help`: those of our own configuration, "C012"
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t end_column = 0;  ///< one past the last character
  std::string message;
  std::string label;  ///< stands behind the carets
  std::string hint;
};

struct VsmtpImport : ImportReport {
  std::vector<ImportMistake> mistakes;  ///< by their place

  bool ok() const { return mistakes.empty(); }
};

struct ImportOptions {
  std::string file_name = "vsmtp.toml";  ///< for comments
};

/// Paths are taken as they stand; no file is looked at.
VsmtpImport import_vsmtp(std::string_view vsmtp_toml, const ImportOptions& options = {});

}  // namespace postern::dialect::vsl
