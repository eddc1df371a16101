// The statuses that rules return, and the objects that they are made from.
#include <algorithm>

#include "base/text.h"
#include "dialect/vsl/constants.h"
#include "dialect/vsl/functions.h"
#include "dialect/vsl/reply_codes.h"

namespace postern::dialect::vsl {

using script::bind;
using script::demand;
using script::HostFunction;

namespace {

using Code = std::optional<Value>;

StatusPtr status(Status::Kind kind, std::optional<smtp::Reply> reply = std::nullopt) {
  return std::make_shared<Status>(Status{.kind = kind, .reply = std::move(reply)});
}

smtp::Reply reply_from(const Value& code) {
  const auto* object = std::get_if<ObjectPtr>(&code.is);
  if (object != nullptr && (*object)->type() == Object::Type::code) return (*object)->reply();
  const Result<smtp::Reply> reply = Object::parse_code(text_from(code));
  demand(reply.has_value(), reply ? "" : reply.error().message);
  return *reply;
}

StatusPtr with_code(Status::Kind kind, const Code& code) {
  if (!code) return status(kind);
  smtp::Reply reply = reply_from(*code);
  const bool accepts = kind == Status::Kind::accept || kind == Status::Kind::faccept;
  const bool fits = accepts ? reply.code < 300 : reply.code >= 400;
  demand(fits, std::string(to_string(kind)) + "() takes a code of " +
                   (accepts ? "200 to 299" : "400 to 599") + ", not " + std::to_string(reply.code));
  return status(kind, std::move(reply));
}

StatusPtr next() { return status(Status::Kind::next); }
StatusPtr accept(Code code) { return with_code(Status::Kind::accept, code); }
StatusPtr faccept(Code code) { return with_code(Status::Kind::faccept, code); }
StatusPtr deny(Code code) { return with_code(Status::Kind::deny, code); }
StatusPtr info(Value code) { return with_code(Status::Kind::info, std::move(code)); }

StatusPtr quarantine(Text queue) {
  demand_text(refused_queue, queue.value);
  return std::make_shared<Status>(
      Status{.kind = Status::Kind::quarantine, .queue = std::move(queue.value)});
}

std::map<std::string, ObjectPtr, std::less<>> make_predefined() {
  std::map<std::string, ObjectPtr, std::less<>> all;
  for (const NamedReply& one : named_replies) {
    all[std::string(one.name)] = Object::code(named_reply(one.name));
  }
  all["net_192"] = *Object::make(Object::Type::rg4, "192.168.0.0/16");
  all["net_172"] = *Object::make(Object::Type::rg4, "172.16.0.0/12");
  all["net_10"] = *Object::make(Object::Type::rg4, "10.0.0.0/8");
  all["non_routable_net"] =
      Object::list(Object::Type::group, {all["net_192"], all["net_172"], all["net_10"]});
  return all;
}

Value predefined(std::string name) {
  const auto& all = predefined_objects();
  const auto found = all.find(name);
  demand(found != all.end(), "variable '" + printable(name, 100) + "' is not defined");
  return found->second;
}

/// The value in `#{ value: ... }`, whose other members are for people; any other value itself.
const Value& inner_value(const Value& value) {
  const auto* map = std::get_if<Value::Map>(&value.is);
  if (map == nullptr) return value;
  const auto found = map->find("value");
  demand(found != map->end(), "the map of an object needs a `value`");
  return found->second;
}

ObjectPtr group_of(const Value& given) {
  const auto* values = std::get_if<Value::Array>(&inner_value(given).is);
  demand(values != nullptr, "a group takes an array of objects");
  std::vector<ObjectPtr> members;
  for (const Value& value : *values) {
    if (const auto* object = std::get_if<ObjectPtr>(&value.is)) {
      members.push_back(*object);
    } else {
      const auto* text = std::get_if<std::string>(&value.is);
      demand(text != nullptr,
             "a group holds objects and strings, no value of type " + std::string(type_of(value)));
      members.push_back(*Object::make(Object::Type::string, *text));
    }
  }
  return Object::list(Object::Type::group, std::move(members));
}

std::string text_of_member(const Value::Map& map, const char* key) {
  const auto found = map.find(key);
  if (found == map.end() || std::holds_alternative<Unit>(found->second.is)) return {};
  return text_from(found->second);
}

/// The reply of `#{ code: 550, enhanced: "5.7.1", text: "..." }`.
ObjectPtr code_of(const Value::Map& map) {
  auto code = map.find("code");
  if (code == map.end()) code = map.find("base");
  const auto* number = code == map.end() ? nullptr : std::get_if<std::int64_t>(&code->second.is);
  demand(number != nullptr, "a code needs a number as `code`");
  demand(map.contains("text"), "a code needs a `text`");
  const std::string enhanced = text_of_member(map, "enhanced");
  std::string_view rest = enhanced;
  demand(enhanced.empty() || (smtp::take_enhanced(rest) && rest.empty()),
         "`" + printable(enhanced, 40) + "` is no enhanced status code such as 5.7.1");
  // The text is set separately, so that an enhanced code at its start stays part of it.
  auto reply =
      Object::parse_code(std::to_string(*number) + (enhanced.empty() ? "" : " ") + enhanced);
  demand(reply.has_value(), reply ? "" : reply.error().message);
  const std::string text = text_of_member(map, "text");
  const auto checked = Object::parse_code("250 " + text);
  demand(checked.has_value(), checked ? "" : checked.error().message);
  reply->text = std::string(trim(text));
  return Object::code(std::move(*reply));
}

Value make_object(std::string type, Value value) {
  const auto known = object_type(type);
  demand(known && known != Object::Type::file,
         "`" + printable(type, 100) + "` is no type of object");
  if (*known == Object::Type::group) return group_of(value);
  if (*known == Object::Type::code) {
    const auto* map = std::get_if<Value::Map>(&value.is);
    if (map != nullptr && !map->contains("value")) return code_of(*map);
    return Object::code(reply_from(inner_value(value)));
  }
  const std::string text = text_from(inner_value(value));
  if (*known == Object::Type::string) return text;
  Result<ObjectPtr> object = Object::make(*known, text);
  demand(object.has_value(), object ? "" : object.error().message);
  return std::move(*object);
}

ObjectPtr make_group(Value values) { return group_of(values); }

constexpr HostFunction status_rows[] = {
    {"vsl.next", "", "status", "Goes on with the next rule of the stage.", bind<&next>},
    {"vsl.accept", "code?: code|string", "status",
     "Ends the stage without an objection of this policy. The client gets the given reply, of 200 "
     "to 299, instead of the usual one.",
     bind<&accept>},
    {"vsl.faccept", "code?: code|string", "status",
     "Like accept(), and skips the stages up to the end of the transaction; at `connect` and "
     "`helo` those of the session.",
     bind<&faccept>},
    {"vsl.deny", "code?: code|string", "status",
     "Refuses with 554 5.7.1 or the given reply, of 400 to 599, and closes the connection. At "
     "`postq` and `delivery` the message goes to the dead queue.",
     bind<&deny>},
    {"vsl.info", "code: code|string", "status",
     "Refuses with the given reply, of 400 to 599; the connection stays open and the client may "
     "try the command again.",
     bind<&info>},
    {"vsl.quarantine", "queue: text", "status",
     "Accepts the message and keeps it in the named queue without delivery; skips later stages. "
     "The name is relative: letters, digits and `.-_`, with `/` between them.",
     bind<&quarantine>},
    // Compiled from names that nothing declares, declarations of objects, and arrays of objects.
    {"vsl.predefined", "name: string", "object", "", bind<&predefined>},
    {"vsl.make_object", "type: string, value: any", "object|string", "", bind<&make_object>},
    {"vsl.make_group", "values: array", "group", "", bind<&make_group>},
};

}  // namespace

const std::map<std::string, ObjectPtr, std::less<>>& predefined_objects() {
  static const auto all = make_predefined();
  return all;
}

Group status_functions() { return {status_rows, {}}; }

}  // namespace postern::dialect::vsl
