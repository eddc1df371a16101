// The files of large bodies: DIRECTORY/xx/ID, where xx are the last two characters of the id, which
// are random.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "spool/body.h"

namespace postern::spool {

/// All methods are safe from any thread and wait for the disk. Faults as io_error().
class BodyFiles {
 public:
  explicit BodyFiles(std::string directory) : directory_(std::move(directory)) {}
  /// Makes the directory, and flushes it: folders made before a crash are there or not.
  Result<void> prepare();

  /// When it returns, octets, size and name are on stable storage. When it fails there is no file:
  /// a file whose flush failed is removed and never flushed again, for the kernel forgets the pages
  /// that it could not write and calls a second flush a success.
  /// Returns the SHA-256 of the octets, which are never in memory as a whole.
  Result<std::string> write(const std::string& id, const Body& body);
  /// An open descriptor, the caller's to close; Fault::permanent unless it has `size` octets.
  Result<int> open(const std::string& id, std::uint64_t size) const;
  /// Whether no such file is there any more.
  bool remove(const std::string& id);
  /// The id of every file that is a body's by name and place; made or removed meanwhile, a file may
  /// be seen or not.
  Result<void> each(const std::function<void(const std::string& id)>& see) const;

 private:
  std::string folder_of(std::string_view id) const;
  std::string path_of(const std::string& id) const;
  Result<void> make_folder(const std::string& folder);

  const std::string directory_;
  std::mutex mutex_;
  std::set<std::string> folders_;  ///< whose names are on stable storage; 1024 at most
};

/// Flushes a directory: the names in it are on stable storage.
Result<void> flush_directory(const std::string& path);

}  // namespace postern::spool
