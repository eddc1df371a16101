#include "mail/header_section.h"

#include "base/text.h"

namespace postern::mail {

std::optional<std::string_view> take_field(std::string_view& rest) {
  const std::string_view all = rest;
  const bool is_blank = all.starts_with("\r\n");
  std::size_t end = 0;
  do {
    const std::size_t line_end = all.find("\r\n", end);
    end = line_end == std::string_view::npos ? all.size() : line_end + 2;
  } while (!is_blank && end < all.size() && (all[end] == ' ' || all[end] == '\t'));
  rest.remove_prefix(end);
  if (is_blank || all.empty()) return std::nullopt;
  return all.substr(0, end);
}

std::string_view name_of(std::string_view field) {
  const std::string_view line = field.substr(0, field.find("\r\n"));
  return trim(line.substr(0, line.find(':')));
}

std::string_view raw_value_of(std::string_view field) {
  field.remove_prefix(field.find(':') + 1);
  if (field.ends_with("\r\n")) field.remove_suffix(2);
  return field;
}

std::string value_of(std::string_view field) {
  std::string line(raw_value_of(field));
  std::erase_if(line, [](char c) { return c == '\r' || c == '\n'; });
  return std::string(trim(line));
}

}  // namespace postern::mail
