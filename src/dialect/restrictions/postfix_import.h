// Converts a Postfix configuration: from a main.cf to the text of a postern.toml and a report about
// every parameter. Nothing in the file is dropped silently.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/import_report.h"
#include "dialect/restrictions/diagnostic.h"

namespace postern::dialect::restrictions {

/// A file that the postern.toml refers to. It has a password: only its owner may read it.
struct SecretFile {
  std::string name;  ///< file name without folder
  std::string text;  ///< its content
};

/// The result of an import.
struct PostfixImport : ImportReport {
  std::vector<SecretFile> secrets;  ///< to write next to the postern.toml
  Diagnostics diagnostics;          ///< of main.cf; an error prevents the import

  /// Whether there are no errors.
  bool ok() const;
};

/// What the import knows besides the main.cf.
struct ImportOptions {
  std::string file_name = "main.cf";  ///< name of the file, for comments
  /// Folder for the result and its secrets. Empty: not chosen, and secrets are "credential:NAME".
  std::string folder;
  /// The text of master.cf; nullopt: not read. Its services are reported, not converted.
  std::optional<std::string> master_cf;
  /// Reads another file that main.cf refers to: "myorigin = /etc/mailname", a table of routes.
  /// Empty: none is read.
  std::function<Result<std::string>(const std::string& path)> read;
};

/// Converts the text of a main.cf.
PostfixImport import_postfix(std::string_view main_cf, const ImportOptions& options = {});

}  // namespace postern::dialect::restrictions
