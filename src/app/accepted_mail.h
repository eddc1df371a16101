// Where a message goes that was let through: to its webhook at once, or into the spool.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/postmaster_box.h"
#include "base/shared_pointer.h"
#include "deliver/queued_webhooks.h"
#include "deliver/stamp.h"
#include "gateway/ports.h"
#include "net/work_pool.h"
#include "policy/dkim_keyring.h"
#include "relay/relay_config.h"
#include "spool/spool.h"

namespace postern::app {

class AcceptedMail final : public gateway::MessageSink {
 public:
  struct Settings {
    std::string hostname;
    std::string temporary_directory;
    /// What listeners call themselves that have a name of their own, by their names here.
    std::map<std::string, std::string, std::less<>> hostnames;
    bool discards = false;  ///< what is accepted is thrown away (webhooks.disposition)
  };
  /// All outlive it.
  struct Rooms {
    deliver::WebhookDelivery& webhooks;
    deliver::QueuedWebhooks& queued;
    spool::Spool& spool;
    net::WorkPool& workers;
    const policy::Directory& directory;
    const policy::DkimKeyring& keys;
    std::function<void()> wake;  ///< there is mail in the spool
    /// Tries what is queued for recipients in this domain, at this destination; see run_queue().
    std::function<gateway::MessageSink::QueueRun(std::string domain, spool::Destination at)>
        run_queue = {};
    PostmasterBox* postmaster = nullptr;              ///< null: no bound
    PostmasterBox::Later measure_postmaster = [] {};  ///< soon, elsewhere
  };

  AcceptedMail(Rooms rooms, Settings settings, std::shared_ptr<const relay::RelayConfig> relay)
      : rooms_(std::move(rooms)), settings_(std::move(settings)), relay_(std::move(relay)) {}

  /// Messages from the next one on go by it. Safe from any thread.
  void follow(std::shared_ptr<const relay::RelayConfig> relay) { relay_.store(std::move(relay)); }

  Task<smtp::Reply> take(std::vector<Copy> copies, Ruling ruling) override;
  std::optional<smtp::Reply> refusal(const policy::Recipient& recipient) const override;
  std::optional<smtp::Reply> trouble(std::uint64_t octets) const override;
  QueueRun run_queue(const std::string& domain) override;

  /// Where mail for a recipient goes; nullopt: nowhere, it is thrown away.
  static std::optional<spool::Destination> destination_of(const policy::Recipient& recipient,
                                                          const mail::Mailbox& address,
                                                          const relay::RelayConfig& relay);

 private:
  using Time = std::chrono::system_clock::time_point;

  /// What a message is to the spool when all of it is ready.
  struct Accepted;

  /// Whether the webhook of a copy is asked before the reply, not out of the queue.
  bool is_asked_at_once(const policy::Evidence& evidence, const Ruling& ruling) const;
  /// These add to `accepted`; a reply other than "" (code 0) says why they could not.
  Task<smtp::Reply> for_webhook(const Copy& copy, const Ruling& ruling, Time received,
                                Accepted& accepted);
  Task<smtp::Reply> for_hosts(const Copy& copy, const Ruling& ruling, Time received,
                              Accepted& accepted);
  Task<Result<spool::Body>> stamped(const Copy& copy, const std::string& id, Time received);
  /// Whose credential the client used; empty: none, or one of no account.
  std::string account_of(const policy::Evidence& evidence) const;
  spool::Envelope envelope_of(const policy::Evidence& evidence, const Ruling& ruling,
                              Time received) const;
  bool is_postmasters(const spool::Destination& destination) const;
  Task<Result<std::vector<spool::MessageId>>> stored(Accepted& mail);
  Task<smtp::Reply> put(Accepted accepted);

  const Rooms rooms_;
  const Settings settings_;
  SharedPointer<const relay::RelayConfig> relay_;
};

/// A literal of this host (RFC 5321 §4.1.3) becomes its name; other addresses are as they are, those
/// without a domain too.
mail::Mailbox qualified(const mail::Mailbox& address, const relay::RelayConfig& relay,
                        std::string_view hostname);
/// The reply at RCPT when the next hop of a recipient is ruled out without a DNS query; nullopt: it
/// is not. The recipient has a domain.
std::optional<smtp::Reply> refusal_of(const policy::Recipient& recipient,
                                      const relay::RelayConfig& relay, std::string_view hostname);

/// The reply to what the spool could not do: 452 4.3.1 without room, else 451 4.3.0.
smtp::Reply reply_of_spool(const Error& error);

}  // namespace postern::app
