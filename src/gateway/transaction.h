// The mail transactions of one session: takes events of the SMTP core and returns replies. It asks
// the decision engine at each stage, keeps the message while it arrives, passes it on, and records
// a trace.
#pragma once

#include <array>
#include <chrono>
#include <functional>
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
#include "net/peer_waits.h"
#include "policy/authentication.h"
#include "policy/directory.h"
#include "policy/inquiry.h"
#include "policy/layer.h"
#include "policy/own_addresses.h"
#include "smtp/server_session.h"
#include "spool/body.h"

namespace postern::gateway {

/// Objects that all sessions of the process share; they outlive the sessions and are thread-safe.
struct Services {
  /// Webhooks and policies, the routes of recipients.
  const policy::Directory& directory;
  Authenticator& authenticator;                  ///< checks AUTH
  MessageSink& sink;                             ///< takes accepted messages
  TransactionRecorder& recorder;                 ///< keeps traces
  RateProbe& rates;                              ///< webhooks' rate limits
  Resources& resources;                          ///< memory, disk, open files
  dns::Resolver& resolver;                       ///< shared cache
  policy::AuthenticationCaches& authentication;  ///< of SPF, DKIM and DMARC checks
  SignatureSightings& sightings;                 ///< counts DKIM signatures
  /// Whether an account operates the gateway; empty: every account does.
  PoliciesVerifier::Operates operates = {};
};

/// Lives on the event loop of its connection and is used by that loop's thread only. Its tasks must
/// end before it is destroyed.
class Transaction final : private policy::Gatherer {
 public:
  /// `settings` is not null; `services` outlives the transaction.
  Transaction(std::shared_ptr<const ListenerSettings> settings, Services& services);
  ~Transaction() override;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// Facts of the session that the connection fills in.
  policy::SessionFacts& session() { return evidence_.session; }
  /// Charges DNS look-ups for this client to `waits`, as waits for the client itself are: the
  /// client chose the names, and its name servers may be slow. `waits` must outlive the look-ups.
  void watch(net::PeerWaits* waits) { waits_ = waits; }

  /// Lets the client wait.
  using Wait = std::function<Task<void>(std::chrono::seconds)>;
  /// How rules let the client wait; without it they do not.
  void wait_by(Wait wait) { wait_ = std::move(wait); }
  /// How a wait for an answer sees that the client has left; without it, it does not.
  void leave_by(std::function<bool()> left) { left_ = std::move(left); }

  /// Logs what the session refused by itself, without a decision.
  void log_own_refusal(const smtp::Reply& reply) const;

  /// Each function handles one event. A reply with code 0 means: no objection.
  Task<smtp::Reply> connected();
  /// `extensions`: the extensions that EHLO is about to offer.
  Task<smtp::Reply> helo(smtp::Helo event, std::vector<std::string> extensions);
  /// Whether a layer decides at HELO.
  bool speaks_at_helo() const;
  /// The extensions that a script wants EHLO to offer instead. Returned once; nullopt: no change.
  std::optional<std::vector<std::string>> take_offered();
  /// 235, or the refusal (RFC 4954 §6).
  Task<smtp::Reply> auth(smtp::Auth event);
  /// Keys for a SCRAM exchange; the error is the reply.
  Task<tl::expected<smtp::ScramKeys, smtp::Reply>> scram_keys(smtp::ScramName event);
  /// The mechanisms that AUTH may offer, separated by spaces.
  std::string mechanisms() const { return services_.authenticator.mechanisms(); }
  /// Begins a transaction.
  Task<smtp::Reply> mail(smtp::Mail event);
  /// Checks a recipient and adds it.
  Task<smtp::Reply> rcpt(smtp::Rcpt event);
  /// VRFY: the refusal that RCPT would give for this address, or 252 (RFC 5321 §3.5.3). Adds no
  /// recipient.
  Task<smtp::Reply> vrfy(smtp::Vrfy event);
  /// ETRN: 250 if the queue is run for the domain (RFC 1985 §5.3).
  Task<smtp::Reply> etrn(smtp::Etrn event);
  /// Code 0: message data may follow.
  Task<smtp::Reply> data();
  /// Takes message data. Errors are reported by end_of_data().
  void chunk(std::string_view bytes);
  /// `size`: octets of the whole message. Decides and passes the message on.
  Task<smtp::Reply> end_of_data(std::uint64_t size);
  /// The transaction ends without a message: RSET, an accepted EHLO, a lost connection.
  void aborted();
  /// Forgets what was learnt before STARTTLS (RFC 3207 §4.2), except the decision to admit the
  /// connection.
  void tls_begins();
  /// The next commands come from another client (XCLIENT).
  void forget_session();

  /// Passes a reply through the listener's rewriters. `command`: the one it
  /// answers; nullopt: none.
  Task<smtp::Reply> rewritten(smtp::Reply reply, std::optional<std::string> command);

  /// Messages of this session for which end_of_data() was called.
  std::uint64_t messages() const { return messages_; }

 private:
  /// What a transaction needs only while a message is on its way.
  struct Message {
    spool::Body body;
    mail::HeaderScanner scanner;
    MemoryCharge charge;
    std::optional<Error> trouble;
    bool dropped = false;        ///< the data was discarded, and the message will be refused
    bool without_place = false;  ///< of the reasons for that: there was no place for its file
  };

  Task<void> gather(policy::Need needs, policy::Evidence& evidence) override;
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override;
  std::optional<std::string_view> message() override;
  bool is_ours(const mail::Mailbox& address) override;
  Task<void> consult(policy::Consultation question, policy::Evidence& evidence) override;
  Task<void> wait(std::chrono::seconds time) override;
  /// The answer to a question about an address (policy::is_verification()).
  Task<Result<std::string>> verified(const policy::Consultation& question,
                                     const policy::Evidence& evidence);
  policy::MessageAuthentication& authentication();
  /// Counts the message's DKIM signatures once; undone unless the message is accepted.
  void count_signatures();
  /// The trace's detail about signatures seen in other messages (RFC 6376 §8.6).
  std::string replay_detail() const;
  policy::Step replay_step(policy::Verdict verdict) const;
  void note_replay();
  /// With the webhook of the address, if any.
  policy::Recipient recipient_of(mail::Mailbox address) const;
  /// Completes a bare address, as it is passed on. The lists judge the address as received.
  mail::Mailbox completed(mail::Mailbox address) const;
  /// Whether completed() changes it.
  bool is_incomplete(const mail::Mailbox& address) const;
  bool has_incomplete_addresses() const;
  policy::OwnNames own_names() const;
  /// Ends an authentication whose credential was changed or removed since AUTH.
  void forget_revoked();
  /// Applies edits of webhooks and policies since RCPT: recipients get the current routes and keep
  /// those that judged them.
  void take_edits();
  /// The place of a command that is judged, or that of the message on its way.
  class Working;
  /// Takes the message's place, if it has none yet. False: there is none.
  bool take_place();
  /// As Engine::decide(), with a place for the time that it takes; a refusal if there is none.
  Task<policy::Decision> judged(const policy::Engine& engine, policy::Stage stage,
                                policy::Evidence& evidence);
  /// The refusal of what has no place.
  static policy::Decision without_place(policy::Stage stage, const policy::Evidence& evidence);
  /// Refuses it and adds that to the trace.
  smtp::Reply refuse_without_place(policy::Stage stage);
  /// Asks the engine and adds the decision to the trace. Code 0 if no layer refuses, or a positive
  /// reply in a rule's words.
  Task<smtp::Reply> decide(policy::Stage stage);
  /// Refuses what the layers accept if there is no memory or no next hop; changes the decision.
  void refuse_ourselves(policy::Stage stage, policy::Decision& decision);
  void record(policy::Decision decision);
  /// Records a refused HELO or EHLO, judged by the evidence `asked`; session and transaction stay
  /// as they are. The reply.
  smtp::Reply refuse_helo(policy::Decision decision, policy::Evidence asked);
  /// The reply to failed credentials; adds the verifiers' steps to the trace.
  smtp::Reply refuse_auth(Authenticator::Result result, policy::Decision asked);
  /// `trace`: null if the decision is in none.
  void log_refusal(const policy::Decision& decision, const policy::Evidence& evidence,
                   const policy::Trace* trace);
  /// Logs remarks of list rules that change no reply: warn_if_reject, WARN, INFO, and actions that
  /// are not carried out.
  void log_remarks(const policy::Decision& decision, const policy::Evidence& evidence,
                   const policy::Trace* trace);
  /// Of a message that policies accept: it is kept, or could not be.
  void log_end(const smtp::Reply& reply);
  /// Ends the transaction with the reply to end of data.
  void settle(const smtp::Reply& reply);
  /// Asks the layers that decide on accepted mail. Code 0: no objection.
  Task<smtp::Reply> decide_afterwards();
  /// Passes the message on as scripts changed it.
  Task<smtp::Reply> hand_on(const smtp::Reply& afterwards);
  /// A copy that scripts made.
  struct Handed {
    policy::Evidence evidence;
    std::optional<spool::Body> changed;  ///< nullopt: the message as it came
  };
  /// `recipients`: those that the copy's indices refer to.
  Result<Handed> hand_on(const policy::ScriptCopy& copy,
                         const std::vector<policy::Recipient>& recipients);
  /// Makes the copies that scripts want; `charge` is for all of them. Code 0, or the refusal.
  smtp::Reply make_copies(std::vector<Handed>& handed, MemoryCharge& charge);
  /// With what the sink builds: a payload, or the message with added trace fields.
  static std::uint64_t memory_of(const Handed& copy, const spool::Body& message);
  void finish(std::string_view outcome);
  void drop_message();
  bool is_header_over() const;
  /// Discards the message data; later data is only counted.
  void let_go();
  /// Charges what the transaction keeps. False: the budget has no room for the growth.
  bool charge();
  /// Recomputes the whole charge.
  void recount();
  /// Forgets the fates that rules gave at this stage and later ones.
  void forget_fates(policy::Stage from);
  MessageSink::Ruling ruling(const smtp::Reply& afterwards) const;

  std::shared_ptr<const ListenerSettings> settings_;
  Services& services_;
  net::PeerWaits* waits_ = nullptr;
  Wait wait_;
  std::function<bool()> left_;
  policy::Evidence evidence_;
  std::vector<policy::Step> scram_steps_;     ///< of the SCRAM exchange that is running
  std::unordered_set<std::string> accepted_;  ///< keys of the recipients, see key_of()
  std::unique_ptr<policy::Trace> trace_;
  /// Decisions of the session so far, for the trace of its first transaction.
  std::vector<policy::Decision> before_;
  /// Why rules hold or discard the message.
  struct Fate {
    std::optional<std::string> hold;
    std::optional<std::string> discard;
  };
  /// By the stage of the decision; those before MAIL concern all messages of the session. The trace
  /// does not have all: it drops decisions on recipients, and those before MAIL are in the
  /// session's first trace alone.
  std::array<Fate, policy::stage_count> fates_;
  std::unique_ptr<Message> message_;
  std::optional<WorkPlaces::Place> work_;        ///< of the message: it is in a file, or at its end
  std::optional<dns::ClientResolver> resolver_;  ///< used by authentication_
  std::unique_ptr<policy::MessageAuthentication> authentication_;
  std::vector<SignatureSightings::Key> sighted_;  ///< signatures that this message was counted for
  /// Messages in 24 hours, with this one, that had its most frequent signature.
  std::uint64_t dkim_seen_ = 0;
  /// Octets of envelope, evidence and trace, and how many entries of the growing lists are
  /// included.
  MemoryCharge charge_;
  std::size_t held_ = 0;
  std::size_t counted_dns_ = 0;
  std::size_t counted_consultations_ = 0;
  std::uint64_t messages_ = 0;
};

}  // namespace postern::gateway
