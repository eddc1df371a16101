#include "dialect/restrictions/table_source.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "base/text.h"
#include "dialect/restrictions/table_types.h"

namespace postern::dialect::restrictions {

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

std::string_view take_word(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(0, end);
  while (end < text.size() && is_blank(text[end])) ++end;
  text.remove_prefix(end);
  return word;
}

namespace {

/// Blank or a comment.
bool says_nothing(std::string_view line) {
  const auto first = std::find_if_not(line.begin(), line.end(), is_blank);
  return first == line.end() || *first == '#';
}

std::string_view without_end_blanks(std::string_view line) {
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line;
}

}  // namespace

bool LogicalLines::read_physical() {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    physical_ = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    if (!says_nothing(physical_)) return has_physical_ = true;
  }
  return has_physical_ = false;
}

bool LogicalLines::next() {
  if (!has_physical_ && !read_physical()) return false;
  text_ = physical_;
  number_ = line_;
  bool joined = false;
  while (read_physical() && is_blank(physical_.front())) {
    if (!joined) joined_.assign(text_);
    joined = true;
    joined_ += physical_;
  }
  text_ = without_end_blanks(joined ? std::string_view(joined_) : text_);
  return true;
}

RowReport::RowReport(std::string_view file, BadRows mode)
    : file_(printable(file, 200)), mode_(mode) {}

bool RowReport::bad(std::size_t line, std::string_view what) {
  if (mode_ == BadRows::skip) {
    warn(line, fmt::format("{}; the row is skipped", what));
    return true;
  }
  error_ = fmt::format("{} line {}: {}", file_, line, what);
  return false;
}

void RowReport::warn(std::size_t line, std::string_view what) {
  if (warnings_.size() < most)
    warnings_.push_back(fmt::format("{} line {}: {}", file_, line, what));
}

void RowReport::hidden(std::size_t line) {
  if (hidden_.size() < most) hidden_.push_back(line);
}

std::uint32_t ValueList::id(std::string_view value, std::size_t line) {
  const auto known = ids_.find(value);
  if (known != ids_.end()) return known->second;
  const auto added = ids_.emplace(value, static_cast<std::uint32_t>(order_.size())).first;
  order_.push_back(&added->first);
  lines_.push_back(line);
  return added->second;
}

std::vector<std::string> ValueList::list() const {
  std::vector<std::string> values;
  for (const std::string* value : order_) values.push_back(*value);
  return values;
}

std::size_t ValueList::memory() const {
  std::size_t octets = order_.capacity() * sizeof order_[0] + lines_.capacity() * sizeof lines_[0];
  for (const std::string* value : order_) octets += 96 + value->size();
  return octets;
}

Result<std::vector<BracedWord>> braced_words(std::string_view text) {
  text = trim_blanks(text);
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') {
    return fail(Fault::malformed, "`{` and `}` are missing around the contents");
  }
  text = text.substr(1, text.size() - 2);
  const auto separates = [](char c) { return is_blank(c) || c == '\n' || c == ','; };
  std::vector<BracedWord> words;
  for (std::size_t at = 0; at < text.size();) {
    if (separates(text[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    std::size_t depth = 0;
    bool group = text[begin] == '{';
    for (; at < text.size() && (depth > 0 || !separates(text[at])); ++at) {
      if (text[at] == '{') ++depth;
      if (text[at] == '}' && depth-- == 0) {
        return fail(Fault::malformed, "`}` without `{`");
      }
      if (depth == 0 && group && at + 1 < text.size() && !separates(text[at + 1])) group = false;
    }
    if (depth > 0) return fail(Fault::malformed, "`{` without `}`");
    std::string_view word = text.substr(begin, at - begin);
    if (group) word = trim_blanks(word.substr(1, word.size() - 2));
    words.push_back({std::string(word), group});
  }
  return words;
}

Result<SourceText> read_source(std::string_view type, std::string_view name,
                               const TableSources& sources) {
  if (!name.starts_with('{')) {
    Result<std::string> text = sources.read(std::string(name));
    if (!text) return tl::unexpected(text.error());
    if (text->size() > max_table_text) {
      return fail(Fault::limit, fmt::format("{}: longer than 1 GiB", name));
    }
    return SourceText{std::string(name), std::move(*text)};
  }
  const std::string file = fmt::format("{}:{{...}}", type);
  const auto rules = braced_words(name);
  if (!rules) return fail(Fault::malformed, fmt::format("{}: {}", file, rules.error().message));
  std::string text;
  for (const BracedWord& rule : *rules) {
    if (!rule.group) {
      return fail(
          Fault::malformed,
          fmt::format("{}: the rule `{}` needs braces of its own: {}:{{ {{rule}}, {{rule}} }}",
                      file, printable(rule.text, 64), type));
    }
    text += rule.text;
    text += '\n';
  }
  return SourceText{file, std::move(text)};
}

std::size_t key_length(std::string_view line) {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < line.size(); ++at) {
    if (line[at] == '\\') {
      ++at;
    } else if (line[at] == '"') {
      quoted = !quoted;
    } else if (!quoted && is_blank(line[at])) {
      break;
    }
  }
  return quoted ? std::string_view::npos : std::min(at, line.size());
}

bool is_exact_type(std::string_view type) {
  const TableType* known = find_table_type(type);
  return known != nullptr && known->kind == TableType::Kind::lines;
}

}  // namespace postern::dialect::restrictions
