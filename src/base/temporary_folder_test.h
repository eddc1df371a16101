// Temporary folders and files of tests.
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace postern::tests {

/// The content of a file. Throws std::runtime_error if it cannot be opened.
inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream octets;
  octets << file.rdbuf();
  return octets.str();
}

/// A temporary folder, removed with its content on destruction. Declare it before objects that keep
/// files in it open.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "postern-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::system_error(errno, std::generic_category(), name);
    path_ = std::filesystem::canonical(name).string();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  /// Absolute, without symbolic links, short enough for a Unix socket path.
  const std::string& path() const { return path_; }
  /// The path of `name` in the folder; creates nothing.
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  /// Creates or replaces a file and its parent folders; returns its path. Throws on failure.
  std::string write(std::string_view name, std::string_view octets) const {
    std::string path = file(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    if (!(std::ofstream(path, std::ios::binary) << octets).flush())
      throw std::runtime_error("cannot write " + path);
    return path;
  }

 private:
  std::string path_;
};

}  // namespace postern::tests
