#include "admin/sign_in_log.h"

#include <algorithm>
#include <iterator>

#include <boost/json.hpp>

#include "admin/time_text.h"
#include "base/ulid.h"
#include "store/store.h"

namespace postern::admin {

std::optional<store::AuditRow> SignInLog::entry(const IpAddress& client, store::Time now,
                                                const std::string& team, const std::string& person,
                                                std::string action,
                                                const boost::json::object& details) {
  const std::string key = person + " " + action;
  store::AuditRow row{
      new_id("al_"), team, std::move(action), boost::json::serialize(details), client.to_string(),
      person,        now};
  const std::lock_guard lock(mutex_);
  if (kinds_.size() >= capacity) close_windows(now);
  if (kinds_.size() >= capacity && !kinds_.contains(key)) return row;
  Kind& kind = kinds_[key];
  if (kind.seen == 0) kind.since = now;
  if (++kind.seen <= burst) return row;
  kind.last = std::move(row);
  return std::nullopt;
}

void SignInLog::failed(const Call& call, const store::AccountRow& account, std::string_view why) {
  std::optional<store::AuditRow> row =
      entry(call.client, call.now, account.team_id, account.id, "session.failed",
            {{"email", account.email}, {"why", why}});
  const std::lock_guard lock(mutex_);
  if (row && waiting_.size() < capacity) waiting_.push_back(std::move(*row));
}

void SignInLog::close_windows(store::Time now) {
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    Kind& kind = at->second;
    if (kind.since + window > now) {
      ++at;
      continue;
    }
    if (kind.seen > burst && waiting_.size() < capacity) {
      kind.last.details = boost::json::serialize(
          boost::json::object{{"count", kind.seen - burst}, {"since", to_rfc3339(kind.since)}});
      waiting_.push_back(std::move(kind.last));
    }
    at = kinds_.erase(at);
  }
}

Result<void> SignInLog::write(store::Store& store, store::Time now) {
  std::vector<store::AuditRow> rows;
  {
    const std::lock_guard lock(mutex_);
    close_windows(now);
    rows.swap(waiting_);
  }
  for (auto row = rows.begin(); row != rows.end(); ++row) {
    const Result<void> kept = store.append_audit(*row);
    // Fault::conflict: the entry exists, although an earlier attempt reported an error.
    if (kept || kept.error().fault == Fault::conflict) continue;
    const std::lock_guard lock(mutex_);
    // Newer entries are dropped first, as usual beyond the capacity.
    rows.erase(rows.begin(), row);
    const std::size_t room = capacity - std::min(capacity, rows.size());
    const std::size_t newer = std::min(room, waiting_.size());
    std::move(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(newer),
              std::back_inserter(rows));
    waiting_ = std::move(rows);
    return kept;
  }
  return {};
}

std::size_t SignInLog::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace postern::admin
