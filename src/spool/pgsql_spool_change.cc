// Changes of stored messages in a cluster: attempts and operators' actions.
#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "spool/actions.h"
#include "spool/pgsql_parts.h"
#include "spool/pgsql_reader.h"

namespace postern::spool {
namespace {

using cluster::Clock;
using net::PgsqlFailure;
using net::PgsqlRows;
using net::PgsqlSession;
using net::PgsqlStatement;

/// The answer of a step of a conversation.
using Said = tl::expected<PgsqlRows, PgsqlFailure>;
using Own = tl::expected<Result<void>, PgsqlFailure>;

/// Of the message; what is no id is that of no message.
std::string octets_of(const RecipientKey& key) {
  std::string octets = ulid_octets(key.message);
  return octets.empty() ? std::string(16, '\0') : octets;
}

struct Keys {
  std::vector<std::string> messages;
  std::vector<std::int64_t> indexes;

  void add(const RecipientKey& key) {
    messages.push_back(octets_of(key));
    indexes.push_back(key.index);
  }
};

/// Settlements that one statement makes.
struct Settled {
  Keys keys;
  std::vector<std::int64_t> states, attempts, extras;
  std::vector<net::PgsqlTime> due;
  std::vector<std::string_view> replies;
  std::vector<std::string> quarantines;
};

/// Of the arrays that name a recipient and say what became of it, roughly.
constexpr std::uint64_t octets_of_a_recipient = 128;

constexpr const char* settled_rows =
    "FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS k(message, idx, state, attempt, extra, due, "
    "reply, quarantine) WHERE ";

/// That a row of `recipient` has a key, and then the condition. PostgreSQL guesses that hardly any
/// row meets conditions such as these, and if it can read these rows first, it compares each of
/// them with each key: that is all that is queued. The tests count the rows that are read.
std::string of_key(std::string_view condition) {
  return fmt::format(
      "r.message = k.message AND r.idx = k.idx AND CASE WHEN k.idx IS NULL THEN false ELSE {} END",
      condition);
}

std::vector<net::PgsqlValue> values_of(const Settled& all) {
  return {pg::uuids(all.keys.messages), pg::integers(all.keys.indexes), pg::integers(all.states),
          pg::integers(all.attempts),   pg::integers(all.extras),       pg::times(all.due),
          pg::blobs(all.replies),       pg::texts(all.quarantines)};
}

/// Deletes those of the messages $1 whose recipients are all in a final state.
constexpr const char* retire_messages =
    "WITH gone AS (DELETE FROM message AS m WHERE m.id = ANY($1) AND NOT EXISTS (SELECT 1 FROM "
    "recipient AS r WHERE r.message = m.id AND r.state NOT IN (1, 2)) RETURNING m.id), parts AS "
    "(DELETE FROM part WHERE message = ANY(ARRAY(SELECT id FROM gone))) DELETE FROM recipient "
    "WHERE message = ANY(ARRAY(SELECT id FROM gone))";

/// Deletes the messages $1 whatever their state.
constexpr const char* remove_all =
    "WITH gone AS (DELETE FROM message AS m WHERE m.id = ANY($1) RETURNING m.id), parts AS (DELETE "
    "FROM part WHERE message = ANY(ARRAY(SELECT id FROM gone))) DELETE FROM recipient WHERE "
    "message = ANY(ARRAY(SELECT id FROM gone))";

std::int64_t state_of(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::delivered:
      return static_cast<std::int64_t>(State::delivered);
    case AttemptOutcome::failed:
      return static_cast<std::int64_t>(State::failed);
    case AttemptOutcome::dead:
      return static_cast<std::int64_t>(State::dead);
    case AttemptOutcome::quarantined:
      return static_cast<std::int64_t>(State::quarantined);
    case AttemptOutcome::retry:
      break;
  }
  return static_cast<std::int64_t>(State::queued);
}

Said ask_within(PgsqlSession& session, std::string sql, std::vector<net::PgsqlValue> values) {
  return session.run({.sql = std::move(sql), .values = std::move(values)},
                     Clock::now() + cluster::answer_limit);
}

}  // namespace

namespace {

/// The jobs in groups, none of which names a recipient twice: a statement changes a row once.
template <class Job, class KeysOf>
std::vector<std::span<const std::shared_ptr<Job>>> groups_of(
    std::span<const std::shared_ptr<Job>> jobs, const KeysOf& keys_of) {
  std::vector<std::span<const std::shared_ptr<Job>>> groups;
  std::set<RecipientKey> named;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < jobs.size(); ++at) {
    const std::vector<RecipientKey> keys = keys_of(*jobs[at]);
    const bool is_named = std::any_of(keys.begin(), keys.end(),
                                      [&](const RecipientKey& key) { return named.contains(key); });
    if (is_named) {
      groups.push_back(jobs.subspan(begin, at - begin));
      begin = at;
      named.clear();
    }
    named.insert(keys.begin(), keys.end());
  }
  groups.push_back(jobs.subspan(begin));
  return groups;
}

RecipientKey key_of(const PgsqlRows& rows, std::size_t row) {
  return {ulid_from_bytes(rows.octets(row, 0)), static_cast<std::uint32_t>(rows.integer(row, 1))};
}

}  // namespace

void PgsqlSpool::claim(std::vector<RecipientKey> keys, Time now, Time until,
                       Done<std::vector<Claim>> done) {
  const std::uint64_t octets = keys.size() * octets_of_a_recipient;
  claims_->submit(std::make_shared<Claiming>(Claiming{.keys = std::move(keys),
                                                      .begins = at(now),
                                                      .ends = at(until),
                                                      .claims = {},
                                                      .done = std::move(done)}),
                  octets);
}

net::PgsqlOutcome PgsqlSpool::commit_claims(PgsqlSession& session,
                                            std::span<std::shared_ptr<Claiming>> jobs, bool again) {
  // Of two nodes one gets the row: the other waits for it and sees it changed. A claim of this
  // process's own ends when the caller says so, one of another's with that process.
  // After an end that was unknown, a row may have what this claim wrote: it is this claim's, and
  // is no attempt more.
  const char* const is_mine = again ? "r.claimed_by = $5 AND r.next_at = k.ends" : "false";
  const std::string may_be_claimed = fmt::format(
      "r.state = 0 AND ({0} OR r.next_at <= k.begins AND (r.claimed_by IS NULL OR r.claimed_by = "
      "$5 OR NOT {1}))",
      is_mine, cluster::claim_lives());
  const std::string sql = fmt::format(
      "UPDATE recipient AS r SET claimed_by = $5, attempts = r.attempts + CASE WHEN {} THEN 0 "
      "ELSE 1 END, next_at = k.ends FROM unnest($1, $2, $3, $4) AS k(message, idx, begins, ends) "
      "WHERE {} RETURNING r.message, r.idx, r.attempts",
      is_mine, of_key(may_be_claimed));
  const auto groups = groups_of<Claiming>(jobs, [](const Claiming& job) { return job.keys; });
  std::vector<PgsqlStatement> statements;
  if (again) statements.push_back(waits(node_));
  const std::size_t first = statements.size();
  for (const auto& group : groups) {
    Keys all;
    std::vector<net::PgsqlTime> begins, ends;
    for (const std::shared_ptr<Claiming>& job : group) {
      for (const RecipientKey& key : job->keys) all.add(key);
      begins.insert(begins.end(), job->keys.size(), job->begins);
      ends.insert(ends.end(), job->keys.size(), job->ends);
    }
    statements.push_back({.sql = sql,
                          .values = {pg::uuids(all.messages), pg::integers(all.indexes),
                                     pg::times(begins), pg::times(ends), pg::uuid(node_.boot())}});
  }
  net::PgsqlOutcome outcome = session.transact(std::move(statements), Clock::now() + commit_limit);
  if (outcome.end != net::PgsqlEnd::committed) return outcome;
  for (std::size_t at = 0; at < groups.size(); ++at) {
    const PgsqlRows& rows = outcome.rows[first + at];
    std::map<RecipientKey, std::uint32_t> attempts;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      attempts.emplace(key_of(rows, row), static_cast<std::uint32_t>(rows.integer(row, 2)));
    }
    for (const std::shared_ptr<Claiming>& job : groups[at]) {
      for (const RecipientKey& key : std::set(job->keys.begin(), job->keys.end())) {
        const auto found = attempts.find(key);
        if (found != attempts.end()) job->claims.push_back({.key = key, .attempt = found->second});
      }
    }
  }
  return outcome;
}

void PgsqlSpool::settle(std::vector<Settlement> settlements, Done<void> done) {
  std::uint64_t octets = settlements.size() * octets_of_a_recipient;
  for (const Settlement& one : settlements) octets += one.reply.size();
  results_->submit(std::make_shared<Settling>(Settling{.settlements = std::move(settlements),
                                                       .ended = std::chrono::system_clock::now(),
                                                       .done = std::move(done)}),
                   octets);
}

net::PgsqlOutcome PgsqlSpool::commit_results(PgsqlSession& session,
                                             std::span<std::shared_ptr<Settling>> jobs,
                                             bool again) {
  std::vector<std::string> touched;
  for (const std::shared_ptr<Settling>& job : jobs) {
    for (const Settlement& one : job->settlements) touched.push_back(octets_of(one.key));
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());

  std::vector<PgsqlStatement> statements;
  if (again) statements.push_back(waits(node_));
  // Two nodes may settle recipients of one message at once: whoever comes second sees all of it.
  statements.push_back({.sql = "SELECT 1 FROM message WHERE id = ANY($1) ORDER BY id FOR UPDATE",
                        .values = {pg::uuids(touched)}});
  // Who delivered has delivered, whatever became of the claim.
  const std::string deliver =
      std::string("UPDATE recipient AS r SET state = 1, claimed_by = NULL, last_reply = k.reply ") +
      settled_rows + of_key("r.state NOT IN (1, 2)");
  // A claim of somebody else counts one attempt more, and who has delivered it has settled it.
  // Again, an earlier try may have done it: what it finds then says nothing.
  const std::string deliver_and_tell =
      again ? deliver
            : "WITH done AS (" + deliver +
                  " RETURNING r.message, r.idx, r.attempts = k.attempt AS mine) SELECT "
                  "k.message, k.idx FROM unnest($1, $2) AS k(message, idx) LEFT JOIN done "
                  "USING (message, idx) WHERE done.mine IS NOT TRUE";
  const std::string try_again =
      std::string(
          "UPDATE recipient AS r SET claimed_by = NULL, next_at = k.due, last_reply = k.reply, "
          "attempts = r.attempts - k.extra ") +
      settled_rows + of_key("r.state = 0 AND r.claimed_by = $9 AND r.attempts = k.attempt");
  // Without an attempt (0), nobody may be at work.
  const std::string end =
      std::string(
          "UPDATE recipient AS r SET state = k.state, claimed_by = NULL, "
          "last_reply = CASE WHEN k.state = 5 THEN r.last_reply ELSE k.reply "
          "END, quarantine = CASE WHEN k.state = 5 THEN k.quarantine ELSE "
          "r.quarantine END, next_at = CASE WHEN k.state = 5 THEN r.next_at "
          "ELSE k.due END, held_at = CASE WHEN k.state = 5 THEN k.due ELSE "
          "r.held_at END ") +
      settled_rows +
      of_key(
          "r.state = 0 AND (r.claimed_by = $9 AND r.attempts = k.attempt OR k.attempt = 0 AND "
          "(r.claimed_by IS NULL OR NOT " +
          cluster::claim_lives() + "))");
  std::vector<std::size_t> tells;  // statements that say whose claims were lost
  const auto groups = groups_of<Settling>(jobs, [](const Settling& job) {
    std::vector<RecipientKey> keys;
    for (const Settlement& one : job.settlements) keys.push_back(one.key);
    return keys;
  });
  for (const auto& group : groups) {
    Settled delivered, later, over;
    for (const std::shared_ptr<Settling>& job : group) {
      for (const Settlement& one : job->settlements) {
        const bool is_delivered = one.outcome == AttemptOutcome::delivered;
        const bool is_retry = one.outcome == AttemptOutcome::retry;
        const bool is_held = one.outcome == AttemptOutcome::quarantined;
        Settled& into = is_delivered ? delivered : is_retry ? later : over;
        into.keys.add(one.key);
        into.states.push_back(state_of(one.outcome));
        into.attempts.push_back(one.attempt);
        into.extras.push_back(one.extra ? 1 : 0);
        into.due.push_back(at(is_retry ? one.next_attempt : job->ended));
        into.replies.push_back(is_held ? std::string_view() : std::string_view(one.reply));
        into.quarantines.push_back(is_held ? one.reply : std::string());
      }
    }
    if (!delivered.states.empty()) {
      if (!again) tells.push_back(statements.size());
      statements.push_back({.sql = deliver_and_tell, .values = values_of(delivered)});
    }
    const auto add_with_boot = [&](const Settled& all, const std::string& sql) {
      if (all.states.empty()) return;
      std::vector<net::PgsqlValue> values = values_of(all);
      values.push_back(pg::uuid(node_.boot()));
      statements.push_back({.sql = sql, .values = std::move(values)});
    };
    add_with_boot(later, try_again);
    add_with_boot(over, end);
  }
  statements.push_back({.sql = retire_messages, .values = {pg::uuids(touched)}});
  net::PgsqlOutcome outcome = session.transact(std::move(statements), Clock::now() + commit_limit);
  if (outcome.end != net::PgsqlEnd::committed || !options_.lease_lost) return outcome;
  for (const std::size_t at : tells) {
    const PgsqlRows& rows = outcome.rows[at];
    for (std::size_t row = 0; row < rows.size(); ++row) options_.lease_lost(key_of(rows, row));
  }
  return outcome;
}

void PgsqlSpool::notice(std::vector<RecipientKey> keys, Done<void> done) {
  Keys all;
  for (const RecipientKey& key : keys) all.add(key);
  const auto change = std::make_shared<Change>();
  change->statements.push_back(
      {.sql = "UPDATE recipient AS r SET noticed = true FROM unnest($1, $2) AS k(message, idx) "
              "WHERE r.message = k.message AND r.idx = k.idx",
       .values = {pg::uuids(all.messages), pg::integers(all.indexes)}});
  change->done = std::move(done);
  changes_->submit(change);
}

void PgsqlSpool::quarantine(const MessageId& id, std::string damage, Done<void> done) {
  const std::string octets = ulid_octets(id);
  if (octets.empty()) return done(fail(Fault::not_found, std::string(no_such_message)));
  const auto change = std::make_shared<Change>();
  change->statements = {
      {.sql = "UPDATE message SET damage = $2 WHERE id = $1",
       .values = {pg::uuid(octets), pg::text(printable(damage))}},
      {.sql = "UPDATE recipient SET state = 5, claimed_by = NULL WHERE state IN (0, 3, 4) AND "
              "message = $1",
       .values = {pg::uuid(octets)}}};
  change->read = [](std::span<const PgsqlRows> rows) -> Result<void> {
    if (rows[0].changed() == 0) return fail(Fault::not_found, std::string(no_such_message));
    return {};
  };
  change->done = std::move(done);
  changes_->submit(change);
}

namespace {

/// The reason why an action changed no recipient. A retry succeeds when an attempt is running.
Own nothing_done(PgsqlSession& session, Action action, const std::string& id) {
  const Said states = ask_within(session, "SELECT DISTINCT state FROM recipient WHERE message = $1",
                                 {pg::uuid(id)});
  if (!states) return tl::unexpected(states.error());
  const auto has = [&](State state) {
    for (std::size_t row = 0; row < states->size(); ++row) {
      if (states->integer(row, 0) == static_cast<std::int64_t>(state)) return true;
    }
    return false;
  };
  if (action == Action::retry && has(State::queued)) return Result<void>();
  return nothing_was_done(
      action,
      {.held = has(State::held), .quarantined = has(State::quarantined), .dead = has(State::dead)});
}

Own act_on_row(PgsqlSession& session, Action action, const std::string& id, net::PgsqlTime now) {
  const Said found = ask_within(
      session, "SELECT damage <> '' FROM message WHERE id = $1 FOR UPDATE", {pg::uuid(id)});
  if (!found) return tl::unexpected(found.error());
  if (found->size() == 0) {
    return Result<void>(fail(Fault::not_found, std::string(no_such_message)));
  }
  if (found->boolean(0, 0) && (action == Action::release || action == Action::retry)) {
    return Result<void>(fail(Fault::conflict, "the message is damaged and can only be dropped"));
  }
  Said changed;
  switch (action) {
    case Action::hold:
      changed = ask_within(
          session,
          "UPDATE recipient SET state = 3, claimed_by = NULL, held_at = $1 WHERE message "
          "= $2 AND state = 0",
          {pg::time(now), pg::uuid(id)});
      break;
    case Action::release:
      changed = ask_within(
          session,
          "UPDATE recipient SET state = 0, next_at = $1, held_ms = held_ms + greatest(0, "
          "round(extract(epoch FROM $1 - held_at) * 1000)::bigint) WHERE message = $2 AND "
          "state IN (3, 5)",
          {pg::time(now), pg::uuid(id)});
      break;
    case Action::retry:
      // A running attempt goes on; no second one begins.
      changed = ask_within(
          session,
          fmt::format("UPDATE recipient AS r SET state = 0, next_at = $1 WHERE r.message "
                      "= $2 AND r.state IN (0, 4) AND (r.claimed_by IS NULL OR NOT {})",
                      cluster::claim_lives()),
          {pg::time(now), pg::uuid(id)});
      break;
    case Action::drop: {
      const std::vector<std::string> one{id};
      const Said gone = ask_within(session, remove_all, {pg::uuids(one)});
      if (!gone) return tl::unexpected(gone.error());
      return Result<void>();
    }
  }
  if (!changed) return tl::unexpected(changed.error());
  return changed->changed() > 0 ? Own(Result<void>()) : nothing_done(session, action, id);
}

}  // namespace

void PgsqlSpool::act(Action action, const MessageId& id, Time now, Done<void> done) {
  const std::string octets = ulid_octets(id);
  if (octets.empty()) return done(fail(Fault::not_found, std::string(no_such_message)));
  const auto change = std::make_shared<Change>();
  change->converse = [this, action, octets, now](PgsqlSession& session) {
    return act_on_row(session, action, octets, at(now));
  };
  change->done = std::move(done);
  changes_->submit(change);
}

Result<std::uint64_t> PgsqlSpool::purge_dead(Time before) {
  std::uint64_t gone = 0;
  for (;;) {
    const auto old = reading_->ask(
        {.sql =
             "SELECT DISTINCT r.message FROM recipient AS r WHERE r.state = 4 AND r.next_at < $1 "
             "AND NOT EXISTS (SELECT 1 FROM recipient AS o WHERE o.message = r.message AND "
             "o.state NOT IN (1, 2, 4)) LIMIT 2000",
         .values = {pg::time(at(before))}});
    if (!old) return tl::unexpected(old.error());
    if (old->size() == 0) return gone;
    for (std::size_t row = 0; row < old->size(); ++row) {
      std::promise<Result<void>> done;
      act(Action::drop, ulid_from_bytes(old->octets(row, 0)), before,
          [&](Result<void> result) { done.set_value(std::move(result)); });
      const Result<void> dropped = done.get_future().get();
      if (dropped) ++gone;
      if (!dropped && dropped.error().fault != Fault::not_found) {
        return tl::unexpected(dropped.error());
      }
    }
  }
}

}  // namespace postern::spool
