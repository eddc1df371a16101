#include "serve/decision_lookup.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/ulid.h"
#include "store/trace_words.h"

namespace postern::app {

namespace {

using store::TraceReader;
using store::TraceRow;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_rows = 50;
constexpr std::chrono::seconds lookup_patience{5};

/// The time in a ULID.
store::Time time_of_ulid(const std::string& ulid) {
  std::int64_t millis = 0;
  for (const char c : ulid_octets(ulid).substr(0, 6)) {
    millis = millis << 8 | static_cast<unsigned char>(c);
  }
  return store::from_millis(millis);
}

Result<std::vector<TraceRow>> rows_of(TraceReader& traces, const std::vector<std::string>& ids) {
  std::vector<TraceRow> rows;
  for (const std::string& id : ids) {
    auto row = traces.row(id);
    if (!row) return tl::unexpected(row.error());
    if (*row) rows.push_back(std::move(**row));
  }
  std::ranges::sort(rows, {}, &TraceRow::number);
  return rows;
}

/// The decisions of a session: all are from after its beginning.
Result<std::vector<TraceRow>> of_session(TraceReader& traces, const std::string& id,
                                         Clock::time_point until) {
  constexpr std::size_t a_step = 256;
  auto span = traces.span(time_of_ulid(id), std::nullopt);
  if (!span) return tl::unexpected(span.error());
  const std::string named = "\"session\":{\"id\":\"" + id + '"';
  const std::string trace_named = "\"id\":\"";
  std::vector<std::string> ids;
  while (span->count > 0 && ids.size() < most_rows && Clock::now() < until) {
    const auto records = traces.records(*span, a_step);
    if (!records) return tl::unexpected(records.error());
    if (records->empty()) break;
    for (const store::NumberedRecord& one : *records) {
      if (one.text.find(named) == std::string::npos) continue;
      const std::size_t at = one.text.find(trace_named);
      if (at != std::string::npos) ids.push_back(one.text.substr(at + trace_named.size(), 26));
    }
    span->after = records->back().number;
  }
  return rows_of(traces, ids);
}

/// The decisions whose reply named the message: "queued as ID", "accepted msg_ID". Those of an id
/// that has a time are not older.
Result<std::vector<TraceRow>> of_reply(TraceReader& traces, const std::string& id,
                                       Clock::time_point until) {
  constexpr std::size_t a_page = 1000;
  store::TraceWords words;
  if (is_ulid(id)) words.after = time_of_ulid(id);
  std::vector<TraceRow> rows;
  store::TraceSearch search{.outcome = "accepted", .limit = a_page};
  do {
    auto found = traces.search(search, words);
    if (!found) return tl::unexpected(found.error());
    for (TraceRow& row : found->rows) {
      if (row.reply.ends_with(id) && rows.size() < most_rows) rows.push_back(std::move(row));
    }
    search.before = found->next;
  } while (search.before != 0 && Clock::now() < until);
  std::ranges::reverse(rows);
  return rows;
}

/// The decisions on what was delivered to webhooks, by their logs.
Result<std::vector<TraceRow>> of_deliveries(Databases& databases, TraceReader& traces,
                                            const std::string& id, Clock::time_point until) {
  const auto control = databases.control();
  const auto log = databases.deliveries();
  if (!control || !log) return std::vector<TraceRow>();
  std::vector<std::string> webhooks;
  const Result<void> read =
      (*control)->each_webhook([&](const store::WebhookRow& row) { webhooks.push_back(row.id); });
  if (!read) return tl::unexpected(read.error());
  std::vector<std::string> ids;
  const auto take = [&](const store::LogRecord& record) {
    if (record.trace_id && std::ranges::find(ids, *record.trace_id) == ids.end()) {
      ids.push_back(*record.trace_id);
    }
  };
  const bool is_record = id.starts_with("log_");
  for (const std::string& webhook : webhooks) {
    if (ids.size() >= most_rows || Clock::now() >= until) break;
    if (is_record) {
      const auto record = (*log)->find(webhook, id);
      if (!record) return tl::unexpected(record.error());
      if (*record) take(**record);
      continue;
    }
    const auto slice = (*log)->log_slice(webhook, {}, {.limit = most_rows, .needle = id});
    if (!slice) return tl::unexpected(slice.error());
    for (const store::LogRecord& record : slice->rows) {
      if (record.message_id == id) take(record);
    }
  }
  return rows_of(traces, ids);
}

}  // namespace

std::string_view to_text(IdKind kind) {
  switch (kind) {
    case IdKind::session:
      return "a session";
    case IdKind::message:
      return "a message";
    case IdKind::delivery:
      break;
  }
  return "a delivery";
}

Result<FoundDecisions> decisions_of(Databases& databases, const std::string& id) {
  const auto traces = databases.traces();
  if (!traces) return tl::unexpected(traces.error());
  const auto until = Clock::now() + lookup_patience;
  const auto found = [](IdKind kind, Result<std::vector<TraceRow>> rows) -> Result<FoundDecisions> {
    if (!rows) return tl::unexpected(rows.error());
    return FoundDecisions{.kind = kind, .rows = std::move(*rows)};
  };
  const bool is_record = id.starts_with("log_");
  if (!is_ulid(id)) {
    auto rows = of_deliveries(databases, **traces, id, until);
    if (is_record || !rows || !rows->empty()) {
      return found(is_record ? IdKind::delivery : IdKind::message, std::move(rows));
    }
    return found(IdKind::message, of_reply(**traces, id, until));
  }
  auto rows = of_session(**traces, id, until);
  if (!rows || !rows->empty()) return found(IdKind::session, std::move(rows));
  return found(IdKind::message, of_reply(**traces, id, until));
}

}  // namespace postern::app
