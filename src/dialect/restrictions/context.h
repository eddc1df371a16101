// What a rule sees while it is evaluated, and the two deferrals that a list can raise. Private to
// this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/rules.h"

namespace postern::dialect::restrictions {

/// An envelope address as rules judge it.
struct Address {
  std::string text;    ///< as the client gave it, less source routes
  std::string local;   ///< rewritten: unquoted, percent hack and bang path undone for our domains
  std::string domain;  ///< lower case; `[literal]`; of a bare local part myorigin
  std::string key;     ///< `local@domain` in lower case, as tables are asked for it
  bool bare = false;   ///< the client gave no domain
  DomainClass known = DomainClass::foreign;  ///< of `domain`
  bool routed = false;  ///< the local part still holds a route: x%other, other!x
};

class Context {
 public:
  Context(const Policy& policy, const policy::Evidence& evidence, Protocol protocol,
          std::string_view etrn, Evaluated& result);

  const Policy& policy() const { return policy_; }
  const policy::Evidence& evidence() const { return evidence_; }
  Protocol protocol() const { return protocol_; }
  ListKind list() const { return list_; }
  policy::Answers& answers() { return answers_; }
  policy::Replies& replies() { return replies_; }
  bool waits() const { return answers_.wanted() || replies_.wanted(); }
  /// Null: not given yet. An empty text is the null reverse-path.
  /// Whether the client is in mynetworks; looked up once.
  Match in_mynetworks();
  const Address* sender() const { return sender_ ? &*sender_ : nullptr; }
  const Address* recipient() const { return recipient_ ? &*recipient_ : nullptr; }
  /// "" at the greeting, whatever came later.
  std::string_view helo() const {
    return protocol_ == Protocol::connect ? std::string_view() : evidence_.session.helo;
  }
  std::string_view etrn() const { return etrn_; }
  /// From here on a list is only asked what it said at its stage: what came later is not known.
  void look_back() { looks_back_ = true; }
  /// Null: nobody has signed in.
  const policy::Authentication* authentication() const {
    const bool later = looks_back_ && protocol_ < Protocol::mail;
    return later ? nullptr : evidence_.session.login();
  }
  /// A session that has shown it before comes no further than the list that asks.
  bool early_talker() const { return evidence_.session.early_talker && !looks_back_; }
  /// From DNS; waiting when it has to be asked.
  policy::ClientName client_name();
  /// The verified name if a rule has asked for it, else "unknown".
  std::string client_label() const;

  // What a judge answers with. Each text is the reason alone: "Access denied".
  Outcome refuse(const Rule& rule, std::string_view reason);
  Outcome refuse(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                 std::string_view reason);
  /// The whole text is given.
  Outcome refuse_with(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                      std::string text);
  Outcome defer_if_permit(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                          std::string_view reason);
  Outcome defer_if_reject(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                          std::string_view reason);
  /// 451 4.3.5: the configuration is in error; warn_if_reject does not cover it.
  Outcome configuration_error(const Rule& rule, std::string_view why);
  /// 451 4.3.5: the rule's table cannot be asked (tier C88).
  Outcome table_trouble(const Rule& rule, std::string_view why);
  /// 451 4.3.0: a look-up failed.
  Outcome lookup_trouble(const Rule& rule, std::string_view why);
  /// It is not known whose mail an address' domain gets: not yet, or a look-up failed.
  Outcome domain_trouble(const Rule& rule) {
    return waits() ? Outcome::wait : lookup_trouble(rule, "the lists of domains cannot be read");
  }
  /// Why the rule passed or permitted, for the trace: text that outlives everything, or what was
  /// seen.
  Outcome pass(std::string_view always) { return settle(Outcome::pass, always); }
  Outcome pass(const char* always) { return settle(Outcome::pass, std::string_view(always)); }
  Outcome pass(std::string seen) { return settle(Outcome::pass, std::move(seen)); }
  Outcome permit(const char* always) { return settle(Outcome::permit, std::string_view(always)); }
  Outcome permit(std::string seen) { return settle(Outcome::permit, std::move(seen)); }
  /// Goes behind what the rule has said to the trace.
  void add_reason(std::string_view why);
  void hold(std::string_view why) { result_.hold = std::string(why); }
  void discard(std::string_view why) { result_.discard = std::string(why); }
  void trust_client() { result_.trusted_client = true; }
  bool discarded() const { return result_.discard.has_value(); }
  /// Every rule of one of the policy's lists, in order. `fresh`: a raised defer_if_reject ends
  /// here.
  Outcome run_list(ListKind kind, bool fresh);
  /// A class that comes back to itself through a table is an error, after 100 lists.
  Outcome run(const List& list);
  /// A recipient or sender that its domain's table does not know. Null rule: the implicit check.
  Outcome judge_listed(const Rule* rule, const Address& address, Subject subject);

  /// Whether mail to this address is for us or for those we relay to.
  Match is_authorised(const Address& address);
  /// What the rule is about, in the list it stands in.
  Subject subject_of(const Rule& rule) const;
  /// The recipient under judgement is a webhook's address.
  bool is_webhook() const;
  /// Takes over the reason to defer of an evaluation before.
  void inherit(const Context& earlier) {
    if (!defer_if_permit_) defer_if_permit_ = earlier.defer_if_permit_;
  }
  void forget_deferral() { defer_if_permit_.reset(); }
  const std::optional<smtp::Reply>& deferral() const { return defer_if_permit_; }
  const smtp::Reply& reply() const { return result_.reply; }
  Evaluated& result() { return result_; }

 private:
  Address address_of(const mail::Mailbox& mailbox) const;
  Outcome run_rule(const Rule& rule);
  Outcome settle(Outcome outcome, std::string_view always) {
    detail_ = always;
    made_detail_.clear();
    return outcome;
  }
  Outcome settle(Outcome outcome, std::string&& seen) {
    detail_ = {};
    made_detail_ = std::move(seen);
    return outcome;
  }
  Outcome run_rules(const List& list);
  std::string judged(Subject subject) const;  ///< "<u@example>: Sender address"
  smtp::Reply reply_of(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) const;

  const Policy& policy_;
  const policy::Evidence& evidence_;
  const Protocol protocol_;
  const std::string etrn_;
  policy::Answers answers_;
  mutable policy::Replies replies_;
  Evaluated& result_;
  std::optional<Address> sender_;
  std::optional<Address> recipient_;
  ListKind list_ = ListKind::client;
  bool looks_back_ = false;
  bool warn_only_ = false;
  bool warned_ = false;
  std::optional<Match> in_mynetworks_;
  std::optional<smtp::Reply> defer_if_permit_;
  std::optional<smtp::Reply> defer_if_reject_;
  std::string_view detail_;
  std::string made_detail_;
  bool raised_permit_ = false;
  bool raised_reject_ = false;
  int depth_ = 0;  ///< of lists within lists
};

/// What an access table says about a key that was found.
Outcome apply(Context& context, const Rule& rule, Subject subject, const Action& action);

// Keys are tried in Postfix's order (reference §4).
Outcome check_address(Context& context, const Rule& rule, const Address& address, Subject subject);
Outcome check_name(Context& context, const Rule& rule, std::string_view name, Subject subject);
Outcome check_client(Context& context, const Rule& rule);

}  // namespace postern::dialect::restrictions
