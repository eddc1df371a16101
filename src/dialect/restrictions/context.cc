#include "dialect/restrictions/context.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/key_fold.h"
#include "dialect/restrictions/replies.h"
#include "dialect/restrictions/rule_effect.h"
#include "mail/postfix_path.h"
#include "policy/deferral.h"
#include "policy/own_addresses.h"

namespace postern::dialect::restrictions {

using policy::Stage;

namespace {

/// Whether a local part needs no quotes (RFC 5321 §4.1.2, RFC 6531 §3.3).
bool is_dot_atom(std::string_view local) {
  const auto is_atext = [](char c) {
    return is_alnum(c) || static_cast<unsigned char>(c) > 127 ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
  };
  bool begins = true;  // an atom
  for (const char c : local) {
    if (c == '.' ? begins : !is_atext(c)) return false;
    begins = c == '.';
  }
  return !begins;
}

Subject subject_of_list(ListKind kind) {
  switch (kind) {
    case ListKind::client:
      return Subject::client;
    case ListKind::helo:
      return Subject::helo;
    case ListKind::sender:
      return Subject::sender;
    case ListKind::relay:
    case ListKind::recipient:
      return Subject::recipient;
    case ListKind::data:
      return Subject::data;
    case ListKind::end_of_data:
      return Subject::end_of_data;
    case ListKind::etrn:
      break;
  }
  return Subject::etrn;
}

/// Routes that are removed from an address; one with more keeps the rest, and is routed.
constexpr int most_routes = 8;

std::string in_angle_brackets(std::string_view text) { return "<" + smtp::echo(text) + ">"; }

/// The host that a route leads to, as the session would read it in an address, in lower case;
/// nullopt: it would not take it there, so nothing can be reached by it.
std::optional<std::string> host_of_route(const std::string& text) {
  const bool is_literal = text.starts_with('[');
  if (text.find_first_of(is_literal ? "<>\" \t" : "<>\" \t:,") != std::string::npos)
    return std::nullopt;
  const auto path = mail::parse_postfix_path("<a@" + text + ">", mail::Utf8::allowed);
  if (!path || !path->mailbox || path->mailbox->local_part != "a") return std::nullopt;
  return lower(path->mailbox->domain);
}

}  // namespace

std::string_view name_of(const Rule* rule) {
  if (rule == nullptr) return "end_of_lists";
  if (rule->keyword != nullptr) return rule->keyword->name;
  return rule->list ? "restriction_class" : "configuration_error";
}

Context::Context(const ListPolicy& policy, const policy::Evidence& evidence, Stage stage,
                 Evaluated& result, std::size_t waited, std::size_t verified)
    : policy_(policy),
      evidence_(evidence),
      stage_(stage),
      etrn_(is_etrn() ? lower(*evidence.etrn) : std::string()),
      answers_(evidence),
      replies_(evidence),
      result_(result),
      verified_before_(verified),
      waits_left_(waited) {
  const bool in_transaction =
      stage >= Stage::mail && !is_etrn() &&
      (!is_vrfy() || evidence.vrfy == policy::Evidence::Vrfy::in_transaction);
  if (in_transaction) {
    sender_ = enveloped(evidence.reverse_path ? &*evidence.reverse_path : nullptr);
  }
  if (stage == Stage::rcpt && !is_etrn()) {
    if (evidence.candidate) recipient_ = enveloped(*evidence.candidate);
  } else if (in_transaction && stage != Stage::mail && evidence.recipients.size() == 1) {
    // With several recipients, rules about the recipient are skipped, as in Postfix.
    recipient_ = enveloped(evidence.recipients.front());
  }
}

const Address* Context::forms(const Enveloped& one) const {
  if (!one.given) return nullptr;
  if (!one.address) one.address = one.mailbox != nullptr ? address_of(one) : Address{};
  return &*one.address;
}

Address Context::address_of(const Enveloped& one) const {
  const mail::Mailbox& mailbox = *one.mailbox;
  Address address{{&mailbox},
                  .local = mailbox.unquoted_local_part(),
                  .domain = lower(mailbox.domain),
                  .bare = mailbox.domain.empty()};
  if (address.bare) address.domain = policy_.myorigin;
  const std::size_t written = address.domain.size();
  std::string completed;  // by append_dot_mydomain
  if (const std::string_view appended = policy_.appended_domain(); !appended.empty()) {
    address.domain = policy::completed_domain(std::move(address.domain), appended);
    if (!address.bare && address.domain.size() != written) completed = address.domain;
  }
  // Address rewriting: a route through one of our own domains is removed first ("Destinations" in
  // docs/restriction-lists.md).
  for (int removed = 0;; ++removed) {
    // Of the domain that is left, also after the last rewrite: it decides where the mail goes.
    address.known = policy_.domain_class(address.domain, &replies_, evidence_.session.server_ip);
    // Mail for a webhook goes no further, whatever its tag looks like (`v+x%b@a`).
    if (one.of_webhook || address.known != DomainClass::local || removed == most_routes) break;
    const std::size_t at = address.local.rfind('@');
    const std::size_t bang = address.local.find('!');
    const std::size_t percent = address.local.rfind('%');
    const bool swaps =
        at == std::string::npos && policy_.swap_bangpath && bang != std::string::npos;
    const std::size_t sign = at != std::string::npos      ? at
                             : swaps                      ? bang
                             : policy_.allow_percent_hack ? percent
                                                          : std::string::npos;
    if (sign == std::string::npos) break;
    const auto host =
        host_of_route(swaps ? address.local.substr(0, sign) : address.local.substr(sign + 1));
    if (!host) {
      address.known = DomainClass::foreign;  // it is no mailbox of ours either
      break;
    }
    address.domain = *host;
    if (swaps) {
      address.local.erase(0, sign + 1);
    } else {
      address.local.resize(sign);
    }
    address.rerouted = true;
  }
  // RFC 5321 §4.5.1: this mailbox belongs to the host, whatever myorigin is.
  if (policy::is_bare_postmaster(mailbox)) address.known = DomainClass::local;
  address.quoted = !is_dot_atom(address.local);
  address.routed = !one.of_webhook && address.local.find_first_of("@%!") != std::string::npos;
  // Keys of access tables have the domain as it was written.
  std::string_view domain = address.domain;
  if (!completed.empty() && domain == completed) domain = domain.substr(0, written);
  address.key = std::string(address.local.size() + 1 + domain.size(), '@');
  lower_into(address.local, address.key.data());
  domain.copy(address.key.data() + address.local.size() + 1, domain.size());
  return address;
}

Match Context::in_mynetworks() {
  if (in_mynetworks_) return *in_mynetworks_;
  const IpAddress& client = evidence_.session.client_ip;
  Match in = policy_.mynetworks.contains(client, nullptr, &replies_);
  if (in == Match::need_name) {
    const policy::ClientName& name = client_name();
    if (name.status == policy::ClientName::Status::waiting) return Match::need_name;
    in = policy_.mynetworks.contains(client, &name.name, &replies_);
  }
  if (in == Match::waiting) return in;
  in_mynetworks_ = in;
  return in;
}

std::string_view Context::helo_key() {
  const std::string_view name = helo();
  if (is_folded(name)) return name;
  if (helo_key_.empty()) helo_key_ = lower(name);
  return helo_key_;
}

const policy::ClientName& Context::client_name() {
  using Status = policy::ClientName::Status;
  if (!client_name_ || client_name_->status == Status::waiting) {
    client_name_ = policy_.client_names ? policy::client_name(evidence_.session.client_ip, answers_)
                                        : policy::ClientName{.status = Status::none};
  }
  return *client_name_;
}

std::string Context::client_label() const {
  if (!policy_.client_names) return "unknown";
  policy::Answers known(evidence_);
  const auto name = policy::client_name(evidence_.session.client_ip, known);
  return name.status == policy::ClientName::Status::verified ? name.name : "unknown";
}

std::string Context::reverse_label() const {
  if (!policy_.client_names) return "unknown";
  policy::Answers known(evidence_);
  const auto name = policy::client_name(evidence_.session.client_ip, known);
  return name.reverse_name.empty() ? "unknown" : name.reverse_name;
}

std::string_view Context::login_name() const {
  if (!policy_.sasl) return {};
  const auto client = authenticated();
  return client ? std::string_view(client.login->username) : std::string_view();
}

bool Context::wait(std::chrono::seconds time) {
  // A list that ran at an earlier command has made the client wait there.
  if (looks_back_) return true;
  if (waits_left_ > 0) {
    --waits_left_;
    return true;
  }
  result_.wanted_wait = time;
  return false;
}

const policy::Consultation* Context::verification(std::string_view service,
                                                  std::string_view address) {
  result_.verifies = true;
  const std::size_t times =
      evidence_.consulted.verifications_of(address, verified_before_, evidence_.in_shadow);
  return replies_.find(service, policy::verification_request(address, times));
}

Subject Context::subject_of(const Rule& rule) const {
  const Subject own = rule.keyword != nullptr ? rule.keyword->subject : Subject::list;
  return own == Subject::list ? subject_of_list(list_) : own;
}

std::string Context::judged(Subject subject) const {
  switch (subject) {
    case Subject::client:
    case Subject::listener:
      return fmt::format("<{}[{}]>: Client host", client_label(),
                         evidence_.session.client_ip.to_string());
    case Subject::reverse_client:
      return in_angle_brackets(reverse_label()) + ": Unverified Client host";
    case Subject::helo:
      return in_angle_brackets(helo()) + ": Helo command";
    case Subject::sender:
      return in_angle_brackets(sender_.text()) + ": Sender address";
    case Subject::recipient:
      return in_angle_brackets(recipient_.text()) + ": Recipient address";
    case Subject::data:
      return "<DATA>: Data command";
    case Subject::end_of_data:
      return "<END-OF-MESSAGE>: End-of-data";
    case Subject::certificate:
      return in_angle_brackets(certificate() != nullptr ? certificate()->name : "") +
             ": Client certificate";
    case Subject::login:
      return in_angle_brackets(login_name()) + ": SASL login name";
    case Subject::etrn:
    case Subject::list:
      break;
  }
  return in_angle_brackets(etrn_) + ": Etrn command";
}

smtp::Reply Context::reply_of(std::uint16_t code, smtp::EnhancedCode enhanced,
                              std::string text) const {
  if (policy_.soft_bounce && code >= 500) code = static_cast<std::uint16_t>(code - 100);
  // RFC 3463 §2: the first digits agree, whatever the rule or the table says.
  enhanced.klass = static_cast<std::uint8_t>(code / 100);
  return {.code = code, .enhanced = enhanced, .text = std::move(text)};
}

RuleOutcome Context::refuse(const Rule& rule, std::string_view reason) {
  return refuse(rule, rule.code, rule.keyword->enhanced, reason);
}

RuleOutcome Context::refuse(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                            std::string_view reason) {
  return refuse_with(rule, code, enhanced,
                     fmt::format("{} rejected: {}", judged(subject_of(rule)), reason));
}

RuleOutcome Context::refuse_with(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                                 std::string text) {
  // A reply without a code would not refuse, and would end the list.
  if (code == 0) return configuration_error(rule, "the rule has no reply code");
  reason_ = Reason::made(text);
  if (warn_only_) {
    raised_ = Mark::Result::warned;
    return RuleOutcome::pass;
  }
  // defer_if_reject replaces a 5xx only.
  refusal_yields_ = code >= 500;
  if (!refusal_yields_ || !defer_if_reject_) {
    result_.reply = reply_of(code, enhanced, std::move(text));
    return RuleOutcome::refuse;
  }
  const Deferral& raised = *defer_if_reject_;
  result_.reply = raised.reply;
  reason_ = Reason::made(policy::with_raiser({raised.check, raised.origin}, text));
  return RuleOutcome::refuse;
}

Deferral Context::deferral_of(const Rule& rule, std::uint16_t code, smtp::EnhancedCode enhanced,
                              std::string_view reason) const {
  return {.reply = reply_of(code, enhanced,
                            fmt::format("{} rejected: {}", judged(subject_of(rule)), reason)),
          .check = name_of(&rule),
          .origin = rule.origin};
}

RuleOutcome Context::defer_if_permit(const Rule& rule, std::uint16_t code,
                                     smtp::EnhancedCode enhanced, std::string_view reason) {
  reason_ = Reason::made(reason);
  if (warn_only_) return RuleOutcome::pass;  // warn_if_reject covers this too, as in Postfix
  if (raised_ != Mark::Result::warned) raised_ = Mark::Result::defers_if_permit;
  if (!defer_if_permit_) defer_if_permit_ = deferral_of(rule, code, enhanced, reason);
  return RuleOutcome::pass;
}

RuleOutcome Context::defer_if_reject(const Rule& rule, std::uint16_t code,
                                     smtp::EnhancedCode enhanced, std::string_view reason) {
  reason_ = Reason::made(reason);
  if (raised_ == Mark::Result::passed) raised_ = Mark::Result::defers_if_reject;
  if (!defer_if_reject_) defer_if_reject_ = deferral_of(rule, code, enhanced, reason);
  return RuleOutcome::pass;
}

RuleOutcome Context::configuration_error(const Rule&, std::string_view why) {
  trouble_ = policy::Trouble::configuration;
  reason_ = Reason::made(why);
  const auto& words = replies::bad_configuration;
  result_.reply = reply_of(words.code, words.enhanced, std::string(words.text));
  return RuleOutcome::refuse;
}

void Context::add_reason(std::string_view why) {
  const std::string_view before = reason_.text();
  reason_ = Reason::made(fmt::format("{}{}{}", before, before.empty() ? "" : "; ", why));
}

RuleOutcome Context::table_trouble(const Rule& rule, std::string_view why) {
  trouble_ = policy::Trouble::lookup;
  const auto& words = replies::bad_configuration;
  const RuleOutcome outcome = refuse(rule, words.code, words.enhanced, words.text);
  reason_ = Reason::made(why);
  return outcome;
}

RuleOutcome Context::list_trouble(const Rule& rule, std::string_view list) {
  return lookup_trouble(rule, unread(list, replies_));
}

RuleOutcome Context::lookup_trouble(const Rule& rule, std::string_view why) {
  trouble_ = policy::Trouble::lookup;
  reason_ = Reason::made(why);
  // Of the client and its certificate Postfix names what the list is about.
  const Subject own = subject_of(rule);
  const bool client = own == Subject::client || own == Subject::certificate;
  const std::string subject = judged(client ? subject_of_list(list_) : own);
  const auto& words = replies::lookup_failed;
  result_.reply =
      reply_of(words.code, words.enhanced,
               fmt::format("{}: {}", subject.substr(0, subject.rfind(": ")), words.text));
  return RuleOutcome::refuse;
}

Match Context::is_authorised(const Address& address) {
  if (is_webhook()) return Match::yes;
  if (address.known == DomainClass::unknown) return Match::trouble;
  if (address.known == DomainClass::foreign) return Match::no;
  if (address.routed && !policy_.allow_untrusted_routing) return Match::no;
  return Match::yes;
}

bool Context::is_webhook() const {
  return recipient_.given && evidence_.candidate && evidence_.candidate->route.webhook != nullptr;
}

RuleOutcome Context::run_rule(const Rule& rule) {
  reason_ = Reason();
  trouble_.reset();
  raised_ = Mark::Result::passed;
  const std::size_t known_keys = result_.keys.size();
  const bool outer = warn_only_;
  warn_only_ = outer || rule.warn_only;
  RuleOutcome outcome = RuleOutcome::pass;
  if (rule.list) {
    outcome = run(*rule.list);
    settle(outcome, std::string_view("its rules stand above"));
    raised_ = Mark::Result::passed;
  } else if (rule.keyword == nullptr) {
    outcome = configuration_error(rule, rule.trouble);
  } else {
    outcome = rule.keyword->judge(*this, rule);
  }
  warn_only_ = outer;
  if (outcome == RuleOutcome::wait) return outcome;
  using Was = Mark::Result;
  const Was was = outcome == RuleOutcome::refuse   ? Was::refused
                  : outcome == RuleOutcome::permit ? Was::permitted
                                                   : raised_;
  for (std::size_t i = known_keys; i < result_.keys.size(); ++i) {
    // Rules in its table's row have been judged before it.
    if (result_.keys[i].mark == Evaluated::Key::pending)
      result_.keys[i].mark = result_.marks.size();
  }
  result_.marks.emplace_back(&rule, std::move(reason_), was, trouble_);
  return outcome;
}

RuleOutcome Context::run(const List& list) {
  if (depth_ >= max_nested_lists) {
    return configuration_error({}, "a restriction class comes back to itself through a table");
  }
  ++depth_;
  const RuleOutcome outcome = run_rules(list);
  --depth_;
  return outcome;
}

RuleOutcome Context::run_rules(const List& list) {
  for (const Rule& rule : list) {
    const RuleOutcome outcome = run_rule(rule);
    if (outcome != RuleOutcome::pass) return outcome;
    // Once both reasons to defer are set, no rule can prevent the deferral; Postfix stops here too.
    if (discarded() || (defer_if_permit_ && defer_if_reject_)) break;
  }
  return RuleOutcome::pass;
}

RuleOutcome Context::run_list(ListKind kind, bool fresh) {
  list_ = kind;
  if (fresh) defer_if_reject_.reset();
  return run(policy_.list(kind));
}

}  // namespace postern::dialect::restrictions
