#include "dialect/kumo/session.h"

#include <algorithm>

#include "dialect/kumo/listener.h"
#include "dialect/kumo/recorded_values.h"
#include "policy/memory.h"
#include "policy/questions/authenticated.h"
#include "script/only.h"
#include "script/runtime.h"

namespace postern::dialect::kumo {

namespace {

constexpr std::string_view connection_facts[] = {"reception_protocol",
                                                 "received_via",
                                                 "received_from",
                                                 "hostname",
                                                 "ehlo_domain",
                                                 "authn_id",
                                                 "authz_id",
                                                 "tls_cipher",
                                                 "tls_protocol_version",
                                                 "tls_peer_subject_name",
                                                 "orig_received_via",
                                                 "orig_received_from"};

policy::ScriptSession& session_of(script::Call& call) { return hook_of(call).inquiry.session(); }

json::value get_conn_meta(script::Call& call, std::shared_ptr<ConnMeta>, std::string name) {
  // A replay may lack the values that earlier hooks set.
  return call.told_by(
      "get_meta",
      [&]() -> json::value {
        know_secrets(secret_values(session_of(call)), call, name);
        const json::object& meta = session_of(call).meta;
        if (const json::value* set = meta.if_contains(name)) return *set;
        return predefined(hook_of(call), name);
      },
      script::Source::facts);
}

struct KeptSecrets {
  SecretValues values;
};

// A refused HELO must change only a copy.
static_assert(std::copy_constructible<KeptSecrets> && std::copy_constructible<HeldValues>);

SecretValues& secret_values(policy::ScriptSession& session) {
  return session.kept.of<KeptSecrets>().values;
}

void set_conn_meta(script::Call& call, std::shared_ptr<ConnMeta>, std::string name,
                   json::value value) {
  policy::ScriptSession& session = session_of(call);
  json::object& meta = session.meta;
  script::demand(meta.size() < 1000 || meta.contains(name), "too many values in conn_meta");
  note_secrets(secret_values(session), call, name, value);
  session.kept.of<HeldValues>(call.world().memory()).set(meta, name, storable(std::move(value)));
}

json::value login_info(const policy::Evidence& evidence) {
  json::array identities;
  json::array groups;
  if (const auto* auth = policy::questions::authenticated(evidence).login) {
    const auto identity = [&](const std::string& id, std::string_view context) {
      identities.push_back(json::object{{"identity", id}, {"context", context}});
    };
    for (const auto& [id, context] : auth->identities) identity(id, context);
    if (identities.empty()) {
      identity(auth->authz_id.empty() ? auth->username : auth->authz_id,
               "SmtpAuthPlainAuthorization");
      identity(auth->username, "SmtpAuthPlainAuthentication");
    }
    for (const std::string& group : auth->groups) groups.emplace_back(group);
  }
  return json::object{{"identities", identities},
                      {"groups", groups},
                      {"peer_address", evidence.session.client_ip.to_string()}};
}

json::value auth_info(script::Call& call, std::shared_ptr<ConnMeta>) {
  return call.told_by(
      "auth_info", [&] { return login_info(hook_of(call).evidence); }, script::Source::facts);
}

std::string envelope_user(std::shared_ptr<EnvelopeAddress> address) {
  return address->mailbox ? address->mailbox->unquoted_local_part() : std::string();
}
std::string envelope_domain(std::shared_ptr<EnvelopeAddress> address) {
  return address->mailbox ? address->mailbox->domain : std::string();
}
std::string envelope_email(std::shared_ptr<EnvelopeAddress> address) { return address->email(); }
bool same_address(std::shared_ptr<EnvelopeAddress> a, std::shared_ptr<EnvelopeAddress> b) {
  return a->email() == b->email();
}

const script::HostFunction session_rows[] = {
    {"ConnMeta:get_meta", "name: string", "any",
     "A value of the connection: one that was set, or one that Postern sets (`received_from`, "
     "`received_via`, `hostname`, `ehlo_domain`, `authn_id`, `authz_id`, `reception_protocol`, "
     "`tls_cipher`, `tls_protocol_version`, `tls_peer_subject_name`: `{'CN=…'}` of a trusted "
     "certificate; `orig_received_from` and `orig_received_via`, the ends of the connection itself "
     "where PROXY or XCLIENT named others).",
     script::bind<&get_conn_meta>},
    {"ConnMeta:set_meta", "name: string, value: any", "",
     "Sets a value of the connection, any data; messages inherit it, and records leave out its "
     "secrets. Names of your own begin with `x_`.",
     script::bind<&set_conn_meta>},
    {"ConnMeta:auth_info", "", "AuthInfo", "The identity as which the client authenticated.",
     script::bind<&auth_info>},
    {"EnvelopeAddress.user", "", "string", "The local part, without quotes.",
     script::bind<&envelope_user>},
    {"EnvelopeAddress.domain", "", "string", "The domain.", script::bind<&envelope_domain>},
    {"EnvelopeAddress.email", "", "string", "The whole address; empty for the null sender.",
     script::bind<&envelope_email>},
    {"EnvelopeAddress:__tostring", "", "string", "The whole address.",
     script::bind<&envelope_email>},
    {"EnvelopeAddress:__eq", "other: EnvelopeAddress", "boolean", "Whether both are the same.",
     script::bind<&same_address>},
};

}  // namespace

void HeldValues::set(json::object& values, const std::string& name, json::value value) {
  const json::value* before = values.if_contains(name);
  const std::size_t had = before != nullptr ? policy::memory_of(*before) : 0;
  const std::size_t wanted = policy::memory_of(value) + (before != nullptr ? 0 : name.size());
  const std::size_t was = octets_;
  if (!hold(octets_ - std::min(octets_, had) + wanted)) {
    (void)hold(was);
    refused_ = true;
    throw script::MemoryUsedUp();
  }
  values.insert_or_assign(name, std::move(value));
}

void HeldValues::erase(json::object& values, const std::string& name) {
  const json::value* before = values.if_contains(name);
  if (before == nullptr) return;
  (void)hold(octets_ - std::min(octets_, policy::memory_of(*before) + name.size()));
  values.erase(name);
}

HeldValues* held_values(policy::ScriptSession& session) { return session.kept.find<HeldValues>(); }

bool HeldValues::hold(std::size_t octets) {
  octets_ = octets;
  return charge_.set(octets);
}

const SecretValues& secret_values(const policy::ScriptSession& session) {
  static const SecretValues none;
  const auto* found = session.kept.find<KeptSecrets>();
  return found == nullptr ? none : found->values;
}

void note_secrets(SecretValues& values, const script::Call& call, const std::string& name,
                  const json::value& value) {
  std::vector<std::string> secrets = call.secrets_in({name, value});
  if (secrets.empty()) {
    values.erase(name);
  } else {
    values.insert_or_assign(name, std::move(secrets));
  }
}

void know_secrets(const SecretValues& values, script::Call& call, std::string_view name) {
  const auto found = values.find(name);
  if (found == values.end()) return;
  for (const std::string& secret : found->second) call.keep_secret(secret);
}

json::value predefined(const Context& context, std::string_view name) {
  const policy::SessionFacts& session = context.evidence.session;
  // KumoMTA's name for mail received by SMTP rather than HTTP; not a Received field's protocol.
  if (name == "reception_protocol") return "ESMTP";
  if (name == "received_from") {
    return json::value(with_port(session.client_ip, session.client_port));
  }
  if (name == "received_via" && session.server_port != 0) {
    return json::value(with_port(session.server_ip, session.server_port));
  }
  if (name == "received_via" && context.listener != nullptr) {
    return json::value(context.listener->address);
  }
  if (name == "hostname" && context.listener != nullptr) {
    return json::value(context.listener->hostname);
  }
  if (name == "ehlo_domain") {
    // While the handler of EHLO runs, the name is not yet the session's.
    const std::string& known = context.greeting ? session.script->greeted_as : session.helo;
    if (!known.empty()) return json::value(known);
  }
  if (const auto* auth = policy::questions::authenticated(context.evidence).login) {
    if (name == "authn_id") return json::value(auth->username);
    if (name == "authz_id") {
      return json::value(auth->authz_id.empty() ? auth->username : auth->authz_id);
    }
  }
  if (session.tls) {
    if (name == "tls_cipher") return json::value(session.tls->cipher);
    if (name == "tls_protocol_version") return json::value(session.tls->version);
    const auto& client = session.tls->client;
    if (name == "tls_peer_subject_name" && client && client->trusted && !client->name.empty()) {
      return json::array{"CN=" + client->name};
    }
  }
  if (name == "orig_received_from" && !session.proxy_from.empty()) {
    return json::value(session.proxy_from);
  }
  if (name == "orig_received_via" && !session.proxy_via.empty()) {
    return json::value(session.proxy_via);
  }
  return nullptr;
}

json::object all_of(const Context& context) {
  json::object all;
  all.reserve(std::size(connection_facts));
  for (const std::string_view name : connection_facts) {
    if (json::value value = predefined(context, name); !value.is_null()) {
      all.emplace(name, std::move(value));
    }
  }
  for (const auto& [name, value] : context.evidence.session.script->meta) {
    all.insert_or_assign(name, value);
  }
  return all;
}

std::shared_ptr<EnvelopeAddress> address_of(std::optional<mail::Mailbox> mailbox) {
  return std::make_shared<EnvelopeAddress>(EnvelopeAddress{std::move(mailbox)});
}

void push_conn_meta(lua_State* L) { script::stack::push_only<ConnMeta>(L); }

script::HostTable session_functions() { return session_rows; }

}  // namespace postern::dialect::kumo
