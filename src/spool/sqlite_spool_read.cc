// Reading for the scheduler. It uses its own connection, so that the writer does not wait for it.
#include <utility>

#include "spool/actions.h"
#include "spool/message_row.h"
#include "spool/sqlite_spool.h"

namespace postern::spool {
namespace {

using store::Row;

Recipient read_recipient(const Row& row) {
  return {.address = row.text(0),
          .destination = {static_cast<RouteKind>(row.integer(1)), row.text(2)},
          .state = static_cast<State>(row.integer(3)),
          .notify = row.text(4),
          .orcpt = row.text(5),
          .quarantine = row.text(10),
          .attempts = static_cast<std::uint32_t>(row.integer(6)),
          .claimed = row.boolean(7),
          .next_attempt = row.time(8),
          .held_at = row.time(11),
          .held = std::chrono::milliseconds(row.integer(12)),
          .noticed = row.boolean(13),
          .last_reply = row.text(9)};
}

}  // namespace

template <class Id>
Result<std::optional<Message>> SqliteSpool::read(const char* sql, const Id& id) {
  const std::lock_guard guard(mutex_);
  auto found = reading_->one(
      sql,
      [](const Row& row) {
        Message message = read_message(row);
        message.envelope.evidence = row.text(16);
        return message;
      },
      id);
  if (!found || !*found) return found;
  auto recipients = reading_->all(
      "SELECT address, kind, destination, state, notify, orcpt, attempts, claimed, next_at, "
      "last_reply, quarantine, held_at, held_ms, noticed FROM recipient WHERE message = ? "
      "ORDER BY idx",
      read_recipient, (*found)->sequence);
  if (!recipients) return tl::unexpected(recipients.error());
  // Between the two statements the message may have been settled and deleted.
  if (recipients->empty()) return std::optional<Message>();
  (*found)->envelope.recipients = std::move(*recipients);
  return found;
}

Result<std::optional<Message>> SqliteSpool::get(const MessageId& id) {
  return read("SELECT " POSTERN_MESSAGE_COLUMNS ", m.evidence FROM message AS m WHERE m.id = ?",
              id);
}

Result<std::optional<Message>> SqliteSpool::get(Sequence sequence) {
  return read("SELECT " POSTERN_MESSAGE_COLUMNS ", m.evidence FROM message AS m WHERE m.seq = ?",
              sequence);
}

Result<std::vector<Parcel>> SqliteSpool::parcels(Cursor& cursor, std::size_t limit) {
  cursor.parts.resize(1);
  auto page = parcels_after(cursor.parts[0].after, limit);
  if (page && !page->empty()) cursor.parts[0].after = page->back().sequence;
  return page;
}

Result<std::vector<Parcel>> SqliteSpool::parcels_of(Sequence message) {
  auto found = parcels_after(message - 1, 1);
  if (found && !found->empty() && found->front().sequence != message) found->clear();
  return found;
}

Result<std::vector<Parcel>> SqliteSpool::parcels_after(Sequence after, std::size_t limit) {
  const std::lock_guard guard(mutex_);
  // The owner, for fair shares: the account, or else the authenticated user.
  return reading_->all(
      "SELECT m.seq, min(r.idx), r.kind, r.destination, "
      "CASE WHEN m.account != '' OR m.authn_id = '' THEN m.account ELSE 'user ' || m.authn_id END, "
      "max(r.attempts), "
      "m.received_at, min(r.next_at), max(r.held_ms), min(r.noticed), m.reverse_path = '' "
      "FROM (SELECT seq, account, authn_id, received_at, reverse_path FROM message AS n WHERE seq "
      "> ?1 "
      "AND EXISTS (SELECT 1 FROM recipient AS q WHERE q.message = n.seq AND q.state = 0 AND "
      "q.kind BETWEEN 0 AND 2) ORDER BY seq LIMIT ?2) AS m "
      "CROSS JOIN recipient AS r ON r.message = m.seq WHERE r.state = 0 AND r.kind BETWEEN 0 AND 2 "
      "GROUP BY m.seq, r.kind, r.destination ORDER BY m.seq",
      [this](const Row& row) {
        return Parcel{.sequence = row.integer(0),
                      .first = static_cast<std::uint32_t>(row.integer(1)),
                      .destination = {static_cast<RouteKind>(row.integer(2)), row.text(3)},
                      .account = row.text(4),
                      .attempts = static_cast<std::uint32_t>(row.integer(5)),
                      .received = row.time(6),
                      .due = row.time(7),
                      .held = std::chrono::milliseconds(row.integer(8)),
                      .noticed = row.boolean(9),
                      .null_path = row.boolean(10),
                      .inherited = row.integer(0) <= inherited_};
      },
      after, limit);
}

Result<BodyReader> SqliteSpool::body(const MessageId& id) {
  struct Stored {
    std::uint64_t size;
    bool in_file;
    std::string digest;
    std::string damage;
    std::optional<std::string> bytes;
  };
  Result<std::optional<Stored>> found;
  {
    const std::lock_guard guard(mutex_);
    found = reading_->one(
        "SELECT m.size, m.in_file, m.digest, m.damage, b.bytes FROM message AS m "
        "LEFT JOIN body AS b ON b.message = m.seq WHERE m.id = ?",
        [](const Row& row) {
          return Stored{static_cast<std::uint64_t>(row.integer(0)), row.boolean(1), row.text(2),
                        row.text(3), row.optional_text(4)};
        },
        id);
  }
  if (!found) return tl::unexpected(found.error());
  if (!*found) return fail(Fault::not_found, std::string(no_such_message));
  Stored& stored = **found;
  if (!stored.damage.empty()) return fail(Fault::damaged, stored.damage);
  if (stored.in_file) {
    const Result<int> fd = files_.open(id, stored.size);
    if (!fd) return tl::unexpected(fd.error());
    return BodyReader(*fd, stored.size, std::move(stored.digest));
  }
  if (!stored.bytes || stored.bytes->size() != stored.size) {
    return fail(Fault::damaged, "a message body is missing or has another size");
  }
  return BodyReader(std::move(*stored.bytes), std::move(stored.digest));
}

}  // namespace postern::spool
