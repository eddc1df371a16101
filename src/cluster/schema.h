// The tables of nodes and parts that every cluster has.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "net/pgsql_session.h"

namespace postern::cluster {

/// Tables that belong together; each text is one version, of one or more statements.
struct Schema {
  const char* name = "";                  ///< in schema_version
  std::span<const char* const> versions;  ///< from the first on; never changed once released
  /// The oldest version whose programs may go on beside tables of the newest one. 0: no older one.
  /// As store::Schema::compatible_from, so that gateways are upgraded one after the other.
  std::size_t compatible_from = 0;
};

/// Nodes and parts.
const Schema& node_schema();

/// The schemas and versions that a program knows, as NodeOptions::schemas has them.
std::string words_of(std::span<const Schema* const> schemas);

/// Brings tables to the newest version; for the role that owns them. Two that migrate at once wait
/// for each other. Tables that are newer, and that this program can use, stay as they are.
/// Fault::conflict: they are newer, and it cannot. Fault::temporary: a gateway lives that could not
/// go on, or others use the tables for too long.
Result<void> migrate(net::PgsqlSession& session, const Schema& schema);

/// Gives a role the rights that gateways need on the tables, for the role that owns them.
Result<void> grant(net::PgsqlSession& session, const std::string& role);

/// Which tables of a newer version expect() takes.
enum class Newer {
  compatible,  ///< those that this program can use
  none,        ///< for who must know every column
};
/// Fault::not_found: the tables are not there, or older; Fault::conflict: they are newer;
/// Fault::unreachable: PostgreSQL does not answer.
Result<void> expect(net::PgsqlSession& session, const Schema& schema,
                    Newer newer = Newer::compatible);

}  // namespace postern::cluster
