// Who belongs to the cluster, for people and machines that ask.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cluster/database.h"
#include "cluster/lease.h"

namespace postern::cluster {

/// A gateway of the cluster, as the database knows it.
struct Member {
  std::string name;                   ///< unique among those that live
  std::string version;                ///< of its program
  std::chrono::milliseconds silence;  ///< since its last heartbeat
  bool is_dead = false;               ///< it was silent for too long, or stopped
  bool is_stopped = false;            ///< it has stopped in order
  std::int64_t parts = 0;             ///< parts of the queue that it owns
};

/// The cluster at one moment.
struct Members {
  /// By name: the last start of each, without those that stopped a day ago and those that died a
  /// week ago.
  std::vector<Member> nodes;
  std::int64_t without_owner = 0;  ///< parts that no live node owns
  /// Of these, parts that nobody is taking over: free for longer than a node may be silent, while
  /// the youngest one has lived as long; all, if none lives.
  std::int64_t forsaken = 0;
  Epoch epoch;  ///< of the primary
};

/// Asks the database. Faults as for Database::connect().
Result<Members> members(Database& database);

/// Asks the process of this node to stop in order; it hears of it at its next heartbeat.
/// Fault::not_found: none of this name lives.
Result<void> drain(Database& database, const std::string& name);
/// What became of the last start of a node: it was heard of lately; it has given back its parts
/// and claims; it was silent for too long, and its claims hold for half a minute more.
enum class Presence { lives, stopped, dead };
/// That of the node of this name; one that nobody has heard of has stopped.
Result<Presence> presence_of(Database& database, const std::string& name);

/// Whether no gateway can lack something: each that has not stopped in order sends its heartbeat to
/// this database, which it does only while that has all that it promised. Waits for that, but no
/// longer than `patience`. No: one does not, or none runs.
Result<bool> are_all_content(Database& database,
                             std::chrono::milliseconds patience = 3 * heartbeat_every);
/// What the database lacks of what it promised, as the file of Promised at `path` has it. Empty:
/// nothing, or there is no such file. Fault::denied: it is another database; faults as for
/// read_promised() and Database::connect().
Result<std::string> missing(Database& database, const std::string& path);

/// People know that the database is an older copy of itself, and go on with it: all nodes take
/// what is there for what was promised. Returns how often that was done: more often than the file
/// of a node at `path` knows, since the copy may be of before an earlier time; there may be none.
/// Fault::malformed, Fault::permanent: the file.
Result<std::int64_t> accept_loss(Database& database, const std::string& path = "");

}  // namespace postern::cluster
