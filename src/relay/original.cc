#include "relay/original.h"

#include <algorithm>

#include "base/text.h"

namespace postern::relay {
namespace {

constexpr std::size_t max_header_line = 998;  // RFC 5322 §2.1.1
constexpr std::size_t max_field = 256;        // octets of a field that are examined
constexpr std::size_t max_message_id = 250;
constexpr std::size_t base64_octets = 57;  // a line of 76 characters
constexpr std::size_t digest_digits = 32;

/// RFC 5322 §3.6.4, simplified: text copied into our own field must be one word in angle brackets
/// with one "@", and must not be able to end the field or the word.
bool is_message_id(std::string_view text) {
  if (text.size() < 5 || text.size() > max_message_id) return false;
  if (!text.starts_with('<') || !text.ends_with('>')) return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  const std::size_t at = inner.find('@');
  if (at == 0 || at == std::string_view::npos || at == inner.size() - 1) return false;
  if (inner.find('@', at + 1) != std::string_view::npos) return false;
  return std::all_of(inner.begin(), inner.end(), [](char c) {
    return is_printable_ascii(c) &&
           std::string_view(" <>()\\\",;").find(c) == std::string_view::npos;
  });
}

bool says_automatic(std::string_view field) {
  const std::size_t colon = field.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = trim(field.substr(0, colon));
  const std::string_view value = trim(field.substr(colon + 1));
  const std::string_view word = value.substr(0, value.find_first_of(" \t;("));
  if (iequals(name, "Auto-Submitted")) return !value.empty() && !iequals(word, "no");
  if (iequals(name, "Precedence")) {
    return iequals(word, "bulk") || iequals(word, "junk") || iequals(word, "list");
  }
  return iequals(name, "List-Id");
}

}  // namespace

void OriginalScan::feed(std::string_view piece) {
  scanner_.feed(piece);
  sum_.add(piece);
  for (const char c : piece) take(c);
}

void OriginalScan::take(char c) {
  SectionForm& form = in_header_ ? original_.header : original_.body;
  ++original_.size;
  if (static_cast<unsigned char>(c) >= 0x80) form.eight_bit = true;
  if (c == '\0') form.plain = false;
  if (c == '\n') {
    if (!after_cr_) form.plain = false;
    if (line_ > max_header_line) form.plain = false;
    end_line();
  } else {
    if (after_cr_) {  // a bare CR is an ordinary octet
      form.plain = false;
      ++line_;
    }
    if (in_header_ && c != '\r') {
      if (line_ == 0 && c != ' ' && c != '\t') end_field();
      if (field_.size() < max_field) field_ += c;
    }
    if (c != '\r') ++line_;
  }
  after_cr_ = c == '\r';
}

/// The blank line may end in LF alone: the text after it is body and must not be read as header.
void OriginalScan::end_line() {
  if (in_header_ && line_ == 0) {
    original_.header_size = original_.size - (after_cr_ ? 2 : 1);
    end_field();
    in_header_ = false;
  }
  line_ = 0;
}

void OriginalScan::end_field() {
  if (says_automatic(field_)) original_.automatic = true;
  field_.clear();
}

Original OriginalScan::finish() {
  SectionForm& form = in_header_ ? original_.header : original_.body;
  if (after_cr_ || line_ > max_header_line) form.plain = false;
  if (in_header_) {
    end_field();
    original_.header_size = original_.size;
  }
  scanner_.finish();
  if (is_message_id(scanner_.message_id())) original_.message_id = scanner_.message_id();
  original_.digest = hex_encode(sum_.finish()).substr(0, digest_digits);
  return std::move(original_);
}

void ReturnedWriter::feed(std::string_view piece, std::string& out) {
  piece =
      piece.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(part_.size, piece.size())));
  part_.size -= piece.size();
  if (!part_.base64) {
    out += piece;
    return;
  }
  held_ += piece;
  const std::size_t whole = held_.size() - held_.size() % base64_octets;
  out += base64_lines(std::string_view(held_).substr(0, whole));
  held_.erase(0, whole);
}

void ReturnedWriter::finish(std::string& out) {
  out += base64_lines(held_);
  held_.clear();
}

std::string base64_lines(std::string_view octets) {
  std::string out;
  for (; !octets.empty(); octets.remove_prefix(std::min(base64_octets, octets.size()))) {
    out += base64_encode(octets.substr(0, base64_octets));
    out += "\r\n";
  }
  return out;
}

}  // namespace postern::relay
