// The spool of one node: DIRECTORY/spool.db (SQLite, write-ahead log, synchronous=FULL, group
// commit), files of large bodies in DIRECTORY/bodies, and a lock, because the spool has one owner.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "spool/body_files.h"
#include "spool/group_commit.h"
#include "spool/spool.h"
#include "spool/workers.h"
#include "store/database.h"

namespace postern::spool {

/// Settings of a spool.
struct SqliteSpoolOptions {
  std::string directory;                     ///< must exist; holds the database and the files
  std::uint64_t file_threshold = 256 << 10;  ///< octets; larger bodies are files
  /// Free octets below which no message is accepted: deliveries need some space to record their
  /// results, which frees the rest.
  std::uint64_t min_free = 64 << 20;
  /// Messages in put() at a time.
  std::uint64_t max_waiting = 4096;
  /// Octets of the bodies that wait for their rows, in all.
  std::uint64_t max_waiting_octets = 128 << 20;
  unsigned file_threads = 2;  ///< threads that write files; at least 1 is used
};

/// The implementation of Spool. The functions of Spool are documented there.
class SqliteSpool final : public Spool {
 public:
  /// Takes the lock (Fault::conflict while another process holds it), updates the schema, ends the
  /// claims of the previous process, removes files without a message and marks messages with a
  /// missing file as damaged. Blocks. The time depends on the number of messages in files, not on
  /// the length of the queue.
  static Result<std::unique_ptr<SqliteSpool>> open(const SqliteSpoolOptions& options);
  /// As stop(); also releases the lock.
  ~SqliteSpool() override;

  /// Also checks the free space with statvfs(2).
  Result<void> ready(std::uint64_t octets) const override;
  void put(Envelope envelope, Body body, Done<MessageId> done) override;
  void put(std::vector<Mail> mails, Done<std::vector<MessageId>> done) override;
  Result<std::vector<Message>> list(const ListFilter& filter, const MessageId& before,
                                    std::size_t limit) override;
  Result<std::optional<Message>> get(const MessageId& id) override;
  Result<std::optional<Message>> get(Sequence sequence) override;
  Result<std::vector<Parcel>> parcels(Cursor& cursor, std::size_t limit) override;
  Result<std::vector<Parcel>> parcels_of(Sequence message) override;
  Result<std::vector<DestinationCount>> counts() override;
  Result<std::uint64_t> size() override;
  Result<BodyReader> body(const MessageId& id) override;
  void claim(std::vector<RecipientKey> keys, Time now, Time until,
             Done<std::vector<Claim>> done) override;
  void settle(std::vector<Settlement> settlements, Done<void> done) override;
  void notice(std::vector<RecipientKey> keys, Done<void> done) override;
  Result<std::uint64_t> purge_dead(Time before) override;
  void act(Action action, const MessageId& id, Time now, Done<void> done) override;
  void quarantine(const MessageId& id, std::string damage, Done<void> done) override;
  Result<Verification> verify() override;
  void stop_verifying() override;
  void stop() override;
  SpoolCounters counters() const override;

 private:
  struct Put;
  struct Batch;
  explicit SqliteSpool(const SqliteSpoolOptions& options);

  Result<void> lock();
  Result<void> recover(store::Database& database);
  Result<void> sweep(store::Database& database);
  Result<void> prepare(Put& put);
  void write_rows(const std::shared_ptr<Batch>& batch);
  void finish(Batch& batch, Result<void> result);
  void remove_files(const std::vector<MessageId>& ids);
  Result<void> verify_database(Verification& found);
  Result<void> verify_files(Verification& found);
  Result<std::vector<Parcel>> parcels_after(Sequence after, std::size_t limit);
  template <class Id>
  Result<std::optional<Message>> read(const char* sql, const Id& id);

  const SqliteSpoolOptions options_;
  BodyFiles files_;
  int lock_ = -1;
  Sequence inherited_ = 0;  ///< of the last message that an earlier process stored
  std::unique_ptr<store::Database> writing_;
  std::mutex mutex_;  ///< guards `reading_`
  std::unique_ptr<store::Database> reading_;
  std::mutex asking_mutex_;  ///< guards `asking_`
  /// For operators' queries, which may take long: deliveries do not wait for them.
  std::unique_ptr<store::Database> asking_;
  std::atomic<bool> no_verifying_{false};
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::uint64_t> waiting_octets_{0};
  std::atomic<std::uint64_t> orphans_{0};
  std::atomic<std::uint64_t> damaged_{0};
  std::unique_ptr<GroupCommit> writer_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace postern::spool
