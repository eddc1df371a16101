#include "spool/pgsql_inbox.h"

#include <algorithm>
#include <array>
#include <future>
#include <limits>
#include <utility>

#include <sodium.h>

#include "base/sha256.h"
#include "base/shown.h"
#include "spool/pgsql_parts.h"
#include "spool/pgsql_reader.h"
#include "spool/sqlite_inbox.h"

namespace postern::spool {
namespace {

using net::PgsqlFailure;
using net::PgsqlRows;

constexpr std::chrono::seconds between_sums{10};
/// See Inbox::sequence().
constexpr std::chrono::milliseconds others_may_put{500};
constexpr std::uint64_t inbox_rows_a_commit = 500;
/// Limit of InboxReader.
constexpr std::size_t subject_characters = 500;

/// 4 octets a character at most.
#define POSTERN_PGSQL_INBOX_COLUMNS \
  "seq, id, webhook_id, received_at, sender, substring(subject FROM 1 FOR 2000), size"

std::string begin_of(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  for (std::size_t n = 0; n < characters && at < text.size(); ++n) {
    at += first_character(text.substr(at)).octets;
  }
  return std::string(text.substr(0, at));
}

InboxMessage inbox_message_of_row(const PgsqlRows& rows, std::size_t row) {
  return {.sequence = static_cast<std::uint64_t>(rows.integer(row, 0)),
          .id = rows.text(row, 1),
          .webhook_id = rows.text(row, 2),
          .received_at = time_of(rows, row, 3),
          .sender = rows.text(row, 4),
          .subject = begin_of(rows.octets(row, 5), subject_characters),
          .payload_size = static_cast<std::uint64_t>(rows.integer(row, 6))};
}

/// Deletes some messages of the webhook $1, which `which` selects by $2 and $3, with all that is
/// theirs. $4: they are aged out. Returns their number.
#define POSTERN_DROP(which)                                                                        \
  "WITH gone AS (DELETE FROM inbox WHERE webhook_id = $1 AND seq IN (SELECT seq FROM inbox WHERE " \
  "webhook_id = $1 AND " which                                                                     \
  " LIMIT 500) RETURNING size + linked AS octets, body, links), "                                  \
  "parts AS (DELETE FROM inbox_part AS p USING gone WHERE p.body = gone.body), "                   \
  "links AS (UPDATE attachment AS a SET expires_at = to_timestamp(0), kept_until = "               \
  "to_timestamp(0) FROM gone WHERE a.path = gone.links AND gone.links <> ''), "                    \
  "octets AS (DELETE FROM attachment_part AS p USING gone WHERE p.path = gone.links AND "          \
  "gone.links <> '') "                                                                             \
  "UPDATE inbox_box SET messages = messages - (SELECT count(*) FROM gone), octets = octets - "     \
  "(SELECT coalesce(sum(octets), 0) FROM gone)::bigint, aged_out = aged_out + CASE WHEN "          \
  "$4::boolean THEN (SELECT count(*) FROM gone) ELSE 0 END, was_full = was_full AND NOT EXISTS "   \
  "(SELECT 1 FROM gone) WHERE webhook_id = $1 RETURNING (SELECT count(*) FROM gone), messages, "   \
  "octets"

constexpr const char* drop_aged =
    POSTERN_DROP("$2::text IS NOT NULL AND received_at < $3::timestamptz ORDER BY received_at");
constexpr const char* drop_one = POSTERN_DROP("id = $2::text AND $3::timestamptz IS NOT NULL");
constexpr const char* drop_all =
    POSTERN_DROP("seq <= $2::text::bigint AND $3::timestamptz IS NOT NULL ORDER BY seq");

/// Makes others that change the box wait.
constexpr const char* lock_box = "SELECT head FROM inbox_box WHERE webhook_id = $1 FOR UPDATE";

class Reading final : public InboxReader {
 public:
  explicit Reading(std::shared_ptr<PgsqlReader> reader) : reader_(std::move(reader)) {}

  Result<store::Listed<InboxMessage>> list(std::string_view webhook, std::uint64_t after,
                                           const store::Page& page) override {
    const auto rows = reader_->ask(
        {.sql = "SELECT " POSTERN_PGSQL_INBOX_COLUMNS
                " FROM inbox WHERE webhook_id = $1 AND seq > $2 ORDER BY seq DESC LIMIT $3 "
                "OFFSET $4",
         .values = {pg::text(webhook), number(after), number(page.limit), number(page.offset)}});
    if (!rows) return tl::unexpected(rows.error());
    const auto total = reader_->ask(
        after == 0 ? net::PgsqlStatement{.sql = "SELECT coalesce(sum(messages), 0)::bigint FROM "
                                                "inbox_box WHERE webhook_id = $1",
                                         .values = {pg::text(webhook)}}
                   : net::PgsqlStatement{
                         .sql = "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE webhook_id = $1 "
                                "AND seq > $2 LIMIT $3) AS found",
                         .values = {pg::text(webhook), number(after), number(most_counted)}});
    if (!total) return tl::unexpected(total.error());
    store::Listed<InboxMessage> listed{.rows = {},
                                       .total = static_cast<std::uint64_t>(total->integer(0, 0))};
    for (std::size_t row = 0; row < rows->size(); ++row) {
      listed.rows.push_back(inbox_message_of_row(*rows, row));
    }
    return listed;
  }

  Result<store::Slice<InboxMessage>> slice(std::string_view webhook, std::uint64_t after,
                                           const store::Keyset& keyset) override {
    const std::uint64_t before =
        keyset.before == 0 ? std::numeric_limits<std::int64_t>::max() : keyset.before;
    const auto rows = reader_->ask(
        {.sql = "SELECT " POSTERN_PGSQL_INBOX_COLUMNS
                " FROM inbox WHERE webhook_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq DESC "
                "LIMIT $4",
         .values = {pg::text(webhook), number(after), number(before), number(keyset.limit + 1)}});
    if (!rows) return tl::unexpected(rows.error());
    store::Slice<InboxMessage> slice;
    for (std::size_t row = 0; row < rows->size() && row < keyset.limit; ++row) {
      slice.rows.push_back(inbox_message_of_row(*rows, row));
    }
    if (rows->size() > keyset.limit) slice.next = slice.rows.back().sequence;
    return slice;
  }

  Result<InboxState> state(std::string_view webhook) override {
    const auto rows = reader_->ask({.sql = "SELECT messages, octets, aged_out, refused, "
                                           "refused_at, was_full FROM inbox_box WHERE webhook_id "
                                           "= $1",
                                    .values = {pg::text(webhook)}});
    if (!rows) return tl::unexpected(rows.error());
    InboxState state;
    if (rows->size() == 0) return state;
    state.messages = static_cast<std::uint64_t>(rows->integer(0, 0));
    state.octets = static_cast<std::uint64_t>(rows->integer(0, 1));
    state.aged_out = static_cast<std::uint64_t>(rows->integer(0, 2));
    state.refused = static_cast<std::uint64_t>(rows->integer(0, 3));
    if (!rows->is_null(0, 4)) state.refused_at = time_of(*rows, 0, 4);
    state.turned_away = rows->boolean(0, 5);
    return state;
  }

  Result<std::optional<Found>> message(std::string_view webhook, std::string_view id) override {
    const auto rows = find(webhook, id);
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return std::nullopt;
    InboxMessage message = inbox_message_of_row(*rows, 0);
    const std::uint64_t size = message.payload_size;
    if (!rows->is_null(0, 9)) {
      return Found{std::move(message), BodyReader(rows->text(0, 9), rows->text(0, 7))};
    }
    const auto next = [reader = reader_, body = rows->text(0, 8),
                       n = std::int64_t{0}]() mutable -> Result<std::string> {
      return part(*reader, body, n++);
    };
    return Found{std::move(message), BodyReader(next, size, rows->text(0, 7))};
  }

  Result<std::optional<Piece>> piece(std::string_view webhook, std::string_view id,
                                     std::uint64_t offset) override {
    const auto rows = find(webhook, id);
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return std::nullopt;
    Piece piece{.octets = {}, .digest = rows->text(0, 7)};
    const auto size = static_cast<std::uint64_t>(rows->integer(0, 6));
    const std::uint64_t wanted = offset < size ? std::min(most_of_a_piece, size - offset) : 0;
    if (!rows->is_null(0, 9)) {
      if (wanted != 0) piece.octets = rows->octets(0, 9).substr(offset, wanted);
      return piece;
    }
    std::uint64_t skipped = offset % part_octets;
    for (std::uint64_t n = offset / part_octets; piece.octets.size() < wanted; ++n) {
      const Result<std::string> data =
          part(*reader_, rows->octets(0, 8), static_cast<std::int64_t>(n));
      if (!data) return tl::unexpected(data.error());
      piece.octets += std::string_view(*data).substr(skipped, wanted - piece.octets.size());
      skipped = 0;
    }
    return piece;
  }

 private:
  Result<PgsqlRows> find(std::string_view webhook, std::string_view id) {
    return reader_->ask({.sql = "SELECT " POSTERN_PGSQL_INBOX_COLUMNS
                                ", digest, body, payload FROM inbox WHERE webhook_id = $1 AND id "
                                "= $2",
                         .values = {pg::text(webhook), pg::text(id)}});
  }
  static Result<std::string> part(PgsqlReader& reader, std::string_view body, std::int64_t n) {
    const auto rows = reader.ask({.sql = "SELECT data FROM inbox_part WHERE body = $1 AND n = $2",
                                  .values = {pg::uuid(body), pg::integer(n)}});
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return fail(Fault::permanent, "a part of a payload is missing");
    return rows->text(0, 0);
  }

  std::shared_ptr<PgsqlReader> reader_;
};

}  // namespace

/// A message during put().
struct PgsqlInbox::Put {
  InboxMessage message;
  Body payload;
  policy::InboxLimits limits;
  store::Time now;
  Done done;
  std::string body = {};    ///< names this copy
  std::string digest = {};  ///< empty: not computed yet
  // What one run of the conversation learned.
  InboxPut result = {};
  std::uint64_t messages = 0;  ///< in the box
  std::uint64_t octets = 0;
  std::uint64_t linked = 0;  ///< octets behind its links
  std::optional<Error> own_error = {};

  std::uint64_t size() const { return message.payload_size + linked; }
};

PgsqlInbox::PgsqlInbox(cluster::Database& database, PgsqlInboxOptions options)
    : database_(database),
      options_(options),
      asking_(std::make_shared<PgsqlReader>(database)),
      reader_(std::make_unique<Reading>(asking_)),
      puts_(std::make_unique<PgsqlConversations>(
          database,
          PgsqlWriterOptions{
              .thread = "inbox-put", .threads = 2, .jobs = 16, .patience = options.publish_wait})),
      changes_(std::make_unique<PgsqlConversations>(
          database,
          PgsqlWriterOptions{.thread = "inbox-change", .jobs = 1, .patience = options.patience})) {}

void PgsqlInbox::halt() {
  if (puts_) puts_->stop();
  if (changes_) changes_->stop();
}

std::uint64_t PgsqlInbox::sequence() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return stored_ + static_cast<std::uint64_t>(now / others_may_put);
}

/// Whether a message fits, as far as is known.
tl::expected<InboxAnswer, PgsqlFailure> PgsqlInbox::room(Put& put, const Ask& ask) {
  const std::uint64_t size = put.size();
  if (size > put.limits.octets) return InboxAnswer::too_large;
  if (put.messages >= put.limits.messages || put.octets + size > put.limits.octets) {
    return InboxAnswer::full;
  }
  std::uint64_t all = 0;
  {
    const std::lock_guard lock(mutex_);
    all = all_octets_;
  }
  if (all + size > options_.max_octets) return InboxAnswer::storage;
  // While all inboxes use at most half of the space, no account can hold more than what is free.
  const std::uint64_t free = options_.max_octets - all - size;
  if (put.message.account.empty() || all + size <= free) return InboxAnswer::taken;
  const auto held = ask(
      "SELECT coalesce(sum(octets), 0)::bigint FROM inbox_box WHERE account = $1 AND account <> ''",
      {pg::text(put.message.account)});
  if (!held) return tl::unexpected(held.error());
  return static_cast<std::uint64_t>(held->integer(0, 0)) + size > free ? InboxAnswer::storage
                                                                       : InboxAnswer::taken;
}

/// Removes aged messages when the message does not fit otherwise.
PgsqlInbox::Failed PgsqlInbox::find_room(Put& put, const Ask& ask) {
  bool is_old = false;
  {
    const std::lock_guard lock(mutex_);
    is_old = cluster::Clock::now() - all_octets_at_ >= between_sums;
  }
  if (is_old) {
    const auto sum = ask("SELECT coalesce(sum(octets), 0)::bigint FROM inbox_box", {});
    if (!sum) return tl::unexpected(sum.error());
    const std::lock_guard lock(mutex_);
    all_octets_ = static_cast<std::uint64_t>(sum->integer(0, 0));
    all_octets_at_ = cluster::Clock::now();
  }
  auto answer = room(put, ask);
  if (!answer) return tl::unexpected(answer.error());
  if (*answer == InboxAnswer::full || *answer == InboxAnswer::storage) {
    const auto gone =
        ask(drop_aged, {pg::text(put.message.webhook_id), pg::text(""),
                        pg::time(kept_since(put.now, put.limits)), pg::boolean(true)});
    if (!gone) return tl::unexpected(gone.error());
    put.result.aged_out = static_cast<std::uint64_t>(gone->integer(0, 0));
    if (put.result.aged_out != 0) {
      put.messages = static_cast<std::uint64_t>(gone->integer(0, 1));
      const auto octets = static_cast<std::uint64_t>(gone->integer(0, 2));
      {
        const std::lock_guard lock(mutex_);
        all_octets_ -= std::min(all_octets_, put.octets - octets);
      }
      put.octets = octets;
      answer = room(put, ask);
      if (!answer) return tl::unexpected(answer.error());
    }
  }
  put.result.answer = *answer;
  return {};
}

PgsqlInbox::Failed PgsqlInbox::store(Put& put, const Ask& ask) {
  put.result = {};
  put.own_error.reset();
  put.linked = 0;
  const InboxMessage& message = put.message;
  // It writes, so that a repetition waits for the standby too.
  const auto box = ask(
      "INSERT INTO inbox_box AS b (webhook_id, account) VALUES ($1, $2) ON CONFLICT (webhook_id) "
      "DO "
      "UPDATE SET account = CASE WHEN excluded.account <> '' THEN excluded.account ELSE b.account "
      "END RETURNING messages, octets",
      {pg::text(message.webhook_id), pg::text(message.account)});
  if (!box) return tl::unexpected(box.error());
  put.messages = static_cast<std::uint64_t>(box->integer(0, 0));
  put.octets = static_cast<std::uint64_t>(box->integer(0, 1));
  const auto known = ask("SELECT seq, body FROM inbox WHERE webhook_id = $1 AND id = $2",
                         {pg::text(message.webhook_id), pg::text(message.id)});
  if (!known) return tl::unexpected(known.error());
  if (known->size() > 0) {
    // A client that missed our reply sends a message again with the same id.
    put.result.known = known->octets(0, 1) != put.body;
    put.result.sequence = static_cast<std::uint64_t>(known->integer(0, 0));
    return {};
  }
  const auto links =
      ask("SELECT path, sum(size)::bigint FROM attachment WHERE message_id = $1 AND message_id <> "
          "'' AND "
          "webhook_id = $2 AND ($3::text = '' OR path = $3::text) GROUP BY path ORDER BY "
          "max(expires_at) DESC LIMIT 1",
          {pg::text(message.id), pg::text(message.webhook_id), pg::text(message.links)});
  if (!links) return tl::unexpected(links.error());
  std::string path;
  if (links->size() > 0) {
    path = links->text(0, 0);
    put.linked = static_cast<std::uint64_t>(links->integer(0, 1));
  }
  if (Failed found = find_room(put, ask); !found) return found;
  if (put.result.answer != InboxAnswer::taken) {
    const auto counted =
        ask("UPDATE inbox_box SET refused = refused + 1, refused_at = $2, was_full = was_full OR "
            "$3::boolean WHERE webhook_id = $1",
            {pg::text(message.webhook_id), pg::time(put.now),
             pg::boolean(put.result.answer == InboxAnswer::full)});
    if (!counted) return tl::unexpected(counted.error());
    return {};
  }
  const bool in_parts = put.payload.size() > options_.row_threshold;
  const Result<std::string_view> octets = put.payload.view();
  if (!octets) {
    put.own_error = octets.error();
    return {};
  }
  if (put.digest.empty()) put.digest = sha256(*octets);
  std::int64_t n = 0;
  for (std::size_t at = 0; in_parts && at < octets->size(); at += part_octets) {
    const auto stored =
        ask("INSERT INTO inbox_part (body, n, data) VALUES ($1, $2, $3)",
            {pg::uuid(put.body), pg::integer(n++), pg::bytes(octets->substr(at, part_octets))});
    if (!stored) return tl::unexpected(stored.error());
  }
  const auto row = ask(
      "WITH box AS (UPDATE inbox_box SET head = head + 1, messages = messages + 1, octets = octets "
      "+ "
      "$6::bigint + $11::bigint, was_full = false WHERE webhook_id = $1 RETURNING head), kept AS "
      "(UPDATE attachment SET expires_at = kept_until WHERE path = $10::text AND kept_until > "
      "expires_at AND $10::text <> '') INSERT INTO inbox (webhook_id, seq, id, received_at, "
      "sender, "
      "subject, size, digest, body, payload, links, linked) SELECT $1, head, $2, $3, $4, $5, "
      "$6::bigint, $7, $8, $9, $10::text, $11::bigint FROM box RETURNING seq",
      {pg::text(message.webhook_id), pg::text(message.id), pg::time(message.received_at),
       pg::bytes(message.sender), pg::bytes(message.subject), number(message.payload_size),
       pg::bytes(put.digest), pg::uuid(put.body),
       in_parts ? net::PgsqlValue{pg::bytes("").type, std::nullopt} : pg::bytes(*octets),
       pg::text(path), number(put.linked)});
  if (!row) return tl::unexpected(row.error());
  put.result.sequence = static_cast<std::uint64_t>(row->integer(0, 0));
  return {};
}

void PgsqlInbox::put(InboxMessage message, Body payload, const policy::InboxLimits& limits,
                     store::Time now, Done done) {
  const std::uint64_t octets = payload.size();
  // One operation, so that many callers at once cannot all pass the check.
  if (waiting_octets_.fetch_add(octets) > options_.max_waiting_octets) {
    waiting_octets_ -= octets;
    return done(fail(Fault::temporary, "too many messages wait for the inbox"));
  }
  message.payload_size = octets;
  auto put = std::make_shared<Put>(Put{.message = std::move(message),
                                       .payload = std::move(payload),
                                       .limits = limits,
                                       .now = now,
                                       .done = std::move(done)});
  put->body.resize(16);
  randombytes_buf(put->body.data(), put->body.size());
  std::string order = put->message.webhook_id;
  puts_->submit(
      std::move(order), [this, put](const Ask& ask, bool) { return store(*put, ask); },
      [this, put, octets](const Result<void>& result) {
        waiting_octets_ -= octets;
        if (!result) return put->done(tl::unexpected(result.error()));
        if (put->own_error) return put->done(tl::unexpected(*put->own_error));
        if (!put->result.known && put->result.answer == InboxAnswer::taken) {
          ++stored_;
          const std::lock_guard lock(mutex_);
          all_octets_ += put->size();
        }
        put->done(put->result);
      },
      octets);
}

/// Runs one of the statements POSTERN_DROP until nothing is left. `which` and `before` are its $2
/// and $3.
Result<std::uint64_t> PgsqlInbox::drop(std::string_view webhook, const char* sql,
                                       std::string_view which, store::Time before) {
  std::uint64_t all = 0;
  for (;;) {
    std::uint64_t gone = 0;
    const Result<void> done =
        changes_->run(std::string(webhook), [&](const Ask& ask, bool) -> Failed {
          const auto locked = ask(lock_box, {pg::text(webhook)});
          if (!locked) return tl::unexpected(locked.error());
          const auto rows = ask(sql, {pg::text(webhook), pg::text(which), pg::time(before),
                                      pg::boolean(sql == drop_aged)});
          if (!rows) return tl::unexpected(rows.error());
          gone = rows->size() > 0 ? static_cast<std::uint64_t>(rows->integer(0, 0)) : 0;
          return {};
        });
    if (!done) return tl::unexpected(done.error());
    all += gone;
    if (gone < inbox_rows_a_commit) break;
  }
  if (all != 0) {
    const std::lock_guard lock(mutex_);
    all_octets_at_ = {};
  }
  return all;
}

Result<bool> PgsqlInbox::erase(std::string_view webhook, std::string_view id) {
  const Result<std::uint64_t> gone = drop(webhook, drop_one, id, store::Time());
  if (!gone) return tl::unexpected(gone.error());
  return *gone != 0;
}

Result<std::uint64_t> PgsqlInbox::clear(std::string_view webhook) {
  const auto head = asking_->ask(
      {.sql = "SELECT head FROM inbox_box WHERE webhook_id = $1", .values = {pg::text(webhook)}});
  if (!head) return tl::unexpected(head.error());
  if (head->size() == 0) return 0;
  return drop(webhook, drop_all, std::to_string(head->integer(0, 0)), store::Time());
}

Result<std::uint64_t> PgsqlInbox::purge(store::Time now, const LimitsOf& limits) {
  const auto boxes = asking_->ask(
      {.sql = "SELECT b.webhook_id, w.id IS NOT NULL, (SELECT min(received_at) FROM inbox AS i "
              "WHERE i.webhook_id = b.webhook_id) FROM inbox_box AS b LEFT JOIN webhook AS w ON "
              "w.id = b.webhook_id WHERE b.messages > 0",
       .values = {}});
  if (!boxes) return tl::unexpected(boxes.error());
  std::uint64_t all = 0;
  for (std::size_t row = 0; row < boxes->size(); ++row) {
    const std::string webhook = boxes->text(row, 0);
    if (!boxes->boolean(row, 1)) {
      const std::string deleted[] = {webhook};
      if (Result<void> gone = forget(deleted); !gone) return tl::unexpected(gone.error());
      continue;
    }
    const auto known = limits(webhook);
    // This gateway may not have heard of a new webhook yet.
    if (!known || boxes->is_null(row, 2)) continue;
    if (time_of(*boxes, row, 2) >= kept_since(now, *known)) continue;
    const auto gone = drop(webhook, drop_aged, "", kept_since(now, *known));
    if (!gone) return gone;
    all += *gone;
  }
  return all;
}

Result<std::uint64_t> PgsqlInbox::last_given() {
  const auto last =
      asking_->ask({.sql = "SELECT coalesce(max(head), 0) FROM inbox_box", .values = {}});
  if (!last) return tl::unexpected(last.error());
  return static_cast<std::uint64_t>(last->integer(0, 0));
}

Result<void> PgsqlInbox::go_on_after(std::span<const std::string> webhooks,
                                     std::uint64_t sequence) {
  if (webhooks.empty()) return {};
  return changes_->run(webhooks.front(), [&](const Ask& ask, bool) -> Failed {
    // In the order in which others lock several.
    const auto raised =
        ask("INSERT INTO inbox_box AS b (webhook_id, head) SELECT id, $2::bigint FROM unnest($1) "
            "AS id ORDER BY id COLLATE \"C\" ON CONFLICT (webhook_id) DO UPDATE SET head = "
            "excluded.head WHERE "
            "b.head < excluded.head",
            {pg::texts(webhooks), number(sequence)});
    if (!raised) return tl::unexpected(raised.error());
    return {};
  });
}

Result<void> PgsqlInbox::forget(std::span<const std::string> webhooks) {
  for (const std::string& webhook : webhooks) {
    if (const auto gone = clear(webhook); !gone) return tl::unexpected(gone.error());
    const Result<void> box = changes_->run(webhook, [&webhook](const Ask& ask, bool) -> Failed {
      const auto done =
          ask("DELETE FROM inbox_box WHERE webhook_id = $1 AND messages = 0", {pg::text(webhook)});
      if (!done) return tl::unexpected(done.error());
      return {};
    });
    if (!box) return box;
  }
  return {};
}

Result<std::uint64_t> move_inboxes(SqliteInbox& from, Inbox& to, const Inbox::LimitsOf& limits,
                                   const std::string& temporary_directory) {
  const auto boxes = from.boxes();
  if (!boxes) return tl::unexpected(boxes.error());
  policy::InboxLimits all;
  all.messages = std::numeric_limits<decltype(all.messages)>::max();
  all.octets = std::numeric_limits<std::int64_t>::max();
  std::uint64_t moved = 0;
  for (const std::string& webhook : *boxes) {
    if (!limits(webhook)) continue;
    for (;;) {
      // The oldest first, so that their order stays.
      const auto counted = from.reader().list(webhook, 0, {.limit = 0});
      if (!counted) return tl::unexpected(counted.error());
      const std::uint64_t offset =
          counted->total > inbox_rows_a_commit ? counted->total - inbox_rows_a_commit : 0;
      auto oldest =
          from.reader().list(webhook, 0, {.offset = offset, .limit = inbox_rows_a_commit});
      if (!oldest) return tl::unexpected(oldest.error());
      if (oldest->rows.empty()) break;
      for (auto one = oldest->rows.rbegin(); one != oldest->rows.rend(); ++one) {
        auto found = from.reader().message(webhook, one->id);
        if (!found) return tl::unexpected(found.error());
        if (!*found) continue;
        Body body(temporary_directory);
        for (;;) {
          const Result<std::string_view> piece = (*found)->payload.next();
          if (!piece) return tl::unexpected(piece.error());
          if (piece->empty()) break;
          if (Result<void> kept = body.append(*piece); !kept) return tl::unexpected(kept.error());
        }
        // Its number stays, unless messages of another gateway have it.
        const std::array<std::string, 1> box{webhook};
        if (Result<void> on = to.go_on_after(box, one->sequence - 1); !on) {
          return tl::unexpected(on.error());
        }
        std::promise<Result<InboxPut>> said;
        to.put(std::move((*found)->message), std::move(body), all, store::now(),
               [&said](Result<InboxPut> put) { said.set_value(std::move(put)); });
        const Result<InboxPut> put = said.get_future().get();
        if (!put) return tl::unexpected(put.error());
        if (put->answer != InboxAnswer::taken) {
          return fail(Fault::permanent, "all inboxes together are full");
        }
        const Result<bool> gone = from.hand_over(webhook, one->id);
        if (!gone) return tl::unexpected(gone.error());
        ++moved;
      }
    }
  }
  auto used = from.used_boxes();
  if (!used) return tl::unexpected(used.error());
  std::erase_if(*used, [&](const std::string& webhook) { return !limits(webhook); });
  const auto last = from.last_given();
  if (!last) return tl::unexpected(last.error());
  if (Result<void> on = to.go_on_after(*used, *last); !on) return tl::unexpected(on.error());
  return moved;
}

}  // namespace postern::spool
