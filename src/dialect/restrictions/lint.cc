#include "dialect/restrictions/lint.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/lint_checks.h"
#include "dialect/restrictions/lint_model.h"
#include "dialect/restrictions/lint_relay.h"
#include "mailauth/names.h"

namespace postern::dialect::restrictions {

namespace {

using Severity = Finding::Severity;

/// Rules of which Postfix requires one before it serves (R113 in docs/restriction-lists.md).
bool protects(const Rule& rule) {
  if (rule.keyword == nullptr) return false;
  const Keyword& keyword = *rule.keyword;
  if (keyword.certain == Keyword::Certain::always) return keyword.kind == Keyword::Class::reject;
  return keyword.certain == Keyword::Certain::foreign ||
         keyword.certain == Keyword::Certain::deferral;
}

/// Whether no later rule is reached.
bool ends_list(const Rule& rule) {
  return rule.keyword != nullptr && rule.keyword->certain == Keyword::Certain::always;
}

bool has_protection(const List& list, int depth = 0) {
  if (depth > 16) return false;
  for (const Rule& rule : list) {
    if (rule.warn_only) continue;
    if (rule.list) {
      if (has_protection(*rule.list, depth + 1)) return true;
      continue;
    }
    if (protects(rule)) return true;
    if (ends_list(rule)) return false;
  }
  return false;
}

class Linter {
 public:
  Linter(const ListPolicy& policy, const Diagnostics& diagnostics,
         const mailauth::SuffixList& suffixes)
      : policy_(policy), diagnostics_(diagnostics), suffixes_(suffixes) {}

  LintReport run() {
    take_errors();
    report_.starts = has_protection(policy_.list(ListKind::relay)) ||
                     has_protection(policy_.list(ListKind::recipient));
    judge_open_relay();
    if (!report_.starts) {
      say(Severity::error, "R113", "smtpd_relay_restrictions", std::nullopt,
          "Postfix would not start with these lists: neither the relay nor the recipient list "
          "refuses destinations that are not ours",
          "end smtpd_relay_restrictions with reject_unauth_destination");
    }
    for (std::size_t i = 0; i < list_count; ++i) check_list(static_cast<ListKind>(i));
    check_settings(policy_, suffixes_, report_.findings);
    std::vector<Finding> sorted;
    for (const auto severity : {Severity::error, Severity::warning, Severity::note}) {
      for (Finding& one : report_.findings) {
        if (one.severity == severity) sorted.push_back(std::move(one));
      }
    }
    report_.findings = std::move(sorted);
    return std::move(report_);
  }

 private:
  void say(Severity severity, std::string code, std::string list, std::optional<std::size_t> index,
           std::string message, std::string hint = {}) {
    report_.findings.push_back(
        {severity, std::move(code), std::move(list), index, std::move(message), std::move(hint)});
  }

  /// Converts the compiler's diagnostics to findings and finds the elements at their places. A
  /// keyword that is only not carried is correct in Postfix, so it is a finding.
  void take_errors() {
    std::map<std::pair<std::string_view, std::size_t>, std::size_t> elements;  // by place
    const auto note = [&](const List& list) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        elements.try_emplace({list[i].place.parameter, list[i].place.offset}, i);
      }
    };
    for (const List& list : policy_.lists) note(list);
    for (const auto& [name, list] : policy_.classes) note(*list);
    for (const Diagnostic& one : diagnostics_) {
      if (one.severity == Severity::note) continue;
      const auto element = elements.find({one.place.parameter, one.place.offset});
      Finding finding{one.severity,
                      one.code,
                      one.place.parameter,
                      element != elements.end() ? std::optional(element->second) : std::nullopt,
                      one.message,
                      one.hint};
      const bool is_mistake = one.code != "R013" && !one.code.starts_with("W");
      if (is_mistake) report_.errors.push_back(finding);
      report_.findings.push_back(std::move(finding));
    }
  }

  void judge_open_relay() {
    RelayVerdict verdict = judge_relay(policy_);
    report_.open_relay = verdict.open;
    report_.witness = std::move(verdict.witness);
    report_.ended_early = verdict.ended_early;
    if (verdict.ended_early) {
      say(Severity::warning, "R111", "smtpd_relay_restrictions", std::nullopt,
          "the lists are too large to try every dialogue: it is not proved that unknown clients "
          "are refused for destinations that are not ours",
          "end smtpd_relay_restrictions with reject_unauth_destination");
    }
    if (verdict.open == OpenRelay::yes) say_open(verdict);
    for (const Opening& one : verdict.openings) {
      const Rule& rule = policy_.list(one.list)[one.index];
      if (verdict.open != OpenRelay::keyed) break;
      say(Severity::warning, "R111", std::string(parameter_of(one.list)), one.index,
          fmt::format("{} can let unknown clients send to destinations that are not ours",
                      printable(rule.words, 200)),
          "put it after reject_unauth_destination unless that is intended");
    }
    if (verdict.open == OpenRelay::keyed && verdict.openings.empty() && !verdict.ended_early) {
      say(Severity::warning, "R111", "smtpd_relay_restrictions", std::nullopt,
          "it cannot be proved that unknown clients are refused for destinations that are not ours",
          "end smtpd_relay_restrictions with reject_unauth_destination");
    }
    for (const Opening& one : verdict.discards) {
      say(Severity::warning, "R112", std::string(parameter_of(one.list)), one.index,
          "DISCARD accepts a message and discards it for all its recipients, including those not "
          "yet known and those not ours",
          "write REJECT, which tells the sender");
    }
  }

  /// Reports the open relay at the rule that permits the witness, if there is one.
  void say_open(const RelayVerdict& verdict) {
    const Opening* rule = nullptr;
    for (const Opening& one : verdict.openings) {
      const std::string list(parameter_of(one.list));
      const std::string sentence = why_permitted(policy_.list(one.list)[one.index]);
      for (const auto& [passed, why] : report_.witness.passed) {
        if (rule == nullptr && passed == list && why == sentence) rule = &one;
      }
    }
    const ListKind kind = rule != nullptr ? rule->list : ListKind::relay;
    say(Severity::error, "R110", std::string(parameter_of(kind)),
        rule != nullptr ? std::optional(rule->index) : std::nullopt,
        "an open relay: any client may send to any destination",
        "put reject_unauth_destination before the rule that permits any client; `postern check` "
        "prints a dialogue that succeeds");
  }

  void check_list(ListKind kind) {
    const List& list = policy_.list(kind);
    const std::string parameter(parameter_of(kind));
    const ListCheck check =
        check_rules(policy_, list, moment_of(policy_, kind), parameter, report_.findings);
    report_.complete[parameter] = check.complete;
    for (const std::size_t index : check.unreachable) {
      report_.unreachable.emplace_back(parameter, index);
    }
    if (!list.empty() && !check.complete) {
      say(Severity::note, "R101", parameter, std::nullopt,
          "requests that no rule decides are permitted at the end of the list",
          "end the list with permit if that is intended, else with reject");
    }
  }

  const ListPolicy& policy_;
  const Diagnostics& diagnostics_;
  const mailauth::SuffixList& suffixes_;
  LintReport report_;
};

}  // namespace

std::string_view to_string(OpenRelay verdict) {
  switch (verdict) {
    case OpenRelay::no:
      return "no";
    case OpenRelay::keyed:
      return "keyed";
    case OpenRelay::yes:
      break;
  }
  return "yes";
}

LintReport lint(const ListPolicy& policy, const Diagnostics& diagnostics,
                const mailauth::SuffixList& suffixes) {
  return Linter(policy, diagnostics, suffixes).run();
}

Place place_of(const ListPolicy& policy, const Finding& finding) {
  if (finding.index) {
    for (std::size_t i = 0; i < list_count; ++i) {
      const List& list = policy.lists[i];
      const bool here = parameter_of(static_cast<ListKind>(i)) == finding.list;
      if (here && *finding.index < list.size()) return list[*finding.index].place;
    }
  }
  return {finding.list, 0};
}

LintReport lint(const ListPolicy& policy, const Diagnostics& diagnostics) {
  return lint(policy, diagnostics, mailauth::SuffixList::system());
}

}  // namespace postern::dialect::restrictions
