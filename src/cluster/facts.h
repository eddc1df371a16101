// What the cluster's database says of itself, for `postern cluster doctor`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/members.h"

namespace postern::cluster {

/// A standby that streams.
struct Standby {
  std::string name;   ///< application_name
  std::string state;  ///< "streaming"; empty: not shown to this role
  std::string sync;   ///< "sync", "quorum", "potential", "async"
  std::optional<std::chrono::milliseconds> flush_lag;  ///< nullopt: nothing was sent lately
};

/// A table with more rows that are gone than autovacuum should leave.
struct Bloat {
  std::string table;      ///< its name
  std::int64_t live = 0;  ///< rows
  std::int64_t dead = 0;  ///< rows that are gone and not swept
};

/// A row of `shard` whose number is none of a part.
struct UnknownPart {
  std::int64_t number = 0;    ///< below 0, or not below part_count
  std::int64_t messages = 0;  ///< that are queued in it
};

/// The database at one moment.
struct Facts {
  std::int64_t version = 0;             ///< server_version_num: 170004
  std::string standby_names;            ///< synchronous_standby_names
  std::vector<Standby> standbys;        ///< that are connected
  std::int64_t idle_slots = 0;          ///< replication slots that keep WAL for nobody
  std::int64_t connections = 0;         ///< max_connections
  std::int64_t wal_reused = 0;          ///< min_wal_size, octets
  bool has_tls = false;                 ///< of this session
  bool is_local = false;                ///< the session stays on this machine
  std::vector<std::string> rights;      ///< of this role, beyond those that gateways need
  std::vector<Bloat> bloats;            ///< of the queue's tables
  std::vector<UnknownPart> parts;       ///< that no gateway takes, by number
  std::chrono::milliseconds offset{0};  ///< the database's clock less that of this machine
  Members members;                      ///< the gateways
  std::string moved;                    ///< why_moving()
  std::string lacks;                    ///< missing(), set by who asks
};

/// Asks the database. Faults as for Database::connect().
Result<Facts> facts(Database& database);

}  // namespace postern::cluster
