#include "telemetry/log_fold.h"

#include <algorithm>

#include <fmt/format.h>

namespace postern::telemetry {

namespace {

bool is_foldable(const LogRecord& record) {
  static constexpr std::string_view events[] = {
      "decision.refused", "decision.deferred", "auth.failed", "auth.throttled",
      "delivery.retry",   "delivery.failed",   "store.error", "budget.exhausted",
      "session.error",    "session.refused"};
  if (record.event == "session.end")
    return record.find("end") == "refused" || record.find("end") == "replaced";
  return std::find(std::begin(events), std::end(events), record.event) != std::end(events);
}

std::string reason_of(const LogRecord& record) {
  std::string out(record.event);
  for (const std::string_view name :
       {"listener", "client_ip", "layer", "rule", "code", "enhanced_code", "route", "error"}) {
    out += '\n';
    out += record.find(name);
  }
  return out;
}

std::uint8_t count_field() {
  const auto* found = std::find(std::begin(field_names), std::end(field_names), "count");
  return static_cast<std::uint8_t>(found - std::begin(field_names));
}

}  // namespace

bool Fold::passes(const LogRecord& record) {
  if (!is_foldable(record)) return true;
  const std::string key = reason_of(record);
  auto found = reasons_.find(key);
  if (found == reasons_.end()) {
    if (reasons_.size() < capacity) reasons_.emplace(key, Reason{{}, 1, record.time});
    return true;
  }
  Reason& reason = found->second;
  if (++reason.seen <= burst) return true;
  reason.last = record;
  return false;
}

std::vector<LogRecord> Fold::summaries(std::chrono::system_clock::time_point now, bool everything) {
  std::vector<LogRecord> out;
  for (auto it = reasons_.begin(); it != reasons_.end();) {
    Reason& reason = it->second;
    // A clock that was set back ends the window as well.
    if (!everything && now >= reason.since && now - reason.since < window) {
      ++it;
      continue;
    }
    if (reason.seen > burst) {
      const std::size_t folded = reason.seen - burst;
      reason.last.time = now;
      reason.last.msg = fmt::format("same reason \xc3\x97{} in {} s", folded, window.count());
      reason.last.fields.push_back({count_field(), true, std::to_string(folded)});
      out.push_back(std::move(reason.last));
    }
    it = reasons_.erase(it);
  }
  return out;
}

}  // namespace postern::telemetry
