#include "dialect/webhook/manual.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "dialect/webhook/controls.h"
#include "dialect/webhook/fields.h"

namespace postern::dialect::webhook {

namespace {

/// What a field of a kind accepts.
std::string_view accepted(FieldKind kind) {
  switch (kind) {
    case FieldKind::name:
      return "1 to 100 characters, trimmed; need not be unique";
    case FieldKind::flag:
      return "`true`, `false`";
    case FieldKind::networks:
      return "networks and addresses";
    case FieldKind::domains:
      return "domains";
    case FieldKind::checks:
      return "names of offered checks, in the table below";
    case FieldKind::mode:
      return "`enforce`, `shadow`";
    case FieldKind::credentials:
      return "user names with bcrypt hashes; never shown";
  }
  return {};
}

std::string refused_and_why(const FieldText& field) {
  if (!field.refused.empty()) return std::string(field.refused);
  if (field.kind == FieldKind::networks) {
    return "host bits set (the sentence proposes the network); leading zeros, zones, host names";
  }
  if (field.kind == FieldKind::checks) return "any other name";
  if (field.needs.empty()) return "anything else";
  return fmt::format("a list while `{}` is false: it would restrict nothing", field.needs);
}

}  // namespace

std::string policy_manual() {
  std::string text = "| field | accepted | refused, and why |\n|---|---|---|\n";
  for (const FieldText& field : field_texts()) {
    text += fmt::format("| `{}` | {} | {} |\n", field.name, accepted(field.kind),
                        refused_and_why(field));
  }
  text +=
      "\n| control | set by | evaluated | [checks](checks.md) | replies |\n|---|---|---|---|---|\n";
  for (const Control& control : controls()) {
    std::vector<std::string_view> checks;
    std::vector<std::string_view> replies;
    for (const ControlRule& rule : control.rules) {
      if (std::ranges::find(checks, rule.check->name) != checks.end()) continue;
      checks.push_back(rule.check->name);
      replies.push_back(rule.check->replies);
    }
    text += fmt::format(
        "| `{}` | `{}` | {} | `{}` | {} |\n", control.name, fmt::join(control.fields, "`, `"),
        control.rules.front().check->stage == policy::Stage::rcpt ? "at RCPT TO"
                                                                  : "at the end of data",
        fmt::join(checks, "`, `"), fmt::join(replies, ", "));
  }
  return text;
}

}  // namespace postern::dialect::webhook
