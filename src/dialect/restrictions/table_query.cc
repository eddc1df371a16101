#include "dialect/restrictions/table_query.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/text.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {

namespace {

constexpr std::size_t longest_result = 65'536;

/// The text for a letter of a template; nullopt if the key lacks that part.
std::optional<std::string_view> part_of(const KeyParts& parts, char letter) {
  const auto unless_empty = [](std::string_view part) {
    return part.empty() ? std::nullopt : std::optional(part);
  };
  switch (letter) {
    case 's':
      return unless_empty(parts.whole);
    case 'u':
      return unless_empty(parts.user);
    case 'd':
      return unless_empty(parts.domain);
    default:
      break;
  }
  const auto label = static_cast<std::size_t>(letter - '1');
  if (label >= parts.labels.size()) return std::nullopt;
  return parts.labels[label];
}

}  // namespace

Result<TableConfig> TableConfig::parse(std::string_view type, std::string_view path,
                                       std::string_view text,
                                       std::span<const std::string_view> known) {
  TableConfig config;
  config.path_ = std::string(path);
  if (text.find('\0') != std::string_view::npos) return config.wrong("a NUL octet");
  for (LogicalLines lines(text); lines.next();) {
    const std::string_view line = lines.text();
    const std::size_t equals = line.find('=');
    const std::string_view name = trim_blanks(line.substr(0, equals));
    if (equals == std::string_view::npos || name.empty()) {
      return fail(Fault::malformed,
                  fmt::format("{} line {}: write name = value", path, lines.number()));
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return fail(Fault::malformed, fmt::format("{} line {}: `{}` is not a setting of {} tables",
                                                path, lines.number(), printable(name, 64), type));
    }
    config.lines_.insert_or_assign(std::string(name), trim_blanks(line.substr(equals + 1)));
  }
  return config;
}

std::string TableConfig::text(std::string_view name, std::string_view preset) const {
  const auto found = lines_.find(name);
  return found == lines_.end() ? std::string(preset) : found->second;
}

std::vector<std::string> TableConfig::words(std::string_view name, std::string_view preset) const {
  std::vector<std::string> list;
  std::string word;
  for (const char c : text(name, preset) + ' ') {
    if (c != ',' && !is_blank(c)) {
      word += c;
    } else if (!word.empty()) {
      list.push_back(std::exchange(word, {}));
    }
  }
  return list;
}

Result<std::uint64_t> TableConfig::number(std::string_view name, std::uint64_t preset) const {
  if (!has(name)) return preset;
  const auto value = parse_number(text(name));
  if (!value) return wrong(fmt::format("{} is not a number", name));
  return *value;
}

Result<bool> TableConfig::flag(std::string_view name, bool preset) const {
  const std::string value = lower(text(name, preset ? "yes" : "no"));
  if (value != "yes" && value != "no") return wrong(fmt::format("{} is neither yes nor no", name));
  return value == "yes";
}

tl::unexpected<Error> TableConfig::wrong(std::string_view what) const {
  return fail(Fault::malformed, fmt::format("{}: {}", path_, what));
}

KeyParts::KeyParts(std::string_view given) : whole(given) {
  const std::size_t at = whole.rfind('@');
  user = whole.substr(0, at);
  if (at == std::string_view::npos) return;
  domain = whole.substr(at + 1);
  for (const std::string_view label : split(domain, '.')) labels.insert(labels.begin(), label);
}

std::string unquoted(std::string_view text) { return std::string(text); }

bool is_template(std::string_view format) {
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') continue;
    static constexpr std::string_view letters = "%sudSUD123456789";
    if (++at == format.size() || letters.find(format[at]) == std::string_view::npos) return false;
  }
  return true;
}

std::optional<std::string> expand(std::string_view format, const KeyParts& lower_case,
                                  const KeyParts& key, const Quote& quote) {
  std::string made;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      made += format[at];
      continue;
    }
    const char letter = ++at < format.size() ? format[at] : '%';
    if (letter == '%') {
      made += '%';
      continue;
    }
    const bool of_key = is_digit(letter) || (letter >= 'A' && letter <= 'Z');
    const auto part = part_of(of_key ? key : lower_case, to_lower(letter));
    if (!part) return std::nullopt;
    made += quote(*part);
  }
  return made;
}

Result<QueryTable> QueryTable::read(const TableConfig& config, const TableSources& sources,
                                    std::size_t depth) {
  QueryTable table;
  table.result_format_ = config.text("result_format", "%s");
  if (!is_template(table.result_format_)) {
    return config.wrong("result_format has a `%` without a meaning");
  }
  const auto limit = config.number("expansion_limit", 0);
  if (!limit) return tl::unexpected(limit.error());
  table.expansion_limit_ = *limit;
  const auto words = braced_words(fmt::format("{{{}}}", config.text("domain")));
  if (!words) return config.wrong(words.error().message);
  for (const BracedWord& word : *words) {
    if (!is_table_spec(word.text)) {
      if (word.text.starts_with('/')) {
        return config.wrong(
            fmt::format("domain: `{}`: a file of domains is not carried; "
                        "use texthash:{} with `name x` lines",
                        printable(word.text, 200), printable(word.text, 200)));
      }
      table.domains_.push_back(lower(word.text));
      continue;
    }
    auto opened = open_nested(word.text, sources, depth + 1);
    if (!opened) return config.wrong(opened.error().message);
    table.domain_tables_.push_back(std::move(*opened));
  }
  return table;
}

bool QueryTable::is_remote() const {
  return std::any_of(domain_tables_.begin(), domain_tables_.end(),
                     [](const auto& table) { return table->is_remote(); });
}

std::optional<Found> QueryTable::outside(const KeyParts& key, policy::Replies* replies) const {
  if (domains_.empty() && domain_tables_.empty()) return std::nullopt;
  if (key.user.empty() || key.domain.empty()) return Found{};
  if (std::find(domains_.begin(), domains_.end(), key.domain) != domains_.end()) {
    return std::nullopt;
  }
  for (const auto& table : domain_tables_) {
    Found found = table->find(key.domain, replies);
    if (found.status == Found::Status::found) return std::nullopt;
    if (found.status != Found::Status::absent) return found;
  }
  return Found{};
}

bool QueryResults::fail_with(std::string_view why) {
  all_ = {Found::Status::failed, {}, fmt::format("{}: {}", printable(name_, 200), why)};
  return false;
}

bool QueryResults::add(std::string_view result) {
  if (result.empty()) return true;
  const auto value = expand(table_.result_format(), KeyParts(result), key_, unquoted);
  if (!value || value->empty()) return true;
  if (table_.expansion_limit() > 0 && ++count_ > table_.expansion_limit()) {
    return fail_with("more results than expansion_limit");
  }
  if (all_.status == Found::Status::found) all_.value += ',';
  all_.status = Found::Status::found;
  all_.value += *value;
  return all_.value.size() <= longest_result || fail_with("a result longer than 64 KiB");
}

}  // namespace postern::dialect::restrictions
