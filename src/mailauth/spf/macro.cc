#include "mailauth/spf/macro.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "mailauth/names.h"

namespace mailauth::spf {
namespace {

constexpr std::string_view delimiter_octets = ".-+,/_=";

/// A macro-expand (RFC 7208 §7.1): `%{` letter transformers delimiters `}`, after the brace.
struct MacroView {
  char letter = 0;  ///< in lower case
  bool escaped = false;
  std::size_t keep = 0;  ///< number of rightmost parts to keep; 0: all
  bool reversed = false;
  std::string_view delimiters;
  std::size_t length = 0;  ///< octets, with the closing brace
};

std::optional<MacroView> read_macro(std::string_view text) {
  MacroView macro;
  if (text.empty() || !postern::is_alpha(text[0])) return std::nullopt;
  macro.letter = postern::to_lower(text[0]);
  macro.escaped = macro.letter != text[0];
  std::size_t i = 1;
  const std::size_t digits = i;
  while (i < text.size() && postern::is_digit(text[i])) {
    macro.keep =
        std::min<std::size_t>(macro.keep * 10 + static_cast<std::size_t>(text[i] - '0'), 1000);
    ++i;
  }
  // RFC 7208 §7.3: the number must not be zero.
  if (i > digits && macro.keep == 0) return std::nullopt;
  if (i < text.size() && postern::to_lower(text[i]) == 'r') {
    macro.reversed = true;
    ++i;
  }
  const std::size_t start = i;
  while (i < text.size() && delimiter_octets.find(text[i]) != std::string_view::npos) ++i;
  macro.delimiters = text.substr(start, i - start);
  if (i >= text.size() || text[i] != '}') return std::nullopt;
  macro.length = i + 1;
  return macro;
}

bool is_known(char letter, MacroUse use) {
  if (std::string_view("slodiphv").find(letter) != std::string_view::npos) return true;
  return use == MacroUse::explanation &&
         std::string_view("crt").find(letter) != std::string_view::npos;
}

void append_nibbles(std::string& out, std::string_view octets, bool reversed) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::array<char, 32> nibbles{};
  for (std::size_t i = 0; i < 16; ++i) {
    const auto octet = static_cast<unsigned char>(octets[i]);
    nibbles[2 * i] = digits[octet >> 4];
    nibbles[2 * i + 1] = digits[octet & 15];
  }
  if (reversed) std::reverse(nibbles.begin(), nibbles.end());
  for (const char nibble : nibbles) {
    out += nibble;
    out += '.';
  }
  out.pop_back();
}

struct Expansion {
  const MacroValues& values;
  std::string_view domain;
  std::string_view validated;
  MacroUse use;
  std::string out;
  bool too_long = false;

  std::string value_of(char letter) const;
  void macro(const MacroView& macro);
  void run(std::string_view text);
  void bound();
};

std::string Expansion::value_of(char letter) const {
  switch (letter) {
    case 's':
      return values.local_part + "@" + values.sender_domain;
    case 'l':
      return values.local_part;
    case 'o':
      return values.sender_domain;
    case 'd':
      return std::string(domain);
    case 'p':
      return std::string(validated);
    case 'h':
      return values.helo;
    case 'v':
      return values.client.is_v4() ? "in-addr" : "ip6";
    case 'r':
      return values.receiver.empty() ? "unknown" : values.receiver;
    case 't':
      return std::to_string(values.now);
    case 'i': {
      // RFC 7208 §7.3: dotted quad, or dotted nibbles for IPv6.
      if (values.client.is_v4()) return values.client.to_string();
      std::string nibbles;
      append_nibbles(nibbles, values.client.octets(), false);
      return nibbles;
    }
    default:
      return values.client.to_string();  // c
  }
}

/// RFC 7208 §7.3: splits, reverses, keeps the rightmost parts, joins with dots, escapes; in this
/// order.
void Expansion::macro(const MacroView& macro) {
  std::string value = value_of(macro.letter);
  const std::string_view delimiters = macro.delimiters.empty() ? "." : macro.delimiters;
  if (macro.reversed || macro.keep != 0 || delimiters != ".") {
    std::vector<std::string_view> parts;
    std::string_view rest = value;
    for (;;) {
      const std::size_t at = rest.find_first_of(delimiters);
      parts.push_back(rest.substr(0, at));
      if (at == std::string_view::npos) break;
      rest.remove_prefix(at + 1);
    }
    if (macro.reversed) std::reverse(parts.begin(), parts.end());
    const std::size_t first =
        macro.keep != 0 && macro.keep < parts.size() ? parts.size() - macro.keep : 0;
    std::string joined;
    for (std::size_t i = first; i < parts.size(); ++i) {
      if (i > first) joined += '.';
      joined += parts[i];
    }
    value = std::move(joined);
  }
  if (!macro.escaped) {
    out += value;
    return;
  }
  static constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : value) {
    // RFC 3986 §2.3, the unreserved characters.
    if (postern::is_alnum(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out += '%';
      out += digits[octet >> 4];
      out += digits[octet & 15];
    }
  }
}

/// A name keeps at least its last 253 octets; an explanation that becomes too long is given up.
void Expansion::bound() {
  if (use == MacroUse::explanation) {
    too_long = out.size() > max_explanation;
  } else if (out.size() > 8 * max_domain) {
    out.erase(0, out.size() - 2 * max_domain);
  }
}

void Expansion::run(std::string_view text) {
  for (std::size_t i = 0; i < text.size() && !too_long; bound()) {
    const std::size_t percent = std::min(text.find('%', i), text.size());
    out += text.substr(i, percent - i);
    i = percent;
    if (i + 1 >= text.size()) {
      i = text.size();
      continue;
    }
    const char kind = text[i + 1];
    i += 2;
    if (kind == '%') {
      out += '%';
    } else if (kind == '_') {
      out += ' ';
    } else if (kind == '-') {
      out += "%20";
    } else if (const auto found = read_macro(text.substr(i))) {
      macro(*found);
      i += found->length;
    }
  }
}

}  // namespace

std::optional<MacroNeeds> scan_macros(std::string_view text, MacroUse use) {
  MacroNeeds needs;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    needs.ends_in_macro = false;
    if (c != '%') {
      // RFC 7208 §7.1 macro-literal; RFC 7208 §6.2 permits spaces in an explanation.
      if (!postern::is_printable_ascii(c) || (c == ' ' && use == MacroUse::domain)) {
        return std::nullopt;
      }
      ++i;
      continue;
    }
    needs.macros = needs.ends_in_macro = true;
    if (i + 1 >= text.size()) return std::nullopt;
    const char kind = text[i + 1];
    i += 2;
    if (kind == '%' || kind == '_' || kind == '-') continue;
    if (kind != '{') return std::nullopt;
    const std::optional<MacroView> macro = read_macro(text.substr(i));
    if (!macro || !is_known(macro->letter, use)) return std::nullopt;
    if (macro->letter == 'l' || macro->letter == 's') needs.local_part = true;
    if (macro->letter == 'p') needs.validated_name = true;
    i += macro->length;
  }
  return needs;
}

std::string expand_domain(std::string_view spec, const MacroValues& values, std::string_view domain,
                          std::string_view validated) {
  Expansion expansion{values, domain, validated, MacroUse::domain, {}, false};
  expansion.run(spec);
  std::string& name = expansion.out;
  if (!name.empty() && name.back() == '.') name.pop_back();
  while (name.size() > max_domain) {
    const std::size_t dot = name.find('.', name.size() - max_domain - 1);
    if (dot == std::string::npos) break;  // one label, which is too long to look up
    name.erase(0, dot + 1);
  }
  return std::move(name);
}

std::optional<std::string> expand_explanation(std::string_view text, const MacroValues& values,
                                              std::string_view domain, std::string_view validated) {
  Expansion expansion{values, domain, validated, MacroUse::explanation, {}, false};
  expansion.run(text);
  if (expansion.too_long ||
      !std::all_of(expansion.out.begin(), expansion.out.end(), postern::is_printable_ascii)) {
    return std::nullopt;
  }
  return std::move(expansion.out);
}

bool is_askable(std::string_view name) {
  if (name.empty() || name.size() > max_domain) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    if (!postern::is_printable_ascii(c) || c == '\\' || ++label > max_label) return false;
  }
  return label > 0;
}

std::string reverse_name(const postern::IpAddress& client) {
  std::string out;
  const std::string_view octets = client.octets();
  if (!client.is_v4()) {
    append_nibbles(out, octets, true);
    return postern::lower(out) + ".ip6.arpa";
  }
  for (std::size_t i = 4; i-- > 0;) {
    out += std::to_string(static_cast<unsigned char>(octets[i]));
    out += '.';
  }
  return out + "in-addr.arpa";
}

}  // namespace mailauth::spf
