// DeliveryLog: attachment links and their files.
#include "store/delivery_log.h"
#include "store/delivery_schema.h"

namespace postern::store {

namespace {

// How long the API answers 410 for an expired link.
constexpr auto remember_links = std::chrono::hours(30 * 24);
constexpr std::int64_t purge_files = 5000;

}  // namespace

Result<void> DeliveryLog::add_attachments(std::span<const AttachmentRow> rows) {
  const std::lock_guard lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(*rest_);
  if (!transaction) return tl::unexpected(transaction.error());
  for (const AttachmentRow& row : rows) {
    const auto done = rest_->execute(
        "INSERT INTO attachment (id, webhook_id, message_id, path, start, filename, content_type, "
        "size, token_hash, created_at, expires_at, kept_until) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        row.id, row.webhook_id, row.message_id, row.path, row.start, row.filename, row.content_type,
        row.size, Blob{row.token_hash.reveal()}, row.created_at, row.expires_at, row.kept_until);
    if (!done) return tl::unexpected(done.error());
  }
  return transaction->commit();
}

Result<void> DeliveryLog::keep_attachments(std::string_view path) {
  const std::lock_guard lock(mutex_);
  const auto done = rest_->execute(keep_links, path);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<bool> DeliveryLog::drop_attachments(std::string_view path, bool kept_too) {
  const std::lock_guard lock(mutex_);
  const auto gone = rest_->execute(
      "DELETE FROM attachment WHERE path = ? AND (? OR expires_at < kept_until)", path, kept_too);
  if (!gone) return tl::unexpected(gone.error());
  const auto left = rest_->number("SELECT count(*) FROM attachment WHERE path = ?", path);
  if (!left) return tl::unexpected(left.error());
  return *left == 0;
}

Result<bool> DeliveryLog::is_linked(std::string_view path) {
  const std::lock_guard lock(mutex_);
  const auto links =
      rest_->number("SELECT count(*) FROM attachment WHERE path = ? AND NOT file_gone", path);
  if (!links) return tl::unexpected(links.error());
  return *links != 0;
}

Result<std::optional<AttachmentRow>> DeliveryLog::attachment(std::string_view id) {
  const std::lock_guard lock(mutex_);
  return rest_->one(
      "SELECT id, webhook_id, path, filename, content_type, size, token_hash, created_at, "
      "expires_at, start FROM attachment WHERE id = ? AND webhook_id <> ''",
      [](const Row& row) {
        return AttachmentRow{.id = row.text(0),
                             .webhook_id = row.text(1),
                             .path = row.text(2),
                             .start = static_cast<std::uint64_t>(row.integer(9)),
                             .filename = row.text(3),
                             .content_type = row.text(4),
                             .size = static_cast<std::uint64_t>(row.integer(5)),
                             .token_hash = row.secret(6),
                             .created_at = row.time(7),
                             .expires_at = row.time(8)};
      },
      id);
}

Result<std::vector<std::string>> DeliveryLog::take_expired_files(Time at) {
  Result<Transaction> transaction = Transaction::begin(*rest_);
  if (!transaction) return tl::unexpected(transaction.error());
  for (const std::string& id : handed_out_) {
    rest_->execute("UPDATE attachment SET file_gone = 1 WHERE id = ?", id);
  }
  rest_->execute("DELETE FROM attachment WHERE file_gone = 1 AND expires_at < ?",
                 at - remember_links);
  std::vector<std::string> ids;
  std::vector<std::string> files;
  static_cast<void>(rest_->each(
      "SELECT id, path FROM attachment WHERE file_gone = 0 AND expires_at <= ? "
      "ORDER BY expires_at, path LIMIT ?",
      [&](const Row& row) {
        ids.push_back(row.text(0));
        if (files.empty() || files.back() != row.view(1)) files.push_back(row.text(1));
      },
      at, purge_files));
  if (const auto kept = transaction->commit(); !kept) return tl::unexpected(kept.error());
  handed_out_ = std::move(ids);
  return files;
}

}  // namespace postern::store
