// Lint reports as JSON and as text.
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

/// Whom `keyed` lists may let relay: keys of the permitting tables, else the words of the rule. At
/// most `most`.
std::vector<std::string> relay_keys(const ListPolicy& policy, const LintReport& report,
                                    std::size_t most);

/// The findings of a severity with their hints.
std::string findings_text(const LintReport& report, Finding::Severity severity);
/// "closed: ...", or the dialogue that relays.
std::string conclusion_text(const LintReport& report);
/// The findings with their hints, then the conclusion.
std::string to_text(const LintReport& report);

}  // namespace postern::dialect::restrictions
