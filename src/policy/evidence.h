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

#include "base/ip.h"
#include "dns/dns.h"
#include "mail/address.h"
#include "mailauth/arc/validate.h"
#include "mailauth/dkim/verify.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/spf/check_host.h"
#include "policy/consultations.h"
#include "policy/script_facts.h"

namespace postern::mail {
class HeaderScanner;
}

namespace postern::policy {

struct Webhook;
struct WebhookPolicy;

/// The certificate that the client presented in TLS. The fingerprints have the digest of the
/// listener, in capitals with a colon between octets; "" if it could not be computed.
struct ClientCertificate {
  std::string name;             ///< common name of its subject; empty: none
  std::string fingerprint;      ///< of the certificate (DER)
  std::string key_fingerprint;  ///< of its public key (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7)
  bool trusted = false;         ///< the listener's authorities issued it, and it was valid
  std::string issuer = {};      ///< common name of its issuer; empty: none
};

/// The negotiated TLS parameters.
struct Tls {
  std::string version;                           ///< "TLSv1.3"
  std::string cipher;                            ///< "TLS_AES_128_GCM_SHA256"
  std::optional<ClientCertificate> client = {};  ///< nullopt: none was asked for, or presented
  int key_bits = 0;       ///< secret bits of the cipher; 0: not known, as in records of 0.2.0
  bool starttls = false;  ///< began with STARTTLS, not with the connection (RFC 8314 §3.3)
};

/// The SASL identity of the session, and the webhook policies whose credentials it matched.
struct Authentication {
  std::string username;   ///< authentication identity, without a "%pol_..." that selects a policy
  std::string mechanism;  ///< SASL mechanism in capitals
  /// Webhook policy id -> Credential::stamp of the credential that matched. A changed or removed
  /// credential has another stamp or none, which ends the grant.
  std::map<std::string, std::uint64_t> granted;
  std::string authz_id;             ///< identity that the client acts as (RFC 4422 §2)
  std::vector<std::string> groups;  ///< groups of the identity, from the verifier
  /// Only credentials of accounts that are not operators (api.operators) matched. Such a client may
  /// send to the webhooks of these accounts; for all other purposes it counts as not authenticated
  /// (login(); docs/decisions/0052).
  bool tenant = false;
  /// Name and context of each identity in the AuthInfo that a script returned (docs/lua-hooks.md,
  /// "Signing in"); empty: no script authenticated the client.
  std::vector<std::pair<std::string, std::string>> identities;
};

/// Facts of one connection.
struct SessionFacts {
  std::string id;                 ///< of the session, a ULID
  std::string listener;           ///< name of the listener
  IpAddress client_ip;            ///< the client's address
  std::uint16_t client_port = 0;  ///< the client's port
  IpAddress server_ip;            ///< our address of the connection
  std::uint16_t server_port = 0;  ///< our port
  /// The ends of the connection itself, as `address:port`, where PROXY or XCLIENT named others;
  /// empty: they did not.
  std::string proxy_from;
  std::string proxy_via;    ///< our end of it
  std::string server_name;  ///< server name that the client sent in TLS (RFC 6066 §3); empty: none
  std::chrono::system_clock::time_point connected;  ///< when the connection was accepted
  std::string helo;                                 ///< argument of HELO or EHLO; empty: none yet
  bool esmtp = false;                               ///< the client sent EHLO
  bool early_talker =
      false;               ///< sent data before the reply that it had to wait for (RFC 2920 §3.1)
  std::optional<Tls> tls;  ///< nullopt: no TLS
  std::optional<Authentication> auth;  ///< nullopt: not authenticated
  /// Identity before its credential was changed or revoked; such a client counts as not
  /// authenticated.
  std::optional<Authentication> revoked;
  std::shared_ptr<ScriptSession> script;  ///< null: no script has run

  /// The identity that restriction lists and scripts may rely on. Null if the client did not
  /// authenticate, or only as a tenant: with api.signup = "open" anyone can create an account with
  /// credentials of any name. Valid as long as `auth`.
  const Authentication* login() const { return auth && !auth->tenant ? &*auth : nullptr; }
};

/// Where a recipient's mail goes. A recipient that is not accepted has Kind::none and the reason.
struct Route {
  /// Kind of destination.
  enum class Kind {
    none,
    webhook,
    relay,  ///< no webhook: the mail is relayed, because a layer granted it (relaying.h)
  };
  /// Why there is no route: the domain is not one that this gateway receives mail for, or it is one
  /// and no webhook has the address.
  enum class Missing { foreign_domain, unknown_address };
  Kind kind = Kind::none;                       ///< destination
  Missing missing = Missing::foreign_domain;    ///< valid with Kind::none
  std::shared_ptr<const Webhook> webhook;       ///< null unless Kind::webhook
  std::shared_ptr<const WebhookPolicy> policy;  ///< null: the webhook has no policy
  std::optional<std::string> tag;               ///< of a name+tag@ address
};

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

/// A DNS answer that a decision used; recorded so that the decision can be replayed offline.
struct DnsRecord {
  dns::Question question;  ///< as asked
  dns::Answer answer;      ///< as received
  bool in_shadow = false;  ///< asked for layers in shadow alone: enforced layers do not see it
};

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

/// Evidence that has to be fetched; a set of bits.
enum class Need : std::uint32_t {
  none = 0,
  rate_tokens = 1u << 0,
  spf = 1u << 1,
  dkim = 1u << 2,
  dmarc = 1u << 3,  ///< includes SPF and DKIM
  arc = 1u << 4,
};
constexpr Need operator|(Need a, Need b) {
  return static_cast<Need>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
/// `set` minus `some`.
constexpr Need without(Need set, Need some) {
  return static_cast<Need>(static_cast<std::uint32_t>(set) & ~static_cast<std::uint32_t>(some));
}
/// Whether the sets have a bit in common.
constexpr bool has(Need set, Need one) {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(one)) != 0;
}

}  // namespace postern::policy
