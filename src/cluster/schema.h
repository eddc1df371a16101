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
};

/// Nodes and parts.
const Schema& node_schema();

/// Brings tables to the newest version; for the role that owns them. Two that migrate at once wait
/// for each other. Fault::conflict: the database is newer than this program.
Result<void> migrate(net::PgsqlSession& session, const Schema& schema);

/// Gives a role the rights that gateways need on the tables, for the role that owns them.
Result<void> grant(net::PgsqlSession& session, const std::string& role);
/// Fault::not_found: the tables are not there, or older; Fault::conflict: they are newer;
/// Fault::unreachable: PostgreSQL does not answer.
Result<void> expect(net::PgsqlSession& session, const Schema& schema);

}  // namespace postern::cluster
