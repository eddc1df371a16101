// kumo.string: plain text functions, without patterns.
#include <algorithm>

#include "dialect/kumo/library.h"
#include "dialect/kumo/plain_text.h"
#include "mailauth/names.h"

namespace postern::dialect::kumo {

using script::derive;
using script::HostFunction;

namespace {

using Pieces = std::vector<std::string_view>;
using Name = std::optional<std::string>;

std::size_t count(std::int64_t limit) {
  script::demand(limit >= 0, "a number of pieces is not negative");
  return static_cast<std::size_t>(limit);
}

template <From from>
Pieces split_all(std::string_view text, std::string_view separator) {
  return pieces(text, separator, SIZE_MAX, from);
}
template <From from>
Pieces split_some(std::string_view text, std::int64_t limit, std::string_view separator) {
  return pieces(text, separator, count(limit), from);
}
template <Blank blank>
Pieces split_words(std::string_view text) {
  return words(text, blank);
}
std::string_view trim_both(std::string_view text) { return without_front(without_back(text)); }
std::string replace_every(std::string_view text, std::string_view what, std::string_view with) {
  return replaced(text, what, with, longest_list);
}
std::string replace_up_to(std::string_view text, std::string_view what, std::string_view with,
                          std::int64_t limit) {
  return replaced(text, what, with, count(limit));
}
bool starts_with(std::string_view text, std::string_view start) { return text.starts_with(start); }
bool ends_with(std::string_view text, std::string_view end) { return text.ends_with(end); }

std::string wrap(std::string_view text, std::optional<std::int64_t> soft,
                 std::optional<std::int64_t> hard) {
  return wrapped(text, count(soft.value_or(75)), count(hard.value_or(900)));
}

Name psl_domain(std::string_view text) {
  const auto& list = mailauth::SuffixList::system();
  const Name name = mailauth::normalize_domain(text);
  if (!name || list.is_public_suffix(*name)) return std::nullopt;
  return list.organizational_domain(*name);
}

Name psl_suffix(std::string_view text) {
  const Name name = mailauth::normalize_domain(text);
  if (!name) return std::nullopt;
  std::string_view suffix = *name;
  while (!suffix.empty() && !mailauth::SuffixList::system().is_public_suffix(suffix)) {
    suffix = mailauth::parent_domain(suffix);
  }
  return suffix.empty() ? std::nullopt : Name(std::string(suffix));
}

constexpr HostFunction string_rows[] = {
    {"kumo.string.split", "text: string, separator: string", "string[]",
     "The pieces between the separators, empty ones included. The separator is plain text, as "
     "everywhere in kumo.string; an empty one matches around every character.",
     derive<&split_all<From::left>>},
    {"kumo.string.splitn", "text: string, limit: integer, separator: string", "string[]",
     "At most `limit` pieces; the last one is the rest.", derive<&split_some<From::left>>},
    {"kumo.string.rsplit", "text: string, separator: string", "string[]",
     "The pieces from the right: the last one comes first.", derive<&split_all<From::right>>},
    {"kumo.string.rsplitn", "text: string, limit: integer, separator: string", "string[]",
     "At most `limit` pieces from the right; the last one is the rest.",
     derive<&split_some<From::right>>},
    {"kumo.string.split_whitespace", "text: string", "string[]",
     "The words between white space, including that of Unicode.",
     derive<&split_words<Blank::unicode>>},
    {"kumo.string.split_ascii_whitespace", "text: string", "string[]",
     "The words between blanks, tabs, line ends and form feeds.",
     derive<&split_words<Blank::ascii>>},
    {"kumo.string.trim", "text: string", "string", "The text without white space at both ends.",
     derive<&trim_both>},
    {"kumo.string.trim_start", "text: string", "string",
     "The text without white space at the "
     "start.",
     derive<&without_front>},
    {"kumo.string.trim_end", "text: string", "string", "The text without white space at the end.",
     derive<&without_back>},
    {"kumo.string.replace", "text: string, what: string, with: string", "string",
     "The text with every `what` replaced.", derive<&replace_every>},
    {"kumo.string.replacen", "text: string, what: string, with: string, limit: integer", "string",
     "The text with the first `limit` of them replaced.", derive<&replace_up_to>},
    {"kumo.string.starts_with", "text: string, start: string", "boolean",
     "Whether the text begins with `start`.", derive<&starts_with>},
    {"kumo.string.ends_with", "text: string, ending: string", "boolean",
     "Whether the text ends with `ending`.", derive<&ends_with>},
    {"kumo.string.wrap", "text: string, soft?: integer, hard?: integer", "string",
     "The text folded into lines of at most `soft` octets (75) where words allow it; words longer "
     "than `hard` (900) are broken. Lines are separated by CR LF TAB, as in header fields.",
     derive<&wrap>},
    {"kumo.string.psl_domain", "name: string", "string|nil",
     "The registered domain, by the Public Suffix List: `example.co.uk` for `www.example.co.uk`. "
     "Nil for a public suffix and for text that is not a domain name.",
     derive<&psl_domain>},
    {"kumo.string.psl_suffix", "name: string", "string|nil",
     "The public suffix of a domain name: `co.uk` for `www.example.co.uk`.", derive<&psl_suffix>},
};

}  // namespace

script::HostTable string_functions() { return string_rows; }

}  // namespace postern::dialect::kumo
