// The spool of a cluster: PostgreSQL with synchronous replication. Every node puts into its own
// parts and schedules them; what keeps two nodes from delivering the same message is the claim.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "cluster/node.h"
#include "net/pgsql_session.h"
#include "spool/pgsql_writer.h"
#include "spool/spool.h"

namespace postern::spool {

class PgsqlReader;

/// Settings of the spool of a cluster.
struct PgsqlSpoolOptions {
  std::uint64_t row_threshold = 256 << 10;  ///< octets; larger bodies are split over rows
  /// How long a message waits for its commit, and a change for its.
  std::chrono::milliseconds publish_wait{60'000};
  std::uint64_t max_waiting = 4096;             ///< messages in put() at a time
  std::uint64_t max_waiting_octets = 64 << 20;  ///< octets of their bodies, in all
  /// Called on any thread for a message that was refused because the end of its commit is unknown:
  /// it may be stored. Null: nothing.
  std::function<void(const MessageId&, const Error&)> commit_unknown = nullptr;
  /// Called on any thread for a recipient whose message this node has delivered when it was no
  /// longer its to deliver: another one may deliver it, too. Null: nothing.
  std::function<void(const RecipientKey&)> lease_lost = nullptr;
};

/// The implementation of Spool for a cluster. The functions of Spool are documented there.
class PgsqlSpool final : public Spool {
 public:
  /// `database` and `node` are borrowed. Fault::unreachable: PostgreSQL cannot be reached.
  static Result<std::unique_ptr<PgsqlSpool>> open(cluster::Database& database, cluster::Node& node,
                                                  PgsqlSpoolOptions options = {});
  /// As stop().
  ~PgsqlSpool() override;

  Result<void> ready(std::uint64_t octets) const override;
  Result<void> may_deliver() const override { return node_.may_deliver(); }
  void put(Envelope envelope, Body body, Done<MessageId> done) override;
  void put(std::vector<Mail> mails, Done<std::vector<MessageId>> done) override;
  Result<std::vector<Parcel>> parcels(Cursor& cursor, std::size_t limit) override;
  Result<std::vector<Parcel>> parcels_of(Sequence message) override;
  void on_gain(std::function<void()> gained) override { node_.on_gain(std::move(gained)); }
  Result<std::vector<Message>> list(const ListFilter& filter, const MessageId& before,
                                    std::size_t limit) override;
  Result<std::optional<Message>> get(const MessageId& id) override;
  Result<std::optional<Message>> get(Sequence sequence) override;
  Result<std::vector<DestinationCount>> counts() override;
  Result<std::uint64_t> size() override;
  Result<BodyReader> body(const MessageId& id) override;
  Result<std::vector<Whole>> whole(std::span<const MessageId> ids) override;
  void claim(std::vector<RecipientKey> keys, Time now, Time until,
             Done<std::vector<Claim>> done) override;
  void settle(std::vector<Settlement> settlements, Done<void> done) override;
  void notice(std::vector<RecipientKey> keys, Done<void> done) override;
  Result<std::uint64_t> purge_dead(Time before) override;
  void act(Action action, const MessageId& id, Time now, Done<void> done) override;
  void quarantine(const MessageId& id, std::string damage, Done<void> done) override;
  Result<Verification> verify() override;
  void stop_verifying() override { no_verifying_ = true; }
  void stop() override;
  SpoolCounters counters() const override;

 private:
  struct Put;
  struct Batch;
  struct Change;
  struct Claiming;
  struct Settling;
  /// What was put into a part since this node owns it.
  struct Progress {
    std::int64_t epoch = 0;
    std::multiset<std::int64_t> in_flight;  ///< numbers in a commit
    std::int64_t committed = 0;             ///< the highest number that is stored
  };

  PgsqlSpool(cluster::Database& database, cluster::Node& node, PgsqlSpoolOptions options);
  bool number(std::span<std::shared_ptr<Batch>> jobs);
  void forget_number(Batch& batch, bool stored);
  net::PgsqlOutcome note_end(std::span<std::shared_ptr<Batch>> jobs, net::PgsqlOutcome outcome);
  net::PgsqlStatement marked(Batch& batch);
  std::optional<net::PgsqlOutcome> end_before(net::PgsqlSession& session,
                                              std::span<std::shared_ptr<Batch>> jobs);
  net::PgsqlOutcome commit_puts(net::PgsqlSession& session, std::span<std::shared_ptr<Batch>> jobs);
  net::PgsqlOutcome commit_large(net::PgsqlSession& session, std::shared_ptr<Batch>& job);
  net::PgsqlOutcome commit_claims(net::PgsqlSession& session,
                                  std::span<std::shared_ptr<Claiming>> jobs, bool again);
  net::PgsqlOutcome commit_results(net::PgsqlSession& session,
                                   std::span<std::shared_ptr<Settling>> jobs, bool again);
  net::PgsqlOutcome commit_changes(net::PgsqlSession& session,
                                   std::span<std::shared_ptr<Change>> jobs, bool again);
  void finish(Batch& batch, const Result<void>& result);
  Progress& progress(const cluster::Part& part);
  net::PgsqlTime at(Time time) const;
  Time from(net::PgsqlTime time) const;
  Result<std::vector<Parcel>> parcels_between(const cluster::Part& part, std::int64_t after,
                                              std::int64_t below, std::size_t limit);
  Message message_of(const net::PgsqlRows& rows, std::size_t row) const;
  /// The end of some(): the message, the answer, and its row of the answer.
  using Found = std::function<void(Message message, const net::PgsqlRows& rows, std::size_t row)>;
  Result<void> some(const std::string& condition, const std::vector<net::PgsqlValue>& values,
                    const char* more, const Found& found);
  Result<std::optional<Message>> one(const std::string& condition,
                                     const std::vector<net::PgsqlValue>& values);
  Result<BodyReader> body_of(const MessageId& id, std::uint64_t size, std::string damage,
                             const net::PgsqlRows& rows, std::size_t row, int column);

  cluster::Database& database_;
  cluster::Node& node_;
  const PgsqlSpoolOptions options_;
  std::unique_ptr<PgsqlReader> reading_;  ///< for deliveries
  std::unique_ptr<PgsqlReader> asking_;   ///< for operators' queries, which may take long
  std::unique_ptr<PgsqlWriter<std::shared_ptr<Batch>>> small_;
  std::unique_ptr<PgsqlWriter<std::shared_ptr<Batch>>> large_;
  std::unique_ptr<PgsqlWriter<std::shared_ptr<Change>>> changes_;
  std::unique_ptr<PgsqlWriter<std::shared_ptr<Claiming>>> claims_;
  std::unique_ptr<PgsqlWriter<std::shared_ptr<Settling>>> results_;  ///< of attempts
  std::atomic<bool> no_verifying_{false};
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::uint64_t> waiting_octets_{0};
  std::mutex mutex_;  ///< guards what follows
  std::vector<std::int64_t> free_slots_;
  std::int64_t slots_ = 0;
  std::int64_t marks_ = 0;
  std::array<Progress, cluster::part_count> progress_;
};

}  // namespace postern::spool
