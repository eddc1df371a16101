#include "dialect/kumo/mistakes.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::dialect::kumo {

namespace {

std::string_view type_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "true or false";
    case json::kind::string:
      return "text";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "a table";
    default:
      return "a number";
  }
}

}  // namespace

std::string dotted(std::string_view pointer) {
  std::string out;
  for (std::size_t i = 1; i < pointer.size(); ++i) {  // it begins with a slash
    if (pointer[i] == '/') {
      out += '.';
    } else if (pointer[i] == '~' && i + 1 < pointer.size()) {  // RFC 6901 §4
      out += pointer[++i] == '1' ? '/' : '~';
    } else {
      out += pointer[i];
    }
  }
  return printable(out, 200);
}

void Mistakes::add(std::string_view pointer, std::string_view what_of_it) {
  if (!lines_.empty()) lines_ += '\n';
  lines_ += fmt::format("{}: `{}` {}", data_.place(pointer), dotted(pointer), what_of_it);
}

void Mistakes::unknown_key(std::string_view pointer, std::string_view key,
                           const std::vector<std::string_view>& known) {
  const auto near = nearest(key, known);
  add(pointer,
      near ? fmt::format("is not a known key; did you mean `{}`?", *near) : "is not a known key");
}

void Mistakes::wrong_type(std::string_view pointer, std::string_view wanted,
                          const json::value& value) {
  add(pointer, fmt::format("must be {}, this is {}", wanted, type_name(value)));
}

std::optional<bool> Mistakes::flag(std::string_view pointer, const json::value& value) {
  if (value.is_bool()) return value.get_bool();
  wrong_type(pointer, "true or false", value);
  return std::nullopt;
}

std::optional<std::string> Mistakes::text(std::string_view pointer, const json::value& value) {
  if (!value.is_string()) {
    wrong_type(pointer, "text", value);
    return std::nullopt;
  }
  if (value.get_string().empty()) {
    add(pointer, "must not be empty");
    return std::nullopt;
  }
  return std::string(value.get_string());
}

std::optional<std::vector<std::string>> Mistakes::texts(std::string_view pointer,
                                                        const json::value& value) {
  if (value.is_object() && value.get_object().empty()) return std::vector<std::string>();
  if (!value.is_array()) {
    wrong_type(pointer, "a list of texts", value);
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const json::value& element : value.get_array()) {
    auto one = text(below(pointer, std::to_string(out.size())), element);
    if (!one) return std::nullopt;
    out.push_back(std::move(*one));
  }
  return out;
}

const json::object* Mistakes::table(std::string_view pointer, const json::value& value) {
  const json::object* found = value.if_object();
  if (!found) wrong_type(pointer, "a table", value);
  return found;
}

bool Mistakes::not_empty(std::string_view pointer, std::string_view name) {
  if (!name.empty()) return true;
  add(pointer, "has an empty name");
  return false;
}

Result<void> Mistakes::result() const {
  if (lines_.empty()) return {};
  return fail(Fault::malformed, lines_);
}

}  // namespace postern::dialect::kumo
