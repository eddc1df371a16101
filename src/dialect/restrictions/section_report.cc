#include "dialect/restrictions/section_report.h"

#include <algorithm>

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

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // UTF-8 continuation octets
  }));
}

Position position_of(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  Position position;
  position.line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  position.column = 1 + characters(before.substr(line_start));
  const std::size_t end = std::min(text.find_first_of(" \t\r\n,", offset), text.size());
  position.word = text.substr(offset, end - offset);
  position.length = characters(position.word);
  return position;
}

std::string_view word_of(Diagnostic::Severity severity) {
  using Severity = Diagnostic::Severity;
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "note";
}

json::value or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object mark(const Diagnostic& one, const Parameters& parameters) {
  const std::string text = parameters.raw(one.place.parameter);
  const Position at = position_of(text, one.place.offset);
  json::object out{{"list", or_null(short_name(one.place.parameter))},
                   {"parameter", one.place.parameter},
                   {"line", at.line},
                   {"column", at.column},
                   {"length", at.length},
                   {"severity", word_of(one.severity)},
                   {"code", one.code},
                   {"text", one.message},
                   {"hint", or_null(one.hint)}};
  // A keyword under its old name is the one thing that another word mends.
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
  json::array out;
  for (const std::string& name : judged.unknown) out.push_back(mark(unknown(name), parameters));
  for (const Diagnostic& one : judged.diagnostics) {
    if (wanted(one)) out.push_back(mark(one, parameters));
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
  // Its findings are among the marks, and completeness stands with each list.
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

json::value argument_of(Keyword::Takes takes) {
  switch (takes) {
    case Keyword::Takes::zone:
      return "domain[=answers]";
    case Keyword::Takes::table:
      return "type:name";
    case Keyword::Takes::service:
      return "inet:host:port";
    case Keyword::Takes::nothing:
      break;
  }
  return nullptr;
}

std::string_view effect_of(Keyword::Class kind) {
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
                       {"argument", argument_of(keyword.takes)},
                       {"effect", effect_of(keyword.kind)},
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
