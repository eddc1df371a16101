// The words of the language (reference §3): what each looks at and answers. Those of tiers A and B;
// is_known_elsewhere() names the rest, for an error that says so.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/context.h"
#include "dialect/restrictions/delegation.h"
#include "dialect/restrictions/rbl_reply.h"
#include "mail/hostname.h"

namespace postern::dialect::restrictions {

namespace {

using policy::ClientName;
using policy::DnsList;
using policy::MailDomain;

constexpr const char* not_known_yet = "not known at this point of the dialogue";

// --- generic ---

Outcome judge_permit(Context& context, const Rule&) { return context.permit("always"); }

Outcome judge_reject(Context& context, const Rule& rule) {
  return context.refuse(rule, "Access denied");
}

Outcome judge_defer(Context& context, const Rule& rule) {
  return context.refuse(rule, "Try again later");
}

Outcome judge_defer_if_permit(Context& context, const Rule& rule) {
  return context.defer_if_permit(rule, 450, {4, 7, 0}, "defer_if_permit requested");
}

Outcome judge_defer_if_reject(Context& context, const Rule& rule) {
  return context.defer_if_reject(rule, 450, {4, 7, 0}, "defer_if_reject requested");
}

Outcome judge_unauth_pipelining(Context& context, const Rule& rule) {
  if (!context.evidence().session.early_talker) return context.pass("no command came ahead");
  return context.refuse_with(rule, 503, {5, 5, 0}, "Improper use of SMTP command pipelining");
}

Outcome judge_plaintext(Context& context, const Rule& rule) {
  if (context.evidence().session.tls) return context.pass("the session is encrypted");
  return context.refuse(rule, "Session encryption is required");
}

Outcome judge_multi_recipient_bounce(Context& context, const Rule& rule) {
  const bool at_rcpt = context.protocol() == Protocol::rcpt;
  const std::size_t recipients = context.evidence().recipients.size() + (at_rcpt ? 1 : 0);
  const bool null_sender = context.sender() != nullptr && context.sender()->text.empty();
  if (!null_sender || recipients <= 1) return context.pass("no notification to several");
  return context.refuse(rule, "Multi-recipient bounce");
}

Outcome judge_policy_service(Context& context, const Rule& rule) {
  const ClientName name = context.client_name();
  if (name.status == ClientName::Status::waiting) return Outcome::wait;
  const policy::Consultation* answer =
      context.replies().find(rule.service, delegation_request(context, name));
  if (answer == nullptr) return Outcome::wait;
  if (answer->failed) {
    return apply(context, rule, Subject::list, context.policy().policy_service_trouble);
  }
  return apply(context, rule, Subject::list, parse_action(answer->answer, context.policy()));
}

// --- client ---

Outcome judge_mynetworks(Context& context, const Rule& rule) {
  switch (context.in_mynetworks()) {
    case Match::need_name:
    case Match::waiting:
      return Outcome::wait;
    case Match::trouble:
      return context.lookup_trouble(rule, "mynetworks cannot be read");
    case Match::yes:
      return context.permit("the client is in mynetworks");
    case Match::no:
      break;
  }
  return context.pass("the client is not in mynetworks");
}

Outcome judge_authenticated(Context& context, const Rule&) {
  const auto& auth = context.evidence().session.auth;
  if (!context.policy().sasl) return context.pass("AUTH is switched off");
  if (!auth) return context.pass("the client has not authenticated");
  return context.permit("authenticated as " + printable(auth->username, 128));
}

Outcome judge_unknown_client(Context& context, const Rule& rule) {
  const ClientName name = context.client_name();
  const std::string seen = fmt::format("[{}]", context.evidence().session.client_ip.to_string());
  switch (name.status) {
    case ClientName::Status::waiting:
      return Outcome::wait;
    case ClientName::Status::verified:
      return context.pass("the client is " + name.name);
    case ClientName::Status::trouble:
      return context.refuse(rule, 450, {4, 7, 25}, "cannot find your hostname, " + seen);
    case ClientName::Status::unverified:
    case ClientName::Status::none:
      break;
  }
  return context.refuse(rule, "cannot find your hostname, " + seen);
}

Outcome judge_unknown_reverse_client(Context& context, const Rule& rule) {
  const std::string reason = fmt::format("cannot find your reverse hostname, [{}]",
                                         context.evidence().session.client_ip.to_string());
  if (!context.policy().client_names) return context.refuse(rule, reason);
  const dns::Answer* names = context.answers().find(
      policy::reverse_name(context.evidence().session.client_ip), dns::Type::ptr);
  if (names == nullptr) return Outcome::wait;
  if (names->trouble()) return context.refuse(rule, 450, {4, 7, 1}, reason);
  if (names->status == dns::Status::found && !names->records.empty()) {
    return context.pass("the address has the name " + printable(names->records[0], 255));
  }
  return context.refuse(rule, reason);
}

/// What a list in DNS says, with the reply that its template makes.
Outcome listed(Context& context, const Rule& rule, const DnsList::Listing& listing,
               std::string_view what, std::string_view kind) {
  switch (listing.status) {
    case DnsList::Status::waiting:
      return Outcome::wait;
    case DnsList::Status::trouble:  // reference §5: not listed
      return context.pass("no answer from " + rule.zone->zone());
    case DnsList::Status::not_listed:
      return context.pass("not in " + rule.zone->zone());
    case DnsList::Status::listed:
      break;
  }
  const RblReply reply = rbl_reply(context, rule, what, kind, listing.reason);
  return context.refuse_with(rule, reply.code, reply.enhanced, reply.text);
}

Outcome judge_rbl_client(Context& context, const Rule& rule) {
  if (!rule.zone) return context.pass("there is no zone");
  const auto& client = context.evidence().session.client_ip;
  const auto listing = rule.zone->look_up(client, context.answers());
  return listed(context, rule, listing, client.to_string(), "Client host");
}

/// A domain in a list; names that are none are not asked for (reference §5).
Outcome domain_listed(Context& context, const Rule& rule, std::string_view domain,
                      std::string_view what, std::string_view kind) {
  if (!rule.zone) return context.pass("there is no zone");
  if (domain.ends_with('.')) domain.remove_suffix(1);
  const std::string_view last = domain.substr(domain.rfind('.') + 1);
  const bool numeric =
      !last.empty() && last.find_first_not_of("0123456789") == std::string_view::npos;
  if (!mail::is_hostname(domain) || numeric) return context.pass("no domain to look up");
  return listed(context, rule, rule.zone->look_up(domain, context.answers()), what, kind);
}

Outcome judge_rhsbl_client(Context& context, const Rule& rule) {
  const ClientName name = context.client_name();
  if (name.status == ClientName::Status::waiting) return Outcome::wait;
  if (name.name.empty()) return context.pass("the client has no verified name");
  return domain_listed(context, rule, name.name, name.name, "Client host");
}

Outcome judge_rhsbl_reverse_client(Context& context, const Rule& rule) {
  const ClientName name = context.client_name();
  if (name.status == ClientName::Status::waiting) return Outcome::wait;
  if (name.reverse_name.empty()) return context.pass("the client's address has no name");
  return domain_listed(context, rule, name.reverse_name, name.reverse_name,
                       "Unverified Client host");
}

/// What an allow list says.
Outcome allowed(Context& context, const Rule& rule, const DnsList::Listing& listing) {
  switch (listing.status) {
    case DnsList::Status::waiting:
      return Outcome::wait;
    case DnsList::Status::trouble:
      return context.defer_if_reject(
          rule, 450, {4, 7, 1},
          "Service unavailable; allow list " + rule.zone->zone() + " did not answer");
    case DnsList::Status::not_listed:
      return context.pass("not in " + rule.zone->zone());
    case DnsList::Status::listed:
      break;
  }
  return context.permit("in " + rule.zone->zone());
}

/// Reference §3: an allow list vouches for mail to ourselves alone. VRFY is no mail.
bool goes_elsewhere(Context& context) {
  const Address* recipient = context.recipient();
  return recipient != nullptr && context.protocol() != Protocol::vrfy &&
         context.is_authorised(*recipient) != Match::yes;
}

Outcome judge_dnswl_client(Context& context, const Rule& rule) {
  if (!rule.zone) return context.pass("there is no zone");
  if (goes_elsewhere(context)) return context.pass("the recipient is not ours");
  return allowed(context, rule,
                 rule.zone->look_up(context.evidence().session.client_ip, context.answers()));
}

Outcome judge_client_access(Context& context, const Rule& rule) {
  return check_client(context, rule);
}

Outcome judge_reverse_client_access(Context& context, const Rule& rule) {
  const ClientName name = context.client_name();
  if (name.status == ClientName::Status::waiting) return Outcome::wait;
  const std::string known = name.reverse_name.empty() ? "unknown" : name.reverse_name;
  const Outcome outcome = check_name(context, rule, known, Subject::client);
  // Who sets up a reverse zone may write what he likes there.
  if (outcome != Outcome::permit) return outcome;
  return context.configuration_error(rule, "a name nobody verified may not permit");
}

Outcome judge_rhswl_client(Context& context, const Rule& rule) {
  if (!rule.zone) return context.pass("there is no zone");
  if (goes_elsewhere(context)) return context.pass("the recipient is not ours");
  const ClientName name = context.client_name();
  if (name.status == ClientName::Status::waiting) return Outcome::wait;
  if (name.name.empty()) return context.pass("the client has no verified name");
  return allowed(context, rule, rule.zone->look_up(name.name, context.answers()));
}

Outcome judge_inet_interfaces(Context& context, const Rule&) {
  return context.policy().is_own(context.evidence().session.client_ip)
             ? context.permit("the client is this server")
             : context.pass("the client is another host");
}

// --- HELO ---

bool is_address(std::string_view text) {
  return looks_like_address(text) && IpAddress::from_text(text);
}

Outcome judge_invalid_helo(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  if (helo.empty()) return context.pass(not_known_yet);
  if (helo.starts_with('[')) {
    if (mail::is_address_literal(helo)) return context.pass("an address literal");
    return context.refuse(rule, "invalid ip address");
  }
  if (mail::is_hostname(helo) || is_address(helo)) return context.pass("a valid name");
  return context.refuse(rule, "Invalid name");
}

/// The code of a HELO that is broken rather than short of what the rule asks for.
Outcome bad_literal(Context& context, const Rule& rule) {
  const auto code = context.policy().codes.find("invalid_hostname_reject_code");
  const bool known = code != context.policy().codes.end();
  return context.refuse(rule, known ? code->second : std::uint16_t{501}, {5, 5, 2},
                        "invalid ip address");
}

Outcome judge_non_fqdn_helo(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  if (helo.empty()) return context.pass(not_known_yet);
  if (helo.starts_with('[')) {
    if (mail::is_address_literal(helo)) return context.pass("an address literal");
    return bad_literal(context, rule);
  }
  if (mail::is_fqdn(helo)) return context.pass("fully qualified");
  return context.refuse(rule, "need fully-qualified hostname");
}

Outcome judge_unknown_helo(Context& context, const Rule& rule) {
  const std::string_view helo = context.helo();
  if (helo.empty()) return context.pass(not_known_yet);
  if (helo.starts_with('[')) {
    if (mail::is_address_literal(helo)) return context.pass("an address literal");
    return bad_literal(context, rule);
  }
  // A name with a dot at its end is none to be looked up.
  if (helo.ends_with('.')) return context.refuse(rule, "Host not found");
  switch (policy::mail_domain(helo, context.answers())) {
    case MailDomain::waiting:
      return Outcome::wait;
    case MailDomain::exists:
    case MailDomain::null_mx:
      return context.pass("the name is in DNS");
    case MailDomain::trouble:
      return context.policy().defer_unknown_helo
                 ? context.refuse(rule, 450, {4, 7, 1}, "Host not found, try again")
                 : context.defer_if_permit(rule, 450, {4, 7, 1}, "Host not found, try again");
    case MailDomain::missing:
      break;
  }
  return context.refuse(rule, "Host not found");
}

Outcome judge_rhsbl_helo(Context& context, const Rule& rule) {
  if (context.helo().empty()) return context.pass(not_known_yet);
  return domain_listed(context, rule, context.helo(), context.helo(), "Helo command");
}

Outcome judge_helo_access(Context& context, const Rule& rule) {
  if (context.helo().empty()) return context.pass(not_known_yet);
  return check_name(context, rule, context.helo(), Subject::helo);
}

// --- sender and recipient ---

constexpr const char* null_sender = "the null reverse-path";

Outcome non_fqdn(Context& context, const Rule& rule, const Address& address) {
  if (address.domain.starts_with('[')) return context.pass("an address literal");
  if (!address.bare && mail::is_fqdn(address.domain)) return context.pass("fully qualified");
  return context.refuse(rule, "need fully-qualified address");
}

/// `bad`: the enhanced code of a domain that is not there; `null_mx` the reply of one that takes no
/// mail (RFC 7505 §4.2).
Outcome unknown_domain(Context& context, const Rule& rule, const Address& address,
                       std::uint16_t null_code, smtp::EnhancedCode null_mx) {
  if (address.domain.starts_with('[')) return context.pass("an address literal");
  if (address.known == DomainClass::unknown) return context.domain_trouble(rule);
  if (address.known != DomainClass::foreign && address.known != DomainClass::relay) {
    return context.pass("a domain of this server");
  }
  switch (policy::mail_domain(address.domain, context.answers())) {
    case MailDomain::waiting:
      return Outcome::wait;
    case MailDomain::exists:
      return context.pass("the domain takes mail");
    case MailDomain::null_mx:
      return context.refuse(rule, null_code, null_mx, "Domain does not accept mail (nullMX)");
    case MailDomain::trouble:
      return context.policy().defer_unknown_address
                 ? context.refuse(rule, 450, rule.keyword->enhanced, "Domain not found, try again")
                 : context.defer_if_permit(rule, 450, rule.keyword->enhanced,
                                           "Domain not found, try again");
    case MailDomain::missing:
      break;
  }
  return context.refuse(rule, "Domain not found");
}

/// Judges the sender unless it is unknown yet or null.
template <class Judge>
Outcome of_sender(Context& context, const Judge& judge) {
  const Address* sender = context.sender();
  if (sender == nullptr) return context.pass(not_known_yet);
  if (sender->text.empty()) return context.pass(null_sender);
  return judge(*sender);
}

template <class Judge>
Outcome of_recipient(Context& context, const Judge& judge) {
  const Address* recipient = context.recipient();
  if (recipient == nullptr) return context.pass(not_known_yet);
  return judge(*recipient);
}

Outcome judge_non_fqdn_sender(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) { return non_fqdn(context, rule, one); });
}

Outcome judge_non_fqdn_recipient(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) { return non_fqdn(context, rule, one); });
}

Outcome judge_unknown_sender_domain(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) {
    return unknown_domain(context, rule, one, 550, {5, 7, 27});
  });
}

Outcome judge_unknown_recipient_domain(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return unknown_domain(context, rule, one, 556, {5, 1, 10});
  });
}

Outcome judge_unlisted_sender(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) {
    return context.judge_listed(&rule, one, Subject::sender);
  });
}

Outcome judge_unlisted_recipient(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return context.judge_listed(&rule, one, Subject::recipient);
  });
}

Outcome judge_rhsbl_sender(Context& context, const Rule& rule) {
  return of_sender(context, [&](const Address& one) {
    return domain_listed(context, rule, one.domain, one.text, "Sender address");
  });
}

Outcome judge_rhsbl_recipient(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return domain_listed(context, rule, one.domain, one.text, "Recipient address");
  });
}

Outcome judge_sender_access(Context& context, const Rule& rule) {
  if (context.sender() == nullptr) return context.pass(not_known_yet);
  return check_address(context, rule, *context.sender(), Subject::sender);
}

Outcome judge_recipient_access(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    return check_address(context, rule, one, Subject::recipient);
  });
}

Outcome judge_unauth_destination(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    const Match ours = context.is_authorised(one);
    if (ours == Match::yes) return context.pass("a destination of ours");
    if (ours != Match::no) return context.domain_trouble(rule);
    return context.refuse_with(rule, rule.code, {5, 7, 1},
                               fmt::format("<{}>: Relay access denied", smtp::echo(one.text)));
  });
}

Outcome judge_auth_destination(Context& context, const Rule& rule) {
  return of_recipient(context, [&](const Address& one) {
    const Match ours = context.is_authorised(one);
    if (ours == Match::yes) return context.permit("a destination of ours");
    return ours == Match::no ? context.pass("no destination of ours")
                             : context.domain_trouble(rule);
  });
}

/// The seed's "check rules always accept or reject" is true of this one.
Outcome judge_relay_domains(Context& context, const Rule& rule) {
  const Outcome outcome = judge_auth_destination(context, rule);
  if (outcome != Outcome::pass || context.recipient() == nullptr) return outcome;
  return judge_unauth_destination(context, rule);
}

Outcome judge_etrn_access(Context& context, const Rule& rule) {
  if (context.etrn().empty()) return context.pass(not_known_yet);
  return check_name(context, rule, context.etrn(), Subject::etrn);
}

using Class = Keyword::Class;
using Takes = Keyword::Takes;

constexpr Keyword table[] = {
    {"permit",
     "",
     Class::permit,
     Subject::list,
     Takes::nothing,
     "",
     {},
     judge_permit,
     "always permits: later rules of the list are not asked"},
    {"reject",
     "",
     Class::reject,
     Subject::list,
     Takes::nothing,
     "reject_code",
     {5, 7, 1},
     judge_reject,
     "always refuses"},
    {"defer",
     "",
     Class::reject,
     Subject::list,
     Takes::nothing,
     "defer_code",
     {4, 3, 2},
     judge_defer,
     "always refuses for now"},
    {"defer_if_permit",
     "",
     Class::other,
     Subject::list,
     Takes::nothing,
     "",
     {},
     judge_defer_if_permit,
     "refuses for now unless a rule refuses for good"},
    {"defer_if_reject",
     "",
     Class::other,
     Subject::list,
     Takes::nothing,
     "",
     {},
     judge_defer_if_reject,
     "makes a later refusal of this list a temporary one"},
    {"check_policy_service",
     "",
     Class::check,
     Subject::list,
     Takes::service,
     "",
     {5, 7, 1},
     judge_policy_service,
     "asks a policy server"},
    {"reject_unauth_pipelining",
     "",
     Class::reject,
     Subject::list,
     Takes::nothing,
     "",
     {5, 5, 0},
     judge_unauth_pipelining,
     "the client sent commands where it had to wait"},
    {"reject_plaintext_session",
     "",
     Class::reject,
     Subject::list,
     Takes::nothing,
     "plaintext_reject_code",
     {4, 7, 1},
     judge_plaintext,
     "the session is not encrypted"},
    {"reject_multi_recipient_bounce",
     "",
     Class::reject,
     Subject::list,
     Takes::nothing,
     "multi_recipient_bounce_reject_code",
     {5, 5, 3},
     judge_multi_recipient_bounce,
     "the null reverse-path with several recipients"},
    {"permit_mynetworks",
     "",
     Class::permit,
     Subject::client,
     Takes::nothing,
     "",
     {},
     judge_mynetworks,
     "the client is in mynetworks"},
    {"permit_sasl_authenticated",
     "",
     Class::permit,
     Subject::client,
     Takes::nothing,
     "",
     {},
     judge_authenticated,
     "the session has authenticated"},
    {"reject_unknown_client_hostname",
     "reject_unknown_client",
     Class::reject,
     Subject::client,
     Takes::nothing,
     "unknown_client_reject_code",
     {4, 7, 25},
     judge_unknown_client,
     "the client's address has no name that leads back to it"},
    {"reject_unknown_reverse_client_hostname",
     "",
     Class::reject,
     Subject::client,
     Takes::nothing,
     "unknown_client_reject_code",
     {4, 7, 1},
     judge_unknown_reverse_client,
     "the client's address has no name"},
    {"reject_rbl_client",
     "reject_rbl",
     Class::reject,
     Subject::client,
     Takes::zone,
     "maps_rbl_reject_code",
     {5, 7, 1},
     judge_rbl_client,
     "the client's address is in a DNS list"},
    {"reject_rhsbl_client",
     "",
     Class::reject,
     Subject::client,
     Takes::zone,
     "maps_rbl_reject_code",
     {5, 7, 1},
     judge_rhsbl_client,
     "the client's name is in a DNS list"},
    {"reject_rhsbl_reverse_client",
     "",
     Class::reject,
     Subject::client,
     Takes::zone,
     "maps_rbl_reject_code",
     {5, 7, 1},
     judge_rhsbl_reverse_client,
     "the name of the client's address, verified or not, is in a DNS list"},
    {"permit_dnswl_client",
     "",
     Class::permit,
     Subject::client,
     Takes::zone,
     "",
     {},
     judge_dnswl_client,
     "the client's address is in a DNS list, for mail to destinations of ours"},
    {"check_client_access",
     "",
     Class::check,
     Subject::client,
     Takes::table,
     "",
     {5, 7, 1},
     judge_client_access,
     "a table knows the client's name or address"},
    {"check_reverse_client_hostname_access",
     "",
     Class::check,
     Subject::client,
     Takes::table,
     "",
     {5, 7, 1},
     judge_reverse_client_access,
     "a table knows the unverified name of the client"},
    {"permit_rhswl_client",
     "",
     Class::permit,
     Subject::client,
     Takes::zone,
     "",
     {},
     judge_rhswl_client,
     "the client's name is in a DNS list, for mail to destinations of ours"},
    {"permit_inet_interfaces",
     "",
     Class::permit,
     Subject::client,
     Takes::nothing,
     "",
     {},
     judge_inet_interfaces,
     "the client is this server"},
    {"reject_invalid_helo_hostname",
     "reject_invalid_hostname",
     Class::reject,
     Subject::helo,
     Takes::nothing,
     "invalid_hostname_reject_code",
     {5, 5, 2},
     judge_invalid_helo,
     "HELO is no valid host name or address"},
    {"reject_non_fqdn_helo_hostname",
     "reject_non_fqdn_hostname",
     Class::reject,
     Subject::helo,
     Takes::nothing,
     "non_fqdn_reject_code",
     {5, 5, 2},
     judge_non_fqdn_helo,
     "HELO is no fully qualified name"},
    {"reject_unknown_helo_hostname",
     "reject_unknown_hostname",
     Class::reject,
     Subject::helo,
     Takes::nothing,
     "unknown_hostname_reject_code",
     {4, 7, 1},
     judge_unknown_helo,
     "HELO has neither addresses nor mail hosts in DNS"},
    {"reject_rhsbl_helo",
     "",
     Class::reject,
     Subject::helo,
     Takes::zone,
     "maps_rbl_reject_code",
     {5, 7, 1},
     judge_rhsbl_helo,
     "HELO is in a DNS list"},
    {"check_helo_access",
     "",
     Class::check,
     Subject::helo,
     Takes::table,
     "",
     {5, 7, 1},
     judge_helo_access,
     "a table knows HELO"},
    {"reject_non_fqdn_sender",
     "",
     Class::reject,
     Subject::sender,
     Takes::nothing,
     "non_fqdn_reject_code",
     {5, 5, 2},
     judge_non_fqdn_sender,
     "the reverse-path has no fully qualified domain"},
    {"reject_unknown_sender_domain",
     "reject_unknown_address",
     Class::reject,
     Subject::sender,
     Takes::nothing,
     "unknown_address_reject_code",
     {4, 1, 8},
     judge_unknown_sender_domain,
     "the reverse-path's domain takes no mail"},
    {"reject_unlisted_sender",
     "",
     Class::reject,
     Subject::sender,
     Takes::nothing,
     "",
     {5, 1, 0},
     judge_unlisted_sender,
     "the reverse-path is in a domain of ours that does not know it"},
    {"reject_rhsbl_sender",
     "",
     Class::reject,
     Subject::sender,
     Takes::zone,
     "maps_rbl_reject_code",
     {5, 7, 1},
     judge_rhsbl_sender,
     "the reverse-path's domain is in a DNS list"},
    {"check_sender_access",
     "",
     Class::check,
     Subject::sender,
     Takes::table,
     "",
     {5, 7, 1},
     judge_sender_access,
     "a table knows the reverse-path"},
    {"reject_unauth_destination",
     "",
     Class::reject,
     Subject::recipient,
     Takes::nothing,
     "relay_domains_reject_code",
     {5, 7, 1},
     judge_unauth_destination,
     "the recipient's domain is none of ours"},
    {"defer_unauth_destination",
     "",
     Class::reject,
     Subject::recipient,
     Takes::nothing,
     "relay_domains_reject_code",
     {4, 7, 1},
     judge_unauth_destination,
     "the recipient's domain is none of ours, for now"},
    {"permit_auth_destination",
     "",
     Class::permit,
     Subject::recipient,
     Takes::nothing,
     "",
     {},
     judge_auth_destination,
     "the recipient's domain is ours"},
    {"reject_non_fqdn_recipient",
     "",
     Class::reject,
     Subject::recipient,
     Takes::nothing,
     "non_fqdn_reject_code",
     {5, 5, 2},
     judge_non_fqdn_recipient,
     "the recipient has no fully qualified domain"},
    {"reject_unknown_recipient_domain",
     "",
     Class::reject,
     Subject::recipient,
     Takes::nothing,
     "unknown_address_reject_code",
     {4, 1, 2},
     judge_unknown_recipient_domain,
     "the recipient's domain takes no mail"},
    {"reject_unlisted_recipient",
     "check_recipient_maps",
     Class::reject,
     Subject::recipient,
     Takes::nothing,
     "",
     {5, 1, 1},
     judge_unlisted_recipient,
     "the recipient is in a domain of ours that does not know it"},
    {"reject_rhsbl_recipient",
     "",
     Class::reject,
     Subject::recipient,
     Takes::zone,
     "maps_rbl_reject_code",
     {5, 7, 1},
     judge_rhsbl_recipient,
     "the recipient's domain is in a DNS list"},
    {"check_recipient_access",
     "",
     Class::check,
     Subject::recipient,
     Takes::table,
     "",
     {5, 7, 1},
     judge_recipient_access,
     "a table knows the recipient"},
    {"check_relay_domains",
     "",
     Class::check,
     Subject::recipient,
     Takes::nothing,
     "relay_domains_reject_code",
     {5, 7, 1},
     judge_relay_domains,
     "permits destinations of ours and refuses all others"},
    {"check_etrn_access",
     "",
     Class::check,
     Subject::etrn,
     Takes::table,
     "",
     {5, 7, 1},
     judge_etrn_access,
     "a table knows the domain of ETRN"},
};

constexpr std::string_view elsewhere[] = {
    "sleep",
    "permit_tls_clientcerts",
    "permit_tls_all_clientcerts",
    "check_client_a_access",
    "check_client_mx_access",
    "check_client_ns_access",
    "check_reverse_client_hostname_a_access",
    "check_reverse_client_hostname_mx_access",
    "check_reverse_client_hostname_ns_access",
    "check_ccert_access",
    "check_sasl_access",
    "reject_maps_rbl",
    "check_helo_a_access",
    "check_helo_mx_access",
    "check_helo_ns_access",
    "permit_naked_ip_address",
    "check_sender_a_access",
    "check_sender_mx_access",
    "check_sender_ns_access",
    "reject_unverified_sender",
    "reject_authenticated_sender_login_mismatch",
    "reject_unauthenticated_sender_login_mismatch",
    "reject_known_sender_login_mismatch",
    "reject_sender_login_mismatch",
    "permit_mx_backup",
    "check_recipient_a_access",
    "check_recipient_mx_access",
    "check_recipient_ns_access",
    "reject_unverified_recipient",
};

}  // namespace

std::span<const Keyword> keywords() { return table; }

const Keyword* find_keyword(std::string_view word) {
  const auto found = std::find_if(std::begin(table), std::end(table), [&](const Keyword& one) {
    return iequals(one.name, word) || (!one.former.empty() && iequals(one.former, word));
  });
  return found == std::end(table) ? nullptr : found;
}

bool is_known_elsewhere(std::string_view word) {
  return std::any_of(std::begin(elsewhere), std::end(elsewhere),
                     [&](std::string_view one) { return iequals(one, word); });
}

}  // namespace postern::dialect::restrictions
