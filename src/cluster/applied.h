// How far each gateway of a cluster has followed the edits.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "cluster/lossy_session.h"

namespace postern::cluster {

/// Notes it and asks for it, on a session of its own. Thread-safe; each call blocks.
class AppliedEdits {
 public:
  /// Live gateways.
  struct State {
    std::int64_t nodes = 0;  ///< all of them
    std::int64_t have = 0;   ///< those that have applied the edit
  };

  /// `boot`: of this process (Node::boot()). `database` is borrowed.
  AppliedEdits(Database& database, std::string boot) : session_(database), boot_(std::move(boot)) {}

  /// This process has applied the edits up to this number. Lost in a failover, which harms nothing:
  /// the next note says more. Fault::unreachable.
  Result<void> note(std::uint64_t number);
  /// How many gateways have applied the edit. Faults as for Database::connect().
  Result<State> of(std::uint64_t number);

 private:
  Result<net::PgsqlRows> ask(net::PgsqlStatement statement);

  std::mutex mutex_;
  LossySession session_;
  const std::string boot_;
};

}  // namespace postern::cluster
