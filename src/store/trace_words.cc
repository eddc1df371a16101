#include "store/trace_words.h"

#include "base/text.h"
#include "store/time_text.h"

namespace postern::store {
namespace {

constexpr std::string_view known = "from: to: ip: rule: reply: after: before:";

/// The next word or quoted value at the front of `text`, taken off it.
struct Piece {
  std::string key;  ///< "from", or ""
  std::string value;
};

std::string take_value(std::string_view& text) {
  std::string value;
  bool quoted = false;
  while (!text.empty() && (quoted || text.front() != ' ')) {
    if (text.front() == '"') {
      quoted = !quoted;
    } else {
      value.push_back(text.front());
    }
    text.remove_prefix(1);
  }
  return value;
}

/// A key is letters before a colon; an IPv6 address or a time is none.
Piece take_piece(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_alpha(text[n])) ++n;
  Piece piece;
  if (n > 1 && n < text.size() && text[n] == ':') {
    piece.key = lower(text.substr(0, n));
    text.remove_prefix(n + 1);
  }
  piece.value = take_value(text);
  return piece;
}

std::optional<Time> time_of(const std::string& text) {
  if (text.size() == 10) return from_rfc3339(text + "T00:00:00Z");
  return from_rfc3339(text);
}

Result<void> take(TraceWords& words, const Piece& piece) {
  const auto unreadable = [&](std::string_view what) {
    return fail(Fault::malformed,
                piece.key + ": " + printable(piece.value, 80) + " is no " + std::string(what));
  };
  if (piece.value.empty()) return fail(Fault::malformed, piece.key + ": has no value behind it");
  if (piece.key.empty()) {
    words.any.push_back(lower(piece.value));
  } else if (piece.key == "from") {
    words.from.push_back(lower(piece.value));
  } else if (piece.key == "to") {
    words.to.push_back(lower(piece.value));
  } else if (piece.key == "rule") {
    words.rule.push_back(lower(piece.value));
  } else if (piece.key == "reply") {
    words.reply.push_back(piece.value);
  } else if (piece.key == "ip") {
    const Result<Cidr> network = Cidr::parse(piece.value);
    if (!network) return fail(Fault::malformed, "ip: " + network.error().message);
    words.ip.push_back(*network);
  } else if (piece.key == "after" || piece.key == "before") {
    const std::optional<Time> time = time_of(piece.value);
    if (!time) return unreadable("date (2026-11-20) or time (2026-11-20T14:00:00Z)");
    (piece.key == "after" ? words.after : words.before) = time;
  } else {
    return fail(Fault::malformed,
                "there is no word " + piece.key + ": here; those that are: " + std::string(known));
  }
  return {};
}

bool address_has(const std::string& address, const std::string& wanted) {
  if (wanted == "<>") return address.empty();
  const std::string small = lower(address);
  return wanted.starts_with('@') ? small.ends_with(wanted)
                                 : small.find(wanted) != std::string::npos;
}

template <class List, class Holds>
bool all(const List& list, Holds holds) {
  return std::all_of(list.begin(), list.end(), holds);
}

}  // namespace

bool TraceWords::empty() const {
  return from.empty() && to.empty() && ip.empty() && rule.empty() && reply.empty() && any.empty() &&
         !after && !before;
}

Result<TraceWords> parse_trace_words(std::string_view text) {
  TraceWords words;
  if (text.size() > 500) return fail(Fault::malformed, "a search has at most 500 octets");
  for (text = trim(text); !text.empty(); text = trim(text)) {
    const Piece piece = take_piece(text);
    if (piece.key.empty() && piece.value.empty()) continue;
    if (auto taken = take(words, piece); !taken) return tl::unexpected(taken.error());
  }
  return words;
}

bool matches(const TraceWords& words, const TraceRow& row) {
  if (words.after && row.time < *words.after) return false;
  if (words.before && row.time >= *words.before) return false;
  if (!all(words.from, [&](const auto& one) { return address_has(row.mail_from, one); }))
    return false;
  if (!all(words.to, [&](const auto& one) { return address_has(row.rcpt, one); })) return false;
  if (!words.ip.empty()) {
    const Result<IpAddress> client = IpAddress::parse(row.client_ip);
    if (!client || !all(words.ip, [&](const Cidr& one) { return one.contains(*client); }))
      return false;
  }
  if (!all(words.rule, [&](const auto& one) {
        return lower(row.rule).starts_with(one) || lower(row.origin).find(one) != std::string::npos;
      })) {
    return false;
  }
  const std::string code = row.code == 0 ? std::string() : std::to_string(row.code);
  if (!all(words.reply, [&](const auto& one) {
        return one == code || one == row.enhanced || one == code + " " + row.enhanced;
      })) {
    return false;
  }
  return all(words.any, [&](const auto& one) {
    return lower(row.mail_from).find(one) != std::string::npos ||
           lower(row.rcpt).find(one) != std::string::npos || lower(row.id) == one ||
           row.client_ip == one;
  });
}

namespace {

/// The condition that an index serves, and its value; others are judged row by row.
struct Narrowed {
  std::string condition;
  std::optional<std::string> value;
};

Narrowed narrowed(const TraceSearch& search, const TraceWords& words) {
  if (search.webhook_id) return {"webhook_id = ?1", search.webhook_id};
  for (const Cidr& one : words.ip) {
    if (one.prefix() == (one.network().is_v4() ? 32 : 128))
      return {"client_ip = ?1", one.network().to_string()};
  }
  if (std::find(words.from.begin(), words.from.end(), "<>") != words.from.end()) {
    return {"mail_from = ?1", ""};
  }
  if (search.outcome && *search.outcome != "accepted") return {"outcome = ?1", search.outcome};
  if (search.account_id) return {"account_id = ?1", search.account_id};
  return {"?1 IS NULL", std::nullopt};
}

bool wanted(const TraceSearch& search, const TraceRow& row) {
  return (!search.account_id || row.account_id == search.account_id) &&
         (!search.webhook_id || row.webhook_id == search.webhook_id) &&
         (!search.outcome || row.outcome == *search.outcome);
}

}  // namespace

Result<TraceFound> TraceReader::search(const TraceSearch& search, const TraceWords& words) {
  constexpr std::size_t piece = 256;
  const auto begin = std::chrono::steady_clock::now();
  const Narrowed index = narrowed(search, words);
  const std::string sql =
      trace_columns() + index.condition + " AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
  TraceFound found;
  std::uint64_t before =
      search.before != 0 ? search.before : std::numeric_limits<std::int64_t>::max();
  std::uint64_t seen = 0;
  const std::lock_guard lock(mutex_);
  if (const auto oldest = database_->one("SELECT time FROM trace ORDER BY seq LIMIT 1",
                                         [](const Row& row) { return row.time(0); });
      oldest && *oldest)
    found.oldest = **oldest;
  for (;;) {
    const std::size_t most = std::min<std::uint64_t>(
        seen == 0 ? search.limit + 1 : piece, std::max<std::uint64_t>(1, search.most_rows - seen));
    auto rows = database_->all(sql, trace_row, index.value, before, most);
    if (!rows) return tl::unexpected(rows.error());
    for (TraceRow& row : *rows) {
      // Rows stand in the order of their end, which is that of their beginning but for moments.
      const bool past = words.after && row.time < *words.after - std::chrono::hours(1);
      if (past) return found;
      const bool fits = wanted(search, row) && matches(words, row);
      if (fits && found.rows.size() == search.limit) {
        found.next = before;
        return found;
      }
      before = row.number;
      found.searched_to = row.time;
      ++seen;
      if (fits) found.rows.push_back(std::move(row));
    }
    if (rows->size() < most) return found;
    if (seen >= search.most_rows || std::chrono::steady_clock::now() - begin > search.most_time) {
      found.complete = false;
      found.next = before;
      return found;
    }
  }
}

Result<std::vector<TallyRow>> TraceReader::tallies(const TallyQuery& query) {
  constexpr std::int64_t slot_ms = 5 * 60 * 1000;
  const std::string scope = query.webhook_id   ? "w" + *query.webhook_id
                            : query.account_id ? "a" + *query.account_id
                                               : "g";
  // Slot by slot: the key begins with it, so that old ones are a piece of the table.
  constexpr const char* sql =
      "WITH RECURSIVE s(x) AS (VALUES(?2) UNION ALL SELECT x + 1 FROM s WHERE x + 1 < ?3)"
      " SELECT t.slot, t.outcome, t.code, t.enhanced, t.layer, t.rule, t.n"
      " FROM s CROSS JOIN tally t ON t.slot = s.x AND t.scope = ?1";
  const std::lock_guard lock(mutex_);
  return database_->all(
      sql,
      [](const Row& row) {
        return TallyRow{.at = from_millis(row.integer(0) * slot_ms),
                        .outcome = row.text(1),
                        .code = static_cast<int>(row.integer(2)),
                        .enhanced = row.text(3),
                        .layer = row.text(4),
                        .rule = row.text(5),
                        .n = static_cast<std::uint64_t>(row.integer(6))};
      },
      scope, to_millis(query.from) / slot_ms, (to_millis(query.until) + slot_ms - 1) / slot_ms);
}

Result<std::vector<DayCounts>> TraceReader::day_counts(const std::vector<std::string>& webhooks,
                                                       Time now) {
  const std::int64_t since = to_millis(now) / (3600 * 1000) - 23;
  const std::lock_guard lock(mutex_);
  std::vector<DayCounts> counts;
  for (const std::string& id : webhooks) {
    const auto one = database_->one(
        "SELECT SUM(accepted), SUM(refused), SUM(deferred) FROM tally_hour WHERE webhook = ?1 AND "
        "hour >= ?2",
        [](const Row& row) {
          return DayCounts{static_cast<std::uint64_t>(row.integer(0)),
                           static_cast<std::uint64_t>(row.integer(1)),
                           static_cast<std::uint64_t>(row.integer(2))};
        },
        id, since);
    if (!one) return tl::unexpected(one.error());
    counts.push_back(one->value_or(DayCounts{}));
  }
  return counts;
}

}  // namespace postern::store
