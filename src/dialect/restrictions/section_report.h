// What the API tells about a section: each list as it is in effect, and every mark of compiler and
// linter at its line and column.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "dialect/restrictions/section.h"

namespace postern::dialect::restrictions {

/// {"lists": {short name: text}, "parameters": {name: text}, "mode", "errors",
/// "require_complete_lists"}: the section as it was written.
boost::json::object written(const Section& section);

/// {"ok", "starts", "open_relay", "witness", "unreachable"} as in lint_report.h, "lists": {short
/// name: {"parameter", "in_effect", "complete", "marks"}} and, of all lists and parameters,
/// "marks":
/// [{list, parameter, line, column, length, severity, code, text, hint, fix}]. Lines and columns
/// count from 1; columns and lengths are in characters of the parameter's value.
boost::json::object lint_json(const Section& section, const Judged& judged,
                              const std::string& hostname);
/// The marks alone, errors only.
boost::json::array error_marks(const Section& section, const Judged& judged,
                               const std::string& hostname);

/// The words of lists, for completion: {name, lists, argument, effect, summary, replaced_by}; an
/// old spelling is an entry of its own that names the one it was replaced by.
boost::json::array keyword_list();

}  // namespace postern::dialect::restrictions
