// check_mail_relay and check_rcpt_relay: which clients may use local senders, and which may send to
// other domains.
#include "dialect/vsl/hosts.h"
#include "dialect/vsl/reply_codes.h"
#include "dialect/vsl/security.h"
#include "dialect/vsl/watch.h"
#include "policy/questions/authenticated.h"
#include "policy/ruling.h"

namespace postern::dialect::vsl {

namespace {

using StatusKind = Status::Kind;
using policy::Route;
using policy::Stage;

/// Whether the client is authenticated or one of the hosts.
Task<HostMatch> known_client(Context& context, Hosts hosts) {
  if (Watch* watch = watching()) watch->look(subject_session);
  const auto client = policy::questions::authenticated(context.evidence);
  if (client) co_return HostMatch{true, client.words()};
  HostMatch match = co_await match_client(context, std::move(hosts));
  co_return match;
}

/// Adds the effects of a relaying client; policy::grant_relay() decides whether they give a route.
void allow_relay(Context& context, const std::string& why) {
  if (!policy::gives_route(policy::Grant::client, context.evidence.candidate->route)) return;
  for (decltype(policy::Effect::what) what :
       {decltype(policy::Effect::what)(policy::TrustClient{}),
        decltype(policy::Effect::what)(policy::GrantRelay{policy::Grant::client})}) {
    context.effects->push_back({.what = std::move(what), .why = why, .check = {}, .place = {}});
  }
}

Task<StatusPtr> deny_unless_known(Context& context, Hosts hosts) {
  HostMatch match = co_await known_client(context, std::move(hosts));
  if (match.found) co_return status_of(StatusKind::next, std::move(match.detail));
  co_return status_of(StatusKind::deny, std::move(match.detail), relay_denied());
}

/// The last of recipients_of(); nullopt: there is none.
std::optional<mail::Mailbox> last_recipient(const Context& context) {
  if (context.draft.removed.empty()) return context.evidence.candidate->address;
  auto all = recipients_of(context);
  if (all.empty()) return std::nullopt;
  return std::move(all.back());
}

/// `is_candidate`: the relayed recipient is the one that the client named.
Task<StatusPtr> relay_if_known(Context& context, Hosts hosts, bool is_candidate) {
  HostMatch match = co_await known_client(context, std::move(hosts));
  if (!match.found) {
    co_return status_of(StatusKind::refuse_recipient, std::move(match.detail), relay_denied());
  }
  if (is_candidate) allow_relay(context, match.detail);
  co_return status_of(StatusKind::next, std::move(match.detail));
}

}  // namespace

script::Soon<StatusPtr> check_mail_relay(script::Call& call, Value allowed_hosts) {
  Context& context = rule_of(call);
  const auto sender = sender_of(context);
  Hosts hosts = hosts_of(allowed_hosts);
  if (!is_local(context, sender)) return status_of(StatusKind::next, "the sender is not of ours");
  return deny_unless_known(context, std::move(hosts));
}

script::Soon<StatusPtr> check_rcpt_relay(script::Call& call, Value allowed_hosts) {
  Context& context = rule_of(call);
  const policy::Evidence& evidence = context.evidence;
  if (context.stage < Stage::rcpt) too_early("rcpt", "rcpt");
  script::demand(context.stage == Stage::rcpt && evidence.candidate.has_value(),
                 "check_rcpt_relay judges one recipient: it is only available in the `rcpt` stage");
  Hosts hosts = hosts_of(allowed_hosts);
  // Hosts that include unknown clients are an open relay, however they are written
  // (docs/configuration.md, `i_know_this_is_an_open_relay`).
  if (!context.site.open_relay_is_known) {
    const auto stranger = stranger_among(hosts);
    script::demand(!stranger, "allowed_hosts holds strangers such as " +
                                  stranger.value_or(IpAddress()).to_string() + ": an open relay");
  }
  const auto recipient = last_recipient(context);
  if (!recipient) return status_of(StatusKind::next, "no recipient is left");
  // RFC 5321 §4.1.1.3: <Postmaster> without a domain is local.
  if (recipient->domain.empty() || context.site.is_local(recipient->domain)) {
    return status_of(StatusKind::next, "the recipient is one of ours");
  }
  const bool is_candidate = *recipient == evidence.candidate->address;
  if (is_candidate && evidence.candidate->route.kind == Route::Kind::webhook) {
    return status_of(StatusKind::next, "a webhook owns the recipient");
  }
  return relay_if_known(context, std::move(hosts), is_candidate);
}

}  // namespace postern::dialect::vsl
