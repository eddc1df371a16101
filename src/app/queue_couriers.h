// The queue's couriers and reports, as the rooms below fill them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/shared_pointer.h"
#include "mail/address.h"
#include "net/work_pool.h"
#include "policy/dkim_keyring.h"
#include "queue/courier.h"
#include "relay/courier.h"
#include "relay/report.h"
#include "relay/report_rates.h"

namespace postern::app {

/// To other hosts. Belongs to the queue's event loop, follow() excepted.
class RelayCourier final : public queue::Courier {
 public:
  RelayCourier(std::shared_ptr<const relay::RelayConfig> config, dns::Resolver& resolver);

  /// Attempts from the next one on go by it; those under way end as they began. Any thread.
  void follow(std::shared_ptr<const relay::RelayConfig> config);
  relay::DestinationLimits limits_of(const spool::Destination& destination) const;
  void close();
  /// The key of a destination that a script named, whatever the routes say: "192.0.2.1",
  /// "192.0.2.1:2525", "[2001:db8::1]:25", "mx.example", "mx.example:25".
  static std::string destination_to(std::string_view target);

  Task<queue::Carried> carry(const queue::Errand& errand, queue::Text& text) override;

 private:
  dns::Resolver& resolver_;
  SharedPointer<const relay::RelayConfig> config_;
  std::shared_ptr<const relay::RelayConfig> used_;  ///< by `courier_`
  /// What to say to whom, for a destination. Ours to the next reload.
  std::shared_ptr<relay::Courier> courier_to(const std::string& key);

  std::shared_ptr<relay::Courier> courier_;
  /// By the destinations that scripts named, the last few.
  std::map<std::string, std::shared_ptr<relay::Courier>, std::less<>> named_;
};

/// Into Maildirs and mboxes of this machine. Whoever waits for the disk does so on `workers`. Below
/// `data_dir`, which is ours, the folders above a mailbox are made; elsewhere one that is missing
/// may be one that is not mounted.
class FolderCourier final : public queue::Courier {
 public:
  FolderCourier(spool::Spool& spool, net::WorkPool& workers, std::string hostname,
                const std::string& data_dir)
      : spool_(spool),
        workers_(workers),
        hostname_(std::move(hostname)),
        own_(std::filesystem::absolute(data_dir).string() + "/") {}
  Task<queue::Carried> carry(const queue::Errand& errand, queue::Text& text) override;

 private:
  spool::Spool& spool_;
  net::WorkPool& workers_;
  const std::string hostname_;
  const std::string own_;
};

/// Reports of failures and delays (docs/reports.md). Belongs to the queue's event loop.
class SenderReports final : public queue::Reporter {
 public:
  /// `destination_of` says where mail for an address goes.
  using DestinationOf = std::function<spool::Destination(const mail::Mailbox& address)>;
  /// `keys` sign reports when they have one for `hostname`; borrowed.
  SenderReports(std::string hostname, std::string directory, DestinationOf destination_of,
                std::chrono::seconds ttl, const policy::DkimKeyring& keys);

  Result<std::optional<Report>> report(Event event, const queue::Errand& errand,
                                       const queue::Carried& carried, queue::Text& text) override;
  void lost(const queue::Errand& errand) override;

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
