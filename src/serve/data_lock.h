// The lock of the data directory: held by the gateway while it runs, or by a command for the time
// of one operation.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"

namespace postern::app {

/// The held lock DATA_DIR/lock. Only the process that holds it may open the databases; other
/// processes ask it.
class DataLock {
 public:
  /// Waits for the lock for at most `patience`. Fault::conflict: another process holds it;
  /// Fault::not_found: no such directory; Fault::permanent: no permission. Blocks.
  static Result<DataLock> take(const std::string& data_dir,
                               std::chrono::milliseconds patience = std::chrono::milliseconds(0));
  /// Whether a process holds the lock, or may: it cannot be looked at. Does not wait.
  static bool is_held(const std::string& data_dir);
  /// The file that is locked.
  static std::string file(const std::string& data_dir) { return data_dir + "/lock"; }
  /// Releases the lock.
  ~DataLock();
  /// The source holds nothing afterwards.
  DataLock(DataLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  DataLock& operator=(DataLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// Creates the data directory, readable by its owner only, if it is missing. Its parent must exist:
/// with an unmounted disk, a new directory would start an empty gateway. Fault::permanent names the
/// directory that is missing.
Result<void> make_data_directory(const std::string& directory);

}  // namespace postern::app
