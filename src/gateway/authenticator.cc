#include "gateway/authenticator.h"

#include "base/subscriber.h"
#include "base/text.h"
#include "policy/credentials.h"

namespace postern::gateway {

using Kind = Authenticator::Result::Kind;

Authenticator::Authenticator(const policy::Directory& directory, net::WorkPool& pool,
                             AuthLimits limits)
    : directory_(directory),
      pool_(pool),
      limits_(std::move(limits)),
      by_address_(limits_.failures_per_address, std::chrono::minutes(10)),
      by_account_(limits_.failures_per_account, std::chrono::hours(1)) {}

void Authenticator::note_failure(const IpAddress& client, const std::string& username) {
  const auto now = WindowCounter::Clock::now();
  if (!limits_.exempt.contains(client)) by_address_.add(subscriber_key(client), now);
  by_account_.add(username, now);
}

Task<Authenticator::Result> Authenticator::verify(smtp::Auth attempt, IpAddress client) {
  const std::string username = lower(attempt.authn_id);
  const auto now = WindowCounter::Clock::now();
  const bool address_blocked =
      !limits_.exempt.contains(client) && by_address_.exceeded(subscriber_key(client), now);
  if (address_blocked || by_account_.exceeded(username, now)) {
    co_return Result{.kind = Kind::throttled, .identity = {}};
  }
  auto check = std::make_shared<policy::PasswordCheck>(
      policy::plan_password_check(directory_, attempt.authn_id, attempt.password));
  if (!check->hash) {
    note_failure(client, username);
    co_return Result{};
  }
  auto work = [check, password = std::move(attempt.password)] {
    return policy::check_password(*check, password);
  };
  auto granted = co_await pool_.run(std::move(work));
  if (!granted) co_return Result{.kind = Kind::unavailable, .identity = {}};
  if (!*granted) {
    note_failure(client, username);
    co_return Result{};
  }
  Result result{.kind = Kind::accepted, .identity = {}};
  result.identity.username = check->username;
  result.identity.granted = std::move(**granted);
  co_return result;
}

}  // namespace postern::gateway
