#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::app {

/// What is wrong with a certificate and its key on disk. Nothing secret is in it.
struct FileComplaint {
  std::string_view key;  ///< the configuration key at fault: "certificate" or "key"
  std::string code;      ///< T001 unreadable, T002 no match, T003 not PEM, T004 dates
  std::string message;
  std::string hint;
  bool fatal = true;
};

/// Reads both as the server will: each complaint names the file and what to do.
std::vector<FileComplaint> check_certificate_files(const std::string& certificate,
                                                   const std::string& key);

}  // namespace postern::app
