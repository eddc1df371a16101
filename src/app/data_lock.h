// Who has the data directory: the gateway for as long as it runs, else a command for the time that
// one answer takes.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"

namespace postern::app {

/// DATA_DIR/lock, held. Who holds it may open the databases; everybody else asks the holder.
class DataLock {
 public:
  /// Fault::conflict when another process has it still after `patience`; not_found: there is no
  /// such directory; permanent: this user may not.
  static Result<DataLock> take(const std::string& data_dir,
                               std::chrono::milliseconds patience = std::chrono::milliseconds(0));
  ~DataLock();
  DataLock(DataLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  DataLock& operator=(DataLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// Makes the data directory, readable by its owner alone, when it is not there. Its parent has to
/// be: where a disk is not mounted, a new directory would be an empty gateway. Fault::permanent,
/// with a sentence about which of the two is missing.
Result<void> make_data_directory(const std::string& directory);

}  // namespace postern::app
