#include "spool/pgsql_schema.h"

namespace postern::spool {
namespace {

// What came from the wire is bytea: text must be UTF-8 without NUL. Bodies are not compressed, and
// those above the threshold have rows of `part`. next_at is in no index, and pages keep room, so
// that a claim and a retry change one page (HOT). There are no foreign keys: the transaction that
// settles deletes.
constexpr const char* first_queue_tables = R"sql(
DO $do$ BEGIN
CREATE TABLE message (
  id uuid PRIMARY KEY,
  shard smallint NOT NULL,
  seq bigint NOT NULL,
  received timestamptz NOT NULL,
  reverse_path bytea NOT NULL,
  flags smallint NOT NULL,
  ret text NOT NULL,
  envid bytea NOT NULL,
  size bigint NOT NULL,
  digest bytea NOT NULL,
  damage text NOT NULL DEFAULT '',
  trace_id text NOT NULL,
  account text NOT NULL,
  authn_id bytea NOT NULL,
  evidence bytea NOT NULL,
  body bytea
);
ALTER TABLE message ALTER body SET STORAGE EXTERNAL, ALTER evidence SET STORAGE MAIN;
CREATE UNIQUE INDEX message_order ON message (shard, seq);
CREATE INDEX message_account ON message (account, id) WHERE account <> '';
CREATE TABLE part (
  message uuid NOT NULL,
  n int NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (message, n)
);
ALTER TABLE part ALTER data SET STORAGE EXTERNAL;
CREATE TABLE recipient (
  message uuid NOT NULL,
  idx int NOT NULL,
  address bytea NOT NULL,
  kind smallint NOT NULL,
  destination text NOT NULL,
  state smallint NOT NULL,
  claimed_by uuid,
  attempts int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  held_at timestamptz NOT NULL,
  held_ms bigint NOT NULL DEFAULT 0,
  noticed boolean NOT NULL DEFAULT false,
  quarantine text NOT NULL,
  last_reply bytea NOT NULL,
  notify text NOT NULL,
  orcpt bytea NOT NULL,
  PRIMARY KEY (message, idx)
) WITH (fillfactor = 80);
CREATE INDEX recipient_destination ON recipient (kind, destination, message) WHERE state = 0;
CREATE INDEX recipient_kept ON recipient (state, kind, destination, message) WHERE state >= 3;
ALTER TABLE message SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE part SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE recipient SET (autovacuum_vacuum_scale_factor = 0.02);
END $do$
)sql";

// The last transaction of each process and slot that put messages (`put`), as far as it was
// committed: what a process asks when the end of one is unknown. What it put may be delivered and
// gone by then. `n` is the number of the last transaction or question: no earlier one comes after.
constexpr const char* marks_of_puts = R"sql(
DO $do$ BEGIN
CREATE TABLE put_mark (
  boot uuid NOT NULL,
  slot int NOT NULL,
  n bigint NOT NULL,
  put bigint NOT NULL,
  PRIMARY KEY (boot, slot)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
END $do$
)sql";

constexpr const char* queue_versions[] = {first_queue_tables, marks_of_puts};
constexpr cluster::Schema queue_schema{
    .name = "spool", .versions = queue_versions, .compatible_from = 1};

}  // namespace

const cluster::Schema& pgsql_spool_schema() { return queue_schema; }

}  // namespace postern::spool
