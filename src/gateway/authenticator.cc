#include "gateway/authenticator.h"

#include <algorithm>
#include <exception>

#include "base/hmac.h"
#include "base/sha256.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "gateway/auth_source.h"
#include "net/counted.h"
#include "policy/inquiry.h"
#include "policy/questions/client_in.h"
#include "policy/step.h"
#include "smtp/saslprep.h"

namespace postern::gateway {

using policy::AuthAnswer;
using ResultKind = Authenticator::Result::Kind;
using Said = AuthAnswer::Kind;

namespace {

/// In the order of the EHLO line; simple clients take the first one.
constexpr std::string_view known_mechanisms[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256",
                                                 "SCRAM-SHA-256-PLUS", "OAUTHBEARER"};

/// Stands in KnownClients for a SCRAM proof, whichever verifier had the keys.
constexpr std::string_view by_proof = "scram";

std::string_view served_as(std::string_view mechanism) {
  return mechanism == "SCRAM-SHA-256-PLUS" ? "SCRAM-SHA-256" : mechanism;
}

constexpr std::string_view has_keys = "has SCRAM keys of this name";

/// RFC 4616 §2: the client may act as itself, or as the identity that the verifier names.
bool may_be(const policy::AuthAttempt& attempt, const policy::Authentication& identity) {
  return attempt.authz_id.empty() || attempt.authz_id == identity.authz_id ||
         (attempt.authz_id == attempt.authn_id && attempt.mechanism != "OAUTHBEARER");
}

std::optional<std::string> prepared(const std::string& name) {
  return smtp::saslprep(name, smtp::Unassigned::allowed);
}

/// Servers that ignore case in names usually ignore white space as well.
std::string without_spelling(std::string_view name) {
  std::string out;
  for (const char c : trim(name)) {
    if (!is_space(c) || !is_space(out.back())) out += to_lower(c);
  }
  return out;
}

bool is_refusal(const std::optional<smtp::Reply>& reply) {
  return reply && reply->code >= 400 && reply->code < 600;
}

}  // namespace

std::span<const std::string_view> auth_check_names() {
  static constexpr std::string_view names[] = {
      "guess_limit", "scram", "authz_id", "policies",      "static", "htpasswd", "sqlite",
      "postgresql",  "ldap",  "vault",    "introspection", "vsl",    "lua",      "dovecot"};
  return names;
}

Authenticator::Authenticator(AuthLimits limits, std::string salt_key, SharedCounts* shared)
    : shared_(shared),
      salt_key_(salt_key.empty() ? random_octets(32) : std::move(salt_key)),
      verifiers_(std::make_shared<const Verifiers>()) {
  set_limits(std::move(limits));
}

void Authenticator::set_limits(AuthLimits limits) {
  by_client_.set_limits(limits.failures_per_address, limits.failures_per_subnet, limits.window,
                        limits.lockout);
  by_account_.set_limits(limits.failures_per_account, limits.window, limits.lockout);
  limits_.store(std::make_shared<const AuthLimits>(std::move(limits)));
}

void Authenticator::set_verifiers(std::shared_ptr<const Verifiers> verifiers) {
  verifiers_.store(std::move(verifiers));
}

bool Authenticator::serves(std::string_view mechanism) const {
  const auto verifiers = verifiers_.load();
  return std::any_of(verifiers->begin(), verifiers->end(),
                     [&](const auto& one) { return one->serves(served_as(mechanism)); });
}

std::string Authenticator::mechanisms() const {
  std::string words;
  for (const std::string_view mechanism : known_mechanisms) {
    if (!serves(mechanism)) continue;
    if (!words.empty()) words += ' ';
    words += mechanism;
  }
  return words;
}

/// Counts by prepared names: otherwise each spelling would be another account, and so would each
/// domain after a local part if a verifier looks up the local part alone.
Authenticator::Accounts Authenticator::accounts_of(const std::string& name,
                                                   const Verifiers& verifiers) {
  const std::string known_as = prepared(name).value_or(name);
  Accounts accounts;
  for (const auto& verifier : verifiers) {
    for (const std::string& account : verifier->accounts_of(known_as)) {
      accounts.insert(without_spelling(account));
    }
  }
  accounts.erase("");
  return accounts;
}

bool Authenticator::is_exempt(const IpAddress& client) const {
  const auto limits = limits_.load();
  return policy::questions::client_in(client, limits->exempt).yes;
}

Authenticator::Counted Authenticator::counted_of(const std::string& client) const {
  const auto limits = limits_.load();
  return {{{.kind = "auth_per_client",
            .most = limits->failures_per_address,
            .window = limits->window,
            .lockout = limits->lockout},
           client},
          {{.kind = "auth_per_network",
            .most = limits->failures_per_subnet,
            .window = limits->window,
            .lockout = limits->lockout},
           std::string(network_of_key(client))}};
}

Authenticator::Counted Authenticator::counted_of_account(const std::string& account) const {
  const auto limits = limits_.load();
  return {{{.kind = "auth_per_account",
            .most = limits->failures_per_account,
            .window = limits->window,
            .lockout = limits->lockout},
           sha256(account)}};
}

SubscriberCounter::Over Authenticator::exceeded(const std::string& client,
                                                WindowCounter::Clock::time_point now) {
  if (shared_ == nullptr) return by_client_.exceeded(client, now);
  const Counted counted = counted_of(client);
  if (shared_->closed(counted[0].first, counted[0].second)) return SubscriberCounter::Over::client;
  return shared_->closed(counted[1].first, counted[1].second) ? SubscriberCounter::Over::network
                                                              : SubscriberCounter::Over::none;
}

bool Authenticator::account_exceeded(const std::string& account,
                                     WindowCounter::Clock::time_point now) {
  if (shared_ == nullptr) return by_account_.exceeded(account, now);
  const auto [limit, key] = counted_of_account(account).front();
  return shared_->closed(limit, key).has_value();
}

Task<bool> Authenticator::note_failure(const IpAddress& client, const Accounts& accounts) {
  const auto now = WindowCounter::Clock::now();
  const std::string key = subscriber_key(client);
  const bool by_client = !is_exempt(client);
  if (shared_ == nullptr) {
    if (by_client) by_client_.add(key, now);
    for (const std::string& account : accounts) by_account_.add(account, now);
    co_return true;
  }
  Counted counted = by_client ? counted_of(key) : Counted();
  for (const std::string& account : accounts) {
    counted.push_back(std::move(counted_of_account(account).front()));
  }
  bool allowed = true;
  for (const auto& [limit, counted_as] : counted) {
    if (!co_await net::counted(shared_, limit, counted_as)) allowed = false;
  }
  co_return allowed;
}

void Authenticator::note_success(const IpAddress& client, const Accounts& accounts,
                                 policy::AskedBefore opened) {
  const auto now = decltype(known_)::Clock::now();
  for (const std::string& account : accounts)
    known_.remember(subscriber_key(client), account, opened, now);
}

bool Authenticator::is_locked(const IpAddress& client, const Accounts& accounts,
                              std::optional<policy::AskedBefore>& only,
                              std::vector<policy::Step>& steps) {
  const auto now = WindowCounter::Clock::now();
  using Over = SubscriberCounter::Over;
  const std::string key = subscriber_key(client);
  const Over over = is_exempt(client) ? Over::none : exceeded(key, now);
  std::string_view by;
  if (over == Over::client) {
    by = "too many failures from this address";
  } else if (over == Over::network) {
    by = "too many failures from this subnet";
  } else {
    for (const std::string& account : accounts) {
      if (!account_exceeded(account, now)) continue;
      only = known_.find(key, account, now);
      if (only) continue;
      by = "too many failures with this name";
      break;
    }
  }
  if (by.empty()) return false;
  steps.push_back(
      step_of("guess_limit", {}, {.kind = Said::unavailable, .detail = std::string(by)}));
  return true;
}

Task<Authenticator::Result> Authenticator::verify(smtp::Auth event, policy::Inquiry& inquiry,
                                                  std::vector<policy::Step>& steps) {
  policy::AuthAttempt attempt{.mechanism = std::move(event.mechanism),
                              .authz_id = std::move(event.authz_id),
                              .authn_id = std::move(event.authn_id),
                              .password = std::move(event.password),
                              .only = {}};
  const IpAddress client = inquiry.evidence.session.client_ip;
  const auto verifiers = verifiers_.load();
  const Accounts accounts = accounts_of(attempt.authn_id, *verifiers);
  if (is_locked(client, accounts, attempt.only, steps))
    co_return Result{.kind = ResultKind::throttled};

  AuthAnswer answer;
  policy::AskedBefore opened{.verifier = std::string(by_proof), .opened = {}};
  if (event.proof != smtp::Proof::none) {
    answer.kind = event.proof == smtp::Proof::right ? Said::accepted : Said::refused;
    answer.identity.username = prepared(attempt.authn_id).value_or(attempt.authn_id);
    answer.known = std::ranges::any_of(
        steps, [](const policy::Step& one) { return one.verdict.detail == has_keys; });
    steps.push_back(step_of("scram", {}, answer));
  } else if (!attempt.password.empty()) {
    policy::Asked asked = co_await policy::ask_in_order(*verifiers, attempt, inquiry, steps);
    answer = std::move(asked.answer);
    opened.verifier = asked.by;
  }
  Result result{.kind = ResultKind::refused};
  if (is_refusal(answer.reply)) result.reply = std::move(answer.reply);
  if (answer.kind == Said::unavailable) {
    result.kind = ResultKind::unavailable;
    result.verifier = opened.verifier;
    result.trouble = std::move(answer.detail);
    co_return result;
  }
  // Another attempt may have locked the account while the verifiers ran: the result is not told.
  std::optional<policy::AskedBefore> meanwhile;
  if (is_locked(client, accounts, meanwhile, steps) || (meanwhile && !attempt.only))
    co_return Result{.kind = ResultKind::throttled};
  result.identity = std::move(answer.identity);
  if (result.identity.authz_id.empty()) result.identity.authz_id = result.identity.username;
  if (answer.kind == Said::accepted && may_be(attempt, result.identity)) {
    for (const auto& [policy, stamp] : result.identity.granted) opened.opened.insert(policy);
    note_success(client, accounts, std::move(opened));
    result.kind = ResultKind::accepted;
    co_return result;
  }
  if (answer.known) {
    result.known_name = attempt.authn_id;
    if (!steps.empty()) {
      std::string& detail = steps.back().verdict.detail;
      detail += (detail.empty() ? "user " : ", user ") + printable(attempt.authn_id, 64);
    }
  }
  if (answer.kind == Said::accepted) {
    steps.push_back(step_of("authz_id", {},
                            {.kind = Said::refused, .detail = "may not act for another identity"}));
  }
  // Another gateway may have closed what this one held for open.
  if (!co_await note_failure(client, accounts)) result = Result{.kind = ResultKind::throttled};
  co_return result;
}

/// RFC 5802 §5.1: an attacker cannot tell which accounts exist, as each name has a constant salt.
std::string Authenticator::salt_of(const std::string& account) const {
  constexpr std::size_t size = 16;  // the size that PostgreSQL and Dovecot use
  return hmac_sha256(salt_key_, account).substr(0, size);
}

Task<tl::expected<policy::ScramKeys, ResultKind>> Authenticator::scram_keys(
    std::string name, IpAddress client, std::vector<policy::Step>& steps) {
  const auto verifiers = verifiers_.load();
  const Accounts accounts = accounts_of(name, *verifiers);
  std::optional<policy::AskedBefore> only;
  if (is_locked(client, accounts, only, steps) || (only && only->verifier != by_proof))
    co_return tl::unexpected(ResultKind::throttled);
  // RFC 5802 §5.1: the name is prepared as a query string; a failure ends the exchange.
  const std::optional<std::string> known_as = prepared(name);
  if (!known_as) {
    steps.push_back(step_of("scram", {}, {.kind = Said::refused, .detail = "no name"}));
    const bool allowed = co_await note_failure(client, accounts);
    co_return tl::unexpected(allowed ? ResultKind::refused : ResultKind::throttled);
  }
  std::optional<policy::ScramKeys> made_up;
  for (const auto& verifier : *verifiers) {
    if (!verifier->serves("SCRAM-SHA-256")) continue;
    const std::string salt = salt_of(verifier->accounts_of(*known_as).front());
    if (!made_up) {
      made_up = policy::ScramKeys{.salt = salt,
                                  .iterations = verifier->scram_iterations(),
                                  .stored_key = random_octets(32),
                                  .server_key = random_octets(32)};
    }
    ::postern::Result<std::optional<policy::ScramKeys>> found =
        fail(Fault::temporary, "the verifier failed");
    try {
      found = co_await verifier->scram_keys(*known_as, salt);
    } catch (const std::exception& error) {
      found = fail(Fault::temporary, error.what());
    }
    AuthAnswer answer{.kind = Said::unknown, .detail = "no SCRAM keys of this name"};
    if (!found) answer = {.kind = Said::unavailable, .detail = found.error().message};
    if (found && *found) answer.detail = has_keys;
    steps.push_back(step_of(verifier->name(), {}, answer));
    if (!found) {
      co_return tl::unexpected(ResultKind::unavailable);
    }
    if (*found) co_return std::move(**found);
  }
  if (!made_up) co_return tl::unexpected(ResultKind::refused);
  co_return std::move(*made_up);
}

}  // namespace postern::gateway
