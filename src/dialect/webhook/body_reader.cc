#include "dialect/webhook/body_reader.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "base/text.h"

namespace postern::dialect::webhook {

namespace json = boost::json;

namespace {

constexpr std::size_t max_title = 100;

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// The pieces between commas and line ends. A comma and the line end after it are one separator.
std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> list;
  std::string_view rest = text;
  while (true) {
    const std::size_t at = rest.find_first_of(",\n");
    list.emplace_back(trim(rest.substr(0, at)));
    if (at == std::string_view::npos) return list;
    const bool comma = rest[at] == ',';
    rest.remove_prefix(at + 1);
    if (comma) {
      const std::size_t next = rest.find_first_not_of(" \t\r");
      if (next != std::string_view::npos && rest[next] == '\n') rest.remove_prefix(next + 1);
    }
  }
}

}  // namespace

bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x20 || octet == 0x7f) return true;
    // U+0080 to U+009F are C2 80 to C2 9F.
    if (octet == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

const json::value* BodyReader::find(std::string_view name) const {
  return body_.if_contains({name.data(), name.size()});
}

std::optional<bool> BodyReader::boolean(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  error(name, "must be true or false, without quotes");
  return std::nullopt;
}

std::optional<std::string> BodyReader::text(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::string(value->get_string());
  error(name, "must be a string");
  return std::nullopt;
}

std::optional<std::int64_t> BodyReader::integer(std::string_view name, std::int64_t least,
                                                std::int64_t most) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code inexact;
  const auto number = value->is_double() ? most : value->to_number<std::int64_t>(inexact);
  if (!inexact && !value->is_double() && number >= least && number <= most) return number;
  error(name, fmt::format("must be a whole number from {} to {}", least, most));
  return std::nullopt;
}

std::optional<std::string> BodyReader::word(std::string_view name,
                                            std::span<const std::string_view> words) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    const std::string_view given = value->get_string();
    if (std::find(words.begin(), words.end(), given) != words.end()) return std::string(given);
  }
  error(name, fmt::format("must be one of \"{}\"", fmt::join(words, "\", \"")));
  return std::nullopt;
}

std::optional<std::string> BodyReader::title(std::string_view name) {
  const std::optional<std::string> given = text(name);
  if (!given) return std::nullopt;
  const std::string_view trimmed = trim(*given);
  if (has_control(trimmed)) {
    error(name, "must not hold control characters");
  } else if (characters(trimmed) > max_title) {
    error(name, fmt::format("has {} characters, 100 are allowed", characters(trimmed)));
  } else {
    return std::string(trimmed);
  }
  return std::nullopt;
}

std::optional<ListText> BodyReader::list(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  ListText found;
  if (value->is_null()) return found;
  if (value->is_string()) {
    const std::string_view given = value->get_string();
    if (given.empty()) return found;
    if (given.find_first_not_of(", \t\r\n") == std::string_view::npos) {
      // A template with empty variables writes such text; accepting it would open the policy.
      error(name, "holds separators only; send \"\" to empty the list");
      return std::nullopt;
    }
    found.elements = pieces(trim(given));
  } else if (value->is_array()) {
    for (const json::value& element : value->get_array()) {
      if (!element.is_string()) {
        error(name, fmt::format("element {} must be a string", found.elements.size() + 1));
        return std::nullopt;
      }
      found.elements.emplace_back(trim(std::string_view(element.get_string())));
    }
  } else {
    error(name, "must be a comma-separated string or an array of strings");
    return std::nullopt;
  }
  if (found.elements.size() > max_list_elements) {
    error(name,
          fmt::format("has {} elements, {} are allowed", found.elements.size(), max_list_elements));
    return std::nullopt;
  }
  for (std::size_t i = 0; i < found.elements.size(); ++i) {
    if (!found.elements[i].empty()) continue;
    error(name, fmt::format("element {} is empty", i + 1));
    return std::nullopt;
  }
  return found;
}

void BodyReader::refuse_unknown(std::span<const std::string_view> writable,
                                std::span<const std::string_view> read_only,
                                std::string_view object, std::string_view otherwise) {
  const std::vector<std::string_view> names(writable.begin(), writable.end());
  for (const auto& member : body_) {
    if (errors_.full()) return;
    const std::string_view name = member.key();
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (std::find(read_only.begin(), read_only.end(), name) != read_only.end()) continue;
    const std::string shown = printable(name, 64);
    const auto near = nearest(name, names);
    std::string hint(otherwise);
    if (hint.empty() && names.size() == 1) hint = fmt::format("its only field is `{}`", names[0]);
    constexpr std::size_t few = 4;
    if (hint.empty() && names.size() > 1 && names.size() <= few) {
      hint = fmt::format("its fields are `{}`", fmt::join(names, "`, `"));
    }
    if (near) hint = fmt::format("did you mean `{}`?", *near);
    error(name.size() > 64 ? shown : std::string(name),
          fmt::format("`{}` is not a field of a {}{}{}", shown, object, hint.empty() ? "" : "; ",
                      hint));
  }
}

void BodyReader::missing(std::string_view name, std::string sentence) {
  error(name, std::move(sentence));
  errors_.kind = FieldErrors::Kind::missing_field;
}

}  // namespace postern::dialect::webhook
