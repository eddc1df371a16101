// DeliveryLog: the built-in inbox, and the files behind attachment links.
#include "store/delivery_log.h"
#include "store/keyset.h"

namespace postern::store {

namespace {

constexpr auto remember_links = std::chrono::hours(30 * 24);  // how long an expired link is 410
constexpr std::int64_t purge_files = 5000;

#define POSTERN_INBOX_COLUMNS "seq, id, webhook_id, received_at, sender, subject, payload_size"

InboxMessage read_message(const Row& row) {
  return {.sequence = static_cast<std::uint64_t>(row.integer(0)),
          .id = row.text(1),
          .webhook_id = row.text(2),
          .received_at = row.time(3),
          .sender = row.text(4),
          .subject = row.text(5),
          .payload_size = static_cast<std::uint64_t>(row.integer(6))};
}

}  // namespace

Result<std::uint64_t> DeliveryLog::put_inbox(const InboxMessage& message) {
  const std::lock_guard lock(mutex_);
  Result<Transaction> transaction = Transaction::begin(*rest_);
  if (!transaction) return tl::unexpected(transaction.error());
  // A message that a client sends again because it missed our answer has the same id.
  rest_->execute(
      "INSERT INTO inbox (webhook_id, id, received_at, sender, subject, payload_size, payload) "
      "VALUES (?,?,?,?,?,?,?) ON CONFLICT (webhook_id, id) DO NOTHING",
      message.webhook_id, message.id, message.received_at, message.sender, message.subject,
      message.payload.size(), message.payload);
  const auto sequence = rest_->number("SELECT seq FROM inbox WHERE webhook_id = ? AND id = ?",
                                      message.webhook_id, message.id);
  if (!sequence) return tl::unexpected(sequence.error());
  if (const auto trimmed = trim_inbox(message.webhook_id); !trimmed) {
    return tl::unexpected(trimmed.error());
  }
  if (const auto kept = transaction->commit(); !kept) return tl::unexpected(kept.error());
  const auto number = static_cast<std::uint64_t>(*sequence);
  if (number > inbox_sequence_.load(std::memory_order_relaxed)) {
    inbox_sequence_.store(number, std::memory_order_release);
  }
  return number;
}

Result<void> DeliveryLog::trim_inbox(std::string_view webhook) {
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::int64_t last = 0;  // the newest message that is too much
  auto done = rest_->each(
      "SELECT seq, payload_size FROM inbox WHERE webhook_id = ? ORDER BY seq DESC",
      [&](const Row& row) {
        octets += static_cast<std::uint64_t>(row.integer(1));
        if (++messages == 1) return true;
        if (messages <= options_.inbox_size && octets <= options_.inbox_octets) return true;
        last = row.integer(0);
        return false;
      },
      webhook);
  if (!done || last == 0) return done;
  const auto gone =
      rest_->execute("DELETE FROM inbox WHERE webhook_id = ? AND seq <= ?", webhook, last);
  if (!gone) return tl::unexpected(gone.error());
  return {};
}

Result<Listed<InboxMessage>> DeliveryLog::inbox(std::string_view webhook, std::uint64_t after,
                                                const Page& page) {
  const std::lock_guard lock(mutex_);
  auto found = rest_->all("SELECT " POSTERN_INBOX_COLUMNS
                          " FROM inbox WHERE webhook_id = ? AND seq > ? "
                          "ORDER BY seq DESC LIMIT ? OFFSET ?",
                          read_message, webhook, after, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  const auto total =
      rest_->number("SELECT count(*) FROM inbox WHERE webhook_id = ? AND seq > ?", webhook, after);
  if (!total) return tl::unexpected(total.error());
  return Listed<InboxMessage>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<Slice<InboxMessage>> DeliveryLog::inbox_slice(std::string_view webhook, std::uint64_t after,
                                                     const Keyset& keyset) {
  const std::lock_guard lock(mutex_);
  const auto fits = [](const Row&, const Needle&) { return true; };
  return slice(*rest_,
               "SELECT " POSTERN_INBOX_COLUMNS
               " FROM inbox WHERE webhook_id = ? AND seq > ? AND seq < ? ORDER BY seq DESC",
               0, keyset, read_message, fits, webhook, after);
}

Result<std::optional<InboxMessage>> DeliveryLog::inbox_message(std::string_view webhook,
                                                               std::string_view id) {
  const std::lock_guard lock(mutex_);
  return rest_->one(
      "SELECT " POSTERN_INBOX_COLUMNS ", payload FROM inbox WHERE webhook_id = ? AND id = ?",
      [](const Row& row) {
        InboxMessage message = read_message(row);
        message.payload = row.text(7);
        return message;
      },
      webhook, id);
}

Result<bool> DeliveryLog::delete_inbox_message(std::string_view webhook, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto gone =
      rest_->execute("DELETE FROM inbox WHERE webhook_id = ? AND id = ?", webhook, id);
  if (!gone) return tl::unexpected(gone.error());
  return *gone != 0;
}

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
