// What built-in inboxes keep, for those who read it: rows of delivery.db, and files beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "policy/inbox_limits.h"
#include "spool/body_files.h"
#include "spool/body_reader.h"
#include "store/database.h"
#include "store/records.h"

namespace postern::spool {

struct InboxMessage {
  std::uint64_t sequence = 0;  ///< grows over all inboxes; given by the store
  std::string id;              ///< msg_
  std::string webhook_id;
  std::string account;  ///< the tenant's, for put() alone; empty: nobody's, bound by no share
  store::Time received_at;
  std::string sender;
  std::string subject;             ///< its first 500 characters
  std::uint64_t payload_size = 0;  ///< octets of the JSON that a webhook would have been sent
  /// For put(): the file that its links lead to, when it is known. Without, it is looked up.
  std::string links = {};
};

/// One inbox, in numbers.
struct InboxState {
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::uint64_t aged_out = 0;             ///< messages dropped at the end of their retention, ever
  std::uint64_t refused = 0;              ///< messages refused for want of room, ever
  std::optional<store::Time> refused_at;  ///< the last of them
  bool turned_away = false;               ///< nothing was taken or deleted since

  bool full(const policy::InboxLimits& limits) const {
    return turned_away || messages >= limits.messages || octets >= limits.octets;
  }
};

/// Safe from any thread; all methods block on the disk.
class InboxReader {
 public:
  /// `database` is delivery.db, `directory` that of the payload files.
  static Result<std::unique_ptr<InboxReader>> open(const std::string& database,
                                                   const std::string& directory);

  /// Newest first. With `after`, only those with a greater sequence; `total` counts no more than
  /// 10,000 of them then.
  Result<store::Listed<InboxMessage>> list(std::string_view webhook, std::uint64_t after,
                                           const store::Page& page);
  Result<store::Slice<InboxMessage>> slice(std::string_view webhook, std::uint64_t after,
                                           const store::Keyset& keyset);
  Result<InboxState> state(std::string_view webhook);

  struct Found {
    InboxMessage message;
    BodyReader payload;  ///< in pieces: it may be larger than the memory that there is
  };
  Result<std::optional<Found>> message(std::string_view webhook, std::string_view id);

  struct Piece {
    std::string octets;  ///< empty at the end
    std::string digest;  ///< SHA-256 of the whole: who reads by pieces checks it
  };
  /// The octets of a payload from `offset` on, 1 MiB at most; nullopt: there is no such message.
  Result<std::optional<Piece>> piece(std::string_view webhook, std::string_view id,
                                     std::uint64_t offset);

 private:
  struct Stored;
  /// A message with its payload, which is a descriptor where it is a file.
  Result<std::optional<Stored>> find(std::string_view webhook, std::string_view id);
  InboxReader(std::unique_ptr<store::Database> database, const std::string& directory)
      : database_(std::move(database)), files_(directory) {}

  std::mutex mutex_;  ///< guards `database_`
  std::unique_ptr<store::Database> database_;
  BodyFiles files_;
};

}  // namespace postern::spool
