// Address verification for sessions; src/serve implements it.
#pragma once

#include <functional>
#include <string>

#include "base/ip.h"
#include "base/task.h"
#include "mail/address.h"

namespace postern::gateway {

/// Knows, or finds out, whether mail hosts take mail for addresses. Thread-safe.
class AddressVerification {
 public:
  virtual ~AddressVerification() = default;
  /// A question of a session.
  struct Question {
    mail::Mailbox address;  ///< with a domain
    bool ours = false;      ///< its domain is one of this server's
    IpAddress client;       ///< whose questions are limited
  };
  /// The answer in the form of policy::Consultation::answer. Waits for a result that is being
  /// found as long as the parameters say (address_verify_poll_count), and not after `left` says
  /// that the client has left; the search goes on then. Resumes on the caller's executor.
  virtual Task<std::string> verify(Question question, std::function<bool()> left) = 0;
  /// Whether mail to the address answers a probe.
  virtual bool is_probe_sender(const mail::Mailbox& address) const = 0;
  /// Whether mail to the address answers a probe and is not delivered, since the address can be no
  /// mailbox of this server's. `said`: is_probe_sender() was true when the client named the
  /// recipient; it may have changed since.
  virtual bool is_discarded(const mail::Mailbox& address, bool said = false) const = 0;
};

}  // namespace postern::gateway
