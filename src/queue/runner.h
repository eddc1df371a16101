// The queue runner: adds the stored messages to the scheduler, and gives the work of the scheduler
// to couriers. All of it runs on one event loop. Only the spool holds state that matters, so a
// crash costs nothing but time.
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
#include "queue/delivery_agent.h"
#include "relay/schedule.h"
#include "relay/scheduler.h"
#include "spool/spool.h"

namespace postern::queue {

/// Settings of the queue.
struct RunnerOptions {
  relay::SchedulerLimits limits;  ///< slots and connections
  /// For mail to other hosts and folders; it expires, and its senders get reports.
  relay::RetryPolicy relay;
  /// Time to live of messages with the null reverse-path.
  std::chrono::seconds null_path_ttl{172800};
  /// Delays between the attempts for a webhook; after the last attempt the message becomes a dead
  /// letter.
  relay::RetryPolicy webhook{
      .delays = {std::chrono::seconds(5), std::chrono::minutes(5), std::chrono::minutes(30),
                 std::chrono::hours(2), std::chrono::hours(5), std::chrono::hours(10),
                 std::chrono::hours(14), std::chrono::hours(20), std::chrono::hours(24)}};
  /// Limits of each webhook's destination.
  relay::DestinationLimits webhook_limits{.max_connections = 10};
  /// Time limit of an attempt, plus a second for each 10 KB of the message.
  std::chrono::milliseconds longest_attempt = std::chrono::minutes(20);
  /// The same for a message's first attempt of a tenant that holds more than half of the slots it
  /// may hold.
  std::chrono::milliseconds longest_crowded_attempt = std::chrono::minutes(2);
  /// The limits that a route sets for a destination; nullptr: none.
  std::function<relay::DestinationLimits(const spool::Destination&)> limits_of;
  /// Called when an attempt has ended, before others begin: a guest may take its connection.
  /// nullptr: nobody waits.
  std::function<void(const spool::Destination&)> freed;
  std::size_t page = 2000;  ///< messages read at a time
};

/// The runner of the process. wake() and told() may be called from any thread, everything else only
/// from the thread of the loop.
class Runner {
 public:
  /// The couriers for the kinds of destination; borrowed.
  struct Couriers {
    DeliveryAgent& webhook;  ///< for RouteKind::webhook
    DeliveryAgent& relay;    ///< for RouteKind::relay
    DeliveryAgent& local;    ///< for RouteKind::local
  };

  /// All references and `reporter` are borrowed; a null `reporter` makes no reports. `disk` runs
  /// what blocks on the spool.
  Runner(boost::asio::io_context& loop, spool::Spool& spool, net::WorkPool& disk, Couriers couriers,
         Reporter* reporter, RunnerOptions options);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Begins with the stored messages.
  void start();
  /// Starts no more attempts. Running attempts continue as long as the loop runs; the spool has
  /// their state. Once started, a runner is stopped before its end, while the spool lives.
  void stop();
  /// A message was put into the spool. Callable from any thread.
  void wake();
  /// A stored message was changed outside the runner; it is read again. `urgent`: it is also tried
  /// at once, even if its destination sleeps. Callable from any thread.
  void told(spool::Sequence message, bool urgent);

  /// Reports to the sender that an operator drops a message. After Told::stored no attempt and no
  /// second report is made until told() is called. Fault::conflict: the message is damaged and
  /// cannot be returned, it is being dropped, or an attempt that may still deliver it is running.
  /// Fault::not_found: it is not in the spool.
  Task<Result<Told>> report_dropped(const spool::Message& message);

  /// Connections to a destination beside its messages count as theirs (Scheduler::guest_came()):
  /// how many are free, one begins, one has ended.
  std::uint32_t free_connections(const spool::Destination& destination) const;
  void guest_came(const spool::Destination& destination);  ///< see free_connections()
  void guest_left(const spool::Destination& destination);  ///< see free_connections()

  /// Number of scheduled messages, counted once for each destination.
  std::size_t scheduled() const { return scheduler_.size(); }
  /// Number of running attempts.
  std::size_t running() const { return running_.size(); }
  /// When a destination wakes; nullopt when it does not sleep.
  std::optional<spool::Time> sleeps_until(const spool::Destination& destination) const;

 private:
  /// The number of a message in the scheduler: its sequence and the first recipient of the parcel.
  using Number = std::uint64_t;
  struct Running {
    relay::Scheduler::Place place;
    spool::Destination destination;
    bool changed = false;  ///< the message was changed during the attempt
    bool urgent = false;
  };
  struct Waiting {
    relay::Scheduler::Place place;
    relay::Time arrival;  ///< in queue time, independent of later changes of the wall clock
  };
  struct Fetched;
  struct Next;
  struct Ended;

  Task<void> load();
  Task<std::optional<std::chrono::milliseconds>> load_page();
  void end_of_start();
  Task<void> reload(spool::Sequence message, bool urgent);
  Task<bool> read_again(spool::Sequence message, bool urgent);
  void add(const spool::Parcel& parcel, relay::Time arrival, relay::StartupSpread* spread);
  void limit(const spool::Destination& destination);
  relay::DestinationLimits limits_of(const spool::Destination& destination) const;
  void pump();
  void start_work(const relay::Scheduler::Work& work);
  Task<void> attempt(relay::Scheduler::Work work);
  Task<Ended> try_once(const relay::Scheduler::Work& work);
  void show_slots();
  Task<Carried> carry(const DeliveryTask& task, Text& text);
  static spool::Settlement settlement_of(const DeliveryTask& task, std::size_t index,
                                         const spool::Claim& claim, const Carried& carried,
                                         const Next& again, bool extra);
  Task<bool> report_failures(const DeliveryTask& task, const Carried& carried,
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
  Task<Result<Told>> report(Reporter::Event event, const DeliveryTask& task, const Carried& carried,
                            Text& text);
  void forget(Number number);

  relay::RetryPolicy policy_of(const spool::Destination& destination, bool null_path) const;
  relay::Scheduler::Times times_of(const spool::Parcel& parcel, relay::Time arrival) const;
  Next next_of(const Fetched& fetched, std::uint32_t attempts, relay::Time now, bool extra);
  relay::Time stored_arrival(const spool::Parcel& parcel) const;
  relay::Time now() const;
  spool::Time wall(relay::Time queue) const;
  DeliveryAgent& courier_of(const spool::Destination& destination) const;

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
  std::set<Number> expiring_;  ///< messages whose expiry is being reported
  /// Messages that an operator drops with a report; no attempt begins. Nullopt: the report is being
  /// made.
  std::unordered_map<spool::Sequence, std::optional<Told>> dropped_;
  spool::Cursor loaded_;                        ///< only load() uses it
  std::optional<relay::StartupSpread> spread_;  ///< while the messages of the start are read
  bool loading_ = false;
  bool stopping_ = false;
  std::atomic<bool> fresh_{false};
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace postern::queue
