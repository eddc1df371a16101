#include "dialect/restrictions/section_report.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint_report.h"

namespace postern::dialect::restrictions {

namespace json = boost::json;

namespace {

struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
  std::size_t length = 0;
  std::string_view word;
};

/// Converts octet offsets of a text to positions. A text may have as many marks as words, so each
/// costs O(log n) after one pass over the text.
class Positions {
 public:
  explicit Positions(std::string text) : text_(std::move(text)) {
    characters_.reserve(text_.size() + 1);
    characters_.push_back(0);
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const bool continues = (static_cast<unsigned char>(text_[i]) & 0xC0) == 0x80;  // of UTF-8
      characters_.push_back(characters_.back() + (continues ? 0 : 1));
      if (text_[i] == '\n') lines_.push_back(i + 1);
    }
  }

  /// Its word is valid as long as this object.
  Position at(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const auto next_line = std::upper_bound(lines_.begin(), lines_.end(), offset);
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n,", offset), text_.size());
    return {.line = static_cast<std::size_t>(next_line - lines_.begin()),
            .column = 1 + characters_[offset] - characters_[*(next_line - 1)],
            .length = characters_[end] - characters_[offset],
            .word = std::string_view(text_).substr(offset, end - offset)};
  }

 private:
  std::string text_;
  std::vector<std::size_t> characters_;  ///< before each octet, and before the end
  std::vector<std::size_t> lines_{0};    ///< where they begin
};

std::string_view word_of(Diagnostic::Severity severity) {
  using Severity = Diagnostic::Severity;
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

json::value or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object mark(const Diagnostic& one, const Positions& positions) {
  const Position at = positions.at(one.place.offset);
  json::object out{{"list", or_null(short_name(one.place.parameter))},
                   {"parameter", one.place.parameter},
                   {"line", at.line},
                   {"column", at.column},
                   {"length", at.length},
                   {"severity", word_of(one.severity)},
                   {"code", one.code},
                   {"text", one.message},
                   {"hint", or_null(one.hint)}};
  // The former name of a keyword is the only error that one other word corrects.
  const Keyword* keyword = find_keyword(at.word);
  if (keyword != nullptr && iequals(at.word, keyword->former)) out["fix"] = keyword->name;
  return out;
}

Diagnostic unknown(const std::string& name) {
  return {.severity = Diagnostic::Severity::error,
          .code = "C012",
          .place = {name, 0},
          .message = "unknown parameter: no restriction list depends on it",
          .hint = {}};
}

template <class Wanted>
json::array marks(const Section& section, const Judged& judged, const std::string& hostname,
                  Wanted wanted) {
  const Parameters parameters = parameters_of(section, hostname);
  std::map<std::string, Positions, std::less<>> texts;
  const auto mark_in_text = [&](const Diagnostic& one) {
    auto text = texts.find(one.place.parameter);
    if (text == texts.end()) {
      text =
          texts.emplace(one.place.parameter, Positions(parameters.raw(one.place.parameter))).first;
    }
    return mark(one, text->second);
  };
  json::array out;
  for (const std::string& name : judged.unknown) out.push_back(mark_in_text(unknown(name)));
  for (const Diagnostic& one : judged.diagnostics) {
    if (wanted(one)) out.push_back(mark_in_text(one));
  }
  return out;
}

}  // namespace

json::object written(const Section& section) {
  json::object lists;
  json::object parameters;
  for (const auto& [name, value] : section.parameters) {
    const std::string_view list = short_name(name);
    (list.empty() ? parameters : lists)[list.empty() ? std::string_view(name) : list] = value;
  }
  return {{"mode", section.shadow ? "shadow" : "enforce"},
          {"errors", section.defer_errors ? "defer" : "refuse"},
          {"require_complete_lists", section.require_complete_lists},
          {"lists", std::move(lists)},
          {"parameters", std::move(parameters)}};
}

json::object lint_json(const Section& section, const Judged& judged, const std::string& hostname) {
  const Parameters parameters = parameters_of(section, hostname);
  json::object report = to_json(*judged.lint);
  json::object out{{"ok", judged.ok()}};
  // The findings are among the marks, and completeness is reported with each list.
  for (const char* name : {"starts", "open_relay", "witness", "unreachable"}) {
    out[name] = std::move(report[name]);
  }
  json::array all = marks(section, judged, hostname, [](const Diagnostic&) { return true; });
  json::object lists;
  for (std::size_t i = 0; i < list_count; ++i) {
    const std::string_view parameter = parameter_of(static_cast<ListKind>(i));
    const auto complete = judged.lint->complete.find(parameter);
    json::array own;
    for (const json::value& one : all) {
      if (one.at("parameter").as_string() == parameter) own.push_back(one);
    }
    lists[short_name(parameter)] =
        json::object{{"parameter", parameter},
                     {"in_effect", parameters.raw(parameter)},
                     {"complete", complete != judged.lint->complete.end() && complete->second},
                     {"marks", std::move(own)}};
  }
  out["lists"] = std::move(lists);
  out["marks"] = std::move(all);
  return out;
}

json::array error_marks(const Section& section, const Judged& judged, const std::string& hostname) {
  return marks(section, judged, hostname,
               [](const Diagnostic& one) { return one.severity == Diagnostic::Severity::error; });
}

namespace {

json::value argument_json(Keyword::Takes takes) {
  switch (takes) {
    case Keyword::Takes::zone:
      return "domain[=answers]";
    case Keyword::Takes::table:
      return "type:name";
    case Keyword::Takes::service:
      return "inet:host:port";
    case Keyword::Takes::seconds:
      return "seconds";
    case Keyword::Takes::nothing:
      break;
  }
  return nullptr;
}

std::string_view effect_name(Keyword::Class kind) {
  switch (kind) {
    case Keyword::Class::permit:
      return "permit";
    case Keyword::Class::reject:
      return "reject";
    case Keyword::Class::check:
      return "check";
    case Keyword::Class::other:
      break;
  }
  return "other";
}

}  // namespace

json::array keyword_list() {
  json::array all;
  for (const Keyword& keyword : keywords()) {
    json::array lists;
    for (std::size_t kind = 0; kind < list_count; ++kind) {
      const auto list = static_cast<ListKind>(kind);
      if (can_act_in(keyword, list)) lists.emplace_back(short_name(parameter_of(list)));
    }
    json::object entry{{"name", keyword.name},
                       {"lists", std::move(lists)},
                       {"argument", argument_json(keyword.takes)},
                       {"effect", effect_name(keyword.kind)},
                       {"summary", keyword.help},
                       {"replaced_by", nullptr}};
    all.push_back(entry);
    if (keyword.former.empty()) continue;
    entry["name"] = keyword.former;
    entry["replaced_by"] = keyword.name;
    all.push_back(std::move(entry));
  }
  return all;
}

}  // namespace postern::dialect::restrictions
