// A lint report for people and for programs.
#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "dialect/restrictions/lint.h"

namespace postern::dialect::restrictions {

/// {"starts", "complete": {list: bool}, "unreachable": [[list, index]], "open_relay", "witness":
/// [lines], "errors": [[parameter, index or null, message]], "findings": [{severity, code, list,
/// index, message, hint}]}.
boost::json::object to_json(const LintReport& report);

/// For whom lists that are `keyed` may be open: keys of the tables that permit, else the words of
/// the rule. At most `most`.
std::vector<std::string> relay_keys(const Policy& policy, const LintReport& report,
                                    std::size_t most);

/// The findings of a severity, each with its hint.
std::string findings_text(const LintReport& report, Finding::Severity severity);
/// "closed: ...", or the dialogue that gets through.
std::string conclusion_text(const LintReport& report);
/// The findings with their hints, then the proof or the dialogue that gets through.
std::string to_text(const LintReport& report);

}  // namespace postern::dialect::restrictions
