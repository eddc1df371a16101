// The built-in receiver for webhooks whose target is "inbox". A message for which put() answered
// `taken` is on stable storage and stays until it is deleted or exceeds the retention of its
// webhook; a full inbox refuses messages. Small payloads are rows of delivery.db and large ones
// files, so that neither memory nor the write-ahead log grows with the size of a message.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spool/body.h"
#include "spool/group_commit.h"
#include "spool/inbox_reader.h"
#include "spool/workers.h"

namespace postern::spool {

/// Settings of the inboxes.
struct InboxOptions {
  std::string database;          ///< path of delivery.db
  std::string directory;         ///< for the payload files; its parent must exist
  std::string linked_directory;  ///< of the files that InboxMessage::links names
  /// Octets of all inboxes together. An account may use no more of it than remains free.
  std::uint64_t max_octets = std::uint64_t{10} << 30;
  std::uint64_t file_threshold = std::uint64_t{64} << 10;  ///< larger payloads are files
  /// Octets of payloads in memory until their rows are written; limits the growth of the
  /// write-ahead log in one commit.
  std::uint64_t max_waiting_octets = std::uint64_t{64} << 20;
  unsigned file_threads = 2;  ///< threads that write files; at least 1 is used
};

/// The answer to a message.
enum class InboxAnswer {
  taken,      ///< it is on stable storage
  full,       ///< this inbox is full until messages are deleted or age out
  too_large,  ///< it does not even fit into an empty inbox
  storage,    ///< all inboxes together are full, or the account has used its share
};

/// The result of put().
struct InboxPut {
  InboxAnswer answer = InboxAnswer::taken;  ///< whether it was stored
  std::uint64_t sequence = 0;               ///< of the stored message
  std::uint64_t aged_out = 0;               ///< messages that were removed to make room
  bool known = false;                       ///< it was stored before; the new copy was not kept
};

/// All inboxes of one database. Thread-safe.
class Inbox {
 public:
  /// Receives the result of put().
  using Done = std::function<void(Result<InboxPut>)>;

  /// Opens the database, removes files without a message, and moves large payloads from rows of an
  /// older version to files. Blocks. Only one Inbox may use a database at a time.
  static Result<std::unique_ptr<Inbox>> open(const InboxOptions& options);
  /// As stop().
  ~Inbox() { stop(); }
  /// Waits until what was put is on stable storage or refused, and ends the threads. Later messages
  /// are refused with Fault::temporary. May be called again.
  void stop();

  /// Stores a message, once for each webhook and id. The octets of linked files count like those of
  /// the payload. `done` is called once, on a thread of the inbox or on the caller's; it must not
  /// block. Faults: `disk_full`, `temporary` too much is waiting, `permanent` a disk error.
  void put(InboxMessage message, Body payload, const policy::InboxLimits& limits, store::Time now,
           Done done);

  /// Deletes a message and blocks until it is done. False when it does not exist.
  Result<bool> erase(std::string_view webhook, std::string_view id);
  /// Deletes the messages that exist now, blocks until it is done, and returns their number.
  Result<std::uint64_t> clear(std::string_view webhook);
  /// Deletes messages beyond the retention of their webhook; blocks, and returns their number.
  /// `limits` returns nullopt for a deleted webhook; all its messages are deleted and not counted.
  Result<std::uint64_t> purge(
      store::Time now,
      const std::function<std::optional<policy::InboxLimits>(const std::string&)>& limits);
  /// Deletes all messages and counters of these webhooks. Blocks.
  Result<void> forget(std::span<const std::string> webhooks);

  /// For reading; valid as long as the Inbox.
  InboxReader& reader() { return *reader_; }
  /// The highest sequence of all inboxes. Long polls compare this number, without disk access, and
  /// read when it has grown.
  std::uint64_t sequence() const { return sequence_.load(std::memory_order_acquire); }
  /// Why no message is accepted until a restart; nullopt: messages are accepted.
  std::optional<Error> trouble() const { return writer_->trouble(); }

 private:
  struct Put;
  explicit Inbox(const InboxOptions& options);

  struct Files {
    std::string payload;
    std::string links;
  };
  void remove_files(const std::vector<Files>& files);
  Result<void> recover();
  Result<void> move_to_file(std::int64_t seq);
  void write_file(const std::shared_ptr<Put>& put);
  void write_row(const std::shared_ptr<Put>& put);
  void finish(Put& put, const Result<void>& result);
  /// Runs the DELETE statement `remove`, which deletes some hundred rows, until none is left.
  /// Returns the number of rows and removes their files.
  template <class... Values>
  Result<std::uint64_t> drop(std::string_view remove, const Values&... values);
  template <class T>
  Result<T> change(std::function<Result<T>(store::Database&)> write);

  const InboxOptions options_;
  BodyFiles files_;
  std::unique_ptr<InboxReader> reader_;
  std::unique_ptr<store::Database> writing_;
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint64_t> waiting_octets_{0};
  std::unique_ptr<GroupCommit> writer_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace postern::spool
