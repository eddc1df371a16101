#include "script/withheld.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::script {

namespace {

/// Shorter texts are too common to be recognized inside other texts.
constexpr std::size_t shortest_part = 4;
constexpr std::size_t longest_word = 64;

/// The form of placeholders; a text that contains one is withheld itself.
constexpr std::string_view string_mark = "<withheld ";
constexpr std::string_view marks[] = {string_mark, "<loaded ", "<number ", "<float "};

bool is_marked(std::string_view text) {
  return std::ranges::any_of(
      marks, [&](std::string_view mark) { return text.find(mark) != std::string_view::npos; });
}

/// The text without its trailing line ends: those of a file are not part of a secret.
std::string_view core_of(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_word && !is_digit(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '_'; });
}

/// As Lua's tostring(), but whole numbers without ".0": 5 and 5.0 are equal.
std::string text_of(double number) {
  if (std::trunc(number) == number && std::abs(number) < 9e15) {
    return std::to_string(static_cast<std::int64_t>(number));
  }
  return fmt::format("{:.14g}", number);
}

bool is_word_at(std::string_view text, std::size_t begin, std::size_t end) {
  return (begin == 0 || !is_alnum(text[begin - 1])) && (end == text.size() || !is_alnum(text[end]));
}

std::size_t find_secret(std::string_view text, std::string_view secret, std::size_t from) {
  if (secret.empty()) return std::string_view::npos;
  std::size_t at = text.find(secret, from);
  while (at != std::string_view::npos && secret.size() < shortest_part &&
         !is_word_at(text, at, at + secret.size())) {
    at = text.find(secret, at + 1);
  }
  return at;
}

void add_range(std::vector<Range>& ranges, Range one) {
  if (!ranges.empty() && one.begin < ranges.back().end) {
    ranges.back().end = std::max(ranges.back().end, one.end);
  } else {
    ranges.push_back(one);
  }
}

}  // namespace

bool holds_secret(std::string_view text, std::string_view secret) {
  return find_secret(text, secret, 0) != std::string_view::npos;
}

std::vector<Range> ranges_of(std::span<const std::string_view> secrets, std::string_view text) {
  std::vector<Range> found;
  for (const std::string_view secret : secrets) {
    // Overlapping occurrences of one secret, as of `aa` in `aaaa`, are one range.
    std::vector<Range> own;
    for (std::size_t at = find_secret(text, secret, 0); at != std::string_view::npos;
         at = find_secret(text, secret, at + 1)) {
      add_range(own, {at, at + secret.size()});
    }
    found.insert(found.end(), own.begin(), own.end());
  }
  std::ranges::sort(found, {}, &Range::begin);
  std::vector<Range> joined;
  for (const Range& one : found) add_range(joined, one);
  return joined;
}

std::string replaced(std::string text, std::span<const std::string_view> secrets,
                     const std::function<std::string(std::string_view)>& instead) {
  const std::vector<Range> ranges = ranges_of(secrets, text);
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    const std::string part = text.substr(range->begin, range->end - range->begin);
    text.replace(range->begin, part.size(), instead(part));
  }
  return text;
}

std::string redacted(std::string text, std::span<const std::string_view> secrets) {
  return replaced(std::move(text), secrets,
                  [](std::string_view) { return std::string(redaction); });
}

Withheld::Entry& Withheld::entry_of(std::string_view core) {
  const auto found = entries_.find(core);
  if (found != entries_.end()) return found->second;
  return entries_.emplace(core, Entry{.name = {}, .low = lower(core)}).first->second;
}

void Withheld::keep_secret(std::string text) {
  const std::string_view core = core_of(text);
  if (!core.empty()) entry_of(core).known = true;
}

void Withheld::keep_secret_as(std::string_view text, std::string name) {
  const std::string_view core = core_of(text);
  if (core.empty()) return;
  Entry& entry = entry_of(core);
  entry.known = true;
  if (entry.name.empty()) entry.name = std::move(name);
}

const std::string& Withheld::name_of(std::string_view core) {
  Entry& entry = entry_of(core);
  if (entry.name.empty()) entry.name = fmt::format("withheld {}", ++count_);
  return entry.name;
}

std::string Withheld::stranger(std::string_view text) {
  const std::string_view core = core_of(text);
  return fmt::format("<{}>{}", name_of(core), text.substr(core.size()));
}

bool Withheld::is_public(std::string_view text) const {
  const auto known = entries_.find(text);
  if (known != entries_.end() && known->second.known) return false;
  return std::ranges::find(login_->names, text) != login_->names.end();
}

/// Whether the text is a separate word in the script, for instance the name of a column.
bool Withheld::is_word_of_program(std::string_view text) const {
  if (!is_name(text)) return false;
  const auto known = entries_.find(text);
  if (known != entries_.end() && known->second.known) return false;
  const std::string_view program = login_->program;
  const auto is_edge = [&](std::size_t at) {
    return at >= program.size() || !(is_alnum(program[at]) || program[at] == '_');
  };
  for (std::size_t at = program.find(text); at != std::string_view::npos;
       at = program.find(text, at + 1)) {
    if ((at == 0 || is_edge(at - 1)) && is_edge(at + text.size())) return true;
  }
  return false;
}

/// `all`: all withheld values, not only known secrets.
std::string Withheld::parts_replaced(std::string text, bool all) {
  std::vector<std::string_view> parts;
  for (const auto& [part, entry] : entries_) {
    if (entry.known || (all && part.size() >= shortest_part)) parts.push_back(part);
  }
  return replaced(std::move(text), parts,
                  [this](std::string_view part) { return "<" + name_of(part) + ">"; });
}

json::value Withheld::string(std::string_view text, bool all) {
  const std::string_view core = core_of(text);
  if (core.empty()) return json::value(text);
  const auto known = entries_.find(core);
  if (known != entries_.end() && known->second.known) return json::value(stranger(text));
  if (all) {
    if (is_public(text)) return json::value(text);
    return json::value(stranger(text));
  }
  if (is_marked(text)) return json::value(stranger(text));
  return json::value(parts_replaced(std::string(text), false));
}

/// 0 and 1 stay: databases return them for false and true.
json::value Withheld::number(const json::value& value) {
  const bool whole = value.is_int64();
  const std::string text =
      whole ? std::to_string(value.get_int64()) : text_of(value.to_number<double>());
  if (text == "0" || text == "1") return value;
  std::string name = name_of(text);
  if (!name.starts_with("withheld ")) name = name_of("number " + text);
  return json::value(
      fmt::format("<{} {}>", whole ? "number" : "float", name.substr(name.find(' ') + 1)));
}

std::string Withheld::key(std::string_view key, bool all, Keys keys) {
  const bool is_number = keys == Keys::typed && key.starts_with('#') && !key.starts_with("##");
  if (is_number) {
    std::int64_t value = 0;
    std::from_chars(key.data() + 1, key.data() + key.size(), value);
    if (!all) return std::string(key);
    const json::value kept = number(value);
    return kept.is_string() ? "#" + std::string(kept.get_string()) : std::string(key);
  }
  const std::string_view text = key.starts_with("##") && keys == Keys::typed ? key.substr(1) : key;
  if (all && is_word_of_program(text)) return std::string(key);
  return std::string(string(text, all).get_string());
}

json::value Withheld::walk(const json::value& value, bool all, Keys keys) {
  switch (value.kind()) {
    case json::kind::string:
      return string(value.get_string(), all);
    case json::kind::array: {
      json::array list;
      for (const json::value& one : value.get_array()) list.push_back(walk(one, all, keys));
      return list;
    }
    case json::kind::object: {
      json::object object;
      for (const auto& [name, one] : value.get_object()) {
        object.insert_or_assign(key(name, all, keys), walk(one, all, keys));
      }
      return object;
    }
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return all ? number(value) : value;
    default:
      return value;
  }
}

json::value Withheld::concealed(std::string_view function, const json::value& value, Source source,
                                Keys keys) {
  const bool all = login_ && source == Source::store;
  if (!all && entries_.empty()) return value;
  const json::array* results = value.if_array();
  if (all && function == login_->counting && results != nullptr && results->size() == 1 &&
      results->front().is_number()) {
    return value;
  }
  return walk(value, all, keys);
}

std::string Withheld::concealed(std::string text) {
  return parts_replaced(std::move(text), login_.has_value());
}

bool Withheld::touches(std::string_view text) const { return touches(text, true); }
bool Withheld::touches_secret(std::string_view text) const { return touches(text, false); }

bool Withheld::touches(std::string_view text, bool all) const {
  if (text.empty()) return false;
  constexpr std::size_t shortest = shortest_part;
  const std::string wanted = lower(text);
  return std::ranges::any_of(entries_, [&](const auto& entry) {
    if (!all && !entry.second.known) return false;
    const std::string& held = entry.second.low;
    if (held == wanted) return true;
    return (held.size() >= shortest && wanted.find(held) != std::string::npos) ||
           (wanted.size() >= shortest && held.find(wanted) != std::string::npos);
  });
}

namespace {

/// Larger than numbers that policies use, and exact as doubles.
constexpr std::int64_t first_number = 7'000'000'000'000;

class StandIn {
 public:
  StandIn(const std::string& stranger, const Secret* password)
      : stranger_(stranger), password_(password) {}

  /// Finds the placeholders that stand for numbers.
  void look(std::string_view answer) {
    for (const std::string_view mark : {"<number ", "<float "}) {
      for (std::size_t at = answer.find(mark); at != std::string_view::npos;
           at = answer.find(mark, at + 1)) {
        const std::size_t begin = at + mark.size();
        numbers_.insert(std::string(answer.substr(begin, answer.find('>', begin) - begin)));
      }
    }
  }

  json::value value(const json::value& kept) const {
    switch (kept.kind()) {
      case json::kind::string:
        return string(kept.get_string());
      case json::kind::array: {
        json::array list;
        for (const json::value& one : kept.get_array()) list.push_back(value(one));
        return list;
      }
      case json::kind::object: {
        json::object object;
        for (const auto& [name, one] : kept.get_object()) {
          object.insert_or_assign(key(name), value(one));
        }
        return object;
      }
      default:
        return kept;
    }
  }

  /// The text with all placeholders in it replaced.
  std::string text(std::string text) const {
    if (password_ != nullptr) replace(text, stranger_, password_->reveal());
    for (const std::string& number : numbers_) {
      replace(text, fmt::format("<withheld {}>", number), std::to_string(of(number)));
    }
    return text;
  }

 private:
  static void replace(std::string& text, std::string_view what, std::string_view with) {
    if (what.empty()) return;
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + with.size())) {
      text.replace(at, what.size(), with);
    }
  }
  static std::int64_t of(std::string_view number) {
    std::int64_t value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    return first_number + value;
  }
  json::value string(std::string_view kept) const {
    const bool whole = kept.starts_with("<number ");
    if (!kept.ends_with('>') || !(whole || kept.starts_with("<float "))) {
      return json::value(text(std::string(kept)));
    }
    const std::size_t blank = kept.find(' ');
    const std::string_view number = kept.substr(blank + 1, kept.size() - blank - 2);
    if (password_ != nullptr && stranger_ == fmt::format("<withheld {}>", number)) {
      const std::string& given = password_->reveal();
      double value = 0;
      const auto end = std::from_chars(given.data(), given.data() + given.size(), value);
      if (end.ec == std::errc() && end.ptr == given.data() + given.size()) {
        if (!whole) return value;
        return static_cast<std::int64_t>(value);
      }
    }
    if (whole) return of(number);
    return static_cast<double>(of(number));
  }
  std::string key(std::string_view kept) const {
    if (!kept.starts_with("#<number ")) return text(std::string(kept));
    const json::value number = string(kept.substr(1));
    return number.is_int64() ? "#" + std::to_string(number.get_int64()) : std::string(kept);
  }

  const std::string& stranger_;
  const Secret* password_;
  std::set<std::string, std::less<>> numbers_;
};

}  // namespace

std::string stand_in(std::vector<Told>& told, const std::string& stranger, const Secret* password) {
  StandIn in(stranger, password);
  for (const Told& one : told) {
    if (!one.failed) in.look(one.answer);
  }
  for (Told& one : told) {
    one.answer = one.failed ? in.text(std::move(one.answer))
                            : json::serialize(in.value(parse_kept(one.answer)));
  }
  return in.text(stranger);
}

json::value parse_kept(std::string_view text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  return json::parse({text.data(), text.size()}, {}, options);
}

}  // namespace postern::script
