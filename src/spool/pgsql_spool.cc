#include "spool/pgsql_spool.h"

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "spool/pgsql_parts.h"
#include "spool/pgsql_reader.h"

namespace postern::spool {
namespace {

using cluster::Clock;
using net::PgsqlEnd;
using net::PgsqlOutcome;
using net::PgsqlSession;
using net::PgsqlStatement;

/// How long the result of an attempt is kept while PostgreSQL is away.
constexpr std::chrono::hours result_patience{24 * 365};
/// Rows of `part` that are on their way at a time.
constexpr std::size_t parts_at_once = 4;

std::int64_t flags_of(const Envelope& envelope) {
  return (envelope.header_8bit ? flag_header_8bit : 0) | (envelope.body_8bit ? flag_body_8bit : 0) |
         (envelope.smtputf8 ? flag_smtputf8 : 0) | (envelope.require_tls ? flag_require_tls : 0);
}

PgsqlOutcome refused(net::PgsqlFailure failure) {
  return {.end = PgsqlEnd::refused, .rows = {}, .failure = std::move(failure)};
}

/// That this node still owns the part. The lock is shared with other puts, and excludes a take; an
/// owner that changed makes the division fail (22012), and the rest of the pipeline is skipped.
std::vector<PgsqlStatement> owning(const cluster::Part& part, const std::string& boot) {
  return {{.sql = "SELECT pg_advisory_xact_lock_shared(7305, ($1::bigint)::int)",
           .values = {pg::integer(part.number)}},
          {.sql = "SELECT 1 / count(*) FROM shard WHERE shard = $1::bigint AND boot = $2 AND epoch "
                  "= $3",
           .values = {pg::integer(part.number), pg::uuid(boot), pg::integer(part.epoch)}}};
}

/// Counts a put, so that a database that has lost it is recognised (Node::stored()).
PgsqlStatement counted(const cluster::Part& part) {
  return {.sql = "UPDATE shard SET puts = puts + 1 WHERE shard = $1::bigint RETURNING puts",
          .values = {pg::integer(part.number)}};
}

/// The rows of messages and their recipients. Of a message that is there already, nothing changes.
class Rows {
 public:
  Rows(std::int64_t part, std::function<net::PgsqlTime(Time)> at)
      : part_(part), at_(std::move(at)) {}

  void add(const MessageId& id, std::int64_t number, const Envelope& envelope, std::uint64_t size,
           const std::string& digest, std::optional<std::string_view> body) {
    ids_.push_back(id);
    numbers_.push_back(number);
    received_.push_back(envelope.received);
    reverse_paths_.emplace_back(envelope.reverse_path);
    flags_.push_back(flags_of(envelope));
    rets_.push_back(envelope.ret);
    envids_.emplace_back(envelope.envid);
    sizes_.push_back(static_cast<std::int64_t>(size));
    digests_.emplace_back(digest);
    traces_.push_back(envelope.trace_id);
    accounts_.push_back(envelope.account);
    authn_ids_.emplace_back(envelope.authn_id);
    evidences_.emplace_back(envelope.evidence);
    bodies_.push_back(body);
    std::int64_t index = 0;
    for (const Recipient& to : envelope.recipients) {
      messages_.push_back(id);
      indexes_.push_back(index++);
      addresses_.emplace_back(to.address);
      kinds_.push_back(static_cast<std::int64_t>(to.destination.kind));
      destinations_.push_back(to.destination.key);
      states_.push_back(static_cast<std::int64_t>(to.state));
      // Due at once: the times in the envelope come from the caller's clock.
      due_.push_back(at_(std::max(to.next_attempt, envelope.received)));
      held_.push_back(at_(envelope.received));
      quarantines_.push_back(to.quarantine);
      replies_.emplace_back(to.last_reply);
      notifies_.push_back(to.notify);
      orcpts_.emplace_back(to.orcpt);
    }
  }

  PgsqlStatement statement() const {
    return {
        .sql =
            "WITH stored AS (INSERT INTO message (id, shard, seq, received, reverse_path, flags, "
            "ret, envid, size, digest, trace_id, account, authn_id, evidence, body) SELECT id, "
            "$1::bigint, seq, received, reverse_path, flags, ret, envid, size, digest, trace_id, "
            "account, authn_id, evidence, body FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, "
            "$11, $12, $13, $14, $15) AS m(id, seq, received, reverse_path, flags, ret, envid, "
            "size, digest, trace_id, account, authn_id, evidence, body) ON CONFLICT (id) DO UPDATE "
            "SET id = excluded.id RETURNING id, xmax = 0 AS fresh) INSERT INTO recipient (message, "
            "idx, address, kind, destination, state, next_at, held_at, quarantine, last_reply, "
            "notify, orcpt) SELECT r.* FROM unnest($16, $17, $18, $19, $20, $21, $22, $23, $24, "
            "$25, $26, $27) AS r(message, idx, address, kind, destination, state, next_at, "
            "held_at, "
            "quarantine, last_reply, notify, orcpt) JOIN stored ON stored.id = r.message WHERE "
            "stored.fresh",
        .values = {pg::integer(part_),    pg::uuids(ids_),           pg::integers(numbers_),
                   pg::times(received_),  pg::blobs(reverse_paths_), pg::integers(flags_),
                   pg::texts(rets_),      pg::blobs(envids_),        pg::integers(sizes_),
                   pg::blobs(digests_),   pg::texts(traces_),        pg::texts(accounts_),
                   pg::blobs(authn_ids_), pg::blobs(evidences_),     pg::optional_blobs(bodies_),
                   pg::uuids(messages_),  pg::integers(indexes_),    pg::blobs(addresses_),
                   pg::integers(kinds_),  pg::texts(destinations_),  pg::integers(states_),
                   pg::times(due_),       pg::times(held_),          pg::texts(quarantines_),
                   pg::blobs(replies_),   pg::texts(notifies_),      pg::blobs(orcpts_)}};
  }

 private:
  using Texts = std::vector<std::string>;
  using Views = std::vector<std::string_view>;
  using Integers = std::vector<std::int64_t>;
  using Times = std::vector<net::PgsqlTime>;
  std::int64_t part_;
  std::function<net::PgsqlTime(Time)> at_;
  Texts ids_, rets_, traces_, accounts_;
  Integers numbers_, flags_, sizes_;
  Times received_;
  Views reverse_paths_, envids_, digests_, authn_ids_, evidences_;
  std::vector<std::optional<std::string_view>> bodies_;
  Texts messages_, destinations_, quarantines_, notifies_;
  Integers indexes_, kinds_, states_;
  Times due_, held_;
  Views addresses_, replies_, orcpts_;
};

}  // namespace

PgsqlSpool::PgsqlSpool(cluster::Database& database, cluster::Node& node, PgsqlSpoolOptions options)
    : database_(database),
      node_(node),
      options_(options),
      reading_(std::make_unique<PgsqlReader>(database)),
      asking_(std::make_unique<PgsqlReader>(database)) {}

PgsqlSpool::~PgsqlSpool() { stop(); }

Result<std::unique_ptr<PgsqlSpool>> PgsqlSpool::open(cluster::Database& database,
                                                     cluster::Node& node,
                                                     PgsqlSpoolOptions options) {
  std::unique_ptr<PgsqlSpool> spool(new PgsqlSpool(database, node, options));
  // The first question shows that the tables are there.
  const auto known = spool->reading_->ask({.sql = "SELECT 1 FROM recipient LIMIT 1", .values = {}});
  if (!known) return tl::unexpected(known.error());
  // Of processes that are no more.
  const auto tidied = PgsqlReader(database).ask(
      {.sql = "DELETE FROM put_mark WHERE boot NOT IN (SELECT boot FROM node)", .values = {}});
  if (!tidied) return tl::unexpected(tidied.error());
  PgsqlSpool* const self = spool.get();
  const auto done = [self](std::shared_ptr<Batch>& batch, const Result<void>& result) {
    self->finish(*batch, result);
  };
  spool->small_ = std::make_unique<PgsqlWriter<std::shared_ptr<Batch>>>(
      database,
      PgsqlWriterOptions{.thread = "spool-put", .threads = 2, .patience = options.publish_wait},
      [self](PgsqlSession& session, std::span<std::shared_ptr<Batch>> jobs, bool) {
        return self->commit_puts(session, jobs);
      },
      done);
  spool->large_ = std::make_unique<PgsqlWriter<std::shared_ptr<Batch>>>(
      database,
      PgsqlWriterOptions{
          .thread = "spool-large", .threads = 2, .jobs = 1, .patience = options.publish_wait},
      [self](PgsqlSession& session, std::span<std::shared_ptr<Batch>> jobs, bool) {
        return self->commit_large(session, jobs.front());
      },
      done);
  spool->changes_ = std::make_unique<PgsqlWriter<std::shared_ptr<Change>>>(
      database, PgsqlWriterOptions{.thread = "spool-change", .patience = options.publish_wait},
      [self](PgsqlSession& session, std::span<std::shared_ptr<Change>> jobs, bool again) {
        return self->commit_changes(session, jobs, again);
      },
      [](std::shared_ptr<Change>& change, const Result<void>& result) {
        change->done(result ? std::move(change->result) : result);
      });
  spool->claims_ = std::make_unique<PgsqlWriter<std::shared_ptr<Claiming>>>(
      database,
      PgsqlWriterOptions{.thread = "spool-claim",
                         .jobs = 256,
                         .patience = options.publish_wait,
                         .plans_each = true},
      [self](PgsqlSession& session, std::span<std::shared_ptr<Claiming>> jobs, bool again) {
        return self->commit_claims(session, jobs, again);
      },
      [](std::shared_ptr<Claiming>& job, const Result<void>& result) {
        if (!result) return job->done(tl::unexpected(result.error()));
        job->done(std::move(job->claims));
      });
  // What was delivered must be noted, or it is delivered again.
  spool->results_ = std::make_unique<PgsqlWriter<std::shared_ptr<Settling>>>(
      database,
      PgsqlWriterOptions{
          .thread = "spool-result", .jobs = 256, .patience = result_patience, .plans_each = true},
      [self](PgsqlSession& session, std::span<std::shared_ptr<Settling>> jobs, bool again) {
        return self->commit_results(session, jobs, again);
      },
      [](std::shared_ptr<Settling>& job, const Result<void>& result) { job->done(result); });
  return spool;
}

void PgsqlSpool::stop() {
  if (small_) small_->stop();
  if (large_) large_->stop();
  if (changes_) changes_->stop();
  if (claims_) claims_->stop();
  if (results_) results_->stop();
}

SpoolCounters PgsqlSpool::counters() const {
  SpoolCounters sum;
  const auto add = [&sum](const auto& writer) {
    sum.commits += writer->commits();
    sum.unknown += writer->unknown();
  };
  add(small_);
  add(large_);
  add(changes_);
  add(claims_);
  add(results_);
  return sum;
}

net::PgsqlTime PgsqlSpool::at(Time time) const {
  return time == Time::max() ? time : time + node_.offset();
}

Time PgsqlSpool::from(net::PgsqlTime time) const {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(time) - node_.offset();
}

Result<void> PgsqlSpool::ready(std::uint64_t octets) const {
  if (const auto trouble = node_.trouble(options_.publish_wait)) {
    return fail(Fault::unreachable, trouble->sentence);
  }
  if (waiting_ >= options_.max_waiting ||
      (waiting_ > 0 && waiting_octets_ + octets > options_.max_waiting_octets)) {
    return fail(Fault::temporary, "too many messages wait for PostgreSQL");
  }
  return {};
}

void PgsqlSpool::put(Envelope envelope, Body body, Done<MessageId> done) {
  std::vector<Mail> one;
  one.push_back({.envelope = std::move(envelope), .body = std::move(body)});
  put(std::move(one), [done = std::move(done)](Result<std::vector<MessageId>> ids) {
    ids ? done(std::move(ids->front())) : done(tl::unexpected(std::move(ids.error())));
  });
}

void PgsqlSpool::put(std::vector<Mail> mails, Done<std::vector<MessageId>> done) {
  const auto batch = std::make_shared<Batch>();
  bool is_large = false;
  for (Mail& mail : mails) {
    if (!may_be_put(mail.envelope)) return done(fail(Fault::malformed, std::string(unfit)));
    const MessageId id = mail.envelope.id.empty() ? new_ulid() : mail.envelope.id;
    std::string octets = ulid_octets(id);
    if (octets.empty()) return done(fail(Fault::malformed, "the id of a message must be a ULID"));
    batch->octets += mail.body.size();
    is_large = is_large || mail.body.size() > options_.row_threshold;
    batch->puts.push_back({.id = std::move(octets),
                           .envelope = std::move(mail.envelope),
                           .body = std::move(mail.body),
                           .digest = {}});
  }
  if (Result<void> able = ready(batch->octets); !able) return done(tl::unexpected(able.error()));
  // A large body is read by the thread that stores it.
  for (Put& put : batch->puts) {
    if (is_large) break;
    const Result<std::string_view> bytes = put.body.view();
    if (!bytes) return done(tl::unexpected(bytes.error()));
    put.digest = sha256(*bytes);
  }
  batch->done = std::move(done);
  waiting_ += batch->puts.size();
  waiting_octets_ += batch->octets;
  const std::uint64_t octets = batch->octets;
  (is_large ? *large_ : *small_).submit(batch, octets);
}

PgsqlSpool::Progress& PgsqlSpool::progress(const cluster::Part& part) {
  Progress& found = progress_.at(static_cast<std::size_t>(part.number));
  if (found.epoch < part.epoch) {
    found = {.epoch = part.epoch, .in_flight = {}, .committed = part.first - 1};
  }
  return found;
}

/// Gives the messages of a transaction numbers of one part. Those of an earlier try stay: what it
/// may have stored is not scheduled before its end is known. False: this node owns no part now.
bool PgsqlSpool::number(std::span<std::shared_ptr<Batch>> jobs) {
  if (jobs.front()->numbers) return true;
  std::int64_t count = 0;
  for (const std::shared_ptr<Batch>& job : jobs) {
    count += static_cast<std::int64_t>(job->puts.size());
  }
  const std::optional<cluster::Numbers> numbers = node_.numbers(count);
  if (!numbers) return false;
  std::int64_t next = numbers->first;
  const std::lock_guard guard(mutex_);
  Progress& found = progress(numbers->part);
  for (const std::shared_ptr<Batch>& job : jobs) {
    job->numbers = {.part = numbers->part, .first = next};
    // One of before the part was taken anew is refused, and read by nobody.
    if (found.epoch == numbers->part.epoch) found.in_flight.insert(next);
    next += static_cast<std::int64_t>(job->puts.size());
  }
  return true;
}

void PgsqlSpool::forget_number(Batch& batch, bool stored) {
  if (!batch.numbers) return;
  const std::lock_guard guard(mutex_);
  Progress& found = progress_.at(static_cast<std::size_t>(batch.numbers->part.number));
  if (found.epoch == batch.numbers->part.epoch) {
    const auto at = found.in_flight.find(batch.numbers->first);
    if (at != found.in_flight.end()) found.in_flight.erase(at);
    const auto last = batch.numbers->first + static_cast<std::int64_t>(batch.puts.size()) - 1;
    if (stored) found.committed = std::max(found.committed, last);
  }
  batch.numbers.reset();  // the doubt stays: what was stored is the next owner's to deliver
}

/// What is done at each end of a transaction that put messages.
PgsqlOutcome PgsqlSpool::note_end(std::span<std::shared_ptr<Batch>> jobs, PgsqlOutcome outcome) {
  const cluster::Part part = jobs.front()->numbers->part;
  if (outcome.end == PgsqlEnd::unknown) {
    for (const std::shared_ptr<Batch>& job : jobs) job->in_doubt = true;
  }
  if (outcome.end == PgsqlEnd::refused && outcome.failure.state == "22012") {
    node_.lost(part);
    for (const std::shared_ptr<Batch>& job : jobs) forget_number(*job, false);
  }
  return outcome;
}

/// The first statement of a transaction that puts messages: it tells later whether that one was
/// committed. It fails if a later transaction or question of the slot came before it, as it may
/// when its host stood still. The slot is the batch's until it is done.
PgsqlStatement PgsqlSpool::marked(Batch& batch) {
  const std::lock_guard guard(mutex_);
  const std::int64_t mark = ++marks_;
  if (!batch.slot) {
    batch.first_mark = mark;
    if (free_slots_.empty()) free_slots_.push_back(slots_++);
    batch.slot = free_slots_.back();
    free_slots_.pop_back();
  }
  return {.sql =
              "WITH mark AS (INSERT INTO put_mark AS p (boot, slot, n, put) VALUES ($1, "
              "($2::bigint)::int, $3, $3) ON CONFLICT (boot, slot) DO UPDATE SET n = "
              "excluded.n, put = excluded.put WHERE p.n < excluded.n RETURNING 1) SELECT 1 / "
              "count(*) FROM mark",
          .values = {pg::uuid(node_.boot()), pg::integer(*batch.slot), pg::integer(mark)}};
}

/// The end of the transactions before, if it is in doubt: messages that they stored may have been
/// delivered or dropped since by the next owner of their part, and are not put again. nullopt: they
/// have stored nothing, and will not, or there is no doubt.
std::optional<PgsqlOutcome> PgsqlSpool::end_before(PgsqlSession& session,
                                                   std::span<std::shared_ptr<Batch>> jobs) {
  const Batch& first = *jobs.front();
  if (!first.in_doubt) return std::nullopt;
  std::int64_t question = 0;
  {
    const std::lock_guard guard(mutex_);
    question = ++marks_;
  }
  // The row is made if it is not there: so it waits for a transaction that still runs, whose row
  // nobody sees, and its commit for a standby that has what it has found.
  PgsqlOutcome looked = session.transact(
      {{.sql = "INSERT INTO put_mark (boot, slot, n, put) VALUES ($1, ($2::bigint)::int, $3, 0) ON "
               "CONFLICT (boot, slot) DO UPDATE SET n = excluded.n RETURNING put",
        .values = {pg::uuid(node_.boot()), pg::integer(*first.slot), pg::integer(question)}}},
      Clock::now() + commit_limit);
  if (looked.end != PgsqlEnd::committed) return looked;
  const bool stored = looked.rows.front().integer(0, 0) >= first.first_mark;
  for (const std::shared_ptr<Batch>& job : jobs) job->in_doubt = false;
  return stored ? std::optional(std::move(looked)) : std::nullopt;
}

PgsqlOutcome PgsqlSpool::commit_puts(PgsqlSession& session,
                                     std::span<std::shared_ptr<Batch>> jobs) {
  if (auto ended = end_before(session, jobs)) return std::move(*ended);
  if (!number(jobs)) return refused({.state = "22012", .message = "this node owns no part"});
  const cluster::Part part = jobs.front()->numbers->part;
  std::vector<PgsqlStatement> statements{marked(*jobs.front())};
  std::ranges::move(owning(part, node_.boot()), std::back_inserter(statements));
  Rows rows(part.number, [this](Time time) { return at(time); });
  for (const std::shared_ptr<Batch>& job : jobs) {
    std::int64_t next = job->numbers->first;
    for (Put& put : job->puts) {
      const Result<std::string_view> bytes = put.body.view();
      if (!bytes) return refused({.state = "58030", .message = bytes.error().message});
      rows.add(put.id, next++, put.envelope, put.body.size(), put.digest, *bytes);
    }
  }
  statements.push_back(rows.statement());
  statements.push_back(counted(part));
  PgsqlOutcome outcome = session.transact(std::move(statements), Clock::now() + commit_limit);
  if (outcome.end == PgsqlEnd::committed) node_.stored(part, outcome.rows.back().integer(0, 0));
  return note_end(jobs, std::move(outcome));
}

/// A body above the threshold goes in rows of its own before its message, a few at a time.
PgsqlOutcome PgsqlSpool::commit_large(PgsqlSession& session, std::shared_ptr<Batch>& job) {
  if (auto ended = end_before(session, {&job, 1})) return std::move(*ended);
  if (!number({&job, 1})) return refused({.state = "22012", .message = "this node owns no part"});
  Batch& batch = *job;
  const cluster::Part part = batch.numbers->part;
  const auto deadline = [] { return Clock::now() + commit_limit; };
  std::vector<PgsqlStatement> statements{{.sql = "BEGIN", .values = {}}, marked(batch)};
  std::ranges::move(owning(part, node_.boot()), std::back_inserter(statements));
  std::optional<net::PgsqlFailure> failure;
  std::int64_t puts = 0;
  const auto flush = [&] {
    const auto said = session.run(std::span<const PgsqlStatement>(statements), deadline());
    statements.clear();
    if (!said) failure = said.error();
    if (said && said->back().size() > 0) puts = said->back().integer(0, 0);
    return said.has_value();
  };
  Rows rows(part.number, [this](Time time) { return at(time); });
  std::int64_t next = batch.numbers->first;
  for (Put& put : batch.puts) {
    const Result<std::string_view> bytes = put.body.view();
    if (!bytes) {
      session.roll_back(deadline());
      return refused({.state = "58030", .message = bytes.error().message});
    }
    if (put.digest.empty()) put.digest = sha256(*bytes);
    const bool in_parts = bytes->size() > options_.row_threshold;
    rows.add(put.id, next++, put.envelope, bytes->size(), put.digest,
             in_parts ? std::nullopt : std::optional(*bytes));
    for (std::size_t at = 0; in_parts && at < bytes->size() && !failure; at += part_octets) {
      statements.push_back(
          {.sql = "INSERT INTO part (message, n, data) VALUES ($1, $2::bigint, $3) ON CONFLICT "
                  "(message, n) DO UPDATE SET n = excluded.n",
           .values = {pg::uuid(put.id), pg::integer(static_cast<std::int64_t>(at / part_octets)),
                      pg::bytes(bytes->substr(at, part_octets))}});
      if (statements.size() >= parts_at_once && !flush()) break;
    }
    if (failure) break;
  }
  if (!failure) {
    statements.push_back(rows.statement());
    statements.push_back(counted(part));  // last: it locks the part's row
  }
  if (!failure && flush()) {
    PgsqlOutcome outcome = session.commit(deadline());
    if (outcome.end == PgsqlEnd::committed) node_.stored(part, puts);
    if (outcome.end != PgsqlEnd::refused) return note_end({&job, 1}, std::move(outcome));
    failure = outcome.failure;
  }
  if (!session.usable()) {
    // Nobody asked for a commit: the server ends the transaction without one.
    return {.end = PgsqlEnd::unknown, .rows = {}, .failure = *failure};
  }
  session.roll_back(deadline());
  return note_end({&job, 1}, refused(std::move(*failure)));
}

void PgsqlSpool::finish(Batch& batch, const Result<void>& result) {
  const bool is_in_doubt = !result && batch.in_doubt;
  if (is_in_doubt) {
    // It may be stored in spite of the answer, and is delivered then: by whoever takes the part.
    if (batch.numbers) node_.doubt(batch.numbers->part);
    for (const Put& put : batch.puts) {
      if (options_.commit_unknown) options_.commit_unknown(ulid_from_bytes(put.id), result.error());
    }
  }
  forget_number(batch, result.has_value());
  if (batch.slot && !is_in_doubt) {  // what is in doubt may still be committed there
    const std::lock_guard guard(mutex_);
    free_slots_.push_back(*batch.slot);
  }
  waiting_ -= batch.puts.size();
  waiting_octets_ -= batch.octets;
  if (!result) {
    Error error = result.error();
    if (is_in_doubt) error.fault = Fault::permanent;
    return batch.done(tl::unexpected(std::move(error)));
  }
  std::vector<MessageId> ids;
  for (const Put& put : batch.puts) ids.push_back(ulid_from_bytes(put.id));
  batch.done(std::move(ids));
}

PgsqlOutcome PgsqlSpool::commit_changes(PgsqlSession& session,
                                        std::span<std::shared_ptr<Change>> jobs, bool again) {
  std::vector<PgsqlStatement> statements;
  if (again) statements.push_back(waits(node_));
  const bool converses = std::any_of(jobs.begin(), jobs.end(),
                                     [](const auto& job) { return job->converse != nullptr; });
  for (const std::shared_ptr<Change>& job : jobs) {
    statements.insert(statements.end(), job->statements.begin(), job->statements.end());
  }
  const auto read = [&](std::span<const net::PgsqlRows> rows) {
    std::size_t at = again ? 1 : 0;
    for (const std::shared_ptr<Change>& job : jobs) {
      const std::size_t own = job->statements.size();
      if (job->read) job->result = job->read(rows.subspan(at, own));
      at += own;
    }
  };
  const auto deadline = Clock::now() + commit_limit;
  if (!converses) {
    PgsqlOutcome outcome = session.transact(std::move(statements), deadline);
    if (outcome.end == PgsqlEnd::committed) read(outcome.rows);
    return outcome;
  }
  const auto give_up = [&](net::PgsqlFailure failure) -> PgsqlOutcome {
    const bool known = session.usable();
    session.roll_back(deadline);
    return {.end = known ? PgsqlEnd::refused : PgsqlEnd::unknown,
            .rows = {},
            .failure = std::move(failure)};
  };
  statements.insert(statements.begin(), {.sql = "BEGIN", .values = {}});
  auto said = session.run(std::span<const PgsqlStatement>(statements), deadline);
  if (!said) return give_up(std::move(said.error()));
  read(std::span(*said).subspan(1));
  for (const std::shared_ptr<Change>& job : jobs) {
    if (!job->converse) continue;
    auto own = job->converse(session);
    if (!own) return give_up(std::move(own.error()));
    job->result = std::move(*own);
  }
  return session.commit(deadline);
}

}  // namespace postern::spool
