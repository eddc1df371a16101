#include "dialect/restrictions/parameters.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/restrictions/expansion.h"

namespace postern::dialect::restrictions {

namespace {

constexpr bool separates(char c) { return c == ',' || is_space(c); }

/// The end of the word that starts at `begin`; separators within braces are part of it. nullopt if
/// a brace is not closed; an unmatched closing brace is an ordinary character.
std::optional<std::size_t> word_end(std::string_view value, std::size_t begin) {
  std::size_t level = 0;
  std::size_t i = begin;
  for (; i < value.size(); ++i) {
    if (value[i] == '{') ++level;
    if (value[i] == '}' && level > 0) --level;
    if (level == 0 && separates(value[i])) break;
  }
  if (level != 0) return std::nullopt;
  return i;
}

/// Whether the first brace closes at the end: "{a}", but not "{a}{b}".
bool is_one_group(std::string_view word) {
  if (word.size() < 2 || word.front() != '{') return false;
  std::size_t level = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '{') ++level;
    if (word[i] == '}' && --level == 0) return i + 1 == word.size();
  }
  return false;
}

struct Line {
  std::string_view text;
  std::size_t offset = 0;
  std::size_t number = 0;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  std::size_t offset = 0;
  std::size_t number = 0;
  while (offset < text.size()) {
    const std::size_t end = std::min(text.find('\n', offset), text.size());
    lines.push_back({text.substr(offset, end - offset), offset, ++number});
    offset = end + 1;
  }
  return lines;
}

void complain(Diagnostics& diagnostics, Diagnostic::Severity severity, const char* code,
              std::size_t offset, std::string message, std::string hint) {
  diagnostics.push_back({severity, code, {"", offset}, std::move(message), std::move(hint)});
}

/// "name = value"; the name contains no blank.
std::optional<Setting> take_setting(const Line& line, Diagnostics& diagnostics) {
  const std::size_t equals = line.text.find('=');
  const std::string_view name = trim(line.text.substr(0, equals));
  const bool broken = std::any_of(name.begin(), name.end(), is_space);
  if (equals == std::string_view::npos || name.empty() || broken) {
    complain(diagnostics, Diagnostic::Severity::error, "R051", line.offset,
             "line " + std::to_string(line.number) + " is not \"name = value\": \"" +
                 printable(trim(line.text), 60) + "\"",
             "a line that continues the line before it starts with a blank");
    return std::nullopt;
  }
  const std::string value(trim(line.text.substr(equals + 1)));
  return Setting{std::string(name), value, line.number, {value}};
}

}  // namespace

Result<std::vector<Word>> split_words(std::string_view value) {
  std::vector<Word> words;
  std::size_t at = 0;
  while (at < value.size()) {
    if (separates(value[at])) {
      ++at;
      continue;
    }
    const auto end = word_end(value, at);
    if (!end) {
      return fail(Fault::malformed,
                  "a { is not closed at \"" + printable(value.substr(at), 40) + "\"");
    }
    std::string_view word = value.substr(at, *end - at);
    const bool grouped = is_one_group(word);
    if (grouped) word = trim(word.substr(1, word.size() - 2));
    words.push_back(
        {std::string(word), static_cast<std::size_t>(word.data() - value.data()), grouped});
    at = *end;
  }
  return words;
}

std::vector<Setting> parse_main_cf(std::string_view text, Diagnostics& diagnostics) {
  std::vector<Setting> settings;
  enum class Before { nothing, setting, mistake } before = Before::nothing;
  for (const Line& line : lines_of(text)) {
    const std::string_view content = trim(line.text);
    if (content.empty() || content.front() == '#') continue;
    const bool continues = is_space(line.text.front());
    if (continues && before == Before::mistake) continue;
    if (continues && before == Before::setting) {
      Setting& setting = settings.back();
      if (!setting.value.empty()) setting.value += ' ';
      setting.value += content;
      setting.lines.emplace_back(content);
      continue;
    }
    if (continues) {
      complain(diagnostics, Diagnostic::Severity::warning, "R052", line.offset,
               "line " + std::to_string(line.number) +
                   " starts with a blank but there is no line "
                   "to continue",
               "start it in the first column");
    }
    auto setting = take_setting(line, diagnostics);
    before = setting ? Before::setting : Before::mistake;
    if (setting) settings.push_back(*std::move(setting));
  }
  return settings;
}

std::optional<std::chrono::seconds> parse_time(std::string_view text, std::chrono::seconds unit) {
  if (text.empty()) return std::nullopt;
  std::uint64_t factor = static_cast<std::uint64_t>(unit.count());
  switch (text.back()) {
    case 's':
      factor = 1;
      break;
    case 'm':
      factor = 60;
      break;
    case 'h':
      factor = 3600;
      break;
    case 'd':
      factor = 86'400;
      break;
    case 'w':
      factor = 7 * 86'400;
      break;
    default:
      if (text.back() > '9') return std::nullopt;
      break;
  }
  if (text.back() > '9') text.remove_suffix(1);
  constexpr std::uint64_t most = 100ull * 366 * 86'400;
  const auto number = parse_number(text);
  if (!number || *number > most / factor) return std::nullopt;
  return std::chrono::seconds(*number * factor);
}

Parameters::Parameters(std::map<std::string, std::string, std::less<>> settings,
                       std::string hostname)
    : settings_(std::move(settings)), level_("0"), hostname_(std::move(hostname)) {
  // Defaults depend on the level; references in the level itself are expanded with the defaults of
  // 0.
  if (settings_.contains("compatibility_level")) {
    const std::string level(trim(text("compatibility_level")));
    if (!level.empty()) level_ = level;
  }
}

std::string Parameters::raw(std::string_view name) const {
  if (const auto found = settings_.find(name); found != settings_.end()) return found->second;
  if (name == "myhostname") return hostname_;
  if (name == "mydomain") {
    const std::string host = text("myhostname");
    const std::size_t dot = host.find('.');
    return dot == std::string::npos ? "localdomain" : host.substr(dot + 1);
  }
  return std::string(default_value(name, level_).value_or(""));
}

Result<std::string> Parameters::value(std::string_view name) const {
  auto expanded = expand(raw(name), [this, name](std::string_view other) {
    // mydomain's default depends on myhostname: $mydomain within myhostname would recurse.
    if (name == "myhostname" && other == "mydomain" && !is_set("mydomain")) {
      return std::string("localdomain");
    }
    return raw(other);
  });
  if (!expanded) {
    return fail(expanded.error().fault, std::string(name) + ": " + expanded.error().message);
  }
  return std::string(trim(*expanded));
}

std::string Parameters::text(std::string_view name) const { return value(name).value_or(""); }

Result<bool> Parameters::flag(std::string_view name) const {
  const auto given = value(name);
  if (!given) return tl::unexpected<Error>(given.error());
  if (iequals(*given, "yes")) return true;
  if (iequals(*given, "no")) return false;
  return fail(Fault::malformed,
              std::string(name) + " is yes or no, not \"" + printable(*given, 40) + "\"");
}

Result<unsigned> Parameters::number(std::string_view name, unsigned least, unsigned most) const {
  const auto given = value(name);
  if (!given) return tl::unexpected<Error>(given.error());
  const auto number = parse_number(*given);
  if (!number || *number < least || *number > most) {
    return fail(Fault::malformed, std::string(name) + " is a number from " + std::to_string(least) +
                                      " to " + std::to_string(most) + ", not \"" +
                                      printable(*given, 40) + "\"");
  }
  return static_cast<unsigned>(*number);
}

Result<std::vector<Word>> Parameters::words(std::string_view name) const {
  const auto given = value(name);
  if (!given) return tl::unexpected<Error>(given.error());
  auto found = split_words(*given);
  if (!found) {
    return fail(found.error().fault, std::string(name) + ": " + found.error().message);
  }
  return found;
}

}  // namespace postern::dialect::restrictions
