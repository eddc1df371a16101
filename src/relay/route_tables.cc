#include "relay/route_tables.h"

#include <utility>

#include "base/text.h"
#include "relay/destination.h"

namespace postern::relay {

Task<Way> find_way(const RelayConfig& config, std::string_view local_part, std::string_view domain,
                   std::string_view sender) {
  Way way{.route = &route_of(config, local_part, domain, sender), .made = {}, .trouble = {}};
  const Route& route = *way.route;
  if (route.tables.empty()) co_return way;
  if (config.tables == nullptr) {
    way.trouble = "the tables of the route are not open";
    co_return way;
  }
  const auto row =
      co_await config.tables->find(route.tables, std::string(local_part), normal_domain(domain));
  if (!row) {
    way.trouble = printable(row.error().message, 400);
    way.is_down = row.error().fault == Fault::temporary;
    co_return way;
  }
  if (!*row) co_return way;
  Result<Route> made = parse_route(**row);
  if (!made || made->kind == Route::Kind::maildir) {
    way.trouble = made ? "a table names a folder" : printable(made.error().message, 400);
    co_return way;
  }
  // What belongs to the hosts of the route stays with them.
  if (made->kind == Route::Kind::hosts && made->hosts == route.hosts) co_return way;
  // The row replaces the next hops, with what belongs to them: TLS level and names. The rest is
  // that of the route.
  made->fallback = route.fallback;
  made->settings = route.settings;
  way.made = std::make_shared<const Route>(std::move(*made));
  way.route = way.made.get();
  co_return way;
}

}  // namespace postern::relay
