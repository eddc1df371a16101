// The queue's couriers and reports, implemented with other rooms.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/shared_pointer.h"
#include "mail/address.h"
#include "net/work_pool.h"
#include "policy/dkim_keyring.h"
#include "queue/delivery_agent.h"
#include "relay/courier.h"
#include "relay/report.h"
#include "relay/report_rates.h"

namespace postern::app {

/// Delivers to other hosts. Used on the queue's event loop, except follow().
class RelayAgent final : public queue::DeliveryAgent {
 public:
  /// `config` is not null; `resolver` outlives it.
  RelayAgent(std::shared_ptr<const relay::RelayConfig> config, dns::Resolver& resolver);

  /// Applies from the next delivery attempt on; running ones are not affected. Any thread.
  void follow(std::shared_ptr<const relay::RelayConfig> config);
  /// Limits of a destination's route.
  relay::DestinationLimits limits_of(const spool::Destination& destination) const;
  /// Closes idle connections.
  void close();
  /// The destination key of a next hop that a script named, regardless of routes: "192.0.2.1",
  /// "192.0.2.1:2525", "[2001:db8::1]:25", "mx.example", "mx.example:25".
  static std::string destination_to(std::string_view target);

  /// One delivery attempt.
  Task<queue::Carried> carry(const queue::DeliveryTask& task, queue::Text& text) override;

 private:
  dns::Resolver& resolver_;
  SharedPointer<const relay::RelayConfig> config_;
  std::shared_ptr<const relay::RelayConfig> used_;  ///< the one that `courier_` uses
  /// The courier for a destination, until the next reload.
  std::shared_ptr<relay::Courier> courier_to(const std::string& key);

  std::shared_ptr<relay::Courier> courier_;
  /// For next hops that scripts named, the most recent ones.
  std::map<std::string, std::shared_ptr<relay::Courier>, std::less<>> named_;
};

/// Delivers to Maildirs and mboxes of this machine; blocks on threads of `workers`. Below
/// `data_dir` it creates the directories above a mailbox; elsewhere a missing directory may be an
/// unmounted disk, and delivery fails temporarily.
class FolderAgent final : public queue::DeliveryAgent {
 public:
  /// `spool` and `workers` outlive it.
  FolderAgent(spool::Spool& spool, net::WorkPool& workers, std::string hostname,
              const std::string& data_dir)
      : spool_(spool),
        workers_(workers),
        hostname_(std::move(hostname)),
        own_(std::filesystem::absolute(data_dir).string() + "/") {}
  /// One delivery attempt.
  Task<queue::Carried> carry(const queue::DeliveryTask& task, queue::Text& text) override;

 private:
  spool::Spool& spool_;
  net::WorkPool& workers_;
  const std::string hostname_;
  const std::string own_;
};

/// Reports of failures and delays to senders (docs/reports.md). Used on the queue's event loop.
class SenderReports final : public queue::Reporter {
 public:
  /// Returns the destination of mail to an address.
  using DestinationOf = std::function<spool::Destination(const mail::Mailbox& address)>;
  /// `keys` sign reports if they contain one for `hostname`, and outlive this object. `directory`:
  /// for temporary files. `ttl`: lifetime of messages in the queue.
  SenderReports(std::string hostname, std::string directory, DestinationOf destination_of,
                std::chrono::seconds ttl, const policy::DkimKeyring& keys);

  /// The report to enqueue; nullopt: none is due.
  Result<std::optional<Report>> report(Event event, const queue::DeliveryTask& task,
                                       const queue::Carried& carried, queue::Text& text) override;
  /// Logs mail of which no report can be made.
  void lost(const queue::DeliveryTask& task) override;

 private:
  Result<void> sign(spool::Body& body, std::chrono::system_clock::time_point now);

  const relay::ReportSettings settings_;
  const std::string directory_;
  const DestinationOf destination_of_;
  const std::chrono::seconds ttl_;
  const policy::DkimKeyring& keys_;
  relay::ReportRates rates_;
};

}  // namespace postern::app
