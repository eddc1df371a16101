#include "net/pgsql_session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>  // POLLIN

#include "base/owned.h"
#include "base/text.h"
#include "net/socket_wait.h"

namespace postern::net {
namespace {

constexpr std::size_t longest_message = 1000;
constexpr std::string_view no_right = "42501";
/// After the first of several hosts: one that is cut off does not answer at all.
constexpr std::chrono::milliseconds wait_for_others{1000};

using Answer = Owned<PGresult, PQclear>;

std::string field(const PGresult* result, int code) {
  const char* said = PQresultErrorField(result, code);
  return said != nullptr ? said : "";
}

}  // namespace

void PgsqlSession::Close::operator()(pg_conn* connection) const { PQfinish(connection); }

PgsqlSession::PgsqlSession(std::unique_ptr<pg_conn, Close> connection)
    : connection_(std::move(connection)) {
  PQsetNoticeReceiver(connection_.get(), &PgsqlSession::note, this);
}

PgsqlSession::~PgsqlSession() = default;

/// "canceling wait for synchronous replication" is a WARNING after which COMMIT succeeds.
void PgsqlSession::note(void* session, const pg_result* notice) {
  const std::string severity = field(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity != "WARNING") return;
  auto& self = *static_cast<PgsqlSession*>(session);
  self.warned_ = true;
  self.warning_ = printable(field(notice, PG_DIAG_MESSAGE_PRIMARY), longest_message);
}

/// "FATAL:  28P01: …" of a verbose error, as "FATAL:  … (SQLSTATE 28P01)".
std::string state_last(std::string_view line) {
  constexpr std::size_t state_size = 5;
  const std::size_t at = line.find(":  ");
  const std::string_view rest = at == std::string_view::npos ? "" : line.substr(at + 3);
  const std::string_view state = rest.substr(0, state_size);
  const bool has_state =
      rest.substr(state.size()).starts_with(": ") && std::ranges::all_of(state, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
      });
  if (!has_state) return std::string(line);
  return fmt::format("{}:  {} (SQLSTATE {})", line.substr(0, at), rest.substr(state_size + 2),
                     state);
}

/// What libpq says, in one line. It asks whether the server runs, and proposes not to verify it.
std::string without_advice(std::string_view said) {
  std::string all;
  while (!said.empty()) {
    const std::string_view line = said.substr(0, said.find('\n'));
    said.remove_prefix(std::min(said.size(), line.size() + 1));
    if (line.empty() || line.starts_with('\t') || line.starts_with("Either ") ||
        line.starts_with("LOCATION:  ")) {
      continue;
    }
    all += (all.empty() ? "" : "; ") + state_last(line);
  }
  return all;
}

/// A connection that is being made.
struct PgsqlSession::Attempt {
  std::unique_ptr<pg_conn, Close> handle;
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;

  explicit Attempt(const Settings& settings) {
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : settings) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    handle.reset(PQconnectStartParams(names.data(), values.data(), 0));
    // So that an error has its SQLSTATE.
    if (handle) PQsetErrorVerbosity(handle.get(), PQERRORS_VERBOSE);
    // Before it is a session, libpq would print what the server says.
    if (handle) PQsetNoticeReceiver(handle.get(), [](void*, const PGresult*) {}, nullptr);
    if (!handle || PQstatus(handle.get()) == CONNECTION_BAD) next = PGRES_POLLING_FAILED;
  }

  bool is_open() const { return next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING; }
  short events() const { return next == PGRES_POLLING_READING ? POLLIN : POLLOUT; }

  Result<std::unique_ptr<PgsqlSession>> end() {
    if (is_open()) return fail(Fault::unreachable, "no connection in time");
    if (next != PGRES_POLLING_OK) {
      if (!handle) return fail(Fault::unreachable, "out of memory");
      return fail(Fault::unreachable,
                  printable(without_advice(PQerrorMessage(handle.get())), longest_message));
    }
    PQsetnonblocking(handle.get(), 1);
    PQenterPipelineMode(handle.get());
    return std::unique_ptr<PgsqlSession>(new PgsqlSession(std::move(handle)));
  }
};

std::vector<Result<std::unique_ptr<PgsqlSession>>> PgsqlSession::connect(
    const std::vector<Settings>& hosts, Clock::time_point deadline) {
  std::vector<Attempt> attempts;
  for (const Settings& settings : hosts) attempts.emplace_back(settings);
  for (;;) {
    std::vector<pollfd> waiting;
    std::vector<Attempt*> open;
    for (Attempt& attempt : attempts) {
      if (!attempt.is_open()) continue;
      open.push_back(&attempt);
      waiting.push_back(
          {.fd = PQsocket(attempt.handle.get()), .events = attempt.events(), .revents = 0});
    }
    if (open.empty() || poll_until(waiting, deadline) <= 0) break;
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      open[i]->next = PQconnectPoll(open[i]->handle.get());
      if (open[i]->next == PGRES_POLLING_OK) {
        deadline = std::min(deadline, Clock::now() + wait_for_others);
      }
    }
  }
  std::vector<Result<std::unique_ptr<PgsqlSession>>> sessions;
  for (Attempt& attempt : attempts) sessions.push_back(attempt.end());
  return sessions;
}

int PgsqlSession::descriptor() const { return PQsocket(connection_.get()); }

PgsqlFailure PgsqlSession::lost(std::string why) {
  usable_ = false;
  return {.state = {}, .message = std::move(why)};
}

bool PgsqlSession::wait(short events, Clock::time_point deadline) {
  return wait_for_socket(descriptor(), events, deadline);
}

bool PgsqlSession::flush(Clock::time_point deadline) {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left <= 0) return left == 0;
    // The server may be waiting for us to read what it said.
    if (!wait(POLLIN | POLLOUT, deadline)) return false;
    if (PQconsumeInput(connection_.get()) != 1) return false;
  }
}

/// Reads the answers up to the end of the pipeline.
PgsqlSession::Said PgsqlSession::answers(Clock::time_point deadline) {
  PGconn* const handle = connection_.get();
  if (PQpipelineSync(handle) != 1 || !flush(deadline)) {
    return tl::unexpected(lost("the session with PostgreSQL broke"));
  }
  std::vector<PgsqlRows> rows;
  std::optional<PgsqlFailure> failure;
  for (;;) {
    while (PQisBusy(handle) != 0) {
      if (!wait(POLLIN, deadline)) return tl::unexpected(lost("PostgreSQL did not answer in time"));
      if (PQconsumeInput(handle) != 1) {
        return tl::unexpected(lost("the session with PostgreSQL broke"));
      }
      take_notifications();
    }
    Answer answer(PQgetResult(handle));
    if (!answer) {  // the end of one statement's answer
      if (PQstatus(handle) != CONNECTION_OK) {
        return tl::unexpected(lost("the session with PostgreSQL broke"));
      }
      if (Clock::now() >= deadline) {
        return tl::unexpected(lost("PostgreSQL did not answer in time"));
      }
      continue;
    }
    switch (PQresultStatus(answer.get())) {
      case PGRES_PIPELINE_SYNC:
        if (failure) return tl::unexpected(std::move(*failure));
        return rows;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        rows.emplace_back(answer.release());
        break;
      case PGRES_PIPELINE_ABORTED:
        break;
      default: {
        if (failure) break;
        failure = PgsqlFailure{
            .state = field(answer.get(), PG_DIAG_SQLSTATE),
            .message = printable(field(answer.get(), PG_DIAG_MESSAGE_PRIMARY), longest_message)};
        // Servers translate what they say, and who lacks a right has to be told what to do.
        if (failure->state == no_right) failure->message += " (SQLSTATE 42501)";
        // FATAL: the server ends the session (57P01 and its like); what it did is not known.
        if (failure->state.empty() ||
            field(answer.get(), PG_DIAG_SEVERITY_NONLOCALIZED) != "ERROR") {
          return tl::unexpected(lost(failure->message));
        }
      }
    }
  }
}

std::optional<PgsqlFailure> PgsqlSession::prepare(const PgsqlStatement& statement,
                                                  Clock::time_point deadline) {
  const std::string& sql = statement.sql;
  if (prepared_.contains(sql)) return std::nullopt;
  const std::string name = "p" + std::to_string(prepared_.size());
  std::vector<Oid> types;
  for (const PgsqlValue& value : statement.values) types.push_back(value.type);
  if (PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), static_cast<int>(types.size()),
                    types.data()) != 1) {
    return lost("the session with PostgreSQL broke");
  }
  const Said said = answers(deadline);
  if (!said) return said.error();
  if (said->size() != 1) return lost("PostgreSQL did not answer to a statement that it prepared");
  prepared_.emplace(sql, name);
  return std::nullopt;
}

PgsqlSession::Said PgsqlSession::run(std::span<const PgsqlStatement> statements,
                                     Clock::time_point deadline) {
  if (!usable_) return tl::unexpected(lost("the session with PostgreSQL is closed"));
  for (const PgsqlStatement& statement : statements) {
    if (auto failed = prepare(statement, deadline)) return tl::unexpected(std::move(*failed));
  }
  for (const PgsqlStatement& statement : statements) {
    std::vector<const char*> octets;
    std::vector<int> sizes;
    std::vector<int> formats(statement.values.size(), 1);
    for (const PgsqlValue& value : statement.values) {
      octets.push_back(value.octets ? value.octets->data() : nullptr);
      sizes.push_back(value.octets ? static_cast<int>(value.octets->size()) : 0);
    }
    const std::string& name = prepared_.find(statement.sql)->second;
    if (PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(octets.size()),
                            octets.data(), sizes.data(), formats.data(), 1) != 1) {
      return tl::unexpected(lost("the session with PostgreSQL broke"));
    }
  }
  Said said = answers(deadline);
  // An answer more or less belongs to another question, and so may all behind it.
  if (said && said->size() != statements.size()) {
    return tl::unexpected(lost(fmt::format("PostgreSQL answered {} statements with {} results",
                                           statements.size(), said->size())));
  }
  return said;
}

tl::expected<PgsqlRows, PgsqlFailure> PgsqlSession::run(PgsqlStatement statement,
                                                        Clock::time_point deadline) {
  Said said = run(std::span(&statement, 1), deadline);
  if (!said) return tl::unexpected(std::move(said.error()));
  return std::move(said->front());
}

/// What the answers, COMMIT's last, say about the transaction.
PgsqlOutcome PgsqlSession::judge(Said said, Clock::time_point deadline) {
  PgsqlOutcome outcome;
  if (said && !warned_ && said->back().command() == "COMMIT") {
    outcome.end = PgsqlEnd::committed;
    outcome.rows = std::move(*said);
    return outcome;
  }
  if (warned_) {
    usable_ = false;
    outcome.failure = {.state = {}, .message = "PostgreSQL warned: " + warning_};
    return outcome;
  }
  if (said) {  // COMMIT of a failed transaction rolls it back
    outcome.end = PgsqlEnd::refused;
    outcome.failure = {.state = "25P02", .message = "an earlier statement had failed"};
    return outcome;
  }
  outcome.failure = std::move(said.error());
  if (!usable_) return outcome;
  outcome.end = PgsqlEnd::refused;
  roll_back(deadline);
  return outcome;
}

PgsqlOutcome PgsqlSession::transact(std::vector<PgsqlStatement> statements,
                                    Clock::time_point deadline) {
  warned_ = false;
  statements.insert(statements.begin(), {.sql = "BEGIN", .values = {}});
  statements.push_back({.sql = "COMMIT", .values = {}});
  PgsqlOutcome outcome =
      judge(run(std::span<const PgsqlStatement>(statements), deadline), deadline);
  if (outcome.end == PgsqlEnd::committed) {
    outcome.rows.erase(outcome.rows.begin());
    outcome.rows.pop_back();
  }
  return outcome;
}

PgsqlOutcome PgsqlSession::commit(Clock::time_point deadline) {
  const PgsqlStatement end{.sql = "COMMIT", .values = {}};
  PgsqlOutcome outcome = judge(run(std::span(&end, 1), deadline), deadline);
  outcome.rows.clear();
  warned_ = false;
  return outcome;
}

void PgsqlSession::roll_back(Clock::time_point deadline) {
  if (!usable_) return;
  if (!run({.sql = "ROLLBACK", .values = {}}, deadline)) usable_ = false;
  warned_ = false;
}

void PgsqlSession::take_notifications() {
  while (PGnotify* one = PQnotifies(connection_.get())) {
    notified_ = true;
    PQfreemem(one);
  }
}

bool PgsqlSession::notified() {
  if (PQconsumeInput(connection_.get()) != 1) usable_ = false;
  take_notifications();
  return std::exchange(notified_, false);
}

}  // namespace postern::net
