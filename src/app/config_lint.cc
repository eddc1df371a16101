// Findings about restriction lists as diagnostics of the configuration.
#include "app/config_restrictions.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint.h"

namespace postern::app {

namespace {

namespace restrictions = dialect::restrictions;
using restrictions::Finding;

/// An open relay, and lists that Postfix would not serve with.
bool is_about_relay(const Finding& finding) {
  return finding.code == "R110" || finding.code == "R113";
}

Severity severity_of(const Finding& finding, const RestrictionsConfig& config) {
  if (finding.code == "R101" && config.require_complete_lists) return Severity::error;
  const bool harmless = config.open_relay_is_known || config.shadow;
  // What Postfix would not serve with is not served here either, even where it is proved closed.
  if (finding.code == "R113") return harmless ? Severity::warning : Severity::error;
  if (finding.severity == Finding::Severity::note) return Severity::note;
  if (finding.severity == Finding::Severity::warning) return Severity::warning;
  return is_about_relay(finding) && harmless ? Severity::warning : Severity::error;
}

}  // namespace

void lint_restrictions(RestrictionsConfig& config, const Positions& positions,
                       Diagnostics& diagnostics) {
  const restrictions::Compiled& compiled = config.loaded->compiled;
  const restrictions::Policy& policy = *compiled.draft;
  auto report = std::make_shared<const restrictions::LintReport>(
      restrictions::lint(policy, compiled.diagnostics));
  for (const Finding& finding : report->findings) {
    // What the compiler said is there already; notes are for `postern check` to print.
    if (!finding.code.starts_with("R1")) continue;
    const Severity severity = severity_of(finding, config);
    if (severity == Severity::note) continue;
    const restrictions::Place place = restrictions::place_of(policy, finding);
    Diagnostic diagnostic = positions.at_offset("restrictions." + place.parameter, place.offset,
                                                finding.code, finding.message);
    diagnostic.severity = severity;
    diagnostic.hint = finding.hint;
    if (is_about_relay(finding) && severity == Severity::error) {
      diagnostic.hint += ", or confirm it: i_know_this_is_an_open_relay = true";
    }
    diagnostics.add(std::move(diagnostic));
  }
  config.lint = std::move(report);
}

}  // namespace postern::app
