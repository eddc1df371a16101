// DeliveryLog: the files behind attachment links.
#include "store/delivery_log.h"

namespace postern::store {

namespace {

constexpr auto remember_links = std::chrono::hours(30 * 24);  // how long an expired link is 410
constexpr std::int64_t purge_files = 5000;

}  // namespace

Result<void> DeliveryLog::add_attachment(const AttachmentRow& row) {
  const std::lock_guard lock(mutex_);
  const auto done = rest_->execute(
      "INSERT INTO attachment (id, webhook_id, path, filename, content_type, size, token_hash, "
      "created_at, expires_at) VALUES (?,?,?,?,?,?,?,?,?)",
      row.id, row.webhook_id, row.path, row.filename, row.content_type, row.size,
      Blob{row.token_hash.reveal()}, row.created_at, row.expires_at);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::optional<AttachmentRow>> DeliveryLog::attachment(std::string_view id) {
  const std::lock_guard lock(mutex_);
  return rest_->one(
      "SELECT id, webhook_id, path, filename, content_type, size, token_hash, created_at, "
      "expires_at FROM attachment WHERE id = ? AND webhook_id <> ''",
      [](const Row& row) {
        return AttachmentRow{.id = row.text(0),
                             .webhook_id = row.text(1),
                             .path = row.text(2),
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
      "ORDER BY expires_at LIMIT ?",
      [&](const Row& row) {
        ids.push_back(row.text(0));
        files.push_back(row.text(1));
      },
      at, purge_files));
  if (const auto kept = transaction->commit(); !kept) return tl::unexpected(kept.error());
  handed_out_ = std::move(ids);
  return files;
}

}  // namespace postern::store
