// Passes accepted messages on: to a webhook synchronously, or into the spool.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/shared_pointer.h"
#include "deliver/queued_webhooks.h"
#include "deliver/stamp.h"
#include "gateway/address_verification.h"
#include "gateway/ports.h"
#include "net/work_pool.h"
#include "policy/dkim_keyring.h"
#include "relay/relay_config.h"
#include "serve/postmaster_box.h"
#include "spool/spool.h"

namespace postern::app {

/// The gateway's sink. Thread-safe: event loops of all sessions call it.
class AcceptedMail final : public gateway::MessageSink {
 public:
  /// Settings that a reload does not change.
  struct Settings {
    std::string hostname;             ///< in trace fields and for addresses of this host
    std::string temporary_directory;  ///< for messages above the memory threshold
    /// Host names of those listeners that have their own, by listener name.
    std::map<std::string, std::string, std::less<>> hostnames;
    bool in_database = false;  ///< the queue is in the database of a cluster
    bool discards = false;     ///< accepted messages are discarded (webhooks.disposition)
  };
  /// What the sink uses; everything outlives it.
  struct Rooms {
    deliver::WebhookDelivery& webhooks;  ///< synchronous calls
    deliver::QueuedWebhooks& queued;     ///< payloads for the queue
    spool::Spool& spool;                 ///< the stored queue
    net::WorkPool& workers;              ///< adds trace fields to large messages
    const policy::Directory& directory;  ///< accounts' webhooks and policies
    const policy::DkimKeyring& keys;     ///< sign outgoing mail
    std::function<void()> wake;          ///< called after mail was put into the spool
    /// Makes messages due that are queued at `at` for recipients in `domain`; see run_queue().
    std::function<gateway::MessageSink::QueueRun(std::string domain, spool::Destination at)>
        run_queue = {};
    PostmasterBox* postmaster = nullptr;  ///< null: the mailbox is not limited
    /// Starts PostmasterBox::measure() on another thread.
    PostmasterBox::Later measure_postmaster = [] {};
    /// Whose answers are not delivered; null: there are none.
    const gateway::AddressVerification* addresses = nullptr;
    /// Whether the rules in memory are recent enough to take mail by them; null: they always are.
    std::function<Result<void>()> rules = {};
  };

  /// `relay` is not null.
  AcceptedMail(Rooms rooms, Settings settings, std::shared_ptr<const relay::RelayConfig> relay)
      : rooms_(std::move(rooms)), settings_(std::move(settings)), relay_(std::move(relay)) {}

  /// Applies from the next message on. Any thread.
  void follow(std::shared_ptr<const relay::RelayConfig> relay) { relay_.store(std::move(relay)); }

  /// Passes all copies on; see MessageSink.
  Task<smtp::Reply> take(std::vector<Copy> copies, Ruling ruling) override;
  /// Whether the next hop rules the recipient out.
  std::optional<smtp::Reply> refusal(const policy::Recipient& recipient) const override;
  /// Whether spool and disk have room, and the rules are recent.
  std::optional<smtp::Reply> trouble(std::uint64_t octets) const override;
  /// ETRN for one domain.
  QueueRun run_queue(const std::string& domain) override;

  /// The destination of a recipient; nullopt: its mail is discarded. `sender` is as in the
  /// envelope; empty: the null sender.
  static std::optional<spool::Destination> destination_of(const policy::Recipient& recipient,
                                                          const mail::Mailbox& address,
                                                          std::string_view sender,
                                                          const relay::RelayConfig& relay);

 private:
  /// The reply while the rules in memory may be too old to take mail by them; nullopt: they are
  /// not.
  std::optional<smtp::Reply> by_old_rules() const;
  /// Logs and counts a message that is not taken.
  void note_refusal(const Error& error) const;
  using Time = std::chrono::system_clock::time_point;

  /// A message with all that the spool stores of it.
  struct Accepted;

  /// Whether the webhook of a copy is called before the reply, instead of from the queue.
  bool is_asked_at_once(const policy::Evidence& evidence, const Ruling& ruling) const;
  /// Both add to `accepted`; a reply with a code other than 0 is the error.
  Task<smtp::Reply> for_webhook(const Copy& copy, const Ruling& ruling, Time received,
                                Accepted& accepted);
  Task<smtp::Reply> for_hosts(const Copy& copy, const Ruling& ruling, Time received,
                              Accepted& accepted);
  Task<Result<spool::Body>> stamped(const Copy& copy, const std::string& id, Time received);
  /// The account of the client's credential; empty: none.
  std::string account_of(const policy::Evidence& evidence) const;
  spool::Envelope envelope_of(const policy::Evidence& evidence, const Ruling& ruling,
                              Time received) const;
  bool is_postmasters(const spool::Destination& destination) const;
  /// Mail to a sender of probes that is nobody's mailbox is accepted and not delivered.
  /// `said`: as of AddressVerification::is_discarded().
  bool answers_probe(const mail::Mailbox& address, bool said = false) const {
    return rooms_.addresses != nullptr && rooms_.addresses->is_discarded(address, said);
  }
  Task<Result<std::vector<spool::MessageId>>> stored(Accepted& mail);
  Task<smtp::Reply> put(Accepted accepted);

  const Rooms rooms_;
  const Settings settings_;
  SharedPointer<const relay::RelayConfig> relay_;
};

/// The reply to a spool error: 452 4.3.1 if there is no space, else 451 4.3.0.
smtp::Reply reply_of_spool(const Error& error);

}  // namespace postern::app
