// SqlStore: the people of a team, and one-time links.
#include "store/sql_rows.h"
#include "store/sql_store.h"

namespace postern::store {

using rows::affected;
using rows::exists;

std::string_view to_string(Role role) {
  switch (role) {
    case Role::none:
      return "";
    case Role::viewer:
      return "viewer";
    case Role::operates:
      return "operator";
    case Role::owner:
      return "owner";
  }
  return "";
}

std::optional<Role> role_of(std::string_view text) {
  for (const Role role : {Role::viewer, Role::operates, Role::owner}) {
    if (text == to_string(role)) return role;
  }
  return std::nullopt;
}

std::string_view to_string(LinkRow::Kind kind) {
  switch (kind) {
    case LinkRow::Kind::owner:
      return "owner";
    case LinkRow::Kind::invitation:
      return "invitation";
    case LinkRow::Kind::reset:
      return "reset";
  }
  return "";
}

namespace {

#define POSTERN_LINK_VIEW                                       \
  "id, kind, account_id, role, email, created_by, "             \
  "(SELECT email FROM account WHERE account.id = created_by), " \
  "created_at, expires_at"

/// Whether the link with hash ?1 is valid at ?2.
#define POSTERN_LINK_IS_GOOD                               \
  "hash = ?1 AND (expires_at IS NULL OR expires_at > ?2) " \
  "AND (kind <> 'owner' OR NOT EXISTS (SELECT 1 FROM account))"

LinkRow link_row(const SqlRow& row) {
  LinkRow link{.id = row.text(0),
               .account_id = row.text(2),
               .role = role_of(row.text(3)).value_or(Role::none),
               .email = row.text(4),
               .created_by = row.text(5),
               .creator_email = row.text(6),
               .created_at = row.time(7),
               .expires_at = row.optional_time(8)};
  for (const auto kind : {LinkRow::Kind::owner, LinkRow::Kind::invitation, LinkRow::Kind::reset}) {
    if (row.text(1) == to_string(kind)) link.kind = kind;
  }
  return link;
}

/// NULL instead of an empty id, which would break the foreign key.
std::optional<std::string> reference(const std::string& id) {
  return id.empty() ? std::nullopt : std::optional(id);
}

}  // namespace

// People

Result<std::vector<AccountRow>> SqlStore::members(std::string_view team) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->all("SELECT " + rows::account.list +
                      " FROM account WHERE team_id = ? AND role <> '' ORDER BY seq",
                  rows::account, team);
}

bool SqlStore::is_last_owner(const Sql& sql, std::string_view team, std::string_view person) {
  return exists(
             sql.number("SELECT count(*) FROM account WHERE id = ? AND role = 'owner'", person)) &&
         !exists(sql.number(
             "SELECT count(*) FROM account WHERE team_id = ? AND role = 'owner' AND id <> ?", team,
             person));
}

Result<WriteOutcome> SqlStore::set_role(std::string_view team, std::string_view person, Role role,
                                        const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(team);
    if (role != Role::owner && is_last_owner(sql, team, person)) return WriteOutcome::in_use;
    const auto changed = sql.execute(
        "UPDATE account SET role = ?, updated_at = ? WHERE id = ? AND team_id = ? AND role <> ''",
        to_string(role), now(), person, team);
    if (affected(changed) == 0) return WriteOutcome::not_found;
    // A link made as an owner could make its maker an owner again.
    if (role != Role::owner) sql.execute("DELETE FROM link WHERE created_by = ?", person);
    return WriteOutcome::done;
  });
}

void SqlStore::take_powers(const Sql& sql, std::string_view person) {
  sql.execute("DELETE FROM session WHERE account_id = ?", person);
  sql.execute("DELETE FROM backup_code WHERE account_id = ?", person);
  sql.execute("DELETE FROM api_token WHERE maker = ?", person);
  sql.execute("DELETE FROM link WHERE created_by = ?", person);
  sql.execute("DELETE FROM link WHERE account_id = ? AND kind = 'reset'", person);
}

Result<WriteOutcome> SqlStore::remove_member(std::string_view team, std::string_view person,
                                             const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(team);
    if (!exists(
            sql.number("SELECT count(*) FROM account WHERE id = ? AND team_id = ? AND role <> ''",
                       person, team))) {
      return WriteOutcome::not_found;
    }
    if (is_last_owner(sql, team, person)) return WriteOutcome::in_use;
    take_powers(sql, person);
    if (person != team) {
      sql.execute("DELETE FROM account WHERE id = ?", person);
    } else {
      // The team's webhooks and policies refer to this row, so it stays without its person. Its id
      // replaces the e-mail address, which must be unique but unusable.
      sql.execute(
          "UPDATE account SET email = id, password_hash = '', totp_secret = '', totp_pending = '', "
          "role = '', last_seen_at = NULL, updated_at = ? WHERE id = ?",
          now(), person);
    }
    return WriteOutcome::done;
  });
}

Result<void> SqlStore::touch_account(std::string_view account, Time at) {
  return note([&](const Sql& sql) {
    return sql.execute(
        "UPDATE account SET last_seen_at = ?1 WHERE id = ?2 "
        "AND (last_seen_at IS NULL OR last_seen_at <= ?3)",
        at, account, at - std::chrono::hours(1));
  });
}

// Links

Result<WriteOutcome> SqlStore::create_link(const LinkRow& link, const Secret& hash,
                                           const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.execute("DELETE FROM link WHERE expires_at <= ?", link.created_at);
    if (link.kind == LinkRow::Kind::owner) {
      sql.lock_accounts();
      sql.execute("DELETE FROM link WHERE kind = 'owner'");
    }
    sql.execute(
        "INSERT INTO link (id, hash, kind, account_id, role, email, created_by, created_at, "
        "expires_at) VALUES (?,?,?,?,?,?,?,?,?)",
        link.id, SecretBlob{hash}, to_string(link.kind), reference(link.account_id),
        to_string(link.role), link.email, reference(link.created_by), link.created_at,
        link.expires_at);
    return WriteOutcome::done;
  });
}

Result<std::optional<LinkRow>> SqlStore::link(const Secret& hash, Time at) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " POSTERN_LINK_VIEW " FROM link WHERE " POSTERN_LINK_IS_GOOD, link_row,
                  SecretBlob{hash}, at);
}

Result<std::vector<LinkRow>> SqlStore::invitations(std::string_view team, Time at) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->all("SELECT " POSTERN_LINK_VIEW
                  " FROM link WHERE account_id = ? AND kind = 'invitation' "
                  "AND expires_at > ? ORDER BY seq DESC",
                  link_row, team, at);
}

Result<WriteOutcome> SqlStore::delete_invitation(std::string_view team, std::string_view id,
                                                 const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    const auto gone = sql.execute(
        "DELETE FROM link WHERE account_id = ? AND id = ? AND kind = 'invitation'", team, id);
    return affected(gone) == 0 ? WriteOutcome::not_found : WriteOutcome::done;
  });
}

Result<WriteOutcome> SqlStore::create_account_by_link(const AccountRow& account,
                                                      const Secret& link_hash,
                                                      const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_accounts();
    const auto spent =
        sql.execute("DELETE FROM link WHERE kind <> 'reset' AND " POSTERN_LINK_IS_GOOD,
                    SecretBlob{link_hash}, account.created_at);
    return affected(spent) == 0 ? WriteOutcome::not_found : insert_account(sql, account);
  });
}

Result<WriteOutcome> SqlStore::reset_password(const Secret& link_hash, const Secret& password_hash,
                                              Time at, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    const auto given = sql.one("SELECT " POSTERN_LINK_VIEW
                               " FROM link WHERE kind = 'reset' AND " POSTERN_LINK_IS_GOOD,
                               link_row, SecretBlob{link_hash}, at);
    if (!rows::found(given)) return WriteOutcome::not_found;
    return replace_password(sql, (*given)->account_id, password_hash, Tokens::keep, "");
  });
}

}  // namespace postern::store
