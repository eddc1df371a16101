// The spool of one node: DIRECTORY/spool.db (SQLite, write-ahead log, synchronous=FULL, group
// commit), large bodies as files below DIRECTORY/bodies, and a lock, for it has one owner.
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

struct SqliteSpoolOptions {
  std::string directory;                     ///< must exist; bodies of files must fit there
  std::uint64_t file_threshold = 256 << 10;  ///< larger bodies are files, in octets
  /// Below so many free octets nothing is taken: deliveries need some to write down what became of
  /// them, and so free the rest.
  std::uint64_t min_free = 64 << 20;
  /// Messages in put() at a time, and octets of those whose bodies go into rows.
  std::uint64_t max_waiting = 4096;
  std::uint64_t max_waiting_octets = 128 << 20;
  unsigned file_threads = 2;
};

struct SpoolCounters {
  std::uint64_t commits = 0;      ///< of the database, a flush each
  std::uint64_t orphans = 0;      ///< files without a message, removed when it was opened
  std::uint64_t damaged = 0;      ///< messages whose file was missing when it was opened
  std::uint64_t not_removed = 0;  ///< files of deleted messages that could not be removed yet
};

class SqliteSpool final : public Spool {
 public:
  /// Takes the lock (Fault::conflict while another process has it), brings the schema up to date,
  /// ends the claims of the process before, removes files without a message and marks messages
  /// without their file as damaged. Reads no other message: the time does not depend on how many
  /// wait, only on how many have files.
  static Result<std::unique_ptr<SqliteSpool>> open(const SqliteSpoolOptions& options);
  ~SqliteSpool() override;

  /// A verification that runs ends with Fault::temporary, and so does every later one.
  void stop_verifying();
  /// Waits for what was put or settled; everything after it is refused with Fault::temporary.
  /// Reading goes on. May be called again.
  void stop();

  Result<void> ready(std::uint64_t octets) const override;
  void put(Envelope envelope, Body body, Done<MessageId> done) override;
  void put(std::vector<Mail> mails, Done<std::vector<MessageId>> done) override;
  Result<std::vector<Message>> list(const ListFilter& filter, const MessageId& before,
                                    std::size_t limit) override;
  Result<std::optional<Message>> get(const MessageId& id) override;
  Result<std::optional<Message>> get(Sequence sequence) override;
  Sequence inherited() const override { return inherited_; }
  Result<std::vector<Parcel>> parcels(Sequence after, std::size_t limit) override;
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

  SpoolCounters counters() const;

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
  void verify_message(const Message& message, Verification& found);
  Result<void> verify_database(Verification& found);
  Result<void> verify_files(Verification& found);
  template <class Id>
  Result<std::optional<Message>> read(const char* sql, const Id& id);

  const SqliteSpoolOptions options_;
  BodyFiles files_;
  int lock_ = -1;
  Sequence inherited_ = 0;
  std::unique_ptr<store::Database> writing_;
  std::mutex mutex_;  ///< guards `reading_`
  std::unique_ptr<store::Database> reading_;
  std::mutex asking_mutex_;  ///< guards `asking_`
  /// For people's questions, which may take long: deliveries do not wait for their answers.
  std::unique_ptr<store::Database> asking_;
  std::atomic<bool> no_verifying_{false};
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::uint64_t> waiting_octets_{0};
  std::atomic<std::uint64_t> orphans_{0};
  std::atomic<std::uint64_t> damaged_{0};
  std::atomic<std::uint64_t> not_removed_{0};
  std::unique_ptr<GroupCommit> writer_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace postern::spool
