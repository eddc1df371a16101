#include "cluster/members.h"

#include "cluster/node.h"

namespace postern::cluster {

Result<Members> members(Database& database) {
  auto session = database.connect();
  if (!session) return tl::unexpected(session.error());
  const auto rows = (*session)->run(
      {.sql =
           std::string("SELECT DISTINCT ON (name) name, version, (extract(epoch FROM now() - "
                       "seen) * 1000)::bigint, ") +
           live_node +
           ", (SELECT count(*) FROM shard WHERE shard.boot = node.boot) FROM node ORDER BY name, "
           "started DESC",
       .values = {}},
      Clock::now() + answer_limit);
  if (!rows) return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
  Members found;
  found.without_owner = part_count;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    Member& one = found.nodes.emplace_back();
    one.name = rows->text(row, 0);
    one.version = rows->text(row, 1);
    one.silence = std::chrono::milliseconds(rows->integer(row, 2));
    one.is_dead = !rows->boolean(row, 3);
    one.parts = rows->integer(row, 4);
    if (!one.is_dead) found.without_owner -= one.parts;
  }
  found.epoch = database.epoch();
  return found;
}

}  // namespace postern::cluster
