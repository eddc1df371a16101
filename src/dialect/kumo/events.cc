#include "dialect/kumo/events.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/kumo/elsewhere.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace {

constexpr Event::Kind never_fired = Event::Kind::never;
constexpr Event::Kind refused_event = Event::Kind::refused;

constexpr Event known_events[] = {
    {"pre_init", "", "", "Once, before `init`.", Event::Kind::fired, true},
    {"init", "", "", "Once, when the policy has loaded; starts listeners."},
    {"smtp_server_connection_accepted", "conn_meta: ConnMeta", "",
     "Before the greeting. A refusal replaces it and closes the connection."},
    {"smtp_server_ehlo", "domain: string, conn_meta: ConnMeta, extensions?: string[]",
     "string[]|nil",
     "At EHLO, and at HELO without extensions. A list replaces what EHLO offers; it does not "
     "change which commands the server accepts."},
    {"smtp_server_auth_plain",
     "authz: string, authc: string, password: string, conn_meta: ConnMeta", "boolean|AuthInfo",
     "At AUTH PLAIN and AUTH LOGIN, inside TLS. `true` authenticates only `authc`."},
    {"smtp_server_mail_from", "sender: EnvelopeAddress, conn_meta: ConnMeta", "", "At MAIL."},
    {"get_listener_domain", "domain: string, listener: string, conn_meta: ConnMeta",
     "ListenerDomain|nil",
     "At RCPT, for the sender's and the recipient's domain, and again when the message has "
     "arrived: whether mail is relayed."},
    {"smtp_server_rcpt_to", "recipient: EnvelopeAddress, conn_meta: ConnMeta", "",
     "At RCPT, when the recipient may be relayed to or is ours."},
    {"smtp_server_data", "message: Message, conn_meta: ConnMeta", "",
     "When the message has arrived, once."},
    {"smtp_server_message_received", "message: Message, conn_meta: ConnMeta", "",
     "When the message has arrived, once for each recipient; one refusal refuses the message for "
     "all."},
    {"smtp_server_rewrite_response",
     "status: integer, response: string, command: string|nil, conn_meta: ConnMeta",
     "integer|nil, string|nil",
     "Before every reply: returns another text, or another code of the same class. `command` "
     "holds no credential."},
    {"smtp_server_get_dynamic_parameters", "listener: string, conn_meta: ConnMeta",
     "ListenerOptions|nil",
     "When the policy loads, once for each listener that `init` started: further options of the "
     "listener, which take precedence. KumoMTA calls it for each connection; here `peer` and `via` "
     "in the result say what is otherwise for some clients, and a handler that asks `conn_meta` "
     "does not load."},
    // Refused: with deferred_queue it replaces the handler that checks tenants and senders.
    {"smtp_server_message_deferred_inject", "", "",
     "messages are always given to `smtp_server_message_received`; register the handler for that",
     refused_event},
    {"smtp_server_split_transaction", "", "",
     "`smtp_server_message_received` is called for each recipient, and the queue puts together "
     "what "
     "goes to one host",
     never_fired},
    {"get_queue_config", "", "",
     "retries and ages are in [queue], where mail goes is in [[route]], its source addresses are "
     "[[egress]]",
     never_fired},
    {"get_egress_pool", "", "", "pools of source addresses are [[egress]]", never_fired},
    {"get_egress_source", "", "", "source addresses are [[egress]]", never_fired},
    {"get_egress_path_config", "", "",
     "TLS towards other hosts is in [relay], connections and rates are in [[route]]", never_fired},
    {"get_site_config", "", "", "connections and rates are in [[route]]", never_fired},
    // It protects KumoMTA's HTTP routes, which Postern does not have.
    {"get_acl_definition", "", "", "accounts, teams and tokens define who may use the API",
     never_fired},
    {"http_server_validate_auth_basic", "", "",
     "accounts, teams and tokens define who may use the API", never_fired},
    {"http_message_generated", "", "",
     "no mail comes in by HTTP; `smtp_server_message_received` has what comes by SMTP",
     never_fired},
    {"http_message_injected", "", "",
     "no mail comes in by HTTP; `smtp_server_message_received` has what comes by SMTP",
     never_fired},
    {"smtp_client_rewrite_delivery_status", "", "", "replies of other hosts are used unchanged",
     never_fired},
    {"requeue_message", "", "", "retries are in [queue]", never_fired},
    {"rebind_message", "", "", "operators move mail with `postern queue`", never_fired},
    {"spool_message_enqueued", "", "", "`postern queue` shows the messages that wait", never_fired},
    {"spool_message_enumerated", "", "", "`postern queue` shows the messages that wait",
     never_fired},
    {"should_enqueue_log_record", "", "",
     "the log says what happened to mail: delivery.sent, delivery.deferred, delivery.bounced",
     never_fired},
    {"shutdown_logging", "", "", "logs are [log]", never_fired},
    {"throttle_insert_ready_queue", "", "", "rates towards a destination are in [[route]]",
     never_fired},
    {"xfer_message_received", "", "", "mail is received only by SMTP", never_fired},
    {"proxy_init", "", "", "there is no proxy server; source addresses are [[egress]]",
     never_fired},
    {"proxy_server_auth_rfc1929", "", "", "there is no proxy server", never_fired},
    {"tsa_init", "", "", "connections and rates towards a destination are in [[route]]",
     never_fired},
    {"tsa_load_shaping_data", "", "",
     "connections and rates towards a destination are in [[route]]", never_fired},
    {"validate_config", "", "", "`postern check` validates what the policy loads", never_fired},
};

void on(script::Call& call, std::string name, script::Function handler) {
  Handlers& handlers = call.state().user<Handlers>();
  script::demand(handlers.loading,
                 "kumo.on inside an event handler: register handlers at the top of the policy");
  const std::string place = call.state().place();
  const Event* event = event_named(name);
  if (event != nullptr && event->kind == Event::Kind::refused) {
    throw std::runtime_error(name + " is not available in Postern: " + std::string(event->help));
  }
  std::vector<Handler>& registered = handlers.by_event[name];
  if (!registered.empty() && (event == nullptr || (event->fired() && !event->several))) {
    throw std::runtime_error(name + " event already has a handler defined at " +
                             registered.front().place + ": join the two functions");
  }
  if (event != nullptr && !event->fired()) {
    report_elsewhere(call, "`" + name + "` is never fired here: " + std::string(event->help));
  }
  registered.push_back({call.state().keep(handler), place});
}

const script::HostFunction events_rows[] = {
    {"kumo.on", "event: string, handler: function", "",
     "Registers the handler of an event. Callable only while the policy loads; an event has one "
     "handler.",
     script::bind<&on>},
};

}  // namespace

std::span<const Event> all_events() { return known_events; }

const Event* event_named(std::string_view name) {
  const auto* found = std::find_if(std::begin(known_events), std::end(known_events),
                                   [&](const Event& one) { return one.name == name; });
  return found == std::end(known_events) ? nullptr : found;
}

std::vector<std::string> lint_events(const Handlers& handlers,
                                     const std::vector<std::string>& of_key_sources) {
  std::vector<std::string_view> names;
  for (const Event& one : known_events) names.push_back(one.name);
  std::vector<std::string> findings;
  for (const auto& [name, registered] : handlers.by_event) {
    const bool used = std::ranges::find(of_key_sources, name) != of_key_sources.end();
    if (used || event_named(name) != nullptr) continue;
    std::string text = registered.front().place +
                       ": the handler is never called, because Postern has no event `" +
                       printable(name, 64) + "` and no key source of the policy names it";
    if (const auto near = nearest(name, names)) {
      text += "; did you mean `" + std::string(*near) + "`?";
    }
    findings.push_back(std::move(text));
  }
  return findings;
}

script::HostTable event_functions() { return events_rows; }

}  // namespace postern::dialect::kumo
