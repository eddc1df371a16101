// The control plane of one gateway becomes that of a cluster, and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/pgsql_session.h"
#include "store/database.h"
#include "store/secret_seal.h"

namespace postern::store {

/// Which way rows go.
enum class MoveTo {
  pgsql,   ///< from SQLite to PostgreSQL
  sqlite,  ///< back
};

/// Rows of a table that are in both databases.
struct MovedRows {
  std::string table;       ///< its name, the same in both
  std::uint64_t rows = 0;  ///< all of it
};

/// Copies all tables in one transaction, and compares all values before it ends. What was copied
/// before is only compared. Nobody else may write to either database. `sqlite`: of sqlite_schema();
/// `pgsql`: has the tables, as the role that owns them. Fault::conflict: the other database has
/// accounts of its own, or differs; Fault::unreachable: PostgreSQL does not answer. `seal`: of the
/// secrets in PostgreSQL, null: they are there as they are; Fault::denied: check_seal().
Result<std::vector<MovedRows>> move_store(Database& sqlite, net::PgsqlSession& pgsql, MoveTo to,
                                          const SecretSeal* seal = nullptr);

}  // namespace postern::store
