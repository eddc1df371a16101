// The inboxes of a cluster: every gateway puts into them, shows them and deletes from them, and
// what is in them outlives the gateway that took it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "cluster/database.h"
#include "spool/inbox.h"
#include "spool/pgsql_conversations.h"

namespace postern::spool {

class PgsqlReader;
class SqliteInbox;

/// Settings of the inboxes of a cluster.
struct PgsqlInboxOptions {
  /// Octets of all inboxes together. An account may use no more of it than remains free.
  std::uint64_t max_octets = std::uint64_t{10} << 30;
  std::uint64_t row_threshold = 256 << 10;      ///< octets; larger payloads are split over rows
  std::uint64_t max_waiting_octets = 64 << 20;  ///< of payloads in put(), in all
  /// How long a message waits for its commit.
  std::chrono::milliseconds publish_wait{60'000};
  /// How long a deletion does.
  std::chrono::milliseconds patience{5'000};
};

/// The methods are documented at Inbox. The octets of all inboxes are asked for every ten seconds:
/// `max_octets` may be exceeded by what other gateways put in that time.
class PgsqlInbox final : public Inbox {
 public:
  /// `database` is borrowed, and has the tables of pgsql_inbox_schema() and of the store.
  explicit PgsqlInbox(cluster::Database& database, PgsqlInboxOptions options = {});
  ~PgsqlInbox() override { halt(); }

  void stop() override { halt(); }
  void put(InboxMessage message, Body payload, const policy::InboxLimits& limits, store::Time now,
           Done done) override;
  Result<bool> erase(std::string_view webhook, std::string_view id) override;
  Result<std::uint64_t> clear(std::string_view webhook) override;
  Result<std::uint64_t> purge(store::Time now, const LimitsOf& limits) override;
  Result<void> forget(std::span<const std::string> webhooks) override;
  Result<std::uint64_t> last_given() override;
  Result<void> go_on_after(std::span<const std::string> webhooks, std::uint64_t sequence) override;
  InboxReader& reader() override { return *reader_; }
  std::uint64_t sequence() const override;
  std::optional<Error> trouble() const override { return std::nullopt; }

 private:
  struct Put;
  using Ask = PgsqlConversations::Ask;
  using Failed = tl::expected<void, net::PgsqlFailure>;

  void halt();
  Failed store(Put& put, const Ask& ask);
  Failed find_room(Put& put, const Ask& ask);
  tl::expected<InboxAnswer, net::PgsqlFailure> room(Put& put, const Ask& ask);
  Result<std::uint64_t> drop(std::string_view webhook, const char* sql, std::string_view which,
                             store::Time before);

  cluster::Database& database_;
  const PgsqlInboxOptions options_;
  std::shared_ptr<PgsqlReader> asking_;
  std::unique_ptr<InboxReader> reader_;
  std::atomic<std::uint64_t> stored_{0};  ///< messages that this gateway has put
  std::atomic<std::uint64_t> waiting_octets_{0};
  std::mutex mutex_;  ///< guards what follows
  std::uint64_t all_octets_ = 0;
  cluster::Clock::time_point all_octets_at_{};
  std::unique_ptr<PgsqlConversations> puts_;
  std::unique_ptr<PgsqlConversations> changes_;
};

/// Moves the messages of a gateway's own inboxes into those of its cluster; those of deleted
/// webhooks stay. Their numbers and links stay as they are. May be stopped and begun again. Blocks;
/// returns the number of messages.
Result<std::uint64_t> move_inboxes(SqliteInbox& from, Inbox& to, const Inbox::LimitsOf& limits,
                                   const std::string& temporary_directory);

}  // namespace postern::spool
