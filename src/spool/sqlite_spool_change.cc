// Changes of stored messages: attempts and operators' actions. All of them use the same group
// commit.
#include <algorithm>
#include <future>
#include <utility>

#include "spool/actions.h"
#include "spool/sqlite_spool.h"

namespace postern::spool {
namespace {

using store::Database;

/// Files of messages that a job deleted, to be removed after its commit.
using Files = std::shared_ptr<std::vector<MessageId>>;

struct Place {
  std::int64_t seq = 0;
  bool in_file = false;
  bool damaged = false;
};

Result<std::optional<Place>> find(Database& database, const MessageId& id) {
  return database.one(
      "SELECT seq, in_file, damage <> '' FROM message WHERE id = ?",
      [](const store::Row& row) { return Place{row.integer(0), row.boolean(1), row.boolean(2)}; },
      id);
}

Result<void> none(const Result<std::int64_t>& changed) {
  if (!changed) return tl::unexpected(changed.error());
  return {};
}

/// Deletes a message, its body and its recipients.
Result<void> remove(Database& database, const MessageId& id, const Place& place,
                    const Files& files) {
  if (place.in_file) files->push_back(id);
  return none(database.execute("DELETE FROM message WHERE seq = ?", place.seq));
}

/// Settles a claim of the last attempt if it is open; AttemptOutcome::delivered always applies.
Result<void> settle_one(Database& database, const Place& place, const Settlement& settled) {
  const auto index = settled.key.index;
  switch (settled.outcome) {
    case AttemptOutcome::delivered:
      return none(
          database.execute("UPDATE recipient SET state = 1, claimed = 0, last_reply = ? "
                           "WHERE message = ? AND idx = ? AND state NOT IN (1, 2)",
                           settled.reply, place.seq, index));
    case AttemptOutcome::retry:
      return none(database.execute(
          "UPDATE recipient SET claimed = 0, next_at = ?1, last_reply = ?2, attempts = attempts - "
          "?6 "
          "WHERE message = ?3 AND idx = ?4 AND state = 0 AND claimed = 1 AND attempts = ?5",
          settled.next_attempt, settled.reply, place.seq, index, settled.attempt, settled.extra));
    case AttemptOutcome::quarantined:
      return none(database.execute(
          "UPDATE recipient SET state = 5, claimed = 0, quarantine = ?1, held_at = ?2 "
          "WHERE message = ?3 AND idx = ?4 AND state = 0 "
          "AND (claimed = 1 AND attempts = ?5 OR claimed = 0 AND ?5 = 0)",
          settled.reply, store::now(), place.seq, index, settled.attempt));
    case AttemptOutcome::failed:
    case AttemptOutcome::dead:
      return none(database.execute(
          "UPDATE recipient SET state = ?1, claimed = 0, last_reply = ?2, next_at = ?6 "
          "WHERE message = ?3 AND idx = ?4 AND state = 0 "
          "AND (claimed = 1 AND attempts = ?5 OR claimed = 0 AND ?5 = 0)",
          static_cast<int>(settled.outcome == AttemptOutcome::dead ? State::dead : State::failed),
          settled.reply, place.seq, index, settled.attempt, store::now()));
  }
  return fail(Fault::bug, "an unknown outcome");
}

/// Deletes a message if all its recipients are in a final state.
Result<void> retire(Database& database, const MessageId& id, const Files& files) {
  const auto place = find(database, id);
  if (!place) return tl::unexpected(place.error());
  if (!*place) return {};
  const auto open = database.number(
      "SELECT EXISTS (SELECT 1 FROM recipient WHERE message = ? AND state NOT IN (1, 2))",
      (*place)->seq);
  if (!open) return tl::unexpected(open.error());
  return *open != 0 ? Result<void>() : remove(database, id, **place, files);
}

Result<void> settle_all(Database& database, const std::vector<Settlement>& settlements,
                        const Files& files) {
  files->clear();
  std::vector<MessageId> touched;
  for (const Settlement& settled : settlements) {
    const auto place = find(database, settled.key.message);
    if (!place) return tl::unexpected(place.error());
    if (!*place) continue;  // settled before, or dropped
    if (Result<void> done = settle_one(database, **place, settled); !done) return done;
    touched.push_back(settled.key.message);
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  for (const MessageId& id : touched) {
    if (Result<void> done = retire(database, id, files); !done) return done;
  }
  return {};
}

/// The reason why an action changed no recipient. A retry succeeds when an attempt is running.
Result<void> why_nothing(Database& database, Action action, const Place& place) {
  const auto count = [&](std::string_view which) {
    const auto found = database.one(
        "SELECT count(*) FROM recipient WHERE message = ? AND " + std::string(which),
        [](const store::Row& row) { return row.integer(0); }, place.seq);
    return found && *found ? **found : 0;
  };
  if (action == Action::retry && count("state = 0") > 0) return {};
  return nothing_was_done(action, {.held = count("state = 3") > 0,
                                   .quarantined = count("state = 5") > 0,
                                   .dead = count("state = 4") > 0});
}

Result<void> act_on(Database& database, Action action, const MessageId& id, Time now,
                    const Files& files) {
  files->clear();
  const auto found = find(database, id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return fail(Fault::not_found, std::string(no_such_message));
  const Place& place = **found;
  if (place.damaged && (action == Action::release || action == Action::retry)) {
    return fail(Fault::conflict, "the message is damaged and can only be dropped");
  }
  Result<std::int64_t> changed = 0;
  switch (action) {
    case Action::hold:
      changed = database.execute(
          "UPDATE recipient SET state = 3, claimed = 0, held_at = ? WHERE message "
          "= ? AND state = 0",
          now, place.seq);
      break;
    case Action::release:
      changed = database.execute(
          "UPDATE recipient SET state = 0, next_at = ?1, held_ms = held_ms + max(0, ?1 - held_at) "
          "WHERE message = ?2 AND state IN (3, 5)",
          now, place.seq);
      break;
    case Action::retry:
      // A running attempt goes on; no second one begins.
      changed = database.execute(
          "UPDATE recipient SET state = 0, next_at = ? "
          "WHERE message = ? AND claimed = 0 AND state IN (0, 4)",
          now, place.seq);
      break;
    case Action::drop:
      return remove(database, id, place, files);
  }
  if (!changed) return tl::unexpected(changed.error());
  return *changed > 0 ? Result<void>() : why_nothing(database, action, place);
}

Result<void> claim_all(Database& database, const std::vector<RecipientKey>& keys, Time now,
                       Time until, std::vector<Claim>& claims) {
  claims.clear();
  for (const RecipientKey& key : keys) {
    const auto attempt = database.one(
        "UPDATE recipient SET claimed = 1, attempts = attempts + 1, next_at = ? "
        "WHERE message = (SELECT seq FROM message WHERE id = ?) AND idx = ? AND state = 0 "
        "AND next_at <= ? RETURNING attempts",
        [](const store::Row& row) { return static_cast<std::uint32_t>(row.integer(0)); }, until,
        key.message, key.index, now);
    if (!attempt) return tl::unexpected(attempt.error());
    if (*attempt) claims.push_back({key, **attempt});
  }
  return {};
}

}  // namespace

void SqliteSpool::claim(std::vector<RecipientKey> keys, Time now, Time until,
                        Done<std::vector<Claim>> done) {
  const auto claims = std::make_shared<std::vector<Claim>>();
  writer_->submit(
      [keys = std::move(keys), now, until, claims](Database& database) {
        return claim_all(database, keys, now, until, *claims);
      },
      [claims, done = std::move(done)](const Result<void>& result) {
        if (!result) return done(tl::unexpected(result.error()));
        done(std::move(*claims));
      });
}

void SqliteSpool::settle(std::vector<Settlement> settlements, Done<void> done) {
  const auto files = std::make_shared<std::vector<MessageId>>();
  writer_->submit([settlements = std::move(settlements),
                   files](Database& database) { return settle_all(database, settlements, files); },
                  [this, files, done = std::move(done)](const Result<void>& result) {
                    // The rows are gone, so the files have no owner; a crash here leaves orphans.
                    if (result && !files->empty())
                      workers_->post([this, files] { remove_files(*files); });
                    done(result);
                  });
}

void SqliteSpool::notice(std::vector<RecipientKey> keys, Done<void> done) {
  writer_->submit(
      [keys = std::move(keys)](Database& database) -> Result<void> {
        for (const RecipientKey& key : keys) {
          const auto noted = database.execute(
              "UPDATE recipient SET noticed = 1 "
              "WHERE message = (SELECT seq FROM message WHERE id = ?) AND idx = ?",
              key.message, key.index);
          if (!noted) return tl::unexpected(noted.error());
        }
        return {};
      },
      std::move(done));
}

Result<std::uint64_t> SqliteSpool::purge_dead(Time before) {
  constexpr std::size_t batch = 2000;
  std::uint64_t gone = 0;
  for (;;) {
    Result<std::vector<MessageId>> old;
    {
      const std::lock_guard guard(mutex_);
      old = reading_->all(
          "SELECT DISTINCT m.id FROM recipient AS r INDEXED BY recipient_kept "
          "CROSS JOIN message AS m ON m.seq = r.message "
          "WHERE r.state = 4 AND r.state >= 3 AND r.next_at < ? AND NOT EXISTS (SELECT 1 FROM "
          "recipient AS o WHERE o.message = r.message AND o.state NOT IN (1, 2, 4)) LIMIT ?",
          [](const store::Row& row) { return row.text(0); }, before, batch);
    }
    if (!old) return tl::unexpected(old.error());
    if (old->empty()) return gone;
    for (const MessageId& id : *old) {
      std::promise<Result<void>> done;
      act(Action::drop, id, before, [&](Result<void> result) { done.set_value(result); });
      const Result<void> dropped = done.get_future().get();
      if (dropped) ++gone;
      if (!dropped && dropped.error().fault != Fault::not_found) {
        return tl::unexpected(dropped.error());
      }
    }
  }
}

void SqliteSpool::act(Action action, const MessageId& id, Time now, Done<void> done) {
  const auto files = std::make_shared<std::vector<MessageId>>();
  writer_->submit([action, id, now,
                   files](Database& database) { return act_on(database, action, id, now, files); },
                  [this, files, done = std::move(done)](const Result<void>& result) {
                    if (result && !files->empty())
                      workers_->post([this, files] { remove_files(*files); });
                    done(result);
                  });
}

void SqliteSpool::quarantine(const MessageId& id, std::string damage, Done<void> done) {
  writer_->submit(
      [id, damage = std::move(damage)](Database& database) -> Result<void> {
        const auto marked =
            database.execute("UPDATE message SET damage = ? WHERE id = ?", damage, id);
        if (!marked) return tl::unexpected(marked.error());
        if (*marked == 0) return fail(Fault::not_found, std::string(no_such_message));
        return none(database.execute(
            "UPDATE recipient SET state = 5, claimed = 0 WHERE state IN (0, 3, 4) AND message = "
            "(SELECT seq FROM message WHERE id = ?)",
            id));
      },
      std::move(done));
}

}  // namespace postern::spool
