#include <algorithm>
#include <utility>

#include "base/text.h"
#include "dialect/kumo/hook.h"
#include "dialect/kumo/layer.h"
#include "dialect/kumo/lib_secrets.h"
#include "dialect/kumo/refusal.h"
#include "dialect/kumo/replies.h"
#include "dialect/kumo/session.h"
#include "dialect/script_record.h"
#include "policy/inquiry.h"

namespace postern::dialect::kumo {

namespace {

using policy::AuthAnswer;
using policy::AuthAttempt;

/// What the handler returned.
struct Returned {
  bool nothing = true;
  bool accepted = false;
  std::optional<policy::Authentication> info;  ///< from an AuthInfo table
  std::string ignored;                         ///< a field of that table that is ignored
};

constexpr std::string_view contexts[] = {"SmtpAuthPlainAuthorization",
                                         "SmtpAuthPlainAuthentication",
                                         "HttpBasicAuth",
                                         "BearerToken",
                                         "ProxyAuthRfc1929",
                                         "LocalSystem",
                                         "GenericAuth"};

std::vector<std::string> groups_of(const json::value& groups) {
  // An empty Lua table may be a list or an object.
  if (const json::object* none = groups.if_object(); none != nullptr && none->empty()) return {};
  script::demand(groups.is_array(), "AuthInfo: groups must be a list");
  std::vector<std::string> found;
  for (const json::value& group : groups.get_array()) {
    script::demand(group.is_string(), "AuthInfo: groups must be strings");
    found.emplace_back(group.get_string());
  }
  return found;
}

/// The identity of an AuthInfo table; `wanted` is the identity that the client wants to act for.
policy::Authentication authentication_of(const json::object& info, const std::string& wanted) {
  policy::Authentication identity;
  const json::value* identities = info.if_contains("identities");
  script::demand(
      identities != nullptr && identities->is_array() && !identities->get_array().empty(),
      "AuthInfo needs a list of identities");
  for (const json::value& one : identities->get_array()) {
    const json::object* entry = one.if_object();
    const json::value* name = entry != nullptr ? entry->if_contains("identity") : nullptr;
    const json::value* context = entry != nullptr ? entry->if_contains("context") : nullptr;
    script::demand(
        name != nullptr && name->is_string() && context != nullptr && context->is_string(),
        "an identity of AuthInfo needs `identity` and `context`");
    const std::string_view word = context->get_string();
    script::demand(std::find(std::begin(contexts), std::end(contexts), word) != std::end(contexts),
                   "AuthInfo: unknown context '" + std::string(word) + "'");
    const std::string id(name->get_string());
    script::demand(!id.empty(), "an identity of AuthInfo is empty");
    if (word == "SmtpAuthPlainAuthentication" && identity.username.empty()) identity.username = id;
    if (word == "SmtpAuthPlainAuthorization" && (identity.authz_id.empty() || id == wanted))
      identity.authz_id = id;
    identity.identities.emplace_back(id, word);
  }
  if (identity.username.empty()) identity.username = identity.identities.front().first;
  if (identity.authz_id.empty()) identity.authz_id = identity.username;
  if (const json::value* groups = info.if_contains("groups")) identity.groups = groups_of(*groups);
  if (const json::value* peer = info.if_contains("peer_address")) {
    script::demand(peer->is_string() && IpAddress::parse(std::string_view(peer->get_string())),
                   "AuthInfo: peer_address must be an IP address");
  }
  return identity;
}

void read_answer(lua_State* L, int count, const std::string& wanted, Returned& returned) {
  if (count == 0) return;
  const int type = lua_type(L, -count);
  if (type == LUA_TNIL) return;
  returned.nothing = false;
  if (type == LUA_TBOOLEAN) {
    returned.accepted = lua_toboolean(L, -count) != 0;
    return;
  }
  script::demand(type == LUA_TTABLE, std::string("smtp_server_auth_plain must return true, false "
                                                 "or AuthInfo, not a ") +
                                         lua_typename(L, type));
  const json::value value = script::stack::data_at(L, -count);
  script::demand(value.is_object(), "AuthInfo needs a list of identities");
  returned.info = authentication_of(value.get_object(), wanted);
  // As in KumoMTA, fields of other versions do not fail a login. None of them grants rights.
  for (const auto& [name, field] : value.get_object()) {
    if (name != "identities" && name != "groups" && name != "peer_address") returned.ignored = name;
  }
  returned.accepted = true;
}

AuthAnswer answer_of(const AuthAttempt& attempt, Returned returned) {
  AuthAnswer answer{.kind = AuthAnswer::Kind::refused, .identity = {}, .reply = {}, .detail = {}};
  if (!returned.accepted) {
    answer.detail = returned.nothing ? "returned nothing" : "returned false";
    return answer;
  }
  const bool other = !attempt.authz_id.empty() && attempt.authz_id != attempt.authn_id;
  policy::Authentication identity;
  if (returned.info) {
    identity = std::move(*returned.info);
  } else {
    identity.username = identity.authz_id = attempt.authn_id;
  }
  // docs/decisions/0033: a bare `true` authorizes the authentication identity only.
  if (other && identity.authz_id != attempt.authz_id) {
    answer.detail = "the client wants to act for another, whom the script did not name";
    return answer;
  }
  answer.kind = AuthAnswer::Kind::accepted;
  answer.identity = std::move(identity);
  answer.detail = returned.info ? "returned AuthInfo" : "returned true";
  if (!returned.ignored.empty()) {
    answer.detail += ", whose field '" + printable(returned.ignored, 64) + "' is not known here";
  }
  return answer;
}

/// The answer to the client for an error of the handler.
AuthAnswer answer_of(const LuaPolicy& policy, const Context& context,
                     const script::Raised& raised) {
  AuthAnswer answer{
      .kind = AuthAnswer::Kind::unavailable, .identity = {}, .reply = {}, .detail = raised.message};
  if (const auto* refusal = dynamic_cast<const Refusal*>(raised.thrown.get())) {
    answer.reply = refusal->reply();
    if (answer.reply->permanent()) answer.kind = AuthAnswer::Kind::refused;
    answer.detail = refusal->words();
  } else if (dynamic_cast<const NotFound*>(raised.thrown.get()) != nullptr) {
    // An unknown user gets the same answer as a wrong password.
    answer.kind = AuthAnswer::Kind::refused;
    answer.detail = "no such secret";
  } else {
    log_trouble(policy, context, events::auth_plain, raised);
  }
  return answer;
}

}  // namespace

Task<std::vector<policy::Step>> judge_again(std::shared_ptr<const LuaPolicy> policy,
                                            const policy::LoginRecord& login,
                                            policy::Inquiry& inquiry, const Secret* password) {
  std::string lines = login.script;
  std::vector<script::Told> told = told_of(take_line(lines));
  const policy::AuthAttempt attempt{
      .mechanism = login.mechanism,
      .authz_id = login.authz_id,
      .authn_id = login.authn_id,
      .password = Secret(script::stand_in(told, login.password, password))};
  inquiry.tape.answers = line_of(told);
  std::vector<policy::Step> steps;
  const KumoVerifier verifier(std::move(policy));
  co_await verifier.verify(attempt, inquiry, steps);
  co_return steps;
}

bool KumoVerifier::serves(std::string_view mechanism) const {
  return policy_->handles(events::auth_plain) && (mechanism == "PLAIN" || mechanism == "LOGIN");
}

Task<AuthAnswer> KumoVerifier::verify(const AuthAttempt& attempt, policy::Inquiry& inquiry,
                                      std::vector<policy::Step>& steps) const {
  const LuaPolicy& policy = policy_of(inquiry, policy_);
  if (!policy.handles(events::auth_plain)) co_return AuthAnswer{};
  Context context{.evidence = inquiry.evidence,
                  .inquiry = inquiry,
                  .listener = policy.listener(inquiry.evidence.session.listener)};
  policy::Tape& tape = inquiry.tape;
  // The tape may hold another dialect's notes for its own stage.
  const std::string noted = std::exchange(tape.record, {});
  const std::string authz = attempt.authz_id.empty() ? attempt.authn_id : attempt.authz_id;
  const script::State::Push arguments = [&](lua_State* L) {
    script::stack::push(L, std::string_view(authz));
    script::stack::push(L, std::string_view(attempt.authn_id));
    script::stack::push(L, std::string_view(attempt.password.reveal()));
    push_conn_meta(L);
    return 4;
  };
  Returned returned;
  const script::State::Read results = [&](lua_State* L, int count) {
    read_answer(L, count, attempt.authz_id, returned);
  };
  LuaPolicy::Login login{.attempt = attempt, .password_stranger = {}};
  const LuaPolicy::Ran ran = co_await policy.judge_login(arguments, results, context, login);
  tape.login = policy::LoginRecord{.verifier = policy.shared_definition(),
                                   .mechanism = attempt.mechanism,
                                   .authz_id = attempt.authz_id,
                                   .authn_id = attempt.authn_id,
                                   .password = std::move(login.password_stranger),
                                   .script = std::exchange(tape.record, noted)};
  if (!ran.raised && returned.nothing && !tape.playing) {
    // Logged, because the author of a handler without `return` would look for the cause elsewhere.
    policy.world().log("warning", policy.place_of(events::auth_plain),
                       std::string(events::auth_plain) +
                           ": the handler returned nothing, which refuses the login; it has to "
                           "return true, false or AuthInfo");
  }
  AuthAnswer answer = ran.raised ? answer_of(policy, context, *ran.raised)
                                 : answer_of(attempt, std::move(returned));
  using Kind = policy::Verdict::Kind;
  const std::string words =
      "(" + shown(authz) + ", " + shown(attempt.authn_id) + ", password): " + answer.detail;
  policy::Verdict verdict = policy::pass_on(words);
  if (answer.kind != AuthAnswer::Kind::accepted) {
    const bool later = answer.kind == AuthAnswer::Kind::unavailable;
    verdict = {later ? Kind::defer : Kind::reject,
               answer.reply.value_or(replies::login_refused(later)), words};
    if (later && ran.raised && !answer.reply) verdict.trouble = policy::Trouble::script;
  }
  steps.push_back({.stage = policy::Stage::auth,
                   .layer = "lua",
                   .check = events::auth_plain,
                   .origin = policy.place_of(events::auth_plain),
                   .verdict = std::move(verdict),
                   .spent = script::words_of(ran.spent)});
  co_return answer;
}

}  // namespace postern::dialect::kumo
