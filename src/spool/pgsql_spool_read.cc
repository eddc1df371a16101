// Reading a cluster's spool: for the scheduler, and for operators.
#include <algorithm>
#include <chrono>
#include <limits>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "spool/actions.h"
#include "spool/pgsql_parts.h"
#include "spool/pgsql_reader.h"
#include "spool/verify.h"

namespace postern::spool {
namespace {

using net::PgsqlRows;
using net::PgsqlStatement;

constexpr std::chrono::seconds count_limit{30};

constexpr const char* message_columns =
    "m.id, m.size, m.body IS NULL, m.damage, m.received, m.reverse_path, m.flags, m.ret, m.envid, "
    "m.trace_id, m.account, m.authn_id, m.shard, m.seq";
constexpr std::size_t evidence_column = 14;  ///< behind message_columns

/// A condition of a list, with the values of its parameters.
class Condition {
 public:
  /// Adds a value and returns its parameter.
  std::string value(net::PgsqlValue value) {
    values.push_back(std::move(value));
    return fmt::format("${}", values.size());
  }
  void add(const std::string& part) { sql += " AND " + part; }

  std::string sql = "true";
  std::vector<net::PgsqlValue> values;
};

/// The condition on one recipient `r` of a message; empty: none is asked for.
std::string recipient_condition(const ListFilter& filter, Condition& into) {
  if (!filter.state && !filter.destination && !filter.recipient && !filter.quarantine) return "";
  std::string sql = "true";
  if (filter.state) sql += fmt::format(" AND r.state = {}", static_cast<int>(*filter.state));
  if (filter.destination) {
    sql += fmt::format(" AND r.kind = {} AND r.destination = {}",
                       static_cast<int>(filter.destination->kind),
                       into.value(pg::text(filter.destination->key)));
  }
  if (filter.recipient) sql += " AND r.address = " + into.value(pg::bytes(*filter.recipient));
  if (filter.quarantine) {
    sql += " AND r.quarantine = " + into.value(pg::text(*filter.quarantine));
    if (!filter.state) sql += " AND r.state = 5";
  }
  return sql;
}

}  // namespace

Message PgsqlSpool::message_of(const PgsqlRows& rows, std::size_t row) const {
  Message message{.id = ulid_from_bytes(rows.octets(row, 0)),
                  .sequence = sequence_of(rows.integer(row, 12), rows.integer(row, 13)),
                  .size = static_cast<std::uint64_t>(rows.integer(row, 1)),
                  .in_file = rows.boolean(row, 2),
                  .damage = rows.text(row, 3)};
  Envelope& envelope = message.envelope;
  envelope.received = std::chrono::time_point_cast<std::chrono::milliseconds>(rows.time(row, 4));
  envelope.reverse_path = rows.text(row, 5);
  const std::int64_t flags = rows.integer(row, 6);
  envelope.header_8bit = (flags & flag_header_8bit) != 0;
  envelope.body_8bit = (flags & flag_body_8bit) != 0;
  envelope.smtputf8 = (flags & flag_smtputf8) != 0;
  envelope.require_tls = (flags & flag_require_tls) != 0;
  envelope.ret = rows.text(row, 7);
  envelope.envid = rows.text(row, 8);
  envelope.trace_id = rows.text(row, 9);
  envelope.account = rows.text(row, 10);
  envelope.authn_id = rows.text(row, 11);
  return message;
}

/// The messages that a condition on `m` names, with their recipients, to `found`; `more`: further
/// columns, behind evidence_column.
Result<void> PgsqlSpool::some(const std::string& condition,
                              const std::vector<net::PgsqlValue>& values, const char* more,
                              const Found& found) {
  const PgsqlStatement statements[] = {
      {.sql = fmt::format("SELECT {}, m.evidence{} FROM message AS m WHERE {}", message_columns,
                          more, condition),
       .values = values},
      {.sql = fmt::format("SELECT r.address, r.kind, r.destination, r.state, r.notify, r.orcpt, "
                          "r.attempts, r.claimed_by IS NOT NULL AND {}, r.next_at, r.last_reply, "
                          "r.quarantine, r.held_at, r.held_ms, r.noticed, r.message FROM recipient "
                          "AS r WHERE r.message = ANY(ARRAY(SELECT m.id FROM message AS m WHERE "
                          "{})) ORDER BY r.message, r.idx",
                          cluster::claim_lives(), condition),
       .values = values}};
  const auto said = reading_->ask_all(statements);
  if (!said) return tl::unexpected(said.error());
  const PgsqlRows& messages = (*said)[0];
  const PgsqlRows& rows = (*said)[1];
  std::unordered_map<std::string, std::vector<Recipient>> recipients;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    recipients[ulid_from_bytes(rows.octets(row, 14))].push_back(
        {.address = rows.text(row, 0),
         .destination = {static_cast<RouteKind>(rows.integer(row, 1)), rows.text(row, 2)},
         .state = static_cast<State>(rows.integer(row, 3)),
         .notify = rows.text(row, 4),
         .orcpt = rows.text(row, 5),
         .quarantine = rows.text(row, 10),
         .attempts = static_cast<std::uint32_t>(rows.integer(row, 6)),
         .claimed = rows.boolean(row, 7),
         .next_attempt = from(rows.time(row, 8)),
         .held_at = from(rows.time(row, 11)),
         .held = std::chrono::milliseconds(rows.integer(row, 12)),
         .noticed = rows.boolean(row, 13),
         .last_reply = rows.text(row, 9)});
  }
  for (std::size_t row = 0; row < messages.size(); ++row) {
    Message message = message_of(messages, row);
    const auto its = recipients.find(message.id);
    // Between the two statements the message may have been settled and deleted.
    if (its == recipients.end()) continue;
    message.envelope.evidence = messages.text(row, evidence_column);
    message.envelope.recipients = std::move(its->second);
    found(std::move(message), messages, row);
  }
  return {};
}

Result<std::optional<Message>> PgsqlSpool::one(const std::string& condition,
                                               const std::vector<net::PgsqlValue>& values) {
  std::optional<Message> only;
  const auto read =
      some(condition, values, "",
           [&](Message message, const PgsqlRows&, std::size_t) { only = std::move(message); });
  if (!read) return tl::unexpected(read.error());
  return only;
}

Result<std::vector<Whole>> PgsqlSpool::whole(std::span<const MessageId> ids) {
  std::vector<std::string> octets;
  for (const MessageId& id : ids) {
    if (std::string one = ulid_octets(id); !one.empty()) octets.push_back(std::move(one));
  }
  std::unordered_map<MessageId, Whole> found;
  const auto read =
      some("m.id = ANY($1)", {pg::uuids(octets)}, ", m.digest, m.body",
           [&](Message message, const PgsqlRows& rows, std::size_t row) {
             const MessageId id = message.id;
             auto body = body_of(id, message.size, message.damage, rows, row, evidence_column + 1);
             found.emplace(id, Whole{std::move(message), std::move(body)});
           });
  if (!read) return tl::unexpected(read.error());
  std::vector<Whole> all;
  for (const MessageId& id : ids) {
    if (const auto one = found.find(id); one != found.end()) all.push_back(std::move(one->second));
  }
  return all;
}

Result<std::optional<Message>> PgsqlSpool::get(const MessageId& id) {
  const std::string octets = ulid_octets(id);
  if (octets.empty()) return std::optional<Message>();
  return one("m.id = $1", {pg::uuid(octets)});
}

Result<std::optional<Message>> PgsqlSpool::get(Sequence sequence) {
  return one("m.shard = ($1::bigint)::smallint AND m.seq = $2",
             {pg::integer(part_of(sequence)), pg::integer(number_of(sequence))});
}

Result<std::vector<Parcel>> PgsqlSpool::parcels_between(const cluster::Part& part,
                                                        std::int64_t after, std::int64_t below,
                                                        std::size_t limit) {
  // What a process had begun that died is tried again when its claim ends, and not at its next
  // retry: the first time only, since it may be the message of which processes die. Not before,
  // as nobody gets it then.
  static const std::string claim_ends =
      std::string("(SELECT CASE WHEN ended THEN now() ELSE ") + cluster::claims_end() +
      " END FROM node WHERE boot = r.claimed_by AND NOT (" + cluster::live_node() + "))";
  static const std::string due = fmt::format(
      "min(CASE WHEN r.claimed_by IS NULL THEN r.next_at WHEN r.attempts > 1 THEN "
      "greatest(r.next_at, {0}) ELSE coalesce({0}, r.next_at) END)",
      claim_ends);
  // The owner, for fair shares: the account, or else the authenticated user.
  const auto rows = reading_->ask(
      {.sql =
           "SELECT m.seq, min(r.idx), r.kind, r.destination, CASE WHEN m.account <> '' OR "
           "length(m.authn_id) = 0 THEN convert_to(m.account, 'UTF8') ELSE 'user '::bytea || "
           "m.authn_id END, max(r.attempts), m.received, " +
           due +
           ", max(r.held_ms), "
           "bool_and(r.noticed), length(m.reverse_path) = 0 FROM (SELECT id, seq, account, "
           "authn_id, received, reverse_path FROM message AS n WHERE shard = "
           "($1::bigint)::smallint AND seq > $2 AND seq < $3 AND EXISTS (SELECT 1 FROM recipient "
           "AS q WHERE q.message = n.id AND q.state = 0 AND q.kind BETWEEN 0 AND 2) ORDER BY seq "
           "LIMIT $4) AS m JOIN "
           "recipient AS r ON r.message = m.id WHERE r.state = 0 AND r.kind BETWEEN 0 AND 2 GROUP "
           "BY m.seq, r.kind, "
           "r.destination, m.account, m.authn_id, m.received, m.reverse_path ORDER BY m.seq, "
           "min(r.idx)",
       .values = {pg::integer(part.number), pg::integer(after), pg::integer(below),
                  pg::integer(static_cast<std::int64_t>(limit))}});
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Parcel> out;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    out.push_back(
        {.sequence = sequence_of(part.number, rows->integer(row, 0)),
         .first = static_cast<std::uint32_t>(rows->integer(row, 1)),
         .destination = {static_cast<RouteKind>(rows->integer(row, 2)), rows->text(row, 3)},
         .account = rows->text(row, 4),
         .attempts = static_cast<std::uint32_t>(rows->integer(row, 5)),
         .received = std::chrono::time_point_cast<std::chrono::milliseconds>(rows->time(row, 6)),
         .due = from(rows->time(row, 7)),
         .held = std::chrono::milliseconds(rows->integer(row, 8)),
         .noticed = rows->boolean(row, 9),
         .null_path = rows->boolean(row, 10),
         .inherited = rows->integer(row, 0) < part.first});
  }
  return out;
}

/// Numbers of a part are given in the order of submission, and commits end in any order: what
/// stands behind a number whose commit is under way is read later.
Result<std::vector<Parcel>> PgsqlSpool::parcels(Cursor& cursor, std::size_t limit) {
  Cursor moved = cursor;
  moved.parts.resize(cluster::part_count);
  std::vector<Parcel> out;
  std::size_t messages = 0;
  for (const cluster::Part& part : node_.parts()) {
    Cursor::Part& place = moved.parts[static_cast<std::size_t>(part.number)];
    if (place.epoch != part.epoch) place = {.epoch = part.epoch, .after = 0};
    std::int64_t stored = 0;
    std::int64_t below = 0;
    {
      const std::lock_guard guard(mutex_);
      const Progress& found = progress(part);
      if (found.epoch != part.epoch) continue;  // taken anew meanwhile
      stored = found.committed;
      below = found.in_flight.empty() ? stored + 1 : std::min(stored + 1, *found.in_flight.begin());
    }
    if (place.after >= below - 1) continue;
    auto page = parcels_between(part, place.after, below, limit - messages);
    if (!page) return page;
    std::size_t read = 0;
    Sequence last = -1;
    for (Parcel& parcel : *page) {
      if (parcel.sequence != last) ++read;
      last = parcel.sequence;
      out.push_back(std::move(parcel));
    }
    messages += read;
    const bool is_all = messages < limit;
    place.after = is_all ? below - 1 : number_of(last);
    if (!is_all) break;
  }
  cursor = std::move(moved);
  return out;
}

Result<std::vector<Parcel>> PgsqlSpool::parcels_of(Sequence message) {
  for (const cluster::Part& part : node_.parts()) {
    if (part.number != part_of(message)) continue;
    return parcels_between(part, number_of(message) - 1, number_of(message) + 1, 1);
  }
  return std::vector<Parcel>();  // its owner schedules it
}

Result<BodyReader> PgsqlSpool::body(const MessageId& id) {
  const std::string octets = ulid_octets(id);
  const auto found =
      reading_->ask({.sql = "SELECT size, damage, digest, body FROM message WHERE id = $1",
                     .values = {pg::uuid(octets.empty() ? std::string(16, '\0') : octets)}});
  if (!found) return tl::unexpected(found.error());
  if (found->size() == 0) return fail(Fault::not_found, std::string(no_such_message));
  return body_of(id, static_cast<std::uint64_t>(found->integer(0, 0)), found->text(0, 1), *found, 0,
                 2);
}

/// The body of a message whose digest is in a column of a row, and whose body in the next: NULL for
/// one that is in rows of `part`.
Result<BodyReader> PgsqlSpool::body_of(const MessageId& id, std::uint64_t size, std::string damage,
                                       const PgsqlRows& rows, std::size_t row, int column) {
  if (!damage.empty()) return fail(Fault::damaged, std::move(damage));
  if (!rows.is_null(row, column + 1)) {
    if (rows.octets(row, column + 1).size() != size) {
      return fail(Fault::damaged, "a message body is missing or has another size");
    }
    return BodyReader(rows.text(row, column + 1), rows.text(row, column));
  }
  const auto next = [this, octets = ulid_octets(id),
                     n = std::int64_t{0}]() mutable -> Result<std::string> {
    const auto part =
        reading_->ask({.sql = "SELECT p.data FROM message AS m LEFT JOIN part AS p ON p.message = "
                              "m.id AND p.n = $2 WHERE m.id = $1",
                       .values = {pg::uuid(octets), pg::integer(n++)}});
    if (!part) return tl::unexpected(part.error());
    // Somebody has settled or dropped it meanwhile.
    if (part->size() == 0) return fail(Fault::not_found, std::string(no_such_message));
    if (part->is_null(0, 0)) return fail(Fault::damaged, "a part of a message body is missing");
    return part->text(0, 0);
  };
  return BodyReader(next, size, rows.text(row, column));
}

Result<std::vector<Message>> PgsqlSpool::list(const ListFilter& filter, const MessageId& before,
                                              std::size_t limit) {
  Condition where;
  if (const std::string of = recipient_condition(filter, where); !of.empty()) {
    // By the recipients' indexes where one is narrow; the planner decides.
    where.add("EXISTS (SELECT 1 FROM recipient AS r WHERE r.message = m.id AND " + of + ")");
  }
  if (!before.empty()) {
    const std::string octets = ulid_octets(before);
    if (octets.empty()) return std::vector<Message>();
    where.add("m.id < " + where.value(pg::uuid(octets)));
  }
  if (filter.stored_before) {
    where.add("m.id < " + where.value(pg::uuid(ulid_octets(first_ulid(*filter.stored_before)))));
  }
  if (filter.sender) where.add("m.reverse_path = " + where.value(pg::bytes(*filter.sender)));
  if (filter.account) {
    where.add("m.account = " + where.value(pg::text(*filter.account)));
    if (!filter.account->empty()) where.add("m.account <> ''");
  }
  const std::string most = where.value(pg::integer(static_cast<std::int64_t>(limit)));
  const auto rows = asking_->ask(
      {.sql = fmt::format("SELECT {} FROM message AS m WHERE {} ORDER BY m.id DESC LIMIT {}",
                          message_columns, where.sql, most),
       .values = std::move(where.values)});
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Message> out;
  for (std::size_t row = 0; row < rows->size(); ++row) out.push_back(message_of(*rows, row));
  return out;
}

Result<std::vector<DestinationCount>> PgsqlSpool::counts() {
  // Counted without sorting what waits; the oldest of each is looked up by the index. It takes
  // seconds for millions, in a session of its own, so that other questions do not wait.
  constexpr std::string_view each =
      "SELECT c.kind, c.destination, c.state, c.many, c.due, m.received FROM (SELECT kind, "
      "destination, {0} AS state, count(*) AS many, min(next_at) AS due FROM recipient WHERE {1} "
      "AND kind BETWEEN 0 AND 2 GROUP BY 1, 2, 3) AS c, LATERAL (SELECT message FROM recipient AS "
      "r WHERE {1} AND r.state = c.state AND r.kind = c.kind AND r.destination = c.destination "
      "ORDER BY message LIMIT 1) AS f JOIN message AS m ON m.id = f.message";
  const auto rows = PgsqlReader(database_).ask(
      {.sql = fmt::format(each, "0::smallint", "state = 0") + " UNION ALL " +
              fmt::format(each, "state", "state >= 3 AND state <= 5"),
       .values = {}},
      count_limit);
  if (!rows) return tl::unexpected(rows.error());
  std::vector<DestinationCount> counts;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const auto state = static_cast<State>(rows->integer(row, 2));
    counts.push_back(
        {.destination = {static_cast<RouteKind>(rows->integer(row, 0)), rows->text(row, 1)},
         .state = state,
         .recipients = static_cast<std::uint64_t>(rows->integer(row, 3)),
         .oldest = std::chrono::time_point_cast<std::chrono::milliseconds>(rows->time(row, 5)),
         .due = state == State::queued ? from(rows->time(row, 4)) : Time()});
  }
  std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
    return std::tie(a.destination, a.state) < std::tie(b.destination, b.state);
  });
  return counts;
}

Result<std::uint64_t> PgsqlSpool::size() {
  const auto rows = asking_->ask(
      {.sql = "SELECT sum(pg_total_relation_size(t)) FROM unnest(ARRAY['message'::regclass, "
              "'recipient'::regclass, 'part'::regclass]) AS t",
       .values = {}});
  if (!rows) return tl::unexpected(rows.error());
  return static_cast<std::uint64_t>(rows->integer(0, 0));
}

Result<Verification> PgsqlSpool::verify() {
  Verification found;
  if (Result<void> read = verify_messages(*this, no_verifying_, found); !read) {
    return tl::unexpected(read.error());
  }
  const auto over = asking_->ask(
      {.sql = "SELECT id FROM message AS m WHERE NOT EXISTS (SELECT 1 FROM recipient AS r WHERE "
              "r.message = m.id AND r.state NOT IN (1, 2)) LIMIT 1000",
       .values = {}});
  if (!over) return tl::unexpected(over.error());
  for (std::size_t row = 0; row < over->size(); ++row) {
    note_finding(found, ulid_from_bytes(over->octets(row, 0)), "nothing is left to do for it");
  }
  // They are scheduled by nobody, and a start goes on without them.
  const auto odd = asking_->ask(
      {.sql = "SELECT DISTINCT message FROM recipient WHERE kind NOT BETWEEN 0 AND 2 OR state NOT "
              "BETWEEN 0 AND 5 LIMIT 1000",
       .values = {}});
  if (!odd) return tl::unexpected(odd.error());
  for (std::size_t row = 0; row < odd->size(); ++row) {
    note_finding(found, ulid_from_bytes(odd->octets(row, 0)),
                 "it has a recipient of a kind or state that this version does not know");
  }
  const auto loose = asking_->ask(
      {.sql = "SELECT count(DISTINCT p.message) FROM part AS p WHERE NOT EXISTS (SELECT 1 FROM "
              "message AS m WHERE m.id = p.message)",
       .values = {}});
  if (!loose) return tl::unexpected(loose.error());
  found.loose_files = static_cast<std::uint64_t>(loose->integer(0, 0));
  return found;
}

}  // namespace postern::spool
