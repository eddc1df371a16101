#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::app {

/// An error of a certificate or its key on disk, without secrets.
struct FileComplaint {
  std::string_view key;  ///< the configuration key to change: "certificate" or "key"
  std::string code;  ///< T001 unreadable, T002 no match, T003 not PEM, T004 dates, T005 other name
  std::string message;  ///< one sentence
  std::string hint;     ///< what to do
  bool fatal = true;    ///< false: a warning
};

/// Reads both files as the server does. The certificate must be for `host` and valid for at least
/// 14 days. Each error names its file and what to do. Blocks on the disk.
std::vector<FileComplaint> check_certificate_files(const std::string& certificate,
                                                   const std::string& key, const std::string& host);
/// Checks dates and names of the first certificate in a PEM text. `called`: its name in errors. All
/// are warnings; a text without a certificate has none.
std::vector<FileComplaint> check_certificate_text(const std::string& pem, const std::string& called,
                                                  const std::string& host);

}  // namespace postern::app
