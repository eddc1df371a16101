#include "policy/replies.h"

#include <fmt/format.h>

namespace postern::policy::replies {

using questions::Dkim;
using questions::Dmarc;
using questions::PolicyLogin;
using questions::Spf;
using questions::TroubleReply;

smtp::Reply no_room() { return smtp::reply_for(Fault::disk_full); }

smtp::Reply trouble(TroubleReply reply) {
  switch (reply) {
    case TroubleReply::no_room:
      return no_room();
    case TroubleReply::no_service:
      return {421, {4, 3, 0}, "temporary local problem, try again later"};
    case TroubleReply::no_login:
      return {454, {4, 7, 0}, "temporary failure, try again later"};
    case TroubleReply::later:
      break;
  }
  return {451, {4, 3, 0}, "temporary local problem, try again later"};
}

Verdict trouble(Stage stage, questions::Trouble kind, std::string cause) {
  return {Verdict::Kind::defer, trouble(questions::trouble_reply(stage, kind)), std::move(cause),
          kind};
}

smtp::Reply login_failed() { return {535, {5, 7, 8}, "authentication failed"}; }

smtp::Reply login_required() { return {530, {5, 7, 0}, "authentication required"}; }

Verdict client_in(const questions::ClientIn& found) {
  if (found) return pass_on(found.words());
  return refuse(
      550, {5, 7, 1},
      fmt::format("source address {} is not in the policy's allowlist", found.client.to_string()),
      found.words());
}

Verdict opens_policy(PolicyLogin found) {
  using Is = PolicyLogin::Is;
  smtp::Reply required = login_required();
  switch (found.is) {
    case Is::open:
      return pass_on(std::move(found.words));
    case Is::missing_and_tls:
      // RFC 4954 §6: 530 5.7.0. AUTH is only offered inside TLS, so say how to get there.
      required.text += ": use STARTTLS, then AUTH";
      [[fallthrough]];
    case Is::missing:
      return {Verdict::Kind::reject, std::move(required), std::move(found.words)};
    case Is::revoked:
    case Is::other:
    case Is::changed:
      break;
  }
  return refuse(550, {5, 7, 1}, "these credentials do not open this recipient's policy",
                std::move(found.words));
}

Verdict rate(const questions::Rate& found) {
  if (found.available) return pass_on(found.words());
  return refuse(450, {4, 2, 1}, "rate limit of this recipient is reached, try again later",
                found.words());
}

Verdict spf(const Spf& found, const IpAddress& client) {
  if (found.result == nullptr) {
    return refuse(451, {4, 7, 24}, "SPF could not be verified, try again later");
  }
  const std::string domain =
      found.result->domain.empty() ? "the sender" : smtp::echo(found.result->domain);
  switch (found.says) {
    case Spf::Says::authorised:
      return pass_on(found.words());
    case Spf::Says::unanswered:
      return refuse(
          451, {4, 7, 24},
          fmt::format("SPF of {} could not be verified (temperror), try again later", domain),
          found.words());
    case Spf::Says::broken:  // RFC 7372 §3.2
      return refuse(550, {5, 7, 24},
                    fmt::format("SPF record of {} is in error (permerror)", domain), found.words());
    case Spf::Says::nothing:
    case Spf::Says::doubts:
    case Spf::Says::forbids:
      break;
  }
  return refuse(
      550, {5, 7, 23},
      fmt::format("SPF validation failed: {} for {} from {}",
                  mailauth::spf::to_string(found.result->status), domain, client.to_string()),
      found.words());
}

/// RFC 7372 §3.1.
Verdict dkim(const Dkim& found) {
  if (found.results == nullptr) {
    return refuse(451, {4, 7, 5}, "DKIM could not be verified, try again later");
  }
  switch (found.says) {
    case Dkim::Says::vouched:
      return pass_on(found.words());
    case Dkim::Says::unanswered:
      return refuse(451, {4, 7, 5}, "DKIM key could not be fetched, try again later",
                    found.words());
    case Dkim::Says::unacceptable:
      return refuse(550, {5, 7, 21}, "no acceptable DKIM signature of a permitted domain found",
                    found.words());
    case Dkim::Says::unverified:
      break;
  }
  return refuse(550, {5, 7, 20}, "no valid DKIM signature found", found.words());
}

namespace {

/// The reply is the same under both rules. The codes are those of RFC 7372 §3.4.
Verdict dmarc_later(const Dmarc& found) {
  return refuse(451, {4, 7, 26}, "DMARC could not be evaluated, try again later",
                found.result != nullptr ? found.words() : std::string());
}

Verdict dmarc_invalid(const Dmarc& found) {
  return refuse(550, {5, 6, 0}, "invalid From: one address that all read alike is required",
                found.words());
}

}  // namespace

/// RFC 7489 §6.6.2 with §10.3.
Verdict dmarc_asked(const Dmarc& found) {
  switch (found.says) {
    case Dmarc::Says::vouched:
    case Dmarc::Says::no_record:
    case Dmarc::Says::asks_nothing:
      return pass_on(found.words());
    case Dmarc::Says::unanswered:
      return dmarc_later(found);
    case Dmarc::Says::no_author:
      return dmarc_invalid(found);
    // A policy of "quarantine" refuses too: there is no folder here to put the message in.
    case Dmarc::Says::asks_quarantine:
    case Dmarc::Says::asks_reject:
      break;
  }
  return refuse(550, {5, 7, 26},
                fmt::format("unauthenticated mail from {} is refused by its DMARC policy",
                            smtp::echo(found.result->from_domain)),
                found.words());
}

Verdict dmarc_vouched(const Dmarc& found) {
  if (found.says == Dmarc::Says::vouched) return pass_on(found.words());
  if (found.says == Dmarc::Says::no_author) return dmarc_invalid(found);
  // A DNS lookup that could authenticate the mail may have failed temporarily.
  if (found.may_change) return dmarc_later(found);
  return refuse(
      550, {5, 7, 26},
      fmt::format("DMARC does not vouch for mail from {}", smtp::echo(found.result->from_domain)),
      found.words());
}

}  // namespace postern::policy::replies
