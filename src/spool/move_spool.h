// The queue of one gateway becomes that of a cluster, and back.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "cluster/database.h"
#include "spool/spool.h"
#include "store/database.h"

namespace postern::spool {

/// What is in both queues.
struct MovedMail {
  std::uint64_t messages = 0;    ///< compared, bodies included
  std::uint64_t recipients = 0;  ///< theirs, finished ones included
  std::uint64_t octets = 0;      ///< of bodies
};

/// Writes what Spool::put() sets by itself: states, attempts and times of the recipients.
using SetStates = std::function<Result<void>(std::span<const Message> messages)>;
/// For a PgsqlSpool over this database, which is borrowed. `offset`: the database's clock less that
/// of this machine (cluster::Node::offset()); null: none.
SetStates states_of(cluster::Database& database,
                    std::function<std::chrono::milliseconds()> offset = nullptr);
/// For a SqliteSpool of this database file, which is borrowed.
SetStates states_of(store::Database& database);

/// Fault::conflict: a message is damaged, and cannot be read.
Result<void> may_be_moved(Spool& spool);

/// Copies all messages that `to` has not, compares every message and body, and returns what both
/// have. The first queue is left as it is; nobody else may change either of them. `directory`: for
/// large bodies. Fault::conflict: a message is damaged, or the queues differ.
Result<MovedMail> move_spool(Spool& from, Spool& to, const SetStates& set_states,
                             const std::string& directory);

}  // namespace postern::spool
