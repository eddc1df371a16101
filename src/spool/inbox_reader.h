// Reads the built-in inboxes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/inbox_limits.h"
#include "spool/body_reader.h"
#include "store/records.h"

namespace postern::spool {

/// Octets of a payload that are read at a time.
inline constexpr std::uint64_t most_of_a_piece = 1 << 20;
/// Limit of the count of messages above a sequence.
inline constexpr std::uint64_t most_counted = 10'000;

/// Messages that were received before are at the end of their retention.
inline store::Time kept_since(store::Time now, const policy::InboxLimits& limits) {
  return now - std::chrono::days(limits.keep_days);
}

/// A message in an inbox.
struct InboxMessage {
  std::uint64_t sequence = 0;  ///< assigned by the store; increases over all inboxes
  std::string id;              ///< msg_...
  std::string webhook_id;      ///< the webhook whose inbox it is in
  std::string account;         ///< the tenant, for put() only; empty: none, and no share applies
  store::Time received_at;     ///< when it was accepted
  std::string sender;          ///< the reverse-path
  std::string subject;         ///< at most 500 characters when read
  std::uint64_t payload_size = 0;  ///< octets of the JSON payload
  /// For put(): the name of the file that its links refer to; empty: it is looked up.
  std::string links = {};
};

/// The counters of one inbox.
struct InboxState {
  std::uint64_t messages = 0;             ///< messages in it
  std::uint64_t octets = 0;               ///< octets of their payloads and linked files
  std::uint64_t aged_out = 0;             ///< messages ever removed at the end of their retention
  std::uint64_t refused = 0;              ///< messages ever refused for lack of room
  std::optional<store::Time> refused_at;  ///< time of the last refusal
  bool turned_away = false;               ///< no message was stored or deleted since a refusal

  /// Whether the inbox is full.
  bool full(const policy::InboxLimits& limits) const {
    return turned_away || messages >= limits.messages || octets >= limits.octets;
  }
};

/// Thread-safe; all functions block on the disk, or on the database of the cluster.
class InboxReader {
 public:
  /// Of one gateway. `database`: path of delivery.db. `directory`: of the payload files.
  static Result<std::unique_ptr<InboxReader>> open(const std::string& database,
                                                   const std::string& directory);
  virtual ~InboxReader() = default;

  /// A page of messages, newest first. With `after`, only those with a higher sequence; `total`
  /// counts at most 10,000 then.
  virtual Result<store::Listed<InboxMessage>> list(std::string_view webhook, std::uint64_t after,
                                                   const store::Page& page) = 0;
  /// The same with keyset paging.
  virtual Result<store::Slice<InboxMessage>> slice(std::string_view webhook, std::uint64_t after,
                                                   const store::Keyset& keyset) = 0;
  /// The counters of an inbox; all 0 when it has never had a message.
  virtual Result<InboxState> state(std::string_view webhook) = 0;

  /// A message with its payload.
  struct Found {
    InboxMessage message;  ///< the message
    BodyReader payload;    ///< read in pieces, because it may not fit into memory
  };
  /// A message with its payload; nullopt: it does not exist.
  virtual Result<std::optional<Found>> message(std::string_view webhook, std::string_view id) = 0;

  /// A part of a payload.
  struct Piece {
    std::string octets;  ///< empty at the end
    std::string digest;  ///< SHA-256 of the whole payload, for the caller to check
  };
  /// The octets of a payload from `offset` on, at most 1 MiB; nullopt: the message does not exist.
  virtual Result<std::optional<Piece>> piece(std::string_view webhook, std::string_view id,
                                             std::uint64_t offset) = 0;
};

}  // namespace postern::spool
