#include "spool/inbox_reader.h"

#include <mutex>

#include <unistd.h>

#include "base/io_error.h"
#include "base/sha256.h"
#include "spool/body_files.h"
#include "store/database.h"
#include "store/delivery_schema.h"
#include "store/keyset.h"

namespace postern::spool {

using store::Database;
using store::Row;

namespace {

// A subject may be as long as a header section, and a list has up to 200 subjects.
#define POSTERN_INBOX_COLUMNS \
  "seq, id, webhook_id, received_at, sender, substr(subject, 1, 500), payload_size"

InboxMessage read_inbox_message(const Row& row) {
  return {.sequence = static_cast<std::uint64_t>(row.integer(0)),
          .id = row.text(1),
          .webhook_id = row.text(2),
          .received_at = row.time(3),
          .sender = row.text(4),
          .subject = row.text(5),
          .payload_size = static_cast<std::uint64_t>(row.integer(6))};
}

/// Rows of delivery.db, and files.
class SqliteInboxReader final : public InboxReader {
 public:
  SqliteInboxReader(std::unique_ptr<Database> database, const std::string& directory)
      : database_(std::move(database)), files_(directory) {}

  Result<store::Listed<InboxMessage>> list(std::string_view webhook, std::uint64_t after,
                                           const store::Page& page) override;
  Result<store::Slice<InboxMessage>> slice(std::string_view webhook, std::uint64_t after,
                                           const store::Keyset& keyset) override;
  Result<InboxState> state(std::string_view webhook) override;
  Result<std::optional<Found>> message(std::string_view webhook, std::string_view id) override;
  Result<std::optional<Piece>> piece(std::string_view webhook, std::string_view id,
                                     std::uint64_t offset) override;

 private:
  struct Stored;
  /// A message with its payload in memory, or with the descriptor of its file.
  Result<std::optional<Stored>> find(std::string_view webhook, std::string_view id);

  std::mutex mutex_;  ///< guards `database_`
  std::unique_ptr<Database> database_;
  BodyFiles files_;
};

}  // namespace

Result<std::unique_ptr<InboxReader>> InboxReader::open(const std::string& database,
                                                       const std::string& directory) {
  auto opened = Database::open(database, store::delivery_schema(), {.quick_check_limit = 0});
  if (!opened) return tl::unexpected(opened.error());
  return std::unique_ptr<InboxReader>(
      std::make_unique<SqliteInboxReader>(std::move(*opened), directory));
}

Result<store::Listed<InboxMessage>> SqliteInboxReader::list(std::string_view webhook,
                                                            std::uint64_t after,
                                                            const store::Page& page) {
  const std::lock_guard lock(mutex_);
  auto found = database_->all("SELECT " POSTERN_INBOX_COLUMNS
                              " FROM inbox WHERE webhook_id = ? AND seq > ? "
                              "ORDER BY seq DESC LIMIT ? OFFSET ?",
                              read_inbox_message, webhook, after, page.limit, page.offset);
  if (!found) return tl::unexpected(found.error());
  // Counters of an inbox change with its rows, so a large inbox need not be scanned.
  const auto total =
      after == 0
          ? database_->number(
                "SELECT coalesce(sum(messages), 0) FROM inbox_box WHERE webhook_id = ?", webhook)
          : database_->number(
                "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE webhook_id = ? AND seq > ? "
                "LIMIT ?)",
                webhook, after, most_counted);
  if (!total) return tl::unexpected(total.error());
  return store::Listed<InboxMessage>{std::move(*found), static_cast<std::uint64_t>(*total)};
}

Result<store::Slice<InboxMessage>> SqliteInboxReader::slice(std::string_view webhook,
                                                            std::uint64_t after,
                                                            const store::Keyset& keyset) {
  const std::lock_guard lock(mutex_);
  const auto fits = [](const Row&, const store::Needle&) { return true; };
  return store::slice(*database_,
                      "SELECT " POSTERN_INBOX_COLUMNS
                      " FROM inbox WHERE webhook_id = ? AND seq > ? AND seq < ? ORDER BY seq DESC",
                      0, keyset, read_inbox_message, fits, webhook, after);
}

Result<InboxState> SqliteInboxReader::state(std::string_view webhook) {
  const std::lock_guard lock(mutex_);
  auto found = database_->one(
      "SELECT messages, octets, aged_out, refused, refused_at, full FROM inbox_box "
      "WHERE webhook_id = ?",
      [](const Row& row) {
        return InboxState{.messages = static_cast<std::uint64_t>(row.integer(0)),
                          .octets = static_cast<std::uint64_t>(row.integer(1)),
                          .aged_out = static_cast<std::uint64_t>(row.integer(2)),
                          .refused = static_cast<std::uint64_t>(row.integer(3)),
                          .refused_at = row.optional_time(4),
                          .turned_away = row.boolean(5)};
      },
      webhook);
  if (!found) return tl::unexpected(found.error());
  return found->value_or(InboxState());
}

struct SqliteInboxReader::Stored {
  InboxMessage message;
  std::string payload;  ///< of a row
  std::string file;
  std::string digest;
  int fd = -1;  ///< of a file; the caller of find() closes it
};

Result<std::optional<SqliteInboxReader::Stored>> SqliteInboxReader::find(std::string_view webhook,
                                                                         std::string_view id) {
  constexpr std::string_view select = "SELECT " POSTERN_INBOX_COLUMNS
                                      ", payload, file, digest FROM inbox "
                                      "WHERE webhook_id = ? AND id = ?";
  const auto read = [](const Row& row) {
    return Stored{.message = read_inbox_message(row),
                  .payload = row.text(7),
                  .file = row.text(8),
                  .digest = row.text(9)};
  };
  std::optional<Stored> stored;
  {
    const std::lock_guard lock(mutex_);
    auto found = database_->one(select, read, webhook, id);
    if (!found) return tl::unexpected(found.error());
    stored = std::move(*found);
  }
  if (!stored) return std::nullopt;
  if (stored->file.empty()) {
    stored->digest = sha256(stored->payload);
    return stored;
  }
  const Result<int> fd = files_.open(stored->file, stored->message.payload_size);
  if (fd) {
    stored->fd = *fd;
    return stored;
  }
  const std::lock_guard lock(mutex_);
  const auto there = database_->one(select, read, webhook, id);
  if (there && !*there) return std::nullopt;  // deleted meanwhile
  return tl::unexpected(fd.error());
}

Result<std::optional<InboxReader::Found>> SqliteInboxReader::message(std::string_view webhook,
                                                                     std::string_view id) {
  auto stored = find(webhook, id);
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return std::nullopt;
  Stored& one = **stored;
  const std::uint64_t size = one.message.payload_size;
  BodyReader payload = one.fd < 0 ? BodyReader(std::move(one.payload), std::move(one.digest))
                                  : BodyReader(one.fd, size, std::move(one.digest));
  return Found{std::move(one.message), std::move(payload)};
}

Result<std::optional<InboxReader::Piece>> SqliteInboxReader::piece(std::string_view webhook,
                                                                   std::string_view id,
                                                                   std::uint64_t offset) {
  auto stored = find(webhook, id);
  if (!stored) return tl::unexpected(stored.error());
  if (!*stored) return std::nullopt;
  Stored& one = **stored;
  Piece piece{.octets = {}, .digest = std::move(one.digest)};
  const std::uint64_t size = one.message.payload_size;
  const std::uint64_t wanted = offset < size ? std::min(most_of_a_piece, size - offset) : 0;
  if (one.fd < 0) {
    if (wanted != 0) piece.octets = one.payload.substr(offset, wanted);
    return piece;
  }
  piece.octets.resize(wanted);
  Result<void> read;
  for (std::uint64_t got = 0; got < wanted && read;) {
    const ssize_t count =
        ::pread(one.fd, piece.octets.data() + got, wanted - got, static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) read = io_error("reading a payload");
    if (count == 0) read = fail(Fault::permanent, "a payload's file ends too early");
    if (count > 0) got += static_cast<std::uint64_t>(count);
  }
  ::close(one.fd);
  if (!read) return tl::unexpected(read.error());
  return piece;
}

}  // namespace postern::spool
