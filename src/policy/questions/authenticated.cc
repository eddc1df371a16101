#include "policy/questions/authenticated.h"

#include <fmt/format.h>

#include "base/text.h"
#include "policy/authentication_text.h"
#include "policy/webhook.h"

namespace postern::policy::questions {

Authenticated authenticated(const Evidence& evidence) {
  using As = Authenticated::As;
  const SessionFacts& session = evidence.session;
  if (const Authentication* login = session.login()) return {As::client, login};
  return {session.auth ? As::tenant : As::nobody, nullptr};
}

std::string Authenticated::words() const {
  if (as != As::client) return std::string(words_without_login());
  return "authenticated as " + printable(login->username, longest_shown);
}

std::string_view Authenticated::words_without_login() const {
  switch (as) {
    case As::client:
      return {};
    case As::tenant:
      return "the client authenticated with a tenant's credentials, which open webhooks";
    case As::nobody:
      break;
  }
  return "the client has not authenticated";
}

PolicyLogin opens_policy(const Evidence& evidence, std::string_view policy_id) {
  using Is = PolicyLogin::Is;
  const SessionFacts& session = evidence.session;
  if (!session.auth) {
    if (session.revoked && !policy_id.empty()) {
      return {Is::revoked, fmt::format("the password of {} was changed or taken away since AUTH",
                                       printable(session.revoked->username, longest_shown))};
    }
    if (session.tls) return {Is::missing, "no AUTH in this session"};
    return {Is::missing_and_tls, "no TLS, no AUTH in this session"};
  }
  const std::string user = printable(session.auth->username, longest_shown);
  if (policy_id.empty()) return {Is::open, "authenticated as " + user};
  const auto granted = session.auth->granted.find(std::string(policy_id));
  if (granted == session.auth->granted.end()) {
    return {Is::other, fmt::format("{} authenticated for other policies than {}", user, policy_id)};
  }
  const WebhookPolicy* policy =
      evidence.candidate ? evidence.candidate->route.policy.get() : nullptr;
  const bool same = policy != nullptr && policy->id == policy_id;
  const Credential* current = same ? policy->credential(session.auth->username) : nullptr;
  if (current == nullptr || current->stamp != granted->second) {
    return {Is::changed,
            fmt::format("the password of {} in {} was changed since AUTH", user, policy_id)};
  }
  return {Is::open, fmt::format("authenticated as {} for {}", user, policy_id)};
}

}  // namespace postern::policy::questions
