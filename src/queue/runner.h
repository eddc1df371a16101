// The queue at work: what the spool holds is put before the scheduler, and what the scheduler names
// is given to a courier. All of it on one event loop; the spool alone knows what is stored, so that
// a crash loses no more than time.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/work_pool.h"
#include "queue/courier.h"
#include "relay/schedule.h"
#include "relay/scheduler.h"
#include "spool/spool.h"

namespace postern::queue {

struct RunnerOptions {
  relay::SchedulerLimits limits;
  /// Of mail to other hosts and folders; expires, and its senders are told.
  relay::RetryPolicy relay;
  /// Of messages with the null reverse-path.
  std::chrono::seconds null_path_ttl{172800};
  /// The delays between a webhook's attempts; after the last one the message is a dead letter.
  relay::RetryPolicy webhook{
      .delays = {std::chrono::seconds(5), std::chrono::minutes(5), std::chrono::minutes(30),
                 std::chrono::hours(2), std::chrono::hours(5), std::chrono::hours(10),
                 std::chrono::hours(14), std::chrono::hours(20), std::chrono::hours(24)}};
  relay::DestinationLimits webhook_limits{.max_connections = 10};
  /// How long an attempt at other hosts may take, beside a second for each 10 KB of text; and the
  /// first of a message there, of a tenant that has used up half of the slots it may hold.
  std::chrono::milliseconds longest_attempt = std::chrono::minutes(20);
  std::chrono::milliseconds longest_crowded_attempt = std::chrono::minutes(2);
  /// What a route says about its destination; nullptr: nothing.
  std::function<relay::DestinationLimits(const spool::Destination&)> limits_of;
  std::size_t page = 2000;  ///< messages read at a time when the process starts
};

/// One for the process. Every function but wake() and told() belongs to the loop's thread.
class Runner {
 public:
  struct Couriers {
    Courier& webhook;
    Courier& relay;
    Courier& local;
  };

  /// All are borrowed. `disk` runs what waits for the spool.
  Runner(boost::asio::io_context& loop, spool::Spool& spool, net::WorkPool& disk, Couriers couriers,
         Reporter* reporter, RunnerOptions options);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Begins with what is stored.
  void start();
  /// Nothing new begins. Attempts under way go on as long as the loop runs; what they leave is in
  /// the spool.
  void stop();
  /// A message was put. From any thread.
  void wake();
  /// Something was done to a stored message behind the scheduler's back: it is read again.
  /// `urgent`: and tried at once, whatever its destination's state (relay rule Q9). From any
  /// thread.
  void told(spool::Sequence message, bool urgent);

  /// Tells the sender that a message is dropped by an operator. After Told::stored nothing more is
  /// tried with it, and no second report made, until told() says what became of it.
  /// Fault::conflict: it is damaged, so that nothing of it can be returned, or somebody is at it:
  /// an attempt under way may still deliver it.
  Task<Result<Told>> report_dropped(const spool::Message& message);

  /// These from the loop's thread only.
  std::size_t scheduled() const { return scheduler_.size(); }
  std::size_t running() const { return running_.size(); }
  std::optional<spool::Time> sleeps_until(const spool::Destination& destination) const;

 private:
  /// A message's number with the scheduler: its sequence and the first recipient of the parcel.
  using Number = std::uint64_t;
  struct Running {
    relay::Scheduler::Place place;
    spool::Destination destination;
    bool changed = false;  ///< by somebody else, meanwhile
    bool urgent = false;
  };
  struct Waiting {
    relay::Scheduler::Place place;
    relay::Time
        arrival;  ///< as this process's clock goes, whatever the wall clock was set to since
  };
  struct Fetched;
  struct Next;
  struct Ended;

  Task<void> load();
  void end_of_start();
  Task<void> reload(spool::Sequence message, bool urgent);
  void add(const spool::Parcel& parcel, relay::Time arrival, relay::StartupSpread* spread);
  void limit(const spool::Destination& destination);
  void pump();
  void start_work(const relay::Scheduler::Work& work);
  Task<void> attempt(relay::Scheduler::Work work);
  Task<Ended> try_once(const relay::Scheduler::Work& work);
  void show_slots();
  Task<Carried> carry(const Errand& errand, Text& text);
  static spool::Settlement settlement_of(const Errand& errand, std::size_t index,
                                         const spool::Claim& claim, const Carried& carried,
                                         const Next& again, bool extra);
  Task<bool> report_failures(const Errand& errand, const Carried& carried,
                             const std::vector<spool::Settlement>& settlements, Text& text);
  Task<void> quarantine(spool::MessageId id, Error damage);
  Task<Result<Told>> damaged_drop(const spool::Message& message, Error damage);
  Task<Result<Told>> tell_dropped(spool::MessageId id);
  bool is_under_way(spool::Sequence message) const;
  void take_out(spool::Sequence message);
  Task<void> deadline(Number number);
  Task<void> look_at_deadline(Number number);
  Task<void> settle(std::vector<spool::Settlement> settlements, std::string_view what);
  Task<Fetched> fetch(Number number);
  Task<Result<Told>> report(Reporter::Event event, const Errand& errand, const Carried& carried,
                            Text& text);
  void forget(Number number);

  relay::RetryPolicy policy_of(const spool::Destination& destination, bool null_path) const;
  relay::Scheduler::Times times_of(const spool::Parcel& parcel, relay::Time arrival) const;
  Next next_of(const Fetched& fetched, std::uint32_t attempts, relay::Time now, bool extra);
  relay::Time stored_arrival(const spool::Parcel& parcel) const;
  relay::Time now() const;
  spool::Time wall(relay::Time queue) const;
  Courier& courier_of(const spool::Destination& destination) const;

  boost::asio::io_context& loop_;
  spool::Spool& spool_;
  net::WorkPool& disk_;
  Couriers couriers_;
  Reporter* reporter_;
  RunnerOptions options_;
  relay::QueueClock clock_;
  relay::Scheduler scheduler_;
  boost::asio::steady_timer timer_;
  std::map<Number, Waiting> places_;
  std::unordered_map<Number, Running> running_;
  std::set<Number> expiring_;  ///< whose senders are being told
  /// Those an operator drops with a report, which no attempt is begun for; unset: it is being made.
  std::unordered_map<spool::Sequence, std::optional<Told>> dropped_;
  spool::Sequence loaded_ = 0;                  ///< of the last message that was read
  std::optional<relay::StartupSpread> spread_;  ///< while what a process before has left is read
  bool loading_ = false;
  bool stopping_ = false;
  std::atomic<bool> fresh_{false};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace postern::queue
