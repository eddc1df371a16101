// The message: its header at every stage, the whole from `preq` on. What is read of the header is
// recorded, so that the decision can be made again without the message.
#include <algorithm>

#include "base/text.h"
#include "dialect/vsl/functions.h"
#include "policy/memory.h"

namespace postern::dialect::vsl {

using policy::Stage;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {

using Field = Draft::Field;

/// The draft with its header: before the message arrives, only the fields that rules added.
Draft& header_of(Context& context) {
  return context.stage < Stage::message ? context.draft : draft_with_message(context);
}
Draft& header_of(Call& call) { return header_of(rule_of(call)); }

template <class Ask>
Value told(Call& call, std::string_view name, Ask ask) {
  Draft& draft = header_of(call);
  return value_of(call.told_by(name, [&]() -> json::value { return ask(draft.header); }));
}

std::int64_t count_of(const std::vector<Field>& header, const Text& name) {
  return std::count_if(header.begin(), header.end(),
                       [&](const Field& field) { return iequals(field.name, name.value); });
}

Value has_header(Call& call, Text name) {
  return told(call, "has_header",
              [&](const std::vector<Field>& header) { return count_of(header, name) > 0; });
}

Value count_header(Call& call, Text name) {
  return told(call, "count_header",
              [&](const std::vector<Field>& header) { return count_of(header, name); });
}

Value get_header(Call& call, Text name) {
  return told(call, "get_header", [&](const std::vector<Field>& header) {
    const auto found = std::ranges::find_if(
        header, [&](const Field& field) { return iequals(field.name, name.value); });
    return json::value(found == header.end() ? std::string() : readable(found->value()));
  });
}

Value get_all_headers(Call& call, std::optional<Text> name) {
  return told(call, "get_all_headers", [&](const std::vector<Field>& header) -> json::value {
    json::array all;
    for (const Field& field : header) {
      if (name && !iequals(field.name, name->value)) continue;
      const std::string value = readable(field.raw_value());
      all.push_back(json::value(name ? value : field.name + ":" + value));
    }
    return all;
  });
}

Value get_header_untouched(Call& call, Text name) {
  return told(call, "get_header_untouched", [&](const std::vector<Field>& header) -> json::value {
    json::array all;
    for (const Field& field : header) {
      if (!iequals(field.name, name.value)) continue;
      all.push_back(json::value(field.name + ":" + readable(field.raw_value())));
    }
    return all;
  });
}

Field made(const Text& name, const Text& value) {
  Result<Field> field = mail::header_field(name.value, value.value);
  demand(field.has_value(), field ? "" : field.error().message);
  return std::move(*field);
}

void demand_room(const Draft& draft) {
  constexpr std::size_t most = 10'000;
  demand(draft.header.size() < most, "the header has too many fields");
}

void append(Draft& draft, Field field) {
  demand_room(draft);
  insert_field(draft, draft.header.end(), std::move(field));
}

void append_header(Call& call, Text name, Text value) {
  append(header_of(call), made(name, value));
}

void prepend_header(Call& call, Text name, Text value) {
  Draft& draft = header_of(call);
  demand_room(draft);
  prepend_field(draft, name.value, value.value);
}

void replace_fields(Draft& draft, Field field) {
  const auto found = std::ranges::find_if(
      draft.header, [&](const Field& one) { return iequals(one.name, field.name); });
  if (found == draft.header.end()) {
    append(draft, std::move(field));
  } else {
    draft.take(policy::memory_of(field));
    *found = std::move(field);
    draft.header_changed = true;
  }
}

void set_header(Call& call, Text name, Text value) {
  replace_fields(header_of(call), made(name, value));
}

void rename_header(Call& call, Text old_name, Text new_name) {
  made(new_name, {});
  Draft& draft = header_of(call);
  for (Field& field : draft.header) {
    if (!iequals(field.name, old_name.value)) continue;
    draft.take(2 * new_name.value.size());
    const std::size_t colon = std::min(field.text.find(':'), field.text.size());
    field.text.replace(0, colon, new_name.value);
    field.name = new_name.value;
    draft.header_changed = true;
  }
}

/// The answer is recorded, because a replay may lack the field.
Value remove_header(Call& call, Text name) {
  Draft& draft = header_of(call);
  const auto found = std::ranges::find_if(
      draft.header, [&](const Field& field) { return iequals(field.name, name.value); });
  const bool there = found != draft.header.end();
  if (there) {
    draft.header.erase(found);
    draft.header_changed = true;
  }
  return value_of(call.told_by("remove_header", [&]() -> json::value { return there; }));
}

/// Throws in a replay: the record has what was read of the header, but not the message.
Value whole_message(Call& call) {
  Context& context = rule_of(call);
  draft_with_message(context);
  script::demand(!call.offline(), "the message is not kept with the record");
  return Value(readable(message_text(context)));
}

void rewrite_mail_from_message(Call& call, Value address) {
  const mail::Mailbox sender = address_from(address);
  replace_fields(draft_with_message(rule_of(call)), made({"From"}, {sender.text()}));
}

void rewrite_mail_from(Call& call, Value address) {
  Context& context = rule_of(call);
  const mail::Mailbox sender = address_from(address);
  rewrite_mail_from_message(call, address);
  context.draft.sender = sender;
  context.draft.sender_changed = true;
}

bool names_recipients(const Field& field) {
  return iequals(field.name, "To") || iequals(field.name, "Cc");
}

/// Replaces the value of a field. `raw` includes the octets that are not edited.
void set_raw(Draft& draft, Field& field, const std::string& raw) {
  draft.take(raw.size());
  field.text.erase(std::min(field.text.find(':'), field.text.size()));
  field.text += ":" + raw + "\r\n";
  draft.header_changed = true;
}

void add_rcpt_message(Call& call, Value address) {
  const std::string text = address_from(address).text();
  Draft& draft = draft_with_message(rule_of(call));
  const auto found = std::ranges::find_if(
      draft.header, [](const Field& field) { return iequals(field.name, "To"); });
  if (found == draft.header.end()) {
    append(draft, made({"To"}, {text}));
    return;
  }
  std::string raw(found->raw_value());
  // Lines stay short (RFC 5322 §2.1.1): each new address has its own.
  raw += trim(raw).empty() ? " " + text : ",\r\n " + text;
  set_raw(draft, *found, raw);
}

void remove_rcpt_message(Call& call, Value address) {
  const mail::Mailbox removed = address_from(address);
  Draft& draft = draft_with_message(rule_of(call));
  std::erase_if(draft.header, [&](Field& field) {
    if (!names_recipients(field)) return false;
    const auto raw = mail::without_address(field.raw_value(), removed);
    if (raw) set_raw(draft, field, *raw);
    // RFC 5322 §3.6.3: these fields must not be empty.
    return raw && trim(*raw).empty();
  });
}

void rewrite_rcpt_message(Call& call, Value old_address, Value new_address) {
  const mail::Mailbox before = address_from(old_address);
  const mail::Mailbox after = address_from(new_address);
  Draft& draft = draft_with_message(rule_of(call));
  for (Field& field : draft.header) {
    if (!names_recipients(field)) continue;
    if (const auto raw = mail::with_address_replaced(field.raw_value(), before, after)) {
      set_raw(draft, field, *raw);
    }
  }
}

constexpr std::string_view one_name = "name: text";
constexpr std::string_view name_and_value = "name: text, value: text";

constexpr HostFunction message_rows[] = {
    {"vsl.has_header", one_name, "bool",
     "Whether the header has such a field. Before `preq` the header consists of the fields that "
     "rules have added so far. Names are compared without regard to case.",
     bind<&has_header>},
    {"vsl.count_header", one_name, "i64", "How many such fields the header has.",
     bind<&count_header>},
    {"vsl.get_header", one_name, "string",
     "The value of the first such field on one line, without blanks at its ends; empty without "
     "such a field.",
     bind<&get_header>},
    {"vsl.get_all_headers", "name?: text", "array",
     "The values of all such fields, exactly as after the colon; without a name all fields, "
     "`Name: value`.",
     bind<&get_all_headers>},
    {"vsl.get_header_untouched", one_name, "array",
     "All such fields, exactly as received: `Name: value`.", bind<&get_header_untouched>},
    {"vsl.append_header", name_and_value, "", "Adds a field at the end.", bind<&append_header>},
    {"vsl.prepend_header", name_and_value, "", "Adds a field at the top.", bind<&prepend_header>},
    {"vsl.set_header", name_and_value, "",
     "Replaces the value of the first such field; without one adds a field at the end.",
     bind<&set_header>},
    {"vsl.rename_header", "old_name: text, new_name: text", "", "Renames all such fields.",
     bind<&rename_header>},
    {"vsl.remove_header", one_name, "bool",
     "Removes the first such field; returns whether there was one.", bind<&remove_header>},
    {"vsl.mail", "", "string", "The whole message.", bind<&whole_message>},
    {"vsl.rewrite_mail_from_message", one_address, "", "Sets the message's From to the address.",
     bind<&rewrite_mail_from_message>},
    {"vsl.rewrite_mail_from", one_address, "",
     "Replaces the sender in the envelope and in the message's From.", bind<&rewrite_mail_from>},
    {"vsl.add_rcpt_message", one_address, "", "Adds an address to To.", bind<&add_rcpt_message>},
    {"vsl.remove_rcpt_message", one_address, "", "Removes the address from To and Cc.",
     bind<&remove_rcpt_message>},
    {"vsl.rewrite_rcpt_message", "old_address: address|string, new_address: address|string", "",
     "Replaces an address in To and Cc; its display name stays.", bind<&rewrite_rcpt_message>},
};

constexpr Allowed message_stages[] = {
    {"mail", Stage::message},
    {"rewrite_mail_from_message", Stage::message},
    {"rewrite_mail_from", Stage::message},
    {"add_rcpt_message", Stage::message},
    {"remove_rcpt_message", Stage::message},
    {"rewrite_rcpt_message", Stage::message},
};

}  // namespace

Group message_functions() { return {message_rows, message_stages}; }

}  // namespace postern::dialect::vsl
