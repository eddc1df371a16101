#include "dialect/kumo/message.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/kumo/literal_lint.h"
#include "dialect/kumo/recorded_values.h"
#include "mail/received.h"
#include "policy/inquiry.h"
#include "script/only.h"

namespace postern::dialect::kumo {

/// An address that a script gives as text or EnvelopeAddress; nullopt: the null reverse-path.
struct GivenAddress {
  std::optional<mail::Mailbox> mailbox;
};
/// One address or a list of them.
struct GivenAddresses {
  std::vector<GivenAddress> all;
};

}  // namespace postern::dialect::kumo

namespace postern::script {

template <>
struct FromScript<dialect::kumo::GivenAddress> {
  static dialect::kumo::GivenAddress take(lua_State* L, int index) {
    namespace kumo = dialect::kumo;
    const char* class_name = ClassName<kumo::EnvelopeAddress>::value.data();
    if (luaL_testudata(L, index, class_name) != nullptr) {
      return {stack::take<std::shared_ptr<kumo::EnvelopeAddress>>(L, index)->mailbox};
    }
    const std::string_view text = stack::text_at(L, index);
    if (text.empty()) return {};
    const std::string refused = kumo::refused_address(text);
    demand(refused.empty(), refused);
    return {*mail::parse_mailbox(text, mail::Utf8::allowed)};
  }
};

template <>
struct FromScript<dialect::kumo::GivenAddresses> {
  static dialect::kumo::GivenAddresses take(lua_State* L, int index) {
    dialect::kumo::GivenAddresses given;
    if (!lua_istable(L, index)) {
      given.all.push_back(stack::take<dialect::kumo::GivenAddress>(L, index));
      return given;
    }
    const auto size = static_cast<lua_Integer>(lua_rawlen(L, index));
    demand(size <= 10'000, "too many recipients");
    for (lua_Integer i = 1; i <= size; ++i) {
      lua_rawgeti(L, index, i);
      given.all.push_back(stack::take<dialect::kumo::GivenAddress>(L, lua_gettop(L)));
      lua_pop(L, 1);
    }
    return given;
  }
};

}  // namespace postern::script

namespace postern::dialect::kumo {

namespace {

using Self = std::shared_ptr<Message>;
using script::Call;
using script::demand;

/// The message's id, or the session's if the message has none.
const std::string& id_of(const policy::Evidence& evidence) {
  return evidence.message_id.empty() ? evidence.session.id : evidence.message_id;
}

/// The Received field that the message will get, except for the id that the queue assigns.
std::string trace_of(const Context& context, const MessageDraft& draft) {
  const policy::Evidence& evidence = context.evidence;
  const policy::SessionFacts& session = evidence.session;
  mail::Arrival arrival;
  arrival.helo_name = session.helo;
  arrival.client_address = session.client_ip;
  if (context.listener != nullptr) arrival.hostname = context.listener->hostname;
  arrival.protocol = mail::transmission_type({.extended = session.esmtp,
                                              .tls = session.tls.has_value(),
                                              .authenticated = session.auth.has_value(),
                                              .smtputf8 = evidence.smtputf8});
  if (session.tls) arrival.tls = session.tls->version + " " + session.tls->cipher;
  arrival.id = id_of(evidence);
  if (draft.recipients.size() == 1) {
    arrival.recipient = evidence.recipients.at(draft.recipients.front()).address;
  }
  arrival.time = std::chrono::system_clock::now();
  return mail::received_field(arrival);
}

json::value get_message_meta(Call& call, Self, std::string name) {
  return call.told_by("get_meta", [&] {
    know_secrets(draft_of(call).secrets, call, name);
    const json::value* found = draft_of(call).meta.if_contains(name);
    return found != nullptr ? *found : json::value();
  });
}

void set_message_meta(Call& call, Self, std::string name, json::value value) {
  set_meta_of(call, name, std::move(value));
}

std::shared_ptr<EnvelopeAddress> sender(Call& call, Self) {
  return address_of(draft_of(call).sender_in(hook_of(call).evidence));
}

std::vector<std::shared_ptr<EnvelopeAddress>> recipient_list(Call& call, Self) {
  const MessageDraft& draft = draft_of(call);
  std::vector<std::shared_ptr<EnvelopeAddress>> list;
  for (const mail::Mailbox& one : draft.new_recipients) list.push_back(address_of(one));
  if (!list.empty()) return list;
  for (const std::size_t index : draft.recipients) {
    list.push_back(address_of(hook_of(call).evidence.recipients.at(index).address));
  }
  return list;
}

/// Returns a list if there are several recipients.
int recipient(lua_State* L) {
  return script::stack::guarded(L, [](lua_State* inner) {
    const auto list = recipient_list(script::stack::current(inner), nullptr);
    return list.size() == 1 ? script::stack::give(inner, list.front())
                            : script::stack::give(inner, list);
  });
}

std::string id(Call& call, Self) {
  const json::value told = call.told_by(
      "id", [&] { return json::value(id_of(hook_of(call).evidence)); }, script::Source::facts);
  return std::string(told.as_string());
}

void set_sender(Call& call, Self, GivenAddress address) {
  MessageDraft& draft = draft_of(call);
  draft.null_sender = !address.mailbox;
  draft.sender = std::move(address.mailbox);
}

void set_recipient(Call& call, Self, GivenAddresses recipients) {
  demand(!recipients.all.empty(), "a message needs a recipient");
  std::vector<mail::Mailbox> mailboxes;
  for (GivenAddress& one : recipients.all) {
    demand(one.mailbox.has_value(), "a recipient needs an address");
    mailboxes.push_back(std::move(*one.mailbox));
  }
  draft_of(call).new_recipients = std::move(mailboxes);
}

const script::HostFunction message_rows[] = {
    {"Message:get_meta", "name: string", "any",
     "A value of the message, which starts with the values of the connection.",
     script::bind<&get_message_meta>},
    {"Message:set_meta", "name: string, value: any", "",
     "Sets a value of the message, any data; `tenant`, `campaign`, `queue` and `routing_domain` "
     "are strings. A message whose `queue` is `null` is accepted and discarded; other names of "
     "queues have no effect.",
     script::bind<&set_message_meta>},
    {"Message:id", "", "string",
     "The id of the message in the reply to its data (\"queued as\"), its Received field and the "
     "queue. If copies differ, the first one has it.",
     script::bind<&id>},
    {"Message:sender", "", "EnvelopeAddress", "The reverse-path.", script::bind<&sender>},
    {"Message:set_sender", "address: string|EnvelopeAddress", "", "Sets the reverse-path.",
     script::bind<&set_sender>},
    {"Message:recipient", "", "EnvelopeAddress|EnvelopeAddress[]",
     "The recipient; a list if there are several.", recipient},
    {"Message:recipient_list", "", "EnvelopeAddress[]", "The recipients.",
     script::bind<&recipient_list>},
    {"Message:set_recipient", "address: string|EnvelopeAddress|(string|EnvelopeAddress)[]", "",
     "Sets the recipients. Each must be one of ours, or one that the client may relay to.",
     script::bind<&set_recipient>},
};

}  // namespace

void set_meta_of(Call& call, const std::string& name, json::value value) {
  MessageDraft& draft = draft_of(call);
  for (const char* text : {"tenant", "campaign", "queue", "routing_domain"}) {
    demand(name != text || value.is_string() || value.is_null(),
           "the value of '" + name + "' must be a string");
  }
  demand(draft.meta.size() < 1000 || draft.meta.contains(name), "too many values in a message");
  note_secrets(draft.secrets, call, name, value);
  value = storable(std::move(value));
  if (value.is_null()) {
    draft.held->erase(draft.meta, name);
  } else {
    draft.held->set(draft.meta, name, std::move(value));
  }
}

void MessageDraft::begin_with(const policy::ScriptCopy& copy) {
  before = copy;
  sender = copy.reverse_path;
  null_sender = copy.null_path;
  new_recipients = copy.forward_paths;
  results_of = copy.results_of;
  if (!copy.text && !copy.header) return;
  std::size_t rest = 0;
  const std::string& text = copy.text ? *copy.text : *copy.header;
  header = mail::fields_of(text, rest);
  if (copy.text) body = text.substr(rest);
  header_read = true;
  header_changed = true;
}

policy::ScriptCopy MessageDraft::finished() const {
  policy::ScriptCopy copy = before;  // with its transports
  copy.recipients = recipients;
  copy.text.reset();
  copy.header.reset();
  copy.reverse_path = sender;
  copy.null_path = null_sender;
  copy.forward_paths = new_recipients;
  copy.results_of = results_of;
  // In KumoMTA, mail in the queue "null" is discarded.
  const json::value* queue = meta.if_contains("queue");
  if (queue != nullptr && *queue == "null") copy.to_nobody = true;
  if (body) {
    copy.text = own_header() + *body;
  } else if (header_changed) {
    copy.header = own_header();
  }
  return copy;
}

const std::optional<mail::Mailbox>& MessageDraft::sender_in(
    const policy::Evidence& evidence) const {
  return sender || null_sender ? sender : evidence.reverse_path;
}

std::string_view original_of(const Context& context) {
  const auto text = context.inquiry.message();
  demand(text.has_value(), "the message is not there");
  return *text;
}

std::string MessageDraft::own_header() const {
  std::vector<Field> own = header;
  std::erase_if(own, [&](const Field& field) { return !trace.empty() && field.text == trace; });
  return mail::joined(own);
}

MessageDraft& draft_of(Call& call) {
  MessageDraft* draft = hook_of(call).message;
  demand(draft != nullptr, "there is no message at this event");
  return *draft;
}

void read_header(const Context& context, MessageDraft& draft) {
  if (draft.header_read) return;
  // During a replay there is no message; the tape has what the script read from it.
  std::size_t body = 0;
  if (!context.inquiry.tape.playing) draft.header = mail::fields_of(original_of(context), body);
  draft.header_read = true;
}

MessageDraft& draft_with_header(Call& call) {
  MessageDraft& draft = draft_of(call);
  read_header(hook_of(call), draft);
  if (draft.shows_trace && draft.trace.empty()) {
    draft.trace = trace_of(hook_of(call), draft);
    draft.header.insert(draft.header.begin(), {"Received", draft.trace});
  }
  return draft;
}

std::string refused_address(std::string_view text) {
  const bool good = text.empty() || mail::parse_mailbox(text, mail::Utf8::allowed).has_value();
  return good ? "" : "not an address: " + printable(text, 100);
}

std::string whole_text(const Context& context, const MessageDraft& draft) {
  const std::string header = draft.own_header();
  if (draft.body) return header + *draft.body;
  const std::string_view original = original_of(context);
  return header + std::string(original.substr(mail::body_of(original)));
}

void push_message(lua_State* L) { script::stack::push_only<Message>(L); }

script::HostTable message_functions() { return message_rows; }

}  // namespace postern::dialect::kumo
