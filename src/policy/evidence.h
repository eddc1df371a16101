// What is known about a session and its message. Facts the dialogue gives are simply there; facts
// that must be found out are optional, and a check names them as needs: the gatherer fills each in
// at most once a message, whichever layers ask.
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
#include "policy/script_facts.h"

namespace postern::mail {
class HeaderScanner;
}

namespace postern::policy {

struct Webhook;
struct WebhookPolicy;

/// TLS as the connection negotiated it.
struct Tls {
  std::string version;  ///< "TLSv1.3"
  std::string cipher;
};

/// The SASL identity of the session, and which policies' credential lists it satisfied. Each grant
/// holds the stamp of the credential that matched, so that a changed password stops counting.
struct Authentication {
  std::string
      username;  ///< the authentication identity, without a "%pol_..." that selects a policy
  std::string mechanism;
  std::map<std::string, std::uint64_t> granted;  ///< policy id -> Credential::stamp
  std::string authz_id;                          ///< whom the client acts for (RFC 4422 §2)
  std::vector<std::string> groups;               ///< that the verifier says it belongs to
  /// Only credentials of accounts that do not operate the gateway fitted: they open these accounts'
  /// own webhooks and say nothing about the client otherwise.
  bool tenant = false;
  /// Name and context of every identity that a script's AuthInfo had; empty: no script decided.
  std::vector<std::pair<std::string, std::string>> identities;
};

/// Facts of one connection.
struct SessionFacts {
  std::string id;  ///< ULID
  std::string listener;
  IpAddress client_ip;
  std::uint16_t client_port = 0;
  IpAddress server_ip;  ///< the end of the connection that is ours
  std::uint16_t server_port = 0;
  std::string server_name;  ///< that the client named in TLS (RFC 6066 §3); empty: none
  std::chrono::system_clock::time_point connected;
  std::string helo;
  bool esmtp = false;
  bool early_talker = false;  ///< sent commands where it had to wait (RFC 2920 §3.1)
  std::optional<Tls> tls;
  std::optional<Authentication> auth;
  /// Who it was until the credential was changed or taken away: it counts as not signed in.
  std::optional<Authentication> revoked;
  std::shared_ptr<ScriptSession> script;  ///< null: no script has spoken

  /// The login as rules about clients see it, of lists and scripts: null for none and for a
  /// tenant's, since anybody may become a tenant (api.signup) under any user name.
  const Authentication* login() const { return auth && !auth->tenant ? &*auth : nullptr; }
};

/// Who owns a recipient. Unknown recipients have Route::Kind::none and the reason.
struct Route {
  enum class Kind {
    none,
    webhook,
    relay,  ///< no webhook's; granted by a layer that judges whom mail is passed on for
  };
  enum class Missing { foreign_domain, unknown_address };
  Kind kind = Kind::none;
  Missing missing = Missing::foreign_domain;
  std::shared_ptr<const Webhook> webhook;
  std::shared_ptr<const WebhookPolicy> policy;  ///< null: the webhook has none
  std::optional<std::string> tag;               ///< of name+tag@
};

struct Recipient {
  mail::Mailbox address;
  Route route;
  std::string notify;                  ///< RFC 3461 §4.1, octet for octet; empty: not given
  std::string orcpt;                   ///< RFC 3461 §4.2, xtext
  std::optional<Transport> transport;  ///< that a script chose
  /// What RCPT was judged by, where webhook or policy have been edited since: `route` is what is in
  /// force at the end of data.
  std::optional<Route> judged;
};

/// The recipient as RCPT judged it.
inline Recipient as_judged(Recipient recipient) {
  if (recipient.judged) recipient.route = std::move(*recipient.judged);
  recipient.judged.reset();
  return recipient;
}

/// What the header scanner counted; known at Stage::message.
struct MessageFacts {
  std::uint64_t size = 0;
  std::size_t header_fields = 0;  ///< and lines that are none
  std::size_t header_size = 0;
  std::size_t received_fields = 0;
  std::size_t from_fields = 0;
  std::string message_id;
};

/// Of a message of `size` octets that passed by a scanner, which is finished.
MessageFacts facts_of(std::uint64_t size, const mail::HeaderScanner& scanner);
/// Of a whole message; its lines end in CRLF.
MessageFacts facts_of(std::string_view message);

/// A DNS answer that a decision used; kept so that it can be made again offline.
struct DnsRecord {
  dns::Question question;
  dns::Answer answer;
};

/// What another program was asked while deciding, and said.
struct Consultation {
  std::string service;  ///< "inet:127.0.0.1:10023"; a table: "ldap:/etc/postfix/people.cf"
  std::string request;  ///< of a table the key
  std::string answer;   ///< its one line; of a failed one the reason
  bool failed = false;
};

/// A login that a script judged: enough to ask it again. Of the password and of what stores said it
/// has what stands for them.
struct LoginRecord {
  std::shared_ptr<const std::string> verifier;  ///< its definition, as Layer::definition has it
  std::string mechanism;
  std::string authz_id;  ///< as the client wrote it
  std::string authn_id;
  std::string password;  ///< "<withheld 1>"
  std::string script;    ///< what the script was told, as Evidence::script_record
};

struct Evidence {
  SessionFacts session;

  // One transaction.
  std::string message_id;  ///< ULID; what the reply to the data says the mail is queued as
  std::optional<mail::Mailbox> reverse_path;  ///< nullopt after MAIL is the null reverse-path
  std::uint64_t declared_size = 0;
  bool smtputf8 = false;
  bool body_8bitmime = false;
  bool require_tls = false;             ///< REQUIRETLS was said (RFC 8689)
  std::string ret;                      ///< RFC 3461 §4.3, octet for octet; empty: not given
  std::string envid;                    ///< RFC 3461 §4.4, xtext
  std::vector<Recipient> recipients;    ///< accepted so far
  std::optional<Recipient> candidate;   ///< under judgement at Stage::rcpt
  std::optional<MessageFacts> message;  ///< from Stage::message on
  std::optional<std::string> etrn;      ///< the domain of an ETRN under judgement at Stage::rcpt
  /// The candidate is the address of VRFY: asked about, not taken. In front of MAIL there is no
  /// sender, not even the null one.
  enum class Vrfy { no, before_mail, in_transaction } vrfy = Vrfy::no;

  // Gathered (see Need).
  std::optional<double> rate_tokens;  ///< left in the candidate webhook's bucket
  /// Of the MAIL FROM identity; of the HELO name when the reverse-path is null (RFC 7208 §2.4).
  std::optional<mailauth::spf::Result> spf;
  std::optional<mailauth::dmarc::Author> author;  ///< what the From fields say
  std::optional<mailauth::dkim::Results> dkim;    ///< every signature
  std::optional<mailauth::dmarc::Result> dmarc;
  std::optional<mailauth::arc::Verdict> arc;
  /// Every DNS answer that the items above were made of, each question once.
  std::vector<DnsRecord> dns;
  std::vector<Consultation> consulted;

  /// A rule said that the message is to be taken and thrown away: why.
  std::optional<std::string> discard;
  /// The credential was revoked when recipients had been accepted already.
  bool revoked_meanwhile = false;
  /// A rule let the client through for its network: mail of such clients is signed, and its senders
  /// are told of failures, as for those who authenticated.
  bool trusted_client = false;

  /// The message as scripts left it, each recipient in one copy; none: as it came.
  std::vector<ScriptCopy> copies;
  /// By the layer's name: what it keeps between the stages of the transaction.
  std::map<std::string, std::shared_ptr<ScriptTransaction>, std::less<>> kept;
  /// What scripts were told by their host functions at the stage in hand, for the record: a line
  /// for each call of a script.
  std::string script_record;
  /// The login in hand, from the verifier whose script judged it, for the record.
  std::optional<LoginRecord> login;
  /// A recorded decision is made again: scripts ask nobody and get these answers, from the top.
  bool offline = false;
  std::string script_answers;

  /// Puts a recipient under judgement; evidence about another webhook's is forgotten.
  void consider(Recipient recipient);
  /// Forgets the transaction; the session's facts stay.
  void reset_transaction();
  /// The webhook that the first accepted recipient fixed, else the candidate's; null without.
  const Recipient* subject() const;
};

/// Names of evidence that has to be fetched. A check lists its needs as a set of bits.
enum class Need : std::uint32_t {
  none = 0,
  rate_tokens = 1u << 0,
  spf = 1u << 1,
  dkim = 1u << 2,
  dmarc = 1u << 3,  ///< takes SPF and DKIM with it
  arc = 1u << 4,
};
constexpr Need operator|(Need a, Need b) {
  return static_cast<Need>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr Need without(Need set, Need some) {
  return static_cast<Need>(static_cast<std::uint32_t>(set) & ~static_cast<std::uint32_t>(some));
}
constexpr bool has(Need set, Need one) {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(one)) != 0;
}

}  // namespace postern::policy
