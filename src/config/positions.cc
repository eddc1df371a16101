#include "config/positions.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace postern::app {

namespace {

/// A quoted line that may set a secret, without its value.
std::string without_secret(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return std::string(line);
  const std::string name = lower(line.substr(0, equals));
  for (const std::string_view word : {"password", "secret", "token", "credential", "users"}) {
    if (name.find(word) != std::string::npos)
      return std::string(line.substr(0, equals + 1)) + " ...";
  }
  return std::string(line);
}

}  // namespace

Positions::Positions(std::string file, std::string_view text) : file_(std::move(file)) {
  for (std::string_view line : split(text, '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines_.emplace_back(without_secret(line));
    const std::size_t begin = ends_.empty() ? 0 : ends_.back() + 1;
    ends_.push_back(begin + lines_.back().view().size());
  }
}

std::string_view Positions::line_text(std::uint32_t number) const {
  return number >= 1 && number <= lines_.size() ? lines_[number - 1].view() : std::string_view();
}

Diagnostic Positions::at(const Place& place, std::string code, std::string message) const {
  Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.file = file_;
  diagnostic.line = place.line;
  diagnostic.column = place.column;
  diagnostic.end_column = place.end_column;
  if (place.line >= 1 && place.line <= lines_.size()) {
    diagnostic.source_line = lines_[place.line - 1];
  }
  diagnostic.message = std::move(message);
  return diagnostic;
}

Diagnostic Positions::at(const std::string& path, std::string code, std::string message) const {
  for (std::string around = path; !around.empty();) {
    const auto found = places_.find(around);
    if (found != places_.end()) return at(found->second, std::move(code), std::move(message));
    const std::size_t dot = around.rfind('.');
    around.resize(dot == std::string::npos ? 0 : dot);
  }
  return at(Place{}, std::move(code), std::move(message));
}

Diagnostic Positions::at_offset(const std::string& path, std::size_t offset, std::string code,
                                std::string message) const {
  const auto found = places_.find(path);
  if (found == places_.end()) return at(path, std::move(code), std::move(message));
  Place place = found->second;
  std::string_view line = line_text(place.line);
  const auto quotes_at = [&](std::size_t column) {
    const std::string_view rest = line.substr(std::min(column, line.size()));
    return rest.starts_with("\"\"\"") || rest.starts_with("'''");
  };
  std::size_t column = place.column - 1;
  if (quotes_at(column)) {
    column += 3;
    if (column >= line.size()) {  // the text begins on the next line
      line = line_text(++place.line);
      column = 0;
    }
    if (column + offset > line.size() && place.line < lines_.size()) {
      const std::size_t at = ends_[place.line - 1] - line.size() + column + offset;
      const auto end = std::lower_bound(ends_.begin() + place.line, std::prev(ends_.end()), at);
      place.line = static_cast<std::uint32_t>(end - ends_.begin()) + 1;
      line = line_text(place.line);
      offset = at - (*end - line.size());
      column = 0;
    }
  } else {
    ++column;
  }
  column = std::min(column + offset, line.size());
  // A whole value is marked at its first word.
  const std::size_t word = line.find_first_not_of(" \t", column);
  if (word != std::string::npos) column = word;
  const std::size_t end =
      std::min(line.find_first_of(" \t,\"'", std::min(column + 1, line.size())), line.size());
  place.column = static_cast<std::uint32_t>(column + 1);
  place.end_column = static_cast<std::uint32_t>(std::max(end, column + 1) + 1);
  return at(place, std::move(code), std::move(message));
}

}  // namespace postern::app
