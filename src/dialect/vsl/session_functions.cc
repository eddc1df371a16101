// The connection, and what the client has said so far.
#include <algorithm>

#include "dialect/vsl/functions.h"
#include "policy/questions/authenticated.h"

namespace postern::dialect::vsl {

using policy::Stage;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

const policy::SessionFacts& session_of(Call& call) { return rule_of(call).evidence.session; }

std::int64_t seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::system_clock::to_time_t(time);
}

std::string client_ip(Call& call) { return session_of(call).client_ip.to_string(); }
std::int64_t client_port(Call& call) { return session_of(call).client_port; }
std::string client_address(Call& call) {
  const policy::SessionFacts& session = session_of(call);
  return with_port(session.client_ip, session.client_port);
}
std::string server_ip(Call& call) { return session_of(call).server_ip.to_string(); }
std::int64_t server_port(Call& call) { return session_of(call).server_port; }
std::string server_address(Call& call) {
  const policy::SessionFacts& session = session_of(call);
  return with_port(session.server_ip, session.server_port);
}
std::string server_name(Call& call) {
  const std::string& named = session_of(call).server_name;
  return named.empty() ? rule_of(call).site.domain : named;
}
std::int64_t connection_timestamp(Call& call) { return seconds(session_of(call).connected); }
bool is_secured(Call& call) { return session_of(call).tls.has_value(); }
bool is_authenticated(Call& call) {
  return static_cast<bool>(policy::questions::authenticated(rule_of(call).evidence));
}

const policy::AuthAttempt& attempt_of(const Context& context) {
  if (context.stage != Stage::auth || context.attempt == nullptr) too_early("auth", "authenticate");
  return *context.attempt;
}

Value auth(Call& call) {
  const policy::AuthAttempt& attempt = attempt_of(rule_of(call));
  call.keep_secret(attempt.password.reveal());
  return Value::Map{
      {"type", "Verify"}, {"authid", attempt.authn_id}, {"authpass", attempt.password.reveal()}};
}

Task<StatusPtr> authenticate(Call& call) {
  Context& context = rule_of(call);
  attempt_of(context);
  demand(static_cast<bool>(context.authenticate), "no accounts are configured");
  const policy::AuthAnswer answer = co_await context.authenticate();
  demand(answer.kind != policy::AuthAnswer::Kind::unavailable,
         "the credentials cannot be verified now: " + answer.detail);
  const bool yes = answer.kind == policy::AuthAnswer::Kind::accepted;
  co_return std::make_shared<Status>(
      Status{.kind = yes ? Status::Kind::accept : Status::Kind::deny, .detail = answer.detail});
}

std::string helo(Call& call) {
  const Context& context = rule_of(call);
  if (context.stage < Stage::helo) too_early("helo", "helo");
  return context.evidence.session.helo;
}

ObjectPtr mail_from(Call& call) { return Object::address(sender_of(rule_of(call))); }

ObjectPtr rcpt(Call& call) {
  const Context& context = rule_of(call);
  if (context.stage < Stage::rcpt) too_early("rcpt", "rcpt");
  if (context.stage == Stage::rcpt && context.evidence.candidate) {
    return Object::address(context.evidence.candidate->address);
  }
  const std::vector<mail::Mailbox> left = recipients_of(context);
  demand(!left.empty(), "could not find rcpt: rules removed the last recipient");
  // The last recipient of the client, not one that a rule added after it.
  const std::vector<mail::Mailbox> said = recipients_before(context.draft, context.evidence);
  for (auto one = said.rbegin(); one != said.rend(); ++one) {
    if (std::find(left.begin(), left.end(), *one) != left.end()) return Object::address(*one);
  }
  return Object::address(left.back());
}

Value rcpt_list(Call& call) {
  Value::Array list;
  for (const mail::Mailbox& one : recipients_of(rule_of(call))) {
    list.push_back(Object::address(one));
  }
  return list;
}

std::int64_t mail_timestamp(Call& call) {
  Context& context = rule_of(call);
  if (context.stage < Stage::mail) too_early("mail_timestamp", "preq");
  return call
      .told_by("mail_timestamp",
               [&]() -> json::value {
                 auto& begun = context.draft.begun;
                 if (begun.time_since_epoch().count() == 0)
                   begun = std::chrono::system_clock::now();
                 return seconds(begun);
               })
      .to_number<std::int64_t>();
}

std::string message_id(Call& call) {
  const Context& context = rule_of(call);
  if (context.stage < Stage::mail) too_early("message_id", "preq");
  return message_id_of(context);
}

constexpr HostFunction session_rows[] = {
    {"vsl.client_ip", "", "string", "The client's address; compares with ip objects.",
     bind<&client_ip>},
    {"vsl.client_port", "", "i64", "The client's port.", bind<&client_port>},
    {"vsl.client_address", "", "string", "Both: `192.0.2.1:4711`, `[2001:db8::1]:4711`.",
     bind<&client_address>},
    {"vsl.server_ip", "", "string", "The address that the client connected to.", bind<&server_ip>},
    {"vsl.server_port", "", "i64", "The port that the client connected to.", bind<&server_port>},
    {"vsl.server_address", "", "string", "Both, in the form of client_address().",
     bind<&server_address>},
    {"vsl.server_name", "", "string",
     "The name that the client asked for in TLS, else `vsl.domain`.", bind<&server_name>},
    {"vsl.connection_timestamp", "", "i64", "When the client connected, in seconds since 1970.",
     bind<&connection_timestamp>},
    {"vsl.is_secured", "", "bool", "Whether the connection has TLS.", bind<&is_secured>},
    {"vsl.is_authenticated", "", "bool",
     "Whether the client authenticated. A tenant's login, which only opens webhooks, does not "
     "count.",
     bind<&is_authenticated>},
    {"vsl.auth", "", "map",
     "The credentials of this AUTH: `type` is `Verify`, `authid` the name, `authpass` the "
     "password, which is left out of logs.",
     bind<&auth>},
    {"vsl.authenticate", "", "status",
     "accept() if the configured accounts have these credentials, else deny(). If they cannot be "
     "verified it is an error.",
     bind<&authenticate>},
    {"vsl.helo", "", "string", "The argument of HELO or EHLO.", bind<&helo>},
    {"vsl.mail_from", "", "address",
     "The sender of the envelope; text, local part and domain of the null sender are empty.",
     bind<&mail_from>},
    {"vsl.rcpt", "", "address", "The current recipient; after `rcpt` the client's last one.",
     bind<&rcpt>},
    {"vsl.rcpt_list", "", "array",
     "The recipients, each an address; `.local_parts` and `.domains` are lists of their parts. "
     "Empty before `rcpt`.",
     bind<&rcpt_list>},
    {"vsl.mail_timestamp", "", "i64", "When MAIL was received, in seconds since 1970.",
     bind<&mail_timestamp>},
    {"vsl.message_id", "", "string",
     "The id of the message in the reply to its data, in logs and in the queue.",
     bind<&message_id>},
};

constexpr Allowed session_stages[] = {
    {"auth", Stage::auth, Stage::auth},
    {"authenticate", Stage::auth, Stage::auth},
    {"helo", Stage::helo},
    {"mail_from", Stage::mail},
    {"rcpt", Stage::rcpt},
    {"mail_timestamp", Stage::mail},
    {"message_id", Stage::mail},
};

}  // namespace

Group session_functions() { return {session_rows, session_stages}; }

}  // namespace postern::dialect::vsl
