#include "cluster/applied.h"

#include "cluster/node.h"

namespace postern::cluster {

namespace pg = net::pgsql;

Result<net::PgsqlRows> AppliedEdits::ask(net::PgsqlStatement statement) {
  const std::lock_guard guard(mutex_);
  return session_.ask(std::move(statement));
}

Result<void> AppliedEdits::note(std::uint64_t number) {
  const auto done =
      ask({.sql = "UPDATE node SET applied = $2::bigint WHERE boot = $1",
           .values = {pg::uuid(boot_), pg::integer(static_cast<std::int64_t>(number))}});
  return done ? Result<void>() : tl::unexpected(done.error());
}

Result<AppliedEdits::State> AppliedEdits::of(std::uint64_t number) {
  const auto rows =
      ask({.sql = std::string("SELECT count(*), count(*) FILTER (WHERE applied >= $1::bigint) FROM "
                              "node WHERE ") +
                  live_node(),
           .values = {pg::integer(static_cast<std::int64_t>(number))}});
  if (!rows) return tl::unexpected(rows.error());
  return State{.nodes = rows->integer(0, 0), .have = rows->integer(0, 1)};
}

}  // namespace postern::cluster
