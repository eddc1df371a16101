#include "dialect/webhook/reads_as.h"

#include <algorithm>

#include "dialect/webhook/controls.h"

namespace postern::dialect::webhook {

namespace {

/// The last rule of a control that is on; null: the control is off.
const ControlRule* last_on(const Control& control, const PolicyFields& fields) {
  const ControlRule* last = nullptr;
  for (const ControlRule& rule : control.rules) {
    if (rule.is_on(fields)) last = &rule;
  }
  return last;
}

}  // namespace

std::vector<Reading> reads_as(const PolicyFields& fields) {
  std::vector<Reading> readings;
  for (const Control& control : controls()) {
    const ControlRule* rule = last_on(control, fields);
    if (rule == nullptr) continue;
    Reading reading{std::string(control.name), control.reads(fields), {}, {}};
    if (!fields.shadow) reading.otherwise = first_reply(*rule->check);
    reading.stage = rule->check->stage == policy::Stage::rcpt ? "rcpt" : "data";
    readings.push_back(std::move(reading));
  }
  if (readings.empty()) readings.push_back({"none", "Every message is accepted.", {}, {}});
  return readings;
}

std::vector<Advice> advise(const PolicyFields& fields) {
  std::vector<Advice> advice;
  const bool any = std::ranges::any_of(
      controls(), [&](const Control& control) { return last_on(control, fields) != nullptr; });
  if (!any) {
    advice.push_back({"name", "No control is on: a webhook with this policy accepts all mail."});
  } else if (fields.shadow) {
    advice.push_back({"mode", "Shadow refuses nothing: refusals are only written to the trace."});
  }
  for (const Control& control : controls()) {
    if (control.advise != nullptr) control.advise(fields, advice);
  }
  return advice;
}

}  // namespace postern::dialect::webhook
