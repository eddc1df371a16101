// General keywords, and those about the client; docs/restriction-keywords.md lists them.
#include "dialect/restrictions/judges.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/delegation.h"
#include "dialect/restrictions/rbl_reply.h"
#include "dialect/restrictions/remarks.h"
#include "dialect/restrictions/replies.h"
#include "mail/hostname.h"
#include "policy/dns_list.h"

namespace postern::dialect::restrictions {

using policy::ClientName;
using policy::DnsList;

RuleOutcome judge_permit(Context& context, const Rule&) { return context.permit("always"); }

RuleOutcome judge_reject(Context& context, const Rule& rule) {
  return context.refuse(rule, "Access denied");
}

RuleOutcome judge_defer(Context& context, const Rule& rule) {
  return context.refuse(rule, "Try again later");
}

RuleOutcome judge_defer_if_permit(Context& context, const Rule& rule) {
  return context.defer_if_permit(rule, 450, {4, 7, 0}, "defer_if_permit requested");
}

RuleOutcome judge_defer_if_reject(Context& context, const Rule& rule) {
  return context.defer_if_reject(rule, 450, {4, 7, 0}, "defer_if_reject requested");
}

RuleOutcome judge_unauth_pipelining(Context& context, const Rule& rule) {
  if (!context.early_talker()) return context.pass("no command came ahead");
  const auto& words = replies::early_talker;
  return context.refuse_with(rule, words.code, words.enhanced, std::string(words.text));
}

RuleOutcome judge_plaintext(Context& context, const Rule& rule) {
  if (context.tls() != nullptr) return context.pass("the session is encrypted");
  return context.refuse(rule, "Session encryption is required");
}

RuleOutcome judge_multi_recipient_bounce(Context& context, const Rule& rule) {
  const bool at_rcpt =
      context.stage() == policy::Stage::rcpt && !context.is_vrfy() && !context.is_etrn();
  const std::size_t recipients = context.evidence().recipients.size() + (at_rcpt ? 1 : 0);
  const bool null_sender = context.has_null_sender();
  if (!null_sender || recipients <= 1) return context.pass("no notification to several");
  return context.refuse(rule, "Multi-recipient bounce");
}

RuleOutcome judge_sleep(Context& context, const Rule& rule) {
  if (!context.wait(rule.time)) return RuleOutcome::wait;
  return context.pass(fmt::format("the client waits for {} s", rule.time.count()));
}

RuleOutcome judge_policy_service(Context& context, const Rule& rule) {
  const ClientName& name = context.client_name();
  if (name.status == ClientName::Status::waiting) return RuleOutcome::wait;
  const policy::Consultation* answer =
      context.replies().find(rule.service, delegation_request(context, name, rule.policy_context));
  if (answer == nullptr) return RuleOutcome::wait;
  if (answer->failed) {
    const Action& action =
        rule.service_trouble ? *rule.service_trouble : context.policy().policy_service_trouble;
    const RuleOutcome outcome = apply(context, rule, Subject::list, action);
    context.add_reason(std::string(server_failed) + answer->answer);
    return outcome;
  }
  return apply(context, rule, Subject::list, parse_action(answer->answer, context.policy()));
}

RuleOutcome judge_mynetworks(Context& context, const Rule& rule) {
  switch (context.in_mynetworks()) {
    case Match::need_name:
    case Match::waiting:
      return RuleOutcome::wait;
    case Match::trouble:
      return context.list_trouble(rule, "mynetworks");
    case Match::yes:
      context.trust_client(rule);
      return context.permit("the client is in mynetworks");
    case Match::no:
      break;
  }
  return context.pass("the client is not in mynetworks");
}

RuleOutcome judge_authenticated(Context& context, const Rule&) {
  if (!context.policy().sasl) return context.pass("AUTH is switched off");
  const auto client = context.authenticated();
  return client ? context.permit(client.words()) : context.pass(client.words_without_login());
}

RuleOutcome judge_listener_access(Context& context, const Rule& rule) {
  const std::string& listener = context.evidence().session.listener;
  if (listener.empty()) return context.pass("the listener is not known");
  return check_key(context, rule, listener, Subject::listener);
}

RuleOutcome judge_unknown_client(Context& context, const Rule& rule) {
  const ClientName& name = context.client_name();
  const auto& unanswered = replies::client_unanswered;
  const std::string reason =
      fmt::format("{}[{}]", unanswered.text, context.evidence().session.client_ip.to_string());
  switch (name.status) {
    case ClientName::Status::waiting:
      return RuleOutcome::wait;
    case ClientName::Status::verified:
      return context.pass("the client is " + name.name);
    case ClientName::Status::trouble:
      return context.refuse(rule, unanswered.code, unanswered.enhanced, reason);
    case ClientName::Status::unverified:
    case ClientName::Status::none:
      break;
  }
  return context.refuse(rule, reason);
}

RuleOutcome judge_unknown_reverse_client(Context& context, const Rule& rule) {
  const IpAddress& client = context.evidence().session.client_ip;
  const auto& unanswered = replies::reverse_unanswered;
  const std::string reason = fmt::format("{}[{}]", unanswered.text, client.to_string());
  if (!context.policy().client_names || !client.is_known()) return context.refuse(rule, reason);
  const dns::Answer* names = context.answers().find(policy::reverse_name(client), dns::Type::ptr);
  if (names == nullptr) return RuleOutcome::wait;
  if (names->trouble()) {
    return context.refuse(rule, unanswered.code, unanswered.enhanced, reason);
  }
  if (names->status == dns::Status::found && !names->records.empty()) {
    return context.pass("the address has the name " + printable(names->records[0], 255));
  }
  return context.refuse(rule, reason);
}

namespace {

/// The outcome of a DNS list, with the reply made from its template.
RuleOutcome listed(Context& context, const Rule& rule, const DnsList::Listing& listing,
                   std::string_view what, std::string_view kind) {
  switch (listing.status) {
    case DnsList::Status::waiting:
      return RuleOutcome::wait;
    case DnsList::Status::trouble:  // a list that does not answer must not refuse mail
      return context.pass("no answer from " + rule.zone->zone());
    case DnsList::Status::not_listed:
      return context.pass("not in " + rule.zone->zone());
    case DnsList::Status::listed:
      break;
  }
  const RblReply reply = rbl_reply(context, rule, what, kind, listing.reason);
  return context.refuse_with(rule, reply.code, reply.enhanced, reply.text);
}

}  // namespace

RuleOutcome judge_rbl_client(Context& context, const Rule& rule) {
  if (!rule.zone) return context.pass("there is no zone");
  const auto& client = context.evidence().session.client_ip;
  const auto listing = rule.zone->look_up(client, context.answers());
  return listed(context, rule, listing, client.to_string(), "Client host");
}

RuleOutcome judge_maps_rbl(Context& context, const Rule&) {
  for (const Rule& zone : context.policy().maps_rbl) {
    const RuleOutcome outcome = judge_rbl_client(context, zone);
    if (outcome != RuleOutcome::pass || context.would_refuse()) return outcome;
  }
  return context.pass("in no list of maps_rbl_domains");
}

RuleOutcome domain_listed(Context& context, const Rule& rule, std::string_view domain,
                          std::string_view what, std::string_view kind) {
  if (!rule.zone) return context.pass("there is no zone");
  if (domain.ends_with('.')) domain.remove_suffix(1);
  const std::string_view last = domain.substr(domain.rfind('.') + 1);
  const bool numeric =
      !last.empty() && last.find_first_not_of("0123456789") == std::string_view::npos;
  if (!mail::is_hostname(domain) || numeric) return context.pass("no domain to look up");
  return listed(context, rule, rule.zone->look_up(domain, context.answers()), what, kind);
}

RuleOutcome judge_rhsbl_client(Context& context, const Rule& rule) {
  const ClientName& name = context.client_name();
  if (name.status == ClientName::Status::waiting) return RuleOutcome::wait;
  if (name.name.empty()) return context.pass("the client has no verified name");
  return domain_listed(context, rule, name.name, name.name, "Client host");
}

RuleOutcome judge_rhsbl_reverse_client(Context& context, const Rule& rule) {
  const ClientName& name = context.client_name();
  if (name.status == ClientName::Status::waiting) return RuleOutcome::wait;
  if (name.reverse_name.empty()) return context.pass("the client's address has no name");
  return domain_listed(context, rule, name.reverse_name, name.reverse_name,
                       "Unverified Client host");
}

namespace {

/// The outcome of a DNS allow list.
RuleOutcome allowed(Context& context, const Rule& rule, const DnsList::Listing& listing) {
  const auto& unanswered = replies::allow_list_unanswered;
  switch (listing.status) {
    case DnsList::Status::waiting:
      return RuleOutcome::wait;
    case DnsList::Status::trouble:
      return context.defer_if_reject(
          rule, unanswered.code, unanswered.enhanced,
          fmt::format("{}{} did not answer", unanswered.text, rule.zone->zone()));
    case DnsList::Status::not_listed:
      return context.pass("not in " + rule.zone->zone());
    case DnsList::Status::listed:
      break;
  }
  return context.permit("in " + rule.zone->zone());
}

/// Whether the mail is for a domain that is not ours: an allow list does not permit it. VRFY is not
/// mail.
bool goes_elsewhere(Context& context) {
  return context.has_recipient() && !context.is_vrfy() &&
         context.is_authorised(*context.recipient()) != Match::yes;
}

}  // namespace

RuleOutcome judge_dnswl_client(Context& context, const Rule& rule) {
  if (!rule.zone) return context.pass("there is no zone");
  if (goes_elsewhere(context)) return context.pass("the recipient is not ours");
  return allowed(context, rule,
                 rule.zone->look_up(context.evidence().session.client_ip, context.answers()));
}

RuleOutcome judge_client_access(Context& context, const Rule& rule) {
  return check_client(context, rule);
}

RuleOutcome judge_reverse_client_access(Context& context, const Rule& rule) {
  const ClientName& name = context.client_name();
  if (name.status == ClientName::Status::waiting) return RuleOutcome::wait;
  const std::string known = name.reverse_name.empty() ? "unknown" : lower(name.reverse_name);
  // The owner of a reverse zone can put any name into it.
  return without_permit(context, rule, check_name(context, rule, known, Subject::reverse_client),
                        "a name nobody verified may not permit");
}

RuleOutcome judge_rhswl_client(Context& context, const Rule& rule) {
  if (!rule.zone) return context.pass("there is no zone");
  if (goes_elsewhere(context)) return context.pass("the recipient is not ours");
  const ClientName& name = context.client_name();
  if (name.status == ClientName::Status::waiting) return RuleOutcome::wait;
  if (name.name.empty()) return context.pass("the client has no verified name");
  return allowed(context, rule, rule.zone->look_up(name.name, context.answers()));
}

RuleOutcome judge_inet_interfaces(Context& context, const Rule&) {
  const policy::SessionFacts& session = context.evidence().session;
  return context.policy().is_own(session.client_ip, session.server_ip)
             ? context.permit("the client is this server")
             : context.pass("the client is another host");
}

}  // namespace postern::dialect::restrictions
