// A Postfix configuration becomes a Postern one: a main.cf in, the text of a postern.toml and a
// report about every parameter out. Nothing of the file is dropped without being named.
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

/// A file beside the postern.toml that it names: a password, so only its owner may read it.
struct SecretFile {
  std::string name;  ///< without a folder
  std::string text;
};

struct PostfixImport : ImportReport {
  std::vector<SecretFile> secrets;
  Diagnostics diagnostics;  ///< of the text; an error prevents the import

  bool ok() const;
};

struct ImportOptions {
  std::string file_name = "main.cf";  ///< for comments
  /// Where the result and its secrets go; empty: nowhere yet, so that they are "credential:NAME".
  std::string folder;
  /// The master.cf beside it; nullopt: nobody has looked. Its services are named, not carried.
  std::optional<std::string> master_cf;
  /// The text of another file that main.cf names: "myorigin = /etc/mailname", a table of routes.
  std::function<Result<std::string>(const std::string& path)> read;
};

PostfixImport import_postfix(std::string_view main_cf, const ImportOptions& options = {});

}  // namespace postern::dialect::restrictions
