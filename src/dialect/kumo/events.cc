#include "dialect/kumo/events.h"

#include <algorithm>

#include "base/text.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace {

constexpr Event known[] = {
    {"pre_init", "", "", "Once, before `init`.", true, true},
    {"init", "", "", "Once, when the policy has loaded; starts listeners."},
    {"smtp_server_connection_accepted", "conn_meta: ConnMeta", "",
     "Before the greeting. A refusal takes its place and closes."},
    {"smtp_server_ehlo", "domain: string, conn_meta: ConnMeta, extensions?: string[]",
     "string[]|nil",
     "At EHLO, and at HELO without extensions. A list replaces what EHLO offers; it "
     "changes nothing of what the server takes."},
    {"smtp_server_auth_plain",
     "authz: string, authc: string, password: string, conn_meta: ConnMeta", "boolean|AuthInfo",
     "At AUTH PLAIN and AUTH LOGIN, inside TLS. `true` vouches for `authc` alone."},
    {"smtp_server_mail_from", "sender: EnvelopeAddress, conn_meta: ConnMeta", "", "At MAIL."},
    {"get_listener_domain", "domain: string, listener: string, conn_meta: ConnMeta",
     "ListenerDomain|nil",
     "At RCPT, for the sender's and the recipient's domain: whether mail is passed on."},
    {"smtp_server_rcpt_to", "recipient: EnvelopeAddress, conn_meta: ConnMeta", "",
     "At RCPT, when the recipient may be relayed to or is ours."},
    {"smtp_server_data", "message: Message, conn_meta: ConnMeta", "",
     "When the message is there, once."},
    {"smtp_server_message_received", "message: Message, conn_meta: ConnMeta", "",
     "When the message is there, once for each recipient; one refusal refuses it for all."},
    {"smtp_server_rewrite_response",
     "status: integer, response: string, command: string|nil, conn_meta: ConnMeta",
     "integer|nil, string|nil",
     "Before a reply that answers a command, or that refuses a connection: other words, or another "
     "code of the same class. `command` holds no credential."},
    {"smtp_server_get_dynamic_parameters", "", "", "", false},
    {"smtp_server_split_transaction", "", "", "", false},
    {"get_queue_config", "", "", "", false, true},
    {"get_egress_pool", "", "", "", false},
    {"get_egress_source", "", "", "", false},
    {"get_egress_path_config", "", "", "", false},
    {"get_acl_definition", "", "", "", false, true},
    {"http_server_validate_auth_basic", "", "", "", false},
    {"http_message_generated", "", "", "", false},
    {"smtp_client_rewrite_delivery_status", "", "", "", false},
    {"requeue_message", "", "", "", false},
    {"spool_message_enqueued", "", "", "", false},
    {"should_enqueue_log_record", "", "", "", false},
    {"throttle_insert_ready_queue", "", "", "", false, true},
    {"validate_config", "", "", "", false},
};

/// Two words as a typist confuses them: a letter more, less, other, or two swapped.
bool alike(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin());
  const std::string_view rest_a(x, a.end());
  const std::string_view rest_b(y, b.end());
  if (rest_a.size() < rest_b.size()) return rest_a == rest_b.substr(1);
  if (rest_a.empty() || rest_a.substr(1) == rest_b.substr(1)) return true;
  return rest_a.size() > 1 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0] &&
         rest_a.substr(2) == rest_b.substr(2);
}

std::string warning_about(const std::string& name) {
  const Event* event = event_named(name);
  if (event != nullptr) return "Postern never fires `" + name + "`";
  std::string text = "nothing but a key source of the policy fires an event named `" + name + "`";
  for (const Event& one : known) {
    if (alike(name, one.name)) return text + "; did you mean `" + std::string(one.name) + "`?";
  }
  return text;
}

void on(script::Call& call, std::string name, script::Function handler) {
  Handlers& handlers = call.state().user<Handlers>();
  script::demand(handlers.loading,
                 "kumo.on inside an event handler: register handlers at the top of the policy");
  const std::string place = call.state().place();
  const Event* event = event_named(name);
  std::vector<Handler>& registered = handlers.by_event[name];
  if (!registered.empty() && (event == nullptr || !event->several)) {
    throw std::runtime_error(name + " event already has a handler defined at " +
                             registered.front().place);
  }
  if (event == nullptr || !event->fired) {
    handlers.warnings.push_back(place + ": " + warning_about(name));
  }
  registered.push_back({call.state().keep(handler), place});
}

const script::HostFunction functions[] = {
    {"kumo.on", "event: string, handler: function", "",
     "Registers the handler of an event. Only while the policy loads; an event has one handler.",
     script::bind<&on>},
};

}  // namespace

std::span<const Event> all_events() { return known; }

const Event* event_named(std::string_view name) {
  const auto* found = std::find_if(std::begin(known), std::end(known),
                                   [&](const Event& one) { return one.name == name; });
  return found == std::end(known) ? nullptr : found;
}

script::HostTable event_functions() { return functions; }

}  // namespace postern::dialect::kumo
