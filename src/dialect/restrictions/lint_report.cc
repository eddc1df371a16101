#include "dialect/restrictions/lint_report.h"

#include <array>
#include <map>

#include <fmt/format.h>
#include <boost/json/array.hpp>

#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

namespace json = boost::json;

std::string_view word(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::error:
      return "error";
    case Finding::Severity::warning:
      return "warning";
    case Finding::Severity::note:
      break;
  }
  return "note";
}

json::value index_of(const Finding& finding) {
  return finding.index ? json::value(*finding.index) : json::value(nullptr);
}

/// "smtpd_relay_restrictions, element 2". Elements count from 1, like lines.
std::string place_text(const Finding& finding) {
  return finding.index ? fmt::format("{}, element {}", finding.list, *finding.index + 1)
                       : finding.list;
}

std::string conclusion(const LintReport& report) {
  switch (report.open_relay) {
    case OpenRelay::no:
      return "closed: clients outside mynetworks that have not authenticated cannot send to "
             "foreign destinations\n";
    case OpenRelay::keyed:
      if (report.witness.empty()) {
        return "not proved closed: no dialogue to a foreign destination was found to get through, "
               "and the rules named above may let one through\n";
      }
      if (report.ended_early) {
        return "not proved closed: the lists are too large to try every dialogue; this gets "
               "through:\n";
      }
      return "closed except for listed recipients, listed clients, or what a policy server "
             "allows; this gets through:\n";
    case OpenRelay::yes:
      break;
  }
  return "OPEN RELAY: any client can send to any destination; this gets through:\n";
}

/// The rule that a finding is about; null when it is about a whole list.
const Rule* rule_of(const ListPolicy& policy, const Finding& finding) {
  for (std::size_t kind = 0; kind < list_count; ++kind) {
    const List& list = policy.lists[kind];
    if (finding.list == parameter_of(static_cast<ListKind>(kind)) && finding.index &&
        *finding.index < list.size()) {
      return &list[*finding.index];
    }
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> relay_keys(const ListPolicy& policy, const LintReport& report,
                                    std::size_t most) {
  std::vector<std::string> keys;
  for (const Finding& finding : report.findings) {
    const Rule* rule = finding.code == "R111" ? rule_of(policy, finding) : nullptr;
    if (rule == nullptr) continue;
    const std::size_t before = keys.size();
    if (rule->table && rule->actions) {
      for (const auto& [value, action] : *rule->actions) {
        if (action.kind != Action::Kind::permit || keys.size() >= most) continue;
        const auto rows = rule->table->rows_with(value, most - keys.size());
        if (!rows) continue;
        for (const Table::Row& row : *rows) {
          const bool range = !row.last.empty() && row.last != row.key;
          keys.push_back(range ? row.key + "-" + row.last : row.key);
        }
      }
    }
    if (keys.size() == before && keys.size() < most) keys.push_back(printable(rule->words, 200));
  }
  return keys;
}

std::vector<std::string> dialogue(const Witness& witness) {
  std::vector<std::string> lines;
  if (witness.empty()) return lines;
  lines.push_back(fmt::format("client {} [{}]",
                              witness.client_name.empty() ? "unknown" : witness.client_name,
                              witness.client.to_string()));
  if (!witness.listener.empty()) {
    lines.back() += " at the listener " + printable(witness.listener, 64);
  }
  if (!witness.provided.empty()) lines.push_back("provided that " + witness.provided);
  if (!witness.helo.empty()) lines.push_back("C: EHLO " + printable(witness.helo, 255));
  if (witness.tls) {
    lines.emplace_back("C: STARTTLS");
    if (!witness.helo.empty()) lines.push_back("C: EHLO " + printable(witness.helo, 255));
  }
  lines.push_back("C: MAIL FROM:<" + printable(witness.sender, 320) + ">");
  lines.emplace_back("S: 250");
  for (const std::string& recipient : witness.recipients) {
    lines.push_back("C: RCPT TO:<" + printable(recipient, 320) + ">");
    lines.emplace_back("S: 250");
  }
  lines.emplace_back("C: DATA");
  lines.emplace_back("S: 354");
  lines.emplace_back("C: .");
  lines.emplace_back("S: 250");
  for (const auto& [list, why] : witness.passed) lines.push_back(list + ": " + why);
  return lines;
}

json::object to_json(const LintReport& report) {
  json::object complete;
  for (const auto& [list, is] : report.complete) complete[list] = is;
  json::array unreachable;
  for (const auto& [list, index] : report.unreachable) {
    unreachable.push_back(json::array{list, index});
  }
  json::array witness;
  for (const std::string& line : dialogue(report.witness)) witness.emplace_back(line);
  json::array errors;
  for (const Finding& one : report.errors) {
    errors.push_back(json::array{one.list, index_of(one), one.message});
  }
  json::array findings;
  for (const Finding& one : report.findings) {
    findings.push_back(json::object{{"severity", word(one.severity)},
                                    {"code", one.code},
                                    {"list", one.list},
                                    {"index", index_of(one)},
                                    {"message", one.message},
                                    {"hint", one.hint}});
  }
  return {{"starts", report.starts},
          {"complete", std::move(complete)},
          {"unreachable", std::move(unreachable)},
          {"open_relay", to_string(report.open_relay)},
          {"witness", std::move(witness)},
          {"errors", std::move(errors)},
          {"findings", std::move(findings)}};
}

std::string findings_text(const LintReport& report, Finding::Severity severity) {
  std::string text;
  std::map<std::array<std::string_view, 3>, std::string> places;  // of repeated findings
  std::vector<const Finding*> said;
  for (const Finding& one : report.findings) {
    if (one.severity != severity) continue;
    const auto [known, fresh] = places.try_emplace({one.code, one.message, one.hint});
    known->second += (fresh ? "" : "; ") + place_text(one);
    if (fresh) said.push_back(&one);
  }
  for (const Finding* one : said) {
    text += fmt::format("{}[{}] {}: {}\n", word(one->severity), one->code,
                        places[{one->code, one->message, one->hint}], one->message);
    if (!one->hint.empty()) text += fmt::format("  hint: {}\n", one->hint);
  }
  return text;
}

std::string conclusion_text(const LintReport& report) {
  std::string text = conclusion(report);
  for (const std::string& line : dialogue(report.witness)) text += "  " + line + "\n";
  return text;
}

std::string to_text(const LintReport& report) {
  using Severity = Finding::Severity;
  return findings_text(report, Severity::error) + findings_text(report, Severity::warning) +
         findings_text(report, Severity::note) + conclusion_text(report);
}

}  // namespace postern::dialect::restrictions
