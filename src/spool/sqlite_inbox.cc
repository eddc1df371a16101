#include "spool/sqlite_inbox.h"

#include <array>
#include <future>
#include <tuple>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/ulid.h"
#include "store/delivery_schema.h"

namespace postern::spool {

using store::Database;
using store::Row;

namespace {

constexpr std::int64_t deleted_rows_a_commit = 500;

using Names = std::vector<std::string>;

/// Deletes some rows at the end of their retention and collects the names of their files.
#define POSTERN_AGED                                                                       \
  "SELECT seq FROM inbox INDEXED BY inbox_age WHERE webhook_id = ?1 AND received_at < ?2 " \
  "ORDER BY received_at LIMIT 500"

template <class Files>
Result<std::uint64_t> age_out(Database& database, std::string_view webhook, store::Time before,
                              std::vector<Files>& files) {
  std::uint64_t gone = 0;
  const auto take = [&](const Row& row) {
    ++gone;
    files.push_back({row.text(0), row.text(1)});
  };
  const Result<void> done =
      database.each("DELETE FROM inbox WHERE seq IN (" POSTERN_AGED ") RETURNING file, links", take,
                    webhook, before);
  if (!done) return tl::unexpected(done.error());
  if (gone != 0) {
    const auto counted = database.execute(
        "UPDATE inbox_box SET aged_out = aged_out + ? WHERE webhook_id = ?", gone, webhook);
    if (!counted) return tl::unexpected(counted.error());
  }
  return gone;
}

struct Sums {
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
};

Result<Sums> sums_of(Database& database, std::string_view webhook) {
  const auto found = database.one(
      "SELECT messages, octets FROM inbox_box WHERE webhook_id = ?",
      [](const Row& row) {
        return Sums{static_cast<std::uint64_t>(row.integer(0)),
                    static_cast<std::uint64_t>(row.integer(1))};
      },
      webhook);
  if (!found) return tl::unexpected(found.error());
  return found->value_or(Sums());
}

}  // namespace

/// A message during put().
struct SqliteInbox::Put {
  InboxMessage message;
  Body payload;
  policy::InboxLimits limits;
  store::Time now;
  std::uint64_t max_octets = 0;  ///< limit of all inboxes together
  Done done;
  std::uint64_t waiting = 0;  ///< octets in memory until the row is written
  std::string file = {};
  std::string digest = {};
  // The result of the transaction; reset each time it runs.
  InboxPut result = {};
  std::uint64_t linked = 0;       ///< octets of linked files
  std::uint64_t aged_before = 0;  ///< aged out by the check before the file was written
  std::vector<Files> gone = {};

  Result<InboxAnswer> room(Database& database) {
    const std::uint64_t size = message.payload_size + linked;
    if (size > limits.octets) return InboxAnswer::too_large;
    const Result<Sums> box = sums_of(database, message.webhook_id);
    if (!box) return tl::unexpected(box.error());
    if (box->messages >= limits.messages || box->octets + size > limits.octets) {
      return InboxAnswer::full;
    }
    const Result<Sums> all = sums_of(database, "");
    if (!all) return tl::unexpected(all.error());
    if (all->octets + size > max_octets) return InboxAnswer::storage;
    // While all inboxes use at most half of the space, no account can hold more than what is free.
    const std::uint64_t free = max_octets - all->octets - size;
    if (message.account.empty() || all->octets + size <= free) return InboxAnswer::taken;
    const auto held = database.number(
        "SELECT coalesce(sum(octets), 0) FROM inbox_box WHERE account = ? AND account <> ''",
        message.account);
    if (!held) return tl::unexpected(held.error());
    return static_cast<std::uint64_t>(*held) + size > free ? InboxAnswer::storage
                                                           : InboxAnswer::taken;
  }

  /// Finds the linked files by their name, or for a message from the queue by the message.
  Result<void> find_links(Database& database) {
    linked = 0;
    const auto found = database.one(
        "SELECT path, sum(size) FROM attachment WHERE message_id = ?1 AND message_id <> '' "
        "AND webhook_id = ?2 AND (?3 = '' OR path = ?3) GROUP BY path ORDER BY max(expires_at) "
        "DESC LIMIT 1",
        [](const Row& row) {
          return std::pair(row.text(0), static_cast<std::uint64_t>(row.integer(1)));
        },
        message.id, message.webhook_id, message.links);
    if (!found) return tl::unexpected(found.error());
    if (*found) std::tie(message.links, linked) = **found;
    return {};
  }

  /// Checks for room, after aged messages were removed if necessary. Counts a refusal.
  Result<void> admit(Database& database) {
    result = {};
    gone.clear();
    const auto seq = database.number("SELECT seq FROM inbox WHERE webhook_id = ? AND id = ?",
                                     message.webhook_id, message.id);
    if (!seq) return tl::unexpected(seq.error());
    // A client that missed our reply sends a message again with the same id.
    result.known = *seq != 0;
    result.sequence = static_cast<std::uint64_t>(*seq);
    if (result.known) return {};
    if (Result<void> looked = find_links(database); !looked) return looked;
    Result<InboxAnswer> answer = room(database);
    if (answer && (*answer == InboxAnswer::full || *answer == InboxAnswer::storage)) {
      const auto aged = age_out(database, message.webhook_id, kept_since(now, limits), gone);
      if (!aged) return tl::unexpected(aged.error());
      result.aged_out = *aged;
      if (*aged != 0) answer = room(database);
    }
    if (!answer) return tl::unexpected(answer.error());
    result.answer = *answer;
    if (*answer == InboxAnswer::taken) return {};
    const auto counted = database.execute(
        "INSERT INTO inbox_box (webhook_id, refused, refused_at, full) VALUES (?1, 1, ?2, ?3) "
        "ON CONFLICT DO UPDATE SET refused = refused + 1, refused_at = ?2, full = max(full, ?3)",
        message.webhook_id, now, *answer == InboxAnswer::full);
    if (!counted) return tl::unexpected(counted.error());
    return {};
  }

  Result<void> store(Database& database) {
    // First what may fail without the database: its changes would be committed in spite of it.
    std::string_view bytes;
    if (file.empty()) {
      const Result<std::string_view> view = payload.view();
      if (!view) return tl::unexpected(view.error());
      bytes = *view;
    }
    if (Result<void> admitted = admit(database); !admitted) return admitted;
    if (result.known || result.answer != InboxAnswer::taken) return {};
    const auto seq = database.one(
        "INSERT INTO inbox (webhook_id, id, received_at, sender, subject, payload_size, payload, "
        "file, digest, links, linked) VALUES (?,?,?,?,?,?,?,?,?,?,?) RETURNING seq",
        [](const Row& row) { return row.integer(0); }, message.webhook_id, message.id,
        message.received_at, message.sender, message.subject, message.payload_size, bytes, file,
        store::Blob{digest}, message.links, linked);
    if (!seq) return tl::unexpected(seq.error());
    const auto kept = database.execute(store::keep_links, message.links);
    if (!kept) return tl::unexpected(kept.error());
    result.sequence = static_cast<std::uint64_t>(**seq);
    const auto owned = database.execute(
        "UPDATE inbox_box SET account = ?1 WHERE webhook_id = ?2 AND account <> ?1",
        message.account, message.webhook_id);
    if (!owned) return tl::unexpected(owned.error());
    return {};
  }
};

SqliteInbox::SqliteInbox(const InboxOptions& options)
    : options_(options), files_(options.directory) {}

void SqliteInbox::halt() {
  // First the file workers, which submit rows at their end. What the writer accepts later is
  // refused.
  if (workers_) workers_->stop();
  if (writer_) writer_->stop();
}

Result<std::unique_ptr<Inbox>> Inbox::open(const InboxOptions& options) {
  auto opened = SqliteInbox::open(options);
  if (!opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Inbox>(std::move(*opened));
}

Result<std::unique_ptr<SqliteInbox>> SqliteInbox::open(const InboxOptions& options) {
  std::unique_ptr<SqliteInbox> inbox(new SqliteInbox(options));
  if (const Result<void> made = inbox->files_.prepare(); !made) {
    return tl::unexpected(made.error());
  }
  auto writing =
      Database::open(options.database, store::delivery_schema(), {.quick_check_limit = 0});
  if (!writing) return tl::unexpected(writing.error());
  inbox->writing_ = std::move(*writing);
  if (const Result<void> done = inbox->recover(); !done) return tl::unexpected(done.error());
  auto reader = InboxReader::open(options.database, options.directory);
  if (!reader) return tl::unexpected(reader.error());
  inbox->reader_ = std::move(*reader);
  inbox->writer_ = std::make_unique<GroupCommit>(*inbox->writing_, "inbox-write");
  inbox->workers_ = std::make_unique<Workers>(std::max(1u, options.file_threads), "inbox-file");
  return inbox;
}

Result<void> SqliteInbox::recover() {
  // Mail need not be overwritten when deleted. A write-ahead log that has grown is truncated when
  // it restarts.
  for (const char* pragma : {"PRAGMA secure_delete=FAST", "PRAGMA journal_size_limit=16777216"}) {
    if (const auto set = writing_->execute(pragma); !set) return tl::unexpected(set.error());
  }
  const auto newest = writing_->number("SELECT coalesce(max(seq), 0) FROM inbox");
  if (!newest) return tl::unexpected(newest.error());
  sequence_ = static_cast<std::uint64_t>(*newest);

  Names orphans;
  Result<void> read;
  const Result<void> seen = files_.each([&](const std::string& file) {
    const auto known =
        writing_->number("SELECT count(*) FROM inbox WHERE file = ?1 AND file <> ''", file);
    if (!known) read = tl::unexpected(known.error());
    if (known && *known == 0) orphans.push_back(file);
  });
  if (!seen) return seen;
  if (!read) return read;
  for (const std::string& file : orphans) files_.remove(file);

  const auto large = writing_->all(
      "SELECT seq FROM inbox INDEXED BY inbox_large WHERE file = '' AND payload_size > 262144",
      [](const Row& row) { return row.integer(0); });
  if (!large) return tl::unexpected(large.error());
  for (const std::int64_t seq : *large) {
    if (Result<void> moved = move_to_file(seq); !moved) return moved;
  }
  return {};
}

/// Holds one payload in memory; it runs once, before mail is accepted.
Result<void> SqliteInbox::move_to_file(std::int64_t seq) {
  Body payload(options_.directory);
  Result<void> copied;
  const Result<void> read = writing_->each(
      "SELECT payload FROM inbox WHERE seq = ?",
      [&](const Row& row) { copied = payload.append(row.view(0)); }, seq);
  if (!read) return read;
  if (!copied) return copied;
  const std::string file = new_ulid();
  const Result<std::string> digest = files_.write(file, payload);
  if (!digest) return tl::unexpected(digest.error());
  const auto moved =
      writing_->execute("UPDATE inbox SET payload = '', file = ?, digest = ? WHERE seq = ?", file,
                        store::Blob{*digest}, seq);
  if (!moved) return tl::unexpected(moved.error());
  return {};
}

void SqliteInbox::put(InboxMessage message, Body payload, const policy::InboxLimits& limits,
                      store::Time now, Done done) {
  message.payload_size = payload.size();
  const bool in_file = payload.size() > options_.file_threshold;
  const auto put = std::make_shared<Put>(Put{.message = std::move(message),
                                             .payload = std::move(payload),
                                             .limits = limits,
                                             .now = now,
                                             .max_octets = options_.max_octets,
                                             .done = std::move(done)});
  if (!in_file) {
    put->waiting = put->message.payload_size;
    // One operation, so that many callers at once cannot all pass the check.
    if (waiting_octets_.fetch_add(put->waiting) > options_.max_waiting_octets) {
      waiting_octets_ -= put->waiting;
      return put->done(fail(Fault::temporary, "too many messages wait for the inbox's disk"));
    }
    return write_row(put);
  }
  // Checked before the file is written, so that a message for a full inbox costs little.
  writer_->submit([put](Database& database) { return put->admit(database); },
                  [this, put](const Result<void>& result) {
                    if (!result || put->result.known || put->result.answer != InboxAnswer::taken) {
                      return finish(*put, result);
                    }
                    remove_files(put->gone);
                    put->aged_before = put->result.aged_out;
                    workers_->post([this, put] { write_file(put); });
                  });
}

void SqliteInbox::write_file(const std::shared_ptr<Put>& put) {
  const std::string file = new_ulid();
  Result<std::string> digest = files_.write(file, put->payload);
  if (!digest) {
    if (digest.error().fault == Fault::permanent) writer_->distrust(digest.error());
    put->result = {};
    put->gone.clear();
    return put->done(tl::unexpected(std::move(digest.error())));
  }
  put->payload.clear();
  put->file = file;
  put->digest = std::move(*digest);
  write_row(put);
}

void SqliteInbox::write_row(const std::shared_ptr<Put>& put) {
  writer_->submit([put](Database& database) { return put->store(database); },
                  [this, put](const Result<void>& result) { finish(*put, result); });
}

void SqliteInbox::finish(Put& put, const Result<void>& result) {
  waiting_octets_ -= put.waiting;
  if (!result) {
    // After a disk error it is unknown whether the row exists: keep the file; the next open()
    // decides.
    if (!put.file.empty() && result.error().fault != Fault::permanent) files_.remove(put.file);
    return put.done(tl::unexpected(result.error()));
  }
  remove_files(put.gone);
  const bool kept = !put.result.known && put.result.answer == InboxAnswer::taken;
  if (!kept && !put.file.empty()) files_.remove(put.file);
  // Done callbacks run on one thread, in the order of the rows.
  if (kept) sequence_.store(put.result.sequence, std::memory_order_release);
  put.result.aged_out += put.aged_before;
  put.done(put.result);
}

/// For linked files that remain, the same commit has set an expiry; they are removed then.
void SqliteInbox::remove_files(const std::vector<Files>& files) {
  for (const Files& one : files) {
    if (!one.payload.empty()) files_.remove(one.payload);
    if (!one.links.empty()) ::unlink((options_.linked_directory + "/" + one.links).c_str());
  }
}

template <class T>
Result<T> SqliteInbox::change(std::function<Result<T>(Database&)> write) {
  std::promise<Result<T>> answer;
  Result<T> value;
  writer_->submit(
      [&](Database& database) -> Result<void> {
        value = write(database);
        if (!value) return tl::unexpected(value.error());
        return {};
      },
      [&](const Result<void>& result) {
        if (!result) value = tl::unexpected(result.error());
        answer.set_value(std::move(value));
      });
  return answer.get_future().get();
}

template <class... Values>
Result<std::uint64_t> SqliteInbox::drop(std::string_view remove, const Values&... values) {
  std::uint64_t all = 0;
  while (true) {
    std::vector<Files> files;
    const Result<std::uint64_t> gone =
        change<std::uint64_t>([&](Database& database) -> Result<std::uint64_t> {
          std::uint64_t rows = 0;
          files.clear();
          const Result<void> done = database.each(
              remove,
              [&](const Row& row) {
                ++rows;
                files.push_back({row.text(0), row.text(1)});
              },
              values...);
          if (!done) return tl::unexpected(done.error());
          return rows;
        });
    if (!gone) return gone;
    remove_files(files);
    all += *gone;
    if (*gone < static_cast<std::uint64_t>(deleted_rows_a_commit)) return all;
  }
}

Result<bool> SqliteInbox::erase(std::string_view webhook, std::string_view id) {
  const Result<std::uint64_t> gone =
      drop("DELETE FROM inbox WHERE webhook_id = ? AND id = ? RETURNING file, links", webhook, id);
  if (!gone) return tl::unexpected(gone.error());
  return *gone != 0;
}

Result<bool> SqliteInbox::hand_over(std::string_view webhook, std::string_view id) {
  const auto unlinked = change<std::int64_t>([&](Database& database) {
    return database.execute("UPDATE inbox SET links = '' WHERE webhook_id = ? AND id = ?", webhook,
                            id);
  });
  if (!unlinked) return tl::unexpected(unlinked.error());
  return erase(webhook, id);
}

Result<std::uint64_t> SqliteInbox::clear(std::string_view webhook) {
  return drop(
      "DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox WHERE webhook_id = ? AND seq <= ? "
      "ORDER BY seq LIMIT 500) RETURNING file, links",
      webhook, sequence());
}

Result<Names> SqliteInbox::boxes() {
  return change<Names>([](Database& database) {
    return database.all("SELECT webhook_id FROM inbox_box WHERE messages > 0 AND webhook_id <> ''",
                        [](const Row& row) { return row.text(0); });
  });
}

Result<Names> SqliteInbox::used_boxes() {
  return change<Names>([](Database& database) {
    return database.all("SELECT webhook_id FROM inbox_box WHERE webhook_id <> ''",
                        [](const Row& row) { return row.text(0); });
  });
}

Result<std::uint64_t> SqliteInbox::last_given() {
  return change<std::uint64_t>([](Database& database) -> Result<std::uint64_t> {
    const auto last = database.number(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'inbox'), 0)");
    if (!last) return tl::unexpected(last.error());
    return static_cast<std::uint64_t>(*last);
  });
}

/// All inboxes share their numbers.
Result<void> SqliteInbox::go_on_after(std::span<const std::string>, std::uint64_t sequence) {
  const auto done = change<std::int64_t>([&](Database& database) -> Result<std::int64_t> {
    const auto number = static_cast<std::int64_t>(sequence);
    if (const auto begun = database.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'inbox', 0 WHERE NOT EXISTS (SELECT 1 "
            "FROM sqlite_sequence WHERE name = 'inbox')");
        !begun) {
      return tl::unexpected(begun.error());
    }
    const auto raised = database.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'inbox'", number);
    if (!raised) return tl::unexpected(raised.error());
    return 0;
  });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::uint64_t> SqliteInbox::purge(store::Time now, const LimitsOf& limits) {
  const Result<Names> all_boxes = boxes();
  if (!all_boxes) return tl::unexpected(all_boxes.error());
  std::uint64_t all = 0;
  for (const std::string& webhook : *all_boxes) {
    const auto known = limits(webhook);
    if (!known) {  // deleted during the delivery of mail, or its deletion was interrupted
      const std::array<std::string, 1> deleted{webhook};
      if (const Result<void> gone = forget(deleted); !gone) return tl::unexpected(gone.error());
      continue;
    }
    std::uint64_t gone = 0;
    do {
      std::vector<Files> files;
      const Result<std::uint64_t> aged = change<std::uint64_t>([&](Database& database) {
        files.clear();
        return age_out(database, webhook, kept_since(now, *known), files);
      });
      if (!aged) return aged;
      remove_files(files);
      gone = *aged;
      all += gone;
    } while (gone == static_cast<std::uint64_t>(deleted_rows_a_commit));
  }
  return all;
}

Result<void> SqliteInbox::forget(std::span<const std::string> webhooks) {
  for (const std::string& webhook : webhooks) {
    if (const auto gone = clear(webhook); !gone) return tl::unexpected(gone.error());
    const auto box = change<std::int64_t>([&](Database& database) {
      return database.execute("DELETE FROM inbox_box WHERE webhook_id = ?", webhook);
    });
    if (!box) return tl::unexpected(box.error());
  }
  return {};
}

}  // namespace postern::spool
