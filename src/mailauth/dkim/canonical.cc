#include "mailauth/dkim/canonical.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "mailauth/dkim/octet_search.h"

namespace mailauth::dkim {
namespace {

bool is_wsp(char c) { return c == ' ' || c == '\t'; }

std::optional<Canonicalization> parse_form(std::string_view word) {
  if (word == "simple") return Canonicalization::simple;
  if (word == "relaxed") return Canonicalization::relaxed;
  return std::nullopt;
}

std::string_view to_text(Canonicalization form) {
  return form == Canonicalization::simple ? "simple" : "relaxed";
}

/// RFC 6376 §3.4.2: unfolds, reduces each run of white space to one space, trims both ends.
void append_relaxed_body(std::string_view body, std::string& out) {
  bool space = false;
  bool any = false;
  for (std::size_t at = 0; at < body.size(); ++at) {
    const char c = body[at];
    if (c == '\r' && at + 1 < body.size() && body[at + 1] == '\n') {
      ++at;  // a fold: the white space after it stays
    } else if (is_wsp(c)) {
      space = true;
    } else {
      if (space && any) out += ' ';
      out += c;
      space = false;
      any = true;
    }
  }
}

void append_without_crlf(Canonicalization form, const FieldView& field, std::string_view body,
                         std::string& out) {
  if (form == Canonicalization::simple) {
    out.append(field.raw, 0, field.raw.size() - field.body.size());
    out += body;
    return;
  }
  const std::size_t at = out.size();
  out += field.name;
  std::transform(out.begin() + static_cast<std::ptrdiff_t>(at), out.end(),
                 out.begin() + static_cast<std::ptrdiff_t>(at), postern::to_lower);
  out += ':';
  append_relaxed_body(body, out);
}

/// The field body without the value of b=, which ends at the semicolon or at the end.
std::string without_signature_value(std::string_view body) {
  std::size_t at = 0;
  while (at <= body.size()) {
    const std::size_t end = std::min(body.find(';', at), body.size());
    const std::string_view tag = body.substr(at, end - at);
    const std::size_t equals = tag.find('=');
    if (equals != std::string_view::npos && postern::trim(tag.substr(0, equals)) == "b") {
      std::string out(body.substr(0, at + equals + 1));
      out += body.substr(end);
      return out;
    }
    at = end + 1;
  }
  return std::string(body);
}

}  // namespace

std::optional<Forms> parse_forms(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto header = parse_form(text.substr(0, slash));
  const auto body = slash == std::string_view::npos ? Canonicalization::simple
                                                    : parse_form(text.substr(slash + 1));
  if (!header || !body) return std::nullopt;
  return Forms{.header = *header, .body = *body};
}

std::string to_text(const Forms& forms) {
  return std::string(to_text(forms.header)) + '/' + std::string(to_text(forms.body));
}

void append_field(Canonicalization form, const FieldView& field, std::string& out) {
  append_without_crlf(form, field, field.body, out);
  out += "\r\n";
}

void append_signature_field(Canonicalization form, const FieldView& field, std::string& out) {
  append_without_crlf(form, field, without_signature_value(field.body), out);
}

void append_selected_fields(Canonicalization form, const HeaderView& header,
                            std::span<const std::string> names, std::size_t own, std::string& out) {
  // A repeated name continues above the field that its last use took.
  std::vector<std::size_t> taken(names.size(), HeaderView::npos);
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::size_t below = header.fields().size();
    for (std::size_t earlier = i; earlier-- > 0;) {
      if (!postern::iequals(names[earlier], names[i])) continue;
      below = taken[earlier];
      break;
    }
    if (below == HeaderView::npos) continue;
    std::size_t at = header.find_above(names[i], below);
    if (at != HeaderView::npos && at == own) at = header.find_above(names[i], at);
    taken[i] = at;
    if (at != HeaderView::npos) append_field(form, header.fields()[at], out);
  }
}

void BodyCanonicalizer::feed(std::string_view chunk, CanonicalSink& sink) {
  if (chunk.empty()) return;
  if (form_ == Canonicalization::simple) {
    feed_simple(chunk, sink);
  } else {
    feed_relaxed(chunk, sink);
  }
}

void BodyCanonicalizer::feed_simple(std::string_view chunk, CanonicalSink& sink) {
  chunk.remove_prefix(resume(chunk, sink));
  if (chunk.ends_with('\r')) {
    cr_ = true;
    chunk.remove_suffix(1);
  }
  emit(chunk, sink);
}

void BodyCanonicalizer::feed_relaxed(std::string_view chunk, CanonicalSink& sink) {
  std::size_t at = resume(chunk, sink);
  std::size_t from = at;  // the start of what is copied unchanged
  while (at < chunk.size()) {
    at = find_reducible(chunk, at);
    if (at == chunk.size()) break;
    emit(chunk.substr(from, at - from), sink);
    from = at;
    if (chunk[at] == '\r') {  // the last octet of the chunk
      cr_ = true;
      return;
    }
    while (at < chunk.size() && is_wsp(chunk[at])) ++at;
    const std::string_view rest = chunk.substr(at);
    if (rest.empty() || rest == "\r") {
      space_ = true;
      cr_ = !rest.empty();
      return;
    }
    // RFC 6376 §3.4.4: white space before a line end is removed; other runs become one space.
    if (rest.starts_with("\r\n")) {
      from = at;
    } else if (chunk[at - 1] == ' ') {
      from = at - 1;
    } else {
      emit(" ", sink);
      from = at;
    }
  }
  emit(chunk.substr(from), sink);
}

/// Completes what the last chunk left open. Returns how many octets of `chunk` that took.
std::size_t BodyCanonicalizer::resume(std::string_view chunk, CanonicalSink& sink) {
  std::size_t at = 0;
  if (cr_) {
    cr_ = false;
    if (chunk.front() == '\n') {
      space_ = false;
      emit("\r\n", sink);
      return 1;
    }
    if (std::exchange(space_, false)) emit(" ", sink);
    emit("\r", sink);
    return 0;
  }
  if (!space_) return 0;
  while (at < chunk.size() && is_wsp(chunk[at])) ++at;
  const std::string_view rest = chunk.substr(at);
  if (rest.empty()) return at;
  if (rest == "\r") {
    cr_ = true;
    return chunk.size();
  }
  space_ = false;
  if (!rest.starts_with("\r\n")) emit(" ", sink);
  return at;
}

/// Holds back the line ends at the end of `piece`: they count only when more text follows.
void BodyCanonicalizer::emit(std::string_view piece, CanonicalSink& sink) {
  static constexpr auto line_ends = [] {
    std::array<char, 512> block{};
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = i % 2 == 0 ? '\r' : '\n';
    return block;
  }();
  std::size_t size = piece.size();
  while (size >= 2 && piece[size - 1] == '\n' && piece[size - 2] == '\r') size -= 2;
  const std::uint64_t trailing = (piece.size() - size) / 2;
  if (size == 0) {
    line_ends_ += trailing;
    return;
  }
  while (line_ends_ > 0) {
    const std::uint64_t some = std::min<std::uint64_t>(line_ends_, line_ends.size() / 2);
    sink.write({line_ends.data(), some * 2});
    line_ends_ -= some;
  }
  sink.write(piece.substr(0, size));
  line_ends_ = trailing;
  any_ = true;
}

void BodyCanonicalizer::finish(CanonicalSink& sink) {
  if (cr_) {
    if (space_) emit(" ", sink);
    emit("\r", sink);
  }
  // RFC 6376 §3.4.3: a simple body ends in exactly one CRLF, and an empty one becomes CRLF.
  // RFC 6376 §3.4.4: an empty relaxed body stays empty.
  if (any_ || form_ == Canonicalization::simple) sink.write("\r\n");
}

std::string canonical_body(Canonicalization form, std::string_view body) {
  struct Text : CanonicalSink {
    void write(std::string_view piece) override { text += piece; }
    std::string text;
  } sink;
  BodyCanonicalizer canonicalizer(form);
  canonicalizer.feed(body, sink);
  canonicalizer.finish(sink);
  return std::move(sink.text);
}

}  // namespace mailauth::dkim
