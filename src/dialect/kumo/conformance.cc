#include "dialect/kumo/conformance.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "dialect/kumo/encoded_words.h"
#include "dialect/kumo/plain_text.h"
#include "dialect/kumo/time_text.h"
#include "mail/header_section.h"

namespace postern::dialect::kumo {

namespace {

using Field = mail::HeaderField;
using HeaderFields = std::vector<Field>;

constexpr std::size_t longest_line = 78;   // RFC 5322 §2.1.1
constexpr std::size_t longest_coded = 76;  // RFC 2045 §6.7, §6.8
constexpr int deepest_part = 20;

constexpr std::array<std::pair<std::string_view, Issue>, 8> issue_names{
    {{"MISSING_COLON_VALUE", missing_colon_value},
     {"NON_CANONICAL_LINE_ENDINGS", non_canonical_line_endings},
     {"NAME_ENDS_WITH_SPACE", name_ends_with_space},
     {"LINE_TOO_LONG", line_too_long},
     {"NEEDS_TRANSFER_ENCODING", needs_transfer_encoding},
     {"MISSING_DATE_HEADER", missing_date_header},
     {"MISSING_MESSAGE_ID_HEADER", missing_message_id_header},
     {"MISSING_MIME_VERSION", missing_mime_version}}};

bool has_long_line(std::string_view text) {
  std::size_t begin = 0;
  while (text.size() - begin > longest_line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const bool crlf = end > begin && text[end - 1] == '\r';
    if (end - begin - (crlf ? 1 : 0) > longest_line) return true;
    if (end == text.size()) return false;
    begin = end + 1;
  }
  return false;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' && text[i] != '\n') {
      out += text[i];
      continue;
    }
    if (text.substr(i, 2) == "\r\n") ++i;
    out += "\r\n";
  }
  return out;
}

std::string_view first_line(const Field& field) {
  return std::string_view(field.text).substr(0, field.text.find("\r\n"));
}

bool has_colon(const Field& field) { return first_line(field).find(':') != std::string_view::npos; }

const Field* first_named(const HeaderFields& header, std::string_view name) {
  const auto found =
      std::ranges::find_if(header, [&](const Field& field) { return iequals(field.name, name); });
  return found == header.end() ? nullptr : &*found;
}

/// RFC 5322 §3.6.4, without a look at the parts of the id.
bool is_message_id(std::string_view value) {
  return value.size() > 2 && value.front() == '<' && value.find('>') == value.size() - 1 &&
         value.find_first_of("< \t", 1) == std::string_view::npos;
}

/// The value without comments and blanks (RFC 2045 §4).
std::string without_comments_and_blanks(std::string_view value) {
  std::string out;
  for (std::size_t at = 0; at < value.size();) {
    if (value[at] == '(') {
      at = mail::end_of_quoted(value, at);
      continue;
    }
    if (!is_space(value[at])) out += value[at];
    ++at;
  }
  return out;
}

bool is_there(const HeaderFields& header, Issue issue) {
  if (issue == missing_date_header) {
    const Field* date = first_named(header, "Date");
    return date != nullptr && parse_rfc2822(date->value()).has_value();
  }
  if (issue == missing_message_id_header) {
    const Field* id = first_named(header, "Message-ID");
    return id != nullptr && is_message_id(id->value());
  }
  const Field* version = first_named(header, "MIME-Version");
  return version != nullptr && without_comments_and_blanks(version->value()) == "1.0";
}

Field plain_field(std::string_view name, std::string_view value) {
  return {.name = std::string(name),
          .text = std::string(name) + ": " + std::string(value) + "\r\n"};
}

void set_field(HeaderFields& header, std::string_view name, std::string_view value) {
  std::erase_if(header, [&](const Field& field) { return iequals(field.name, name); });
  header.push_back(plain_field(name, value));
}

// --- header fields ---

constexpr std::string_view address_fields[] = {"from",
                                               "to",
                                               "cc",
                                               "bcc",
                                               "sender",
                                               "reply-to",
                                               "resent-from",
                                               "resent-to",
                                               "resent-cc",
                                               "resent-bcc",
                                               "resent-reply-to",
                                               "resent-sender",
                                               "return-path",
                                               "disposition-notification-to"};
/// Fields in which an encoded word has no meaning (RFC 2047 §5).
constexpr std::string_view structured_fields[] = {"received",
                                                  "message-id",
                                                  "resent-message-id",
                                                  "in-reply-to",
                                                  "references",
                                                  "date",
                                                  "resent-date",
                                                  "mime-version",
                                                  "content-type",
                                                  "content-disposition",
                                                  "content-transfer-encoding",
                                                  "content-id",
                                                  "dkim-signature",
                                                  "arc-seal",
                                                  "arc-message-signature",
                                                  "arc-authentication-results",
                                                  "authentication-results"};

bool is_among(std::string_view name, const auto& list) {
  return std::ranges::any_of(list, [&](std::string_view one) { return iequals(one, name); });
}

std::string charset_for(std::string_view text, const Repair& how) {
  if (!how.charset.empty()) return how.charset;
  return is_utf8(text) ? "utf-8" : "unknown-8bit";
}

/// The octets that a phrase stands for: quotation marks and backslashes of quoted strings are gone
/// (RFC 5322 §3.2.4).
std::string unquoted(std::string_view phrase) {
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < phrase.size(); ++i) {
    if (phrase[i] == '"') {
      inside = !inside;
    } else {
      if (inside && phrase[i] == '\\' && i + 1 < phrase.size()) ++i;
      out += phrase[i];
    }
  }
  return out;
}

/// A list of addresses whose names and comments are encoded; the addresses stay as they are.
std::string encoded_addresses(std::string_view raw, std::size_t before, const Repair& how) {
  std::string out;
  const auto words = [&](std::string_view text) {
    const std::size_t line = out.rfind('\n');
    const std::size_t used =
        line == std::string::npos ? before + out.size() : out.size() - line - 1;
    return encoded_words(text, used, charset_for(text, how));
  };
  std::size_t begin = 0;
  std::size_t at = 0;
  const auto take_phrase = [&](std::size_t end) {
    const std::string_view phrase = raw.substr(begin, end - begin);
    begin = end;
    if (is_ascii(phrase)) {
      out += phrase;
      return;
    }
    const std::string text = unquoted(trim(phrase));
    if (!phrase.empty() && is_space(phrase.front())) out += ' ';
    out += words(text);
    if (!phrase.empty() && is_space(phrase.back())) out += ' ';
  };
  while (at < raw.size()) {
    const char c = raw[at];
    if (c == '"') {
      at = mail::end_of_quoted(raw, at);
    } else if (c == '(') {
      take_phrase(at);
      at = mail::end_of_quoted(raw, at);
      const std::string_view comment = raw.substr(begin, at - begin);
      const bool closed = comment.size() > 1 && comment.back() == ')';
      if (is_ascii(comment) || !closed) {
        out += comment;
      } else {
        out += '(';
        out += words(comment.substr(1, comment.size() - 2));
        out += ')';
      }
      begin = at;
    } else if (c == '<' || c == ':') {
      take_phrase(at);
      const std::size_t end = c == '<' ? raw.find('>', at) : at;
      at = end == std::string_view::npos ? raw.size() : end + 1;
      out += raw.substr(begin, at - begin);
      begin = at;
    } else if (c == ',' || c == ';') {
      out += raw.substr(begin, at + 1 - begin);  // an address without a name
      begin = ++at;
    } else {
      ++at;
    }
  }
  out += raw.substr(begin);
  return out;
}

/// Encodes what is not ASCII, if the field has a form for that.
void encode_field(Field& field, const Repair& how) {
  if (is_ascii(field.text) || !has_colon(field) || !is_ascii(field.name)) return;
  if (is_among(field.name, structured_fields)) return;
  const std::size_t before = field.name.size() + 2;
  const std::string value = field.value();
  const std::string coded = is_among(field.name, address_fields)
                                ? encoded_addresses(value, before, how)
                                : encoded_words(value, before, charset_for(value, how));
  field.text = field.name + ": " + coded + "\r\n";
}

void fold_field(Field& field) {
  if (!has_colon(field) || !has_long_line(field.text)) return;
  const std::string line = wrapped(field.name + ": " + field.value(), longest_line, 900);
  // A name of its own line would be a field without a value, and its value a fold of it.
  if (line.substr(0, line.find("\r\n")).find(':') == std::string::npos) return;
  field.text = line + "\r\n";
}

void trim_name(Field& field) {
  const std::size_t colon = field.text.find(':');
  if (colon == std::string::npos || !has_colon(field)) return;
  field.text = field.name + field.text.substr(colon);
}

bool name_has_space(const Field& field) {
  const std::string_view line = first_line(field);
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         (line[colon - 1] == ' ' || line[colon - 1] == '\t');
}

void repair_fields(HeaderFields& header, const Repair& how) {
  if ((how.what & missing_colon_value) != 0) {
    std::erase_if(header, [](const Field& field) {
      return !has_colon(field) && !mail::is_field_name(field.name);
    });
  }
  for (Field& field : header) {
    if ((how.what & non_canonical_line_endings) != 0 && has_bare_break(field.text)) {
      // In a field, a bare line end is no fold: a blank takes its place.
      std::string text;
      for (std::size_t i = 0; i < field.text.size(); ++i) {
        const bool fold = field.text.compare(i, 2, "\r\n") == 0;
        const bool bare = !fold && (field.text[i] == '\r' || field.text[i] == '\n');
        text += bare ? ' ' : field.text[i];
        if (fold) text += field.text[++i];
      }
      field.text = std::move(text);
      field.name = std::string(mail::name_of(field.text));
    }
    if ((how.what & missing_colon_value) != 0 && !has_colon(field)) {
      field.text = field.name + ":\r\n";
    }
    if ((how.what & name_ends_with_space) != 0 && name_has_space(field)) trim_name(field);
    if ((how.what & needs_transfer_encoding) != 0) encode_field(field, how);
    if ((how.what & line_too_long) != 0) fold_field(field);
  }
}

// --- MIME parts ---

/// What the repair needs of Content-Type (RFC 2045 §5.1).
struct ContentType {
  std::string type = "text/plain";  ///< in lower case
  std::string boundary;
  std::string charset;  ///< in lower case
  bool written = false;
};

/// A parameter's value and where it stands in the field's value.
struct ContentParameter {
  std::string value;
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::optional<ContentParameter> parameter_of(std::string_view value, std::string_view name) {
  std::size_t at = 0;
  while (at < value.size()) {
    if (value[at] == '"' || value[at] == '(') {
      at = mail::end_of_quoted(value, at);
      continue;
    }
    if (value[at++] != ';') continue;
    while (at < value.size() && is_space(value[at])) ++at;
    const std::size_t sign = value.find_first_of("=;\"(", at);
    if (sign == std::string_view::npos) return std::nullopt;
    if (value[sign] != '=' || !iequals(trim(value.substr(at, sign - at)), name)) {
      at = sign;
      continue;
    }
    ContentParameter found{.value = {}, .begin = sign + 1, .end = sign + 1};
    while (found.begin < value.size() && is_space(value[found.begin])) ++found.begin;
    if (value.substr(found.begin).starts_with('"')) {
      found.end = mail::end_of_quoted(value, found.begin);
      found.value = unquoted(value.substr(found.begin, found.end - found.begin));
    } else {
      found.end = std::min(value.find_first_of("; \t\r\n(", found.begin), value.size());
      found.value = value.substr(found.begin, found.end - found.begin);
    }
    return found;
  }
  return std::nullopt;
}

ContentType type_of(const HeaderFields& header, std::string_view otherwise) {
  ContentType content{.type = std::string(otherwise), .boundary = {}, .charset = {}};
  const Field* field = first_named(header, "Content-Type");
  if (field == nullptr) return content;
  content.written = true;
  const std::string value = field->value();
  content.type = lower(without_comments_and_blanks(value.substr(0, value.find(';'))));
  if (const auto boundary = parameter_of(value, "boundary")) content.boundary = boundary->value;
  if (const auto charset = parameter_of(value, "charset")) content.charset = lower(charset->value);
  return content;
}

std::string encoding_of(const HeaderFields& header) {
  const Field* field = first_named(header, "Content-Transfer-Encoding");
  return field == nullptr ? "7bit" : lower(without_comments_and_blanks(field->value()));
}

void append_hex(std::string& out, char octet) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(octet);
  out += '=';
  out += digits[value >> 4];
  out += digits[value & 15];
}

/// RFC 2045 §6.7; line ends stay. `coded`: the text is already quoted-printable.
std::string quoted_printable(std::string_view text, bool coded) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\r\n") {
      out += "\r\n";
      column = 0;
      ++i;
      continue;
    }
    const char c = text[i];
    std::string unit;
    const bool ends_line = i + 1 == text.size() || text.substr(i + 1, 2) == "\r\n";
    if (coded && c == '=' && ends_line) {  // a soft line break
      out += '=';
      continue;
    }
    if (coded && c == '=' && i + 2 < text.size() && hex_value(text[i + 1]) &&
        hex_value(text[i + 2])) {
      unit = text.substr(i, 3);
      i += 2;
    } else if (c == ' ' || c == '\t') {
      if (ends_line) {
        append_hex(unit, c);
      } else {
        unit = c;
      }
    } else if (c > ' ' && c <= '~' && c != '=') {
      unit = c;
    } else {
      append_hex(unit, c);
    }
    if (column + unit.size() > longest_coded - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += unit;
    column += unit.size();
  }
  return out;
}

/// Lines of base64 of 76 octets (RFC 2045 §6.8).
std::string base64_lines(std::string_view coded) {
  std::string out;
  out.reserve(coded.size() + coded.size() / 32);
  std::size_t column = 0;
  for (const char c : coded) {
    if (is_space(c)) continue;
    if (column == longest_coded) {
      out += "\r\n";
      column = 0;
    }
    out += c;
    ++column;
  }
  return column == 0 ? out : out + "\r\n";
}

class Recoder {
 public:
  explicit Recoder(const Repair& how)
      : how_(how),
        long_lines_((how.what & line_too_long) != 0),
        eight_bit_((how.what & needs_transfer_encoding) != 0) {}

  /// The new body of a part; nullopt: it stays. Changes the header to what the body is.
  std::optional<std::string> recode(HeaderFields& header, std::string_view body,
                                    std::string_view type, int depth) {
    const bool too_long = long_lines_ && has_long_line(body);
    const bool eight_bit = eight_bit_ && !is_ascii(body);
    if ((!too_long && !eight_bit) || depth > deepest_part) return std::nullopt;
    const ContentType content = type_of(header, type);
    const std::string encoding = encoding_of(header);
    const bool plain = encoding == "7bit" || encoding == "8bit" || encoding == "binary";
    if (content.type == "multipart/signed" || content.type == "multipart/encrypted") {
      return std::nullopt;  // RFC 1847 §2.1: what is signed must not be changed
    }
    const bool is_message = content.type == "message/rfc822" || content.type == "message/global";
    if (content.type.starts_with("multipart/") || is_message) {
      if (!plain) return std::nullopt;
      auto inside = is_message ? of_message(body, depth) : of_parts(content, body, depth);
      if (inside && plain && encoding != "7bit" && is_ascii(*inside)) {
        set_field(header, "Content-Transfer-Encoding", "7bit");  // RFC 2045 §6.4
      }
      return inside;
    }
    if (content.type.starts_with("message/")) return std::nullopt;  // RFC 2046 §5.2
    if (encoding == "base64") return base64_lines(body);
    if (encoding == "quoted-printable") return quoted_printable(body, true);
    if (!plain) return std::nullopt;
    if (!content.type.starts_with("text/")) {
      set_field(header, "Content-Transfer-Encoding", "base64");
      return base64_lines(base64_encode(body));
    }
    if (eight_bit) name_charset(header, content, body);
    set_field(header, "Content-Transfer-Encoding", "quoted-printable");
    return quoted_printable(body, false);
  }

 private:
  /// A whole part: its header, and its body.
  std::optional<std::string> of_message(std::string_view text, int depth,
                                        std::string_view type = "text/plain") {
    std::size_t at = 0;
    HeaderFields header = mail::fields_of(text, at);
    const std::string before = mail::joined(header);
    repair_fields(
        header, {.what = static_cast<Issues>(how_.what & (line_too_long | needs_transfer_encoding)),
                 .date = {},
                 .message_id = {},
                 .charset = how_.charset});
    const std::string_view body = text.substr(at);
    auto changed = recode(header, body, type, depth + 1);
    std::string joined = mail::joined(header);
    if (!changed && joined == before) return std::nullopt;
    return std::move(joined) + (changed ? *changed : std::string(body));
  }

  /// RFC 2046 §5.1.1.
  std::optional<std::string> of_parts(const ContentType& content, std::string_view body,
                                      int depth) {
    if (content.boundary.empty() || content.boundary.size() > 70) return std::nullopt;
    const std::string delimiter = "--" + content.boundary;
    const std::string_view type =
        content.type == "multipart/digest" ? "message/rfc822" : "text/plain";
    std::string out;
    std::size_t copied = 0;
    std::optional<std::size_t> part;
    const auto close_part = [&](std::size_t end) {
      if (!part || end < *part) return;
      if (auto changed = of_message(body.substr(*part, end - *part), depth, type)) {
        out.append(body.substr(copied, *part - copied)).append(*changed);
        copied = end;
      }
    };
    for (std::size_t line = 0; line < body.size();) {
      const std::size_t found = body.find("\r\n", line);
      const std::size_t next = found == std::string_view::npos ? body.size() : found + 2;
      const std::string_view text = trim(body.substr(line, next - line));
      if (text.starts_with(delimiter)) {
        const std::string_view rest = text.substr(delimiter.size());
        if (rest.empty() || rest == "--") {
          // The CRLF before a delimiter belongs to it.
          close_part(line >= 2 ? line - 2 : 0);
          part.reset();
          if (rest == "--") break;
          part = next;
        }
      }
      line = next;
    }
    close_part(body.size());
    if (copied == 0) return std::nullopt;
    return out.append(body.substr(copied));
  }

  void name_charset(HeaderFields& header, const ContentType& content, std::string_view body) const {
    if (!content.charset.empty() && content.charset != "us-ascii") return;
    const std::string charset = '"' + charset_for(body, how_) + '"';
    const Field* field = first_named(header, "Content-Type");
    if (field == nullptr) {
      header.push_back(plain_field("Content-Type", "text/plain; charset=" + charset));
      return;
    }
    std::string value = field->value();
    if (const auto old = parameter_of(value, "charset")) {
      value.replace(old->begin, old->end - old->begin, charset);
    } else {
      value += ";\r\n\tcharset=" + charset;
    }
    set_field(header, "Content-Type", value);
  }

  const Repair& how_;
  const bool long_lines_;
  const bool eight_bit_;
};

}  // namespace

Result<Issues> parse_issues(std::string_view text) {
  Issues issues = 0;
  for (const std::string_view part : split(text, '|')) {
    const std::string_view name = trim(part);
    if (name.empty()) continue;
    const auto* found =
        std::ranges::find_if(issue_names, [&](const auto& one) { return one.first == name; });
    if (found != issue_names.end()) {
      issues |= found->second;
      continue;
    }
    std::vector<std::string_view> known;
    for (const auto& one : issue_names) known.push_back(one.first);
    const auto near = nearest(name, known);
    return fail(Fault::malformed, "`" + printable(name, 64) + "` is no conformance issue" +
                                      (near ? "; did you mean `" + std::string(*near) + "`?" : ""));
  }
  return issues;
}

std::string text_of(Issues issues) {
  std::string text;
  for (const auto& [name, issue] : issue_names) {
    if ((issues & issue) == 0) continue;
    if (!text.empty()) text += '|';
    text += name;
  }
  return text;
}

Issues issues_of(const std::vector<mail::HeaderField>& header, std::string_view body) {
  Issues issues = 0;
  const auto look = [&](std::string_view text) {
    if (has_bare_break(text)) issues |= non_canonical_line_endings;
    if (has_long_line(text)) issues |= line_too_long;
    if (!is_ascii(text)) issues |= needs_transfer_encoding;
  };
  for (const Field& field : header) {
    look(field.text);
    if (!has_colon(field)) issues |= missing_colon_value;
    if (name_has_space(field)) issues |= name_ends_with_space;
  }
  look(body);
  for (const Issue issue : {missing_date_header, missing_message_id_header, missing_mime_version}) {
    if (!is_there(header, issue)) issues |= issue;
  }
  return issues;
}

std::optional<std::string> repair(std::vector<mail::HeaderField>& header, std::string_view body,
                                  const Repair& how) {
  repair_fields(header, how);
  std::optional<std::string> changed;
  if ((how.what & non_canonical_line_endings) != 0 && has_bare_break(body)) {
    changed = with_crlf(body);
  }
  const bool had_mime = is_there(header, missing_mime_version);
  bool recoded = false;
  if ((how.what & (line_too_long | needs_transfer_encoding)) != 0) {
    Recoder recoder(how);
    if (auto coded = recoder.recode(header, changed ? *changed : body, "text/plain", 0)) {
      changed = std::move(coded);
      recoded = true;
    }
  }
  if ((how.what & missing_date_header) != 0 && !is_there(header, missing_date_header)) {
    set_field(header, "Date", how.date);
  }
  if ((how.what & missing_message_id_header) != 0 && !is_there(header, missing_message_id_header)) {
    set_field(header, "Message-ID", how.message_id);
  }
  // A transfer encoding has a meaning in MIME alone (RFC 2045 §4).
  if (((how.what & missing_mime_version) != 0 || recoded) && !had_mime) {
    set_field(header, "MIME-Version", "1.0");
  }
  return changed;
}

}  // namespace postern::dialect::kumo
