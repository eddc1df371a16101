#include "dialect/restrictions/evaluate.h"

#include <algorithm>
#include <span>

#include "base/text.h"
#include "dialect/restrictions/context.h"
#include "mail/local_part.h"
#include "policy/deferral.h"
#include "policy/own_addresses.h"

namespace postern::dialect::restrictions {

using policy::Stage;

namespace {

/// Runs the lists in order until one refuses. False: the result is final, or an answer is missing.
bool run_lists(Context& context, std::initializer_list<ListKind> kinds) {
  for (const ListKind kind : kinds) {
    // Without HELO its list is skipped, as is the sender list at a VRFY before MAIL.
    if (kind == ListKind::helo && context.helo().empty()) continue;
    if (kind == ListKind::sender && !context.has_sender()) continue;
    // The relay and the recipient list share a defer_if_reject ("Reasons to defer" in
    // docs/restriction-lists.md).
    const ListPolicy& policy = context.policy();
    const bool second = kind == (policy.relay_first ? ListKind::recipient : ListKind::relay);
    const RuleOutcome outcome = context.run_list(kind, !second);
    if (outcome == RuleOutcome::refuse || outcome == RuleOutcome::wait) return false;
    if (context.discarded()) return false;
    if (kind == ListKind::sender && policy.reject_unlisted_sender && context.has_sender() &&
        !context.has_null_sender()) {
      if (context.judge_listed(nullptr, *context.sender(), Subject::sender) != RuleOutcome::pass) {
        return false;
      }
    }
  }
  return true;
}

/// What happens when no list has refused.
bool settle(Context& context) {
  if (!context.deferral()) return true;
  const Deferral& raised = *context.deferral();
  context.result().reply = raised.reply;
  context.result().marks.push_back(
      {.rule = nullptr,
       .reason = Reason::made(policy::with_raiser(
           {raised.check, raised.origin}, "no rule refused, and one had a reason to defer")),
       .result = Mark::Result::refused});
  return false;
}

constexpr std::pair<Stage, ListKind> before_rcpt[] = {{Stage::connect, ListKind::client},
                                                      {Stage::helo, ListKind::helo},
                                                      {Stage::mail, ListKind::sender}};
constexpr std::size_t before_mail = 2;  ///< the first two of these

/// With smtpd_delay_reject = no, the client, HELO and sender lists ran at their own commands. Their
/// reasons to defer hold at RCPT, those of the first two lists also at ETRN; they refuse nothing
/// any more. False: an answer is missing.
bool recall_deferral(Context& context, std::span<const std::pair<Stage, ListKind>> before) {
  for (const auto& [stage, kind] : before) {
    if (context.policy().list(kind).empty()) continue;
    Evaluated then;
    Context earlier(context.policy(), context.evidence(), stage, then);
    earlier.look_back();
    run_lists(earlier, {kind});
    context.result().verifies |= then.verifies;
    if (earlier.waits()) {
      context.result().wanted_service = earlier.replies().wanted();
      context.result().wanted_dns = earlier.answers().wanted();
      return false;
    }
    context.inherit(earlier);
  }
  return true;
}

constexpr std::string_view to_the_prober =
    "the sender of probes (address_verify_sender): accepted before the lists";

/// Mail to the sender of our probes is accepted before any list is asked: two servers that
/// verify each other's senders would refuse each other. True: the recipient is decided
/// on, or an answer is missing.
bool answers_probes(Context& context) {
  const Verification& settings = context.policy().verification;
  const auto& candidate = context.evidence().candidate;
  if (!candidate || context.is_webhook()) return false;
  if (!settings.may_be_probe_sender(candidate->address)) return false;
  if (settings.sender_ttl.count() > 0) {
    const auto* answered =
        context.verification(policy::probe_sender_service, candidate->address.text());
    if (answered == nullptr) return true;
    if (answered->failed || answered->answer != "yes") return false;
  }
  context.result().to_prober = true;
  context.result().marks.push_back(
      {.rule = nullptr, .reason = Reason(to_the_prober), .result = Mark::Result::permitted});
  return true;
}

void judge_recipient(Context& context) {
  const ListPolicy& policy = context.policy();
  // RFC 5321 §4.5.1: <postmaster> without a domain is always accepted.
  // With a route in its local part (`postmaster%elsewhere`) it is another address.
  if (context.has_recipient() && policy::is_bare_postmaster(*context.recipient_mailbox())) return;
  if (!context.is_vrfy() && answers_probes(context)) return;
  if (policy.delay_reject &&
      !run_lists(context, {ListKind::client, ListKind::helo, ListKind::sender})) {
    return;
  }
  // At a VRFY before MAIL, reasons to defer from these lists do not count.
  const bool begun = context.has_sender();
  if (!begun) context.forget_deferral();
  if (!policy.delay_reject && begun && !recall_deferral(context, before_rcpt)) return;
  const bool passed = policy.relay_first
                          ? run_lists(context, {ListKind::relay, ListKind::recipient})
                          : run_lists(context, {ListKind::recipient, ListKind::relay});
  if (!passed || !settle(context)) return;
  if (policy.reject_unlisted_recipient && context.has_recipient() && !context.is_webhook()) {
    context.judge_listed(nullptr, *context.recipient(), Subject::recipient);
  }
}

/// After the lists, decides whether ETRN is served for this domain at all ("ETRN" in
/// docs/restriction-lists.md). These replies have no enhanced codes (RFC 1985 §5.3).
void judge_etrn(Context& context) {
  if (!run_lists(context, {ListKind::etrn})) return;
  if (!settle(context)) return;
  const Match served =
      context.policy().fast_flush_domains.contains(context.etrn(), &context.replies());
  if (served == Match::yes || served == Match::waiting) return;
  const bool trouble = served == Match::trouble;
  const std::string domain = smtp::echo(context.etrn());
  context.result().reply = {.code = static_cast<std::uint16_t>(trouble ? 458 : 459),
                            .enhanced = {},
                            .text = trouble ? "unable to queue messages for " + domain
                                            : domain + ": service unavailable"};
  context.result().marks.push_back(
      {.rule = nullptr,
       .reason = trouble ? Reason::made(unread("fast_flush_domains", context.replies()))
                         : Reason("the domain is not in fast_flush_domains"),
       .result = Mark::Result::refused});
}

}  // namespace

Reason Reason::made(std::string_view text) {
  char* const copy = new char[text.size()];
  text.copy(copy, text.size());
  Reason reason({copy, text.size()});
  reason.is_own_ = true;
  return reason;
}

bool ListPolicy::is_own_mailbox(std::string_view local) const {
  return iequals(local, "postmaster") || iequals(local, "mailer-daemon") ||
         iequals(local, bounce_sender);
}

std::size_t ListPolicy::extension_at(std::string_view local) const {
  constexpr std::size_t none = std::string_view::npos;
  const std::size_t at = local.find_first_of(recipient_delimiter);
  // Not if nothing were left of the local part.
  if (at == none || at == 0 || is_own_mailbox(local)) return none;
  if (owner_request_special && recipient_delimiter.find('-') != none) {
    // The addresses of a mailing list's owner and of requests to it are their own.
    constexpr std::string_view owner = "owner-";
    constexpr std::string_view request = "-request";
    const std::size_t end = local.size() - std::min(local.size(), request.size());
    if (istarts_with(local, owner) || iequals(local.substr(end), request)) return none;
  }
  return at;
}

std::vector<std::string> address_keys(const Address& address, const ListPolicy& policy,
                                      bool local) {
  std::vector<std::string> locals{address.local};
  const std::size_t extension = policy.extension_at(address.local);
  if (extension != std::string::npos) locals.push_back(address.local.substr(0, extension));
  std::vector<std::string> keys;
  const auto add = [&](const std::string& rest) {
    for (const std::string& one : locals) {
      if (address.quoted) keys.push_back(mail::quoted_local_part(one) + rest);
      keys.push_back(one + rest);
    }
  };
  add("@" + address.domain);
  if (local) add("");
  keys.push_back("@" + address.domain);
  return keys;
}

bool ListPolicy::is_own(const IpAddress& address, const IpAddress& reached) const {
  return (own_everywhere && address.is_known() && address == reached) ||
         std::find(own_addresses.begin(), own_addresses.end(), address) != own_addresses.end();
}

DomainClass ListPolicy::domain_class(std::string_view domain, policy::Replies* replies,
                                     const IpAddress& reached) const {
  if (domain.starts_with('[')) {  // this server's own addresses, as far as they are known
    const bool tagged = istarts_with(domain, "[ipv6:");
    const auto address =
        IpAddress::parse(domain.substr(tagged ? 6 : 1, domain.size() - (tagged ? 7 : 2)));
    return address && is_own(*address, reached) ? DomainClass::local : DomainClass::foreign;
  }
  const std::pair<const Domains*, DomainClass> in_order[] = {
      {&mydestination, DomainClass::local},
      {&virtual_alias_domains, DomainClass::virtual_alias},
      {&virtual_mailbox_domains, DomainClass::virtual_mailbox},
      {&relay_domains, DomainClass::relay}};
  for (const auto& [domains, its_class] : in_order) {
    const Match found = domains->contains(domain, replies);
    if (found == Match::yes) return its_class;
    if (found != Match::no) return DomainClass::unknown;
  }
  return DomainClass::foreign;
}

Listed Context::listed(const Address& address) {
  using Status = Listed::Status;
  struct Known {
    const Maps* maps;
    std::uint16_t code;
    std::string_view name;
    bool needed;  ///< whether every address is unknown if there are no maps
  };
  const auto table = [&]() -> std::optional<Known> {
    switch (address.known) {
      case DomainClass::local:
        return Known{&policy_.local_recipient_maps, policy_.unknown_local_code, "local recipient",
                     false};
      case DomainClass::relay:
        return Known{&policy_.relay_recipient_maps, policy_.unknown_relay_code, "relay recipient",
                     false};
      case DomainClass::virtual_alias:
        return Known{&policy_.virtual_alias_maps, policy_.unknown_virtual_alias_code,
                     "virtual alias", true};
      case DomainClass::virtual_mailbox:
        return Known{&policy_.virtual_mailbox_maps, policy_.unknown_virtual_mailbox_code,
                     "virtual mailbox", false};
      case DomainClass::foreign:
      case DomainClass::unknown:
        break;
    }
    return std::nullopt;
  }();
  const auto listed = [](std::string_view passes) {
    return Listed{.status = Status::listed, .passes = passes, .why = {}};
  };
  const Listed no_table{.status = Status::no_table, .passes = "its domain has no table", .why = {}};
  const bool is_local = address.known == DomainClass::local;
  if (!table) return no_table;
  if (is_local && policy_.is_own_mailbox(address.local))
    return listed("a mailbox that always exists");
  const bool has_none = table->maps->empty() && !table->needed;
  if (has_none && policy_.virtual_alias_maps.empty()) return no_table;
  const auto keys = address_keys(address, policy_, is_local);
  // Virtual aliases may have addresses of any domain.
  Found found = policy_.virtual_alias_maps.find(keys, &replies_);
  if (found.status == Found::Status::absent) {
    if (has_none) return no_table;
    found = table->maps->find(keys, &replies_);
  }
  switch (found.status) {
    case Found::Status::waiting:
      return {.status = Status::waiting, .passes = {}, .why = {}};
    case Found::Status::failed:
      return {.status = Status::failed, .passes = {}, .why = found.trouble};
    case Found::Status::found:
      return listed("known to its domain's table");
    case Found::Status::absent:
      break;
  }
  return {.status = Status::unlisted,
          .code = table->code,
          .passes = {},
          .why = "User unknown in " + std::string(table->name) + " table"};
}

RuleOutcome Context::judge_listed(const Rule* rule, const Address& address, Subject subject) {
  using Status = Listed::Status;
  static const Rule implicit;
  const Rule& asked = rule != nullptr ? *rule : implicit;
  if (address.known == DomainClass::unknown) return domain_trouble(asked);
  const Listed found = listed(address);
  RuleOutcome outcome = RuleOutcome::pass;
  switch (found.status) {
    case Status::waiting:
      return RuleOutcome::wait;
    case Status::listed:
    case Status::no_table:
      return pass(found.passes);
    case Status::failed:
      outcome = lookup_trouble(asked, found.why);
      break;
    case Status::unlisted: {
      const bool alias = address.known == DomainClass::virtual_alias;
      const smtp::EnhancedCode code = subject != Subject::sender ? smtp::EnhancedCode{5, 1, 1}
                                      : alias                    ? smtp::EnhancedCode{5, 1, 7}
                                                                 : smtp::EnhancedCode{5, 1, 0};
      outcome = refuse_with(asked, found.code, code, judged(subject) + " rejected: " + found.why);
      break;
    }
  }
  if (rule == nullptr && outcome == RuleOutcome::refuse) {
    result_.marks.push_back({.rule = nullptr,
                             .reason = std::move(reason_),
                             .result = Mark::Result::refused,
                             .trouble = found.status == Status::failed ? trouble_ : std::nullopt});
  }
  return outcome;
}

Evaluated evaluate(const ListPolicy& policy, const policy::Evidence& evidence, Stage stage,
                   std::size_t waited, std::size_t verified) {
  Evaluated result;
  result.marks.reserve(32);  // 1 KiB
  Context context(policy, evidence, stage, result, waited, verified);
  // The domain classes of the addresses may hang on answers of other programs: routes and records
  // need them too.
  if (!policy.remote_tables.empty()) {
    context.sender();
    context.recipient();
    if (context.waits()) {
      result.wanted_service = context.replies().wanted();
      return result;
    }
  }
  const auto alone = [&](ListKind kind) {
    if (run_lists(context, {kind})) settle(context);
  };
  switch (stage) {
    // At these three commands a reason to defer takes effect later, at RCPT.
    case Stage::connect:
      if (!policy.delay_reject) run_lists(context, {ListKind::client});
      break;
    case Stage::helo:
      if (!policy.delay_reject) run_lists(context, {ListKind::helo});
      break;
    case Stage::mail:
      if (!policy.delay_reject) run_lists(context, {ListKind::sender});
      break;
    case Stage::data:
      alone(ListKind::data);
      break;
    case Stage::message:
      alone(ListKind::end_of_data);
      break;
    default: {
      if (!context.is_etrn()) {
        judge_recipient(context);
        break;
      }
      const bool passed =
          policy.delay_reject
              ? run_lists(context, {ListKind::client, ListKind::helo})
              : recall_deferral(context, std::span(before_rcpt).first<before_mail>());
      if (passed) judge_etrn(context);
      break;
    }
  }
  // A reason to defer from before a DISCARD prevails for this recipient.
  if (!result.wanted_service) result.wanted_service = context.replies().wanted();
  const bool asked =
      result.wanted_service || context.answers().wanted() || result.wanted_wait.has_value();
  if (result.discard && !asked && result.reply.code == 0) settle(context);
  if (context.answers().wanted() && !result.wanted_service) {
    result.wanted_dns = context.answers().wanted();
  }
  return result;
}

}  // namespace postern::dialect::restrictions
