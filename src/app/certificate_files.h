#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::app {

/// What is wrong with a certificate and its key on disk. Nothing secret is in it.
struct FileComplaint {
  std::string_view key;  ///< the configuration key at fault: "certificate" or "key"
  std::string code;      ///< T001 unreadable, T002 no match, T003 not PEM, T004 dates,
                         ///< T005 another name
  std::string message;
  std::string hint;
  bool fatal = true;
};

/// Reads both as the server will: each complaint names the file and what to do. The certificate is
/// to be one of `host`, for 14 days at least. Blocks on the disk.
std::vector<FileComplaint> check_certificate_files(const std::string& certificate,
                                                   const std::string& key, const std::string& host);
/// Dates and names of a certificate that is no file: of the first one in a PEM text. `called`: what
/// complaints call it by. None of them is fatal; a text without a certificate has none.
std::vector<FileComplaint> check_certificate_text(const std::string& pem, const std::string& called,
                                                  const std::string& host);

}  // namespace postern::app
