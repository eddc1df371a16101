// The inboxes of one gateway. Small payloads are rows of delivery.db and large ones files, so that
// neither memory nor the write-ahead log grows with the size of a message.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "spool/body_files.h"
#include "spool/group_commit.h"
#include "spool/inbox.h"
#include "spool/workers.h"

namespace postern::spool {

/// The methods are documented at Inbox.
class SqliteInbox final : public Inbox {
 public:
  /// See Inbox::open().
  static Result<std::unique_ptr<SqliteInbox>> open(const InboxOptions& options);
  ~SqliteInbox() override { halt(); }

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
  std::uint64_t sequence() const override { return sequence_.load(std::memory_order_acquire); }
  std::optional<Error> trouble() const override { return writer_->trouble(); }

  /// The webhooks that have messages. Blocks.
  Result<std::vector<std::string>> boxes();
  /// Those that have had any. Blocks.
  Result<std::vector<std::string>> used_boxes();
  /// Deletes a message as erase() does, but for what is behind its links.
  Result<bool> hand_over(std::string_view webhook, std::string_view id);

 private:
  struct Put;
  explicit SqliteInbox(const InboxOptions& options);

  struct Files {
    std::string payload;
    std::string links;
  };
  void halt();
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
