// What a rule knows during evaluation, and what it can decide. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/rules.h"
#include "policy/questions/authenticated.h"
#include "policy/questions/helo_valid.h"

namespace postern::dialect::restrictions {

/// An address of the evidence as the client sent it.
struct Written {
  const mail::Mailbox* mailbox = nullptr;  ///< null: the null reverse-path, or none
  /// Without source route; "": the null reverse-path.
  std::string text() const { return mailbox != nullptr ? mailbox->text() : std::string(); }
  /// Whether text() is empty.
  bool is_null() const {
    return mailbox == nullptr || (mailbox->local_part.empty() && mailbox->domain.empty());
  }
};

/// An envelope address in the forms that rules use.
struct Address : Written {
  std::string local;   ///< unquoted; for our domains with percent hack and bang path resolved
  std::string domain;  ///< lower case; `[literal]`; for an address without domain myorigin
  /// `local@domain` in lower case, without what append_dot_mydomain has added to the domain: the
  /// key for access tables.
  std::string key;
  bool bare = false;                         ///< the client sent no domain
  DomainClass known = DomainClass::foreign;  ///< of `domain`
  bool routed = false;                       ///< the local part contains a route: x%other, other!x

  bool rerouted = false;  ///< a route was removed from the local part
  bool quoted = false;    ///< `local` is no dot-atom: keys have quotes first

  /// The domain in `key`; it lives as long as the address.
  std::string_view written_domain() const {
    return key.empty() ? std::string_view() : std::string_view(key).substr(local.size() + 1);
  }
};

/// Whether the table of its domain has an address.
struct Listed {
  /// What the table said.
  enum class Status : std::uint8_t {
    listed,    ///< the address exists
    no_table,  ///< its domain has no table
    unlisted,  ///< the address does not exist
    failed,    ///< the table cannot be read
    waiting,   ///< an answer is missing
  };
  Status status = Status::no_table;  ///< of the look-up
  std::uint16_t code = 0;            ///< of the refusal; if unlisted
  std::string_view passes;           ///< if listed or no_table: why, one line; static
  std::string why;                   ///< if unlisted or failed: one line
};

/// A reason to defer that was put off.
struct Deferral {
  smtp::Reply reply;       ///< if it applies
  std::string_view check;  ///< name of the rule; static
  std::string origin;      ///< Rule::origin
};

/// State of one evaluation. Borrows its arguments; not thread-safe.
class Context {
 public:
  /// As evaluate(). All arguments must outlive this object; `result` gets the outcome.
  Context(const ListPolicy& policy, const policy::Evidence& evidence, policy::Stage stage,
          Evaluated& result, std::size_t waited = all_waited, std::size_t verified = 0);

  /// The lists.
  const ListPolicy& policy() const { return policy_; }
  /// The facts.
  const policy::Evidence& evidence() const { return evidence_; }
  /// The stage of the command.
  policy::Stage stage() const { return stage_; }
  /// The command is VRFY.
  bool is_vrfy() const {
    return stage_ == policy::Stage::rcpt && evidence_.vrfy != policy::Evidence::Vrfy::no;
  }
  /// The command is ETRN.
  bool is_etrn() const { return stage_ == policy::Stage::rcpt && evidence_.etrn; }
  /// The list that is running.
  ListKind list() const { return list_; }
  /// DNS answers of the evidence.
  policy::Answers& answers() { return answers_; }
  /// Replies of other programs, from the evidence.
  policy::Replies& replies() { return replies_; }
  /// Whether an answer is missing; the outcome is then void.
  bool waits() const { return answers_.wanted() || replies_.wanted(); }
  /// Whether the client is in mynetworks; computed once.
  Match in_mynetworks();
  /// Whether there is a sender: not before MAIL.
  bool has_sender() const { return sender_.given; }
  /// Whether it is the null reverse-path.
  bool has_null_sender() const { return sender_.given && sender_.is_null(); }
  /// As Address::text(); "" too if there is none.
  std::string sender_text() const { return sender_.text(); }
  /// Whether there is a recipient that rules may look at.
  bool has_recipient() const { return recipient_.given; }
  /// Its address as the client sent it; null: there is none.
  const mail::Mailbox* recipient_mailbox() const { return recipient_.mailbox; }
  /// As sender_text().
  std::string recipient_text() const { return recipient_.text(); }
  /// Null: no MAIL yet. Empty text: the null reverse-path. The first call looks up the class of its
  /// domain, for which an answer may be missing: see waits().
  const Address* sender() const { return forms(sender_); }
  /// As sender(); null: no recipient yet.
  const Address* recipient() const { return forms(recipient_); }
  /// At the greeting "", even if HELO is known later.
  std::string_view helo() const {
    return stage_ == policy::Stage::connect ? std::string_view() : evidence_.session.helo;
  }
  /// Whether the HELO name is valid, of helo(); computed once.
  policy::questions::HeloValid helo_valid() {
    if (!helo_valid_) helo_valid_ = policy::questions::helo_valid(helo());
    return *helo_valid_;
  }
  /// helo() in lower case, as the key of a table.
  std::string_view helo_key();
  /// Domain of ETRN; "" for other commands.
  std::string_view etrn() const { return etrn_; }
  /// From now on, lists are evaluated as at the command at which they ran: facts that became known
  /// later are hidden.
  void look_back() { looks_back_ = true; }
  /// The client's identity; none after look_back() for a command before AUTH.
  policy::questions::Authenticated authenticated() const {
    const bool later = looks_back_ && stage_ < policy::Stage::mail;
    return later ? policy::questions::Authenticated{} : policy::questions::authenticated(evidence_);
  }
  /// The TLS of the session; null: none, or after look_back() none yet, as at a greeting before
  /// STARTTLS.
  const policy::Tls* tls() const {
    const auto& tls = evidence_.session.tls;
    const bool later = looks_back_ && stage_ == policy::Stage::connect && tls && tls->starttls;
    return tls && !later ? &*tls : nullptr;
  }
  /// The client's certificate in tls(); null: none was asked for, or presented.
  const policy::ClientCertificate* certificate() const {
    const policy::Tls* session = tls();
    return session != nullptr && session->client ? &*session->client : nullptr;
  }
  /// The client's login; "": none, or AUTH is switched off.
  std::string_view login_name() const;
  /// Whether the client sent data early. False after look_back(): had it been true, the list that
  /// asks would have refused at its own command.
  bool early_talker() const { return evidence_.session.early_talker && !looks_back_; }
  /// From DNS; Status::waiting if an answer is missing. Computed once.
  const policy::ClientName& client_name();
  /// The verified name if a rule has looked it up, else "unknown".
  std::string client_label() const;
  /// The same for the name that may be unverified.
  std::string reverse_label() const;

  /// Lets the client wait, unless it has waited here already. False: it must wait first.
  bool wait(std::chrono::seconds time);

  // Outcomes for judges. Each text is only the reason: "Access denied".
  /// With the reply code and enhanced code of the keyword.
  RuleOutcome refuse(const Rule& rule, std::string_view reason);
  /// With these codes.
  RuleOutcome refuse(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                     std::string_view reason);
  /// With these codes; `text` is the whole text of the reply.
  RuleOutcome refuse_with(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                          std::string text);
  /// Raises defer_if_permit with this reply: if no list refuses, the request is deferred with it
  /// (docs/restriction-lists.md, "Reasons to defer").
  RuleOutcome defer_if_permit(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                              std::string_view reason);
  /// Raises defer_if_reject with this reply: it replaces a later 5xx of this list.
  RuleOutcome defer_if_reject(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                              std::string_view reason);
  /// 451 4.3.5: an error in the configuration; warn_if_reject does not apply to it.
  RuleOutcome configuration_error(const Rule& rule, std::string_view why);
  /// 451 4.3.5: the rule's table cannot be used. warn_if_reject applies to it.
  RuleOutcome table_trouble(const Rule& rule, std::string_view why);
  /// 451 4.3.0: a lookup failed. The reply names what the rule is about; for the client and its
  /// certificate what the list is about.
  RuleOutcome lookup_trouble(const Rule& rule, std::string_view why);
  /// 451 4.3.0: a list cannot be read; the trace names the table of it that failed. `list` is in
  /// the plural: "the lists of domains", "mynetworks".
  RuleOutcome list_trouble(const Rule& rule, std::string_view list);
  /// The domain class of an address is unknown: an answer is missing, or a lookup failed.
  RuleOutcome domain_trouble(const Rule& rule) {
    return waits() ? RuleOutcome::wait : list_trouble(rule, "the lists of domains");
  }
  /// Passes, with the reason for the trace, which must be a static text.
  RuleOutcome pass(std::string_view always) { return settle(RuleOutcome::pass, always); }
  /// The same.
  RuleOutcome pass(const char* always) {
    return settle(RuleOutcome::pass, std::string_view(always));
  }
  /// The same with a text of its own.
  RuleOutcome pass(const std::string& seen) { return settle(RuleOutcome::pass, seen); }
  /// Permits, with the reason for the trace; static text.
  RuleOutcome permit(const char* always) {
    return settle(RuleOutcome::permit, std::string_view(always));
  }
  /// The same with a text of its own.
  RuleOutcome permit(const std::string& seen) { return settle(RuleOutcome::permit, seen); }
  /// Whether the current rule would have refused, after warn_if_reject.
  bool would_refuse() const { return raised_ == Mark::Result::warned; }
  /// Notes the key that the table of the current rule has.
  void found(std::string_view key) {
    result_.keys.push_back({.mark = Evaluated::Key::pending, .text = std::string(key)});
  }
  /// Appends to the rule's reason for the trace.
  void add_reason(std::string_view why);
  /// Holds the message.
  void hold(const Rule& rule, std::string_view why) {
    result_.hold = std::string(why);
    result_.held_by = &rule;
  }
  /// Discards the message: it is accepted and not delivered.
  void discard(const Rule& rule, std::string_view why) {
    result_.discard = std::string(why);
    result_.discarded_by = &rule;
  }
  /// Trusts the client for this transaction.
  void trust_client(const Rule& rule) {
    result_.trusted_client = true;
    result_.trusted_by = &rule;
  }
  /// A rule has discarded the message.
  bool discarded() const { return result_.discard.has_value(); }
  /// Runs the rules of one of the policy's lists in order. `fresh`: a defer_if_reject that an
  /// earlier list raised is dropped first.
  RuleOutcome run_list(ListKind kind, bool fresh);
  /// From now on one rule of this list is judged on its own (rule_effect.h): rules of a table's row
  /// are left out, and left_out() has them.
  void stand_alone(ListKind kind, bool warn_only) {
    list_ = kind;
    warn_only_ = warn_only;
    is_alone_ = true;
  }
  /// Judges a rule that is not a restriction class.
  RuleOutcome run_alone(const Rule& rule) { return run_rule(rule); }
  /// The rules that were left out; null: none.
  const std::shared_ptr<const List>& left_out() const { return left_out_; }
  /// Whether a raised defer_if_reject would have replaced the refusal.
  bool refusal_yields() const { return refusal_yields_; }
  /// The raised defer_if_reject; nullopt: none.
  const std::optional<Deferral>& raised_if_reject() const { return defer_if_reject_; }
  /// Runs the rules of a table's row.
  RuleOutcome run_row(const std::shared_ptr<const List>& list) {
    if (is_alone_) {
      left_out_ = list;
      return RuleOutcome::pass;
    }
    result_.kept.push_back(list);
    return run(*list);
  }
  /// Runs a list within a list. More than 100 levels, as of a class that contains itself through a
  /// table, are a configuration error.
  RuleOutcome run(const List& list);
  /// Whether an address exists, by the tables of this server (docs/restriction-lists.md,
  /// "Destinations").
  Listed listed(const Address& address);
  /// The gateway's answer about an address, for this command; null: it is missing.
  const policy::Consultation* verification(std::string_view service, std::string_view address);
  /// Refuses an address that is not in the table of its domain (docs/restriction-lists.md,
  /// "Destinations"). Null `rule`: the check after all lists.
  RuleOutcome judge_listed(const Rule* rule, const Address& address, Subject subject);

  /// Whether the address is an authorized destination: of a webhook, of a domain of ours, or of
  /// relay_domains. Match::trouble: its domain class is unknown.
  Match is_authorised(const Address& address);
  /// The subject of the rule in the list that contains it.
  Subject subject_of(const Rule& rule) const;
  /// Whether the recipient is a webhook's address.
  bool is_webhook() const;
  /// Takes over the defer_if_permit that a list raised at an earlier command, unless one is raised.
  void inherit(const Context& earlier) {
    if (!defer_if_permit_) defer_if_permit_ = earlier.defer_if_permit_;
  }
  /// Drops a raised defer_if_permit.
  void forget_deferral() { defer_if_permit_.reset(); }
  /// The raised defer_if_permit; nullopt: none.
  const std::optional<Deferral>& deferral() const { return defer_if_permit_; }
  /// The reply so far.
  const smtp::Reply& reply() const { return result_.reply; }
  /// The result so far.
  Evaluated& result() { return result_; }

 private:
  /// An address of the envelope, in the forms that rules use once one of them has asked.
  struct Enveloped : Written {
    bool given = false;       ///< this command or an earlier one named it
    bool of_webhook = false;  ///< a webhook gets the mail
    mutable std::optional<Address> address;
  };
  static Enveloped enveloped(const mail::Mailbox* mailbox) { return {{mailbox}, true, false, {}}; }
  static Enveloped enveloped(const policy::Recipient& recipient) {
    return {{&recipient.address}, true, recipient.route.webhook != nullptr, {}};
  }
  const Address* forms(const Enveloped& one) const;
  Address address_of(const Enveloped& one) const;
  RuleOutcome run_rule(const Rule& rule);
  RuleOutcome settle(RuleOutcome outcome, std::string_view always) {
    reason_ = Reason(always);
    return outcome;
  }
  RuleOutcome settle(RuleOutcome outcome, const std::string& seen) {
    reason_ = Reason::made(seen);
    return outcome;
  }
  RuleOutcome run_rules(const List& list);
  std::string judged(Subject subject) const;  ///< "<u@example>: Sender address"
  smtp::Reply reply_of(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) const;
  Deferral deferral_of(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                       std::string_view reason) const;

  const ListPolicy& policy_;
  const policy::Evidence& evidence_;
  const policy::Stage stage_;
  const std::string etrn_;
  policy::Answers answers_;
  mutable policy::Replies replies_;
  Evaluated& result_;
  Enveloped sender_;
  Enveloped recipient_;
  ListKind list_ = ListKind::client;
  bool looks_back_ = false;
  bool warn_only_ = false;
  /// What the current rule, which passes, has done: warned, or raised a reason to defer.
  Mark::Result raised_ = Mark::Result::passed;
  std::optional<Match> in_mynetworks_;
  std::optional<policy::questions::HeloValid> helo_valid_;
  std::string helo_key_;  ///< if it differs from helo()
  std::optional<policy::ClientName> client_name_;
  std::optional<Deferral> defer_if_permit_;
  std::optional<Deferral> defer_if_reject_;
  Reason reason_;                           ///< of the current rule
  std::optional<policy::Trouble> trouble_;  ///< why the current rule could not be evaluated
  int depth_ = 0;                           ///< of lists within lists
  bool is_alone_ = false;
  bool refusal_yields_ = false;
  std::shared_ptr<const List> left_out_;
  const std::size_t verified_before_;
  std::size_t waits_left_;  ///< rules that have made the client wait for this command
};

/// The keys of an address in a table of addresses, in the order in which they are tried. `local`:
/// also the local part alone.
std::vector<std::string> address_keys(const Address& address, const ListPolicy& policy, bool local);

/// Carries out the action of a table for a key that was found.
RuleOutcome apply(Context& context, const Rule& rule, Subject subject, const Action& action);

// Lookups in access tables, with keys in Postfix's order (docs/restriction-lists.md, "Access
// tables").
/// Looks up an envelope address.
RuleOutcome check_address(Context& context, const Rule& rule, const Address& address,
                          Subject subject);
/// Looks up a host name or an address in text form, in lower case, with parent domains.
RuleOutcome check_name(Context& context, const Rule& rule, std::string_view name, Subject subject);
/// After a row about the client or its certificate has permitted: if that lets it send to a
/// destination that is not ours, the client is trusted.
void trust_if_relayed(Context& context, const Rule& rule);
/// Looks up one key.
RuleOutcome check_key(Context& context, const Rule& rule, std::string_view key, Subject subject);
/// Looks up the client's name and address.
RuleOutcome check_client(Context& context, const Rule& rule);
/// Which servers of a name a rule looks at.
enum class ServersOf : std::uint8_t {
  mx,  ///< its mail hosts; without MX records the name itself
  ns,  ///< its name servers, or those of a parent
  a,   ///< its own addresses
};
/// Looks up the names and addresses of a name's servers (docs/restriction-lists.md, "Tables about
/// servers").
RuleOutcome check_servers(Context& context, const Rule& rule, std::string_view name,
                          Subject subject, ServersOf which);
/// A value that permits becomes an error of the configuration, with this reason.
RuleOutcome without_permit(Context& context, const Rule& rule, RuleOutcome outcome,
                           const char* why);

}  // namespace postern::dialect::restrictions
