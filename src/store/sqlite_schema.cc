#include "store/sqlite_schema.h"

namespace postern::store {

namespace {

// `seq` is the order of creation, by which lists are sorted: ULIDs of the same millisecond have no
// order. Triggers maintain the counts, so that no list has to count a million rows.
constexpr const char* first_control_tables = R"sql(
CREATE TABLE account (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  email TEXT NOT NULL UNIQUE COLLATE NOCASE,
  password_hash TEXT NOT NULL,
  timezone TEXT NOT NULL,
  totp_secret TEXT NOT NULL DEFAULT '',
  totp_pending TEXT NOT NULL DEFAULT '',
  totp_last_step INTEGER NOT NULL DEFAULT 0,
  signing_seed BLOB NOT NULL DEFAULT x'',
  signing_public_key TEXT NOT NULL DEFAULT '',
  policy_count INTEGER NOT NULL DEFAULT 0,
  webhook_count INTEGER NOT NULL DEFAULT 0,
  active_webhook_count INTEGER NOT NULL DEFAULT 0,
  audit_count INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE INDEX account_signing ON account(seq) WHERE length(signing_seed) > 0;

CREATE TABLE backup_code (
  account_id TEXT NOT NULL REFERENCES account(id) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  PRIMARY KEY (account_id, hash)
) WITHOUT ROWID;

CREATE TABLE session (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES account(id) ON DELETE CASCADE,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  refreshed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX session_account ON session(account_id, seq);
CREATE INDEX session_expiry ON session(expires_at);

CREATE TABLE refresh_token (
  hash BLOB PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES session(id) ON DELETE CASCADE,
  spent INTEGER NOT NULL DEFAULT 0,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_token_session ON refresh_token(session_id);

CREATE TABLE api_token (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES account(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  allowed_ips TEXT NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER,
  created_at INTEGER NOT NULL
);
CREATE INDEX api_token_account ON api_token(account_id, seq);

CREATE TABLE policy (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES account(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  definition TEXT NOT NULL,
  version INTEGER NOT NULL,
  credentials_version INTEGER NOT NULL,
  webhook_count INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE INDEX policy_account ON policy(account_id, seq);
CREATE TRIGGER policy_added AFTER INSERT ON policy BEGIN
  UPDATE account SET policy_count = policy_count + 1 WHERE id = NEW.account_id;
END;
CREATE TRIGGER policy_gone AFTER DELETE ON policy BEGIN
  UPDATE account SET policy_count = policy_count - 1 WHERE id = OLD.account_id;
END;

-- `ord` is the creation order over all policies: AUTH tries older credentials first.
CREATE TABLE credential (
  ord INTEGER PRIMARY KEY AUTOINCREMENT,
  policy_id TEXT NOT NULL REFERENCES policy(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  username TEXT NOT NULL,
  hash TEXT NOT NULL,
  UNIQUE (policy_id, username)
);

CREATE TABLE webhook (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES account(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  address TEXT NOT NULL UNIQUE,
  domain TEXT NOT NULL,
  target_url TEXT NOT NULL,
  is_active INTEGER NOT NULL,
  policy_id TEXT REFERENCES policy(id),
  custom_headers TEXT,
  payload_template TEXT,
  rate_limit_per_minute INTEGER NOT NULL,
  delivery_mode TEXT NOT NULL,
  attachments TEXT NOT NULL,
  include_raw TEXT NOT NULL,
  timeout_ms INTEGER NOT NULL,
  secret TEXT NOT NULL,
  previous_secret TEXT,
  previous_expires_at INTEGER,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE INDEX webhook_account ON webhook(account_id, seq);
CREATE INDEX webhook_account_active ON webhook(account_id, is_active, seq);
CREATE INDEX webhook_policy ON webhook(policy_id, seq) WHERE policy_id IS NOT NULL;
CREATE INDEX webhook_domain ON webhook(domain, account_id);
CREATE TRIGGER webhook_added AFTER INSERT ON webhook BEGIN
  UPDATE account SET webhook_count = webhook_count + 1,
    active_webhook_count = active_webhook_count + NEW.is_active WHERE id = NEW.account_id;
  UPDATE policy SET webhook_count = webhook_count + 1 WHERE id = NEW.policy_id;
END;
CREATE TRIGGER webhook_gone AFTER DELETE ON webhook BEGIN
  UPDATE account SET webhook_count = webhook_count - 1,
    active_webhook_count = active_webhook_count - OLD.is_active WHERE id = OLD.account_id;
  UPDATE policy SET webhook_count = webhook_count - 1 WHERE id = OLD.policy_id;
END;
CREATE TRIGGER webhook_switched AFTER UPDATE OF is_active ON webhook
  WHEN OLD.is_active <> NEW.is_active BEGIN
  UPDATE account SET active_webhook_count = active_webhook_count + NEW.is_active - OLD.is_active
    WHERE id = NEW.account_id;
END;
CREATE TRIGGER webhook_moved AFTER UPDATE OF policy_id ON webhook
  WHEN OLD.policy_id IS NOT NEW.policy_id BEGIN
  UPDATE policy SET webhook_count = webhook_count - 1 WHERE id = OLD.policy_id;
  UPDATE policy SET webhook_count = webhook_count + 1 WHERE id = NEW.policy_id;
END;

CREATE TABLE domain (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL REFERENCES account(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  verified INTEGER NOT NULL,
  verification_token TEXT NOT NULL,
  checked_at INTEGER,
  failing_since INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (account_id, name)
);
-- Many may claim a domain, one has it.
CREATE UNIQUE INDEX domain_verified ON domain(name) WHERE verified;
CREATE INDEX domain_due ON domain(checked_at) WHERE verified;

-- No foreign key: the entry that says an account was deleted outlives it.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL,
  action TEXT NOT NULL,
  details TEXT NOT NULL,
  ip TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX audit_account ON audit(account_id, seq);
CREATE TRIGGER audit_added AFTER INSERT ON audit BEGIN
  UPDATE account SET audit_count = audit_count + 1 WHERE id = NEW.account_id;
END;

CREATE TABLE signing_key (
  kid TEXT PRIMARY KEY,
  key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  retired_at INTEGER
) WITHOUT ROWID;

CREATE TABLE server_secret (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
)sql";

constexpr const char* list_revisions = R"sql(
CREATE TABLE list_revision (
  revision INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  definition TEXT NOT NULL,
  actor TEXT NOT NULL,
  note TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX list_revision_source ON list_revision(source, revision);
)sql";

// The largest `seq` is the domain's newest key. `public_record` is the text of the DNS record,
// stored so that listings need not read private keys.
constexpr const char* dkim_keys = R"sql(
CREATE TABLE dkim_key (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  domain_id TEXT NOT NULL REFERENCES domain(id) ON DELETE CASCADE,
  selector TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  private_key TEXT NOT NULL,
  public_record TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (domain_id, selector)
);
CREATE INDEX dkim_key_signing ON dkim_key(domain_id, seq) WHERE state = 'signing';
)sql";

// People share a team, whose id is that of its first account. A token has at most its maker's
// rights. A used link is deleted.
constexpr const char* people = R"sql(
ALTER TABLE account ADD COLUMN team_id TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN role TEXT NOT NULL DEFAULT 'owner';
ALTER TABLE account ADD COLUMN last_seen_at INTEGER;
UPDATE account SET team_id = id;
CREATE INDEX account_team ON account(team_id, seq);

ALTER TABLE api_token ADD COLUMN maker TEXT REFERENCES account(id) ON DELETE CASCADE;
UPDATE api_token SET maker = account_id;
CREATE INDEX api_token_maker ON api_token(maker);

CREATE TABLE link (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  hash BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  account_id TEXT REFERENCES account(id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  email TEXT NOT NULL,
  created_by TEXT REFERENCES account(id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
);
CREATE INDEX link_account ON link(account_id, seq);
CREATE INDEX link_creator ON link(created_by);
CREATE INDEX link_expiry ON link(expires_at);
)sql";

// The defaults are the limits that existing webhooks had; new webhooks set their own.
constexpr const char* inbox_limits = R"sql(
ALTER TABLE webhook ADD COLUMN inbox_messages INTEGER NOT NULL DEFAULT 10000;
ALTER TABLE webhook ADD COLUMN inbox_octets INTEGER NOT NULL DEFAULT 268435456;
ALTER TABLE webhook ADD COLUMN inbox_keep_days INTEGER NOT NULL DEFAULT 30;
)sql";

// The counts behind AccountLimits.
constexpr const char* account_limits = R"sql(
ALTER TABLE policy ADD COLUMN credential_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE policy ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN octets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN credential_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN stored_octets INTEGER NOT NULL DEFAULT 0;
UPDATE policy SET
  credential_count = (SELECT count(*) FROM credential WHERE policy_id = policy.id),
  octets = length(CAST(name AS BLOB)) + length(CAST(definition AS BLOB)) +
    (SELECT coalesce(sum(length(CAST(username AS BLOB)) + length(hash)), 0)
      FROM credential WHERE policy_id = policy.id);
UPDATE webhook SET
  octets = length(CAST(name AS BLOB)) + length(address) + length(target_url) +
    coalesce(length(CAST(custom_headers AS BLOB)), 0) +
    coalesce(length(CAST(payload_template AS BLOB)), 0);
UPDATE account SET
  credential_count =
    (SELECT coalesce(sum(credential_count), 0) FROM policy WHERE account_id = account.id),
  stored_octets =
    (SELECT coalesce(sum(octets), 0) FROM policy WHERE account_id = account.id) +
    (SELECT coalesce(sum(octets), 0) FROM webhook WHERE account_id = account.id);
CREATE TRIGGER policy_weighed AFTER UPDATE OF credential_count, octets ON policy BEGIN
  UPDATE account SET credential_count = credential_count + NEW.credential_count
      - OLD.credential_count,
    stored_octets = stored_octets + NEW.octets - OLD.octets WHERE id = NEW.account_id;
END;
CREATE TRIGGER policy_unloaded AFTER DELETE ON policy BEGIN
  UPDATE account SET credential_count = credential_count - OLD.credential_count,
    stored_octets = stored_octets - OLD.octets WHERE id = OLD.account_id;
END;
CREATE TRIGGER webhook_loaded AFTER INSERT ON webhook BEGIN
  UPDATE account SET stored_octets = stored_octets + NEW.octets WHERE id = NEW.account_id;
END;
CREATE TRIGGER webhook_weighed AFTER UPDATE OF octets ON webhook BEGIN
  UPDATE account SET stored_octets = stored_octets + NEW.octets - OLD.octets
    WHERE id = NEW.account_id;
END;
CREATE TRIGGER webhook_unloaded AFTER DELETE ON webhook BEGIN
  UPDATE account SET stored_octets = stored_octets - OLD.octets WHERE id = OLD.account_id;
END;
)sql";

constexpr const char* control_migrations[] = {
    first_control_tables, list_revisions, dkim_keys, people, inbox_limits, account_limits};
constexpr Schema control_file_schema{.application_id = 0x506f5374,
                                     .migrations = control_migrations};  // "PoSt"

}  // namespace

const Schema& control_schema() { return control_file_schema; }

}  // namespace postern::store
