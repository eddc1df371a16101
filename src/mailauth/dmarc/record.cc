#include "mailauth/dmarc/record.h"

#include <algorithm>

#include "base/text.h"

namespace mailauth::dmarc {
namespace {

using postern::iequals;

struct TagView {
  std::string_view name;
  std::string_view value;
};

/// The next `name = value` of `rest`; nullopt at the end. A piece without "=" has an empty name.
std::optional<TagView> next_tag(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t end = std::min(rest.find(';'), rest.size());
  const std::string_view piece = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  const std::size_t equals = piece.find('=');
  if (equals == std::string_view::npos) return TagView{};
  return TagView{postern::trim(piece.substr(0, equals)), postern::trim(piece.substr(equals + 1))};
}

PolicyTag policy_tag(std::string_view value) {
  PolicyTag tag{.present = true, .policy = std::nullopt};
  for (const Policy policy : {Policy::none, Policy::quarantine, Policy::reject}) {
    if (iequals(value, to_string(policy))) tag.policy = policy;
  }
  return tag;
}

/// RFC 3986 §3: a scheme, a colon, some text. RFC 7489 §6.3: "," and "!" are escaped inside a URI,
/// and a size limit may follow a "!".
bool is_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return false;
  const std::string_view scheme = text.substr(0, colon);
  if (scheme.empty() || !postern::is_alpha(scheme[0])) return false;
  const bool named = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return postern::is_alnum(c) || c == '+' || c == '-' || c == '.';
  });
  if (!named || text.size() > 1024) return false;
  const std::string_view rest = text.substr(colon + 1);
  if (!std::all_of(rest.begin(), rest.end(),
                   [](char c) { return postern::is_printable_ascii(c) && c != ' '; })) {
    return false;
  }
  // RFC 6068 §2: an address contains an "@".
  return !iequals(scheme, "mailto") || rest.find('@') != std::string_view::npos;
}

std::vector<std::string> uris(std::string_view value) {
  std::vector<std::string> out;
  while (!value.empty() && out.size() < max_uris) {
    const std::size_t end = std::min(value.find(','), value.size());
    const std::string_view uri = postern::trim(value.substr(0, end));
    if (is_uri(uri)) out.emplace_back(uri);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return out;
}

void read_number(std::string_view value, unsigned limit, unsigned& number) {
  const auto read = postern::parse_number(value);
  if (read && *read <= limit) number = static_cast<unsigned>(*read);
}

void read_alignment(std::string_view value, Alignment& alignment) {
  if (iequals(value, "s")) alignment = Alignment::strict;
}

void read_suffix_flag(std::string_view value, SuffixFlag& flag) {
  if (iequals(value, "y")) flag = SuffixFlag::yes;
  if (iequals(value, "n")) flag = SuffixFlag::no;
}

struct TagReader {
  std::string_view name;
  void (*read)(std::string_view value, Record& record);
};

constexpr TagReader readers[] = {
    {"p", [](std::string_view value, Record& r) { r.p = policy_tag(value); }},
    {"sp", [](std::string_view value, Record& r) { r.sp = policy_tag(value); }},
    {"np", [](std::string_view value, Record& r) { r.np = policy_tag(value); }},
    {"adkim", [](std::string_view value, Record& r) { read_alignment(value, r.adkim); }},
    {"aspf", [](std::string_view value, Record& r) { read_alignment(value, r.aspf); }},
    {"psd", [](std::string_view value, Record& r) { read_suffix_flag(value, r.psd); }},
    {"t", [](std::string_view value, Record& r) { r.testing = iequals(value, "y"); }},
    {"pct", [](std::string_view value, Record& r) { read_number(value, 100, r.pct); }},
    {"ri", [](std::string_view value, Record& r) { read_number(value, 0xffffffff, r.ri); }},
    {"fo", [](std::string_view value, Record& r) { r.fo = postern::printable(value, 32); }},
    {"rua", [](std::string_view value, Record& r) { r.rua = uris(value); }},
    {"ruf", [](std::string_view value, Record& r) { r.ruf = uris(value); }},
};

}  // namespace

std::string_view to_string(Policy policy) {
  static constexpr std::string_view names[] = {"none", "quarantine", "reject"};
  return names[static_cast<std::size_t>(policy)];
}

std::optional<Record> Record::parse(std::string_view text) {
  if (text.size() > max_record) return std::nullopt;
  const std::optional<TagView> version = next_tag(text);
  // RFC 7489 §6.3: v= is the first tag, and its value is case-sensitive.
  if (!version || !iequals(version->name, "v") || version->value != "DMARC1") return std::nullopt;
  Record record;
  std::uint32_t seen = 0;
  while (const std::optional<TagView> tag = next_tag(text)) {
    for (std::size_t i = 0; i < std::size(readers); ++i) {
      if (!iequals(readers[i].name, tag->name) || (seen >> i & 1) != 0) continue;
      seen |= 1u << i;
      readers[i].read(tag->value, record);
    }
  }
  return record;
}

}  // namespace mailauth::dmarc
