#include "dialect/kumo/message.h"

#include <algorithm>

#include "base/text.h"
#include "mail/received.h"
#include "script/only.h"

namespace postern::dialect::kumo {

/// An address as text, or an EnvelopeAddress; nullopt: the null one.
struct GivenAddress {
  std::optional<mail::Mailbox> mailbox;
};
/// One of them or a list.
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
    const auto mailbox = mail::parse_mailbox(text, mail::Utf8::allowed);
    demand(mailbox.has_value(), "not an address: " + printable(text, 100));
    return {*mailbox};
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

std::string_view original_of(const Context& context) {
  const auto text = context.gatherer.message();
  demand(text.has_value(), "the message is not there");
  return *text;
}

/// The Received field as the message will bear it, but for its id, which the queue gives.
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
  arrival.id = session.id;
  if (draft.recipients.size() == 1) {
    arrival.recipient = evidence.recipients.at(draft.recipients.front()).address;
  }
  arrival.time = std::chrono::system_clock::now();
  return mail::received_field(arrival);
}

std::string value_of(Call& call, const MessageDraft::Field& field) {
  const HeaderText& text = hook_of(call).header_text;
  const std::string raw = field.value();
  return text.decode != nullptr ? text.decode(raw) : raw;
}

json::value get_meta(Call& call, Self, std::string name) {
  return call.told_by("get_meta", [&] {
    const json::value* found = draft_of(call).meta.if_contains(name);
    return found != nullptr ? *found : json::value();
  });
}

void set_meta(Call& call, Self, std::string name, json::value value) {
  MessageDraft& draft = draft_of(call);
  for (const char* text : {"tenant", "campaign", "queue", "routing_domain"}) {
    demand(name != text || value.is_string() || value.is_null(),
           "the value of '" + name + "' must be a string");
  }
  demand(draft.meta.size() < 1000 || draft.meta.contains(name), "too many values in a message");
  if (value.is_null()) {
    draft.meta.erase(name);
  } else {
    draft.meta.insert_or_assign(name, std::move(value));
  }
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

/// A list where there are several.
int recipient(lua_State* L) {
  return script::stack::guarded(L, [](lua_State* inner) {
    const auto list = recipient_list(script::stack::current(inner), nullptr);
    return list.size() == 1 ? script::stack::give(inner, list.front())
                            : script::stack::give(inner, list);
  });
}

std::string id(Call& call, Self) {
  const policy::Evidence& evidence = hook_of(call).evidence;
  return evidence.session.id;
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

json::value first_value(Call& call, Self, std::string name) {
  return call.told_by("get_first_named_header_value", [&]() -> json::value {
    for (const auto& field : draft_with_header(call).header) {
      if (iequals(field.name, name)) return json::value(value_of(call, field));
    }
    return nullptr;
  });
}

json::value all_values(Call& call, Self, std::string name) {
  return call.told_by("get_all_named_header_values", [&]() -> json::value {
    json::array values;
    for (const auto& field : draft_with_header(call).header) {
      if (iequals(field.name, name)) values.push_back(json::value(value_of(call, field)));
    }
    return values;
  });
}

json::value all_headers(Call& call, Self) {
  return call.told_by("get_all_headers", [&]() -> json::value {
    json::array all;
    for (const auto& field : draft_with_header(call).header) {
      all.push_back(json::array{json::value(field.name), json::value(value_of(call, field))});
    }
    return all;
  });
}

json::value address_header(Call& call, const std::string& name) {
  return call.told_by("get_address_header", [&]() -> json::value {
    const HeaderText& text = hook_of(call).header_text;
    for (const auto& field : draft_with_header(call).header) {
      if (!iequals(field.name, name) || text.addresses == nullptr) continue;
      json::array list;
      for (const HeaderText::Address& one : text.addresses(field.value())) {
        const std::size_t at = one.email.rfind('@');
        json::object entry{{"email", one.email}};
        if (!one.name.empty()) entry["name"] = one.name;
        entry["user"] = one.email.substr(0, at);
        entry["domain"] = at == std::string::npos ? std::string() : one.email.substr(at + 1);
        list.push_back(std::move(entry));
      }
      if (list.empty()) return nullptr;
      json::object result = list.front().get_object();
      result["list"] = list;
      return result;
    }
    return nullptr;
  });
}

json::value get_address_header(Call& call, Self, std::string name) {
  return address_header(call, name);
}
json::value from_header(Call& call, Self) { return address_header(call, "From"); }
json::value to_header(Call& call, Self) { return address_header(call, "To"); }

void remove_all(Call& call, Self, std::string name) {
  MessageDraft& draft = draft_with_header(call);
  if (std::erase_if(draft.header, [&](const auto& field) { return iequals(field.name, name); })) {
    draft.header_changed = true;
  }
}

std::string encoded_words(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    std::size_t size = std::min<std::size_t>(value.size(), 45);  // RFC 2047 §2: 75 octets a word
    while (size < value.size() && size > 1 && (value[size] & 0xc0) == 0x80) --size;
    if (!out.empty()) out += "\r\n ";
    out += "=?utf-8?B?" + base64_encode(value.substr(0, size)) + "?=";
    value.remove_prefix(size);
  }
  return out;
}

MessageDraft::Field field_of(std::string_view name, std::string_view value, bool encode) {
  demand(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
         "the value of a header field must be one line");
  const bool plain = is_ascii(value) || !encode;
  auto field = mail::header_field(name, plain ? std::string(value) : encoded_words(value));
  demand(field.has_value(), field ? "" : field.error().message);
  return *std::move(field);
}

void prepend_header(Call& call, Self, std::string name, std::string value,
                    std::optional<bool> encode) {
  prepend(draft_with_header(call), name, value, encode.value_or(true));
}

void append_header(Call& call, Self, std::string name, std::string value,
                   std::optional<bool> encode) {
  MessageDraft& draft = draft_with_header(call);
  draft.header.push_back(field_of(name, value, encode.value_or(true)));
  draft.header_changed = true;
}

std::string get_data(Call& call, Self) {
  demand(!call.offline(), "the message is not kept with the record");
  const MessageDraft& draft = draft_with_header(call);
  std::size_t body = 0;
  const std::string_view original = original_of(hook_of(call));
  mail::fields_of(original, body);
  return mail::joined(draft.header) +
         (draft.body ? *draft.body : std::string(original.substr(body)));
}

void set_data(Call& call, Self, std::string data) {
  MessageDraft& draft = draft_with_header(call);
  // Lines end in CRLF (RFC 5321 §2.3.8), whatever a script wrote.
  std::string text;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r')) text += '\r';
    text += data[i];
  }
  std::size_t body = 0;
  draft.header = mail::fields_of(text, body);
  draft.body = text.substr(body);
  draft.header_changed = true;
}

const script::HostFunction functions[] = {
    {"Message:get_meta", "name: string", "any",
     "A value of the message; it begins with those of the connection.", script::bind<&get_meta>},
    {"Message:set_meta", "name: string, value: any", "",
     "Sets a value of the message, any data; `tenant`, `campaign`, `queue` and `routing_domain` "
     "are "
     "strings.",
     script::bind<&set_meta>},
    {"Message:id", "", "string", "Names the message in logs.", script::bind<&id>},
    {"Message:sender", "", "EnvelopeAddress", "The reverse-path.", script::bind<&sender>},
    {"Message:set_sender", "address: string|EnvelopeAddress", "", "Another reverse-path.",
     script::bind<&set_sender>},
    {"Message:recipient", "", "EnvelopeAddress|EnvelopeAddress[]",
     "The recipient; a list where there are several.", recipient},
    {"Message:recipient_list", "", "EnvelopeAddress[]", "The recipients.",
     script::bind<&recipient_list>},
    {"Message:set_recipient", "address: string|EnvelopeAddress|(string|EnvelopeAddress)[]", "",
     "Other recipients. Each must be one of ours, or one that the client may send to: the relay is "
     "not opened.",
     script::bind<&set_recipient>},
    {"Message:get_first_named_header_value", "name: string", "string|nil",
     "The value of the first field of that name, unfolded and decoded; as it is written where it "
     "cannot be decoded. From `smtp_server_message_received` on the message begins with the "
     "Received field that Postern adds.",
     script::bind<&first_value>},
    {"Message:get_all_named_header_values", "name: string", "string[]",
     "The values of all fields of that name.", script::bind<&all_values>},
    {"Message:get_all_headers", "", "string[][]", "Name and value of each field.",
     script::bind<&all_headers>},
    {"Message:get_address_header", "name: string", "AddressHeader|nil",
     "The addresses of a field: `email`, `name`, `user`, `domain` of the first, and `list`.",
     script::bind<&get_address_header>},
    {"Message:from_header", "", "AddressHeader|nil", "The addresses of From.",
     script::bind<&from_header>},
    {"Message:to_header", "", "AddressHeader|nil", "The addresses of To.",
     script::bind<&to_header>},
    {"Message:remove_all_named_headers", "name: string", "", "Removes every field of that name.",
     script::bind<&remove_all>},
    {"Message:prepend_header", "name: string, value: string, encode?: boolean", "",
     "Adds a field in front. Octets beyond ASCII become encoded words unless `encode` is false.",
     script::bind<&prepend_header>},
    {"Message:append_header", "name: string, value: string, encode?: boolean", "",
     "Adds a field at the end of the header.", script::bind<&append_header>},
    {"Message:get_data", "", "string", "The whole message.", script::bind<&get_data>},
    {"Message:set_data", "data: string", "", "Another message in its place.",
     script::bind<&set_data>},
};

}  // namespace

void prepend(MessageDraft& draft, std::string_view name, std::string_view value, bool encode) {
  draft.header.insert(draft.header.begin(), field_of(name, value, encode));
  draft.header_changed = true;
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
  copy.meta = meta;
  copy.text.reset();
  copy.header.reset();
  copy.reverse_path = sender;
  copy.null_path = null_sender;
  copy.forward_paths = new_recipients;
  copy.results_of = results_of;
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
  // Of a decision that is made again the message is not kept; what was read of it is.
  std::size_t body = 0;
  if (!context.evidence.offline) draft.header = mail::fields_of(original_of(context), body);
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

void push_message(lua_State* L) { script::stack::push_only<Message>(L); }

script::HostTable message_functions() { return functions; }

}  // namespace postern::dialect::kumo
