// The built-in receiver for webhooks whose target is "inbox". A message for which put() answered
// `taken` is on stable storage and stays until it is deleted or exceeds the retention of its
// webhook; a full inbox refuses messages.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "spool/body.h"
#include "spool/inbox_reader.h"

namespace postern::spool {

/// Settings of the inboxes of one gateway.
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

  /// The files of a data directory.
  static InboxOptions of(const std::string& data_dir) {
    return {.database = data_dir + "/delivery.db",
            .directory = data_dir + "/inbox",
            .linked_directory = data_dir + "/attachments"};
  }
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

/// All inboxes: of one gateway, or of a cluster. Thread-safe.
class Inbox {
 public:
  /// Receives the result of put().
  using Done = std::function<void(Result<InboxPut>)>;

  /// Those of one gateway: opens the database, removes files without a message, and moves large
  /// payloads from rows of an older version to files. Blocks. Only one Inbox may use a database at
  /// a time.
  static Result<std::unique_ptr<Inbox>> open(const InboxOptions& options);
  /// As stop().
  virtual ~Inbox() = default;
  /// Waits until what was put is on stable storage or refused, and ends the threads. Later messages
  /// are refused with Fault::temporary. May be called again.
  virtual void stop() = 0;

  /// Stores a message, once for each webhook and id. The octets of linked files count like those of
  /// the payload. `done` is called once, on a thread of the inbox or on the caller's; it must not
  /// block. Faults: `disk_full`, `temporary` too much is waiting, `permanent` a disk error,
  /// `unreachable` the database of the cluster is away.
  virtual void put(InboxMessage message, Body payload, const policy::InboxLimits& limits,
                   store::Time now, Done done) = 0;

  /// Deletes a message and blocks until it is done. False when it does not exist.
  virtual Result<bool> erase(std::string_view webhook, std::string_view id) = 0;
  /// Deletes the messages that exist now, blocks until it is done, and returns their number.
  virtual Result<std::uint64_t> clear(std::string_view webhook) = 0;
  /// The limits of a webhook's inbox; nullopt: it was deleted.
  using LimitsOf = std::function<std::optional<policy::InboxLimits>(const std::string& webhook)>;
  /// Deletes messages beyond the retention of their webhook; blocks, and returns their number. All
  /// messages of deleted webhooks are deleted and not counted.
  virtual Result<std::uint64_t> purge(store::Time now, const LimitsOf& limits) = 0;
  /// Deletes all messages and counters of these webhooks. Blocks.
  virtual Result<void> forget(std::span<const std::string> webhooks) = 0;

  /// The highest number that a message was ever given, also one that is gone. Blocks.
  virtual Result<std::uint64_t> last_given() = 0;
  /// The next message of these webhooks gets a number above `sequence`: readers that ask for what
  /// is after their last one miss none when inboxes move. Blocks.
  virtual Result<void> go_on_after(std::span<const std::string> webhooks,
                                   std::uint64_t sequence) = 0;

  /// For reading; valid as long as the Inbox.
  virtual InboxReader& reader() = 0;
  /// A number that grows when there is a message more. Long polls compare it, without disk access,
  /// and read when it has grown. With one gateway it is the highest sequence of all inboxes; in a
  /// cluster it also grows each half second, when others may have put something.
  virtual std::uint64_t sequence() const = 0;
  /// Why no message is accepted until a restart; nullopt: messages are accepted.
  virtual std::optional<Error> trouble() const = 0;
};

}  // namespace postern::spool
