#include "mail/header_fields.h"

#include <algorithm>

#include "base/text.h"
#include "mail/header_section.h"

namespace postern::mail {

namespace {

/// One element of an address list, as positions in the value.
struct Element {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< position of the separator, or the value's end
  std::size_t address = 0;
  std::size_t address_end = 0;  ///< end of the address, blanks excluded
};

}  // namespace

std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  const bool is_comment = text[at] == '(';
  int depth = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (is_comment) {
      if (text[i] == '(') ++depth;
      if (text[i] == ')' && --depth == 0) return i + 1;
    } else if (text[i] == '"' && i > at) {
      return i + 1;
    }
  }
  return text.size();
}

namespace {

void trim_range(std::string_view text, std::size_t& begin, std::size_t& end) {
  while (begin < end && is_space(text[begin])) ++begin;
  while (end > begin && is_space(text[end - 1])) --end;
}

/// RFC 5322 §3.4: commas separate mailboxes; a colon ends a group's name, a semicolon the group.
std::vector<Element> elements_of(std::string_view text) {
  std::vector<Element> elements;
  Element one;
  bool in_angle = false;
  bool has_angle = false;
  const auto finish = [&](std::size_t end) {
    one.end = end;
    if (!has_angle) {
      one.address = one.begin;
      one.address_end = end;
    }
    trim_range(text, one.address, one.address_end);
    elements.push_back(one);
    one = {.begin = end + 1};
    in_angle = has_angle = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '(') {
      i = end_of_quoted(text, i) - 1;
    } else if (c == '<' && !in_angle) {
      in_angle = has_angle = true;
      one.address = i + 1;
      one.address_end = i + 1;
    } else if (c == '>' && in_angle) {
      in_angle = false;
      one.address_end = i;
    } else if (!in_angle && (c == ',' || c == ':' || c == ';')) {
      finish(i);
    }
  }
  finish(text.size());
  return elements;
}

bool has_ink(std::string_view text) {
  return text.find_first_not_of(" \t") != std::string_view::npos;
}

/// RFC 5322 §2.1.1: the line, folded into lines of at most 998 octets. Each contains more than
/// white space (RFC 5322 §3.2.2).
Result<std::string> within_limit(std::string_view line) {
  constexpr std::size_t most = 998;
  std::string text;
  while (line.size() > most) {
    const std::size_t fold = line.find_last_of(" \t", most);
    if (fold == std::string_view::npos || !has_ink(line.substr(0, fold)) ||
        !has_ink(line.substr(fold))) {
      return fail(Fault::limit, "a line of a header field has more than 998 octets");
    }
    text.append(line.substr(0, fold)).append("\r\n");
    line.remove_prefix(fold);
  }
  return text.append(line).append("\r\n");
}

bool is_address(std::string_view text, const Element& element, const std::string& wanted) {
  const auto found = parse_mailbox(
      text.substr(element.address, element.address_end - element.address), Utf8::allowed);
  return found && lower(found->text()) == wanted;
}

}  // namespace

std::string_view HeaderField::raw_value() const { return raw_value_of(text); }

std::string HeaderField::value() const { return value_of(text); }

std::vector<HeaderField> fields_of(std::string_view message, std::size_t& body) {
  std::vector<HeaderField> fields;
  std::string_view rest = message;
  while (const auto field = take_field(rest)) {
    fields.push_back({std::string(name_of(*field)), std::string(*field)});
  }
  body = message.size() - rest.size();
  return fields;
}

std::size_t body_of(std::string_view message) {
  if (message.starts_with("\r\n")) return 2;
  const std::size_t blank = message.find("\r\n\r\n");
  return blank == std::string_view::npos ? message.size() : blank + 4;
}

std::string joined(const std::vector<HeaderField>& fields) {
  std::string text;
  for (const HeaderField& field : fields) text += field.text;
  return text + "\r\n";
}

bool is_field_name(std::string_view name) {
  const auto fit = [](char c) { return c > 32 && c < 127 && c != ':'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), fit);
}

Result<HeaderField> header_field(std::string_view name, std::string_view value) {
  if (!is_field_name(name)) {
    return fail(Fault::malformed, "not a name of a header field: " + printable(name, 100));
  }
  if (value.find('\0') != std::string_view::npos) {
    return fail(Fault::malformed, "a NUL in the value of a header field");
  }
  HeaderField field{std::string(name), ""};
  std::string line = std::string(name) + ": ";
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(value.find_first_of("\r\n", at), value.size());
    line += value.substr(at, end - at);
    Result<std::string> text = within_limit(line);
    if (!text) return tl::unexpected(text.error());
    field.text += *text;
    if (end == value.size()) return field;
    at = end + (value.substr(end, 2) == "\r\n" ? 2 : 1);
    const std::string_view rest = value.substr(at);
    const std::string_view next = rest.substr(0, rest.find_first_of("\r\n"));
    const bool is_fold = (next.starts_with(' ') || next.starts_with('\t')) && has_ink(next);
    if (value[at - 1] != '\n' || !is_fold) {
      return fail(Fault::malformed, "a line break in the value of a header field");
    }
    line.clear();
  }
}

std::optional<std::string> without_address(std::string_view raw, const Mailbox& address) {
  const std::string wanted = lower(address.text());
  std::string text;
  bool found = false;
  for (const Element& one : elements_of(raw)) {
    const std::string_view separator = raw.substr(one.end, 1);
    if (!is_address(raw, one, wanted)) {
      text += raw.substr(one.begin, one.end - one.begin);
      text += separator;
      continue;
    }
    found = true;
    if (separator == ",") continue;
    if (text.ends_with(',')) text.pop_back();
    text += separator;
  }
  if (!found) return std::nullopt;
  return text;
}

std::optional<std::string> with_address_replaced(std::string_view raw, const Mailbox& address,
                                                 const Mailbox& replacement) {
  const std::string wanted = lower(address.text());
  std::string text;
  std::size_t copied = 0;
  for (const Element& one : elements_of(raw)) {
    if (!is_address(raw, one, wanted)) continue;
    text += raw.substr(copied, one.address - copied);
    text += replacement.text();
    copied = one.address_end;
  }
  if (copied == 0) return std::nullopt;
  text += raw.substr(copied);
  return text;
}

}  // namespace postern::mail
