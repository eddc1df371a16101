// How hooks read and change a message's header and body.
#include <algorithm>

#include "base/text.h"
#include "dialect/kumo/encoded_words.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/plain_text.h"
#include "mail/header_section.h"
#include "script/runtime.h"

namespace postern::dialect::kumo {

namespace {

using Self = std::shared_ptr<Message>;
using script::Call;
using script::demand;

/// The value as KumoMTA gives it: on one line, with single blanks, encoded words decoded.
std::string decoded_value(Call& call, std::string line) {
  const HeaderText& text = hook_of(call).header_text;
  std::replace(line.begin(), line.end(), '\t', ' ');
  line.erase(
      std::unique(line.begin(), line.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
      line.end());
  return text.decode != nullptr ? text.decode(line) : line;
}

std::string decoded_value(Call& call, const MessageDraft::Field& field) {
  return decoded_value(call, field.value());
}

/// Calls `take` with the value of each field of that name until it returns false. A header that no
/// hook has changed is read where it is.
template <class Take>
void each_named(Call& call, std::string_view name, Take take) {
  if (draft_of(call).header_read || iequals(name, "Received")) {
    for (const auto& field : draft_with_header(call).header) {
      if (iequals(field.name, name) && !take(decoded_value(call, field))) return;
    }
    return;
  }
  std::string_view rest = original_of(hook_of(call));
  const std::size_t size = rest.size();
  bool wanted = true;
  while (wanted) {
    const auto field = mail::take_field(rest);
    if (!field) break;
    if (iequals(mail::name_of(*field), name))
      wanted = take(decoded_value(call, mail::value_of(*field)));
  }
  script::Runtime::charge(call.state(), size - rest.size());
}

json::value first_value(Call& call, Self, std::string name) {
  return call.told_by("get_first_named_header_value", [&]() -> json::value {
    json::value first;
    each_named(call, name, [&](std::string value) {
      first = std::move(value);
      return false;
    });
    return first;
  });
}

json::value all_values(Call& call, Self, std::string name) {
  return call.told_by("get_all_named_header_values", [&]() -> json::value {
    json::array values;
    each_named(call, name, [&](std::string value) {
      values.push_back(json::value(value));
      return true;
    });
    return values;
  });
}

json::value all_headers(Call& call, Self) {
  return call.told_by("get_all_headers", [&]() -> json::value {
    json::array all;
    for (const auto& field : draft_with_header(call).header) {
      all.push_back(json::array{json::value(field.name), json::value(decoded_value(call, field))});
    }
    return all;
  });
}

void remove_all(Call& call, Self, std::string name) {
  MessageDraft& draft = draft_with_header(call);
  if (std::erase_if(draft.header, [&](const auto& field) { return iequals(field.name, name); })) {
    draft.header_changed = true;
  }
}

/// The fields that a list names. Without a list, or with an empty one: those whose names begin with
/// `X-`.
class Chosen {
 public:
  explicit Chosen(std::optional<json::value> names) {
    if (!names || names->is_null()) return;
    const bool none = names->is_object() && names->get_object().empty();
    demand(names->is_array() || none, "a list of names of header fields is expected");
    if (none) return;
    for (const json::value& one : names->get_array()) {
      demand(one.is_string(), "a list of names of header fields is expected");
      names_.emplace_back(one.get_string());
    }
  }
  bool has(std::string_view name) const {
    if (names_.empty()) return name.size() > 2 && iequals(name.substr(0, 2), "x-");
    return std::any_of(names_.begin(), names_.end(),
                       [&](const std::string& one) { return iequals(one, name); });
  }

 private:
  std::vector<std::string> names_;
};

void remove_x_headers(Call& call, Self, std::optional<json::value> names) {
  MessageDraft& draft = draft_with_header(call);
  const Chosen chosen(std::move(names));
  const auto gone = [&](const auto& field) { return chosen.has(field.name); };
  if (std::erase_if(draft.header, gone) > 0) draft.header_changed = true;
}

/// Sets a meta value such as "x_campaign_id" for each chosen field. Of several fields with one name
/// the last counts; with `first`, the first.
void import_x_headers(Call& call, Self, std::optional<json::value> names,
                      std::optional<bool> first) {
  const json::value found = call.told_by("import_x_headers", [&]() -> json::value {
    const Chosen chosen(std::move(names));
    json::object values;
    for (const auto& field : draft_with_header(call).header) {
      if (!chosen.has(field.name)) continue;
      std::string name = lower(field.name);
      std::replace(name.begin(), name.end(), '-', '_');
      if (first.value_or(false) && values.contains(name)) continue;
      values[name] = decoded_value(call, field);
    }
    return values;
  });
  if (!found.is_object()) return;
  for (const auto& [name, value] : found.get_object()) set_meta_of(call, std::string(name), value);
}

/// The value for a field, folded and in ASCII; it decodes to `value`.
std::string encoded_value(std::string_view name, std::string value) {
  std::erase_if(value, [](char c) { return c == '\r' || c == '\n'; });
  const std::string_view text = trim(value);
  if (is_ascii(text)) return wrapped(text, 75, 900);
  demand(is_utf8(text), "the value of a header field that is to be encoded must be UTF-8");
  return encoded_words(text, name.size() + 2);
}

MessageDraft::Field field_of(std::string_view name, std::string value, bool encode) {
  // Only CRLF folds a line.
  demand(!has_bare_break(value), "a line break in the value of a header field");
  auto field = mail::header_field(name, value);
  if (encode && (field || field.error().fault == Fault::limit)) {
    field = mail::header_field(name, encoded_value(name, std::move(value)));
  }
  demand(field.has_value(), field ? "" : field.error().message);
  return *std::move(field);
}

void prepend_header(Call& call, Self, std::string name, std::string value,
                    std::optional<bool> encode) {
  MessageDraft& draft = draft_with_header(call);
  draft.header.insert(draft.header.begin(),
                      field_of(name, std::move(value), encode.value_or(false)));
  draft.header_changed = true;
}

void append_header(Call& call, Self, std::string name, std::string value,
                   std::optional<bool> encode) {
  MessageDraft& draft = draft_with_header(call);
  draft.header.push_back(field_of(name, std::move(value), encode.value_or(false)));
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
  // Lines end in CRLF (RFC 5321 §2.3.8), regardless of the script's line ends.
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

const script::HostFunction message_header_rows[] = {
    {"Message:get_first_named_header_value", "name: string", "string|nil",
     "The value of the first field of that name, unfolded and decoded; encoded words that cannot "
     "be decoded stay. White space becomes one blank. From `smtp_server_message_received` on, the "
     "message begins with the Received field that Postern adds.",
     script::bind<&first_value>},
    {"Message:get_all_named_header_values", "name: string", "string[]",
     "The values of all fields of that name.", script::bind<&all_values>},
    {"Message:get_all_headers", "", "string[][]", "Name and value of each field.",
     script::bind<&all_headers>},
    {"Message:import_x_headers", "names?: string[], first?: boolean", "",
     "Sets values of the message from its fields: `X-Campaign-ID` becomes `x_campaign_id`. The "
     "list names the fields; without it all that begin with `X-`. Of several fields of one name "
     "the lowest is used, or with `first` the topmost.",
     script::bind<&import_x_headers>},
    {"Message:remove_x_headers", "names?: string[]", "",
     "Removes the fields of the list; without names all that begin with `X-`.",
     script::bind<&remove_x_headers>},
    {"Message:remove_all_named_headers", "name: string", "", "Removes every field of that name.",
     script::bind<&remove_all>},
    {"Message:prepend_header", "name: string, value: string, encode?: boolean", "",
     "Adds a field at the top. The value is used unchanged; CR LF in it must be a fold, before a "
     "blank. A line of more than 998 octets is folded at white space; without white space it is "
     "an error. With `encode` lines are folded at 75 octets, words at 900, and text other than "
     "ASCII becomes encoded words (RFC 2047).",
     script::bind<&prepend_header>},
    {"Message:append_header", "name: string, value: string, encode?: boolean", "",
     "The same at the end of the header.", script::bind<&append_header>},
    {"Message:get_data", "", "string", "The whole message.", script::bind<&get_data>},
    {"Message:set_data", "data: string", "", "Replaces the message.", script::bind<&set_data>},
};

}  // namespace

script::HostTable message_header_functions() { return message_header_rows; }

}  // namespace postern::dialect::kumo
