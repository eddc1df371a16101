// What the running gateway takes away from itself: Landlock (landlock(7)) for files and ports,
// seccomp (seccomp(2)) for system calls. Both hold for all threads, cannot be taken back, and pass
// to programs that are started.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace postern::sandbox {

/// What remains allowed.
struct Plan {
  /// Whether other programs may be started. They need what nobody here knows: then files are not
  /// restricted, and of the system calls only those are refused that no program needs.
  bool programs = false;
  /// Files and directories that may be changed, with all that is below them. What does not exist is
  /// left out.
  std::vector<std::filesystem::path> write;
  /// Empty: files may be read as the user's rights say. Else only these and those of `write`, with
  /// all that is below them.
  std::vector<std::filesystem::path> read;
  /// Whether sockets may be made. Without programs alone.
  bool network = true;
};

/// Which parts are in force.
struct Report {
  int landlock = 0;      ///< the version of the kernel's interface; 0: not in force
  bool seccomp = false;  ///< whether system calls are filtered
  std::string lacking;   ///< why a part is not in force; empty if both are, or none is wanted

  /// "landlock 7, seccomp"; "none".
  std::string brief() const;
};

/// Puts the sandbox on all threads, as far as the kernel has its parts. Sets no_new_privs, and
/// drops the capabilities of a process that is not root's. After an
/// error some threads may be restricted and others not: end the process. Call it once, when no
/// other thread changes user ids. Blocks.
Result<Report> put_on(const Plan& plan);
/// The same in two steps, for a process that knows what it writes only after it has read what
/// others wrote: the system calls, but for those of the second step and of a terminal without echo;
/// then the files. No programs. Root may still take on the rights of another user, who owns the
/// data directory: that is less than root has.
Result<Report> put_on_calls(bool network = true);
/// The second step. Only `plan.write` and `plan.read` count.
Result<Report> put_on_files(const Plan& plan);

/// Whether a file or directory is one of `allowed` or below one. Symbolic links are followed as far
/// as the path exists.
bool is_below(const std::filesystem::path& path, const std::vector<std::filesystem::path>& allowed);

}  // namespace postern::sandbox
