#include "dialect/vsl/functions.h"

#include "base/text.h"

namespace postern::dialect::vsl {

namespace {

[[noreturn]] void no_address(const std::string& got) {
  throw std::runtime_error("invalid type conversion expected: `address`, but got: " + got);
}

}  // namespace

mail::Mailbox address_from(const Value& value) {
  if (const auto* object = std::get_if<ObjectPtr>(&value.is)) {
    if ((*object)->mailbox()) return *(*object)->mailbox();
    const Object::Type type = (*object)->type();
    if (type == Object::Type::address) no_address("the null sender");
    if (type != Object::Type::string && type != Object::Type::identifier) {
      no_address("a " + std::string(to_string(type)));
    }
  } else if (!std::holds_alternative<std::string>(value.is)) {
    no_address("a value of type " + std::string(type_of(value)));
  }
  const std::string text = text_from(value);
  auto mailbox = mail::parse_mailbox(text, mail::Utf8::allowed);
  if (!mailbox) no_address("`" + printable(text, 100) + "`: " + mailbox.error().message);
  return *std::move(mailbox);
}

std::string text_from(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.is)) return *text;
  if (const auto* object = std::get_if<ObjectPtr>(&value.is)) return (*object)->text();
  throw std::runtime_error("a string or an object expected, not a value of type " +
                           std::string(type_of(value)));
}

Value value_of(const json::value& value) {
  return value_from_json(value, [](const json::object& object) -> Value {
    Value::Map map;
    for (const auto& [key, one] : object) map.emplace(key, value_of(one));
    return map;
  });
}

std::string readable(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | (octet >> 6));
      out += static_cast<char>(0x80 | (octet & 0x3f));
    }
  }
  return out;
}

std::string message_text(Context& context) {
  if (context.stage < policy::Stage::message) return mail::joined(context.draft.header);
  const Draft& draft = draft_with_message(context);
  std::optional<std::string_view> whole;
  if (draft.base_copy && draft.base_copy->text) {
    whole = *draft.base_copy->text;
  } else {
    whole = context.inquiry.message();
  }
  script::demand(whole.has_value(), "the message is not there");
  return mail::joined(draft.header) + std::string(whole->substr(mail::body_of(*whole)));
}

}  // namespace postern::dialect::vsl
