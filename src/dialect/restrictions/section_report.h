// The API's view of a section: each list as it is in effect, and the marks of compiler and linter
// by line and column.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "dialect/restrictions/section.h"

namespace postern::dialect::restrictions {

/// {"lists": {short name: text}, "parameters": {name: text}, "mode", "errors",
/// "require_complete_lists"}: the section as written.
boost::json::object written(const Section& section);

/// {"ok", "starts", "open_relay", "witness", "unreachable"} as in lint_report.h, "lists": {short
/// name: {"parameter", "in_effect", "complete", "marks"}}, and "marks" for all lists and
/// parameters: [{list, parameter, line, column, length, severity, code, text, hint, fix}]. Lines
/// and columns count from 1. Columns and lengths are characters of the parameter's value.
boost::json::object lint_json(const Section& section, const Judged& judged,
                              const std::string& hostname);
/// The marks of errors only.
boost::json::array error_marks(const Section& section, const Judged& judged,
                               const std::string& hostname);

/// The keywords for completion: {name, lists, argument, effect, summary, replaced_by}. An older
/// spelling has its own entry with the name that replaced it.
boost::json::array keyword_list();

}  // namespace postern::dialect::restrictions
