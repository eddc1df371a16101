// SqlStore: webhooks.
#include "store/keyset.h"
#include "store/sql_rows.h"
#include "store/sql_store.h"

namespace postern::store {

using rows::affected;
using rows::exists;

namespace {

std::string domain_of(const std::string& address) { return address.substr(address.rfind('@') + 1); }

std::optional<std::string> headers(const WebhookRow& webhook) {
  if (webhook.custom_headers.empty()) return std::nullopt;
  return rows::headers_to_json(webhook.custom_headers);
}

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::uint64_t webhook_octets(const WebhookRow& webhook) {
  const std::optional<std::string> fields = headers(webhook);
  return webhook.name.size() + webhook.address.size() + webhook.target_url.size() +
         (fields ? fields->size() : 0) + webhook.payload_template.size();
}

}  // namespace

bool SqlStore::owns_policy(const Sql& sql, const WebhookRow& webhook) {
  return !webhook.policy_id ||
         exists(sql.number("SELECT count(*) FROM policy WHERE id = ? AND account_id = ?",
                           *webhook.policy_id, webhook.account_id));
}

bool SqlStore::is_taken(const Sql& sql, const WebhookRow& webhook) {
  return exists(sql.number("SELECT count(*) FROM webhook WHERE address = ? AND id <> ?",
                           webhook.address, webhook.id)) ||
         (webhook.is_active && is_of_another(sql, domain_of(webhook.address), webhook.account_id));
}

Result<WriteOutcome> SqlStore::create_webhook(const WebhookRow& webhook, const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(webhook.account_id);
    if (!owns_policy(sql, webhook)) return WriteOutcome::no_such_policy;
    const Stored before = stored_by(sql, webhook.account_id);
    if (is_taken(sql, webhook)) return WriteOutcome::taken;
    sql.execute("INSERT INTO webhook (" + rows::webhook.stored +
                    ", domain, octets) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                webhook.id, webhook.account_id, webhook.name, webhook.address, webhook.target_url,
                webhook.is_active, webhook.policy_id, headers(webhook),
                unless_empty(webhook.payload_template), webhook.rate_limit_per_minute,
                webhook.delivery_mode, webhook.attachments, webhook.include_raw, webhook.timeout_ms,
                webhook.secret, webhook.previous_secret, webhook.previous_expires_at,
                webhook.version, webhook.created_at, webhook.updated_at, webhook.inbox.messages,
                webhook.inbox.octets, webhook.inbox.keep_days, domain_of(webhook.address),
                webhook_octets(webhook));
    return bounded(sql, webhook.account_id, before);
  });
}

Result<std::optional<WebhookRow>> SqlStore::webhook(std::string_view account, std::string_view id) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->one("SELECT " + rows::webhook.list + " FROM webhook WHERE id = ? AND account_id = ?",
                  rows::webhook, id, account);
}

Result<Listed<WebhookRow>> SqlStore::webhooks(std::string_view account, WebhookFilter filter,
                                              const Page& page) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  auto found = filter == WebhookFilter::all
                   ? sql->all("SELECT " + rows::webhook.list +
                                  " FROM webhook WHERE account_id = ? "
                                  "ORDER BY seq DESC LIMIT ? OFFSET ?",
                              rows::webhook, account, page.limit, page.offset)
                   : sql->all("SELECT " + rows::webhook.list +
                                  " FROM webhook WHERE account_id = ? AND is_active = ? "
                                  "ORDER BY seq DESC LIMIT ? OFFSET ?",
                              rows::webhook, account, filter == WebhookFilter::active, page.limit,
                              page.offset);
  if (!found) return tl::unexpected(found.error());
  constexpr std::string_view counts[] = {
      "SELECT webhook_count FROM account WHERE id = ?",
      "SELECT active_webhook_count FROM account WHERE id = ?",
      "SELECT webhook_count - active_webhook_count FROM account WHERE id = ?"};
  const auto total = sql->number(counts[static_cast<std::size_t>(filter)], account);
  if (!total) return tl::unexpected(total.error());
  return Listed<WebhookRow>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<Slice<WebhookRow>> SqlStore::webhook_slice(std::string_view account, WebhookFilter filter,
                                                  const Keyset& keyset) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  const auto fits = [](const SqlRow& row, const Needle& needle) {
    const auto in = [&](std::string_view column) {
      return needle.in(row.text(rows::webhook.at(column)));
    };
    return needle.everything() || in("name") || in("address") || in("target_url");
  };
  const int seq_column = rows::webhook.count();
  if (filter == WebhookFilter::all) {
    return slice(*sql,
                 "SELECT " + rows::webhook.list +
                     ", seq FROM webhook WHERE account_id = ? AND seq < ? ORDER BY seq DESC",
                 seq_column, keyset, rows::webhook, fits, account);
  }
  return slice(*sql,
               "SELECT " + rows::webhook.list +
                   ", seq FROM webhook WHERE account_id = ? AND is_active = ? AND seq < ? "
                   "ORDER BY seq DESC",
               seq_column, keyset, rows::webhook, fits, account, filter == WebhookFilter::active);
}

Result<std::vector<WebhookRow>> SqlStore::webhooks_of_policy(std::string_view account,
                                                             std::string_view policy) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return sql->all("SELECT " + rows::webhook.list +
                      " FROM webhook WHERE policy_id = ? AND account_id = ? ORDER BY seq",
                  rows::webhook, policy, account);
}

namespace {

bool has_webhook(const Sql& sql, std::string_view account, std::string_view id) {
  return exists(
      sql.number("SELECT count(*) FROM webhook WHERE id = ? AND account_id = ?", id, account));
}

/// Why an UPDATE or DELETE with a version in its WHERE changed no row.
WriteOutcome untouched_webhook(const Sql& sql, std::string_view account, std::string_view id) {
  return has_webhook(sql, account, id) ? WriteOutcome::stale : WriteOutcome::not_found;
}

}  // namespace

Result<WriteOutcome> SqlStore::update_webhook(const WebhookRow& webhook,
                                              std::uint64_t expected_version,
                                              const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(webhook.account_id);
    if (!owns_policy(sql, webhook)) return WriteOutcome::no_such_policy;
    if (!has_webhook(sql, webhook.account_id, webhook.id)) return WriteOutcome::not_found;
    const Stored before = stored_by(sql, webhook.account_id);
    if (is_taken(sql, webhook)) return WriteOutcome::taken;
    const auto changed = sql.execute(
        "UPDATE webhook SET name = ?, address = ?, domain = ?, target_url = ?, is_active = ?, "
        "policy_id = ?, custom_headers = ?, payload_template = ?, rate_limit_per_minute = ?, "
        "delivery_mode = ?, attachments = ?, include_raw = ?, timeout_ms = ?, secret = ?, "
        "previous_secret = ?, previous_expires_at = ?, version = ?, updated_at = ?, "
        "inbox_messages = ?, inbox_octets = ?, inbox_keep_days = ?, octets = ? "
        "WHERE id = ? AND account_id = ? AND version = ?",
        webhook.name, webhook.address, domain_of(webhook.address), webhook.target_url,
        webhook.is_active, webhook.policy_id, headers(webhook),
        unless_empty(webhook.payload_template), webhook.rate_limit_per_minute,
        webhook.delivery_mode, webhook.attachments, webhook.include_raw, webhook.timeout_ms,
        webhook.secret, webhook.previous_secret, webhook.previous_expires_at, webhook.version,
        webhook.updated_at, webhook.inbox.messages, webhook.inbox.octets, webhook.inbox.keep_days,
        webhook_octets(webhook), webhook.id, webhook.account_id, expected_version);
    if (affected(changed) == 0) return untouched_webhook(sql, webhook.account_id, webhook.id);
    return bounded(sql, webhook.account_id, before);
  });
}

Result<WriteOutcome> SqlStore::delete_webhook(std::string_view account, std::string_view id,
                                              std::optional<std::uint64_t> expected_version,
                                              const AuditRow* audit) {
  return write(audit, [&](const Sql& sql) {
    sql.lock_account(account);
    const auto gone = sql.execute(
        "DELETE FROM webhook WHERE id = ?1 AND account_id = ?2 AND (?3 IS NULL OR version = ?3)",
        id, account, expected_version);
    return affected(gone) == 0 ? untouched_webhook(sql, account, id) : WriteOutcome::done;
  });
}

Result<void> SqlStore::each_webhook(const std::function<void(WebhookRow)>& take,
                                    const Which& which) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  return rows::each_of(*sql, "SELECT " + rows::webhook.list + " FROM webhook", which,
                       [&](const SqlRow& row) {
                         WebhookRow webhook = rows::webhook(row);
                         webhook.unreadable = row.take_trouble();
                         take(std::move(webhook));
                       });
}

}  // namespace postern::store
