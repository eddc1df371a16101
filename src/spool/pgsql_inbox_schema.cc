#include "spool/pgsql_inbox_schema.h"

namespace postern::spool {
namespace {

// `head` of a box counts its messages, so that the order of their numbers is that of their commits:
// who asks for what came after a number misses none. A payload above the threshold has rows of
// `inbox_part`. A row of `attachment` is a link; the links of a message share one `path`, whose
// octets are rows of `attachment_part`. A link works until `expires_at`, about a day; once its
// message is accepted, until `kept_until`.
constexpr const char* first_inbox_tables = R"sql(
DO $do$ BEGIN
CREATE TABLE inbox_box (
  webhook_id text PRIMARY KEY,
  account text NOT NULL DEFAULT '',
  messages bigint NOT NULL DEFAULT 0,
  octets bigint NOT NULL DEFAULT 0,
  aged_out bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0,
  refused_at timestamptz,
  was_full boolean NOT NULL DEFAULT false,
  head bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX inbox_box_account ON inbox_box (account) WHERE account <> '';
CREATE TABLE inbox (
  webhook_id text NOT NULL,
  seq bigint NOT NULL,
  id text NOT NULL,
  received_at timestamptz NOT NULL,
  sender bytea NOT NULL,
  subject bytea NOT NULL,
  size bigint NOT NULL,
  digest bytea NOT NULL,
  body uuid NOT NULL,
  payload bytea,
  links text NOT NULL,
  linked bigint NOT NULL,
  PRIMARY KEY (webhook_id, seq),
  UNIQUE (webhook_id, id)
);
ALTER TABLE inbox ALTER payload SET STORAGE EXTERNAL;
CREATE INDEX inbox_age ON inbox (webhook_id, received_at);
CREATE TABLE inbox_part (
  body uuid NOT NULL,
  n int NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (body, n)
);
ALTER TABLE inbox_part ALTER data SET STORAGE EXTERNAL;
CREATE TABLE attachment (
  id text PRIMARY KEY,
  webhook_id text NOT NULL,
  message_id text NOT NULL,
  path text NOT NULL,
  start bigint NOT NULL,
  filename bytea NOT NULL,
  content_type bytea NOT NULL,
  size bigint NOT NULL,
  token_hash bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  kept_until timestamptz NOT NULL
);
CREATE INDEX attachment_path ON attachment (path);
CREATE INDEX attachment_message ON attachment (message_id) WHERE message_id <> '';
CREATE INDEX attachment_webhook ON attachment (webhook_id);
CREATE INDEX attachment_expiry ON attachment (expires_at);
CREATE TABLE attachment_part (
  path text NOT NULL,
  n int NOT NULL,
  data bytea NOT NULL,
  PRIMARY KEY (path, n)
);
ALTER TABLE attachment_part ALTER data SET STORAGE EXTERNAL;
END $do$
)sql";

constexpr const char* inbox_versions[] = {first_inbox_tables};
constexpr cluster::Schema inbox_schema{.name = "inbox", .versions = inbox_versions};

}  // namespace

const cluster::Schema& pgsql_inbox_schema() { return inbox_schema; }

}  // namespace postern::spool
