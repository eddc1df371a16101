#include "config/diagnostic.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/shown.h"
#include "base/terminal.h"
#include "config/handbook.h"

namespace postern::app {

namespace {

constexpr std::size_t tab_width = 4;
constexpr std::size_t most_around = 200;  ///< of a source line, on each side of the mark

bool is_between(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

/// Combining marks and zero-width characters.
bool takes_no_column(char32_t c) {
  return is_between(c, 0x300, 0x36f) || is_between(c, 0x483, 0x489) ||
         is_between(c, 0x591, 0x5bd) || is_between(c, 0x64b, 0x65f) ||
         is_between(c, 0x200b, 0x200f) || is_between(c, 0x202a, 0x202e) ||
         is_between(c, 0x2060, 0x2064) || is_between(c, 0x20d0, 0x20f0) ||
         is_between(c, 0xfe00, 0xfe0f) || c == 0xfeff;
}

/// East Asian Wide and Fullwidth (UAX #11), and emoji.
bool takes_two_columns(char32_t c) {
  return is_between(c, 0x1100, 0x115f) || is_between(c, 0x2e80, 0x303e) ||
         is_between(c, 0x3041, 0xa4cf) || is_between(c, 0xa960, 0xa97f) ||
         is_between(c, 0xac00, 0xd7a3) || is_between(c, 0xf900, 0xfaff) ||
         is_between(c, 0xfe30, 0xfe6f) || is_between(c, 0xff00, 0xff60) ||
         is_between(c, 0xffe0, 0xffe6) || is_between(c, 0x1f300, 0x1faff) ||
         is_between(c, 0x20000, 0x3fffd);
}

/// `text` as printed: passwords hidden, tabs as four spaces, invisible characters as U+FFFD, which
/// takes one column.
std::string shown_source(std::string_view with_passwords) {
  const std::string hidden = without_passwords(with_passwords);
  std::string_view text = hidden;
  std::string out;
  while (!text.empty()) {
    const Character point = first_character(text);
    if (point.value == '\t') {
      out.append(tab_width, ' ');
    } else if (is_hidden(point.value) || !point.well_formed) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, point.octets);
    }
    text.remove_prefix(point.octets);
  }
  return out;
}

/// The first `characters` code points of `text`.
std::string_view first_characters(std::string_view text, std::size_t characters) {
  std::size_t octets = 0;
  while (characters-- > 0 && octets < text.size())
    octets += first_character(text.substr(octets)).octets;
  return text.substr(0, octets);
}

/// The last octets of `text`, about so many, from a whole code point on.
std::string_view last_octets(std::string_view text, std::size_t most) {
  std::size_t from = text.size() - std::min(text.size(), most);
  const auto is_inner = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  while (from < text.size() && is_inner(text[from])) ++from;
  return text.substr(from);
}

struct Paint {
  std::string_view kind, place, plain;
};

Paint paint_for(Severity severity, bool color) {
  if (!color) return {"", "", ""};
  const Ink kind = severity == Severity::error     ? Ink::bold_red
                   : severity == Severity::warning ? Ink::bold_yellow
                                                   : Ink::bold_cyan;
  return {ink(kind), ink(Ink::blue), ink(Ink::plain)};
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
  }
  return "error";
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character point = first_character(text);
    width += point.value == '\t'              ? tab_width
             : is_hidden(point.value)         ? 1
             : takes_no_column(point.value)   ? 0
             : takes_two_columns(point.value) ? 2
                                              : 1;
    text.remove_prefix(point.octets);
  }
  return width;
}

std::string_view line_of(std::string_view text, std::uint32_t number) {
  for (std::uint32_t i = 1; i < number; ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

std::string render(const Diagnostic& diagnostic, bool color) {
  const Paint paint = paint_for(diagnostic.severity, color);
  std::string out = fmt::format("{}{}[{}]{}: {}\n", paint.kind, to_string(diagnostic.severity),
                                diagnostic.code, paint.plain, shown_source(diagnostic.message));
  const std::string number = diagnostic.line > 0 ? std::to_string(diagnostic.line) : "";
  const std::string margin(std::max<std::size_t>(number.size(), 1), ' ');
  if (diagnostic.line > 0) {
    // Hidden before it is cut: a part may not show what the whole does.
    const std::string source_line = without_passwords(diagnostic.source_line.view());
    const std::string_view source = source_line;
    const std::string_view all_before = first_characters(source, diagnostic.column - 1);
    const std::size_t length =
        std::max(diagnostic.end_column, diagnostic.column + 1) - diagnostic.column;
    const std::string_view from_mark = source.substr(all_before.size());
    const std::string_view marked = first_characters(from_mark, std::min(length, most_around));
    // Of a long line, what is around the mark.
    const std::string_view kept = last_octets(all_before, most_around);
    const std::string before = (kept.size() < all_before.size() ? "…" : "") + std::string(kept);
    const std::string_view rest = from_mark.substr(marked.size());
    const std::string_view after = first_characters(rest, most_around);
    const std::string part =
        before + std::string(marked) + std::string(after) + (after.size() < rest.size() ? "…" : "");
    out += fmt::format("{}{}-->{} {}:{}:{}\n", margin, paint.place, paint.plain,
                       shown_source(diagnostic.file), diagnostic.line, diagnostic.column);
    out += fmt::format("{}{} |{}\n", margin, paint.place, paint.plain);
    out += fmt::format("{}{} |{} {}\n", paint.place, number, paint.plain, shown_source(part));
    out += fmt::format("{}{} |{} {}{}{}{}{}{}\n", margin, paint.place, paint.plain,
                       std::string(display_width(before), ' '), paint.kind,
                       std::string(std::max<std::size_t>(display_width(marked), 1), '^'),
                       diagnostic.label.empty() ? "" : " ", shown_source(diagnostic.label),
                       paint.plain);
  } else {
    if (!diagnostic.file.empty()) {
      out += fmt::format("{}{}-->{} {}\n", margin, paint.place, paint.plain,
                         shown_source(diagnostic.file));
    }
    if (!diagnostic.label.empty())
      out += fmt::format("{} = {}\n", margin, shown_source(diagnostic.label));
  }
  if (!diagnostic.hint.empty()) {
    out += fmt::format("{}{} ={} what to do: {}\n", margin, paint.place, paint.plain,
                       shown_source(with_pages(diagnostic.hint)));
  }
  return out;
}

std::string on_one_line(const Diagnostic& diagnostic) {
  const std::string place = diagnostic.line > 0       ? fmt::format("{}:{}:{}: ", diagnostic.file,
                                                                    diagnostic.line, diagnostic.column)
                            : diagnostic.file.empty() ? std::string()
                                                      : diagnostic.file + ": ";
  return shown_source(place + diagnostic.message);
}

std::string to_json(const Diagnostic& diagnostic) {
  std::string message = shown_source(diagnostic.message);
  if (!diagnostic.label.empty()) message += ": " + shown_source(diagnostic.label);
  return boost::json::serialize(boost::json::object{
      {"code", diagnostic.code},
      {"severity", to_string(diagnostic.severity)},
      {"file", shown_source(diagnostic.file)},
      {"line", diagnostic.line},
      {"col", diagnostic.column},
      {"endCol", diagnostic.end_column},
      {"message", message},
      {"hint", shown_source(with_pages(diagnostic.hint))},
  });
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::error) ++errors_;
  if (diagnostic.severity == Severity::warning) ++warnings_;
  list_.push_back(std::move(diagnostic));
}

void Diagnostics::sort() {
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::size_t>> order;
  order.reserve(list_.size());
  for (std::size_t i = 0; i < list_.size(); ++i) {
    order.emplace_back(list_[i].line == 0 ? UINT32_MAX : list_[i].line, list_[i].column, i);
  }
  std::sort(order.begin(), order.end());
  std::vector<Diagnostic> sorted;
  sorted.reserve(list_.size());
  for (const auto& [line, column, i] : order) sorted.push_back(std::move(list_[i]));
  list_ = std::move(sorted);
}

std::string Diagnostics::first_error() const {
  for (const Diagnostic& each : list_) {
    if (each.severity != Severity::error) continue;
    return on_one_line(each);
  }
  return {};
}

std::vector<const Diagnostic*> Diagnostics::first_of_each() const {
  std::map<std::string_view, std::size_t> seen;
  std::vector<const Diagnostic*> first;
  for (const Diagnostic& one : list_) {
    if (seen[one.code]++ < cap) first.push_back(&one);
  }
  return first;
}

std::string Diagnostics::render(bool color) const {
  std::string out;
  for (const Diagnostic* one : first_of_each()) {
    if (!out.empty()) out += '\n';
    out += app::render(*one, color);
  }
  if (left_out() > 0) out += fmt::format("\nand {} more\n", left_out());
  return out;
}

std::string Diagnostics::json_lines() const {
  std::string out;
  for (const Diagnostic* one : first_of_each()) out += to_json(*one) + '\n';
  if (left_out() > 0) out += fmt::format("{{\"left_out\":{}}}\n", left_out());
  return out;
}

}  // namespace postern::app
