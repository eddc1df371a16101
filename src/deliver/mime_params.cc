#include "deliver/mime_params.h"

#include <algorithm>

#include "base/text.h"

namespace postern::deliver {
namespace {

/// One `name=value` as written.
struct Piece {
  std::string_view name;
  std::string value;
};

/// RFC 2231 §3: `name*N=` or `name*N*=`.
struct Segment {
  std::uint64_t index = 0;
  bool extended = false;
  std::string value;
};
struct Continued {
  std::string name;
  std::vector<Segment> segments;  ///< by index, equal ones in their order
};

/// Where an unquoted value that would end at `end` ends when another parameter, without a semicolon
/// in front, follows after a blank: `name=a.txt charset=utf-8`.
std::size_t before_forgotten_semicolon(std::string_view text, std::size_t end) {
  std::size_t word = 0;
  for (std::size_t i = 0; i < end; ++i) {
    if (is_space(text[i])) word = i + 1;
    if (text[i] == '=' && word > 0 && i > word) return word;
    if (!is_alnum(text[i]) && text[i] != '-' && text[i] != '*' && !is_space(text[i])) word = 0;
  }
  return end;
}

/// Takes the next parameter off `rest`; nullopt at the end.
std::optional<Piece> next_piece(std::string_view& rest) {
  while (!rest.empty()) {
    const std::size_t start = rest.find_first_not_of("; \t\r\n");
    if (start == std::string_view::npos) break;
    rest.remove_prefix(start);
    const std::size_t mark = rest.find_first_of("=;");
    if (mark == std::string_view::npos) break;
    Piece piece;
    piece.name = trim(rest.substr(0, mark));
    if (rest[mark] == ';') {
      rest.remove_prefix(mark + 1);
      continue;
    }
    rest.remove_prefix(mark + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    if (!rest.empty() && rest.front() == '"') {
      std::size_t i = 1;
      for (; i < rest.size() && rest[i] != '"'; ++i) {
        // Only \" and \\ are escapes: mailers write bare Windows paths between quotes.
        if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) {
          ++i;
        }
        piece.value += rest[i];
      }
      rest.remove_prefix(std::min(i + 1, rest.size()));
      rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    } else {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      std::string_view value = trim(rest.substr(0, before_forgotten_semicolon(rest, end)));
      if (!value.empty() && value.back() == '"') value.remove_suffix(1);  // its partner is missing
      piece.value = std::string(value);
      rest.remove_prefix(before_forgotten_semicolon(rest, end));
    }
    return piece;
  }
  rest = {};
  return std::nullopt;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  const auto digit = [](char c) {
    if (is_digit(c)) return c - '0';
    const char l = to_lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) << 4 | digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Splits `charset'language'text` (RFC 2231 §4).
std::string_view take_charset(std::string_view& text) {
  const std::size_t first = text.find('\'');
  if (first == std::string_view::npos) return {};
  const std::size_t second = text.find('\'', first + 1);
  if (second == std::string_view::npos) return {};
  const std::string_view charset = text.substr(0, first);
  text.remove_prefix(second + 1);
  return charset;
}

std::string joined(Continued& continued, Charsets& charsets, ParameterNotes& notes) {
  std::string charset;
  std::string octets;
  std::uint64_t next = 0;
  for (const Segment& segment : continued.segments) {
    if (segment.index != next) {
      notes.gap = true;
      if (segment.index < next) continue;
      break;
    }
    ++next;
    std::string_view text = segment.value;
    if (segment.extended && segment.index == 0) charset = std::string(take_charset(text));
    octets += segment.extended ? percent_decoded(text) : std::string(text);
  }
  return charsets.decode(charset, octets, notes.words.charset);
}

/// Sorts one piece into `plain`, or into `continued` when its name bears RFC 2231 marks.
void place(Piece piece, std::vector<Parameter>& plain, std::vector<Continued>& continued,
           ParameterNotes& notes) {
  std::string name = lower(piece.name);
  const std::size_t star = name.find('*');
  if (star == std::string::npos) {
    for (const Parameter& other : plain) notes.duplicated = notes.duplicated || other.name == name;
    plain.push_back({std::move(name), std::move(piece.value)});
    return;
  }
  Segment segment;
  std::string_view marks = std::string_view(name).substr(star + 1);
  segment.extended = marks.empty() || marks.back() == '*';
  if (!marks.empty() && marks.back() == '*') marks.remove_suffix(1);
  if (!marks.empty()) {
    const std::optional<std::uint64_t> index = parse_number(marks);
    if (!index || *index >= max_parameters) {
      notes.gap = true;
      return;
    }
    segment.index = *index;
  }
  segment.value = std::move(piece.value);
  const std::string base = name.substr(0, star);
  auto known = std::find_if(continued.begin(), continued.end(),
                            [&](const Continued& other) { return other.name == base; });
  if (known == continued.end()) known = continued.insert(known, {base, {}});
  const auto behind =
      std::find_if(known->segments.begin(), known->segments.end(),
                   [&](const Segment& other) { return other.index > segment.index; });
  known->segments.insert(behind, std::move(segment));
}

/// U+200E, U+200F, U+202A-202E, U+2066-2069 and U+061C reorder what a reader sees ("gpj.exe").
std::size_t bidi_length(std::string_view text) {
  if (text.substr(0, 2) == "\xD8\x9C") return 2;
  if (text.size() < 3 || text[0] != '\xE2') return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  if (second == 0x80 && (third == 0x8E || third == 0x8F || (third >= 0xAA && third <= 0xAE))) {
    return 3;
  }
  return second == 0x81 && third >= 0xA6 && third <= 0xA9 ? 3 : 0;
}

/// At most `max` octets, cut between characters; a short extension is kept.
std::string shortened(const std::string& name, std::size_t max) {
  if (name.size() <= max) return name;
  const std::size_t dot = name.rfind('.');
  const bool keep = dot != std::string::npos && name.size() - dot <= 16;
  const std::string extension = keep ? name.substr(dot) : std::string();
  std::size_t end = max - extension.size();
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end) + extension;
}

}  // namespace

ParameterList ParameterList::parse(std::string_view field, Charsets& charsets,
                                   ParameterNotes& notes) {
  ParameterList list;
  const std::size_t end = std::min(field.find(';'), field.size());
  list.value_ = lower(trim(field.substr(0, end)));
  std::string_view rest = field.substr(end);
  std::vector<Continued> continued;
  std::size_t count = 0;
  while (std::optional<Piece> piece = next_piece(rest)) {
    if (++count > max_parameters) {
      notes.too_many = true;
      break;
    }
    place(std::move(*piece), list.parameters_, continued, notes);
  }
  for (Continued& one : continued) {
    std::string value = joined(one, charsets, notes);
    list.parameters_.insert(list.parameters_.begin(), {std::move(one.name), std::move(value)});
  }
  return list;
}

const std::string* ParameterList::find(std::string_view name) const {
  for (const Parameter& parameter : parameters_) {
    if (parameter.name == name) return &parameter.value;
  }
  return nullptr;
}

std::optional<std::string> clean_filename(std::string_view name, Charsets& charsets,
                                          WordNotes& notes) {
  const std::string decoded = decode_words(name, charsets, notes);
  std::string out;
  bool blank = false;
  for (std::size_t i = 0; i < decoded.size();) {
    const char c = decoded[i];
    if (const std::size_t skip = bidi_length(std::string_view(decoded).substr(i)); skip > 0) {
      i += skip;
      continue;
    }
    ++i;
    if (c == '/' || c == '\\') {
      out.clear();
      blank = false;
    } else if (c == ' ') {
      blank = !out.empty();
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      if (blank) out += ' ';
      blank = false;
      out += c;
    }
  }
  if (out.empty() || out == "." || out == "..") return std::nullopt;
  return shortened(out, max_filename);
}

}  // namespace postern::deliver
