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

/// All functions are thread-safe and block on the disk. Faults as in io_error().
class BodyFiles {
 public:
  /// `directory`: its parent must exist.
  explicit BodyFiles(std::string directory) : directory_(std::move(directory)) {}
  /// Creates the directory and flushes it, so that its folders have a defined state after a crash.
  Result<void> prepare();

  /// Writes the file of `id`. On return octets, size and name are on stable storage. On failure
  /// there is no file: a file whose flush failed is removed and not flushed again, because the
  /// kernel drops pages that it could not write and reports success for a second flush. Returns the
  /// SHA-256 of the octets, which are read in pieces.
  Result<std::string> write(const std::string& id, const Body& body);
  /// An open descriptor, which the caller closes. Fault::damaged unless the file has `size`
  /// octets.
  Result<int> open(const std::string& id, std::uint64_t size) const;
  /// Removes the file of `id`. True when it does not exist afterwards.
  bool remove(const std::string& id);
  /// Calls `see` with the id of every file that has the name and place of a body. Files created or
  /// removed during the call may be missing or included.
  Result<void> each(const std::function<void(const std::string& id)>& see) const;

 private:
  std::string folder_of(std::string_view id) const;
  std::string path_of(const std::string& id) const;
  Result<void> make_folder(const std::string& folder);

  const std::string directory_;
  std::mutex mutex_;
  std::set<std::string> folders_;  ///< folders whose names are on stable storage; at most 1024
};

}  // namespace postern::spool
