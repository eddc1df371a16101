#include "cluster/lossy_session.h"

namespace postern::cluster {

Result<net::PgsqlRows> LossySession::ask(net::PgsqlStatement statement) {
  if (!session_ || !session_->usable()) {
    session_.reset();
    auto session = database_.connect();
    if (!session) return tl::unexpected(session.error());
    const auto set = (*session)->run({.sql = "SET synchronous_commit = off", .values = {}},
                                     Clock::now() + answer_limit);
    if (!set) return fail(Fault::unreachable, "PostgreSQL: " + set.error().message);
    session_ = std::move(*session);
  }
  auto rows = session_->run(std::move(statement), Clock::now() + answer_limit);
  if (rows) return std::move(*rows);
  session_.reset();
  return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
}

}  // namespace postern::cluster
