// Files of this machine that somebody else names: a request to the API, the configuration, a
// script. All of them are opened here; and what else of this machine and its network such a text
// may name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern {

struct FileRules {
  /// Folders that hold everything that may be opened; nullopt: any file of the machine.
  std::optional<std::vector<std::string>> folders = std::nullopt;
  /// The configuration key that lists them, for messages.
  std::string folders_key = {};
  /// Folders of the gateway (server.data_dir). No file in them is opened, whatever the path: by a
  /// symbolic or a hard link, by `..`, by /proc/self/fd.
  std::vector<std::string> closed = {};
  /// Folders within closed ones that are not closed.
  std::vector<std::string> open = {};
  /// Octets of one file.
  std::uint64_t largest = std::uint64_t{1} << 30;
  /// Servers that may be asked, each as it is named: "unix:/run/map", "inet:127.0.0.1:7777";
  /// nullopt: any.
  std::optional<std::vector<std::string>> services = std::nullopt;
  /// The configuration key that lists them, for messages.
  std::string services_key = {};
};

/// Whether the rules let a server be asked. Fault::denied: they do not; nothing was looked at.
Result<void> may_ask(std::string_view service, const FileRules& rules);

/// A regular file that the rules let be opened. What is read is the file that was judged, whatever
/// the path leads to by then.
class HostFile {
 public:
  /// Fault::denied: the rules forbid it, or it is no regular file. Fault::limit: it is too large.
  /// Fault::not_found: it cannot be opened. The message names the path and never the content; of a
  /// path outside the folders it does not tell whether a file is there.
  static Result<HostFile> open(const std::string& path, const FileRules& rules);
  ~HostFile();
  HostFile(HostFile&& other) noexcept;
  HostFile& operator=(HostFile&& other) noexcept;

  /// Without symbolic links.
  const std::string& real_path() const { return real_path_; }
  std::uint64_t size() const { return size_; }
  /// All of it. Fault::limit: it has grown beyond the limit.
  Result<std::string> read() const;
  /// Whether its real path still leads to it, for those who can only open paths (SQLite): ask after
  /// the path was opened.
  bool is_in_place() const;

 private:
  HostFile() = default;

  std::string path_;  ///< as named
  std::string real_path_;
  std::uint64_t size_ = 0;
  std::uint64_t largest_ = 0;
  int fd_ = -1;  ///< O_PATH: closing it leaves SQLite's locks on the file alone
};

/// open() and read().
Result<std::string> read_host_file(const std::string& path, const FileRules& rules);

}  // namespace postern
