#include "ptest/update.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "base/text.h"
#include "ptest/pattern.h"

namespace postern::ptest {

namespace {

/// Octets of a text, and what stands there instead.
struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};

/// The value as it is written in the file: the kind of quotation marks stays if it can.
std::string written(const File& file, const Expectation& expected, const std::string& value) {
  if (expected.number) return value;
  const bool literal = file.text[expected.spot.begin] == '\'';
  const bool plain = std::ranges::all_of(value, [](char c) {
    return c != '\'' && c != '\x7f' && static_cast<unsigned char>(c) >= 0x20;
  });
  return literal && plain ? "'" + value + "'" : toml_string(value);
}

/// The octet after a string that begins at `i`.
std::size_t after_string(std::string_view text, std::size_t i) {
  const char quote = text[i];
  for (++i; i < text.size() && text[i] != quote; ++i) {
    if (quote == '"' && text[i] == '\\') ++i;
  }
  return std::min(i + 1, text.size());
}

/// Removes `key = value` from an inline table, with a comma.
Edit without_inline(std::string_view text, const Spot& spot) {
  const std::size_t newline = text.rfind('\n', spot.begin);
  std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  std::size_t opened = start;  // after the last `{` or `,` in front of the key
  for (std::size_t i = start; i < spot.begin;) {
    if (text[i] == '"' || text[i] == '\'') {
      i = after_string(text, i);
      continue;
    }
    if (text[i] == '{' || text[i] == ',') opened = i + 1;
    ++i;
  }
  std::size_t end = spot.end;
  while (end < text.size() && (text[end] == ' ' || text[end] == '\t')) ++end;
  if (end < text.size() && text[end] == ',') return {opened, end + 1, {}};
  if (opened > 0 && text[opened - 1] == ',') return {opened - 1, spot.end, {}};
  return {opened, spot.end, {}};
}

/// Removes a line `key = value`; its comment stays.
Edit without_line(std::string_view text, const Spot& spot) {
  const std::size_t newline = text.rfind('\n', spot.begin);
  const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  const std::size_t next = text.find('\n', spot.end);
  const std::size_t comment = text.find('#', spot.end);
  if (comment != std::string_view::npos && comment < next) return {start, comment, {}};
  return {start, next == std::string_view::npos ? text.size() : next + 1, {}};
}

/// A value to be written or, without one, to be removed with its key.
struct Wanted {
  const Expectation* expected = nullptr;
  std::optional<std::string> value;
};

std::vector<Wanted> wanted_of(const Outcome& outcome) {
  std::vector<Wanted> all;
  for (const Difference& one : outcome.differs) {
    const Expectation& expected = outcome.test->expected[one.index];
    if (expected.key == "trace") continue;
    const bool is_pattern = expected.key == "text" && one.got;
    all.push_back({&expected, is_pattern ? pattern_of(*one.got) : one.got});
  }
  return all;
}

/// Whether a key would be left.
bool keeps_any(const Outcome& outcome) {
  const auto gone = std::ranges::count_if(outcome.differs, [&](const Difference& one) {
    return !one.got && outcome.test->expected[one.index].key != "trace";
  });
  return static_cast<std::size_t>(gone) < outcome.test->expected.size();
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

Updated update(const File& file, const std::vector<Outcome>& outcomes) {
  Updated out;
  std::vector<Wanted> all;
  for (const Outcome& outcome : outcomes) {
    if (outcome.passed()) continue;
    if (!keeps_any(outcome)) {
      out.untouched.push_back(outcome.test);
      continue;
    }
    for (Wanted& one : wanted_of(outcome)) all.push_back(std::move(one));
  }
  // From the last one to the first: places in front of an edit stay.
  std::ranges::sort(all, std::greater<>(),
                    [](const Wanted& one) { return one.expected->spot.begin; });
  out.text = file.text;
  for (const Wanted& one : all) {
    const Spot& spot = one.expected->spot;
    Edit edit{spot.begin, spot.end, {}};
    if (one.value) {
      edit.text = written(file, *one.expected, *one.value);
    } else {
      edit =
          one.expected->is_inline ? without_inline(out.text, spot) : without_line(out.text, spot);
    }
    out.text.replace(edit.begin, edit.end - edit.begin, edit.text);
  }
  return out;
}

std::string difference_of(const std::string& name, std::string_view before,
                          std::string_view after) {
  if (before == after) return {};
  const std::vector<std::string_view> old_lines = lines_of(before);
  const std::vector<std::string_view> new_lines = lines_of(after);
  std::string out = fmt::format("--- {}\n+++ {}\n", name, name);
  std::size_t i = 0;
  std::size_t j = 0;
  // Lines are replaced or removed, never added: each new line is an old one, or replaces one.
  while (i < old_lines.size() || j < new_lines.size()) {
    if (i < old_lines.size() && j < new_lines.size() && old_lines[i] == new_lines[j]) {
      ++i;
      ++j;
      continue;
    }
    const std::size_t from_i = i;
    const std::size_t from_j = j;
    // To the next line that both have.
    bool met = false;
    for (std::size_t apart = 1; !met && apart <= old_lines.size() + new_lines.size(); ++apart) {
      for (std::size_t down = 0; down <= apart; ++down) {
        const std::size_t a = from_i + down;
        const std::size_t b = from_j + (apart - down);
        if (a > old_lines.size() || b > new_lines.size()) continue;
        const bool ends = a == old_lines.size() && b == new_lines.size();
        const bool same =
            a < old_lines.size() && b < new_lines.size() && old_lines[a] == new_lines[b];
        if (!ends && !same) continue;
        i = a;
        j = b;
        met = true;
        break;
      }
    }
    out += fmt::format("@@ -{},{} +{},{} @@\n", i > from_i ? from_i + 1 : from_i, i - from_i,
                       j > from_j ? from_j + 1 : from_j, j - from_j);
    for (std::size_t k = from_i; k < i; ++k) out += fmt::format("-{}\n", old_lines[k]);
    for (std::size_t k = from_j; k < j; ++k) out += fmt::format("+{}\n", new_lines[k]);
  }
  return out;
}

}  // namespace postern::ptest
