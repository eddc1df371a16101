#include "store/delivery_schema.h"

namespace postern::store {

namespace {

// `hour` is set on records that count all refusals of one address in that hour. log_count provides
// the totals of lists without reading the log.
constexpr const char* first_delivery_tables = R"sql(
CREATE TABLE log (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  webhook_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  message_id TEXT,
  sender TEXT NOT NULL,
  recipients TEXT NOT NULL,
  client_ip TEXT,
  helo TEXT,
  tls TEXT,
  auth_username TEXT,
  size INTEGER,
  http_status INTEGER,
  duration_ms INTEGER,
  error TEXT,
  smtp_code INTEGER,
  smtp_text TEXT,
  override INTEGER NOT NULL,
  policy_id TEXT,
  policy_version INTEGER,
  failed_control TEXT,
  spf_result TEXT,
  dkim_results TEXT NOT NULL,
  dmarc_result TEXT,
  next_attempt_at INTEGER,
  trace_id TEXT,
  count INTEGER NOT NULL,
  hour INTEGER
);
CREATE INDEX log_webhook ON log(webhook_id, seq);
CREATE INDEX log_outcome ON log(webhook_id, outcome, seq);
CREATE INDEX log_kind ON log(webhook_id, kind, seq);
CREATE INDEX log_time ON log(created_at);
CREATE INDEX log_recent ON log(webhook_id, created_at);
CREATE UNIQUE INDEX log_refusals ON log(webhook_id, client_ip, hour) WHERE hour IS NOT NULL;

CREATE TABLE log_count (
  webhook_id TEXT NOT NULL,
  outcome INTEGER NOT NULL,
  simulated INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (webhook_id, outcome, simulated)
) WITHOUT ROWID;
CREATE TRIGGER log_added AFTER INSERT ON log BEGIN
  INSERT INTO log_count VALUES (NEW.webhook_id, NEW.outcome, NEW.kind = 2, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER log_gone AFTER DELETE ON log BEGIN
  UPDATE log_count SET n = n - 1
    WHERE webhook_id = OLD.webhook_id AND outcome = OLD.outcome AND simulated = (OLD.kind = 2);
END;

CREATE TABLE inbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook_id TEXT NOT NULL,
  id TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  sender TEXT NOT NULL,
  subject TEXT NOT NULL,
  payload_size INTEGER NOT NULL,
  payload TEXT NOT NULL,
  UNIQUE (webhook_id, id)
);
CREATE INDEX inbox_webhook ON inbox(webhook_id, seq, payload_size);

CREATE TABLE attachment (
  id TEXT PRIMARY KEY,
  webhook_id TEXT NOT NULL,
  path TEXT NOT NULL,
  filename TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  token_hash BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  file_gone INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX attachment_webhook ON attachment(webhook_id);
CREATE INDEX attachment_expiry ON attachment(file_gone, expires_at);
)sql";

constexpr const char* by_trace =
    "CREATE INDEX log_trace ON log(trace_id) WHERE trace_id IS NOT NULL;";

// Payloads above a certain size are files next to the database, with their `digest` here. Triggers
// keep the counts of inbox_box, so that no inbox has to be scanned; its row '' is the total.
constexpr const char* inbox_files = R"sql(
ALTER TABLE inbox ADD COLUMN file TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
CREATE INDEX inbox_file ON inbox(file) WHERE file <> '';
CREATE INDEX inbox_large ON inbox(seq) WHERE file = '' AND payload_size > 262144;
CREATE INDEX inbox_age ON inbox(webhook_id, received_at);

CREATE TABLE inbox_box (
  webhook_id TEXT PRIMARY KEY,
  messages INTEGER NOT NULL DEFAULT 0,
  octets INTEGER NOT NULL DEFAULT 0,
  aged_out INTEGER NOT NULL DEFAULT 0,
  refused INTEGER NOT NULL DEFAULT 0,
  refused_at INTEGER,
  full INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO inbox_box (webhook_id, messages, octets)
  SELECT webhook_id, count(*), sum(payload_size) FROM inbox GROUP BY webhook_id;
INSERT INTO inbox_box (webhook_id, messages, octets)
  SELECT '', count(*), coalesce(sum(payload_size), 0) FROM inbox;
CREATE TRIGGER inbox_added AFTER INSERT ON inbox BEGIN
  INSERT INTO inbox_box (webhook_id, messages, octets)
    VALUES (NEW.webhook_id, 1, NEW.payload_size), ('', 1, NEW.payload_size)
    ON CONFLICT DO UPDATE SET messages = messages + 1, octets = octets + NEW.payload_size,
                              full = 0;
END;
CREATE TRIGGER inbox_gone AFTER DELETE ON inbox BEGIN
  UPDATE inbox_box SET messages = messages - 1, octets = octets - OLD.payload_size, full = 0
    WHERE webhook_id IN (OLD.webhook_id, '');
END;
)sql";

// The links of a message share one file, `path`, and each begins at `start`. A link works until
// `expires_at`, about a day; once its message is accepted, until `kept_until`. Files linked from a
// message in an inbox count towards the inbox's size and are deleted with the message.
constexpr const char* inbox_links = R"sql(
ALTER TABLE attachment ADD COLUMN message_id TEXT NOT NULL DEFAULT '';
ALTER TABLE attachment ADD COLUMN start INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attachment ADD COLUMN kept_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX attachment_path ON attachment(path);
CREATE INDEX attachment_message ON attachment(message_id) WHERE message_id <> '';
ALTER TABLE inbox ADD COLUMN links TEXT NOT NULL DEFAULT '';
ALTER TABLE inbox ADD COLUMN linked INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER inbox_added;
CREATE TRIGGER inbox_added AFTER INSERT ON inbox BEGIN
  INSERT INTO inbox_box (webhook_id, messages, octets)
    VALUES (NEW.webhook_id, 1, NEW.payload_size + NEW.linked),
           ('', 1, NEW.payload_size + NEW.linked)
    ON CONFLICT DO UPDATE SET messages = messages + 1,
                              octets = octets + NEW.payload_size + NEW.linked, full = 0;
END;
DROP TRIGGER inbox_gone;
CREATE TRIGGER inbox_gone AFTER DELETE ON inbox BEGIN
  UPDATE inbox_box SET messages = messages - 1, octets = octets - OLD.payload_size - OLD.linked,
                       full = 0
    WHERE webhook_id IN (OLD.webhook_id, '');
  UPDATE attachment SET expires_at = 0 WHERE path = OLD.links AND OLD.links <> '';
END;
)sql";

// The account of an inbox, for the account's share. A row created by an older version gets its
// account with the next message.
constexpr const char* inbox_accounts = R"sql(
ALTER TABLE inbox_box ADD COLUMN account TEXT NOT NULL DEFAULT '';
CREATE INDEX inbox_box_account ON inbox_box(account, octets) WHERE account <> '';
)sql";

// The size of a log row for DeliveryLogOptions::max_size: its long texts, and 700 octets for the
// rest and the indexes.
#define POSTERN_LOG_OCTETS(row)                                    \
  "(700 + length(CAST(" row "sender AS BLOB)) + length(CAST(" row  \
  "recipients AS BLOB)) + length("                                 \
  "CAST(" row "dkim_results AS BLOB)) + coalesce(length(CAST(" row \
  "message_id AS BLOB)), 0) + coalesce(length(CAST(" row           \
  "helo AS BLOB)), 0) + coalesce(length(CAST(" row                 \
  "auth_username AS BLOB)), 0) + coalesce(length(CAST(" row        \
  "error AS BLOB)), 0) + coalesce(length(CAST(" row "smtp_text AS BLOB)), 0))"

// Octets of the log per webhook and per account. Until a webhook's account is known (from its next
// record), the webhook counts as an account; the row '' of log_account is the total.
constexpr const char* log_shares = R"sql(
CREATE TABLE log_share (
  webhook_id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  octets INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX log_share_account ON log_share(account, octets);
CREATE TABLE log_account (account TEXT PRIMARY KEY, octets INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX log_account_octets ON log_account(octets);
CREATE TRIGGER log_share_added AFTER INSERT ON log_share BEGIN
  INSERT INTO log_account VALUES (NEW.account, NEW.octets), ('', NEW.octets)
    ON CONFLICT (account) DO UPDATE SET octets = octets + excluded.octets;
END;
CREATE TRIGGER log_share_gone AFTER DELETE ON log_share BEGIN
  UPDATE log_account SET octets = octets - OLD.octets WHERE account IN (OLD.account, '');
  DELETE FROM log_account WHERE account = OLD.account AND account <> '' AND octets <= 0;
END;
CREATE TRIGGER log_share_changed AFTER UPDATE ON log_share BEGIN
  UPDATE log_account SET octets = octets - OLD.octets WHERE account IN (OLD.account, '');
  INSERT INTO log_account VALUES (NEW.account, NEW.octets), ('', NEW.octets)
    ON CONFLICT (account) DO UPDATE SET octets = octets + excluded.octets;
  DELETE FROM log_account WHERE account = OLD.account AND account <> '' AND octets <= 0;
END;
INSERT INTO log_share SELECT webhook_id, webhook_id, sum()sql" POSTERN_LOG_OCTETS("") R"sql()
  FROM log GROUP BY webhook_id;
CREATE TRIGGER log_weighed AFTER INSERT ON log BEGIN
  INSERT INTO log_share
    VALUES (NEW.webhook_id, NEW.webhook_id, )sql" POSTERN_LOG_OCTETS("NEW.") R"sql()
    ON CONFLICT (webhook_id) DO UPDATE SET octets = octets + excluded.octets;
END;
CREATE TRIGGER log_unloaded AFTER DELETE ON log BEGIN
  UPDATE log_share SET octets = octets - )sql" POSTERN_LOG_OCTETS("OLD.") R"sql(
    WHERE webhook_id = OLD.webhook_id;
  DELETE FROM log_share WHERE webhook_id = OLD.webhook_id AND octets <= 0;
END;
)sql";

// What other gateways of a cluster told, up to which piece; and webhooks that were deleted at any
// of them, of which another may still tell for some days.
constexpr const char* told_columns = R"sql(
CREATE TABLE feed_position (node TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE forgotten (webhook_id TEXT PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
)sql";

constexpr const char* delivery_migrations[] = {first_delivery_tables, by_trace,       inbox_files,
                                               inbox_links,           inbox_accounts, log_shares,
                                               told_columns};
// Version 7 only adds: programs of version 6 neither read nor need it.
constexpr Schema delivery_file_schema{.application_id = 0x506f4465,
                                      .migrations = delivery_migrations,
                                      .compatible_from = 6};  // "PoDe"

}  // namespace

const Schema& delivery_schema() { return delivery_file_schema; }

}  // namespace postern::store
