#include "config/restrictions.h"

#include <fmt/format.h>

#include "base/text.h"
#include "config/words.h"
#include "dialect/restrictions/table.h"

namespace postern::app {

namespace restrictions = dialect::restrictions;

namespace {

Diagnostic unknown_parameter(const std::string& name, const Positions& positions) {
  Diagnostic diagnostic = positions.at("restrictions." + name, "C012",
                                       fmt::format("unknown key `{}`", printable(name, 64)));
  const auto near = nearest(name, restrictions::section_keys());
  if (near) diagnostic.label = fmt::format("did you mean `{}`?", *near);
  diagnostic.hint =
      near ? "rename the key, or see `postern help C012`"
           : "no restriction list uses it; `postern import postfix` converts a main.cf";
  return diagnostic;
}

Severity severity_of(const restrictions::Diagnostic& one) {
  using Kind = restrictions::Diagnostic::Severity;
  return one.severity == Kind::error     ? Severity::error
         : one.severity == Kind::warning ? Severity::warning
                                         : Severity::note;
}

}  // namespace

void compile_restrictions(RestrictionsConfig& config, const std::string& hostname,
                          const FileRules& rules, const Positions& positions,
                          Diagnostics& diagnostics) {
  if (!config.present) return;
  const auto locate = [&](const restrictions::Place& place) -> std::string {
    const auto value = config.section.parameters.find(place.parameter);
    if (value == config.section.parameters.end()) return {};
    // Of a value with variables, offsets are those of what they expand to.
    const bool as_written = value->second.find('$') == std::string::npos;
    const Diagnostic at = positions.at_offset("restrictions." + place.parameter,
                                              as_written ? place.offset : 0, "", "");
    if (at.line == 0) return {};
    return fmt::format("{}:{}:{}", at.file, at.line, at.column);
  };
  config.judged = std::make_shared<const restrictions::Judged>(
      restrictions::judge(config.section, hostname, restrictions::file_sources(rules), locate));
  for (const std::string& name : config.judged->unknown) {
    diagnostics.add(unknown_parameter(name, positions));
  }
  for (const restrictions::Diagnostic& one : config.judged->diagnostics) {
    // `postern check` prints the linter's notes.
    const bool linted = one.code.starts_with("R1");
    if (linted && one.severity == restrictions::Diagnostic::Severity::note) continue;
    Diagnostic diagnostic = positions.at_offset("restrictions." + one.place.parameter,
                                                one.place.offset, one.code, one.message);
    diagnostic.severity = severity_of(one);
    diagnostic.hint = one.hint;
    if (restrictions::is_about_relay(one)) {
      diagnostic.hint += "; for an open relay on purpose, see `postern help R110`";
    }
    diagnostics.add(std::move(diagnostic));
  }
}

}  // namespace postern::app
