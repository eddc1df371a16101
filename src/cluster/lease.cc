#include "cluster/lease.h"

#include <fmt/format.h>

namespace postern::cluster {

const std::string& live_node() {
  static const std::string condition = fmt::format(
      "NOT ended AND NOT replaced AND now() - greatest(seen, (SELECT back_since FROM cluster)) <= "
      "interval '{} s'",
      dead_after.count());
  return condition;
}

const std::string& known_nodes() {
  static const std::string query =
      "SELECT * FROM (SELECT DISTINCT ON (name) boot, name, version, seen, ended, " + live_node() +
      " AS lives FROM node ORDER BY name, started DESC) AS last WHERE lives OR seen > now() - CASE "
      "WHEN ended THEN interval '1 day' ELSE interval '7 days' END";
  return query;
}

const std::string& claims_end() {
  static const std::string time =
      fmt::format("greatest(seen, (SELECT back_since FROM cluster)) + interval '{} s'",
                  claims_end_after.count());
  return time;
}

const std::string& claim_lives() {
  // The nodes are asked once, whatever the number of recipients.
  static const std::string condition =
      "coalesce(r.claimed_by = ANY(ARRAY(SELECT boot FROM node WHERE NOT ended AND now() <= " +
      claims_end() + ")), false)";
  return condition;
}

}  // namespace postern::cluster
