#include "store/pgsql_store.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <sodium.h>

#include "store/in_doubt.h"
#include "store/seal_store.h"

namespace postern::store {
namespace {

using cluster::Clock;
using net::PgsqlEnd;
using net::PgsqlFailure;
using net::PgsqlRows;
using net::PgsqlSession;

/// Rows that stream() holds at a time; most pages end in the first ones.
constexpr std::size_t first_rows = 64;
constexpr std::size_t streamed_at_once = 500;
/// Time limit of probe(): who waits longer has no database.
constexpr std::chrono::seconds probe_limit{2};
constexpr std::chrono::milliseconds between_attempts{100};

Clock::time_point answer_deadline() { return Clock::now() + cluster::answer_limit; }

/// `?` and `?1` as PostgreSQL writes them. No text holds a question mark otherwise.
std::string numbered(std::string_view text) {
  std::string out;
  int next = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '?') {
      out += text[at];
      continue;
    }
    out += '$';
    if (at + 1 < text.size() && text[at + 1] >= '0' && text[at + 1] <= '9') continue;
    out += std::to_string(++next);
  }
  return out;
}

/// The faults of Database for the errors of PostgreSQL (its documentation, appendix A).
Error error_of(const PgsqlFailure& failure) {
  const std::string& state = failure.state;
  Fault fault = Fault::unreachable;
  if (state.starts_with("40")) {
    fault = Fault::temporary;
  } else if (state == "23505") {
    fault = Fault::conflict;
  } else if (state == "23503") {
    fault = Fault::not_found;
  } else if (state == "53100") {
    fault = Fault::disk_full;
  } else if (state.starts_with("22") || state.starts_with("23") || state.starts_with("42")) {
    fault = Fault::bug;
  }
  return {fault, "PostgreSQL: " + failure.message};
}

}  // namespace

/// A session that is borrowed for one call.
class PgsqlStore::Session final : public SqlSession {
 public:
  Session(PgsqlStore& store, std::unique_ptr<PgsqlSession> session)
      : store_(store), session_(std::move(session)) {}
  ~Session() override {
    if (open_) roll_back();
    store_.give_back(std::move(session_));
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<PgsqlRows> run(std::string_view sql, Values values) override {
    if (broken_) return tl::unexpected(*broken_);
    const net::PgsqlStatement statement{.sql = numbered(sql), .values = std::move(values)};
    // A session that idled over a failover fails once.
    for (int again = 0;; ++again) {
      if (!session_->usable()) {
        if (open_) return broken({.state = {}, .message = "the session is lost"});
        auto fresh = store_.database_.connect();
        if (!fresh) return tl::unexpected(fresh.error());
        session_ = std::move(*fresh);
      }
      const auto said = session_->run(std::span(&statement, 1), answer_deadline());
      if (said) return said->front();
      if (open_ || again > 0 || !said.error().state.empty()) return broken(said.error());
    }
  }

  Result<void> stream(std::string_view sql, Values values,
                      const std::function<bool(const SqlRow&)>& read) override {
    const bool mine = !open_;
    if (mine) {
      if (Result<void> begun = begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); !begun) {
        return begun;
      }
    }
    Result<void> done = fetch(sql, std::move(values), read);
    if (mine) roll_back();
    return done;
  }

  /// Begins a transaction; what it does is lost unless it is committed.
  Result<void> begin(std::string_view how) {
    const auto begun = run(how, {});
    if (!begun) return tl::unexpected(begun.error());
    open_ = true;
    return {};
  }
  std::string close(const Secret& secret) const override {
    const SecretSeal* seal = store_.options_.seal.get();
    const std::string_view text = secret.reveal();
    return seal != nullptr ? seal->close(text) : std::string(text);
  }
  std::optional<Secret> open(std::string octets) const override {
    const SecretSeal* seal = store_.options_.seal.get();
    if (seal == nullptr) return Secret(std::move(octets));
    auto text = seal->open(octets);
    return text ? std::optional(Secret(std::move(*text))) : std::nullopt;
  }
  void spoil(const Error& error) override {
    if (!open_ || broken_) return;
    broken_ = error;
    state_ = "seal";
  }
  PgsqlEnd commit(Until until = answer_deadline()) {
    const net::PgsqlOutcome outcome = session_->commit(until);
    if (outcome.end != PgsqlEnd::committed) static_cast<void>(broken(outcome.failure));
    open_ = false;
    return outcome.end;
  }
  void roll_back() {
    session_->roll_back(answer_deadline());
    open_ = false;
    broken_.reset();
    state_.clear();
  }
  /// The first error of the transaction.
  const std::optional<Error>& error() const { return broken_; }
  /// Whether the error may pass when the transaction is repeated: the session was lost, the server
  /// stops, or two transactions were in each other's way.
  bool error_passes() const {
    return state_.empty() || state_.starts_with("57") || state_.starts_with("53");
  }
  bool is_deadlock() const { return state_.starts_with("40"); }

 private:
  tl::unexpected<Error> broken(const PgsqlFailure& failure) {
    Error error = error_of(failure);
    if (open_ || !session_->usable()) {
      broken_ = error;
      state_ = failure.state;
    }
    return tl::unexpected(std::move(error));
  }
  Result<void> fetch(std::string_view sql, Values values,
                     const std::function<bool(const SqlRow&)>& read) {
    const std::string name = fmt::format("c{:x}", std::hash<std::string_view>{}(sql));
    const auto declared =
        run(fmt::format("DECLARE {} NO SCROLL CURSOR FOR {}", name, sql), std::move(values));
    if (!declared) return tl::unexpected(declared.error());
    std::size_t wanted = first_rows;
    for (bool more = true; more; wanted = streamed_at_once) {
      const auto rows = run(fmt::format("FETCH {} FROM {}", wanted, name), {});
      if (!rows) return tl::unexpected(rows.error());
      more = rows->size() == wanted;
      for (std::size_t at = 0; at < rows->size(); ++at) {
        if (read(SqlRow(*rows, at, *this))) continue;
        more = false;
        break;
      }
    }
    const auto closed = run("CLOSE " + name, {});
    if (!closed) return tl::unexpected(closed.error());
    return {};
  }

  PgsqlStore& store_;
  std::unique_ptr<PgsqlSession> session_;
  bool open_ = false;  ///< a transaction is
  std::optional<Error> broken_;
  std::string state_;  ///< the SQLSTATE of `broken_`
};

struct PgsqlStore::Attempt {
  enum class End {
    decided,   ///< `outcome` is the answer
    repeat,    ///< nothing was done; it may pass
    deadlock,  ///< the same, because of another transaction
    doubt,     ///< it may have been done
  };
  End end = End::decided;
  Result<WriteOutcome> outcome = WriteOutcome::done;
};

Result<std::unique_ptr<PgsqlStore>> PgsqlStore::open(cluster::Database& database,
                                                     PgsqlStoreOptions options) {
  std::unique_ptr<PgsqlStore> store(new PgsqlStore(database, options));
  if (const auto there = store->head(); !there) {
    Error error = there.error();
    if (error.fault == Fault::bug) error.fault = Fault::permanent;
    return tl::unexpected(std::move(error));
  }
  const auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  if (Result<void> sealed = check_seal(**session, options.seal.get()); !sealed) {
    return tl::unexpected(sealed.error());
  }
  return store;
}

PgsqlStore::~PgsqlStore() = default;

Result<std::shared_ptr<PgsqlStore::Session>> PgsqlStore::borrow() {
  std::unique_ptr<PgsqlSession> session;
  {
    std::unique_lock lock(mutex_);
    if (!given_back_.wait_for(lock, options_.patience,
                              [this] { return in_use_ < options_.sessions; })) {
      return fail(Fault::unreachable, "PostgreSQL: all sessions of the control plane are in use");
    }
    in_use_ += 1;
    if (!idle_.empty()) {
      session = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!session || !session->usable()) {
    auto fresh = database_.connect();
    if (!fresh) {
      give_back(nullptr);
      return tl::unexpected(fresh.error());
    }
    session = std::move(*fresh);
  }
  return std::make_shared<Session>(*this, std::move(session));
}

void PgsqlStore::give_back(std::unique_ptr<PgsqlSession> session) {
  {
    const std::lock_guard lock(mutex_);
    in_use_ -= 1;
    if (session && session->usable()) idle_.push_back(std::move(session));
  }
  given_back_.notify_one();
}

Result<Sql> PgsqlStore::reading() {
  auto borrowed = borrow();
  if (!borrowed) return tl::unexpected(borrowed.error());
  return Sql(std::move(*borrowed));
}

/// One run of a write. Its first statement waits for an earlier run of the same edit that is still
/// at its commit, tells whether that was done, and writes: a commit that writes nothing would wait
/// for no standby, and prove nothing.
PgsqlStore::Attempt PgsqlStore::attempt(std::string_view edit, const AuditRow* audit,
                                        const Work& work) {
  using End = Attempt::End;
  auto borrowed = borrow();
  if (!borrowed) return {End::repeat, tl::unexpected(borrowed.error())};
  Session& session = **borrowed;
  const Sql sql(*borrowed);
  const auto failed = [&]() -> Attempt {
    const Error error = session.error().value_or(Error{Fault::bug, "no error"});
    if (session.is_deadlock()) return {End::deadlock, tl::unexpected(error)};
    if (session.error_passes()) return {End::repeat, tl::unexpected(error)};
    return {End::decided, outcome_of(error)};
  };
  if (const Result<void> begun = session.begin("BEGIN"); !begun) {
    return {End::repeat, tl::unexpected(begun.error())};
  }
  const auto claimed = session.run(
      "INSERT INTO change (edit) VALUES (?) ON CONFLICT (edit) DO UPDATE SET edit = excluded.edit "
      "RETURNING xmax = 0, n",
      {net::pgsql::uuid(edit)});
  if (!claimed) return failed();
  const bool is_fresh = claimed->boolean(0, 0);
  std::int64_t number = claimed->is_null(0, 1) ? 0 : claimed->integer(0, 1);
  if (is_fresh) {
    const WriteOutcome outcome = work(sql);
    if (outcome == WriteOutcome::done && audit != nullptr) insert_audit(sql, *audit);
    if (session.error()) return failed();
    if (outcome != WriteOutcome::done) return {End::decided, outcome};
    const auto ended = session.run("SELECT end_edit(?)", {net::pgsql::uuid(edit)});
    if (!ended) return failed();
    if (!ended->is_null(0, 0)) number = ended->integer(0, 0);
  }
  const auto whose = sql.all(
      "SELECT DISTINCT k.id FROM change_key k JOIN change c ON c.tx = k.tx "
      "WHERE c.edit = ? AND k.kind = 'access'",
      [](const SqlRow& row) { return row.text(0); }, edit);
  if (!whose) return failed();
  const PgsqlEnd end = session.commit();
  if (end == PgsqlEnd::unknown) return {End::doubt, tl::unexpected(*session.error())};
  if (end == PgsqlEnd::refused) return failed();
  if (number != 0) note_own(static_cast<std::uint64_t>(number));
  std::function<void(std::string_view id)> tell;
  {
    const std::lock_guard lock(mutex_);
    tell = access_changed_;
  }
  for (const std::string& id : *whose) {
    if (tell) tell(id);
  }
  return {End::decided, WriteOutcome::done};
}

bool PgsqlStore::pause(Until until) const {
  if (Clock::now() + between_attempts >= until) return false;
  std::this_thread::sleep_for(between_attempts);
  return true;
}

Result<WriteOutcome> PgsqlStore::write(const AuditRow* audit, const Work& work, InDoubt in_doubt) {
  using End = Attempt::End;
  std::string edit(16, '\0');
  randombytes_buf(edit.data(), edit.size());
  Until until = Clock::now() + options_.patience;
  bool was_in_doubt = false;
  for (int deadlocks = 0;;) {
    Attempt one = attempt(edit, audit, work);
    if (one.end == End::decided) return std::move(one.outcome);
    if (one.end == End::deadlock) {
      if (++deadlocks > 1) return std::move(one.outcome);
      continue;
    }
    if (one.end == End::doubt && in_doubt == InDoubt::spent) return WriteOutcome::not_found;
    if (one.end == End::doubt && !was_in_doubt) {
      was_in_doubt = true;
      until = Clock::now() + options_.doubt;
    }
    if (pause(until)) continue;
    if (was_in_doubt) return tl::unexpected(store::in_doubt(one.outcome.error()));
    return std::move(one.outcome);
  }
}

Result<void> PgsqlStore::note(const std::function<Result<std::int64_t>(const Sql& sql)>& work) {
  auto borrowed = borrow();
  if (!borrowed) return tl::unexpected(borrowed.error());
  Session& session = **borrowed;
  if (Result<void> begun = session.begin("BEGIN"); !begun) return begun;
  static_cast<void>(session.run("SET LOCAL synchronous_commit = off", {}));
  static_cast<void>(work(Sql(*borrowed)));
  if (session.error()) return tl::unexpected(*session.error());
  if (session.commit() != PgsqlEnd::committed) return tl::unexpected(*session.error());
  return {};
}

/// A synchronous commit of a row that the housekeeping takes away.
Result<void> PgsqlStore::probe() {
  auto borrowed = borrow();
  if (!borrowed) return tl::unexpected(borrowed.error());
  Session& session = **borrowed;
  std::string edit(16, '\0');
  randombytes_buf(edit.data(), edit.size());
  const auto begun_at = Clock::now();
  if (Result<void> begun = session.begin("BEGIN"); !begun) return begun;
  static_cast<void>(session.run("INSERT INTO change (edit) VALUES (?)", {net::pgsql::uuid(edit)}));
  if (session.error()) return tl::unexpected(*session.error());
  if (session.commit(begun_at + probe_limit) != PgsqlEnd::committed) {
    return tl::unexpected(*session.error());
  }
  return {};
}

Result<void> PgsqlStore::on_access_change(std::function<void(std::string_view id)> tell) {
  const std::lock_guard lock(mutex_);
  access_changed_ = std::move(tell);
  return {};
}

// The log of changes

void PgsqlStore::note_own(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  newest_own_ = std::max(newest_own_, number);
  if (seen_ && number > *seen_) own_.insert(number);
}

std::uint64_t PgsqlStore::newest_own_change() const {
  const std::lock_guard lock(mutex_);
  return newest_own_;
}

Result<std::uint64_t> PgsqlStore::head() {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  const auto number = sql->number("SELECT n FROM change_head");
  if (!number) return tl::unexpected(number.error());
  return static_cast<std::uint64_t>(*number);
}

/// Numbers have no gaps: what is behind the last look, and is not this store's, is another's. One
/// of this store's that is noted only after it was read counts as another's, once.
Result<bool> PgsqlStore::written_elsewhere() {
  const Result<std::uint64_t> now = head();
  if (!now) return tl::unexpected(now.error());
  const std::lock_guard lock(mutex_);
  const auto end = own_.upper_bound(*now);
  const auto own = static_cast<std::uint64_t>(std::distance(own_.begin(), end));
  const bool elsewhere = seen_ && *now != *seen_ + own;
  seen_ = *now;
  own_.erase(own_.begin(), end);
  return elsewhere;
}

Result<std::vector<Change>> PgsqlStore::changes(std::uint64_t after, std::size_t limit) {
  const Result<Sql> sql = reading();
  if (!sql) return tl::unexpected(sql.error());
  std::uint64_t head = 0;
  std::string edit_there;  // of the change `after`; empty: it is not kept any more
  std::vector<Change> found;
  const auto add = [&](const SqlRow& row) {
    head = static_cast<std::uint64_t>(row.integer(0));
    edit_there = row.text(6);
    if (row.is_null(1)) return true;
    const auto number = static_cast<std::uint64_t>(row.integer(1));
    if (found.empty() || found.back().number != number) {
      found.push_back({.number = number, .edit = row.text(2), .keys = {}});
    }
    if (!row.is_null(3)) found.back().keys.push_back({row.text(3), row.text(4), row.text(5)});
    return true;
  };
  const auto rows = sql->all(
      "SELECT DISTINCT h.n, c.n, c.edit, k.kind, k.id, k.account_id, l.edit FROM change_head AS h "
      "LEFT JOIN change AS l ON l.n = ?1 "
      "LEFT JOIN (SELECT n, edit, tx FROM change WHERE n > ?1 ORDER BY n LIMIT ?2) AS c ON true "
      "LEFT JOIN change_key k ON k.tx = c.tx ORDER BY 2, 4, 5",
      add, after, limit);
  if (!rows) return tl::unexpected(rows.error());
  // Numbers have no gaps. A head that is behind is that of an older copy, or of another database.
  bool follows = !found.empty() || head == after;
  for (std::size_t i = 0; i < found.size(); ++i) follows &= found[i].number == after + 1 + i;
  if (!follows) {
    return fail(Fault::not_found, fmt::format("change {} is followed by none that is kept", after));
  }
  // A failover may undo an edit that nobody was told of, and its number is given again.
  const std::lock_guard lock(mutex_);
  const bool is_known = last_read_.number == after && !last_read_.edit.empty();
  if (is_known && !edit_there.empty() && edit_there != last_read_.edit) {
    return fail(Fault::not_found, fmt::format("a failover has undone change {}", after));
  }
  if (!found.empty()) {
    last_read_ = {.number = found.back().number, .edit = found.back().edit, .keys = {}};
  } else if (!is_known) {
    last_read_ = {.number = after, .edit = edit_there, .keys = {}};
  }
  return found;
}

}  // namespace postern::store
