#include "spool/pgsql_conversations.h"

namespace postern::spool {

using net::PgsqlEnd;
using net::PgsqlFailure;
using net::PgsqlOutcome;
using net::PgsqlSession;

namespace {

/// Time limit of a transaction.
constexpr std::chrono::seconds conversation_limit{20};

}  // namespace

PgsqlConversations::PgsqlConversations(cluster::Database& database, PgsqlWriterOptions options)
    : writer_(database, std::move(options), commit,
              [](std::shared_ptr<Job>& job, const Result<void>& result) { job->done(result); }) {}

void PgsqlConversations::submit(std::string order, Converse converse, Done done,
                                std::uint64_t octets) {
  writer_.submit(std::make_shared<Job>(Job{std::move(order), std::move(converse), std::move(done)}),
                 octets);
}

Result<void> PgsqlConversations::run(std::string order, Converse converse, std::uint64_t octets) {
  std::promise<Result<void>> said;
  submit(
      std::move(order), std::move(converse),
      [&said](const Result<void>& result) { said.set_value(result); }, octets);
  return said.get_future().get();
}

PgsqlOutcome PgsqlConversations::commit(PgsqlSession& session, std::span<std::shared_ptr<Job>> jobs,
                                        bool again) {
  std::sort(jobs.begin(), jobs.end(),
            [](const auto& a, const auto& b) { return a->order < b->order; });
  const auto deadline = cluster::Clock::now() + conversation_limit;
  const auto give_up = [&](PgsqlFailure failure) -> PgsqlOutcome {
    const bool known = session.usable();
    session.roll_back(deadline);
    return {.end = known ? PgsqlEnd::refused : PgsqlEnd::unknown,
            .rows = {},
            .failure = std::move(failure)};
  };
  if (auto begun = session.run({.sql = "BEGIN", .values = {}}, deadline); !begun) {
    return give_up(std::move(begun.error()));
  }
  const Ask ask = [&](const char* sql, std::vector<net::PgsqlValue> values) {
    return session.run({.sql = sql, .values = std::move(values)}, deadline);
  };
  for (const std::shared_ptr<Job>& job : jobs) {
    if (auto said = job->converse(ask, again); !said) return give_up(std::move(said.error()));
  }
  return session.commit(deadline);
}

}  // namespace postern::spool
