// What root does in the data directory of another user, it does with that user's rights.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace postern::app {

/// While it exists, a process of root has the effective user and group of the owner of a data
/// directory, without other groups, and of root's capabilities only CAP_DAC_READ_SEARCH, in the
/// thread that made it: /var/lib/private may be passed. Whoever can write in the directory can put
/// links, databases and journals there, so no more than the owner's files may change. Nothing
/// happens if the process is not root's, or if root owns the directory.
/// Not thread-safe; the rights are the whole process's.
class ActingOwner {
 public:
  /// Fault::denied: the rights cannot be changed. A directory that does not exist has no owner.
  static Result<ActingOwner> of(const std::string& data_dir);
  /// Nobody else: nothing happens.
  ActingOwner() = default;
  /// Root again.
  ~ActingOwner();
  ActingOwner(ActingOwner&& other) noexcept;
  /// Exchanges what both do.
  ActingOwner& operator=(ActingOwner&& other) noexcept;
  /// Whether the rights are another user's than the process had.
  bool acts() const { return acts_; }

 private:
  bool acts_ = false;
  gid_t group_ = 0;
  std::vector<gid_t> groups_;
};

}  // namespace postern::app
