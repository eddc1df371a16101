// One session's business: events of the SMTP core in, replies out. It asks the decision engine at
// each stage, keeps the message while it arrives, hands it on, and leaves a trace.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/memory_budget.h"
#include "base/task.h"
#include "gateway/authenticator.h"
#include "gateway/policies_verifier.h"
#include "gateway/ports.h"
#include "gateway/resources.h"
#include "gateway/settings.h"
#include "gateway/signature_sightings.h"
#include "mail/header_scanner.h"
#include "policy/authentication.h"
#include "policy/directory.h"
#include "policy/layer.h"
#include "policy/own_addresses.h"
#include "smtp/server_session.h"
#include "spool/body.h"

namespace postern::gateway {

/// What every session of the process shares. All outlive the sessions.
struct Services {
  const policy::Directory& directory;
  Authenticator& authenticator;
  MessageSink& sink;
  TransactionRecorder& recorder;
  RateProbe& rates;
  Resources& resources;
  dns::Resolver& resolver;
  policy::AuthenticationCaches& authentication;
  SignatureSightings& sightings;
  /// Whether an account operates the gateway; empty: every account does.
  PoliciesVerifier::Operates operates = {};
};

class Transaction final : private policy::Gatherer {
 public:
  Transaction(std::shared_ptr<const ListenerSettings> settings, Services& services);
  ~Transaction() override;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  policy::SessionFacts& session() { return evidence_.session; }

  /// Each answers one event. A Reply with code 0 means: nothing against it.
  Task<smtp::Reply> connected();
  /// `extensions`: what EHLO is about to offer.
  Task<smtp::Reply> helo(smtp::Helo event, std::vector<std::string> extensions);
  /// Whether somebody is asked at HELO.
  bool speaks_at_helo() const;
  /// What a script wants EHLO to offer instead, once.
  std::optional<std::vector<std::string>> take_offered();
  Task<smtp::Reply> auth(smtp::Auth event);
  /// The error is the reply.
  Task<tl::expected<smtp::ScramKeys, smtp::Reply>> scram_keys(smtp::ScramName event);
  /// What AUTH may offer.
  std::string mechanisms() const { return services_.authenticator.mechanisms(); }
  Task<smtp::Reply> mail(smtp::Mail event);
  Task<smtp::Reply> rcpt(smtp::Rcpt event);
  /// VRFY: what RCPT of this address would be told, without a recipient.
  Task<smtp::Reply> vrfy(smtp::Vrfy event);
  /// RFC 1985: 250 where the queue is run for the domain.
  Task<smtp::Reply> etrn(smtp::Etrn event);
  Task<smtp::Reply> data();
  void chunk(std::string_view bytes);
  Task<smtp::Reply> end_of_data(std::uint64_t size);
  /// The transaction is over without a message: RSET, a new EHLO, a lost connection.
  void aborted();
  /// After STARTTLS nothing learnt before counts (RFC 3207 §4.2); that the connection was let in is
  /// still told.
  void tls_begins();
  /// Another client speaks from here on (XCLIENT).
  void forget_session();

  /// The reply in the words of the listener's rewriter, which there is.
  Task<smtp::Reply> rewritten(smtp::Reply reply, std::optional<std::string> command);

  std::uint64_t messages() const { return messages_; }

 private:
  /// What a transaction needs only while a message is on its way.
  struct Message {
    spool::Body body;
    mail::HeaderScanner scanner;
    MemoryCharge charge;
    std::optional<Error> trouble;
    bool dropped = false;  ///< what came was let go of: it will be refused
  };

  Task<void> gather(policy::Need needs, policy::Evidence& evidence) override;
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override;
  std::optional<std::string_view> message() override;
  bool is_ours(const mail::Mailbox& address) override;
  Task<void> consult(policy::Consultation question, policy::Evidence& evidence) override;
  policy::MessageAuthentication& authentication();
  /// Once a message, whoever asked for DKIM; taken back unless the message is accepted.
  void count_signatures();
  /// What is told of signatures that other messages had (RFC 6376 §8.6).
  std::string replay_detail() const;
  policy::Step replay_step(policy::Verdict verdict) const;
  void note_replay();
  /// With the webhook that the address belongs to, if any.
  policy::Recipient recipient_of(mail::Mailbox address) const;
  /// With a domain where it has none, as it is handed on. The lists judge it as it was given.
  mail::Mailbox completed(mail::Mailbox address) const;
  bool has_bare_addresses() const;
  policy::OwnNames own_names() const;
  /// A credential that was changed or taken away since AUTH counts as not signed in.
  void forget_revoked();
  /// What webhooks and policies were edited to since RCPT: recipients get the routes of now, and
  /// keep those that judged them.
  void take_edits();
  /// Asks the engine; the decision goes into the trace. Code 0 when nothing refuses, or a positive
  /// reply in a rule's own words.
  Task<smtp::Reply> decide(policy::Stage stage);
  /// What the layers let through, and there is no memory for or no way to; the decision says so.
  void refuse_ourselves(policy::Stage stage, policy::Decision& decision);
  void record(policy::Decision decision);
  /// The reply to failed credentials, with what was asked in the trace.
  smtp::Reply refuse_auth(Authenticator::Result result, policy::Decision asked);
  void log_refusal(const policy::Decision& decision);
  /// What rules of lists said that changes no reply: warn_if_reject, WARN, INFO, and actions that
  /// are not carried out.
  void log_remarks(const policy::Decision& decision);
  void log_accepted(const smtp::Reply& reply);
  /// Ends the transaction with the reply to its end of data.
  void settle(const smtp::Reply& reply);
  /// Asks those who speak about accepted mail. Code 0: nothing against it.
  Task<smtp::Reply> decide_afterwards();
  /// Hands the message on, as scripts left it.
  Task<smtp::Reply> hand_on(const smtp::Reply& afterwards);
  /// A copy that scripts made.
  struct Handed {
    policy::Evidence evidence;
    std::optional<spool::Body> changed;  ///< nullopt: the message as it came
  };
  /// Of `recipients`, which are those that the copies number.
  Result<Handed> hand_on(const policy::ScriptCopy& copy,
                         const std::vector<policy::Recipient>& recipients);
  /// As scripts left the message; `charge` is for all of them. Code 0, or the refusal.
  smtp::Reply make_copies(std::vector<Handed>& handed, MemoryCharge& charge);
  /// With what the sink makes of it: a payload, or the message with our fields on top.
  static std::uint64_t memory_of(const Handed& copy, const spool::Body& message);
  void finish(std::string_view outcome);
  void drop_message();
  bool is_header_over() const;
  /// Lets go of what came of the message; what follows is only counted.
  void let_go();
  /// Charges what the transaction keeps. False: there is no memory left for what it grew by.
  bool charge();
  /// Counts all of it anew.
  void recount();
  MessageSink::Ruling ruling(const smtp::Reply& afterwards) const;

  std::shared_ptr<const ListenerSettings> settings_;
  Services& services_;
  policy::Evidence evidence_;
  std::vector<policy::Step> scram_steps_;     ///< of the exchange in hand
  std::unordered_set<std::string> accepted_;  ///< addresses of the recipients, in lower case
  std::unique_ptr<policy::Trace> trace_;
  /// What let the session come so far, for the trace of its first transaction.
  std::vector<policy::Decision> before_;
  std::unique_ptr<Message> message_;
  std::optional<dns::ClientResolver> resolver_;  ///< of authentication_
  std::unique_ptr<policy::MessageAuthentication> authentication_;
  std::vector<SignatureSightings::Key> sighted_;  ///< signatures that the message counts for
  /// Messages of 24 hours, this one included, that had the one of them seen most often.
  std::uint64_t dkim_seen_ = 0;
  /// Of envelope, evidence and trace: octets counted, and how far the lists that grow were.
  MemoryCharge charge_;
  std::size_t held_ = 0;
  std::size_t counted_dns_ = 0;
  std::size_t counted_consultations_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace postern::gateway
