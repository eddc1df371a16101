#include "spool/sqlite_spool.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file_io.h"
#include "base/io_error.h"
#include "base/sha256.h"
#include "base/ulid.h"
#include "spool/spool_schema.h"

namespace postern::spool {

using store::Database;

/// Bodies fill many small pages, each with its own header and two writes. Measured: larger pages
/// raise the throughput of 100 KB bodies by half, and cost little with 4 KB.
constexpr unsigned page_size = 16384;

/// A message during put(). Together with others it may hold up to max_waiting_octets.
struct SqliteSpool::Put {
  MessageId id;
  Envelope envelope;
  Body body;
  std::uint64_t size = 0;
  std::uint64_t octets = 0;  ///< octets of a body that goes into its row
  bool in_file = false;
  bool file_written = false;
  std::string digest;
};

/// The messages that are stored in one commit.
struct SqliteSpool::Batch {
  std::vector<Put> puts;
  Done<std::vector<MessageId>> done;
};

SqliteSpool::SqliteSpool(const SqliteSpoolOptions& options)
    : options_(options), files_(options.directory + "/bodies") {}

SqliteSpool::~SqliteSpool() {
  stop();
  writer_.reset();
  if (lock_ >= 0) ::close(lock_);
}

void SqliteSpool::stop() {
  // First the file workers, which submit rows at their end; then the writer, which removes the last
  // files itself.
  if (workers_) workers_->stop();
  if (writer_) writer_->stop();
}

void SqliteSpool::stop_verifying() {
  no_verifying_ = true;
  asking_->interrupt();
}

Result<std::unique_ptr<SqliteSpool>> SqliteSpool::open(const SqliteSpoolOptions& options) {
  std::unique_ptr<SqliteSpool> spool(new SqliteSpool(options));
  if (const Result<void> locked = spool->lock(); !locked) return tl::unexpected(locked.error());
  if (const Result<void> made = spool->files_.prepare(); !made) {
    return tl::unexpected(made.error());
  }
  const std::string path = options.directory + "/spool.db";
  auto writing =
      Database::open(path, spool_schema(), {.sync = store::Sync::full, .page_size = page_size});
  if (!writing) return tl::unexpected(writing.error());
  spool->writing_ = std::move(*writing);
  if (const Result<void> done = spool->recover(*spool->writing_); !done) {
    return tl::unexpected(done.error());
  }
  auto reading = Database::open(path, spool_schema(), {.quick_check_limit = 0});
  if (!reading) return tl::unexpected(reading.error());
  spool->reading_ = std::move(*reading);
  auto asking = Database::open(path, spool_schema(), {.quick_check_limit = 0});
  if (!asking) return tl::unexpected(asking.error());
  spool->asking_ = std::move(*asking);
  if (const Result<void> flushed = flush_directory(options.directory); !flushed) {
    return tl::unexpected(flushed.error());
  }
  spool->writer_ = std::make_unique<GroupCommit>(*spool->writing_, "spool-write");
  spool->workers_ = std::make_unique<Workers>(std::max(1u, options.file_threads), "spool-file");
  return spool;
}

Result<void> SqliteSpool::lock() {
  const std::string path = options_.directory + "/lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) return io_error(fmt::format("opening {}", path));
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return io_error(fmt::format("locking {}", path));
  return fail(Fault::conflict,
              fmt::format("the spool {} belongs to another process", options_.directory));
}

Result<void> SqliteSpool::recover(Database& database) {
  // Bodies need not be overwritten when deleted. With longer intervals between checkpoints, in
  // pages, pages that change often (indexes) are written less often.
  for (const char* pragma : {"PRAGMA secure_delete=FAST", "PRAGMA wal_autocheckpoint=2000"}) {
    if (const auto set = database.execute(pragma); !set) return tl::unexpected(set.error());
  }
  const auto ended = database.execute(
      "UPDATE recipient INDEXED BY recipient_claimed SET claimed = 0 WHERE claimed = 1");
  if (!ended) return tl::unexpected(ended.error());
  const auto last = database.number("SELECT max(seq) FROM message");
  if (!last) return tl::unexpected(last.error());
  inherited_ = *last;
  return sweep(database);
}

/// With the lock held and without a writer, every file without a row is left over.
Result<void> SqliteSpool::sweep(Database& database) {
  std::vector<MessageId> orphans;
  Result<void> read;
  const Result<void> seen = files_.each([&](const std::string& id) {
    const auto known =
        database.number("SELECT count(*) FROM message WHERE id = ? AND in_file = 1", id);
    if (!known) read = tl::unexpected(known.error());
    if (known && *known == 0) orphans.push_back(id);
  });
  if (!seen) return seen;
  if (!read) return read;
  remove_files(orphans);
  orphans_ = orphans.size();

  std::vector<MessageId> missing;
  const Result<void> checked = database.each(
      "SELECT id, size FROM message INDEXED BY message_in_file WHERE in_file = 1 AND damage = ''",
      [&](const store::Row& row) {
        const Result<int> fd = files_.open(row.text(0), static_cast<std::uint64_t>(row.integer(1)));
        if (fd) ::close(*fd);
        // A file that cannot be opened now is not damage.
        if (!fd && fd.error().fault == Fault::damaged) missing.push_back(row.text(0));
      });
  if (!checked) return checked;
  for (const MessageId& id : missing) {
    const auto marked = database.execute(
        "UPDATE message SET damage = 'its file is missing or has another size' WHERE id = ?", id);
    if (!marked) return tl::unexpected(marked.error());
    const auto stopped = database.execute(
        "UPDATE recipient SET state = 5, claimed = 0 WHERE state IN (0, 3, 4) AND message = "
        "(SELECT seq FROM message WHERE id = ?)",
        id);
    if (!stopped) return tl::unexpected(stopped.error());
  }
  damaged_ = missing.size();
  return {};
}

SpoolCounters SqliteSpool::counters() const {
  return {.commits = writer_->commits(), .orphans = orphans_.load(), .damaged = damaged_.load()};
}

Result<void> SqliteSpool::ready(std::uint64_t octets) const {
  if (std::optional<Error> trouble = writer_->trouble()) return tl::unexpected(std::move(*trouble));
  struct statvfs disk{};
  if (::statvfs(options_.directory.c_str(), &disk) != 0) return io_error("asking for free space");
  const std::uint64_t room = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  const bool inodes = disk.f_files == 0 || disk.f_favail >= 16;  // some file systems count none
  if (room < options_.min_free || room - options_.min_free < octets || !inodes) {
    return fail(Fault::disk_full, fmt::format("the disk of the spool {} is almost full: {} octets "
                                              "and {} files are left",
                                              options_.directory, room, disk.f_favail));
  }
  if (waiting_ >= options_.max_waiting || waiting_octets_ > options_.max_waiting_octets) {
    return fail(Fault::temporary, "too many messages wait for the spool's disk");
  }
  return {};
}

void SqliteSpool::put(Envelope envelope, Body body, Done<MessageId> done) {
  std::vector<Mail> one;
  one.push_back({.envelope = std::move(envelope), .body = std::move(body)});
  put(std::move(one), [done = std::move(done)](Result<std::vector<MessageId>> ids) {
    ids ? done(std::move(ids->front())) : done(tl::unexpected(std::move(ids.error())));
  });
}

void SqliteSpool::put(std::vector<Mail> mails, Done<std::vector<MessageId>> done) {
  std::uint64_t octets = 0;
  for (const Mail& mail : mails) {
    if (!may_be_put(mail.envelope)) return done(fail(Fault::malformed, std::string(unfit)));
    octets += mail.body.size();
  }
  if (Result<void> able = ready(octets); !able) return done(tl::unexpected(able.error()));

  const auto batch = std::make_shared<Batch>();
  batch->done = std::move(done);
  bool in_files = false;
  for (Mail& mail : mails) {
    const bool in_file = mail.body.size() > options_.file_threshold;
    in_files = in_files || in_file;
    Put& put =
        batch->puts.emplace_back(Put{.id = mail.envelope.id.empty() ? new_ulid() : mail.envelope.id,
                                     .envelope = std::move(mail.envelope),
                                     .body = std::move(mail.body),
                                     .in_file = in_file,
                                     .digest = {}});
    put.size = put.body.size();
    put.octets = in_file ? 0 : put.size;
    waiting_ += 1;
    waiting_octets_ += put.octets;
  }
  const auto store = [this, batch] {
    for (Put& put : batch->puts) {
      const Result<void> stored = prepare(put);
      if (stored) continue;
      if (stored.error().fault == Fault::permanent) writer_->distrust(stored.error());
      return finish(*batch, stored);
    }
    write_rows(batch);
  };
  in_files ? workers_->post(store) : store();
}

/// Computes the digest, and writes the file of a large body.
Result<void> SqliteSpool::prepare(Put& put) {
  if (!put.in_file) {
    const Result<std::string_view> bytes = put.body.view();
    if (!bytes) return tl::unexpected(bytes.error());
    put.digest = sha256(*bytes);
    return {};
  }
  Result<std::string> digest = files_.write(put.id, put.body);
  if (!digest) return tl::unexpected(digest.error());
  put.digest = std::move(*digest);
  put.file_written = true;
  put.body.clear();
  return {};
}

namespace {

Result<void> insert(Database& database, const MessageId& id, const Envelope& envelope,
                    std::uint64_t size, bool in_file, const std::string& digest,
                    std::string_view bytes) {
  const auto seq = database.one(
      "INSERT INTO message (id, received_at, reverse_path, header_8bit, body_8bit, smtputf8, "
      "require_tls, ret, "
      "envid, size, in_file, digest, damage, trace_id, account, authn_id, evidence) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,'',?,?,?,?) RETURNING seq",
      [](const store::Row& row) { return row.integer(0); }, id, envelope.received,
      envelope.reverse_path, envelope.header_8bit, envelope.body_8bit, envelope.smtputf8,
      envelope.require_tls, envelope.ret, envelope.envid, size, in_file, store::Blob{digest},
      envelope.trace_id, envelope.account, envelope.authn_id, envelope.evidence);
  if (!seq) return tl::unexpected(seq.error());
  if (!in_file) {
    const auto kept = database.execute("INSERT INTO body (message, bytes) VALUES (?,?)", **seq,
                                       store::Blob{bytes});
    if (!kept) return tl::unexpected(kept.error());
  }
  std::int64_t index = 0;
  for (const Recipient& to : envelope.recipients) {
    // Due at once: the times in the envelope come from the caller's clock.
    const auto added = database.execute(
        "INSERT INTO recipient (message, idx, address, kind, destination, state, claimed, "
        "attempts, "
        "next_at, held_at, held_ms, noticed, quarantine, last_reply, notify, orcpt) "
        "VALUES (?,?,?,?,?,?,0,0,?,?,0,0,?,?,?,?)",
        **seq, index++, to.address, static_cast<int>(to.destination.kind), to.destination.key,
        static_cast<int>(to.state), std::max(to.next_attempt, envelope.received), envelope.received,
        to.quarantine, to.last_reply, to.notify, to.orcpt);
    if (!added) return tl::unexpected(added.error());
  }
  return {};
}

}  // namespace

void SqliteSpool::write_rows(const std::shared_ptr<Batch>& batch) {
  writer_->submit(
      [batch](Database& database) -> Result<void> {
        // Read all bodies before the first row: a failure here would keep the rows written before
        // it, while an error of the database ends the transaction.
        std::vector<std::string_view> bodies;
        for (Put& put : batch->puts) {
          Result<std::string_view> bytes = std::string_view();
          if (!put.in_file) bytes = put.body.view();
          if (!bytes) return tl::unexpected(bytes.error());
          bodies.push_back(*bytes);
        }
        for (std::size_t i = 0; i < bodies.size(); ++i) {
          const Put& put = batch->puts[i];
          Result<void> written =
              insert(database, put.id, put.envelope, put.size, put.in_file, put.digest, bodies[i]);
          if (!written) return written;
        }
        return {};
      },
      [this, batch](const Result<void>& result) { finish(*batch, result); });
}

void SqliteSpool::finish(Batch& batch, Result<void> result) {
  std::vector<MessageId> written;
  std::vector<MessageId> ids;
  for (Put& put : batch.puts) {
    waiting_ -= 1;
    waiting_octets_ -= put.octets;
    if (put.file_written) written.push_back(put.id);
    ids.push_back(std::move(put.id));
  }
  if (result) return batch.done(std::move(ids));
  // After a disk error it is unknown whether the row exists: keep the file; the next open()
  // decides. If the disk was full, SQLite has rolled back, and the file would only take space.
  if (result.error().fault != Fault::permanent) remove_files(written);
  batch.done(tl::unexpected(std::move(result.error())));
}

void SqliteSpool::remove_files(const std::vector<MessageId>& ids) {
  for (const MessageId& id : ids) files_.remove(id);  // what stays, the next open() removes
}

}  // namespace postern::spool
