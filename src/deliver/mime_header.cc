#include "deliver/mime_header.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "base/text.h"

namespace postern::deliver {
namespace {

/// Length of the field name before the colon (printable US-ASCII without colon, RFC 5322 §2.2); 0
/// if the line is not a field. Blanks between name and colon are obsolete syntax (RFC 5322 §4.5).
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

/// Other programs end the header at such a line (mailauth's HeaderView::ambiguous()).
void HeaderReader::skip() {
  skipping_ = true;
  view_.ambiguous = view_.ambiguous || top_;
  warn_once(warned_skip_, "header lines that are not fields were skipped");
}

void HeaderReader::cut(FieldView& field) {
  if (field.name.size() + 1 + field.value.size() <= limits_.field_size) return;
  field.value = field.value.substr(
      0, limits_.field_size - std::min(limits_.field_size, field.name.size() + 1));
  view_.ambiguous = true;
  if (!std::exchange(warned_cut_, true)) {
    view_.warnings.push_back(
        fmt::format("a header field of more than {} octets was cut", limits_.field_size));
  }
}

/// Adds a line to `fields` as a new field or a continuation; false if it is neither.
bool HeaderReader::take_line(std::string_view line, std::vector<FieldView>& fields) {
  header_size_ += line.size();
  if (header_size_ > limits_.header_size) {
    view_.parse_error = fmt::format("a header of more than {} octets", limits_.header_size);
  }
  if (is_continuation(line)) {
    if (fields.empty()) skip();
    if (skipping_) return true;
    FieldView& field = fields.back();
    field.value = {field.value.begin(), line.end()};  // the lines of a field are contiguous
    cut(field);
    return true;
  }
  const std::size_t length = name_length(line);
  if (length == 0) return false;
  skipping_ = false;
  if (fields.size() >= limits_.header_fields) {
    view_.parse_error = fmt::format("more than {} header fields", limits_.header_fields);
    return true;
  }
  const std::string_view name = line.substr(0, std::min(length, limits_.field_size));
  if (name.size() < length) view_.ambiguous = true;
  fields.push_back({name, line.substr(line.find(':', length) + 1)});
  cut(fields.back());
  return true;
}

HeaderEnd HeaderReader::read_top(std::string_view message, std::vector<FieldView>& fields) {
  const bool separated = message.substr(0, 2) == "\r\n" ||
                         message.find("\r\n\r\n") != std::string_view::npos ||
                         message.find("\n\n") != std::string_view::npos;
  std::size_t at = 0;
  header_size_ = 0;
  skipping_ = false;
  top_ = true;
  while (at < message.size()) {
    const std::string_view line = line_at(message, at);
    if (is_empty_line(line)) return {at + line.size()};
    if (!take_line(line, fields)) {
      // An mbox "From " line, or anything else that is not a field.
      if (!separated && line.substr(0, 5) != "From ") return {at};
      skip();
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
  top_ = false;
  if (take_line(line, fields_)) {
    if (!view_.parse_error.empty()) {
      view_.warnings.push_back("parsing stopped: " + view_.parse_error);
    }
    return true;
  }
  // A stray line between fields is skipped. If something else follows it, it is the first line of a
  // body whose empty line is missing.
  if (line.substr(0, 5) != "From " && name_length(next) == 0) return false;
  skip();
  return true;
}

std::vector<FieldView> HeaderReader::take_fields() {
  header_size_ = 0;
  skipping_ = false;
  return std::exchange(fields_, {});
}

}  // namespace postern::deliver
