// Address verification of a running gateway: what is known, the probes that find out more, and the
// sessions that wait for them.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/shared_pointer.h"
#include "dialect/restrictions/verification.h"
#include "dns/resolver.h"
#include "gateway/address_verification.h"
#include "relay/courier.h"
#include "relay/verified_addresses.h"
#include "serve/probe_queue.h"
#include "serve/waiters.h"
#include "store/verified_store.h"

namespace postern::app {

/// Thread-safe. Probes run on the queue's event loop, as deliveries do.
class AddressVerifier final : public gateway::AddressVerification {
 public:
  using Settings = dialect::restrictions::Verification;
  using Entry = relay::VerifiedEntry;
  /// `loop` runs the probes. `database`: the file for results. `resolver` outlives it.
  AddressVerifier(boost::asio::io_context& loop, std::string database,
                  std::shared_ptr<const relay::RelayConfig> config, dns::Resolver& resolver,
                  relay::VerifiedLimits limits = {});
  ~AddressVerifier() override;

  /// Sets the parameters of the lists; nullptr: there are no lists. `enforced`: they are not in
  /// shadow. Opens the database the first time that one is wanted, which blocks on the disk.
  void use(std::shared_ptr<const Settings> settings, bool enforced);
  /// Routes and hosts for probes that begin later.
  void follow(std::shared_ptr<const relay::RelayConfig> config);
  /// The connections of the queue, of which probes are some; on the loop. Each takes
  /// relay::destination_of().
  struct Connections {
    std::function<std::size_t(const std::string&)> free;  ///< how many more there may be
    std::function<void(const std::string&)> begins;       ///< one of a probe
    std::function<void(const std::string&)> ended;        ///< one of a probe
  };
  /// Call it before the first question.
  void share(Connections connections) { connections_ = std::move(connections); }
  /// A connection to a destination has ended: a probe that waits may begin. On the loop.
  void freed(const std::string& destination);
  /// Starts no more probes.
  void stop();
  /// Blocks until results are on the disk.
  void flush();

  Task<std::string> verify(Question question, std::function<bool()> left) override;
  bool is_probe_sender(const mail::Mailbox& address) const override;
  bool is_discarded(const mail::Mailbox& address, bool said = false) const override;

  /// The result that is remembered for an address, whatever its age; sends no probe. `address`: as
  /// Mailbox::text().
  std::optional<Entry> known(const std::string& address) const;

  /// Counts for metrics.
  struct Counts {
    std::array<std::uint64_t, 3> probes{};  ///< by relay::Verified::Kind
    std::uint64_t limited = 0;              ///< questions that a limit forbade to ask
    std::size_t results = 0;                ///< known now
    std::size_t open = 0;                   ///< being asked now
  };
  /// The counts so far.
  Counts counts() const;

 private:
  /// A session that waits; its timer is used on its own loop.
  struct Waiter {
    explicit Waiter(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::optional<std::string> answer;  ///< on the waiter's loop
  };
  using Job = ProbeQueue::Job;

  std::optional<std::string> look_up(const Question& question, const std::string& address);
  void pump();
  Task<void> run(Job job);
  void settle(const Job& job, relay::Verified verified);
  void ended(const Job& job);
  std::shared_ptr<relay::Courier> courier();
  void open_store();

  boost::asio::io_context& loop_;
  const std::string database_;
  const relay::VerifiedLimits limits_;
  dns::Resolver& resolver_;
  SharedPointer<const relay::RelayConfig> config_;
  SharedPointer<const Settings> settings_;
  std::atomic<bool> enforced_{false};
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;  ///< guards the next members
  relay::VerifiedAddresses known_;
  std::unordered_map<std::string, Waiters<Waiter>> waiters_;
  std::unique_ptr<store::VerifiedStore> store_;
  bool opened_ = false;
  Counts counts_;
  std::deque<Job> asked_;  ///< not yet taken by the loop

  // On the loop.
  Connections connections_;  ///< unset: probes have their own
  ProbeQueue queue_;
  std::shared_ptr<relay::Courier> courier_;
  std::shared_ptr<const relay::RelayConfig> used_;
};

}  // namespace postern::app
