// Files of this machine that are named by someone else: an API request, the configuration, a
// script. All of them are opened here. FileRules also says which network services such a text may
// name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern {

/// What a file or service may be. The defaults allow every file and service.
struct FileRules {
  /// A file must be below one of these folders; nullopt: anywhere.
  std::optional<std::vector<std::string>> folders = std::nullopt;
  /// The configuration key of `folders`, for error messages.
  std::string folders_key = {};
  /// The gateway's own folders (server.data_dir). A file in them is never opened, whatever the
  /// path: a symbolic or hard link, `..`, /proc/self/fd.
  std::vector<std::string> closed = {};
  /// Subfolders of `closed` that are allowed.
  std::vector<std::string> open = {};
  /// The largest file that may be read, in octets.
  std::uint64_t largest = std::uint64_t{1} << 30;
  /// Services that may be queried, spelled as in the policy: "unix:/run/map",
  /// "inet:127.0.0.1:7777"; nullopt: any.
  std::optional<std::vector<std::string>> services = std::nullopt;
  /// The configuration key of `services`, for error messages.
  std::string services_key = {};
};

/// Whether the rules allow a query to this service. Fault::denied: they do not. Opens no
/// connection.
Result<void> may_ask(std::string_view service, const FileRules& rules);

/// A regular file that the rules allow to be read. The object keeps the checked file: a later
/// change of the path does not change what read() returns. Move-only; owns a descriptor.
class HostFile {
 public:
  /// Fault::denied: the rules forbid it, or it is not a regular file. Fault::limit: it is larger
  /// than rules.largest. Fault::not_found: it cannot be opened. The message names the path, never
  /// the content. For a path outside the folders it does not reveal whether the file exists.
  static Result<HostFile> open(const std::string& path, const FileRules& rules);
  /// Closes the descriptor.
  ~HostFile();
  HostFile(HostFile&& other) noexcept;
  HostFile& operator=(HostFile&& other) noexcept;

  /// Absolute, symbolic links resolved.
  const std::string& real_path() const { return real_path_; }
  /// Octets when it was opened; 0 for files of /proc.
  std::uint64_t size() const { return size_; }
  /// The whole content. Fault::limit: the file has grown beyond the limit. Fault::not_found: it
  /// cannot be read.
  Result<std::string> read() const;
  /// Whether real_path() still leads to this file. For callers that can only open paths (SQLite):
  /// check after opening the path.
  bool is_in_place() const;

 private:
  HostFile() = default;

  std::string path_;  ///< as named
  std::string real_path_;
  std::uint64_t size_ = 0;
  std::uint64_t largest_ = 0;
  int fd_ = -1;  ///< opened with O_PATH: closing it keeps SQLite's locks on the file
};

/// open() and read(), with the errors of both.
Result<std::string> read_host_file(const std::string& path, const FileRules& rules);

}  // namespace postern
