// What the cluster's database has promised to this node, on this machine's disk: a database that
// has less is an older copy of itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "cluster/database.h"

namespace postern::cluster {

/// Where a process holds the lock of its data directory. Of two processes with one place, the one
/// that has the lock is alone: a copy of the directory has another inode, one on a copy of the
/// machine another start of the kernel.
struct Place {
  std::int64_t device = 0;              ///< of the lock file
  std::int64_t inode = 0;               ///< of the lock file; 0: not known
  std::chrono::milliseconds booted{0};  ///< when the kernel was started, since 1970

  /// False: it is another place, or not known. A clock that was set meanwhile is another place.
  bool is_same_as(const Place& other) const;
};
/// That of a process which holds the lock of this file. Not known: the file cannot be looked at.
Place place_of(const std::string& lock_file);

/// The state after the last commit of which this node knows.
struct Promised {
  Epoch epoch;              ///< of the primary
  Home home;                ///< the database; empty in a file of an older release
  std::string node;         ///< name of the node
  std::string boot;         ///< of the process that wrote it: 16 octets
  std::int64_t beat = 0;    ///< last acknowledged heartbeat of this name
  std::int64_t losses = 0;  ///< times that people accepted a loss
  Place place;              ///< of that process; not known in a file of an older release
};

/// nullopt: no such file. Fault::malformed: it is something else; Fault::denied or
/// Fault::permanent: it cannot be read.
Result<std::optional<Promised>> read_promised(const std::string& path);
/// The question to a database what it has of a node of this name. Its answer is one row.
net::PgsqlStatement what_it_has(const std::string& node);
/// That answer; without `epoch` and `boot`.
Promised had(const net::PgsqlRows& rows, const std::string& node);
/// What a database that has `had` lacks of what it promised, as far as the numbers of heartbeats
/// tell. Empty: nothing, or people accepted it. Fault::denied: it is another database, whose
/// numbers say nothing.
Result<std::string> missing(const Promised& promised, const Promised& had);

/// Replaces the file and flushes it. Faults as in io_error().
Result<void> write_promised(const std::string& path, const Promised& promised);

}  // namespace postern::cluster
