// What is known about a session and its message. Facts of the SMTP dialogue are always present.
// Facts that cost a lookup are optional: a check names those that it needs, and the gatherer
// fetches each at most once per message, for all enforced layers (Inquiry::Trial: for those in
// shadow).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/address.h"
#include "mailauth/arc/verdict.h"
#include "mailauth/dkim/result.h"
#include "mailauth/dmarc/from_header.h"
#include "mailauth/dmarc/result.h"
#include "mailauth/spf/result.h"
#include "policy/consultations.h"
#include "policy/dns_record.h"
#include "policy/need.h"
#include "policy/route.h"
#include "policy/script_facts.h"
#include "policy/session.h"

namespace postern::mail {
class HeaderScanner;
}

namespace postern::policy {

/// A recipient of the transaction.
struct Recipient {
  mail::Mailbox address;  ///< forward-path
  Route route;            ///< where its mail goes
  std::string notify;     ///< NOTIFY (RFC 3461 §4.1), octet for octet; empty: not given
  std::string orcpt;      ///< ORCPT (RFC 3461 §4.2), xtext; empty: not given
  std::optional<Transport> transport;  ///< chosen by a script; nullopt: that of the route
  /// The route by which RCPT was judged, if the webhook or its policy was edited after it; `route`
  /// is then the route at the end of data. nullopt: not edited.
  std::optional<Route> judged;
};

/// The recipient with the route by which RCPT was judged.
inline Recipient as_judged(Recipient recipient) {
  if (recipient.judged) recipient.route = std::move(*recipient.judged);
  recipient.judged.reset();
  return recipient;
}

/// Facts of the message that the header scanner counts; known at Stage::message.
struct MessageFacts {
  std::uint64_t size = 0;           ///< octets of the message
  std::size_t header_fields = 0;    ///< including lines that are not fields
  std::size_t header_size = 0;      ///< octets of the header section
  std::size_t received_fields = 0;  ///< number of Received fields
  std::size_t from_fields = 0;      ///< number of From fields
  std::string message_id;           ///< of the Message-ID field; empty: none
};

/// Facts of a message of `size` octets; `scanner` has read its header and is finished.
MessageFacts facts_of(std::uint64_t size, const mail::HeaderScanner& scanner);
/// Facts of a whole message with CRLF line ends.
MessageFacts facts_of(std::string_view message);

/// All that a decision may depend on, for one session and its current transaction. Not thread-safe:
/// belongs to the session's event loop.
struct Evidence {
  SessionFacts session;    ///< kept between transactions
  bool in_shadow = false;  ///< a layer in shadow is being asked (Inquiry::Trial)

  // One transaction.
  std::string message_id;  ///< ULID; the queue id in the reply to the end of data
  std::optional<mail::Mailbox> reverse_path;  ///< nullopt: the null reverse-path, or no MAIL yet
  std::uint64_t declared_size = 0;            ///< SIZE of MAIL, octets (RFC 1870 §6); 0: not given
  bool smtputf8 = false;                      ///< MAIL had SMTPUTF8 (RFC 6531 §3.4)
  bool body_8bitmime = false;                 ///< MAIL had BODY=8BITMIME (RFC 6152 §3)
  bool require_tls = false;                   ///< MAIL had REQUIRETLS (RFC 8689 §2)
  std::string ret;                      ///< RET (RFC 3461 §4.3), octet for octet; empty: not given
  std::string envid;                    ///< ENVID (RFC 3461 §4.4), xtext; empty: not given
  std::vector<Recipient> recipients;    ///< accepted so far
  std::optional<Recipient> candidate;   ///< the recipient to judge at Stage::rcpt
  std::optional<MessageFacts> message;  ///< from Stage::message on
  std::optional<std::string> etrn;      ///< domain of the ETRN to judge at Stage::rcpt
  /// Whether the candidate is the address of a VRFY, which is judged and not accepted. With
  /// `before_mail` there is no sender, not even the null reverse-path.
  enum class Vrfy { no, before_mail, in_transaction } vrfy = Vrfy::no;

  // Gathered (see Need).
  std::optional<double> rate_tokens;  ///< messages that the candidate's webhook may get now
  /// Of the MAIL FROM identity; of the HELO identity if the reverse-path is null (RFC 7208 §2.4).
  std::optional<mailauth::spf::Result> spf;
  std::optional<mailauth::dmarc::Author> author;  ///< from the From fields
  std::optional<mailauth::dkim::Results> dkim;    ///< of every signature
  std::optional<mailauth::dmarc::Result> dmarc;   ///< needs SPF and DKIM
  std::optional<mailauth::arc::Verdict> arc;      ///< verdict on the chain
  /// The DNS answers from which the items above were made. Each question is here once, and once
  /// more if it had failed for a layer in shadow.
  std::vector<DnsRecord> dns;
  Consultations consulted;  ///< requests to other programs

  /// The reason, if a rule discards the message: it is accepted and not delivered. Else nullopt.
  std::optional<std::string> discard;
  /// The client's credential was changed or removed after recipients had been accepted.
  bool revoked_meanwhile = false;
  /// A rule permitted the client by its network. Its mail is signed, and its senders get delivery
  /// reports, as if it had authenticated.
  bool trusted_client = false;

  /// The message as scripts left it: each recipient is in one copy. Empty: unchanged.
  std::vector<ScriptCopy> copies;
  DialectMemory kept;  ///< what each dialect keeps until the end of the transaction

  /// The evidence for this HELO or EHLO: that of the session, without a transaction. It replaces
  /// this object if the command is accepted; otherwise everything stays as it was (RFC 5321
  /// §4.1.4).
  Evidence greeted(std::string name, bool extended) const;
  /// Makes `recipient` the candidate, and forgets `rate_tokens` if its webhook is another one.
  void consider(Recipient recipient);
  /// Clears the transaction; the session's facts stay.
  void reset_transaction();
  /// The first accepted recipient, which determines the webhook of the message; without one the
  /// candidate. Null if there is neither. Valid until the recipients change.
  const Recipient* subject() const;
};

}  // namespace postern::policy
