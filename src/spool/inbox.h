// The built-in receiver of webhooks whose target is "inbox". What put() has answered `taken` is on
// stable storage and stays until it is deleted or older than its webhook keeps it: an inbox that is
// full refuses. Small payloads are rows of delivery.db, large ones files beside it, so that neither
// memory nor the write-ahead log grows with a message.
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

struct InboxOptions {
  std::string database;          ///< delivery.db
  std::string directory;         ///< of the payload files; its parent must exist
  std::string linked_directory;  ///< of the files that InboxMessage::links names
  std::uint64_t max_octets = std::uint64_t{10} << 30;      ///< of all inboxes; an account fills
                                                           ///< no more of it than it leaves free
  std::uint64_t file_threshold = std::uint64_t{64} << 10;  ///< larger payloads are files
  /// Of payloads that wait for their rows: what one commit may add to the write-ahead log.
  std::uint64_t max_waiting_octets = std::uint64_t{64} << 20;
  unsigned file_threads = 2;
};

enum class InboxAnswer {
  taken,
  full,       ///< this inbox is, until something is deleted or ages out
  too_large,  ///< for this inbox, even an empty one
  storage,    ///< all inboxes together have what they may, or the account has its share of that
};

struct InboxPut {
  InboxAnswer answer = InboxAnswer::taken;
  std::uint64_t sequence = 0;  ///< of a message that was taken
  std::uint64_t aged_out = 0;  ///< messages that went to make room
  bool known = false;          ///< it was there already: what came now was not kept
};

/// Safe from any thread.
class Inbox {
 public:
  using Done = std::function<void(Result<InboxPut>)>;

  /// Removes files without a message and makes files of large payloads that an older version kept
  /// in rows. There is one Inbox for a database at a time.
  static Result<std::unique_ptr<Inbox>> open(const InboxOptions& options);
  ~Inbox() { stop(); }
  /// Ends the threads when what was put is on stable storage or refused; then nothing is taken.
  void stop();

  /// Keeps a message and what it links to, whose octets count with the payload's, once for each
  /// webhook and id. `done` is called on a thread of the inbox's and
  /// must not wait. Faults: `temporary` no room on the disk, `permanent` disk error.
  void put(InboxMessage message, Body payload, const policy::InboxLimits& limits, store::Time now,
           Done done);

  // The following block until it is done.
  Result<bool> erase(std::string_view webhook, std::string_view id);
  /// All messages that there are now; returns their number.
  Result<std::uint64_t> clear(std::string_view webhook);
  /// Drops what is older than its webhook keeps it; returns the number of messages. `limits` knows
  /// no webhook that is deleted: all of such a one goes, uncounted.
  Result<std::uint64_t> purge(
      store::Time now,
      const std::function<std::optional<policy::InboxLimits>(const std::string&)>& limits);
  Result<void> forget(std::span<const std::string> webhooks);

  InboxReader& reader() { return *reader_; }
  /// The newest sequence over all inboxes. A long poll watches this number, which costs no disk
  /// access, and reads when it has grown.
  std::uint64_t sequence() const { return sequence_.load(std::memory_order_acquire); }
  /// Why nothing is taken any more before a restart.
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
  /// Deletes rows that `select` names by their seq, some hundred at a time, until none is left.
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
