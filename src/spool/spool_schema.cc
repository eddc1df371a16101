#include "spool/spool_schema.h"

namespace postern::spool {
namespace {

// Bodies have a table of their own, so that scans of messages skip them. The partial indexes cover
// recipients that wait (state 0), that are claimed, and that wait for an operator; recipients in a
// final state are in none.
constexpr const char* first_spool_tables = R"sql(
CREATE TABLE message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  received_at INTEGER NOT NULL,
  reverse_path TEXT NOT NULL,
  header_8bit INTEGER NOT NULL,
  body_8bit INTEGER NOT NULL,
  smtputf8 INTEGER NOT NULL,
  require_tls INTEGER NOT NULL,
  ret TEXT NOT NULL,
  envid TEXT NOT NULL,
  size INTEGER NOT NULL,
  in_file INTEGER NOT NULL,
  digest BLOB NOT NULL,
  damage TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  account TEXT NOT NULL,
  authn_id TEXT NOT NULL,
  evidence TEXT NOT NULL
) STRICT;
CREATE INDEX message_in_file ON message (seq) WHERE in_file = 1;
CREATE TABLE body (
  message INTEGER PRIMARY KEY REFERENCES message (seq) ON DELETE CASCADE,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE recipient (
  message INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
  idx INTEGER NOT NULL,
  address TEXT NOT NULL,
  kind INTEGER NOT NULL,
  destination TEXT NOT NULL,
  state INTEGER NOT NULL,
  claimed INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  held_at INTEGER NOT NULL,
  held_ms INTEGER NOT NULL,
  noticed INTEGER NOT NULL,
  quarantine TEXT NOT NULL,
  last_reply TEXT NOT NULL,
  notify TEXT NOT NULL,
  orcpt TEXT NOT NULL,
  PRIMARY KEY (message, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX recipient_destination ON recipient (kind, destination, next_at) WHERE state = 0;
CREATE INDEX recipient_claimed ON recipient (message) WHERE claimed = 1;
CREATE INDEX recipient_kept ON recipient (state, message) WHERE state >= 3;
)sql";

// For operators' queries. Every index slows down mail. Senders and recipients have none, because in
// a large queue each of their entries would change a page of its own.
constexpr const char* filters = R"sql(
DROP INDEX recipient_kept;
CREATE INDEX recipient_kept ON recipient (state, kind, destination, message) WHERE state >= 3;
CREATE INDEX message_account ON message (account, id) WHERE account <> '';
)sql";

constexpr const char* spool_migrations[] = {first_spool_tables, filters};
constexpr store::Schema spool_file_schema{.application_id = 0x5073706c,
                                          .migrations = spool_migrations};  // "Pspl"

}  // namespace

const store::Schema& spool_schema() { return spool_file_schema; }

}  // namespace postern::spool
