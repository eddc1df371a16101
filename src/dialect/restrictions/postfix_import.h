// A Postfix configuration becomes a Postern one: a main.cf in, the text of a postern.toml and a
// report about every parameter out. Nothing of the file is dropped without being named.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "dialect/import_report.h"
#include "dialect/restrictions/diagnostic.h"

namespace postern::dialect::restrictions {

struct PostfixImport : ImportReport {
  Diagnostics diagnostics;  ///< of the text; an error prevents the import

  bool ok() const;
};

struct ImportOptions {
  std::string file_name = "main.cf";  ///< for comments
  /// The text of another file that main.cf names, for "myorigin = /etc/mailname".
  std::function<Result<std::string>(const std::string& path)> read;
};

PostfixImport import_postfix(std::string_view main_cf, const ImportOptions& options = {});

}  // namespace postern::dialect::restrictions
