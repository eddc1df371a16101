#include "deliver/mime_prescan.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/text.h"
#include "deliver/gmime.h"
#include "deliver/mime_words.h"

namespace postern::deliver {
namespace {

/// The longest boundary that RFC 2046 §5.1.1 allows, and the longest that is accepted.
constexpr std::size_t rfc_boundary = 70;
constexpr std::size_t max_boundary = 256;
/// Parameters read per field; the rest is ignored.
constexpr std::size_t max_parameters = 100;

/// Fields that a part may have once.
constexpr std::string_view single_fields[] = {"Content-Type", "Content-Transfer-Encoding",
                                              "Content-Disposition", "Content-ID"};

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Whether `text`, after a blank, is `name=...`: then a semicolon is missing.
bool starts_parameter(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && (is_alnum(text[end]) || text[end] == '-' || text[end] == '*')) ++end;
  return end > 0 && end < text.size() && text[end] == '=';
}

/// A value without a valid type becomes text/plain (RFC 2045 §5.2).
std::string with_type(std::string value) {
  const std::string_view type =
      trim(std::string_view(value).substr(0, value.find_first_of("; \t(")));
  const std::size_t slash = type.find('/');
  if (value.empty() || (slash != std::string_view::npos && slash > 0 && slash + 1 < type.size() &&
                        type.find('/', slash + 1) == std::string_view::npos)) {
    return value;
  }
  const std::size_t parameters = value.find(';');
  return "text/plain" + (parameters == std::string::npos ? "" : value.substr(parameters));
}

}  // namespace

/// Returns `value` up to the parameter limit, without what is not a parameter, at which GMime would
/// stop. Escapes the backslashes of Windows paths: only \" and \\ count as escapes.
std::string Prescan::within_limits(std::string_view value) {
  std::string out;
  std::size_t parameters = 0;
  for (std::size_t at = 0; at < value.size();) {
    std::string one;
    bool quoted = false;
    bool equals = false;
    bool has_value = false;
    bool closed = false;  // text after a quoted value is ignored
    for (; at < value.size() && (quoted || value[at] != ';'); ++at) {
      const char c = value[at];
      if (is_space(c) && !quoted && has_value && starts_parameter(value.substr(at + 1))) break;
      if (!is_space(c)) has_value = has_value || (parameters > 0 && equals);
      equals = equals || c == '=';
      if (closed) continue;
      one += c;
      closed = quoted && c == '"' && parameters > 0;
      if (c == '"') quoted = !quoted;
      if (!quoted || c != '\\') continue;
      one += at + 1 < value.size() && value[at + 1] == '"' ? value[++at] : c;
      if (at + 1 < value.size() && value[at] == c && value[at + 1] == c) ++at;
    }
    ++at;
    if (parameters > 0 && (!equals || trim(one).front() == '=')) {
      continue;
    }
    if (parameters++ > max_parameters) {
      if (!std::exchange(warned_parameters_, true)) {
        view_.warnings.emplace_back("more than 100 parameters in a field: the rest is ignored");
      }
      break;
    }
    if (parameters > 1) out += ';';
    out += one;
  }
  return out;
}

void Prescan::stop(std::string reason) {
  stopped_ = true;
  pieces_.resize(std::min(pieces_.size(), entity_mark_));
  if (view_.parse_error.empty()) {
    view_.parse_error = reason;
    view_.warnings.push_back("parsing stopped: " + std::move(reason));
  }
}

void Prescan::emit(std::string_view text) {
  if (text.empty()) return;
  if (!pieces_.empty() && pieces_.back().data() + pieces_.back().size() == text.data()) {
    pieces_.back() = {pieces_.back().data(), pieces_.back().size() + text.size()};
  } else {
    pieces_.push_back(text);
  }
}

void Prescan::emit_message(std::size_t from, std::size_t to) {
  if (from < to) emit(message_.substr(from, to - from));
  emitted_ = to;
}

void Prescan::run() {
  const HeaderEnd end = header_.read_top(message_, view_.fields);
  if (!view_.parse_error.empty()) return;
  end_header(view_.fields, end.body);
  for (std::size_t at = end.body; at < message_.size() && !stopped_;) {
    const std::size_t newline = message_.find('\n', at);
    const std::size_t next = newline == std::string_view::npos ? message_.size() : newline + 1;
    line(message_.substr(at, next - at), at);
    at = next;
  }
  if (!stopped_) close_to(0, message_.size());
}

void Prescan::line(std::string_view line, std::size_t at) {
  if (line.substr(0, 2) == "--" && delimiter(line, at)) return;
  if (state_ != State::header) return;
  any_line_ = true;
  if (line == "\r\n" || line == "\n") return end_header(header_.take_fields(), at + line.size());
  const std::string_view rest = message_.substr(at + line.size());
  if (!header_.add_line(line, rest.substr(0, rest.find('\n'))))
    end_header(header_.take_fields(), at);
  if (!view_.parse_error.empty()) stop({});
}

/// Emits the MIME fields of an entity, the first one of each name.
void Prescan::end_header(const std::vector<FieldView>& fields, std::size_t body) {
  const std::size_t mark = pieces_.size();
  std::string type;
  added_.emplace_back();
  for (const std::string_view name : single_fields) {
    bool found = false;
    for (const FieldView& field : fields) {
      if (!iequals(field.name, name)) continue;
      if (found) {
        view_.ambiguous = true;
        view_.warnings.push_back(fmt::format("more than one {} field: the first one counts", name));
        break;
      }
      found = true;
      WordNotes notes;
      std::string value = relabelled(within_limits(unfold_octets(field.value)), notes);
      view_.names.add(notes.charset);
      if (name == "Content-Type") type = value = with_type(value);
      if (!value.empty()) added_.back() += fmt::format("{}: {}\r\n", name, value);
    }
  }
  added_.back() += "\r\n";
  state_ = State::body;
  emitted_ = body;
  const gmime::ContentType content = gmime::content_type(type);
  if (content.doubled) {
    view_.ambiguous = true;
    view_.warnings.emplace_back(
        "a Content-Type parameter occurs more than once: the first one counts");
  }
  leaf_ = !content.multipart;
  if (content.multipart &&
      (trim_end(content.boundary).empty() || content.boundary.size() > max_boundary)) {
    view_.warnings.emplace_back("a multipart without a usable boundary is read as one text part");
    view_.ambiguous = true;
    leaf_ = true;
    added_.back() = "\r\n";
  }
  pieces_.push_back(added_.back());
  if (leaf_) return;
  if (content.boundary.size() > rfc_boundary) {
    view_.warnings.emplace_back("a boundary is longer than 70 characters");
    view_.ambiguous = true;
  }
  if (open_.size() >= limits_.depth) {
    stop(fmt::format("multiparts nested deeper than {}", limits_.depth));
    return;
  }
  open_.push_back({content.boundary, mark, body, false});
}

/// Handles `line` if it is the delimiter of an open multipart; the outermost match wins.
bool Prescan::delimiter(std::string_view line, std::size_t at) {
  const std::string_view rest = line.substr(2, line.find_last_not_of("\r\n") - 1);
  for (std::size_t level = 0; level < open_.size(); ++level) {
    const std::string& boundary = open_[level].boundary;
    if (rest.substr(0, boundary.size()) != boundary) continue;
    const std::string_view tail = trim_end(rest.substr(boundary.size()));
    if (!tail.empty() && tail != "--") continue;
    on_delimiter(level, !tail.empty(), line, at);
    return true;
  }
  return false;
}

void Prescan::on_delimiter(std::size_t level, bool close, std::string_view line, std::size_t at) {
  const bool empty_part = state_ == State::header && !any_line_ && level + 1 == open_.size();
  if (!empty_part) close_to(level + 1, at);
  if (stopped_) return;
  if (empty_part) pieces_.pop_back();  // drops the previous delimiter
  open_[level].started = true;
  // With its own CRLFs, because GMime assumes that the line end before a delimiter is like the one
  // after it.
  entity_mark_ = pieces_.size();
  added_.push_back(fmt::format("\r\n--{}{}\r\n", open_[level].boundary, close ? "--" : ""));
  pieces_.push_back(added_.back());
  emitted_ = at + line.size();
  state_ = close ? State::body : State::header;
  leaf_ = false;
  any_line_ = false;
  header_.take_fields();
  if (close) open_.resize(level);
}

/// Ends the current part, and the multiparts from `level` on, at offset `end`.
void Prescan::close_to(std::size_t level, std::size_t end) {
  if (state_ == State::header && !any_line_) pieces_.pop_back();  // a delimiter without a part
  if (state_ == State::header && any_line_) end_header(header_.take_fields(), end);
  // The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1). A missing last
  // delimiter is assumed at the end.
  std::size_t from = emitted_;
  bool newline_kept = open_.empty();
  while (open_.size() > level && !stopped_) {
    const Open multipart = std::move(open_.back());
    open_.pop_back();
    if (multipart.started) continue;
    view_.warnings.emplace_back("a multipart whose boundary never occurs is read as one text part");
    view_.ambiguous = true;
    pieces_.resize(multipart.header_piece);
    pieces_.emplace_back("\r\n");
    from = multipart.body;
    leaf_ = true;
    newline_kept = open_.empty();
  }
  if (!leaf_ || stopped_) return;
  leaf_ = false;
  if (++leaves_ > limits_.parts) {
    stop(fmt::format("more than {} parts", limits_.parts));
    return;
  }
  if (!newline_kept && end > from && message_[end - 1] == '\n') --end;
  if (!newline_kept && end > from && message_[end - 1] == '\r') --end;
  emit_message(from, end);
}

}  // namespace postern::deliver
