#include "deliver/mime_header.h"

#include <fmt/core.h>

#include "base/text.h"

namespace postern::deliver {
namespace {

/// Octets of the field name in front of the colon; 0 when the line is no field (RFC 5322 §2.2: a
/// name is printable US-ASCII without colon). Blanks between name and colon are of RFC 5322 §4.5.
std::size_t name_length(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] > 0x20 && line[end] < 0x7f && line[end] != ':') ++end;
  std::size_t colon = end;
  while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  return colon < line.size() && line[colon] == ':' ? end : 0;
}

bool is_continuation(std::string_view line) {
  return !line.empty() && (line.front() == ' ' || line.front() == '\t');
}

std::string_view line_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('\n', at);
  return text.substr(at, end == std::string_view::npos ? end : end + 1 - at);
}

bool is_empty_line(std::string_view line) { return line == "\r\n" || line == "\n"; }

}  // namespace

void HeaderReader::warn_once(bool& done, const char* text) {
  if (!done) view_.warnings.emplace_back(text);
  done = true;
}

void HeaderReader::skip(std::string_view /*line*/) {
  skipping_ = true;
  warn_once(warned_skip_, "header lines that are no fields were skipped");
}

/// Adds a line to `fields` as a new field or as a continuation; false when it is neither.
bool HeaderReader::take_line(std::string_view line, std::vector<FieldView>& fields) {
  header_size_ += line.size();
  if (header_size_ > limits_.header_size) {
    view_.parse_error = fmt::format("a header of more than {} octets", limits_.header_size);
  }
  if (is_continuation(line)) {
    if (fields.empty()) skip(line);
    if (skipping_) return true;
    FieldView& field = fields.back();
    field.value = {field.value.begin(), line.end()};  // lines of a field follow each other
    if (field.value.size() > limits_.field_size) {
      view_.parse_error = fmt::format("a header field of more than {} octets", limits_.field_size);
      fields.pop_back();
    }
    return true;
  }
  const std::size_t length = name_length(line);
  if (length == 0) return false;
  skipping_ = false;
  if (fields.size() >= limits_.header_fields) {
    view_.parse_error = fmt::format("more than {} header fields", limits_.header_fields);
    return true;
  }
  if (line.size() > limits_.field_size) {
    view_.parse_error = fmt::format("a header field of more than {} octets", limits_.field_size);
    return true;
  }
  fields.push_back({line.substr(0, length), line.substr(line.find(':', length) + 1)});
  return true;
}

HeaderEnd HeaderReader::read_top(std::string_view message, std::vector<FieldView>& fields) {
  const bool separated = message.substr(0, 2) == "\r\n" ||
                         message.find("\r\n\r\n") != std::string_view::npos ||
                         message.find("\n\n") != std::string_view::npos;
  std::size_t at = 0;
  header_size_ = 0;
  skipping_ = false;
  while (at < message.size()) {
    const std::string_view line = line_at(message, at);
    if (is_empty_line(line)) return {at + line.size()};
    if (!take_line(line, fields)) {
      // An mbox "From " line, or anything else that is no field.
      if (!separated && line.substr(0, 5) != "From ") return {at};
      skip(line);
    }
    if (!view_.parse_error.empty()) {
      view_.warnings.push_back("parsing stopped: " + view_.parse_error);
      return {at};
    }
    at += line.size();
  }
  return {message.size()};
}

bool HeaderReader::add_line(std::string_view line, std::string_view next) {
  if (take_line(line, fields_)) {
    if (!view_.parse_error.empty()) {
      view_.warnings.push_back("parsing stopped: " + view_.parse_error);
    }
    return true;
  }
  // A stray line between fields is skipped; followed by anything else it is the body's first line,
  // whose empty line was forgotten.
  if (line.substr(0, 5) != "From " && name_length(next) == 0) return false;
  skip(line);
  return true;
}

std::vector<FieldView> HeaderReader::take_fields() {
  header_size_ = 0;
  skipping_ = false;
  return std::exchange(fields_, {});
}

/// The first field of that name; a second one makes the message ambiguous.
const FieldView* HeaderReader::only(const std::vector<FieldView>& fields, std::string_view name) {
  const FieldView* first = nullptr;
  for (const FieldView& field : fields) {
    if (!iequals(field.name, name)) continue;
    if (first == nullptr) {
      first = &field;
      continue;
    }
    view_.ambiguous = true;
    view_.warnings.push_back(fmt::format("more than one {} field: the first one counts", name));
    break;
  }
  return first;
}

void HeaderReader::add_notes(const ParameterNotes& notes) {
  view_.names.add(notes.words.charset);
  if (notes.too_many) {
    warn_once(warned_parameters_, "more than 100 parameters in a field: the rest is ignored");
  }
  if (notes.gap) {
    warn_once(warned_gap_, "parameter segments (RFC 2231) do not follow each other");
  }
}

void HeaderReader::content_type(std::string_view value, std::string_view fallback, Entity& entity) {
  ParameterNotes notes;
  const std::string field = unfold(value, charsets_, notes.words);
  const ParameterList list = ParameterList::parse(field, charsets_, notes);
  std::string type = list.value().substr(0, list.value().find_first_of(" \t("));
  const std::size_t slash = type.find('/');
  const bool whole = slash != std::string::npos && slash > 0 && slash + 1 < type.size() &&
                     type.find('/', slash + 1) == std::string::npos;
  // RFC 2045 §5.2: what is no type is plain text.
  entity.part.type =
      whole ? valid_utf8(type) : std::string(list.value().empty() ? fallback : "text/plain");
  entity.multipart = istarts_with(entity.part.type, "multipart/");
  entity.digest = entity.part.type == "multipart/digest";
  if (const std::string* charset = list.find("charset")) {
    entity.part.charset = charset->substr(0, charset->find_first_of(" \t("));
  }
  if (const std::string* boundary = list.find("boundary")) {
    entity.boundary = *boundary;
    while (!entity.boundary.empty() && is_space(entity.boundary.back())) entity.boundary.pop_back();
  }
  if (const std::string* name = list.find("name")) {
    entity.part.filename = clean_filename(*name, charsets_, notes.words);
  }
  if (notes.duplicated) {
    view_.ambiguous = true;
    view_.warnings.emplace_back(
        "a Content-Type parameter occurs more than once: the first one counts");
  }
  add_notes(notes);
}

void HeaderReader::disposition(std::string_view value, Entity& entity) {
  ParameterNotes notes;
  const std::string field = unfold(value, charsets_, notes.words);
  const ParameterList list = ParameterList::parse(field, charsets_, notes);
  entity.part.disposition = list.value().substr(0, list.value().find_first_of(" \t("));
  if (const std::string* name = list.find("filename")) {
    if (std::optional<std::string> cleaned = clean_filename(*name, charsets_, notes.words)) {
      entity.part.filename = std::move(cleaned);
    }
  }
  add_notes(notes);
}

Entity HeaderReader::entity(const std::vector<FieldView>& fields, std::string_view fallback) {
  Entity entity;
  entity.part.type = fallback;
  if (const FieldView* field = only(fields, "Content-Type")) {
    content_type(field->value, fallback, entity);
  }
  if (const FieldView* field = only(fields, "Content-Transfer-Encoding")) {
    bool known = true;
    entity.part.transfer = transfer_named(field->value, known);
    if (!known) {
      warn_once(warned_transfer_,
                "an unknown Content-Transfer-Encoding: the octets are taken as they are");
    }
  }
  if (const FieldView* field = only(fields, "Content-Disposition")) {
    disposition(field->value, entity);
  }
  if (const FieldView* field = only(fields, "Content-ID")) {
    std::string_view id = trim(field->value);
    if (!id.empty() && id.front() == '<') id.remove_prefix(1);
    if (!id.empty() && id.back() == '>') id.remove_suffix(1);
    if (!id.empty()) entity.part.content_id = valid_utf8(id);
  }
  if (istarts_with(entity.part.type, "message/") && entity.part.transfer != Transfer::identity) {
    view_.ambiguous = true;  // RFC 2046 §5.2.1 allows only 7bit, 8bit and binary
    view_.warnings.emplace_back("an enclosed message is transfer-encoded");
  }
  return entity;
}

}  // namespace postern::deliver
