// Operators' queries: lists with filters, and counts. They use their own connection, so that
// neither the writer nor deliveries wait for them.
#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/ulid.h"
#include "spool/message_row.h"
#include "spool/sqlite_spool.h"

namespace postern::spool {
namespace {

using store::Row;

/// A SELECT over messages. Values are bound to these parameters, never written into the query: ?1
/// before, ?2 limit, ?3 destination, ?4 account, ?5 sender, ?6 recipient, ?7 stored before, ?8
/// quarantine.
struct Question {
  std::string from = "message AS m";
  std::string where;
};

/// The SQL condition on one recipient `r`; it contains only numbers of our own enumerations.
std::string sqlite_recipient_condition(const ListFilter& filter) {
  std::string out = "1";
  if (filter.state) out += fmt::format(" AND r.state = {}", static_cast<int>(*filter.state));
  if (filter.destination) {
    out += fmt::format(" AND r.kind = {} AND r.destination = ?3",
                       static_cast<int>(filter.destination->kind));
  }
  if (filter.recipient) out += " AND r.address = ?6";
  if (filter.quarantine) out += " AND r.quarantine = ?8";
  return out;
}

/// The SELECT of matching recipients by the narrowest index. Empty: no index is narrow, and a scan
/// of messages from the newest on finds enough matches. SQLite does not infer that a state of 4 is
/// >= 3, so the query states it.
std::string recipients_by_index(const ListFilter& filter) {
  const std::string condition = sqlite_recipient_condition(filter);
  const auto by = [&](std::string_view index, std::string_view part) {
    return fmt::format("SELECT r.message FROM recipient AS r INDEXED BY {} WHERE {} AND {}", index,
                       condition, part);
  };
  const bool kept = filter.state && *filter.state >= State::held;
  if (filter.quarantine && !filter.state)
    return by("recipient_kept", "r.state = 5 AND r.state >= 3");
  if (kept) return by("recipient_kept", "r.state >= 3");
  if (!filter.destination) return {};
  if (filter.state == State::queued) return by("recipient_destination", "r.state = 0");
  if (filter.state) return {};  // a final state, in a message that still has open recipients
  return by("recipient_destination", "r.state = 0") + " UNION " +
         by("recipient_kept", "r.state IN (3, 4, 5) AND r.state >= 3");
}

// INDEXED BY turns a missing index into an error instead of a scan, and CROSS JOIN fixes the order
// of the tables.
Question question_of(const ListFilter& filter, const MessageId& before) {
  Question question;
  const std::string found = recipients_by_index(filter);
  if (!found.empty()) {
    question.from = fmt::format(
        "(SELECT DISTINCT message FROM ({})) AS k CROSS JOIN message AS m ON m.seq = k.message",
        found);
  } else {
    if (filter.account && !filter.account->empty()) {
      question.from += " INDEXED BY message_account";
    }
    if (filter.state || filter.recipient || filter.destination) {
      question.where +=
          fmt::format(" AND EXISTS (SELECT 1 FROM recipient AS r WHERE r.message = m.seq AND {})",
                      sqlite_recipient_condition(filter));
    }
  }
  if (!before.empty()) question.where += " AND m.id < ?1";
  if (filter.stored_before) question.where += " AND m.id < ?7";
  if (filter.sender) question.where += " AND m.reverse_path = ?5";
  if (filter.account) question.where += " AND m.account = ?4";
  if (filter.account && !filter.account->empty()) question.where += " AND m.account <> ''";
  return question;
}

}  // namespace

Result<std::vector<Message>> SqliteSpool::list(const ListFilter& filter, const MessageId& before,
                                               std::size_t limit) {
  const Question question = question_of(filter, before);
  // The query uses every parameter, so that all can be bound.
  const std::string sql = fmt::format(
      "SELECT " POSTERN_MESSAGE_COLUMNS
      " FROM {} WHERE ?1 IS NOT NULL AND ?3 IS NOT NULL AND ?4 IS NOT NULL AND ?5 IS NOT NULL AND "
      "?6 IS NOT NULL AND ?7 IS NOT NULL AND ?8 IS NOT NULL{} ORDER BY m.id DESC LIMIT ?2",
      question.from, question.where);
  const std::lock_guard guard(asking_mutex_);
  return asking_->all(
      sql, read_message, before, limit, filter.destination ? filter.destination->key : "",
      filter.account.value_or(""), filter.sender.value_or(""), filter.recipient.value_or(""),
      filter.stored_before ? first_ulid(*filter.stored_before) : MessageId(),
      filter.quarantine.value_or(""));
}

Result<std::vector<DestinationCount>> SqliteSpool::counts() {
  // seq increases with the time of storing, so the lowest one is the oldest message.
  constexpr std::string_view queued =
      "SELECT c.kind, c.destination, 0, c.many, c.due, m.received_at FROM "
      "(SELECT kind, destination, count(*) AS many, min(next_at) AS due, min(message) AS first "
      "FROM recipient INDEXED BY recipient_destination WHERE state = 0 AND kind BETWEEN 0 AND 2 "
      "GROUP BY kind, destination) AS c CROSS JOIN message AS m ON m.seq = c.first";
  constexpr std::string_view kept =
      "SELECT c.kind, c.destination, c.state, c.many, 0, m.received_at FROM "
      "(SELECT state, kind, destination, count(*) AS many, min(message) AS first "
      "FROM recipient INDEXED BY recipient_kept WHERE state >= 3 AND state <= 5 AND kind "
      "BETWEEN 0 AND 2 "
      "GROUP BY state, kind, destination) AS c CROSS JOIN message AS m ON m.seq = c.first";
  const auto read = [](const Row& row) {
    return DestinationCount{.destination = {static_cast<RouteKind>(row.integer(0)), row.text(1)},
                            .state = static_cast<State>(row.integer(2)),
                            .recipients = static_cast<std::uint64_t>(row.integer(3)),
                            .oldest = row.time(5),
                            .due = row.time(4)};
  };
  const std::lock_guard guard(asking_mutex_);
  auto counts = asking_->all(queued, read);
  if (!counts) return counts;
  const auto others = asking_->all(kept, read);
  if (!others) return tl::unexpected(others.error());
  counts->insert(counts->end(), others->begin(), others->end());
  std::sort(counts->begin(), counts->end(), [](const auto& a, const auto& b) {
    return std::tie(a.destination, a.state) < std::tie(b.destination, b.state);
  });
  return counts;
}

Result<std::uint64_t> SqliteSpool::size() {
  std::uint64_t octets = 0;
  for (const char* name : {"/spool.db", "/spool.db-wal"}) {
    struct stat file{};
    if (::stat((options_.directory + name).c_str(), &file) == 0) {
      octets += static_cast<std::uint64_t>(file.st_size);
    }
  }
  const std::lock_guard guard(asking_mutex_);
  const auto files = asking_->number(
      "SELECT coalesce(sum(size), 0) FROM message INDEXED BY message_in_file WHERE in_file = 1");
  if (!files) return tl::unexpected(files.error());
  return octets + static_cast<std::uint64_t>(*files);
}

}  // namespace postern::spool
